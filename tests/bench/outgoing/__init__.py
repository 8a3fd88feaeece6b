"""How fast an outgoing queue empties: ours beside Postfix."""
