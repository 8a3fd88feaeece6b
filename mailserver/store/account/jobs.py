"""Long jobs that were begun in the console: who wants what, how far it is, what came of it.

A job is carried out by a process of its own (`mailserver job`). One that has not been heard of for `LOST_SECONDS` has
died: whoever looks is told so.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, bindparam, delete, func, insert, select, update

from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.service.console import console_job

LOST_SECONDS = 120
KEPT_SECONDS = 30 * 86400
MAX_RESULT = 4_000_000
"""Characters of a result; who writes it bounds what it says."""
BEGINNING_LOCK = 0x6A6F6273
"""Held, on PostgreSQL, by whoever looks whether a job is under way and begins one."""
_LOCK = Statement(select(func.pg_advisory_xact_lock(bindparam("key", type_=BigInteger))))


class JobState(StrEnum):
    """Where a job is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its row says; its result apart, which may be long."""

    id: int
    kind: str
    actor_id: int
    actor: str
    peer: str
    created: int
    seen: int
    finished: int
    state: JobState
    done: int
    total: int
    """0: nobody knows."""
    options: Mapping[str, Any]


_COLUMNS = (
    *(console_job.c.id, console_job.c.kind, console_job.c.actor_id, console_job.c.actor, console_job.c.peer),
    *(console_job.c.created, console_job.c.seen, console_job.c.finished, console_job.c.state, console_job.c.done),
    *(console_job.c.total, console_job.c.options),
)


def begin(tx: Tx, kind: str, actor_id: int, actor: str, peer: str, options: Mapping[str, Any]) -> int:
    """A new job's number; forgets those of a month ago."""
    tx.execute(delete(console_job).where(console_job.c.created < tx.now - KEPT_SECONDS))
    values = {
        "kind": kind,
        "actor_id": actor_id,
        "actor": actor,
        "peer": peer,
        "created": tx.now,
        "seen": tx.now,
        "state": JobState.RUNNING.value,
        "options": json.dumps(dict(options), ensure_ascii=False),
    }
    return int(tx.execute(insert(console_job).values(**values).returning(console_job.c.id)).scalar_one())


def begin_alone(
    tx: Tx, among: Sequence[str], kind: str, actor_id: int, actor: str, peer: str, options: Mapping[str, Any]
) -> int:
    """The same, unless one of these kinds is under way: then 0. Of two that are begun at once one is."""
    if tx.dialect == "postgresql":
        tx.one(_LOCK, key=BEGINNING_LOCK)
    if running(tx, among) is not None:
        return 0
    return begin(tx, kind, actor_id, actor, peer, options)


def get(tx: Tx, job_id: int) -> Job | None:
    """A job by its number."""
    row = tx.execute(select(*_COLUMNS).where(console_job.c.id == job_id)).first()
    return _job(tuple(row)) if row is not None else None


def result(tx: Tx, job_id: int) -> Mapping[str, Any]:
    """What a job came to; empty while it runs."""
    text = tx.execute(select(console_job.c.result).where(console_job.c.id == job_id)).scalar()
    return json.loads(text) if text else {}


def listing(tx: Tx, limit: int) -> list[Job]:
    """The last jobs, newest first."""
    rows = tx.execute(select(*_COLUMNS).order_by(console_job.c.id.desc()).limit(limit))
    return [_job(tuple(row)) for row in rows]


def running(tx: Tx, kinds: Sequence[str]) -> Job | None:
    """A job of these kinds that is under way."""
    row = tx.execute(
        select(*_COLUMNS).where(
            console_job.c.kind.in_(kinds),
            console_job.c.state == JobState.RUNNING.value,
            console_job.c.seen > tx.now - LOST_SECONDS,
        )
    ).first()
    return _job(tuple(row)) if row is not None else None


def advance(tx: Tx, job_id: int, done: int, total: int) -> None:
    """The job lives, and is so far."""
    tx.execute(_mine(job_id).values(seen=tx.now, done=done, total=total))


def end(tx: Tx, job_id: int, state: JobState, came_to: Mapping[str, Any]) -> None:
    """The job is over."""
    text = json.dumps(dict(came_to), ensure_ascii=False)
    if len(text) > MAX_RESULT:
        raise ValueError("a job's result is too long")
    tx.execute(_mine(job_id).values(state=state.value, seen=tx.now, finished=tx.now, result=text))


def _mine(job_id: int) -> Any:
    return update(console_job).where(console_job.c.id == job_id, console_job.c.state == JobState.RUNNING.value)


def _job(row: tuple[Any, ...]) -> Job:
    return Job(
        id=row[0],
        kind=row[1],
        actor_id=row[2],
        actor=row[3],
        peer=row[4],
        created=row[5],
        seen=row[6],
        finished=row[7],
        state=JobState(row[8]),
        done=row[9],
        total=row[10],
        options=json.loads(row[11]),
    )
