"""The port `identity.Directory` over ldap3, for any LDAP server by URL.

    adapter   the port: entries joined with the store's accounts   knows the store
    lookups   questions as functions over one connection           knows ldap3
    pool      connections, each in a thread of its own             knows threads
    cache     answers kept for a minute, absence included          pure asyncio

How a question travels. A door asks `find`; the cache answers or lets one caller through; the pool runs the
question in a thread whose connection is bound as the service; `directory.entries.tree` turns the entry into a
person; the store adds what it alone knows (state, quota, whether mail is still taken), fresh every time, so
that a suspension is felt at once whatever the cache holds. A person seen for the first time gets an
account, under the number their entry carries or a new one.

Rules:
* Every value that goes into a filter is escaped; names are compared again on what came back.
* Two entries that answer to one name are nobody.
* A password is only ever sent in a bind over TLS, to a loopback server, or through a local socket; an
  empty one is never sent, because it would succeed (RFC 4513 section 5.1.2).
* A server out of reach is Temporary, at once and for everybody, until it is tried again.
* In a directory of our own we write `{ARGON2}` hashes, our account number and nothing secret. In somebody
  else's, nothing.
"""

from directory.ldap.adapter import LdapDirectory

__all__ = ["LdapDirectory"]
