"""How a notice leaves: committed in one unit with what says that it did."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from mailserver.delivery import Delivery, Part, deliver_parts
from mailserver.foundation.settings import Settings
from mailserver.model.errors import Refused, Temporary
from mailserver.outbound.submission.submit import Submission
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs

T = TypeVar("T")

log = structlog.get_logger("housekeeping")


async def each(found: Sequence[T], act: Callable[[T], Awaitable[None]]) -> int:
    """Act on each; one that fails is logged and does not stop the others. How many there were. Raises Temporary."""
    for due in found:
        try:
            await act(due)
        except Temporary:
            raise
        except Exception:
            log.exception("housekeeper's work failed", about=str(due))
    return len(found)


class Post:
    """Sends the housekeeper's notices."""

    def __init__(self, *, settings: Settings, store: Store, delivery: Delivery, submission: Submission) -> None:
        self._outbound = settings.outbound
        self._folder = store.blobs
        self._store = store
        self._delivery = delivery
        self._submission = submission

    async def send(self, addresses: Sequence[str], write: Callable[[str], bytes], counts: Callable[[Tx], bool]) -> bool:
        """One message for each address. `counts`, within the unit, says whether they are still to go.

        An address that takes nothing is passed over: its owner is told at the other one, or cannot be told. Raises
        Temporary, nothing done.
        """
        parts: list[Part] = []
        for address in dict.fromkeys(filter(None, addresses)):
            try:
                parts += await self._submission.from_service([address], write(address))
            except Refused as refusal:
                log.info("notice not deliverable", why=refusal.reason.value)
        async with self._delivery.discarding(*(part.prepared for part in parts)):
            sent, unused = await self._store.write(_unit, parts, counts, self._outbound.lifetime)
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._folder, file)
        return sent


def _unit(tx: Tx, parts: Sequence[Part], counts: Callable[[Tx], bool], lifetime: int) -> tuple[bool, list[str]]:
    """Whether the messages went, and the files that nothing refers to."""
    if not counts(tx):
        return False, [part.prepared.file for part in parts if part.prepared.file is not None]
    _, unused, _ = deliver_parts(tx, parts, {}, lifetime) if parts else (0, [], {})
    return True, unused
