"""What the first page of the console tells of the store."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.store import imports, measures, rules, waiting
from mailserver.store.imports import Run
from mailserver.store.measures import MAIL, Measure
from mailserver.store.statements import Tx
from mailserver.store.traces import Step
from mailserver.store.waiting import State


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
