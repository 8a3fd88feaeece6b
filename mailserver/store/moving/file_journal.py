"""The journal of a move in a SQLite database: a trigger a row, keys in the order of commits."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Table

from mailserver.store.moving.ends import TABLES, WIDTH, Row

_KEYS = [f"k{number}" for number in range(WIDTH)]
_MAKE = (
    "CREATE TABLE moving_out (token TEXT NOT NULL, before TEXT NOT NULL, revision TEXT NOT NULL,"
    " whole INTEGER NOT NULL, mended INTEGER NOT NULL)",
    f"CREATE TABLE moving_change (seq INTEGER PRIMARY KEY, name TEXT NOT NULL, {', '.join(_KEYS)})",
)
REVISION = "SELECT group_concat(version_num) FROM alembic_version"
PURGED = 20_000
"""Keys that are forgotten in one transaction."""


def make(driver: Any, token: str) -> None:
    """From here on each change is written down."""
    driver.execute("BEGIN IMMEDIATE")
    _drop(driver)
    for words in (*_MAKE, *_triggers().values()):
        driver.execute(words)
    driver.execute(f"INSERT INTO moving_out VALUES (?, ?, ({REVISION}), 0, 0)", (token, token))  # noqa: S608
    driver.execute("COMMIT")


def drop(driver: Any, *, briefly: bool = False) -> None:
    """Nothing of it is left."""
    driver.execute("BEGIN IMMEDIATE")
    _drop(driver)
    driver.execute("COMMIT")


def is_there(driver: Any) -> bool:
    """All of it or nothing."""
    return driver.execute("SELECT 1 FROM sqlite_master WHERE name = 'moving_out'").fetchone() is not None


def is_intact(driver: Any) -> bool:
    """Its triggers are as they were made."""
    return _found(driver) == _triggers()


def renew(driver: Any, reader: Any, token: str) -> None:
    """Have another token, and a snapshot for `reader` of the moment before."""
    driver.execute("BEGIN IMMEDIATE")
    hold(reader)
    driver.execute("UPDATE moving_out SET before = token, token = ?", (token,))
    driver.execute("COMMIT")


def hold(reader: Any) -> None:
    """A snapshot."""
    reader.execute("BEGIN")
    reader.execute("SELECT token FROM moving_out").fetchall()  # now it has its snapshot


def changed(reader: Any) -> set[str]:
    """Names of tables."""
    return {row[0] for row in reader.execute("SELECT DISTINCT name FROM moving_change")}


def keys(reader: Any, table: Table) -> Iterator[Row]:
    """Of rows that were put, changed or removed."""
    return iter(reader.execute(_keys_of(table), (table.name,)))


def rows(reader: Any, table: Table) -> Iterator[Row]:
    """Those of them that are there."""
    names = ", ".join(f'"{table.name}"."{column.name}"' for column in table.c)
    same = " AND ".join(f'"{table.name}"."{column}" = j.{key}' for column, key in _paired(table))
    # CROSS JOIN: SQLite goes through the journal and looks each row up, never the other way round.
    words = f'SELECT {names} FROM ({_keys_of(table)}) AS j CROSS JOIN "{table.name}" ON {same}'  # noqa: S608 - names of our own
    return iter(reader.execute(words, (table.name,)))


def purge(driver: Any, reader: Any) -> None:
    """Forget what `reader` sees, a little at a time: others write meanwhile."""
    (first, upto) = reader.execute("SELECT coalesce(min(seq), 0), coalesce(max(seq), 0) FROM moving_change").fetchone()
    reader.execute("COMMIT")
    for number in range(first, upto + 1, PURGED):
        driver.execute("DELETE FROM moving_change WHERE seq <= ?", (min(upto, number + PURGED - 1),))


def _keys_of(table: Table) -> str:
    names = ", ".join(key for _, key in _paired(table))
    return f"SELECT DISTINCT {names} FROM moving_change WHERE name = ?"  # noqa: S608 - names of our own


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


def _drop(driver: Any) -> None:
    for name in _found(driver):
        driver.execute(f"DROP TRIGGER {name}")
    for name in ("moving_out", "moving_change"):
        driver.execute(f"DROP TABLE IF EXISTS {name}")
