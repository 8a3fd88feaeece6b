"""What mail from outside is looked through for before its delivery: its peer, its author, junk, impersonation."""
