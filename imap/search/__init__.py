"""Which messages a search finds, in which order, and searches that are kept up."""
