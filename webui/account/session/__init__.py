"""A session begins: what leads to it once the password was right, and what waits for it."""
