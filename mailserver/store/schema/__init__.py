"""Every table of the service, one module per domain, one MetaData; no behaviour.

Columns are plain integers, text and octets (no Boolean, DateTime or JSON types): hot statements go
straight to the driver, past SQLAlchemy's type conversion, and both engines then agree.
"""

from mailserver.store.schema import (
    accounts,
    agendas,
    audits,
    bulletins,
    console,
    factors,
    filters,
    imports,
    junk,
    keeping,
    mail,
    people,
    push,
    reports,
    rosters,
    rules,
    screening,
    search,
    sending,
    sessions,
    sharing,
    spool,
    webmail,
    withdrawal,
    writing,
)
from mailserver.store.schema.base import metadata

__all__ = [
    "accounts",
    "agendas",
    "audits",
    "bulletins",
    "console",
    "factors",
    "filters",
    "imports",
    "junk",
    "keeping",
    "mail",
    "metadata",
    "people",
    "push",
    "reports",
    "rosters",
    "rules",
    "screening",
    "search",
    "sending",
    "sessions",
    "sharing",
    "spool",
    "webmail",
    "withdrawal",
    "writing",
]
