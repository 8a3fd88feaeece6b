"""What recipients' filters do with a message: other mailboxes, mail that leaves, notices to their owners."""
