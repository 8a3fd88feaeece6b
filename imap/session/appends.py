"""APPENDs that a client sent without waiting for answers: they begin while the one before them is being committed.

No APPEND depends on what another is answered, so a server may overlap them (RFC 3501 section 5.5). Each stays a unit
of the store of its own, and units that wait together are one commit: one sync of the disk for as many as have arrived.
They are stored, and answered, in the order in which they came.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from imap.wire.commands import Append
from mailserver.store.mail.messages import Appended

AHEAD = 16
"""APPENDs that may have begun before the one that is answered next ends; the octets that wait behind a command are
bounded too (`imap.connection.reader`)."""

Storing: TypeAlias = Callable[[Append], Awaitable[list[Appended]]]


class Appends:
    """Those of one session that have begun."""

    def __init__(self) -> None:
        self.waiting: Sequence[Append] = ()
        """What stands behind the command that runs."""
        self.open_to = b""
        """A mailbox as the client spells it, that was looked at and has taken every message since."""
        self.turn = asyncio.Lock()
        """Whose message is being made ready: units are handed to the store in order."""
        self._begun: dict[int, asyncio.Task[list[Appended]]] = {}
        """By the identity of a command, which its task holds."""

    def begun(self, command: object) -> bool:
        """True when a command runs already: it cannot be refused without being looked at any more."""
        return id(command) in self._begun

    async def outcome(self, command: Append, store: Storing) -> list[Appended]:
        """Store what a command brings, unless that has begun, and begin with those behind it. Raises as `store`."""
        begun = self._begun.get(id(command))
        try:
            if begun is None and not self.waiting:
                return await store(command)
            for one in (command, *self.waiting):
                if id(one) not in self._begun:
                    task = self._begun[id(one)] = asyncio.ensure_future(store(one))
                    task.add_done_callback(_heard)
            return await self._begun[id(command)]
        except BaseException:
            self.open_to = b""
            raise
        finally:
            self._begun.pop(id(command), None)

    def close(self) -> None:
        """The connection is gone: what was not handed to the store is given up; nobody was told that it is kept."""
        for task in self._begun.values():
            task.cancel()
        self._begun.clear()


def _heard(task: "asyncio.Task[list[Appended]]") -> None:
    """What a task raised is its command's to answer, or nobody's any more."""
    if not task.cancelled():
        task.exception()
