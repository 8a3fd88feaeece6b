"""Whom the sender of a message that came in looks like, for each account that gets it: kept beside the message.

What is seen from the header holds for everybody. That a name is a colleague's holds for who shares a school with them,
and does not know the sender's address: people write from home, too.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mailserver.delivery.envelope import Envelope, Part
from mailserver.foundation.settings import Settings
from mailserver.impersonation import names, sender, subject_mark
from mailserver.impersonation.sender import Claim, House
from mailserver.mime.header import header_limit
from mailserver.model.messages.authentication import AuthenticationResults
from mailserver.model.messages.impersonation import Signs
from mailserver.model.messages.provenance import Door
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import junk
from mailserver.store.people import namesakes
from mailserver.store.people.namesakes import Namesake

FROM_OUTSIDE = (Door.SMTP, Door.LMTP)


@dataclass(frozen=True, slots=True)
class Judged:
    """Of one message."""

    common: Signs = Signs.NOT_JUDGED
    more: Mapping[int, Signs] = field(default_factory=dict)
    """Of accounts to whom there is more to say."""

    def of(self, account_id: int) -> Signs:
        return self.common | self.more.get(account_id, Signs.NOT_JUDGED)


class Impersonation:
    """Judges. One per worker."""

    def __init__(self, *, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store

    async def judge(self, envelope: Envelope, octets: bytes, accounts: Sequence[int]) -> Judged:
        """What is to be kept of a message from outside; of what somebody of the house sent, nothing."""
        if envelope.door not in FROM_OUTSIDE or (envelope.sender is not None and envelope.sender.account_id):
            return Judged()
        house = sender.house_of(self._settings)
        header = octets[: header_limit.end(octets, len(octets))]
        claim, common = await look(header, house, envelope.results)
        return Judged(common, await self._borrowed(claim, house, envelope.results, accounts))

    async def _borrowed(
        self, claim: Claim, house: House, results: AuthenticationResults, accounts: Sequence[int]
    ) -> Mapping[int, Signs]:
        """The accounts among these to which a name is that of somebody they work with."""
        strangers = [author for author in claim.authors if sender.is_stranger(author, house)]
        keys = tuple(dict.fromkeys(key for author in strangers for key in names.person_keys(author.name)))
        if not keys or not accounts:
            return {}
        people = await self._store.read_inline(namesakes.named, keys)
        if not people:
            return {}
        addresses = tuple(author.address for author in strangers)
        proven = results.authenticated or not results.checked
        return await self._store.read(_near, people, accounts, addresses if proven else ())


async def look(header: bytes, house: House, results: AuthenticationResults) -> tuple[Claim, Signs]:
    """What a header claims, and what is wrong with that whoever gets the message."""
    if not sender.is_prepared():
        await asyncio.to_thread(sender.prepare)
    if len(header) <= sender.QUICK_HEADER:
        return _read(header, house, results)
    return await asyncio.to_thread(_read, header, house, results)


async def mark_subject(header: bytes, settings: Settings, results: AuthenticationResults) -> bytes:
    """The header of a message from outside, its subject marked where the settings say so and it imitates somebody."""
    mark = settings.impersonation.subject_mark
    if not mark:
        return header
    _, signs = await look(header, sender.house_of(settings), results)
    if not signs & subject_mark.MARKED:
        return header
    marked = subject_mark.marked(header, mark)
    return marked if len(marked) <= settings.limits.header_size else header


def _read(header: bytes, house: House, results: AuthenticationResults) -> tuple[Claim, Signs]:
    claim = sender.read(header)
    return claim, sender.judge(claim, house, results)


def _near(tx: Tx, people: Sequence[Namesake], accounts: Sequence[int], addresses: Sequence[str]) -> dict[int, Signs]:
    """What a name means to each of these accounts: nothing to whom the bearer's address is known.

    Of a head that is no excuse: whoever answered a fraud once knows its address.
    """
    found: dict[int, Signs] = {}
    for one in people:
        if one.administers:
            near = set(accounts)
        else:
            near = namesakes.sharing_school(tx, accounts, one.schools)
        sign = Signs.HEAD if one.administers or one.heads else Signs.COLLEAGUE
        for account in near - {one.account_id}:
            found[account] = found.get(account, Signs.NOT_JUDGED) | sign
    own = {one.account_id for one in people}
    found = {account: signs for account, signs in found.items() if account not in own}
    for address in addresses:
        trusted = junk.who_trust(tx, list(found), address)
        known = junk.who_know(tx, list(found), address)
        for account in known:
            signs = found.get(account, Signs.NOT_JUDGED) & ~Signs.COLLEAGUE
            found[account] = signs & ~Signs.HEAD if account in trusted else signs
    return {account: signs for account, signs in found.items() if signs}


def marked(parts: Sequence[Part], judged: Judged) -> list[Part]:
    """The parts, each with what is to be kept for those who get it; what the service says itself stays as it is."""
    return [one for part in parts for one in _split(part, judged)]


def _split(part: Part, judged: Judged) -> list[Part]:
    if part.provenance.door not in FROM_OUTSIDE or part.provenance.signs.judged or not judged.common:
        return [part]
    groups: dict[Signs, list[int]] = {}
    for account in part.accounts:
        groups.setdefault(judged.of(account), []).append(account)
    (signs, first), *others = groups.items() or [(judged.common, [])]
    made = [_of(part, first, signs)]
    # What leaves, waits or goes on record does so once.
    bare = replace(part, targets=(), holds=(), remembers=(), steps=(), rejection=None, reports=())
    return made + [_of(bare, accounts, signs) for signs, accounts in others]


def _of(part: Part, accounts: list[int], signs: Signs) -> Part:
    verdicts = {account: part.verdicts[account] for account in accounts if account in part.verdicts}
    provenance = replace(part.provenance, signs=signs)
    return replace(part, accounts=tuple(accounts), provenance=provenance, verdicts=verdicts)
