"""The database that is filled: it has a note of whose it will be, and is nobody's instance until the last step.

Foreign keys of PostgreSQL are taken away meanwhile, since a table that is made the same again may be one that others
refer to; they come back, and are checked, before the end. Once everything was brought (`following`) they stand while
the service still goes on, and what comes since is checked by them at the end of its transaction.
"""

import os
import time
from enum import Enum
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.schema import AddConstraint, CreateTable, DropConstraint

from mailserver.foundation.ownership import give_to_owner
from mailserver.store.engine import migrate
from mailserver.store.moving import journal
from mailserver.store.moving.ends import CannotMove, End
from mailserver.store.octets.disk import sync_folder
from mailserver.store.schema.base import metadata
from mailserver.store.schema.service.keeping import instance
from mailserver.store.schema.service.moving import moved_away, moving_in
from mailserver.store.upkeep.opening import Place
from mailserver.texts.text import Text

NUMBERED = [table for table in metadata.sorted_tables if table.dialect_options["sqlite"].get("autoincrement")]
"""Tables whose rows the engine numbers, and never twice."""
_FOREIGN_KEYS = [one for table in metadata.sorted_tables for one in table.foreign_key_constraints]


class State(Enum):
    """What a move finds at the other end."""

    EMPTY = "empty"
    BEGUN = "begun"
    WHOLE = "whole"
    """All that was left to do is to say so in the settings."""


def state(place: Place, target: End, identifier: str, *, moved: bool) -> State:
    """Raises CannotMove for what holds something else: nothing in it is touched. `moved`: the source says it was."""
    if target.is_sqlite and not os.path.exists(target.path):
        if not Path(target.path).parent.is_dir():
            raise CannotMove(Text("{path} : ce dossier n’existe pas", path=Path(target.path).parent))
        return State.EMPTY
    with migrate.refusals(place.url), migrate.reading(place.url) as connection:
        looked = inspect(connection)
        tables = set(looked.get_table_names())
        if not tables:
            if target.is_sqlite:
                raise CannotMove(Text("{url} existe déjà : effacez ou renommez ce fichier", url=target))
            if connection.execute(text("SHOW server_encoding")).scalar() != "UTF8":
                raise CannotMove(Text("{url} n’est pas en UTF8 : CREATE DATABASE … ENCODING 'UTF8'", url=target))
            return State.EMPTY
        if moving_in.name in tables:
            if connection.execute(select(moving_in.c.instance)).scalar() == identifier:
                return State.BEGUN
            raise CannotMove(Text("{url} : le déplacement d’une autre instance y a commencé", url=target))
        known = connection.execute(select(instance.c.identifier)).scalar() if instance.name in tables else ""
        if known == identifier and moved and moved_away.name not in tables:
            return State.WHOLE
    if known == identifier:
        raise CannotMove(
            Text("{url} contient déjà un état de cette instance : choisissez une base vide, ou videz-la", url=target)
        )
    raise CannotMove(Text("{url} n’est pas vide : choisissez une base vide", url=target))


def begin(place: Place, target: End, identifier: str, found: State, *, keys: bool = False) -> None:
    """The schema, without foreign keys unless those that stand are to stay, and the note. Raises Temporary, OSError."""
    if found is State.EMPTY and target.is_sqlite:
        _make_file(place, target, identifier)
        return
    if target.is_sqlite:
        return
    with migrate.refusals(place.url), migrate.locked(place.url, place.data, making=True) as connection:
        migrate.begin_writing(connection)
        if not inspect(connection).has_table(moving_in.name):
            _note(connection, identifier)
        migrate.upgrade_over(connection)
        present = set() if keys else _present(connection)
        for constraint in _FOREIGN_KEYS:
            if constraint.name in present:
                connection.execute(DropConstraint(constraint))
        connection.commit()


def _make_file(place: Place, target: End, identifier: str) -> None:
    """Under another name until it has the schema and the note: a half of them cannot be gone on with."""
    path = Path(target.path)
    fresh = path.with_name(f"{path.name}.moving")
    fresh.unlink(missing_ok=True)
    with migrate.locked(f"sqlite:///{fresh}", place.data, making=True) as connection:
        migrate.upgrade_over(connection)
        _note(connection, identifier)
    give_to_owner(fresh, path.parent)
    fresh.rename(path)
    sync_folder(path.parent)


def _note(connection: Connection, identifier: str) -> None:
    connection.execute(CreateTable(moving_in))
    connection.execute(moving_in.insert().values(instance=identifier, begun=int(time.time())))
    connection.commit()


def _present(connection: Connection) -> set[str | None]:
    """Names of the foreign keys that there are."""
    found = inspect(connection).get_multi_foreign_keys()
    return {one["name"] for each in found.values() for one in each}


def begun(place: Place) -> int:
    """When the move began. Raises Temporary."""
    with migrate.refusals(place.url), migrate.reading(place.url) as connection:
        return int(connection.execute(select(moving_in.c.begun)).scalar_one())


def complete(place: Place, source: End, target: End, *, checked: bool = False) -> None:
    """The numbers that come next, and foreign keys, all checked. `checked`: they were, and what came since came out of
    a database that checks them: a file, where nothing but reading everything can tell, is not read for it again.

    Raises CannotMove, Temporary.
    """
    last = last_ids(source)
    with migrate.refusals(place.url), migrate.locked(place.url, place.data) as connection:
        migrate.begin_writing(connection)
        for name, number in last.items():
            _continue_after(connection, name, number)
        if target.is_sqlite:
            lost = (
                None
                if checked and not source.is_sqlite
                else connection.execute(text("PRAGMA foreign_key_check")).first()
            )
            if lost is not None:
                raise CannotMove(Text("{url} : des lignes de {table} sont incomplètes", url=target, table=lost[0]))
        else:
            present = _present(connection)
            for constraint in _FOREIGN_KEYS:
                if constraint.name not in present:
                    connection.execute(AddConstraint(constraint))
            for words in _put_off(connection.connection.driver_connection, want=False):
                connection.execute(text(words))
        connection.commit()


def put_keys_off(driver: Any) -> None:
    """PostgreSQL: foreign keys are checked at the end of this transaction."""
    for words in _put_off(driver, want=True):
        driver.execute(words)
    driver.execute("SET CONSTRAINTS ALL DEFERRED")


def _put_off(driver: Any, *, want: bool) -> list[str]:
    """What makes foreign keys such that a transaction can put them off, or as the schema has them."""
    found = driver.execute(
        "SELECT conrelid::regclass::text, quote_ident(conname) FROM pg_constraint"
        " WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND condeferrable <> %s",
        (want,),
    )
    kind = "DEFERRABLE" if want else "NOT DEFERRABLE"
    return [f"ALTER TABLE {table} ALTER CONSTRAINT {name} {kind}" for table, name in found.fetchall()]


def tidy(target: End, *, counts: bool) -> None:
    """PostgreSQL: what plans are made from, and quick counts, before anybody waits for them."""
    if not target.is_sqlite:
        with target.opened(writes=True) as driver:
            driver.execute("VACUUM (ANALYZE)" if counts else "ANALYZE")


def last_ids(source: End) -> dict[str, int]:
    """The last number that was given in each table, whether its row is still there or not."""
    names = [table.name for table in NUMBERED]
    with source.opened() as driver:
        if source.is_sqlite:
            known = dict(driver.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
            return {name: int(known.get(name, 0)) for name in names}
        found = {}
        for name in names:
            (sequence,) = driver.execute("SELECT pg_get_serial_sequence(%s, 'id')", (name,)).fetchone()
            last, was_given = driver.execute(f"SELECT last_value, is_called FROM {sequence}").fetchone()  # noqa: S608
            found[name] = int(last) if was_given else 0
    return found


def _continue_after(connection: Connection, name: str, number: int) -> None:
    values = {"name": name, "number": number}
    if connection.dialect.name == "postgresql":
        words = "SELECT setval(pg_get_serial_sequence(:name, 'id'), greatest(:number, 1), :number > 0)"
        connection.execute(text(words), values)
        return
    connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": name})
    if number:
        connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :number)"), values)


def give(place: Place, source: End) -> None:
    """The target is the instance from now on. Raises Temporary, OSError."""
    (row,) = source.rows(instance)
    with migrate.refusals(place.url), migrate.locked(place.url, place.data) as connection:
        migrate.begin_writing(connection)
        connection.execute(instance.delete())
        connection.execute(instance.insert().values(dict(zip((c.name for c in instance.c), row, strict=True))))
        connection.execute(text(f"DROP TABLE {moving_in.name}"))
        connection.execute(text(f"DROP TABLE IF EXISTS {journal.AT_TARGET}"))
        connection.commit()
