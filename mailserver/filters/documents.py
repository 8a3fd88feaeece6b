"""The rules of an account: read from the script of ours, and written back, without losing what somebody else changes
meanwhile or wrote by hand.

An account has one script of ours (`NAME`). A script of that name that is not ours is its owner's own: it keeps its
text and whatever it is used for, under another name. While mail runs through a script of the owner's own, ours is kept
and does nothing until they say so.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from mailserver.filters import rules
from mailserver.filters.rules import Blocked, Document
from mailserver.filters.rules.forward import Forward
from mailserver.filters.scripts import Scripts
from mailserver.foundation.settings import Settings
from mailserver.model.errors import Reason, Refused
from mailserver.store.account import filters
from mailserver.store.account.filters import Bounds
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import known_senders
from mailserver.store.record.audit import Origin

NAME = "regles"
"""Of the script of ours."""
BY_HAND = "regles-{number}"
"""What a script of that name is called that is not ours."""
MAX_NAMES = 1000
TRIES = 5
"""Of a change that does not mind others: each loses against one of them."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of an account as they are."""

    document: Document
    version: str = ""
    """Which state of the script that is; empty: there is none."""
    running: bool = False
    """Mail runs through them."""
    by_hand: str = ""
    """The script of the owner's own that mail runs through instead."""


@dataclass(frozen=True, slots=True)
class _New:
    """A script of ours that is kept."""

    source: bytes
    targets: frozenset[str]
    also: Callable[[Tx], object] | None = None


class Documents:
    """The rules of all accounts. One per worker. Each method raises Temporary."""

    def __init__(self, *, settings: Settings, store: Store) -> None:
        self._scripts = Scripts(settings=settings, store=store)
        self._store = store

    async def read(self, account_id: int) -> Rules:
        """What an account has said; an empty document where it has said nothing yet."""
        return await self._store.read(_read, account_id)

    async def change(
        self,
        account_id: int,
        version: str,
        change: Callable[[Document], Document],
        origin: Origin,
        also: Callable[[Tx], object] | None = None,
    ) -> Rules:
        """Say something else, of the rules as they were at `version`; `also` is done in the same unit.

        The first thing that is said runs at once, unless mail runs through a script of the owner's own. Raises
        Refused(CONFLICT): they were changed meanwhile; OverBound; whatever `change` raises.
        """
        before = await self.read(account_id)
        _check_version(before, version)
        source = rules.written(change(before.document))
        new = _New(source, (await self._scripts.check(account_id, source)).targets, also)
        return await self._store.write(_put, account_id, version, new, self._scripts.bounds, origin)

    async def revise(
        self,
        account_id: int,
        change: Callable[[Document], Document],
        origin: Origin,
        also: Callable[[Tx], object] | None = None,
    ) -> Rules:
        """Say something else, of the rules as they are by now; as `change`."""
        for _ in range(TRIES):
            before = await self.read(account_id)
            try:
                return await self.change(account_id, before.version, change, origin, also)
            except Refused as refusal:
                moved = refusal.reason is Reason.CONFLICT and (await self.read(account_id)).version != before.version
                if not moved:
                    raise
        raise Refused(Reason.CONFLICT, "The rules were changed meanwhile")

    async def block(self, account_id: int, sender: str, origin: Origin) -> None:
        """Let mail of a sender, as rules name one, go to Spam or Trash; nobody whom one blocks is trusted.

        Raises Faulty, OverBound, Refused(CONFLICT).
        """

        def distrusted(tx: Tx) -> None:
            known_senders.distrust(tx, account_id, sender)

        await self._change_blocked(account_id, lambda now: now if sender in now else (*now, sender), origin, distrusted)

    async def unblock(self, account_id: int, sender: str, origin: Origin) -> None:
        """Let it come again. Raises Refused(CONFLICT)."""
        await self._change_blocked(account_id, partial(_but, sender), origin)

    async def trust(self, account_id: int, sender: str, origin: Origin) -> None:
        """Somebody's word that the messages of an address are safe; whom one trusts is not blocked.

        Raises Refused(INVALID | CONFLICT).
        """

        def trusted(tx: Tx) -> None:
            known_senders.trust(tx, account_id, sender)

        await self._change_blocked(account_id, partial(_but, sender.casefold()), origin, trusted)

    async def _change_blocked(
        self,
        account_id: int,
        change: Callable[[tuple[str, ...]], tuple[str, ...]],
        origin: Origin,
        also: Callable[[Tx], object] | None = None,
    ) -> None:
        """Whoever else changes the rules meanwhile changes something else: it is done again on what they left. `also`
        is done in the same unit, and where nothing changes by itself."""
        for last in (False, False, True):
            before = await self.read(account_id)
            blocked = before.document.blocked
            after = replace(blocked, senders=change(blocked.senders))
            if after == blocked:
                if also is not None:
                    await self._store.write(also)
                return
            try:
                await self.change(account_id, before.version, partial(_with_blocked, blocked=after), origin, also)
            except Refused as refusal:
                if last or refusal.reason is not Reason.CONFLICT:
                    raise
            else:
                return

    async def undo(self, account_id: int, version: str, origin: Origin) -> Rules:
        """Say of the rules what was said before the last change; an absence and a forward stay as they are.

        Raises Refused(CONFLICT | NOT_FOUND).
        """
        found = await self._store.read(filters.versions, account_id, NAME)
        before = rules.read(found[1].octets) if len(found) > 1 else None
        if before is None:
            raise Refused(Reason.NOT_FOUND, "There is nothing to go back to")

        def undone(now: Document) -> Document:
            return replace(before, absence=now.absence, forward=now.forward)

        return await self.change(account_id, version, undone, origin)

    async def start(self, account_id: int, origin: Origin, *, beside: str = "") -> Rules:
        """Have mail run through the rules; then through a script of the owner's own (`beside`), where they name one.

        Raises Refused(NOT_FOUND).
        """
        new: _New | None = None
        before = await self.read(account_id)
        if beside or not before.version:
            if beside:
                await self._scripts.octets(account_id, beside)
            source = rules.written(replace(before.document, beside=beside or before.document.beside))
            new = _New(source, (await self._scripts.check(account_id, source)).targets)
        return await self._store.write(_start, account_id, before.version, new, self._scripts.bounds, origin)

    async def stop(self, account_id: int, origin: Origin) -> Rules:
        """Have mail not run through the rules any more; they stay."""
        return await self._store.write(_stop, account_id, origin)


def sent_on_to(source: bytes, address: str) -> bytes | None:
    """The script of rules that sends mail on to an address, or (empty) to none.

    None: it stays as it is, since it is not ours, or has nothing to take out, or sends mail on to another by now.
    """
    document = rules.read(source)
    if document is None or (document.forward is None) is not bool(address):
        return None
    return rules.written(replace(document, forward=Forward(address) if address else None))


def _but(sender: str, senders: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one for one in senders if one != sender)


def _with_blocked(document: Document, *, blocked: Blocked) -> Document:
    return replace(document, blocked=blocked)


def _check_version(before: Rules, version: str) -> None:
    if before.version != version:
        raise Refused(Reason.CONFLICT, "The rules were changed meanwhile")


def _read(tx: Tx, account_id: int) -> Rules:
    scripts = filters.listing(tx, account_id)
    active = next((one for one in scripts if one.active), None)
    mine = next((one for one in scripts if one.name == NAME), None)
    document = rules.read(filters.octets(tx, account_id, NAME)) if mine is not None else None
    if mine is None or document is None:
        return Rules(Document(), by_hand=active.name if active is not None else "")
    by_hand = active.name if active is not None and active != mine else ""
    return Rules(document, mine.hash.hex(), mine.active, by_hand)


def _put(tx: Tx, account_id: int, version: str, new: _New, bounds: Bounds, origin: Origin) -> Rules:
    filters.lock(tx, account_id)
    before = _read(tx, account_id)
    _check_version(before, version)
    if not before.version:
        _make_way(tx, account_id, origin)
    filters.put(tx, account_id, NAME, new.source, bounds, origin, new.targets)
    if new.also is not None:
        new.also(tx)
    if not before.by_hand and before.document == Document():
        filters.activate(tx, account_id, NAME, origin)
    return _read(tx, account_id)


def _start(tx: Tx, account_id: int, version: str, new: _New | None, bounds: Bounds, origin: Origin) -> Rules:
    if new is not None:
        _put(tx, account_id, version, new, bounds, origin)
    filters.activate(tx, account_id, NAME, origin)
    return _read(tx, account_id)


def _stop(tx: Tx, account_id: int, origin: Origin) -> Rules:
    filters.lock(tx, account_id)
    if _read(tx, account_id).running:
        filters.activate(tx, account_id, "", origin)
    return _read(tx, account_id)


def _make_way(tx: Tx, account_id: int, origin: Origin) -> None:
    """Give a script another name that has the one of ours, and is not ours."""
    names = {one.name for one in filters.listing(tx, account_id)}
    if NAME in names:
        free = next(name for number in range(1, MAX_NAMES + 2) if (name := BY_HAND.format(number=number)) not in names)
        filters.rename(tx, account_id, NAME, free, origin)
