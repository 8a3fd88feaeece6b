"""The ASGI application: its doors, its table of addresses, the services that its pages work with."""
