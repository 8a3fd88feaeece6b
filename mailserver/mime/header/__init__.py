"""The header of a message: its fields as octet ranges, and what each of them says."""
