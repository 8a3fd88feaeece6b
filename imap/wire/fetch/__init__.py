"""FETCH: what it asks for, and its lines."""
