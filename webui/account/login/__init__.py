"""Coming in: the portal, the first connection, a forgotten password, a session that is renewed."""
