"""Sockets and who is at their other end: listening, peers, proxies, STARTTLS, name servers, fetching."""
