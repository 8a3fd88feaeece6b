"""HTTP without pages: connections, forms, headers, cookies' secrets, static files, long work."""
