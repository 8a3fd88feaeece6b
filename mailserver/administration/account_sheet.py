"""What the store knows of one account."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.login.attempts import throttle
from mailserver.store.account import login_failures, sessions
from mailserver.store.account.sessions import Opened
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import messages
from mailserver.store.people import people, schools
from mailserver.store.record import audit
from mailserver.store.record.audit import Event


@dataclass(frozen=True, slots=True)
class Facts:
    """Room used, whether logins are blocked, open sessions, history, the school's name."""

    used: int
    messages: int
    blocked: bool
    sessions: Sequence[Opened]
    history: Sequence[Event]
    school: str
    hidden: bool


def facts(tx: Tx, account_id: int, uai: str, events: int) -> Facts:
    """On one snapshot; the newest `events` of its history."""
    used, count = messages.usage(tx, account_id)
    school = schools.get(tx, uai) if uai else None
    entry = people.by_account(tx, account_id)
    return Facts(
        used,
        count,
        login_failures.blocked_until(tx, throttle.keys(account_id)) > tx.now,
        sessions.opened(tx, account_id),
        audit.history(tx, account_id, events),
        school.name if school is not None else "",
        entry.hidden if entry is not None else False,
    )
