"""What is decided about a peer and its mail before the message itself is read: how much may come, and how fast."""
