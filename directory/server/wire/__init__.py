"""LDAP on the wire, without any input or output: BER, filters, messages, attributes (RFC 4511)."""
