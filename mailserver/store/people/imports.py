"""Runs of imports and what each did to whom, so that an interrupted one goes on and a wrong one is taken back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, bindparam, delete, func, insert, select, update

from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.schema.people.imports import import_change, import_run


class RunState(StrEnum):
    """Where a run is."""

    APPLYING = "applying"
    """Under way, or interrupted."""
    DONE = "done"
    UNDOING = "undoing"
    UNDONE = "undone"


class Fate(StrEnum):
    """What became of a change afterwards."""

    STANDS = "stands"
    TAKEN_BACK = "taken-back"
    LEFT = "left"
    """Not taken back, because somebody had changed it since."""


_FATES = (Fate.STANDS, Fate.TAKEN_BACK, Fate.LEFT)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is known by."""

    source: str
    kind: str
    """`full` or `delta`."""
    files: str
    digest: bytes
    options: str


@dataclass(frozen=True, slots=True)
class Run:
    """An import."""

    id: int
    at: int
    actor: str
    source: str
    kind: str
    files: str
    """One path a line."""
    options: str
    state: RunState
    counts: Mapping[str, int]
    finished: int


@dataclass(frozen=True, slots=True)
class Change:
    """What a run did to one person (account 0: to a school or a word of the vocabulary)."""

    seq: int
    line: int
    outcome: str
    account_id: int
    before: str
    after: str
    fate: Fate = Fate.STANDS


_RUN: Select[Any] = select(
    *(import_run.c.id, import_run.c.at, import_run.c.actor, import_run.c.source, import_run.c.kind),
    *(import_run.c.files, import_run.c.options, import_run.c.state, import_run.c.counts, import_run.c.finished),
)
_CHANGE: Select[Any] = select(
    *(import_change.c.seq, import_change.c.line, import_change.c.outcome, import_change.c.account_id),
    *(import_change.c.before, import_change.c.after, import_change.c.undone),
)
_LAST = Statement(select(func.max(import_change.c.seq)).where(import_change.c.run_id == bindparam("run_id")))
_INSERT = Statement(insert(import_change), keys=("run_id", "seq", "line", "outcome", "account_id", "before", "after"))
_DECIDE = Statement(
    update(import_change)
    .where(import_change.c.run_id == bindparam("run"), import_change.c.seq == bindparam("number"))
    .values(undone=bindparam("fate"))
)


# ---------------------------------------------------------------------- runs


def interrupted(tx: Tx, plan: Plan) -> Run | None:
    """The run of these files that was not finished."""
    known = tx.execute(
        _RUN.where(
            import_run.c.digest == plan.digest,
            import_run.c.source == plan.source,
            import_run.c.kind == plan.kind,
            import_run.c.options == plan.options,
            import_run.c.state == RunState.APPLYING.value,
        ).order_by(import_run.c.id)
    ).first()
    return _run(tuple(known)) if known is not None else None


def begin(tx: Tx, actor: str, plan: Plan) -> tuple[Run, bool]:
    """The run of these files, and True when it was interrupted before and goes on."""
    known = interrupted(tx, plan)
    if known is not None:
        return known, True
    values = {
        "at": tx.now,
        "actor": actor,
        "source": plan.source,
        "kind": plan.kind,
        "files": plan.files,
        "digest": plan.digest,
        "options": plan.options,
        "state": RunState.APPLYING.value,
        "counts": "{}",
    }
    number = tx.execute(insert(import_run).values(**values).returning(import_run.c.id)).scalar_one()
    return require(tx, int(number)), False


def get(tx: Tx, run_id: int) -> Run | None:
    """A run by its number."""
    row = tx.execute(_RUN.where(import_run.c.id == run_id)).first()
    return _run(tuple(row)) if row is not None else None


def require(tx: Tx, run_id: int) -> Run:
    """A run that is there."""
    run = get(tx, run_id)
    if run is None:
        raise RuntimeError("a run just written cannot be read")
    return run


def listing(tx: Tx, limit: int) -> list[Run]:
    """The last runs, newest first."""
    return [_run(tuple(row)) for row in tx.execute(_RUN.order_by(import_run.c.id.desc()).limit(limit))]


def later(tx: Tx, run: Run) -> int:
    """The newest run of the same source after this one that is not taken back; 0: there is none."""
    number = tx.execute(
        select(func.max(import_run.c.id)).where(
            import_run.c.id > run.id,
            import_run.c.source == run.source,
            import_run.c.state != RunState.UNDONE.value,
        )
    ).scalar()
    return int(number or 0)


def add_counts(tx: Tx, run_id: int, counts: Mapping[str, int]) -> None:
    """Add to what the run has done, in the unit in which it does it."""
    known = dict(require(tx, run_id).counts)
    for name, count in counts.items():
        known[name] = known.get(name, 0) + count
    tx.execute(update(import_run).where(import_run.c.id == run_id).values(counts=json.dumps(known)))


def set_state(tx: Tx, run_id: int, state: RunState, counts: Mapping[str, int] | None = None) -> None:
    """Move a run on; the counts are set to these where they are given."""
    values: dict[str, Any] = {"state": state.value}
    if state is RunState.DONE:
        values["finished"] = tx.now
    if counts is not None:
        values["counts"] = json.dumps(dict(counts))
    tx.execute(update(import_run).where(import_run.c.id == run_id).values(**values))


# ---------------------------------------------------------------------- changes


def record(tx: Tx, run_id: int, changes: Sequence[Change]) -> None:
    """Keep what the run does in this very unit; their `seq` is given here."""
    row = tx.one(_LAST, run_id=run_id)
    first = int(row[0] or 0) + 1 if row is not None else 1
    tx.many(
        _INSERT,
        [
            {
                "run_id": run_id,
                "seq": first + number,
                "line": change.line,
                "outcome": change.outcome,
                "account_id": change.account_id,
                "before": change.before,
                "after": change.after,
            }
            for number, change in enumerate(changes)
        ],
    )


def changes(tx: Tx, run_id: int, after: int, limit: int) -> list[Change]:
    """A page of what a run did, in its order."""
    rows = tx.execute(
        _CHANGE.where(import_change.c.run_id == run_id, import_change.c.seq > after)
        .order_by(import_change.c.seq)
        .limit(limit)
    )
    return [_change(tuple(row)) for row in rows]


def standing(tx: Tx, run_id: int, limit: int) -> list[Change]:
    """The last changes whose fate is not decided yet, newest first."""
    rows = tx.execute(
        _CHANGE.where(import_change.c.run_id == run_id, import_change.c.undone == 0)
        .order_by(import_change.c.seq.desc())
        .limit(limit)
    )
    return [_change(tuple(row)) for row in rows]


def decide(tx: Tx, run_id: int, fates: Mapping[int, Fate]) -> None:
    """Keep what became of changes, by their `seq`."""
    tx.many(_DECIDE, [{"run": run_id, "number": seq, "fate": _FATES.index(fate)} for seq, fate in fates.items()])


def count_fates(tx: Tx, run_id: int) -> dict[Fate, int]:
    """How many changes of a run stand, were taken back, were left."""
    rows = tx.execute(
        select(import_change.c.undone, func.count())
        .where(import_change.c.run_id == run_id)
        .group_by(import_change.c.undone)
    )
    return {_FATES[number]: int(count) for number, count in map(tuple, rows)}


def prune(tx: Tx, before: int, limit: int) -> int:
    """Forget changes that can no longer be taken back, of runs that ended before a time; how many."""
    old = select(import_run.c.id).where(import_run.c.at < before, import_run.c.finished < before)
    some = select(import_change.c.run_id, import_change.c.seq).where(import_change.c.run_id.in_(old)).limit(limit)
    rows = [{"run": row[0], "number": row[1]} for row in map(tuple, tx.execute(some))]
    if rows:
        tx.many(_FORGET, rows)
    return len(rows)


_FORGET = Statement(
    delete(import_change).where(import_change.c.run_id == bindparam("run"), import_change.c.seq == bindparam("number"))
)


def _run(row: Row) -> Run:
    counts = json.loads(row[8] or "{}")
    return Run(row[0], row[1], row[2], row[3], row[4], row[5], row[6], RunState(row[7]), counts, row[9])


def _change(row: Row) -> Change:
    return Change(row[0], row[1], row[2], row[3], row[4], row[5], _FATES[row[6]])
