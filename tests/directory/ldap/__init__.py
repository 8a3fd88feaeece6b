"""The adapter to LDAP servers, against a real slapd."""
