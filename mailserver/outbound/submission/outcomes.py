"""What became of a message for each recipient that its author named, for its author alone.

From the steps on record and the rows of the queue that the server wrote for this account; the Message-ID, which whoever
writes a message chooses, leads to rows of the account's own only. Who is on a list, and where somebody has their mail
sent on to, stands in none of them.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from mailserver.store.engine.statements import Tx
from mailserver.store.queue import spool, traces, waiting
from mailserver.store.queue.traces import Step, Traced
from mailserver.store.queue.waiting import OwnRow
from mailserver.texts.causes import NOTHING, Cause

MAX_ALIKE = 3
"""Messages with one Message-ID that are looked at, newest first: one that was sent again has the same."""


class State(Enum):
    """How far it came."""

    DELIVERED = auto()
    LISTED = auto()
    """A list has it."""
    OWNERS = auto()
    """It waits for the owners of a list."""
    QUEUED = auto()
    """It was not tried yet."""
    DEFERRED = auto()
    FAILED = auto()
    HELD = auto()
    """It waits for its author's word, or for IT."""
    DROPPED = auto()
    """It was kept from leaving."""
    OVER = auto()
    """It waits no more, and nothing else is known."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of it for one recipient."""

    recipient: str
    state: State
    at: int = 0
    due: int = 0
    """When it is tried again; 0: nobody knows."""
    status: str = ""
    server: str = ""
    said: Cause = NOTHING
    """In the other server's words."""


@dataclass(frozen=True, slots=True)
class Fates:
    """Of the recipients that are on record, and how many more there were."""

    known: tuple[Fate, ...]
    more: int = 0


def of(tx: Tx, account_id: int, message_id: str, domains: Collection[str]) -> Fates | None:
    """What is known of a message of this account; None: nothing is on record any more, or it was never sent here."""
    names = traces.names_of(tx, message_id, account_id)[:MAX_ALIKE] if message_id else []
    if not names:
        return None
    found: dict[str, Fate] = {}
    more = 0
    # Newest last: what was sent again counts.
    for name in reversed(names):
        mine = traces.of_account(tx, account_id, name)
        rows = waiting.of_account(tx, account_id, name, mine[0].sender) if mine else []
        for fate in _fates(mine, {row.recipient: row for row in rows}, domains):
            found[fate.recipient] = fate
        more = max([more, *(step.count - len(step.recipients) for step in mine[:1])])
    return Fates(tuple(found.values()), more) if found else None


def _fates(steps: Sequence[Traced], rows: dict[str, OwnRow], domains: Collection[str]) -> Iterator[Fate]:
    """Of one message, whose first step names everybody."""
    if not steps:
        return
    fates = {address: Fate(address, State.HELD, steps[0].at) for address in steps[0].recipients}
    for step in steps:
        for address in step.recipients:
            if address in fates:
                fates[address] = _after(fates[address], step, domains)
    for fate in fates.values():
        yield _with_row(fate, rows.get(fate.recipient))


def _after(fate: Fate, step: Traced, domains: Collection[str]) -> Fate:
    """The same one step later."""
    at = step.at
    match step.step:
        case Step.SUBMITTED | Step.RECEIVED:
            return Fate(fate.recipient, _taken(fate.recipient, step.detail, domains), at)
        case Step.SENT:
            return Fate(fate.recipient, State.DELIVERED, at)
        case Step.DEFERRED:
            return replace(_answered(fate, step.detail), state=State.DEFERRED, at=at)
        case Step.FAILED:
            return replace(_answered(fate, step.detail), state=State.FAILED, at=at)
        case Step.DROPPED | Step.REFUSED:
            return Fate(fate.recipient, State.DROPPED, at)
        case _:
            return fate


def _taken(address: str, detail: Cause, domains: Collection[str]) -> State:
    if detail.name == "list-approved" or address in _lists(detail, "sent-to-lists"):
        return State.LISTED
    if address in _lists(detail, "waits-for-owners"):
        return State.OWNERS
    return State.DELIVERED if address.rpartition("@")[2] in domains else State.QUEUED


def _lists(detail: Cause, kind: str) -> list[str]:
    told = detail.values.get("told", ()) if detail.name == "lists" else ()
    return [
        address.casefold()
        for one in told
        if isinstance(one, Cause) and one.name == kind
        for address in str(one.values["lists"]).split()
    ]


def _answered(fate: Fate, detail: Cause) -> Fate:
    """What another server answered, or what kept us from asking it."""
    values = detail.values
    said = values.get("said", detail)
    said = said if isinstance(said, Cause) else Cause("plain", text=str(said))
    if detail.name == spool.GIVEN_UP:
        return Fate(fate.recipient, fate.state, status="5.4.7", server=fate.server, said=said)
    if detail.name not in ("attempt", "attempt-at"):
        return Fate(fate.recipient, fate.state, said=detail)
    return Fate(
        fate.recipient, fate.state, status=str(values["status"]), server=str(values.get("server", "")), said=said
    )


def _with_row(fate: Fate, row: OwnRow | None) -> Fate:
    """With the next attempt, where it still waits; what waits no more and has no last step is over."""
    if row is None:
        return replace(fate, state=State.OVER) if fate.state in (State.QUEUED, State.DEFERRED) else fate
    if fate.state not in (State.QUEUED, State.DEFERRED):
        return fate
    return replace(fate, state=State.HELD) if row.held else replace(fate, due=row.due)
