"""What a message that comes in is looked through for: viruses, junk, impersonation."""
