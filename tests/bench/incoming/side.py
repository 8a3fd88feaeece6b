"""One service under test: mail is handed over, waited for, and what became of it is looked at."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.bench.incoming import client, processes
from tests.bench.incoming.client import Mailboxes
from tests.bench.incoming.mail import Letter, folder_of
from tests.bench.incoming.ours import Ours
from tests.bench.incoming.theirs import Theirs

ROUND_SECONDS = 300
"""The most for one round of one side."""
QUIET_SECONDS, REST_SECONDS = 120, 20
"""The most to wait until nothing is left to do: of starting, and of a round. What a service does by the clock meanwhile
counts as well, so that this must not be long."""
INDEXER = "mail-indexer"
"""Ours, which makes the search index; the others have none."""
SPARED = 0.2
"""Of what is junk by its words, as much may pass as good."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One round."""

    rate: float
    """Messages a second, until all of them can be read."""
    cpu: float
    """Milliseconds a message of all processes, until they are quiet again."""
    without_index: float
    """The same without the search index."""


@dataclass(slots=True)
class Side:
    """One service and what it was sent."""

    name: str
    service: Ours | Theirs
    rounds: list[Measured] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)

    def wait_until_quiet(self, seconds: float = QUIET_SECONDS) -> None:
        processes.wait_until_quiet(self.service.roots, seconds)

    async def run(self, some: Sequence[Letter]) -> Measured:
        """Hand over mail, and wait until all of it can be read and nothing is left to do."""
        boxes, roots = Mailboxes(), self.service.roots
        await boxes.open(self.service.imap)
        wanted = Counter(await boxes.totals())
        wanted.update(one.recipient.partition("@")[0] for one in some)
        before = processes.cpu(roots)
        began = time.perf_counter()
        async with asyncio.timeout(ROUND_SECONDS):
            await client.send(self.service.smtp, some)
            await boxes.wait_for(wanted)
        rate = len(some) / (time.perf_counter() - began)
        boxes.close()
        await asyncio.to_thread(self.wait_until_quiet, REST_SECONDS)
        spent = {name: seconds - before[name] for name, seconds in processes.cpu(roots).items()}
        self.kinds.update(one.kind for one in some)
        whole, indexing = (1000 * seconds / len(some) for seconds in (sum(spent.values()), spent.get(INDEXER, 0)))
        return Measured(rate, whole, whole - indexing)

    async def faults(self, *, is_checked: bool) -> list[str]:
        """What is not as it should be with all the mail that was sent here."""
        boxes = Mailboxes()
        await boxes.open(self.service.imap)
        found = await boxes.found_out()
        boxes.close()
        here = Counter({name: one.total() for name, one in found.items()})
        sent = self.kinds.total()
        faults = [] if here.total() == sent else [f"{here.total()} of {sent} messages arrived"]
        if is_checked:
            faults += self._verdicts(sum(found.values(), Counter[str]()), found.get("Junk", Counter()))
            faults += self._places(here)
        return [f"{self.name}: {one}" for one in faults]

    def _verdicts(self, everywhere: Counter[str], in_junk: Counter[str]) -> list[str]:
        forged = self.kinds["forged"]
        wanted = Counter(passed=self.kinds.total() - forged, forged=forged)
        faults = [] if everywhere == wanted else [f"the headers say {dict(everywhere)}, true is {dict(wanted)}"]
        return faults if in_junk["forged"] == forged else [*faults, "what is forged is not all in Junk"]

    def _places(self, here: Counter[str]) -> list[str]:
        wanted: Counter[str] = Counter()
        for kind, count in self.kinds.items():
            wanted[folder_of(kind)] += count
        passed = here["INBOX"] - wanted["INBOX"]
        most = SPARED if isinstance(self.service, Ours) else 1.0  # theirs has learned nothing
        if 0 < passed <= most * self.kinds["junk"]:
            here["INBOX"] -= passed
            here["Junk"] += passed
        return [] if here == wanted else [f"the mailboxes hold {dict(here)}, they should {dict(wanted)}"]
