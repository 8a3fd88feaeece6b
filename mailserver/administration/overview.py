"""What the first page of the console tells of the store."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.store.account import rules
from mailserver.store.engine.statements import Tx
from mailserver.store.people import imports
from mailserver.store.people.imports import Run
from mailserver.store.queue import waiting
from mailserver.store.queue.traces import Step
from mailserver.store.queue.waiting import State
from mailserver.store.upkeep import measures
from mailserver.store.upkeep.measures import MAIL, Measure


@dataclass(frozen=True, slots=True)
class Facts:
    """The queue, what was measured lately, the last import, whose brake is on."""

    queue: State
    measured: Sequence[Measure]
    run: Run | None
    braked: tuple[str, ...]


def facts(tx: Tx, since: int) -> Facts:
    """On one snapshot; measures since this second."""
    runs = imports.listing(tx, 1)
    measured = measures.since(tx, [*(step.value for step in Step), MAIL], since)
    braked = tuple(brake.population.value for brake in rules.brakes(tx))
    return Facts(waiting.state(tx), measured, runs[0] if runs else None, braked)
