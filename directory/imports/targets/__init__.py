"""Where people go: the embedded directory or an LDAP server; and taking a run back from either."""
