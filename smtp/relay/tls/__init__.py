"""What TLS with another server must be before a message goes to it, and whether it is."""
