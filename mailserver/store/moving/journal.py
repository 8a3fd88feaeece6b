"""The keys of rows that change in a SQLite database while a move brings it, so that its end need not read the others.

Triggers write each key down in the transaction that changes its row, whoever does it. `token` stands at both ends and
is another one after each catching up: where an older state of either end was put back, they differ, and the journal is
not believed. Neither is it when a trigger is not as it was made, as after an upgrade that makes a table anew.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, inspect

from mailserver.store.engine import migrate
from mailserver.store.moving.ends import TABLES, End, Row

WIDTH = max(len(table.primary_key.columns) for table in TABLES)
_KEYS = [f"k{number}" for number in range(WIDTH)]
_MAKE = (
    "CREATE TABLE moving_out (token TEXT NOT NULL, before TEXT NOT NULL, revision TEXT NOT NULL,"
    " whole INTEGER NOT NULL, mended INTEGER NOT NULL)",
    f"CREATE TABLE moving_change (seq INTEGER PRIMARY KEY, name TEXT NOT NULL, {', '.join(_KEYS)})",
)
AT_TARGET = "moving_token"
"""A table at the other end, of one row."""
_REVISION = "SELECT group_concat(version_num) FROM alembic_version"
PURGED = 20_000
"""Keys that are forgotten in one transaction."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What the journal says of itself."""

    is_whole: bool
    """Everything was brought and compared; what is not in the journal is the same at both ends."""
    changes: int
    """Written down since."""
    mended: int
    """Texts that PostgreSQL could not keep, when everything was compared."""


def begin(source: End, target: End) -> None:
    """Write down what changes from now on. Raises CannotMove."""
    token = secrets.token_hex(16)
    with source.opened(writes=True) as driver:
        driver.execute("BEGIN IMMEDIATE")
        _drop(driver)
        for words in (*_MAKE, *_triggers().values()):
            driver.execute(words)
        driver.execute(f"INSERT INTO moving_out VALUES (?, ?, ({_REVISION}), 0, 0)", (token, token))  # noqa: S608
        driver.execute("COMMIT")
    _mark(target, token)


def end(source: End) -> bool:
    """Nothing is written down any more; whether anything was. Raises CannotMove."""
    with source.opened(writes=True) as driver:
        if not _is_there(driver):
            return False
        driver.execute("BEGIN IMMEDIATE")
        _drop(driver)
        driver.execute("COMMIT")
    return True


def look(source: End) -> Outgoing | None:
    """None: there is none, or it cannot be believed."""
    with source.opened() as driver:
        if not _is_there(driver):
            return None
        (whole, mended, is_same) = driver.execute(
            f"SELECT whole, mended, revision = ({_REVISION}) FROM moving_out"  # noqa: S608 - words of our own
        ).fetchone()
        if not is_same or _found(driver) != _triggers():
            return None
        (changes,) = driver.execute("SELECT count(*) FROM moving_change").fetchone()
        return Outgoing(bool(whole), int(changes), int(mended))


def count(url: str) -> int | None:
    """How much that of a SQLite database has written down, whether it can be believed or not; None: there is none.

    Changes nothing, not even a file. Raises Temporary.
    """
    with migrate.refusals(url), migrate.reading(url) as connection:
        if not inspect(connection).has_table("moving_out"):
            return None
        return int(connection.exec_driver_sql("SELECT count(*) FROM moving_change").scalar_one())


def is_followed(source: End, target: End) -> bool:
    """Whether the target has everything but what the journal names. Raises CannotMove."""
    found = look(source) if source.is_sqlite else None
    if found is None or not found.is_whole:
        return False
    with source.opened() as driver:
        tokens = driver.execute("SELECT token, before FROM moving_out").fetchone()
    return _marked(target) in tokens


def renew(source: End, target: End, reader: Any) -> None:
    """Another token at both ends, and a snapshot for `reader` of the moment at which the source had it first."""
    token = secrets.token_hex(16)
    with source.opened(writes=True) as driver:
        driver.execute("BEGIN IMMEDIATE")
        reader.execute("BEGIN")
        reader.execute("SELECT token FROM moving_out").fetchall()  # now it has its snapshot
        driver.execute("UPDATE moving_out SET before = token, token = ?", (token,))
        driver.execute("COMMIT")
        _mark(target, token)
        # Who has the one before is older from now on, and would lack what is forgotten here.
        driver.execute("UPDATE moving_out SET before = token")


def set_whole(source: End, mended: int) -> None:
    """From now on the end of the move needs only the journal."""
    with source.opened(writes=True) as driver:
        driver.execute("UPDATE moving_out SET whole = 1, mended = ?", (mended,))


def last(reader: Any) -> int:
    """The number of the newest change."""
    return int(reader.execute("SELECT coalesce(max(seq), 0) FROM moving_change").fetchone()[0])


def changed(reader: Any, upto: int) -> set[str]:
    """Names of tables."""
    return {row[0] for row in reader.execute("SELECT DISTINCT name FROM moving_change WHERE seq <= ?", (upto,))}


def keys(reader: Any, table: Table, upto: int) -> Iterator[Row]:
    """Of rows that were put, changed or removed."""
    return iter(reader.execute(_keys_of(table), (table.name, upto)))


def rows(reader: Any, table: Table, upto: int) -> Iterator[Row]:
    """Those of them that are there."""
    names = ", ".join(f'"{table.name}"."{column.name}"' for column in table.c)
    same = " AND ".join(f'"{table.name}"."{column}" = j.{key}' for column, key in _paired(table))
    # CROSS JOIN: SQLite goes through the journal and looks each row up, never the other way round.
    words = f'SELECT {names} FROM ({_keys_of(table)}) AS j CROSS JOIN "{table.name}" ON {same}'  # noqa: S608 - names of our own
    return iter(reader.execute(words, (table.name, upto)))


def purge(source: End, upto: int) -> None:
    """Forget what the target has, a little at a time: others write meanwhile."""
    with source.opened(writes=True) as driver:
        first = int(driver.execute("SELECT coalesce(min(seq), 0) FROM moving_change").fetchone()[0])
        for number in range(first, upto + 1, PURGED):
            driver.execute("DELETE FROM moving_change WHERE seq <= ?", (min(upto, number + PURGED - 1),))


def _keys_of(table: Table) -> str:
    names = ", ".join(key for _, key in _paired(table))
    return f"SELECT DISTINCT {names} FROM moving_change WHERE name = ? AND seq <= ?"  # noqa: S608 - names of our own


def _paired(table: Table) -> list[tuple[str, str]]:
    """Columns of the key, and where they stand in the journal."""
    return list(zip((column.name for column in table.primary_key.columns), _KEYS, strict=False))


def _triggers() -> dict[str, str]:
    """By their names: what makes them."""
    made = {}
    for table in TABLES:
        paired = _paired(table)
        another = " OR ".join(f'NEW."{column}" IS NOT OLD."{column}"' for column, _ in paired)
        kinds = {"i": ("INSERT", "NEW", ""), "d": ("DELETE", "OLD", ""), "u": ("UPDATE", "OLD", "")}
        for letter, (act, side, when) in {**kinds, "k": ("UPDATE", "NEW", f" WHEN {another}")}.items():
            name = f"moving_{letter}_{table.name}"
            values = ", ".join(f'{side}."{column}"' for column, _ in paired)
            made[name] = (
                f'CREATE TRIGGER {name} AFTER {act} ON "{table.name}"{when} BEGIN INSERT INTO moving_change'  # noqa: S608 - names of our own
                f" (name, {', '.join(key for _, key in paired)}) VALUES ('{table.name}', {values}); END"
            )
    return made


def _found(driver: Any) -> dict[str, str]:
    words = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'moving\\_%' ESCAPE '\\'"
    return dict(driver.execute(words).fetchall())


def _is_there(driver: Any) -> bool:
    return driver.execute("SELECT 1 FROM sqlite_master WHERE name = 'moving_out'").fetchone() is not None


def _drop(driver: Any) -> None:
    for name in _found(driver):
        driver.execute(f"DROP TRIGGER {name}")
    for name in ("moving_out", "moving_change"):
        driver.execute(f"DROP TABLE IF EXISTS {name}")


def _mark(target: End, token: str) -> None:
    with target.opened(writes=True) as driver:
        driver.execute("BEGIN")
        driver.execute(f"DROP TABLE IF EXISTS {AT_TARGET}")
        driver.execute(f"CREATE TABLE {AT_TARGET} (token TEXT NOT NULL)")
        driver.execute(f"INSERT INTO {AT_TARGET} VALUES ('{token}')")  # noqa: S608 - hexadecimal digits
        driver.execute("COMMIT")


def _marked(target: End) -> str:
    """Empty: there is none."""
    catalogue = "sqlite_master WHERE name" if target.is_sqlite else "pg_tables WHERE tablename"
    with target.opened() as driver:
        if driver.execute(f"SELECT 1 FROM {catalogue} = '{AT_TARGET}'").fetchone() is None:  # noqa: S608
            return ""
        found = driver.execute(f"SELECT token FROM {AT_TARGET}").fetchone()  # noqa: S608 - a name of our own
    return str(found[0]) if found else ""
