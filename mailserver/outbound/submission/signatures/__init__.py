"""Signatures on what leaves (DKIM, RFC 6376) and seals on what is passed on (ARC, RFC 8617), and their keys."""
