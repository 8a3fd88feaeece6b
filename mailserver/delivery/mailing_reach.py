"""Whether a message reaches so many people that it is a mailing, and who they are."""

from collections.abc import Sequence
from dataclasses import dataclass

from directory.lists import list_previews
from mailserver.delivery.envelope import Recipient
from mailserver.delivery.offloading import at_leisure
from mailserver.foundation.settings import Settings
from mailserver.model.identity import Population, Principal
from mailserver.policy.rules import mailings
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.queue.mailings import mailing_audience, mailing_counts
from mailserver.store.queue.mailings.mailing_counts import Reach
from mailserver.store.queue.spool import Target

NAMED = 5
"""People whom a preview names."""
MAX_LISTS = 50
"""Lists that are remembered of a mailing. To more of them, administrators alone approve it."""
MAX_ALONE = 20
"""Recipients of a mailing who stand on none of its lists, and for whom their owners may speak, too."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many get a message that is a mailing."""

    accounts: tuple[int, ...]
    elsewhere: frozenset[str]
    approval: bool
    """A second person has to let it pass."""

    @property
    def outside(self) -> int:
        """Addresses elsewhere."""
        return len(self.elsewhere)

    @property
    def people(self) -> int:
        """Everybody."""
        return len(self.accounts) + self.outside


class MailingReach:
    """One per worker."""

    def __init__(self, *, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store

    async def size(
        self, population: Population, recipients: Sequence[Recipient], targets: Sequence[Target]
    ) -> Size | None:
        """How many get it; None: too few for a mailing."""
        most = sum(len(one.accounts) + len(one.remote) for one in recipients) + len(targets)
        if not mailings.is_mailing(self._settings, population, most):
            return None
        groups = [one.accounts for one in recipients]
        accounts = await at_leisure(most, _ordered, groups)
        outside = {address for one in recipients for address in one.remote} | {one.address for one in targets}
        people = len(accounts) + len(outside)
        if not mailings.is_mailing(self._settings, population, people):
            return None
        return Size(accounts, frozenset(outside), mailings.needs_approval(self._settings, people))

    async def reach(self, size: Size, recipients: Sequence[Recipient], author: Principal | None) -> Reach:
        """Who gets it, as its author may know. Raises Temporary."""
        lists = [one.head.address for one in recipients if one.head is not None]
        if len(lists) > MAX_LISTS or await at_leisure(size.people, _outside_lists, size, recipients) > MAX_ALONE:
            lists = []  # the owners of lists speak for nobody else
        held = [roster.address for one in recipients for roster in one.held]
        turn = author.account_id if author is not None else 0
        return await self._store.read_slow(turn, _reach, size.accounts, tuple(lists), tuple(held[:MAX_LISTS]), author)

    async def audience(self, size: Size) -> bytes:
        """Everybody, as the row of a mailing keeps them."""
        return await at_leisure(size.people, mailing_audience.packed, size.accounts, size.elsewhere)

    async def newcomers(self, number: int, size: Size) -> int:
        """How many get a mailing who were not among those it was handed in for; 0 where nobody knows. Raises
        Temporary."""
        kept = await self._store.read(mailing_audience.of, number)
        if kept is None:
            return 0
        return await at_leisure(size.people, mailing_audience.newcomers, kept, size.accounts, size.elsewhere)


def _outside_lists(size: Size, recipients: Sequence[Recipient]) -> int:
    """How many get it who stand on none of the lists that it goes to."""
    listed = [one for one in recipients if one.head is not None]
    accounts = mailings.distinct(one.accounts for one in listed)
    remote = {address for one in listed for address in one.remote}
    return len(size.accounts) - len(accounts) + len(size.elsewhere - remote)


def _ordered(groups: Sequence[Sequence[int]]) -> tuple[int, ...]:
    return tuple(sorted(mailings.distinct(groups)))


def _reach(
    tx: Tx, accounts: Sequence[int], lists: Sequence[str], held: Sequence[str], author: Principal | None
) -> Reach:
    names = list_previews.some_names(tx, accounts, author, NAMED) if author is not None else []
    return mailing_counts.reach(tx, accounts, names, lists, held)
