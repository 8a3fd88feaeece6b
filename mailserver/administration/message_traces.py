"""What became of messages, for whoever looks after the service: every step on record, and what waits in the queue."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mailserver.store.engine.statements import Tx
from mailserver.store.queue import spool, traces
from mailserver.store.queue.spool import Entry
from mailserver.store.queue.traces import Wanted, Way

MAX_ENTRIES = 100
"""Rows of the queue that are told of one message."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message, what happened to it, and what of it still waits."""

    way: Way
    waiting: tuple[Entry, ...] = ()

    @property
    def facts(self) -> dict[str, Any]:
        """For programs."""
        return {
            "id": self.way.name,
            "steps": [
                {
                    "at": step.at,
                    "step": step.step.value,
                    "sender": step.sender,
                    "recipients": list(step.recipients),
                    "count": step.count,
                    "size": step.size,
                    "account": step.account_id,
                    "detail": str(step.detail),
                    "facts": step.detail.facts,
                }
                for step in self.way.steps
            ],
            "cut": self.way.cut,
            "waiting": [
                {
                    "row": entry.id,
                    "domain": entry.domain,
                    "recipients": list(entry.recipients),
                    "due": entry.due,
                    "attempts": entry.attempts,
                    "detail": str(entry.error),
                }
                for entry in self.waiting
            ],
        }


@dataclass(frozen=True, slots=True)
class Messages:
    """Some messages, newest first, and where the next look goes on; (0, 0): there is nothing beyond."""

    found: tuple[Message, ...]
    at: int = 0
    id: int = 0


def find(tx: Tx, wanted: Wanted, limit: int, before: tuple[int, int] = (0, 0)) -> Messages:
    """Messages one of whose steps is wanted, each with its whole way."""
    found = traces.ways(tx, wanted, limit, before)
    return Messages(tuple(Message(way, _waiting(tx, way.name)) for way in found.messages), found.at, found.id)


def get(tx: Tx, name: str) -> Message:
    """One message by its identifier, whenever it was; without steps where none is on record."""
    way = traces.whole(tx, name.upper())
    return Message(way, _waiting(tx, way.name))


def _waiting(tx: Tx, name: str) -> tuple[Entry, ...]:
    rows: Sequence[int] = spool.find(tx, name, MAX_ENTRIES) if name else ()
    return tuple(spool.entries(tx, rows))
