"""What is demanded of TLS with a server, as values: connections whose demands are equal may be shared."""

from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache

from smtp.relay.tls.tlsa import Tlsa


class Level(IntEnum):
    """How sure it is to whom a connection leads, and that nobody listens."""

    CLEAR = 0
    ENCRYPTED = 1
    """Whatever the certificate: whoever can read the wire could also have removed the offer (RFC 7435)."""
    VERIFIED = 2
    """By a certificate of an authority that everybody knows, for the server's name."""
    DANE = 3
    """By a key that is in DNS."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Levels are tried from the best one down to the least; no message goes out below that."""

    best: Level = Level.ENCRYPTED
    least: Level = Level.CLEAR
    records: tuple[Tlsa, ...] = ()
    """Of DANE."""
    names: tuple[str, ...] = ()
    """Of DANE: what the server may be called in a certificate, first the name that the records stand below."""

    is_remembered: bool = field(default=False, compare=False)
    """TLS is demanded because it was there before."""

    @property
    def levels(self) -> tuple[Level, ...]:
        return _levels(self.best, self.least)


@lru_cache(maxsize=len(Level) ** 2)
def _levels(best: Level, least: Level) -> tuple[Level, ...]:
    if best is Level.DANE:
        return (Level.DANE,)
    return tuple(level for level in sorted(Level, reverse=True) if least <= level <= best)


OPPORTUNISTIC = Demand()
ENCRYPTED = Demand(Level.ENCRYPTED, Level.ENCRYPTED)
VERIFIED = Demand(Level.VERIFIED, Level.VERIFIED)
TESTED = Demand(Level.VERIFIED, Level.CLEAR)
"""Whether the certificate is good is seen; nothing hangs on it (RFC 8461 section 5, "testing")."""
