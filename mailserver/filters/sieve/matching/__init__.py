"""How values are compared with keys: comparators and match types."""
