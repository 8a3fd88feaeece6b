"""Mailings as values: what is kept of each, how far it is, and its row."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import func, select

from mailserver.model.identity import Population
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.engine.statements import Row
from mailserver.store.mail import collect
from mailserver.store.queue.spool import Notify, Options, Target
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.outgoing.mailings import mailing, mailing_copy

collect.also_held_by(mailing, mailing.c.content_id)
collect.also_held_by(mailing_copy, mailing_copy.c.content_id)


class State(StrEnum):
    """How far a mailing is."""

    WAITING = "waiting"
    """For a second person."""
    APPROVED = "approved"
    """It leaves at its time."""
    SENDING = "sending"
    STOPPED = "stopped"
    SENT = "sent"
    UNFINISHED = "unfinished"
    """Stopped, and not resumed in time: some have it."""
    REFUSED = "refused"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    """By its author, before anybody had it."""
    WITHDRAWN = "withdrawn"
    """Taken back from who had it."""
    FAILED = "failed"
    """When its time had come nobody could get it."""


OPEN = (State.WAITING, State.APPROVED, State.SENDING, State.STOPPED)
DROPPED = (State.REFUSED, State.EXPIRED, State.CANCELLED, State.FAILED)
"""Nobody had it."""
DELIVERED = (State.SENT, State.UNFINISHED)
"""It is over, and those who got it have it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A mailing about to be kept."""

    account_id: int
    population: Population
    subject: str
    size: int
    reverse_path: str
    targets: tuple[Target, ...]
    options: Options
    came: Provenance
    people: int
    outside: int
    reach: str
    """JSON (`store.queue.mailings.mailing_counts.Reach`)."""
    state: State
    expires: int
    due: int = 0
    actor: str = ""
    """Who decided, where that is settled already."""
    released: tuple[str, ...] = ()
    audience: bytes = b""
    """Everybody it is for (`store.queue.mailings.mailing_audience`)."""
    cleared: bool = False
    """Its author lets go what it gives away to people outside."""


@dataclass(frozen=True, slots=True)
class Day:
    """When a day begins and ends, and how many mailings of one account may leave on it; 0: any number."""

    begins: int
    ends: int
    most: int

    @property
    def bounds(self) -> tuple[int, int]:
        return self.begins, self.ends


@dataclass(frozen=True, slots=True)
class Mailing:
    """One of them."""

    id: int
    at: int
    account_id: int
    login: str
    """Of its author; empty: somebody outside."""
    population: Population
    content_id: int
    """0: it is over."""
    subject: str
    size: int
    reverse_path: str
    targets: tuple[Target, ...]
    released: tuple[str, ...]
    options: Options
    came: Provenance
    people: int
    outside: int
    reach: str
    state: State
    actor: str
    decided: int
    reason: str
    due: int
    expires: int
    started: int
    ended: int
    total: int
    reached: int
    queued: int
    withdrawal_id: int
    approver: str
    cleared: int

    @property
    def done(self) -> int:
        """Recipients who are settled."""
        return self.reached + self.queued


_C = mailing.c
ALL = select(
    *(_C.id, _C.at, _C.account_id, func.coalesce(account.c.login, "").label("login"), _C.population),
    func.coalesce(_C.content_id, 0).label("content_id"),
    *(_C.subject, _C.size, _C.reverse_path, _C.recipients, _C.released, _C.name, _C.ret, _C.envid, _C.utf8),
    *(_C.door, _C.authentication, _C.people, _C.outside, _C.reach, _C.state, _C.actor, _C.decided, _C.reason),
    *(_C.due, _C.expires, _C.started, _C.ended, _C.total, _C.reached, _C.queued, _C.withdrawal_id),
    _C.approver,
    _C.cleared,
    _C.require_tls,
    _C.results,
).join_from(mailing, account, account.c.id == _C.account_id, isouter=True)


def targets_text(targets: Sequence[Target]) -> str:
    """Recipients as rows keep them."""
    return json.dumps([[one.address, int(one.notify), one.orcpt] for one in targets])


def targets_of(text: str) -> tuple[Target, ...]:
    """The same back."""
    rows: Sequence[tuple[str, int, str]] = json.loads(text)
    return tuple(Target(address, Notify(notify), orcpt) for address, notify, orcpt in rows)


def of_row(row: Row) -> Mailing:
    """One, as `ALL` has it."""
    number, at, account_id, login, population, content_id, subject, size, path, recipients, released, *rest = row
    name, ret, envid, utf8, door, authentication, people, outside, reach, state, *last, require_tls, results = rest
    options = Options(name, account_id, population, ret, envid, bool(utf8))
    return Mailing(
        number,
        at,
        account_id,
        login,
        Population(population),
        content_id,
        subject,
        size,
        path,
        targets_of(recipients),
        tuple(json.loads(released)),
        replace(options, results=results, require_tls=bool(require_tls)),
        Provenance.stored(door, account_id, 0, authentication),
        people,
        outside,
        reach,
        State(state),
        *last,
    )


def is_outsider(one: Mailing) -> bool:
    """Whether nobody of this house wrote it."""
    return not one.account_id and one.came.door in (Door.SMTP, Door.LMTP)
