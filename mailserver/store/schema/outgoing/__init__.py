"""Tables of mail that leaves: the queue, keys, limits, mailings, what is known of other servers."""
