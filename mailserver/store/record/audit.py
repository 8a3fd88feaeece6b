"""Who did what to which account: rows that are only ever added, and never hold a secret."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, insert, select

from mailserver.model.origin import Origin
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.service.audits import audit
from mailserver.texts import causes, legacy_details
from mailserver.texts.causes import NOTHING, Cause

__all__ = ["COLUMNS", "Action", "Event", "Origin", "Wanted", "find", "history", "record", "record_many"]


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
    RIGHTS_CHANGED = "rights-changed"
    """On a mailbox of this account (RFC 4314)."""
    RULE_CHANGED = "rule-changed"
    FILTERS_CHANGED = "filters-changed"
    """The sorting of somebody's mail, by themselves or by an administrator."""
    CHARTER_ACCEPTED = "charter-accepted"
    BULLETIN_CHANGED = "bulletin-changed"
    """An announcement or a maintenance window."""
    MODEL_CHANGED = "model-changed"
    """A model of letters of the academy's."""
    BRAKED = "braked"
    RELEASED = "released"
    CONSOLE_ENTERED = "console-entered"
    UNLOCKED = "unlocked"
    QUEUE_CHANGED = "queue-changed"
    TRACED = "traced"
    """Somebody looked for messages by their envelopes."""
    AUDIT_READ = "audit-read"
    """Somebody took the record away, or had it verified."""
    JUNK_TAUGHT = "junk-taught"
    """A model of the filter was trained from files, or forgotten."""
    INFECTED_DECIDED = "infected-decided"
    """A message with a virus in it was released, deleted or let go."""
    SUBMISSION_DECIDED = "submission-decided"
    """What waited since its author sent more than is usual was let go, or dropped."""
    LETTER_CONFIRMED = "letter-confirmed"
    """A letter that gives something away waits for its author, is confirmed, or is not."""
    QUIET_HOURS_SET = "quiet-hours-set"
    """The quiet hours of a school, or of the academy, changed."""
    URGENT_SENT = "urgent-sent"
    """A letter was told of in spite of quiet hours."""
    MAILING_DECIDED = "mailing-decided"
    """A message to very many people was handed in, approved, refused, planned, stopped, taken back, or is sent."""
    SECURED = "secured"
    """Somebody else had got into an account: what they could go on with was switched off, or on again."""
    ALLOWANCE_SET = "allowance-set"
    """An account may send more than others for a while, or is counted anew."""
    MAIL_WITHDRAWN = "mail-withdrawn"
    """A message was taken back from every mailbox, brought back, or let go."""
    MAIL_RECOVERED = "mail-recovered"
    """Messages that had been removed for good are back."""
    REMOVED_SHOWN = "removed-shown"
    """Somebody looked at what another had removed for good."""
    ITEMS_RECOVERED = "items-recovered"
    """Events, tasks or contacts that had been deleted are back."""
    RESTORED = "restored"
    """Something came back out of a backup, beside what was there."""
    REPORTS_DECIDED = "reports-decided"
    """What people reported as phishing is none."""
    LOGIN = "login"
    LOGIN_FAILED = "login-failed"
    LOGIN_REFUSED = "login-refused"
    """The right password of an account that may not enter."""


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
    detail: Cause


COLUMNS = (
    audit.c.id,
    audit.c.at,
    audit.c.actor,
    audit.c.action,
    audit.c.account_id,
    audit.c.service,
    audit.c.peer,
    audit.c.detail,
    audit.c.code,
    audit.c.parameters,
)
"""What a row says; `store.record.sealing` seals exactly these."""
_INSERT = Statement(
    insert(audit), keys=("at", "actor", "action", "account_id", "service", "peer", "detail", "code", "parameters")
)
_ALL: Select[Any] = select(*COLUMNS)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows to read; empty fields ask nothing."""

    account_id: int | None = None
    action: Action | None = None
    actor: str = ""
    since: int = 0
    until: int = 0
    before: int = 0
    """Only rows older than this one, by its id."""


def record(tx: Tx, origin: Origin, action: Action, account_id: int, detail: Cause = NOTHING) -> None:
    """Add a row; account 0 is nobody (an unknown login). A detail is a sentence of ours, or `causes.plain`."""
    tx.run(_INSERT, **_values(tx, origin, action, account_id, detail))


def record_many(tx: Tx, origin: Origin, rows: Iterable[tuple[Action, int, Cause]]) -> None:
    """Add rows of one origin: action, account, detail of each."""
    tx.many(_INSERT, [_values(tx, origin, *row) for row in rows])


def _values(tx: Tx, origin: Origin, action: Action, account_id: int, detail: Cause) -> dict[str, Any]:
    return {
        "at": tx.now,
        "actor": origin.actor,
        "action": action.value,
        "account_id": account_id,
        "service": origin.service,
        "peer": origin.peer,
        "detail": "",
        "code": detail.name if detail else "",
        "parameters": causes.parameters(detail) if detail else "",
    }


def history(tx: Tx, account_id: int, limit: int = 100) -> list[Event]:
    """What happened to an account, newest first."""
    return find(tx, Wanted(account_id=account_id), limit)


def find(tx: Tx, wanted: Wanted, limit: int) -> list[Event]:
    """Rows that are wanted, newest first."""
    query = _ALL.order_by(audit.c.id.desc()).limit(limit)
    if wanted.account_id is not None:
        query = query.where(audit.c.account_id == wanted.account_id)
    if wanted.action is not None:
        query = query.where(audit.c.action == wanted.action.value)
    if wanted.actor:
        query = query.where(audit.c.actor == wanted.actor)
    if wanted.since:
        query = query.where(audit.c.at >= wanted.since)
    if wanted.until:
        query = query.where(audit.c.at < wanted.until)
    if wanted.before:
        query = query.where(audit.c.id < wanted.before)
    return [
        Event(row.id, row.at, row.actor, Action(row.action), row.account_id, row.service, row.peer, _detail(row))
        for row in tx.execute(query)
    ]


def _detail(row: Any) -> Cause:
    return causes.of_row(row.code, row.parameters) if row.code else legacy_details.read(row.detail, row.action)
