"""What the owner of a filter is told of it: that it fails, that its mail did not leave, that nobody could read all of
what did. Each once in a while, in the owner's language, by the service."""

from collections.abc import Callable, Sequence
from functools import partial

import structlog

from mailserver.delivery.envelope import Memory, Part
from mailserver.delivery.filtering.deliverer import Deliverer
from mailserver.delivery.filtering.occasion import Occasion
from mailserver.delivery.outgoing_guard import Unasked, UnaskedSubject
from mailserver.filters import Decision, Owner
from mailserver.foundation.settings import Settings
from mailserver.mime.writing.fields import Correspondent
from mailserver.mime.writing.trace_fields import return_path
from mailserver.model.clock import DAY, Clock
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.notices import house
from mailserver.notices.mail import filters
from mailserver.store.account import filter_memory
from mailserver.store.account.filter_memory import Kind
from mailserver.store.engine.transactions import Store
from mailserver.texts.text import Text

log = structlog.get_logger("filters")

TOLD_DAYS = 365
"""A failure of one script is not told again for so long."""

_UNASKED, _UNASKED_ANSWER = filter_memory.key_of("unasked"), filter_memory.key_of("unasked answer")
_UNASKED_SUBJECT = filter_memory.key_of("unasked subject")
_UNREAD = filter_memory.key_of("unread")


class OwnerNotices:
    """Writes them. One per worker."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock, deliverer: Deliverer) -> None:
        self._store = store
        self._clock = clock
        self._deliverer = deliverer
        self._house = house.house_of(settings)

    async def failure(self, decision: Decision, why: Text, line: int = 0) -> list[Part]:
        """The owner is told, once, that the filter cannot be applied. Raises Temporary."""
        key = filter_memory.key_of("failure", decision.digest.hex())
        log.info("filter failed", account=decision.owner.account_id, line=line, why=why.message[:100])
        return await self._told(decision.owner, key, TOLD_DAYS, partial(filters.failed, why=why, line=line))

    async def unasked(self, at: Occasion, what: Unasked, *, answer: bool = False) -> list[Part]:
        """The owner is told, once a day, that the filter's mail did not leave for what it gives away; of an absence
        message (`answer`) also where its text can be confirmed, or that its subject cannot. Raises Temporary."""
        is_author = what.author == at.owner.account_id
        if isinstance(what, UnaskedSubject):
            return await self._told_today(at, _UNASKED_SUBJECT, partial(filters.subject_unasked, kinds=what.kinds))
        if answer and is_author:
            is_box = at.owner.person is None
            write = partial(filters.answer_unasked, kinds=what.kinds, is_box=is_box)
            return await self._told_today(at, _UNASKED_ANSWER, write)
        return await self._told_today(at, _UNASKED, partial(filters.unasked, kinds=what.kinds, is_author=is_author))

    async def unread(self, at: Occasion, names: Sequence[str]) -> list[Part]:
        """The owner is told, once a day, that the filter's mail left with files of which nobody could say what they
        give away. Raises Temporary."""
        return await self._told_today(at, _UNREAD, partial(filters.unread, names=names)) if names else []

    async def _told_today(self, at: Occasion, key: bytes, write: Callable[..., bytes]) -> list[Part]:
        """Once for one message, however often it comes round, and once a day."""
        told, mark = at.passage.budget.volume.told, (at.owner.account_id, key)
        if mark in told:
            return []
        told.add(mark)
        return await self._told(at.owner, key, 1, write)

    async def _told(self, owner: Owner, key: bytes, days: int, write: Callable[..., bytes]) -> list[Part]:
        account_id = owner.account_id
        if await self._store.read(filter_memory.seen, account_id, Kind.FAILURE, key):
            return []
        speaking = await house.house_for(self._store, self._house, account_id)
        to = Correspondent(owner.name, owner.address)
        octets = write(speaking, to, token=self._clock.token(12), now=self._clock.now())
        prepared = await self._deliverer.prepare(return_path("") + octets)
        once = Memory(account_id, Kind.FAILURE, key, int(self._clock.now()) + days * DAY)
        return [Part(prepared, "", (account_id,), provenance=Provenance(Door.SERVICE), once=once)]
