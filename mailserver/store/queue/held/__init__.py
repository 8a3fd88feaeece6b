"""Messages that wait for a decision: of IT, of a list's owner, of their author."""
