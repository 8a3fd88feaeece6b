"""Work that nobody asks for: the search index, garbage collection of contents, seals of the audit, housekeeping."""
