"""The domains that mail goes to: each has an address of its own on loopback, which says how it behaves."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

SENDER = "u000@academie.example"
"""Who sends everything, and gets what comes back."""
OCTETS = 4096


class Kind(StrEnum):
    """How a domain's server behaves."""

    GOOD = "good"
    SLOW = "slow"
    """It takes its time with each message."""
    BUSY = "busy"
    """It puts every recipient off."""
    REFUSING = "refusing"
    """It refuses every recipient for good."""
    DEAD = "dead"
    """Nobody listens."""
    SILENT = "silent"
    """What is sent there is lost on the way."""


DELIVERABLE = (Kind.GOOD, Kind.SLOW)
_SHARES = ((Kind.SILENT, 0.006), (Kind.DEAD, 0.014), (Kind.REFUSING, 0.03), (Kind.BUSY, 0.03), (Kind.SLOW, 0.06))
_SECOND = {kind: number for number, kind in enumerate(Kind, 1)}
_KINDS = {number: kind for kind, number in _SECOND.items()}


@dataclass(frozen=True, slots=True)
class Domain:
    """One of them."""

    number: int
    kind: Kind

    @property
    def name(self) -> str:
        return f"d{self.number}.example"

    @property
    def address(self) -> str:
        """In 127.1.0.0/16 to 127.6.0.0/16, by kind; nobody can listen on port 1 of it."""
        return f"127.{_SECOND[self.kind]}.{self.number // 250}.{self.number % 250 + 1}"


def kind_of(address: str) -> Kind:
    """How who is called at this address behaves."""
    return _KINDS[int(address.split(".")[1])]


def domains(count: int) -> list[Domain]:
    """So many of them, of every kind where there are enough; bad ones stand between good ones."""
    kinds: list[Kind] = []
    for kind, share in _SHARES:
        kinds += [kind] * int(share * count)
    kinds += [Kind.GOOD] * (count - len(kinds))
    step = next(step for step in (7, 11, 13, 1) if count % step or step == 1)
    return [Domain(number, kinds[number * step % count]) for number in range(count)]


@dataclass(frozen=True, slots=True)
class Letter:
    """One message of the queue."""

    recipient: str
    octets: bytes


def letters(places: list[Domain], count: int) -> Iterator[Letter]:
    """Messages to all domains in turn, each different."""
    line = "Les conseils de classe du premier trimestre se tiendront selon le calendrier joint."
    for number in range(count):
        recipient = f"m{number}@{places[number % len(places)].name}"
        head = f"From: Anne <{SENDER}>\r\nTo: {recipient}\r\nSubject: Conseil {number}\r\n"
        head += f"Date: Mon, 30 Nov 2026 08:00:00 +0100\r\nMessage-ID: <bench{number}@academie.example>\r\n\r\n"
        lines = (OCTETS - len(head)) // (len(line) + 8)
        body = "".join(f"{at + number:05} {line}\r\n" for at in range(lines))
        yield Letter(recipient, (head + body).encode())
