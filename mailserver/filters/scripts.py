"""Scripts as their owners and administrators change them: one place for every door."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from mailserver.filters import sieve
from mailserver.filters.sieve import LIMITS, Answer, Script, SieveError
from mailserver.foundation.settings import Settings
from mailserver.model.errors import Reason, Refused
from mailserver.notices.mail.filters import NOT_OF_BOXES
from mailserver.notices.mail.outgoing import named
from mailserver.policy.dlp.detectors import Kind, numbers
from mailserver.store.account import confirmed_answers, filters, forward_targets
from mailserver.store.account.confirmed_answers import Said
from mailserver.store.account.filters import Bound, Bounds, OverBound, Stored, Version
from mailserver.store.account.forward_targets import ANYWHERE
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail.access import boxes
from mailserver.store.record.audit import Origin
from mailserver.texts.text import Text

_ANSWERING = frozenset(("vacation", "vacation-seconds", "reject", "ereject", "enotify"))
"""Extensions by which a script writes to people."""
MAX_NAMED = 5
"""Scripts that a warning names."""
_CONFIRMED = Text(
    "Confirmez-la dans la messagerie, à la page Scripts Sieve des règles de tri : seul le texte d’un « vacation », "
    "sans variable, peut l’être."
)
MOST_ANSWERS = 50
"""Of a script that is kept: its owner is shown what each of them gives away, and may confirm it."""
_KEPT = replace(LIMITS, answers=MOST_ANSWERS)


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found out about a script."""

    warnings: Sequence[Text]
    targets: frozenset[str]
    """Where it may send mail on to."""


class Scripts:
    """The scripts of all accounts. One per worker.

    Each method raises Refused as `mailserver.store.account.filters` says, and Temporary. What changes something goes on
    record, with its origin: a rule that sends mail on is the first thing that a thief of an account leaves behind.
    """

    def __init__(self, *, settings: Settings, store: Store) -> None:
        self._limits = settings.filters
        self._guards = settings.guards
        self._store = store
        self._compiling = asyncio.Lock()
        """Whoever sends script upon script holds up others who do, and not the checks of mail that arrives, which have
        the same two threads."""

    @property
    def bounds(self) -> Bounds:
        """What one account may have."""
        return Bounds(self._limits.scripts, self._limits.script_size, self._limits.scripts_size)

    async def listing(self, account_id: int) -> Sequence[Stored]:
        """Every script of an account, by name."""
        return await self._store.read(filters.listing, account_id)

    async def octets(self, account_id: int, name: str) -> bytes:
        """What a script says. Raises Refused(NOT_FOUND)."""
        return await self._store.read(filters.octets, account_id, name)

    async def active(self, account_id: int) -> tuple[Stored, bytes] | None:
        """The script that mail runs through; None: there is none."""
        return await self._store.read(filters.active_script, account_id)

    async def versions(self, account_id: int, name: str) -> Sequence[Version]:
        """What a script is and was, newest first. Raises Refused(NOT_FOUND)."""
        return await self._store.read(filters.versions, account_id, name)

    async def check_room(self, account_id: int, name: str, size: int) -> None:
        """Raises OverBound when a script of this size does not fit; Refused(INVALID): it cannot have this name."""
        await self._store.read(filters.check_room, account_id, name, size, self.bounds)

    async def check(self, account_id: int, source: bytes) -> "Checked":
        """Compile a script; what its author should know of it. Raises SieveError, OverBound."""
        if len(source) > self.bounds.size:
            raise OverBound(Bound.SIZE)
        script = await self._compiled(source)
        private = await self._private(account_id, script, source)
        return Checked([*await self._warnings(account_id, script), *private], script.targets)

    async def put(
        self,
        account_id: int,
        name: str,
        source: bytes,
        origin: Origin,
        *,
        activate: bool = False,
        before: str | None = None,
    ) -> Sequence[Text]:
        """Keep a script that compiles; what its author should know of it. Raises as `check`.

        `before`: the hash that it had when its author saw it; then also Refused(CONFLICT): it has another one by now.
        """
        await self.check_room(account_id, name, len(source))
        checked = await self.check(account_id, source)
        await self._store.write(_put, account_id, name, source, self.bounds, activate, origin, checked.targets, before)
        return checked.warnings

    async def sends_further(self, account_id: int, name: str, source: bytes | None = None) -> bool:
        """Whether mail might go to an address that it does not go to by now: once a script is kept that says `source`,
        or once the kept one is put to use. An address that a script chooses may be any. Raises as `check`;
        Refused(NOT_FOUND)."""
        kept = await self._store.read(forward_targets.of_account, account_id)
        known = {one.address for one in kept if one.active or (source is not None and one.script == name)}
        if source is not None:
            wanted = set((await self.check(account_id, source)).targets)
        else:  # it may include any other
            wanted = {one.address for one in kept} | await self._targets(await self.octets(account_id, name))
        return ANYWHERE in wanted or not wanted <= known

    async def answers(self, source: bytes) -> Sequence[Answer]:
        """What a script that is kept answers by itself. Raises SieveError: one of an earlier version that has more than
        MOST_ANSWERS."""
        script = await self._kept(source)
        if script is not None and len(script.answers) > MOST_ANSWERS:
            script = await self._compiled(source)
        return script.answers if script is not None else ()

    async def _compiled(self, source: bytes) -> Script:
        """A script that may be kept. Raises SieveError."""
        async with self._compiling:
            return await asyncio.to_thread(sieve.compile, source, limits=_KEPT)

    async def _targets(self, source: bytes) -> frozenset[str]:
        script = await self._kept(source)
        return script.targets if script is not None else frozenset()

    async def _kept(self, source: bytes) -> Script | None:
        """A script that is kept; None: it cannot be compiled any more, and does nothing."""
        async with self._compiling:
            try:
                return await asyncio.to_thread(sieve.compile, source)
            except SieveError:
                return None

    async def activate(self, account_id: int, name: str, origin: Origin) -> None:
        """Have mail run through this script; through none when the name is empty. Raises Refused(NOT_FOUND)."""
        await self._store.write(filters.activate, account_id, name, origin)

    async def remove(self, account_id: int, name: str, origin: Origin) -> None:
        """Raises Refused(NOT_FOUND), Refused(CANNOT) for the active one."""
        await self._store.write(filters.remove, account_id, name, origin)

    async def rename(self, account_id: int, old: str, new: str, origin: Origin) -> None:
        """Raises Refused(NOT_FOUND | CONFLICT | INVALID)."""
        await self._store.write(filters.rename, account_id, old, new, origin)

    async def _warnings(self, account_id: int, script: Script) -> Sequence[Text]:
        """A script that includes others may come before them (RFC 6609 section 3.2)."""
        wanted = [name for location, name in script.needs if location == "personal"]
        if not wanted:
            return ()
        there = {stored.name for stored in await self.listing(account_id)}
        missing = [name for name in dict.fromkeys(wanted) if name not in there]
        return [Text("Le script inclus « {name} » n’existe pas.", name=name) for name in missing[:MAX_NAMED]]

    async def _private(self, account_id: int, script: Script, source: bytes) -> Sequence[Text]:
        """What its answers would not take out of the academy, as far as it stands in the script and was not
        confirmed."""
        if not script.extensions & _ANSWERING:
            return ()
        answers = list(map(said, script.answers))
        texts = [answer.text for answer in answers]
        found = await asyncio.to_thread(self._numbers, source.decode("utf-8", "replace"), *texts)
        if found and answers:
            confirmed = await self._store.read(confirmed_answers.among, account_id, answers)
            found -= await asyncio.to_thread(self._numbers, *(one.text for one in confirmed))
            # One that was confirmed in another answer stays all the same.
            found |= await asyncio.to_thread(self._numbers, *(one.text for one in answers if one not in confirmed))
        if not found:
            return ()
        is_box = await self._store.read(boxes.address_of, account_id)
        warning = Text(
            "Ce script contient {found} : une réponse qui le dit ne sort pas de l’académie. {what_to_do}",
            found=named([kind.value for kind in Kind if kind in {kind for kind, _ in found}]),
            what_to_do=NOT_OF_BOXES if is_box else _CONFIRMED,
        )
        return (warning,)

    def _numbers(self, *texts: str) -> set[tuple[Kind, str]]:
        kinds = self._guards.kinds
        return {(one.kind, one.value) for text in texts for one in numbers(text) if one.kind in kinds}


def said(answer: Answer) -> Said:
    """An answer as its confirmation knows it."""
    return Said(answer.text, answer.mime)


def _put(
    tx: Tx,
    account_id: int,
    name: str,
    source: bytes,
    bounds: Bounds,
    activate: bool,
    origin: Origin,
    targets: Collection[str],
    before: str | None,
) -> None:
    filters.lock(tx, account_id)
    if before is not None:
        kept = next((one.hash.hex() for one in filters.listing(tx, account_id) if one.name == name), "")
        if kept != before:
            raise Refused(Reason.CONFLICT, "The script was changed meanwhile")
    filters.put(tx, account_id, name, source, bounds, origin, targets)
    if activate:
        filters.activate(tx, account_id, name, origin)
