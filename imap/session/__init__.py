"""One client's session: its state, the mailbox it selected as it believes it, and what it may be told."""
