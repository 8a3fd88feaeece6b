"""What an import shows: the difference as counts and a bounded table, or everything as JSON."""

import json
import sys
import tempfile
from collections.abc import Iterable
from typing import IO

from rich.table import Table

from directory.imports.jobs import kind_of
from directory.imports.planning import Tally
from directory.imports.sources.records import Fault, Remark
from directory.imports.target import Outcome, Result
from mailserver.cli.shared import show_table
from mailserver.texts.command_line import LANGUAGE, _
from mailserver.texts.languages import FRENCH
from mailserver.texts.names import NAMES

SHOWN = 15
"""People of each kind in the table."""
MAX_LINES = 10_000
"""Refused lines and remarks that are printed; the counts go on."""

KINDS = ("arrives", "homonym", "leaves", "returns", "renamed", "moved", "changed")


class Collector:
    """A `planning.Listener` that keeps what is shown, and on disk what is not."""

    def __init__(self, *, whole: bool) -> None:
        """`whole`: everything, for JSON."""
        self.refused: list[Fault] = []
        self.remarks: list[Remark] = []
        self.refused_count = 0
        self.remark_count = 0
        self._bound = sys.maxsize if whole else MAX_LINES
        self._shown: dict[str, list[Result]] = {kind: [] for kind in KINDS}
        self._counts = dict.fromkeys(KINDS, 0)
        self._spool: IO[str] | None = tempfile.TemporaryFile("w+", encoding="utf-8") if whole else None  # noqa: SIM115

    def result(self, done: Result) -> None:
        if done.outcome is Outcome.REFUSED:
            self.fault(Fault(done.line, done.why, None, done.file))
            return
        if done.outcome is Outcome.UNCHANGED:
            return
        kind = kind_of(done)
        self._counts[kind] += 1
        if len(self._shown[kind]) < SHOWN:
            self._shown[kind].append(done)
        if self._spool is not None:
            self._spool.write(json.dumps(_facts(done, kind), ensure_ascii=False) + "\n")

    def fault(self, fault: Fault) -> None:
        self.refused_count += 1
        if len(self.refused) < self._bound:
            self.refused.append(Fault(fault.number, fault.reason, None, fault.file))

    def remark(self, remark: Remark) -> None:
        self.remark_count += 1
        if len(self.remarks) < self._bound:
            self.remarks.append(remark)

    def close(self) -> None:
        if self._spool is not None:
            self._spool.close()

    # ------------------------------------------------------------------ showing

    def print_lines(self) -> None:
        """Remarks and refused lines with their reasons."""
        for remark in self.remarks:
            print(place(remark) + _("attention : {why}", why=remark.reason))
        for fault in self.refused:
            print(place(fault) + _("refusé : {why}", why=fault.reason))
        if self.refused_count > len(self.refused):
            print(
                _("… et {refused_count} autres lignes refusées", refused_count=self.refused_count - len(self.refused))
            )

    def print_table(self) -> None:
        """Some people of each kind."""
        if not any(self._counts.values()):
            return
        table = Table("", _("Identifiant"), _("Nom"), _("Adresse"), _("Quoi"))
        for kind in KINDS:
            for done in self._shown[kind]:
                table.add_row(kind, done.login, done.name, done.address, _what(done))
            left_out = self._counts[kind] - len(self._shown[kind])
            if left_out:
                table.add_row(kind, "…", _("et {count} autres", count=left_out), "", "")
        show_table(table)

    def write_json(self, facts: dict[str, object], faults: Iterable[Fault], remarks: Iterable[Remark]) -> None:
        """One document on standard output, written as it is read back: it may be larger than memory."""
        whole = {
            **facts,
            "refused_lines": [_line(fault) for fault in faults],
            "warnings": [_line(remark) for remark in remarks],
        }
        head = json.dumps(whole, ensure_ascii=False)
        sys.stdout.write(f'{head[:-1]}, "people": [')
        if self._spool is not None:
            self._spool.seek(0)
            for number, text in enumerate(self._spool):
                sys.stdout.write((", " if number else "") + text.rstrip("\n"))
        sys.stdout.write("]}\n")


def sentence(tally: Tally) -> str:
    """The counts in one line."""
    counts = ", ".join(f"{count} {_named(outcome)}" for outcome, count in tally.counts.items())
    among = (
        (tally.moved, _("muté(s)")),
        (tally.renamed, _("renommé(s)")),
        (tally.returning, _("de retour")),
    )
    told = ", ".join(f"{count} {word}" for count, word in among if count)
    changed = _(" (parmi les modifiés {told})", told=told) if told else ""
    homonyms = _(" ({count} avec un numéro)", count=tally.homonyms) if tally.homonyms else ""
    return counts + changed + homonyms + _(" ; {count} activés", count=tally.activated)


def _named(outcome: Outcome) -> str:
    return NAMES[outcome.value] if LANGUAGE == FRENCH else outcome.value


def _what(done: Result) -> str:
    if done.elder:
        return _("après {elder}", elder=done.elder)
    told = [f"{detail.name} {detail.before or '—'} → {detail.after or '—'}" for detail in done.details]
    silent = {*(detail.name for detail in done.details), "affiliations", "aliases", "close_reason", "welcome_due"}
    return ", ".join((*told, *(name for name in done.changed if name not in silent)))


def _facts(done: Result, kind: str) -> dict[str, object]:
    return {
        "line": done.line,
        **({"file": done.file} if done.file else {}),
        "kind": kind,
        "outcome": done.outcome.value,
        "login": done.login,
        "address": done.address,
        "name": done.name,
        "changed": list(done.changed),
        "details": [detail._asdict() for detail in done.details],
        "elder": done.elder,
        "activated": done.activates,
    }


def _line(one: Fault | Remark) -> dict[str, object]:
    return {"number": one.number, "reason": one.reason, **one.reason.facts, **({"file": one.file} if one.file else {})}


def place(one: Fault | Remark) -> str:
    """Nothing for what is said of all files together."""
    told = [text for text in (one.file, _("ligne {number}", number=one.number) if one.number else "") if text]
    return _("{place} : ", place=", ".join(told)) if told else ""
