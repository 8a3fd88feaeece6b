"""The import as a whole: plan, show, apply as one run that goes on after a crash, and take a run back."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from directory.imports import applying
from directory.imports.applying import Pace
from directory.imports.deciding import Terms
from directory.imports.planning import Listener, Plan, Planner, Rules, Tally
from directory.imports.sources.records import Export
from directory.imports.sources.text_encoding import Encoding
from directory.imports.target import Left, Outcome, Target
from directory.issuing.hashing import Passwords
from mailserver.model.credentials.proofs import Proofs
from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.statements import Tx
from mailserver.store.engine.transactions import Store
from mailserver.store.people import imports
from mailserver.store.people.imports import Run, RunState
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.texts.causes import Cause

MAX_REPORTED = 10_000
"""Those left by an undoing that are kept for its report; the count goes on."""
SHARE = 10
"""One in how many of a source's people may leave by one import without being asked about."""
Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How to import."""

    dry_run: bool = False
    strict: bool = False
    accept_passwords: bool = False
    allow_leavers: int | None = None
    """How many may leave; None: a tenth of the source."""
    encoding: Encoding = Encoding.AUTO
    """Of a CSV file."""
    confirm_logins: bool = False
    """Identifiers of the file are right, also where their owners have another name, school or role."""

    @property
    def text(self) -> str:
        """What decides what a run does: an interrupted one goes on under the same only."""
        said: dict[str, object] = {"strict": self.strict, "accept_passwords": self.accept_passwords}
        if self.encoding is not Encoding.AUTO:
            said["encoding"] = self.encoding.value
        if self.confirm_logins:
            said["confirm_logins"] = True
        return json.dumps(said)

    @classmethod
    def of(cls, text: str) -> "Options":
        """Those of a run that goes on: that people may leave was agreed to when it began."""
        said = json.loads(text)
        return cls(
            strict=bool(said.get("strict")),
            accept_passwords=bool(said.get("accept_passwords")),
            allow_leavers=sys.maxsize,
            encoding=Encoding(said.get("encoding", Encoding.AUTO)),
            confirm_logins=bool(said.get("confirm_logins")),
        )


@dataclass(slots=True)
class Report:
    """What an import did, or would do."""

    tally: Tally
    run_id: int = 0
    """0: nothing to do."""
    resumed: bool = False
    earlier: Mapping[str, int] = field(default_factory=dict)
    """What the run had done before it was interrupted."""
    spared: int = 0


@dataclass(frozen=True, slots=True)
class Undone:
    """What taking a run back did."""

    run: Run
    looked_at: int
    left_count: int
    left: tuple[Left, ...]


class Intake:
    """Imports over one target. Blocks; for one thread."""

    def __init__(
        self, store: Store, target: Target, proofs: Proofs, passwords: Passwords, terms: Terms, origin: Origin
    ) -> None:
        self._store = store
        self._target = target
        self._proofs = proofs
        self._passwords = passwords
        self._terms = terms
        self._origin = origin

    def plan(self, export: Export, options: Options, listener: Listener, advance: Advance) -> Plan:
        """What the import would do; the caller closes it. Raises BadSyntax, Temporary."""
        rules = Rules(options.strict, options.accept_passwords, not options.dry_run, options.confirm_logins)
        planner = Planner(self._store, self._target, self._terms, self._proofs, self._passwords, rules)
        return planner.run(export, listener, advance)

    def guard(self, plan: Plan, options: Options) -> None:
        """Raises Refused(LIMIT) when more people would leave than may."""
        leaving = plan.tally.counts[Outcome.LEAVING]
        allowed = plan.of_source // SHARE if options.allow_leavers is None else options.allow_leavers
        if leaving > allowed:
            said = {"leaving": leaving, "people": plan.of_source, "source": self._terms.source, "allowed": allowed}
            raise Refused(Reason.LIMIT, Cause("too-many-leave", **said))

    def goes_on(self, export: Export, files: str, options: Options) -> bool:
        """Whether a run of these files was interrupted, whose rest applying them would be."""
        return self._store.read_now(imports.interrupted, _known(export, files, options)) is not None

    def apply(
        self, export: Export, files: str, plan: Plan, options: Options, listener: Listener, advance: Advance
    ) -> Report:
        """Carry the plan out, as a run of its own or as the rest of one that was interrupted.

        Raises Refused(LIMIT) when too many would leave, Temporary when the directory is out of reach: the same
        import goes on later.
        """
        self.guard(plan, options)
        known = _known(export, files, options)
        if plan.is_empty and self._store.read_now(imports.interrupted, known) is None:
            return Report(plan.tally, spared=plan.spared)
        run, resumed = self._store.write_now(_begin, self._origin, known)
        tally = applying.apply(self._target, run.id, plan, listener, advance)
        # What the plan has settled without the target: lines that change nothing, and those that cannot be used.
        tally.counts[Outcome.UNCHANGED] += plan.tally.counts[Outcome.UNCHANGED]
        tally.counts[Outcome.REFUSED] += plan.tally.counts[Outcome.REFUSED]
        report = Report(tally, run.id, resumed, dict(run.counts) if resumed else {}, plan.spared)
        self._store.write_now(_finish, self._origin, run, tally.counts, _earlier(run, resumed))
        return report

    # ------------------------------------------------------------------ history

    def undo(self, run_id: int, oldest: int, advance: Advance, *, anyway: bool = False) -> Undone:
        """Take a run back; goes on when it was interrupted. `oldest`: when the oldest run that can be ended.

        `anyway`: though a later run of its source stands, whose changes are then left. Raises Refused(NOT_FOUND |
        CONFLICT).
        """
        run = self._store.write_now(_start_undoing, run_id, oldest, anyway)
        pace = Pace(self._target.aim)
        looked_at, left_count = 0, 0
        left: list[Left] = []
        while True:
            began = time.monotonic()
            count, some = self._target.take_back(run_id, pace.size)
            if not count:
                break
            pace.took(time.monotonic() - began)
            looked_at += count
            left_count += len(some)
            left += some[: MAX_REPORTED - len(left)]
            advance(count)
        self._store.write_now(_end_undoing, self._origin, run_id)
        return Undone(run, looked_at, left_count, tuple(left))


def _known(export: Export, files: str, options: Options) -> imports.Plan:
    return imports.Plan(export.source, "full" if export.full else "delta", files, export.digest(), options.text)


def _begin(tx: Tx, origin: Origin, plan: imports.Plan) -> tuple[Run, bool]:
    run, resumed = imports.begin(tx, origin.actor, plan)
    if not resumed:
        audit.record(
            tx, origin, Action.IMPORTED, 0, Cause("import-begins", run=run.id, source=plan.source, files=plan.files)
        )
    return run, resumed


def _earlier(run: Run, resumed: bool) -> int:
    """Records that the run had applied before it was interrupted: the plan now finds them unchanged."""
    names = (Outcome.CREATED, Outcome.CHANGED, Outcome.LEAVING)
    return sum(run.counts.get(name.value, 0) for name in names) if resumed else 0


def _finish(tx: Tx, origin: Origin, run: Run, counts: Mapping[Outcome, int], earlier: int) -> None:
    whole = dict(imports.require(tx, run.id).counts)
    whole[Outcome.UNCHANGED.value] = max(0, counts[Outcome.UNCHANGED] - earlier)
    whole[Outcome.REFUSED.value] = counts[Outcome.REFUSED]
    imports.set_state(tx, run.id, RunState.DONE, whole)
    told = tuple(f"{count} {name}" for name, count in sorted(whole.items()) if count)
    audit.record(tx, origin, Action.IMPORTED, 0, Cause("import-done", run=run.id, counts=told))


def _start_undoing(tx: Tx, run_id: int, oldest: int, anyway: bool) -> Run:
    run = imports.get(tx, run_id)
    if run is None:
        raise Refused(Reason.NOT_FOUND, Cause("no-run", run=run_id))
    if run.state is RunState.UNDONE:
        raise Refused(Reason.CONFLICT, Cause("run-undone", run=run_id))
    if run.state is not RunState.UNDOING and (run.finished or run.at) < oldest:
        raise Refused(Reason.CONFLICT, Cause("run-too-old", run=run_id))
    later = 0 if anyway or run.state is RunState.UNDOING else imports.later(tx, run)
    if later:
        raise Refused(Reason.CONFLICT, Cause("run-followed", later=later))
    imports.set_state(tx, run_id, RunState.UNDOING)
    return run


def _end_undoing(tx: Tx, origin: Origin, run_id: int) -> None:
    imports.set_state(tx, run_id, RunState.UNDONE)
    fates = imports.count_fates(tx, run_id)
    told = tuple(f"{count} {fate.value}" for fate, count in sorted(fates.items()))
    audit.record(tx, origin, Action.IMPORT_UNDONE, 0, Cause("import-undone", run=run_id, counts=told))
