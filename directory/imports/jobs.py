"""Imports that were begun in the console, each carried out by a process of its own (`mailserver job`).

`plan` says what an import would do, `apply` does it, `undo` takes one back: the services behind `mailserver import`
and `mailserver imports undo`, in the name of the person who asked.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import structlog

from directory.imports import import_setup
from directory.imports.intake import Intake, Options
from directory.imports.planning import Tally
from directory.imports.sources.records import Export, Fault, Remark
from directory.imports.sources.text_encoding import Encoding
from directory.imports.target import Outcome, Result
from mailserver.accounts import uploads
from mailserver.foundation.settings import Settings
from mailserver.model.errors import BadSyntax, Reason, Refused, Temporary
from mailserver.store.account import jobs
from mailserver.store.account.jobs import Job, JobState
from mailserver.store.engine.transactions import Store
from mailserver.store.record.audit import Origin
from mailserver.texts import causes
from mailserver.texts.causes import Cause

log = structlog.get_logger("import")

PLAN, APPLY, UNDO = "plan", "apply", "undo"
KINDS = (PLAN, APPLY, UNDO)
SHOWN = 200
"""People of each kind that a result names."""
MAX_LINES = 2000
"""Refused lines and remarks of a result; the counts go on."""
MAX_REASON = 500
"""Characters of one reason of a result."""
TOLD_SECONDS = 1.0
"""Between two words about how far a job is."""


def kind_of(done: Result) -> str:
    """The one word for what becomes of somebody; the most telling of those that hold."""
    if done.outcome is Outcome.CREATED:
        return "homonym" if done.elder else "arrives"
    if done.outcome is Outcome.LEAVING:
        return "leaves"
    if done.returning:
        return "returns"
    if done.renamed:
        return "renamed"
    return "moved" if done.moved else "changed"


def count_facts(tally: Tally) -> dict[str, int]:
    """The counts by their names."""
    return {
        **{outcome.value: count for outcome, count in tally.counts.items()},
        "moved": tally.moved,
        "renamed": tally.renamed,
        "returning": tally.returning,
        "homonyms": tally.homonyms,
        "activated": tally.activated,
        "places": tally.places,
    }


class Gathered:
    """A `planning.Listener` that keeps a bounded part of everything, for a page."""

    def __init__(self) -> None:
        self.people: dict[str, list[dict[str, Any]]] = {}
        self.kinds: dict[str, int] = {}
        self.refused: list[dict[str, Any]] = []
        self.remarks: list[dict[str, Any]] = []
        self.refused_count = 0
        self.remark_count = 0

    def result(self, done: Result) -> None:
        if done.outcome is Outcome.REFUSED:
            self.fault(Fault(done.line, done.why, None, done.file))
        elif done.outcome is not Outcome.UNCHANGED:
            kind = kind_of(done)
            self.kinds[kind] = self.kinds.get(kind, 0) + 1
            named = self.people.setdefault(kind, [])
            if len(named) < SHOWN:
                named.append(_person(done))

    def fault(self, fault: Fault) -> None:
        self.refused_count += 1
        if len(self.refused) < MAX_LINES:
            self.refused.append(_line(fault))

    def remark(self, remark: Remark) -> None:
        self.remark_count += 1
        if len(self.remarks) < MAX_LINES:
            self.remarks.append(_line(remark))

    def facts(self) -> dict[str, Any]:
        """Everything, as a result keeps it."""
        return {
            "kinds": self.kinds,
            "people": self.people,
            "refused": self.refused,
            "refused_count": self.refused_count,
            "remarks": self.remarks,
            "remark_count": self.remark_count,
        }


class _Progress:
    """Tells the store how far a job is, not too often."""

    def __init__(self, store: Store, job: Job, total: int) -> None:
        self._store = store
        self._job = job
        self._total = total
        self._done = 0
        self._told = 0.0

    def __call__(self, more: int) -> None:
        self._done += more
        now = time.monotonic()
        if now - self._told >= TOLD_SECONDS:
            self._told = now
            self._store.write_now(jobs.advance, self._job.id, self._done, self._total)


def carry_out(settings: Settings, store: Store, job: Job) -> None:
    """Do a job and keep what came of it; whatever goes wrong is what came of it. Blocks."""
    work = {PLAN: _plan, APPLY: _apply, UNDO: _undo}[job.kind]
    try:
        with import_setup.alone(settings):
            state, came_to = JobState.DONE, work(settings, store, job)
    except (Refused, Temporary, BadSyntax) as error:
        state, came_to = JobState.FAILED, {"fault": _said(causes.of(error))}
    except Exception as error:
        log.exception("a job failed", job=job.id)
        state, came_to = JobState.FAILED, {"fault": _said(Cause("defect", kind=type(error).__name__))}
    store.write_now(jobs.end, job.id, state, came_to)


def _origin(job: Job) -> Origin:
    return Origin(job.actor, "console", job.peer)


def _upload(settings: Settings, job: Job) -> Path:
    path = uploads.find(settings, str(job.options.get("file", "")))
    if path is None:
        raise BadSyntax(Cause("file-gone"))
    return path


def _options(options: Mapping[str, Any], *, dry_run: bool) -> Options:
    allowed = options.get("allow_leavers")
    return Options(
        dry_run=dry_run,
        strict=bool(options.get("strict")),
        confirm_logins=bool(options.get("confirm_logins")),
        allow_leavers=int(allowed) if allowed is not None else None,
        encoding=Encoding(options.get("encoding", Encoding.AUTO)),
    )


@contextlib.contextmanager
def _opened(
    settings: Settings, store: Store, job: Job, path: Path, encoding: Encoding
) -> Iterator[tuple[Export, Intake]]:
    """The file that was posted, and what takes it in, in the name of who asked. Raises BadSyntax, OSError."""
    source, full = str(job.options.get("source", "")), bool(job.options.get("full"))
    with (
        import_setup.export_of(settings, store, [path], source, full=full, encoding=encoding) as export,
        import_setup.intake_of(settings, store, export.source, _origin(job), full=export.full) as intake,
    ):
        yield export, intake


def _plan(settings: Settings, store: Store, job: Job) -> dict[str, Any]:
    path = _upload(settings, job)
    options = _options(job.options, dry_run=True)
    gathered = Gathered()
    with _opened(settings, store, job, path, options.encoding) as (export, intake):
        plan = intake.plan(export, options, gathered, _Progress(store, job, export.size))
        try:
            return {
                "counts": count_facts(plan.tally),
                "of_source": plan.of_source,
                "source": export.source,
                "full": export.full,
                "spared": plan.spared,
                **gathered.facts(),
            }
        finally:
            plan.close()


def _apply(settings: Settings, store: Store, job: Job) -> dict[str, Any]:
    path = _upload(settings, job)
    options = _options(job.options, dry_run=False)
    foreseen, done = Gathered(), Gathered()
    with _opened(settings, store, job, path, options.encoding) as (export, intake):
        plan = intake.plan(export, options, foreseen, _silent)
        try:
            shown = job.options.get("shown")
            if shown is not None and shown != foreseen.kinds and not intake.goes_on(export, str(path), options):
                raise Refused(Reason.CONFLICT, Cause("plan-changed"))
            progress = _Progress(store, job, plan.size)
            report = intake.apply(export, str(path), plan, options, done, progress)
        finally:
            plan.close()
    done.refused = [*foreseen.refused, *done.refused][:MAX_LINES]
    done.refused_count += foreseen.refused_count
    done.remarks, done.remark_count = foreseen.remarks, foreseen.remark_count
    path.unlink(missing_ok=True)
    return {"counts": count_facts(report.tally), "run": report.run_id, "source": export.source, **done.facts()}


def _undo(settings: Settings, store: Store, job: Job) -> dict[str, Any]:
    oldest = int(store.clock.now()) - settings.accounts.undo_hours * 3600
    run_id = int(job.options.get("run", 0))
    progress: Callable[[int], None] = _Progress(store, job, 0)
    with import_setup.intake_of(settings, store, "", _origin(job), full=False) as intake:
        undone = intake.undo(run_id, oldest, progress)
    left = [{"login": person.login, **_said(person.reason)} for person in undone.left[:MAX_LINES]]
    return {"run": run_id, "looked_at": undone.looked_at, "left_count": undone.left_count, "left": left}


def _silent(_more: int) -> None:
    """Reading again what was just planned is soon done."""


def _person(done: Result) -> dict[str, Any]:
    silent = {*(detail.name for detail in done.details), "affiliations", "aliases", "close_reason", "welcome_due"}
    return {
        "line": done.line,
        "file": done.file,
        "login": done.login,
        "address": done.address,
        "name": done.name,
        "elder": done.elder,
        "details": [list(detail) for detail in done.details[:20]],
        "changed": [name for name in done.changed if name not in silent],
    }


def _line(one: Fault | Remark) -> dict[str, Any]:
    return {"line": one.number, "file": one.file, **_said(one.reason)}


def _said(why: Cause) -> dict[str, Any]:
    """Why, as a result keeps it: whoever reads it says it in their language."""
    return (why if len(why) <= MAX_REASON else causes.plain(str(why)[:MAX_REASON])).facts
