"""Upkeep of what is stored: whose database it is, what is due, erasure, retention, integrity."""
