"""Mailboxes, messages and their octets; who reaches them; flags, order, snoozed and muted ones."""
