"""Classes and groups of a school, functions and disciplines of the academy: their codes and labels.

Codes are kept as affiliations keep them (`folding.code_key`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, delete, select, tuple_, update

from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import code_key, search_key
from mailserver.model.identity import Affiliation, Tie
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.people.search.conditions import Columns, Condition, Field, clause
from mailserver.store.record.notices import DIRECTORY
from mailserver.store.schema.people.entries import vocabulary_entry

OF_A_SCHOOL = frozenset({Tie.CLASS, Tie.GROUP})
"""Kinds whose entries stand below a school."""
OF_THE_ACADEMY = frozenset({Tie.FUNCTION, Tie.DISCIPLINE})
"""Kinds that have one vocabulary for everybody."""
IN_LIST = 1000
"""Values of one IN list: both engines bound the parameters of a statement."""


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the academy's vocabulary. `uai` is empty for what belongs to no school."""

    kind: Tie
    uai: str
    code: str
    label: str
    created: int
    modified: int

    @property
    def name(self) -> str:
        """What people read: the label, or the code where there is none."""
        return self.label or self.code


_COLUMNS = (
    vocabulary_entry.c.kind,
    vocabulary_entry.c.uai,
    vocabulary_entry.c.code,
    vocabulary_entry.c.label,
    vocabulary_entry.c.created,
    vocabulary_entry.c.modified,
)
_ALL: Select[Any] = select(*_COLUMNS)
_ONE = (
    vocabulary_entry.c.kind == bindparam("tie"),
    vocabulary_entry.c.uai == bindparam("school"),
    vocabulary_entry.c.code == bindparam("number"),
)
_GET = Statement(_ALL.where(*_ONE))
_RENAME = Statement(
    update(vocabulary_entry)
    .where(*_ONE)
    .values(label=bindparam("text"), label_key=bindparam("text_key"), modified=bindparam("now"))
)


def terms_of(affiliations: Iterable[Affiliation]) -> dict[tuple[Tie, str, str], str]:
    """The terms that affiliations speak of, each with its label: what `ensure_many` takes."""
    found: dict[tuple[Tie, str, str], str] = {}
    for affiliation in affiliations:
        if affiliation.kind in OF_A_SCHOOL and affiliation.uai:
            place = (affiliation.kind, affiliation.uai.upper(), code_key(affiliation.code))
        elif affiliation.kind in OF_THE_ACADEMY:
            place = (affiliation.kind, "", code_key(affiliation.code))
        else:
            continue
        found[place] = found.get(place) or " ".join(affiliation.label.split())
    return found


def get(tx: Tx, kind: Tie, uai: str, code: str) -> Term | None:
    """One term."""
    row = tx.one(_GET, tie=kind.value, school=uai.upper(), number=code_key(code))
    return _term(row) if row is not None else None


def listing(tx: Tx, kind: Tie, uai: str | None = None) -> list[Term]:
    """Every term of a kind: of one school, or of all, in the order of schools and codes."""
    wanted = _ALL.where(vocabulary_entry.c.kind == kind.value)
    if uai is not None:
        wanted = wanted.where(vocabulary_entry.c.uai == uai.upper())
    return [_term(tuple(row)) for row in tx.execute(wanted.order_by(vocabulary_entry.c.uai, vocabulary_entry.c.code))]


_COLUMNS_OF: Columns = {
    Field.UAI: vocabulary_entry.c.uai,
    Field.CODE: vocabulary_entry.c.code,
    Field.NAME: vocabulary_entry.c.label_key,
}


def matching(tx: Tx, kind: Tie, condition: Condition, limit: int, after: tuple[str, str] = ("", "")) -> list[Term]:
    """Terms that may satisfy a condition (too many perhaps, never too few), by (uai, code) beyond `after`."""
    # As a pair: an index finds where to go on.
    beyond = tuple_(vocabulary_entry.c.uai, vocabulary_entry.c.code) > after
    wanted = _ALL.where(vocabulary_entry.c.kind == kind.value, beyond, clause(condition, _COLUMNS_OF))
    rows = tx.execute(wanted.order_by(vocabulary_entry.c.uai, vocabulary_entry.c.code).limit(limit))
    return [_term(tuple(row)) for row in rows]


def ensure_many(tx: Tx, terms: Mapping[tuple[Tie, str, str], str]) -> int:
    """Create the terms that are not known and name those that had no name; how many are new or named.

    By (kind, uai, code): the label, which may be empty. A name that is there is never overwritten: `rename` does that.
    """
    rows = [_row(tx, place, label) for place, label in sorted(terms.items())]
    known = _labels(tx, rows)
    new = [row for row in rows if _place(row) not in known]
    named = [row for row in rows if row["label"] and known.get(_place(row)) == ""]
    done = sum(tx.insert_ignore(vocabulary_entry, row) for row in new)
    for row in named:
        rename(tx, Tie(str(row["kind"])), str(row["uai"]), str(row["code"]), str(row["label"]))
    if done:
        tx.changed(DIRECTORY, 0)
    return done + len(named)


def rename(tx: Tx, kind: Tie, uai: str, code: str, label: str) -> None:
    """Give a term another label. Raises Refused(NOT_FOUND)."""
    text = " ".join(label.split())
    done = tx.run(
        _RENAME,
        tie=kind.value,
        school=uai.upper(),
        number=code_key(code),
        text=text,
        text_key=search_key(text),
        now=tx.now,
    )
    if not done:
        raise Refused(Reason.NOT_FOUND, f"{kind.value} {code}: unknown here")
    tx.changed(DIRECTORY, 0)


def remove(tx: Tx, kind: Tie, uai: str, code: str) -> bool:
    """Take a term out of the vocabulary; False when it was not in it."""
    done = tx.execute(
        delete(vocabulary_entry).where(
            vocabulary_entry.c.kind == kind.value,
            vocabulary_entry.c.uai == uai.upper(),
            vocabulary_entry.c.code == code_key(code),
        )
    )
    if done.rowcount:
        tx.changed(DIRECTORY, 0)
    return bool(done.rowcount)


def _place(row: Mapping[str, str | int]) -> tuple[str, str, str]:
    return str(row["kind"]), str(row["uai"]), str(row["code"])


def _labels(tx: Tx, rows: list[dict[str, str | int]]) -> dict[tuple[str, str, str], str]:
    """What is known already, by place: an import says the same thousand codes again and again."""
    kinds = {str(row["kind"]) for row in rows}
    uais = sorted({str(row["uai"]) for row in rows})
    known: dict[tuple[str, str, str], str] = {}
    for start in range(0, len(uais), IN_LIST):
        found = tx.execute(
            select(*_COLUMNS[:4]).where(
                vocabulary_entry.c.kind.in_(kinds), vocabulary_entry.c.uai.in_(uais[start : start + IN_LIST])
            )
        )
        known.update({(kind, uai, code): label for kind, uai, code, label in map(tuple, found)})
    return known


def _row(tx: Tx, place: tuple[Tie, str, str], label: str) -> dict[str, str | int]:
    kind, uai, code = place
    text = " ".join(label.split())
    return {
        "kind": kind.value,
        "uai": uai.upper(),
        "code": code_key(code),
        "label": text,
        "label_key": search_key(text),
        "created": tx.now,
        "modified": tx.now,
    }


def _term(row: tuple[Any, ...]) -> Term:
    return Term(Tie(row[0]), row[1], row[2], row[3], row[4], row[5])
