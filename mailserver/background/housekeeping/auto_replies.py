"""Closed accounts answer those who still write to them, once a week each (RFC 3834).

Their mail is delivered like everybody's; here what has arrived in INBOX since the closing is looked at in order. The
account remembers how far it got in the same unit as the answer leaves.
"""

import structlog

from mailserver.background.housekeeping.sending import Post, each
from mailserver.foundation.settings import Settings
from mailserver.mime.body.scanning import scan
from mailserver.mime.body.structure import unpack
from mailserver.model.clock import Clock
from mailserver.model.folding import fold_login
from mailserver.model.identity import Directory, Principal
from mailserver.notices.accounts import away
from mailserver.notices.house import House, house_for
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.upkeep import caretaking
from mailserver.store.upkeep.caretaking import Arrived

log = structlog.get_logger("housekeeping")

BOXES = 50
"""Closed accounts with new mail that one round looks at."""
TOKEN_OCTETS = 12


class Answers:
    """Answers in the name of people who are gone."""

    def __init__(
        self, *, settings: Settings, store: Store, directory: Directory, post: Post, house: House, clock: Clock
    ) -> None:
        self._accounts = settings.accounts
        self._store = store
        self._directory = directory
        self._post = post
        self._house = house
        self._clock = clock

    async def answer(self) -> int:
        """Look at what has arrived; how many messages."""
        arrived = await self._store.read(caretaking.arrivals, BOXES)
        return await each(arrived, self._answer)

    async def _answer(self, one: Arrived) -> None:
        principal = await self._directory.by_account(one.account_id)
        standing = await self._store.read(accounts.get, one.account_id)
        if not one.content_id or principal is None or standing is None:
            await self._store.write(caretaking.answered, one)
            return
        header = await self._store.read(caretaking.header, one.content_id)
        message = unpack(scan(header).parts)
        gone = away.Gone(
            principal.name, principal.address, _addresses(principal), standing.auto_reply or self._accounts.reply_text
        )
        sender = away.sender_to_answer(header, message, gone)
        house = await self._house_of(sender)

        def counts(tx: Tx) -> bool:
            return caretaking.answered(tx, one) and caretaking.may_answer(tx, one.account_id, fold_login(sender))

        def write(to: str) -> bytes:
            token = self._clock.token(TOKEN_OCTETS)
            return away.build(house, gone, to, header, message, token=token, now=self._clock.now())

        if not sender:
            await self._store.write(caretaking.answered, one)
        elif await self._post.send([sender], write, counts):
            log.info("closed account answered", account=one.account_id)

    async def _house_of(self, sender: str) -> House:
        """As the house speaks to whoever wrote: in both languages to somebody from elsewhere."""
        author = await self._directory.find(sender) if sender else None
        return await house_for(self._store, self._house, author.account_id) if author is not None else self._house


def _addresses(principal: Principal) -> frozenset[str]:
    return frozenset(address.casefold() for address in (principal.address, *principal.aliases))
