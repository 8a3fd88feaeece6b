"""What a report asks for and shows (RFC 4791, RFC 6352, RFC 3744): occurrences, parts, free and busy times."""
