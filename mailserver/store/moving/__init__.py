"""Rows and files of an instance on their way to another database, and to other storage of large messages."""
