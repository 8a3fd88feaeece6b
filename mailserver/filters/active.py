"""Whose mail runs through which script, and scripts that were compiled: from memory, so that who has none waits for
nothing."""

import asyncio
from collections import OrderedDict
from dataclasses import replace

import structlog

from mailserver.filters import rules, sieve
from mailserver.filters.sieve import Script, SieveError
from mailserver.foundation.changes import Changes
from mailserver.model.clock import Clock
from mailserver.store.account import filters
from mailserver.store.engine.transactions import Store
from mailserver.texts.text import Text

log = structlog.get_logger("filters")

BELIEVED_SECONDS = 60.0
"""Should news get lost, a script counts after this long all the same."""
COMPILED = 128 * 1024 * 1024
"""Octets of memory that compiled scripts may take, as `weight` reckons: a thousand of the size that people write."""
GROWTH = 100
"""Octets that one octet of a script's text becomes at most: 94 was seen, of nothing but variables."""
FAULT = 4096
"""Octets of what is kept of a script that cannot be compiled."""


class ActiveScripts:
    """One per worker. Asking costs nothing while nothing moves."""

    def __init__(self, *, store: Store, clock: Clock, changes: Changes) -> None:
        self._store = store
        self._clock = clock
        self._changes = changes
        self._active: dict[int, bytes] = {}
        self._until = 0.0
        self._heard = 0
        self._compiled: OrderedDict[bytes, Script | SieveError] = OrderedDict()
        self._weights: dict[bytes, int] = {}
        self._weight = 0
        self._kept_for: dict[int, bytes] = {}
        """Of each account the script that was last kept for it."""
        changes.subscribe("mailbox", filters.NEWS, self._forget)

    def _forget(self) -> None:
        self._until = 0.0
        self._heard += 1

    async def hashes(self) -> dict[int, bytes]:
        """The accounts whose mail runs through a script, and the script's hash. Raises Temporary."""
        self._changes.catch_up()
        now = self._clock.monotonic()
        if now < self._until:
            return self._active
        heard = self._heard
        found = await self._store.read(filters.active)
        # What was read before a change that was heard of meanwhile may be old: it is not kept, nor in the place of what
        # somebody else has read since.
        if heard == self._heard:
            self._active, self._until = found, now + BELIEVED_SECONDS
        return found

    async def script(self, account_id: int, digest: bytes) -> Script | SieveError | None:
        """The script of an account, compiled; or why it cannot be. None: it is off by now. Raises Temporary."""
        known = self._compiled.get(digest)
        if known is not None:
            self._compiled.move_to_end(digest)
            return known
        found = await self._store.read(filters.active_script, account_id)
        if found is None:
            return None
        stored, source = found
        compiled = await asyncio.to_thread(compiled_or_fault, source)
        self._keep(account_id, stored.hash, compiled, weight(source, compiled))
        return compiled

    def _keep(self, account_id: int, digest: bytes, compiled: Script | SieveError, octets: int) -> None:
        """Remember what a script was compiled to, instead of what the account had before."""
        self._drop(self._kept_for.get(account_id, b""))
        self._drop(digest)
        self._compiled[digest] = compiled
        self._weights[digest] = octets
        self._weight += octets
        self._kept_for[account_id] = digest
        while self._weight > COMPILED and len(self._compiled) > 1:
            self._drop(next(iter(self._compiled)))

    @property
    def held(self) -> tuple[int, int]:
        """How many scripts are kept compiled, and what they weigh."""
        return len(self._compiled), self._weight

    def _drop(self, digest: bytes) -> None:
        self._compiled.pop(digest, None)
        self._weight -= self._weights.pop(digest, 0)


def weight(source: bytes, compiled: Script | SieveError) -> int:
    """Octets of memory that a compiled script takes at most."""
    if isinstance(compiled, SieveError):
        return FAULT
    # RE2 keeps an automaton with each expression, and a second one where its groups are asked for.
    return GROWTH * len(source) + 2 * compiled.limits.regex_memory * compiled.regexes


def compiled_or_fault(source: bytes) -> Script | SieveError:
    """A script ready to run, or what is wrong with it."""
    try:
        script = sieve.compile(source)
        document = rules.read(source) if script.includes else None
        return script if document is None else replace(script, ahead=document.ahead)
    except SieveError as error:
        return error.with_traceback(None)
    except Exception:
        # One person's script must not stop a message that others wait for too.
        log.exception("filter cannot be compiled")
        return SieveError(1, 1, Text("Le filtre ne peut pas être lu."))
