"""Schools of the embedded directory, by their UAI code."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select, update

from mailserver.folding import search_key
from mailserver.store.notices import DIRECTORY
from mailserver.store.schema.people import school
from mailserver.store.statements import Tx


@dataclass(frozen=True, slots=True)
class School:
    """A school; the name may not be known yet."""

    uai: str
    name: str
    created: int
    modified: int


_ALL: Select[Any] = select(school.c.uai, school.c.name, school.c.created, school.c.modified)


def listing(tx: Tx) -> list[School]:
    """Every school, by UAI. An academy has a few thousand at most."""
    return [School(*tuple(row)) for row in tx.execute(_ALL.order_by(school.c.uai))]


def get(tx: Tx, uai: str) -> School | None:
    """A school by its UAI."""
    row = tx.execute(_ALL.where(school.c.uai == uai.upper())).first()
    return School(*tuple(row)) if row is not None else None


def ensure(tx: Tx, uais: Iterable[str]) -> int:
    """Create the schools that are not known; how many were new."""
    values = [
        {"uai": uai, "name": "", "name_key": "", "created": tx.now, "modified": tx.now} for uai in sorted(set(uais))
    ]
    new = sum(tx.insert_ignore(school, value) for value in values)
    if new:
        tx.changed(DIRECTORY, 0)
    return new


def rename(tx: Tx, uai: str, name: str) -> None:
    """Name a school, creating it when needed."""
    ensure(tx, (uai,))
    tx.execute(update(school).where(school.c.uai == uai).values(name=name, name_key=search_key(name), modified=tx.now))
    tx.changed(DIRECTORY, 0)
