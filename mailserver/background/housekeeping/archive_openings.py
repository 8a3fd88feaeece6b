"""Authors are told that the archive of a list, which has messages of theirs, was opened to more people.

Digests and pages say so as well; whoever takes none and opens none would not know. A few at a time, each once.
"""

from mailserver.background.housekeeping.sending import Post, each
from mailserver.background.housekeeping.states import ORIGIN
from mailserver.delivery.list_copy import Head
from mailserver.model.clock import Clock
from mailserver.model.identity import Directory
from mailserver.notices.house import House, house_for
from mailserver.notices.mail import lists as notices
from mailserver.notices.mail.digests import Opening
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.people.mailing_lists import archive_openings
from mailserver.store.people.mailing_lists.archive_openings import Author, Opened
from mailserver.store.record import audit
from mailserver.store.record.audit import Action
from mailserver.texts.causes import Cause

TOLD = 20
"""Authors of one round: about as many a second."""
LISTS = 5
"""Of one round."""
TOKEN_OCTETS = 12


class ArchiveOpenings:
    """Tells them."""

    def __init__(self, *, store: Store, directory: Directory, post: Post, house: House, clock: Clock) -> None:
        self._store = store
        self._directory = directory
        self._post = post
        self._house = house
        self._clock = clock

    async def tell(self) -> int:
        """Tell whoever has to be told; how many were looked at, TOLD where there may be more."""
        looked = 0
        for opened in await self._store.read(archive_openings.untold, LISTS):
            found = await self._store.read(archive_openings.authors, opened, TOLD - looked)

            async def tell(author: Author, opened: Opened = opened) -> None:
                await self._tell(opened, author)

            await each(found, tell)
            looked += len(found)
            if looked >= TOLD:
                return TOLD
            await self._store.write(archive_openings.finish, opened)
        return looked

    async def _tell(self, opened: Opened, author: Author) -> None:
        principal = await self._directory.by_account(author.account_id)
        house = await house_for(self._store, self._house, author.account_id)
        opening = Opening(opened.at, opened.widely, opened.older)
        owner = Head(opened.address, opened.name).owner
        what = notices.ArchiveOpened(opened.address, opened.name, owner, author.posts, opening)

        def counts(tx: Tx) -> bool:
            if not archive_openings.told(tx, opened, author.account_id):
                return False
            if principal is not None:
                detail = Cause("list-archive-told", address=opened.address)
                audit.record(tx, ORIGIN, Action.NOTIFIED, author.account_id, detail)
            return True

        def write(to: str) -> bytes:
            token = self._clock.token(TOKEN_OCTETS)
            return notices.archive_opened(house, what, to, token=token, now=self._clock.now())

        await self._post.send([principal.address] if principal is not None else [], write, counts)
