"""Aggregate reports of other servers: those that wait to be read, and what was read."""
