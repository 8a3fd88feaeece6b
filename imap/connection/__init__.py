"""One connection: octets in and out, TLS, whose turn it is, commands one at a time."""
