"""Aggregate reports of other servers: read whatever they hold, taken from the door, kept and told."""
