"""Whom the sender of a message that came in looks like, for each account that gets it: kept beside the message.

What is seen from the header holds for everybody. That a name is a colleague's holds for who shares a school with them,
and does not know the sender's address: people write from home, too.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mailserver.delivery.envelope import Envelope, Part
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Settings
from mailserver.inbound.impersonation import names, sender, subject_mark
from mailserver.inbound.impersonation.sender import Claim, ProtectedNames
from mailserver.mime.header import header_limit, originators
from mailserver.model.clock import Clock
from mailserver.model.messages.authentication import AuthenticationResults
from mailserver.model.messages.impersonation import Signs
from mailserver.model.messages.provenance import Door
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import junk
from mailserver.store.people import namesakes
from mailserver.store.people.namesakes import Namesake
from mailserver.store.record.notices import DIRECTORY

FROM_OUTSIDE = (Door.SMTP, Door.LMTP)
NAMES_KEPT = 20_000
NAMES_SECONDS = 60.0
"""How long it is believed who bears a name; a change of the directory ends it at once."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen of a message, whoever gets it."""

    signs: Signs = Signs.NOT_JUDGED
    claim: Claim | None = None
    """None: the message is not judged."""


class Impersonation:
    """Judges. One per worker."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock, changes: Changes) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._named: dict[tuple[str, ...], tuple[float, Sequence[Namesake]]] = {}
        """Who bears a name: mostly nobody, and senders come again."""
        changes.subscribe("account", DIRECTORY, self._named.clear)

    async def look(self, envelope: Envelope, octets: bytes) -> Looked:
        """What is to be kept of a message from outside; of what somebody of the house sent, nothing."""
        if (
            not self._settings.impersonation.judge
            or envelope.door not in FROM_OUTSIDE
            or (envelope.sender is not None and envelope.sender.account_id)
        ):
            return Looked()
        header = octets[: header_limit.end(octets, len(octets))]
        return await look(header, sender.protected_by(self._settings), envelope.results)

    async def borrowed(
        self, looked: Looked, results: AuthenticationResults, accounts: Sequence[int]
    ) -> Mapping[int, Signs]:
        """The accounts among these to which a name is that of somebody they work with."""
        if looked.claim is None or not accounts:
            return {}
        protected = sender.protected_by(self._settings)
        is_proven = results.authenticated or not results.checked
        found: dict[int, Signs] = {}
        for author in looked.claim.authors:
            keys = names.person_keys(author.name) if sender.is_stranger(author, protected) else ()
            people = await self._bearers(keys) if keys else ()
            if people:
                address = author.address if is_proven else ""
                for account, signs in (await self._store.read(_near, people, accounts, address)).items():
                    found[account] = found.get(account, Signs.NOT_JUDGED) | signs
        return found

    async def _bearers(self, keys: tuple[str, ...]) -> Sequence[Namesake]:
        now = self._clock.monotonic()
        kept = self._named.get(keys)
        if kept is not None and now < kept[0]:
            return kept[1]
        people = await self._store.read_apart(namesakes.named, keys)
        if len(self._named) >= NAMES_KEPT:
            self._named.clear()
        self._named[keys] = (now + NAMES_SECONDS, people)
        return people


async def look(header: bytes, protected: ProtectedNames, results: AuthenticationResults) -> Looked:
    """What a header claims, and what is wrong with that whoever gets the message."""
    if not sender.is_prepared():
        await asyncio.to_thread(sender.prepare)
    if originators.is_quick(header):
        return _read(header, protected, results)
    return await asyncio.to_thread(_read, header, protected, results)


async def mark_subject(header: bytes, settings: Settings, results: AuthenticationResults) -> bytes:
    """The header of a message from outside, its subject marked where the settings say so and it imitates somebody."""
    mark = settings.impersonation.subject_mark
    if not mark or not settings.impersonation.judge:
        return header
    looked = await look(header, sender.protected_by(settings), results)
    if not looked.signs & subject_mark.MARKED:
        return header
    # What it adds is bounded, and goes beyond the limit as the trace fields do: who fills the header is marked too.
    return subject_mark.marked(header, mark)


def _read(header: bytes, protected: ProtectedNames, results: AuthenticationResults) -> Looked:
    claim = sender.read(header)
    return Looked(sender.judge(claim, protected, results), claim)


def _near(tx: Tx, people: Sequence[Namesake], accounts: Sequence[int], address: str) -> dict[int, Signs]:
    """What one author's name means to each of these accounts: nothing to whom their address is known. `address` empty:
    somebody may have borrowed it.

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
    trusted = junk.who_trust(tx, list(found), address)
    for account in junk.who_know(tx, list(found), address):
        signs = found[account] & ~Signs.COLLEAGUE
        found[account] = signs & ~Signs.HEAD if account in trusted else signs
    return {account: signs for account, signs in found.items() if signs}


def marked(parts: Sequence[Part], more: Mapping[int, Signs]) -> list[Part]:
    """The parts, those apart to whom there is more to say; what the service says itself stays as it is."""
    return [one for part in parts for one in _split(part, more)] if more else list(parts)


def _split(part: Part, more: Mapping[int, Signs]) -> list[Part]:
    if part.provenance.door not in FROM_OUTSIDE or not any(account in more for account in part.accounts):
        return [part]
    groups: dict[Signs, list[int]] = {}
    for account in part.accounts:
        groups.setdefault(more.get(account, Signs.NOT_JUDGED), []).append(account)
    # What leaves, waits or goes on record does so once.
    bare = replace(part, targets=(), holds=(), remembers=(), steps=(), rejection=None, reports=None)
    (signs, first), *others = groups.items()
    return [_of(part, first, signs), *(_of(bare, accounts, signs) for signs, accounts in others)]


def _of(part: Part, accounts: list[int], signs: Signs) -> Part:
    verdicts = {account: part.verdicts[account] for account in accounts if account in part.verdicts}
    provenance = replace(part.provenance, signs=part.provenance.signs | signs)
    return replace(part, accounts=tuple(accounts), provenance=provenance, verdicts=verdicts)
