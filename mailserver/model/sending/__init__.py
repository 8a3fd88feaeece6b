"""Mail that leaves, as values: limits, TLS and policies of other domains, fields that letters carry."""
