"""The LDAP server, asked by real clients and by octets."""
