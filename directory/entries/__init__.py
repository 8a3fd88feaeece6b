"""Entries of the tree: people, lists, schools and terms as attributes, and who may read which."""
