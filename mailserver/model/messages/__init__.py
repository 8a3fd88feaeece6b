"""What is known of messages, as values: search criteria, object identifiers, provenance, authentication, threads."""
