"""Whole mailboxes at once, as IMAP's sessions hold them: states, columns, orders, flags of many messages."""
