"""From octets to a tree (RFC 5228 section 8)."""
