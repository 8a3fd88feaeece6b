"""Tables of mail: mailboxes, messages, sharing, search, junk, what was deleted or taken back."""
