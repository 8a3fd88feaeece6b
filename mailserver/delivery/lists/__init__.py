"""Lists as delivery meets them: their members, what copies say, what is kept for owners, archives, digests."""
