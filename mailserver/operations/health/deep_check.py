"""Compares everything that is stored with what it says of itself, and mends what can be mended
(`store.upkeep.integrity`).

Looking takes a read-only store and changes nothing. Mending takes one that writes, in units so short that the server
may run meanwhile.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mailserver.foundation.settings import Settings
from mailserver.model.errors import Temporary
from mailserver.operations.health.findings import Finding, Grade
from mailserver.store.engine.transactions import Store
from mailserver.store.upkeep import integrity
from mailserver.store.upkeep.integrity import Flaw, Part
from mailserver.texts import causes
from mailserver.texts.causes import NOTHING, Cause
from mailserver.texts.text import Text, Untranslated

MAX_TOLD = 100
"""Flaws of one part that are told one by one."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a look has come: contents looked at, of how many."""

    done: int
    total: int


def look(store: Store, told: Callable[[Progress], None] = lambda _: None) -> dict[Part, list[Flaw]]:
    """Every flaw of every part. Blocking, for as long as it takes to read all mail. Raises Temporary."""
    lines = store.read_now(integrity.pages) or []
    found = {Part.DATABASE: [Flaw(Part.DATABASE, line, mendable=False) for line in lines]}
    works: dict[Part, Callable[[], list[Flaw]]] = {
        Part.MESSAGES: lambda: _contents(store, told),
        Part.INDEX: lambda: store.read_now(integrity.index),
        Part.COUNTS: lambda: store.read_now(integrity.counts),
    }
    for part, work in works.items():
        try:
            found[part] = work()
        except Temporary as error:  # pages of the database that cannot be read
            found[part] = [Flaw(part, Cause("not-looked-at", error=causes.of(error)), mendable=False)]
    return found


def _contents(store: Store, told: Callable[[Progress], None]) -> list[Flaw]:
    flaws: list[Flaw] = []
    total, done, after = store.read_now(integrity.total), 0, 0
    while True:
        found, last, count = store.read_now(integrity.contents, store.blobs, after)
        if not count:
            return flaws
        flaws += found
        after, done = last, done + count
        told(Progress(done, total))


def mend(store: Store, found: dict[Part, list[Flaw]]) -> list[Cause]:
    """Mend what can be; what was done. Raises Temporary."""
    done: list[Cause] = []
    keys = dict.fromkeys(flaw.key for flaw in found[Part.MESSAGES] if flaw.mendable)
    done += [store.write_now(integrity.mend_content, store.blobs, key) for key in keys]
    if all(flaw.mendable for flaw in found[Part.MESSAGES]):
        healed = store.write_now(integrity.forget_healed, list(keys))
        done.append(Cause("contents-healed", count=healed) if healed else NOTHING)
    done += [store.write_now(integrity.mend_index, flaw.key) for flaw in found[Part.INDEX] if flaw.mendable]
    done += [store.write_now(integrity.mend_counts, flaw.key) for flaw in found[Part.COUNTS] if flaw.mendable]
    return [line for line in done if line]


def findings(settings: Settings, found: dict[Part, list[Flaw]]) -> Iterator[Finding]:
    """What the look came to, as `check` tells it."""
    for part, flaws in found.items():
        if not flaws:
            yield Finding(part.value, Grade.OK, Text("tout a été lu et concorde"))
        for flaw in flaws[:MAX_TOLD]:
            yield Finding(part.value, Grade.PROBLEM, flaw.what, _remedy(settings, flaw))
        if len(flaws) > MAX_TOLD:
            more = len(flaws) - MAX_TOLD
            yield Finding(part.value, Grade.PROBLEM, Text("et {more} autres", more=more))


def _remedy(settings: Settings, flaw: Flaw) -> Text:
    if flaw.part is Part.DATABASE or not flaw.mendable:
        return Text("arrêtez le service et restaurez la base d’une sauvegarde")
    command = f"mailserver check --repair {settings.directory}"
    return Untranslated(command)
