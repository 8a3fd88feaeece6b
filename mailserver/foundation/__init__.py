"""What everything stands on: settings, logs, TLS, peers, listening sockets, wake-ups, fetching from outside."""
