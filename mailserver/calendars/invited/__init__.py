"""Invitations (RFC 5546): to an event, and to one occurrence of a series."""
