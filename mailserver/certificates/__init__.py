"""Certificates by ACME (RFC 8555): obtained once for all workers and hosts, put in place on each.

`authority` speaks to the authority, `dns_hook` publishes records, `obtaining` does it once under a lease of the store,
`files` puts what the store has into `DIR/tls` atomically. An operator begins (`mailserver certificate request`), which
makes the account's key; `mailserver.background.certificate_renewal` goes on.
"""
