"""Schools of the embedded directory, by their UAI code."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, exists, insert, select, update

from mailserver.model.folding import search_key
from mailserver.model.identity import Tie
from mailserver.store.engine.statements import Tx
from mailserver.store.record.notices import DIRECTORY
from mailserver.store.schema.people.entries import school, vocabulary_entry

IN_LIST = 1000
"""Values of one IN list: both engines bound the parameters of a statement."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What an export says of a school. `kind`: LYC, CLG, EREA …; `contract`: PU or PR; `telephone`: one number."""

    uai: str
    name: str = ""
    kind: str = ""
    contract: str = ""
    address: str = ""
    postcode: str = ""
    town: str = ""
    telephone: str = ""
    source_key: str = ""


@dataclass(frozen=True, slots=True)
class School:
    """A school; all but its UAI may not be known yet."""

    uai: str
    name: str
    created: int
    modified: int
    kind: str = ""
    contract: str = ""
    address: str = ""
    postcode: str = ""
    town: str = ""
    telephone: str = ""
    source_key: str = ""

    @property
    def facts(self) -> Facts:
        """The school as an export would say it."""
        return Facts(
            *(self.uai, self.name, self.kind, self.contract, self.address),
            *(self.postcode, self.town, self.telephone, self.source_key),
        )


_FACTS = (
    *(school.c.kind, school.c.contract, school.c.address, school.c.postcode),
    *(school.c.town, school.c.telephone, school.c.source_key),
)
_ALL: Select[Any] = select(school.c.uai, school.c.name, school.c.created, school.c.modified, *_FACTS)


def listing(tx: Tx) -> list[School]:
    """Every school, by UAI. An academy has a few thousand at most."""
    return [School(*tuple(row)) for row in tx.execute(_ALL.order_by(school.c.uai))]


def get(tx: Tx, uai: str) -> School | None:
    """A school by its UAI."""
    row = tx.execute(_ALL.where(school.c.uai == uai.upper())).first()
    return School(*tuple(row)) if row is not None else None


def with_terms(tx: Tx) -> set[str]:
    """The schools of which classes or groups are known."""
    below = exists().where(
        vocabulary_entry.c.kind.in_([Tie.CLASS.value, Tie.GROUP.value]), vocabulary_entry.c.uai == school.c.uai
    )
    return set(tx.execute(select(school.c.uai).where(below)).scalars())


def ensure(tx: Tx, uais: Iterable[str]) -> int:
    """Create the schools that are not known; how many were new."""
    values = [
        {"uai": uai, "name": "", "name_key": "", "created": tx.now, "modified": tx.now} for uai in sorted(set(uais))
    ]
    new = sum(tx.insert_ignore(school, value) for value in values)
    if new:
        tx.changed(DIRECTORY, 0)
    return new


def upsert(tx: Tx, wanted: Sequence[Facts]) -> set[str]:
    """Set what is known of schools, creating them when needed; the UAI codes of those that changed."""
    held: dict[str, School] = {}
    for start in range(0, len(wanted), IN_LIST):
        codes = [facts.uai for facts in wanted[start : start + IN_LIST]]
        rows = tx.execute(_ALL.where(school.c.uai.in_(codes)))
        held.update({row[0]: School(*tuple(row)) for row in rows})
    changed: set[str] = set()
    for facts in wanted:
        before = held.get(facts.uai)
        if before is not None and before.facts == facts:
            continue
        values = _values(tx, facts)
        if before is None:
            tx.execute(insert(school).values(uai=facts.uai, created=tx.now, **values))
        else:
            tx.execute(update(school).where(school.c.uai == facts.uai).values(**values))
        held[facts.uai] = School(facts.uai, facts.name, tx.now, tx.now, *_rest(facts))
        changed.add(facts.uai)
    if changed:
        tx.changed(DIRECTORY, 0)
    return changed


def _rest(facts: Facts) -> tuple[str, ...]:
    return (
        *(facts.kind, facts.contract, facts.address, facts.postcode),
        *(facts.town, facts.telephone, facts.source_key),
    )


def _values(tx: Tx, facts: Facts) -> dict[str, str | int]:
    columns = (column.name for column in _FACTS)
    return {
        **dict(zip(columns, _rest(facts), strict=True)),
        "name": facts.name,
        "name_key": search_key(facts.name),
        "modified": tx.now,
    }
