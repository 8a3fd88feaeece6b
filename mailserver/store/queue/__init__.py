"""What waits: the outgoing queue, planned messages, moderation; and the traces of all of it."""
