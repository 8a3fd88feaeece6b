"""What a message asks of its reader: an answer to an invitation, a receipt, leaving a list."""
