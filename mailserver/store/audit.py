"""Who did what to which account: rows that are only ever added, and never hold a secret."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, insert, select

from mailserver.store.schema.audits import audit
from mailserver.store.statements import Statement, Tx

MAX_DETAIL = 500


class Action(StrEnum):
    """What can happen to an account."""

    CREATED = "created"
    CHANGED = "changed"
    CODE_ISSUED = "code-issued"
    ACTIVATED = "activated"
    PASSWORD_SET = "password-set"  # noqa: S105
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    CLOSED = "closed"
    CLOSING_PLANNED = "closing-planned"
    CLOSING_CANCELLED = "closing-cancelled"
    EXPORTED = "exported"
    ERASED = "erased"
    DELETED = "deleted"
    """An entry without an account."""
    LETTER_PRINTED = "letter-printed"
    WELCOMED = "welcomed"
    NOTIFIED = "notified"
    RECOVERY_ASKED = "recovery-asked"
    RECOVERY_SET = "recovery-set"
    FACTOR_SET = "factor-set"
    FACTOR_REMOVED = "factor-removed"
    RECOVERY_CODES = "recovery-codes"
    APP_PASSWORD_MADE = "app-password-made"  # noqa: S105
    APP_PASSWORD_REVOKED = "app-password-revoked"  # noqa: S105
    SESSIONS_CLOSED = "sessions-closed"
    QUOTA_SET = "quota-set"
    IMPORTED = "imported"
    IMPORT_UNDONE = "import-undone"
    LIST_CHANGED = "list-changed"
    RULE_CHANGED = "rule-changed"
    BRAKED = "braked"
    RELEASED = "released"
    LOGIN = "login"
    LOGIN_FAILED = "login-failed"
    LOGIN_REFUSED = "login-refused"
    """The right password of an account that may not enter."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asks, from where, through which door."""

    actor: str
    service: str
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One row."""

    id: int
    at: int
    actor: str
    action: Action
    account_id: int
    service: str
    peer: str
    detail: str


_INSERT = Statement(insert(audit), keys=("at", "actor", "action", "account_id", "service", "peer", "detail"))
_ALL: Select[Any] = select(
    audit.c.id,
    audit.c.at,
    audit.c.actor,
    audit.c.action,
    audit.c.account_id,
    audit.c.service,
    audit.c.peer,
    audit.c.detail,
)


def record(tx: Tx, origin: Origin, action: Action, account_id: int, detail: str = "") -> None:
    """Add a row; account 0 is nobody (an unknown login)."""
    tx.run(
        _INSERT,
        at=tx.now,
        actor=origin.actor,
        action=action.value,
        account_id=account_id,
        service=origin.service,
        peer=origin.peer,
        detail=detail[:MAX_DETAIL],
    )


def history(tx: Tx, account_id: int, limit: int = 100) -> list[Event]:
    """What happened to an account, newest first."""
    rows = tx.execute(_ALL.where(audit.c.account_id == account_id).order_by(audit.c.id.desc()).limit(limit))
    return [
        Event(row.id, row.at, row.actor, Action(row.action), row.account_id, row.service, row.peer, row.detail)
        for row in rows
    ]
