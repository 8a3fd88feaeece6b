"""Imports as tests run them: text in, report out, on the embedded directory."""

from dataclasses import dataclass, field
from pathlib import Path

from directory.imports.deciding import Terms
from directory.imports.intake import Intake, Options, Report, Undone
from directory.imports.planning import Listener, Tally
from directory.imports.sources.records import Fault, Remark
from directory.imports.sources.rows import CsvExport
from directory.imports.target import Outcome, Result
from directory.imports.targets.embedded import EmbeddedTarget
from directory.imports.targets.restoring import Ending
from directory.people.embedded import EmbeddedDirectory
from mailserver.store.account import accounts
from mailserver.store.account.accounts import Standing
from mailserver.store.engine.transactions import Store
from mailserver.store.people import people
from mailserver.store.people.people import Entry
from mailserver.store.people.search.conditions import Everything
from mailserver.store.record.audit import Origin
from tests.clocks import PARIS
from tests.directory.conftest import DOMAIN

HEADER = "given_name,surname,birth_date,role,numen,ine,uai,discipline,login,password"
DAY = 86400


def ignore(_: int) -> None:
    """Progress that nobody looks at."""


@dataclass
class Heard(Listener):
    """Everything a listener is told."""

    results: list[Result] = field(default_factory=list)
    refused: list[Fault] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    def result(self, done: Result) -> None:
        if done.outcome is Outcome.REFUSED:
            self.refused.append(Fault(done.line, done.why))
        else:
            self.results.append(done)

    def fault(self, fault: Fault) -> None:
        self.refused.append(fault)

    def remark(self, remark: Remark) -> None:
        self.remarks.append(remark)


@dataclass
class Done:
    """An import as a test looks at it."""

    tally: Tally
    foreseen: Heard
    heard: Heard
    report: Report | None = None

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Created, changed, unchanged, refused."""
        counts = self.tally.counts
        return (
            counts[Outcome.CREATED],
            counts[Outcome.CHANGED],
            counts[Outcome.UNCHANGED],
            counts[Outcome.REFUSED],
        )

    @property
    def leaving(self) -> int:
        return self.tally.counts[Outcome.LEAVING]

    @property
    def run_id(self) -> int:
        assert self.report is not None
        return self.report.run_id


class Importer:
    """Imports text into one store."""

    def __init__(self, directory: EmbeddedDirectory, store: Store, folder: Path) -> None:
        self.directory = directory
        self.store = store
        self.folder = folder

    def intake(self, source: str = "csv", *, full: bool = False) -> Intake:
        close_at = int(self.store.clock.now()) + 60 * DAY
        terms = Terms(source, DOMAIN, full, close_at, zone=PARIS)
        origin = Origin("tester", "test")
        target = EmbeddedTarget(self.store, terms, Ending(30 * DAY, 90 * DAY), origin)
        return Intake(self.store, target, self.directory.academy.proofs, self.directory.passwords, terms, origin)

    def export(self, *lines: str, header: str = HEADER, source: str = "csv", full: bool = False) -> CsvExport:
        path = self.folder / "people.csv"
        path.write_bytes(("\r\n".join((header, *lines)) + "\r\n").encode("utf-8", "surrogateescape"))
        return CsvExport(path, source, full=full)

    def __call__(
        self,
        *lines: str,
        header: str = HEADER,
        source: str = "csv",
        full: bool = False,
        dry_run: bool = False,
        strict: bool = False,
        accept_passwords: bool = False,
        allow_leavers: int | None = None,
        confirm_logins: bool = False,
    ) -> Done:
        export = self.export(*lines, header=header, source=source, full=full)
        options = Options(dry_run, strict, accept_passwords, allow_leavers, confirm_logins=confirm_logins)
        intake = self.intake(source, full=full)
        foreseen, heard = Heard(), Heard()
        plan = intake.plan(export, options, foreseen, ignore)
        try:
            if dry_run:
                return Done(plan.tally, foreseen, foreseen)
            report = intake.apply(export, "people.csv", plan, options, heard, ignore)
        finally:
            plan.close()
        heard.refused = [*foreseen.refused, *heard.refused]
        heard.remarks = foreseen.remarks
        return Done(report.tally, foreseen, heard, report)

    def undo(self, run_id: int, *, anyway: bool = False) -> Undone:
        return self.intake().undo(run_id, 0, ignore, anyway=anyway)

    def entry(self, login: str) -> Entry:
        found = self.store.read_now(people.find, login)
        assert found is not None
        return found

    def standing(self, login: str) -> Standing:
        found = self.store.read_now(accounts.by_login, login)
        assert found is not None
        return found

    def everybody(self) -> list[Entry]:
        return self.store.read_now(people.matching, Everything(), 10_000)
