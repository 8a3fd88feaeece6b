"""What the first page of the console tells of the store."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.store.account import jobs, rules
from mailserver.store.account.jobs import Job
from mailserver.store.engine.statements import Tx
from mailserver.store.people import imports
from mailserver.store.people.imports import Run
from mailserver.store.queue import waiting
from mailserver.store.queue.traces import Step
from mailserver.store.queue.waiting import Destination, State
from mailserver.store.upkeep import measures
from mailserver.store.upkeep.measures import ACCOUNTS, MAIL, QUEUE, Measure
from mailserver.store.withdrawal import reports

DESTINATIONS = 5
"""Domains of the queue that are named."""
_NAMES = (*(step.value for step in Step), MAIL, ACCOUNTS, QUEUE)


@dataclass(frozen=True, slots=True)
class Facts:
    """The queue, what was measured lately, the last import, its last job, whose brake is on."""

    queue: State
    destinations: Sequence[Destination]
    measured: Sequence[Measure]
    run: Run | None
    job: Job | None
    braked: tuple[str, ...]
    phishing: int
    """Reports of phishing that wait for somebody to decide."""


def facts(tx: Tx, since: int) -> Facts:
    """On one snapshot; measures since this second."""
    runs, begun = imports.listing(tx, 1), jobs.listing(tx, 1)
    return Facts(
        waiting.state(tx),
        waiting.by_domain(tx, DESTINATIONS),
        measures.since(tx, _NAMES, since),
        runs[0] if runs else None,
        begun[0] if begun else None,
        tuple(brake.population.value for brake in rules.brakes(tx)),
        reports.waiting(tx),
    )
