"""The import as a whole: reads, hashes beside, writes batch by batch, and reports."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from directory import issuing
from directory.enrolment import Academy
from directory.hashing import Passwords
from directory.imports import merging
from directory.imports.merging import Outcome, Result
from directory.imports.recognition import Candidate, Recogniser
from directory.imports.rows import Fault, Line
from mailserver.store.audit import Origin
from mailserver.store.transactions import Store

BATCH = 50
"""Lines of one unit: mail that arrives meanwhile waits no longer than that takes."""
MAX_REPORTED = 10_000
"""Refused lines and warnings kept for the report; the counts go on."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to import."""

    dry_run: bool = False
    strict: bool = False
    """Refuse a line whose UAI has a wrong check letter (otherwise it is a warning)."""
    accept_passwords: bool = False


@dataclass(slots=True)
class Report:
    """What an import did, or would do."""

    counts: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    activated: int = 0
    refused: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)

    def refuse(self, fault: Fault) -> None:
        self.counts[Outcome.REFUSED] += 1
        if len(self.refused) < MAX_REPORTED:
            self.refused.append(fault)

    def warn(self, fault: Fault) -> None:
        if len(self.warnings) < MAX_REPORTED:
            self.warnings.append(fault)

    def take(self, result: Result) -> None:
        if result.outcome is Outcome.REFUSED:
            self.refuse(Fault(result.line, result.reason))
            return
        self.counts[result.outcome] += 1
        self.activated += result.activates


class Intake:
    """One import. `progress` is told how many lines are done."""

    def __init__(self, store: Store, academy: Academy, passwords: Passwords, options: Options, origin: Origin) -> None:
        self._store = store
        self._academy = academy
        self._passwords = passwords
        self._options = options
        self._origin = origin
        self._recogniser = Recogniser(academy.proofs)
        self._foreseen: dict[tuple[str, object], Candidate] = {}

    def run(self, lines: Iterable[Line | Fault], progress: Callable[[int], None]) -> Report:
        """Import every line. Raises Temporary when the store is out of reach: what was written stays."""
        report = Report()
        for batch in _batches(lines):
            candidates = [self._recogniser.candidate(line) for line in self._passing(batch, report)]
            for result in self._foresee(candidates) if self._options.dry_run else self._merge(candidates):
                report.take(result)
            progress(len(batch))
        return report

    def _passing(self, batch: Iterable[Line | Fault], report: Report) -> Iterator[Line]:
        """Lines worth asking the store about; the others go to the report."""
        for line in batch:
            if isinstance(line, Fault):
                report.refuse(line)
                continue
            uai = line.person.uai
            if uai and not issuing.uai_checks(uai):
                fault = Fault(line.number, f"uai: {uai} should end in {issuing.uai_letter(uai[:7])}")
                if self._options.strict:
                    report.refuse(fault)
                    continue
                report.warn(fault)
            yield line

    def _merge(self, candidates: Sequence[Candidate]) -> list[Result]:
        hashes = self._hashes(candidates) if self._options.accept_passwords else {}
        return self._store.write_now(merging.merge, self._academy, candidates, hashes, self._origin)

    def _hashes(self, candidates: Sequence[Candidate]) -> dict[int, str]:
        """Hashes of the passwords that will be taken, on all cores; the others are not worth 20 ms each."""
        with_password = [candidate for candidate in candidates if candidate.line.password is not None]
        foreseen = self._store.read_now(merging.foresee, self._academy, with_password, True)
        futures = {
            candidate.line.number: self._passwords.hash_soon(candidate.line.password)
            for candidate, result in zip(with_password, foreseen, strict=True)
            if result.activates and candidate.line.password is not None
        }
        return {number: future.result() for number, future in futures.items()}

    # ------------------------------------------------------------------ dry run

    def _foresee(self, candidates: Sequence[Candidate]) -> Iterator[Result]:
        """As the store is now; lines about somebody whom an earlier line would create are told apart here."""
        accept = self._options.accept_passwords
        results = self._store.read_now(merging.foresee, self._academy, candidates, accept)
        for candidate, result in zip(candidates, results, strict=True):
            earlier = self._earlier(candidate) if result.outcome is Outcome.CREATED else None
            if earlier is None:
                yield result
            else:
                same = earlier.line.person == candidate.line.person
                yield Result(result.line, Outcome.UNCHANGED if same else Outcome.CHANGED)

    def _earlier(self, candidate: Candidate) -> Candidate | None:
        """The earlier line about the same new person; remembers this one otherwise."""
        person = candidate.line.person
        keys = [
            (kind, mark)
            for kind, mark in (
                ("ine", candidate.marks.ine),
                ("numen", candidate.marks.numen),
                ("login", person.login.casefold()),
            )
            if mark
        ]
        for key in keys:
            if key in self._foreseen:
                return self._foreseen[key]
        self._foreseen.update(dict.fromkeys(keys, candidate))
        return None


def _batches(lines: Iterable[Line | Fault]) -> Iterator[list[Line | Fault]]:
    iterator = iter(lines)
    while batch := list(islice(iterator, BATCH)):
        yield batch
