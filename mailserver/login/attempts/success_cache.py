"""Recent successes of this process, so that a client which logs in for every request costs no hashing."""

import hashlib
from dataclasses import dataclass

from mailserver.model.clock import Clock
from mailserver.model.credentials.sasl import Secret
from mailserver.model.identity import Principal

PROVEN_SECONDS = 60.0
"""How long a success stands for the next one."""
CHECKED_SECONDS = 2.0
"""How long the account behind it goes unread while no news comes."""
MAX_SUCCESSES = 50_000


@dataclass(slots=True)
class Success:
    """A login that was proven: by whom, when, and when its account was last looked at."""

    principal: Principal
    account_key: str
    """Where wrong guesses of this peer at this account are counted; empty for an app password, which nobody guesses."""
    proven_at: float
    checked_at: float
    heard: int
    """News of the directory heard when the account was last looked at."""
    services: frozenset[str] | None = None
    """The doors that this secret opens; None: every door."""

    def opens(self, service: str) -> bool:
        """True when the success stands for this door, too."""
        return self.services is None or service in self.services


class Memory:
    """Successes by a keyed hash of peer, login and secret. The key dies with the process."""

    def __init__(self, clock: Clock) -> None:
        self._key = clock.token(32)
        self._clock = clock
        self._successes: dict[bytes, Success] = {}

    def token(self, peer: str, login: str, secret: Secret) -> bytes:
        """The hash under which a success is remembered. The secret comes last: it may hold any character."""
        claim = f"{peer}\0{login}\0{secret.reveal()}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(claim, digest_size=32, key=self._key).digest()

    def get(self, token: bytes) -> Success | None:
        """A success that is still fresh."""
        found = self._successes.get(token)
        if found is not None and self._clock.monotonic() - found.proven_at >= PROVEN_SECONDS:
            del self._successes[token]
            return None
        return found

    def put(self, token: bytes, success: Success) -> None:
        """Remember a success; the oldest make room."""
        self._successes.pop(token, None)
        while len(self._successes) >= MAX_SUCCESSES:
            del self._successes[next(iter(self._successes))]
        self._successes[token] = success

    def drop(self, token: bytes) -> None:
        """Forget a success that stands no longer."""
        self._successes.pop(token, None)
