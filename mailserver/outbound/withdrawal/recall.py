"""`Recall`: an author takes back, from mailboxes here, what nobody has read yet."""

from dataclasses import dataclass

import structlog

from mailserver.foundation.settings import Settings
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal
from mailserver.model.sending.sending_limits import MINUTE
from mailserver.store.engine.transactions import Store
from mailserver.store.queue import mailings
from mailserver.store.record.audit import Origin
from mailserver.store.withdrawal import recalling

log = structlog.get_logger("withdrawal")


@dataclass(frozen=True, slots=True)
class Recalled:
    """What became of it; who they are is told to nobody."""

    taken: int
    """Recipients who do not have it any more, and will not."""
    people: int
    """Recipients here who had it, and those who were to get it by the digest of a list, elsewhere, too."""
    lists: int = 0
    """Lists that kept it, in an archive or for their owners, and do no more."""


class Recall:
    """One per worker."""

    def __init__(self, *, settings: Settings, store: Store) -> None:
        self._guards = settings.guards
        self._store = store

    async def is_open(self, principal: Principal, content_id: int, sent: int) -> bool:
        """Whether a message of theirs may be taken back now: it was sent a moment ago; or it waits for the owners of a
        list, so that nobody has it by that; or it waited, for them or for IT, and was let pass a moment ago. Raises
        Temporary."""
        since = self._since()
        if not self._guards.recall_minutes or sent > since:
            return bool(self._guards.recall_minutes)
        return await self._store.read(recalling.is_fresh, principal.account_id, content_id, sent, since)

    def _since(self) -> int:
        """What came to mailboxes from then on may be taken back."""
        return int(self._store.clock.now()) - self._guards.recall_minutes * MINUTE

    async def mailing_of(self, principal: Principal, content_id: int) -> int:
        """The mailing that a message of theirs is, which is taken back as such: its batches may still be going out.
        0: it is none. Raises Temporary."""
        return await self._store.read(mailings.of_message, principal.account_id, content_id)

    async def take_back(self, principal: Principal, content_id: int, origin: Origin) -> Recalled:
        """Take a message of theirs back, in short units: others have their turn in between.

        Raises Refused(NOT_FOUND: they have no such message | CANNOT: nobody here has it, or it is too late, or it is a
        mailing), Temporary.
        """
        if await self.mailing_of(principal, content_id):
            raise Refused(Reason.CANNOT, "A mailing is taken back on its own page")
        author, since = principal.account_id, self._since()
        # What an owner lets pass goes from the lists to copies: these are looked for afterwards.
        lists = await self._store.read(recalling.of_lists, author, content_id, since)
        copies = await self._store.read_slow(author, recalling.find, author, content_id, since)
        if not (copies or lists.waiting or lists.count) or not self._guards.recall_minutes:
            raise Refused(Reason.CANNOT, "Nobody here has this message, or it is too late")
        unread = [one for one in copies if not one.is_read]
        spared = await self._store.write(recalling.begin, origin, author, content_id, len(unread), since)
        if spared.held < lists.held:  # an owner let it pass meanwhile
            copies = await self._store.read_slow(author, recalling.find, author, content_id, since)
            unread = [one for one in copies if not one.is_read]
        taken: set[recalling.Copy] = set()
        for start in range(0, len(unread), recalling.BATCH):
            taken.update(await self._store.write(recalling.take, unread[start : start + recalling.BATCH]))
        people: set[int | str] = {*(one.account_id for one in copies), *(spared.waiting - {author})}
        left = {one.account_id for one in copies if one not in taken}
        log.info("recalled", account=author, taken=len(taken), copies=len(copies))
        return Recalled(len(people - left), len(people), spared.held + spared.archives)
