"""What an attempt comes to: a verdict on each recipient."""

from dataclasses import dataclass
from enum import Enum

from mailserver.store.queue.spool import Addressee, Leased
from mailserver.texts.causes import Cause


class Result(Enum):
    """What became of a recipient in this attempt."""

    DELIVERED = "delivered"
    DEFERRED = "deferred"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A recipient's result, and who said what."""

    addressee: Addressee
    result: Result
    status: str
    text: Cause
    remote: str = ""
    knows_dsn: bool = False
    """The other server reports success itself, where that was asked for."""


def given_up(row: Leased, said: Cause) -> list[Verdict]:
    """An operator gave up: the reports quote what was said last, as those of messages that waited their whole life."""
    return same_for_all(row, Result.FAILED, "5.4.7", said)


def same_for_all(row: Leased, result: Result, status: str, text: Cause, remote: str = "") -> list[Verdict]:
    """One verdict for every recipient."""
    return [Verdict(addressee, result, status, text, remote) for addressee in row.recipients]
