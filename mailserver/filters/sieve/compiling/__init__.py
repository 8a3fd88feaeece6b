"""From a tree to steps: what commands take, whether they got it, and what strings and comparisons become."""
