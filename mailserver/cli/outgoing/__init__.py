"""Commands about mail that leaves: the queue, its routes, who sends much, keys, what other servers report."""
