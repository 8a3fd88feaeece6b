"""Mail's facts about a person, keyed by our own account id.

The directory (embedded or LDAP) says who somebody is; these tables say what the service keeps about
them. An account row is never deleted, so its id, its claimed identifier and addresses are never reissued.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, SmallInteger, String, Table, Text

from mailserver.store.schema.base import Key, metadata

account = Table(
    "account",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("login", Text, nullable=False, unique=True),
    Column("state", String(16), nullable=False),
    Column("may_receive", SmallInteger, nullable=False, server_default="0"),
    Column("state_reason", Text, nullable=False, server_default=""),
    Column("state_since", BigInteger, nullable=False, server_default="0"),
    Column("state_before", String(16), nullable=False, server_default=""),
    Column("quota", BigInteger, nullable=False, server_default="-1"),
    Column("provisioned", SmallInteger, nullable=False, server_default="0"),
    Column("created", BigInteger, nullable=False),
    Column("login_given", SmallInteger, nullable=False, server_default="0"),
    Column("login_version", BigInteger, nullable=False, server_default="1"),
    Column("activated", BigInteger, nullable=False, server_default="0"),
    Column("password_set", BigInteger, nullable=False, server_default="0"),
    Column("last_login", BigInteger, nullable=False, server_default="0"),
    Column("numen", LargeBinary(32)),
    Column("ine", LargeBinary(32)),
    Column("birth_date", LargeBinary(32)),
    Column("code", LargeBinary(32)),
    Column("code_expires", BigInteger, nullable=False, server_default="0"),
    Column("recovery_address", Text, nullable=False, server_default=""),
    Column("recovery_own", SmallInteger, nullable=False, server_default="0"),
    Column("recovery_code", LargeBinary(32)),
    Column("recovery_expires", BigInteger, nullable=False, server_default="0"),
    Column("source", Text, nullable=False, server_default=""),
    Column("source_key", Text, nullable=False, server_default=""),
    Column("welcome_due", SmallInteger, nullable=False, server_default="0"),
    Column("renewal_notice", SmallInteger, nullable=False, server_default="0"),
    Column("renew_by", BigInteger, nullable=False, server_default="0"),
    Column("suspend_from", BigInteger, nullable=False, server_default="0"),
    Column("suspend_until", BigInteger, nullable=False, server_default="0"),
    Column("close_at", BigInteger, nullable=False, server_default="0"),
    Column("close_reason", Text, nullable=False, server_default=""),
    Column("close_notice", SmallInteger, nullable=False, server_default="0"),
    Column("reply_until", BigInteger, nullable=False, server_default="0"),
    Column("auto_reply", Text, nullable=False, server_default=""),
    Column("answered_uid", BigInteger, nullable=False, server_default="0"),
    Column("erase_at", BigInteger, nullable=False, server_default="0"),
    Column("erased", BigInteger, nullable=False, server_default="0"),
    Column("suspended_before", String(16), nullable=False, server_default=""),
    Column("suspended_reason", Text, nullable=False, server_default=""),
    Column("population", String(8), nullable=False, server_default=""),
    sqlite_autoincrement=True,
)
"""`quota` -1: the setting's; 0: none. `state_before`: where a suspended or closed account goes back to.
`login_given` 1: the identifier came from outside, not from our rules.
`login_version` moves whenever password or state does: whoever keeps a login in memory compares it.
`activated`: first activation, after which the NUMEN opens nothing any more. `numen`, `ine`,
`birth_date`, `code` (one-time) and `recovery_code` are HMACs under a key that is not in the database.
`recovery_own` 1: the person set or removed the private address, and no export changes it any more.
`source` and `source_key`: the export that keeps this person up to date, and the person's number there.
`welcome_due` 1: the private address has not been told of the account yet. `renewal_notice`, `close_notice`:
how many notices of a password's renewal, of a closing, have gone out. `renew_by`: the day that the notices of the
renewal name; until one has gone out the password does not expire. Times are seconds since the epoch;
0: never. `suspend_from` and `close_at` are planned, as are `reply_until` and `erase_at` until then; a closed
account answers its mail until `reply_until` (INBOX up to `answered_uid` is done) and is erased at `erase_at`: from
`erased` on, until `erase_at` is 0 again. `state_reason` is that of the suspension,
planned or present, or of the closing that was; `close_reason` that of the closing to come. An account that is closed
while it is suspended keeps the suspension's terms: `suspend_until`, `may_receive`, and in `suspended_before` and
`suspended_reason` what the closing overwrites. `population`: of a person whose entry lives in an external directory,
as it was last seen there; empty: not seen yet, or the row of `person` says it."""
Index("ix_account_numen", account.c.numen)
Index("ix_account_ine", account.c.ine)
Index("ix_account_source", account.c.source, account.c.source_key)
Index("ix_account_renewal_notice", account.c.renewal_notice, account.c.password_set)
for _due in ("welcome_due", "suspend_from", "suspend_until", "close_at", "reply_until", "erase_at"):
    Index(
        f"ix_account_{_due}",
        account.c[_due],
        sqlite_where=account.c[_due] > 0,
        postgresql_where=account.c[_due] > 0,
    )

guess = Table(
    "guess",
    metadata,
    Column("key", Text, primary_key=True),
    Column("failures", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("blocked_until", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Wrong guesses by account and by peer address, shared by all workers."""
Index("ix_guess_last", guess.c.last)

familiar_peer = Table(
    "familiar_peer",
    metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("peer", Text, primary_key=True),
    Column("last", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Where an account logged in from: strangers' wrong guesses do not keep its owner out."""

auto_reply = Table(
    "auto_reply",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("sender", Key, primary_key=True),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Whom a closed account has answered: nobody more than once in a while."""
Index("ix_auto_reply_at", auto_reply.c.at)

caretaker_lease = Table(
    "caretaker_lease",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("worker", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
)
"""One row: the worker that is the housekeeper, and for how long the others leave it alone."""

secured_account = Table(
    "secured_account",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("since", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("kept", Text, nullable=False),
)
"""An account that somebody else got into; `kept`: JSON, what was switched off (`store.upkeep.securing`)."""
