"""Chosen passwords: argon2id through passlib's API, in a bounded pool of threads of its own.

argon2 releases the interpreter, so the loop goes on; 20 ms a password on one core is the price that a
thief of the database pays for each guess.
"""

import asyncio
import os
import unicodedata
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from passlib.hash import argon2  # type: ignore[import-untyped]

from mailserver.foundation.verifiers import Verifiers
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Temporary

P = ParamSpec("P")
T = TypeVar("T")

MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1
MAX_PASSWORD = 1024
"""Characters; a longer one is wrong, whatever it is."""
MAX_WAITING = 512
"""Passwords that may wait for a thread: five seconds' worth. More is a flood, and is told to come back."""
NEVER = "$argon2id$v=19$m=19456,t=2,p=1$ZGVjb3kgb2Ygbm9ib2R5IQ$Fh8GWpkKQrbGcvLzAXkLrCOyDzTb3zT7JDNXHxZ1n8Q"
"""A hash of nobody's password: unknown logins cost what known ones do (enumeration by time)."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a password; nothing, when there is none."""

    hash: str = field(default="", repr=False)
    verifier: bytes = field(default=b"", repr=False)
    """Sealed, for SCRAM; empty where the settings do not ask for it, and where only the hash is known."""


NO_PASSWORD = Kept()


class Passwords:
    """Hashes and verifies. One per process."""

    def __init__(self, threads: int = 0, verifiers: Verifiers | None = None) -> None:
        """`threads` 0: one per core, four at most."""
        self._verifiers = verifiers
        # The lazy loader of passlib breaks verify(x, hash(y)) unless the backend is chosen first.
        argon2.set_backend()
        self._scheme = argon2.using(type="ID", memory_cost=MEMORY_KIB, time_cost=PASSES, parallelism=LANES)
        workers = threads or min(4, len(os.sched_getaffinity(0)))
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="argon2")
        self._waiting = 0

    async def hash(self, secret: Secret) -> str:
        """The hash to keep. Raises Temporary when too many wait."""
        return await self._run(self.hash_now, secret)

    async def keep(self, secret: Secret) -> Kept:
        """All that is to be kept of it. Raises Temporary when too many wait."""
        return await self._run(self.keep_now, secret)

    async def verify(self, secret: Secret, kept: str) -> bool:
        """True when the secret is what was hashed; an empty `kept` takes as long and is never right."""
        return await self._run(self.verify_now, secret, kept)

    def hash_now(self, secret: Secret) -> str:
        """The same in the calling thread."""
        return str(self._scheme.hash(_prepare(secret)))

    def verify_now(self, secret: Secret, kept: str) -> bool:
        """The same in the calling thread."""
        text = secret.reveal()
        right = bool(self._scheme.verify(_prepare(secret), kept or NEVER))
        return right and bool(kept) and len(text) <= MAX_PASSWORD

    def keep_now(self, secret: Secret) -> Kept:
        """The same in the calling thread."""
        return Kept(self.hash_now(secret), self._verifiers.make(secret) if self._verifiers is not None else b"")

    def keep_soon(self, secret: Secret) -> "Future[Kept]":
        """In the pool, for callers without a loop; they bound how many they submit."""
        return self._pool.submit(self.keep_now, secret)

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._waiting >= MAX_WAITING:
            raise Temporary("Too many logins at once")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, lambda: work(*args, **kwargs))
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Stop the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _prepare(secret: Secret) -> bytes:
    """One form for one password, however the keyboard composed it (RFC 8265 section 4.2: NFC)."""
    text = unicodedata.normalize("NFC", secret.reveal()[:MAX_PASSWORD])
    return text.encode("utf-8", "surrogatepass")
