"""Agendas and address books: collections, items, grants, feeds."""
