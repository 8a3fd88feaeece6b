"""`mailserver list`: distribution lists, functional boxes, and what moderated lists hold."""
