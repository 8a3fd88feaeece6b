"""The embedded directory's entries, and the claims on identifiers and addresses."""
