"""The search index, and criteria answered by it."""
