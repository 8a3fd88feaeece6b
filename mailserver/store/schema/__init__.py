"""Every table of the service, one module per domain, one MetaData; no behaviour.

Columns are plain integers, text and octets (no Boolean, DateTime or JSON types): hot statements go
straight to the driver, past SQLAlchemy's type conversion, and both engines then agree.
"""

from mailserver.store.schema import agendas
from mailserver.store.schema.account import accounts, factors, filters, logins, push, rules, sessions
from mailserver.store.schema.base import metadata
from mailserver.store.schema.mail import deletions, junk, messages, search, sharing, webmail, withdrawal, writing
from mailserver.store.schema.outgoing import mailings, outbound_returns, outbound_tls, sending, signing, spool
from mailserver.store.schema.people import entries, imports, rosters
from mailserver.store.schema.service import audits, bulletins, certificates, console, keeping, reports, screening

__all__ = [
    "accounts",
    "agendas",
    "audits",
    "bulletins",
    "certificates",
    "console",
    "deletions",
    "entries",
    "factors",
    "filters",
    "imports",
    "junk",
    "keeping",
    "logins",
    "mailings",
    "messages",
    "metadata",
    "outbound_returns",
    "outbound_tls",
    "push",
    "reports",
    "rosters",
    "rules",
    "screening",
    "search",
    "sending",
    "sessions",
    "sharing",
    "signing",
    "spool",
    "webmail",
    "withdrawal",
    "writing",
]
