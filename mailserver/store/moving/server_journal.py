"""The journal of a move in a PostgreSQL database: a trigger a statement, keys as texts.

Transactions commit in another order than they write: what a snapshot sees is what is brought, and that alone is
forgotten, whatever stands before or behind it. A table is closed to writers for the moment in which it gets its
triggers: who wrote to it before has committed then, and is seen by whoever reads it afterwards.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from sqlalchemy import Table

from mailserver.store.moving.ends import TABLES, WIDTH, CannotMove, Row
from mailserver.store.moving.server_types import server_type
from mailserver.texts.text import Text

_KEYS = [f"k{number}" for number in range(WIDTH)]
_MAKE = (
    f"CREATE TABLE public.moving_change (name TEXT NOT NULL, {', '.join(f'{key} TEXT' for key in _KEYS)})",
    "CREATE TABLE public.moving_out (token TEXT NOT NULL, before TEXT NOT NULL, revision TEXT NOT NULL,"
    " whole INTEGER NOT NULL, mended INTEGER NOT NULL, made TEXT NOT NULL)",
)
REVISION = "SELECT string_agg(version_num, ',') FROM alembic_version"
_MADE = (
    "SELECT coalesce(md5(string_agg(pg_get_triggerdef(t.oid) || tgenabled::text || prosrc, ' ' ORDER BY tgname)), '')"
    " FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT tgisinternal AND tgname LIKE 'moving\\_%'"
)
"""What all its triggers are, in one text."""
_BLINK = "SET LOCAL lock_timeout = '100ms'"
_MOMENT = "SET LOCAL lock_timeout = '2s'"
"""Who waits for a table has all others wait behind: not for long."""
_TRIES = 30
_DROPPING = 5
"""Tries for a table that is not free."""
_PAUSE = 1.0
FETCHED = 1000


def make(driver: Any, token: str) -> None:
    """From here on each change is written down."""
    drop(driver)
    _at_once(driver, _MAKE)
    for table in TABLES:
        _closed_for_a_moment(driver, _triggers(table))
    driver.execute(f"INSERT INTO moving_out VALUES (%s, %s, ({REVISION}), 0, 0, '')", (token, token))  # noqa: S608
    driver.execute(f"UPDATE moving_out SET made = ({_MADE})")  # noqa: S608 - words of our own


def drop(driver: Any, *, briefly: bool = False) -> None:
    """Nothing of it is left; when it is cut off, what is left says that it is there. From tables that are free it goes
    at once: whoever reads for hours (`pg_dump`) keeps it on those it has read alone.

    Raises CannotMove: somebody does.
    """
    found = driver.execute(
        "SELECT proname FROM pg_proc WHERE proname LIKE 'moving\\_note\\_%' AND pronamespace = 'public'::regnamespace"
    ).fetchall()
    tries = 1 if briefly else _DROPPING
    words = [f'DROP FUNCTION public."{name}"() CASCADE' for (name,) in found]
    for each in [one for one in words if not _is_done(driver, [_BLINK, one])]:
        _closed_for_a_moment(driver, [each], tries)
    # Last: what triggers write to has to be there.
    tables = [f"DROP TABLE IF EXISTS public.{name}" for name in ("moving_out", "moving_change")]
    _closed_for_a_moment(driver, tables, tries)


def is_there(driver: Any) -> bool:
    """Or what is left of it."""
    return driver.execute("SELECT 1 FROM pg_tables WHERE tablename = 'moving_change'").fetchone() is not None


def is_intact(driver: Any) -> bool:
    """Its triggers are as they were made."""
    (is_same,) = driver.execute(f"SELECT made = ({_MADE}) FROM moving_out").fetchone()  # noqa: S608 - words of our own
    return bool(is_same)


def renew(driver: Any, reader: Any, token: str) -> None:
    """Have another token, and a snapshot for `reader` of a moment before."""
    hold(reader)
    driver.execute("UPDATE moving_out SET before = token, token = %s", (token,))


def hold(reader: Any) -> None:
    """A snapshot."""
    reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    # It goes through the journal and looks each row up, never the other way round.
    for name in ("hashjoin", "mergejoin"):
        reader.execute(f"SET LOCAL enable_{name} = off")
    reader.execute("SELECT 1 FROM moving_out").fetchall()  # now it has its snapshot


def changed(reader: Any) -> set[str]:
    """Names of tables."""
    return {row[0] for row in reader.execute("SELECT DISTINCT name FROM moving_change").fetchall()}


def keys(reader: Any, table: Table) -> Iterator[Row]:
    """Of rows that were put, changed or removed."""
    with reader.transaction(), reader.cursor(name="moving_keys", binary=True) as cursor:
        cursor.execute(_keys_of(table), (table.name,))
        while found := cursor.fetchmany(FETCHED):
            yield from found


def rows(reader: Any, table: Table) -> Iterator[Row]:
    """Those of them that are there. Within the snapshot."""
    names = ", ".join(f'"{table.name}"."{column.name}"' for column in table.c)
    same = " AND ".join(f'"{table.name}"."{column}" = j.{key}' for column, key, _ in _paired(table))
    words = f'SELECT {names} FROM ({_keys_of(table)}) AS j JOIN "{table.name}" ON {same}'  # noqa: S608 - names of our own
    with reader.cursor(name="moving_changed", binary=True) as cursor:
        cursor.execute(words, (table.name,))
        while found := cursor.fetchmany(FETCHED):
            yield from found


def purge(_: Any, reader: Any) -> None:
    """Forget what `reader` sees, and nothing else; its snapshot ends."""
    reader.execute("DELETE FROM moving_change")
    reader.execute("COMMIT")


def _keys_of(table: Table) -> str:
    names = ", ".join(f"{key}::{kind} AS {key}" for _, key, kind in _paired(table))
    return f"SELECT DISTINCT {names} FROM moving_change WHERE name = %s"  # noqa: S608 - names of our own


def _paired(table: Table) -> list[tuple[str, str, str]]:
    """Columns of the key, where they stand in the journal, and their types."""
    columns = table.primary_key.columns
    return [(column.name, key, server_type(column.type)) for column, key in zip(columns, _KEYS, strict=False)]


def _triggers(table: Table) -> list[str]:
    """What makes those of a table."""
    paired = _paired(table)
    into = f"INSERT INTO public.moving_change (name, {', '.join(key for _, key, _ in paired)})"
    values = ", ".join(f'"{column}"::text' for column, _, _ in paired)
    gone, come = (f"SELECT '{table.name}', {values} FROM moving_{side}" for side in ("old", "new"))  # noqa: S608 - names of our own
    function = f'public."moving_note_{table.name}"'
    made = [
        f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF TG_OP = 'INSERT' THEN {into} {come}; ELSIF TG_OP = 'DELETE' THEN {into} {gone};"
        f" ELSE {into} {gone} UNION {come}; END IF; RETURN NULL; END $$"
    ]
    for act, sides in (("INSERT", ("NEW",)), ("DELETE", ("OLD",)), ("UPDATE", ("OLD", "NEW"))):
        seen = " ".join(f"{side} TABLE AS moving_{side.lower()}" for side in sides)
        made.append(
            f'CREATE TRIGGER "moving_{act.lower()}_{table.name}" AFTER {act} ON public."{table.name}"'
            f" REFERENCING {seen} FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )
    return made


def _at_once(driver: Any, words: Sequence[str]) -> None:
    driver.execute("BEGIN")
    for each in words:
        driver.execute(each)
    driver.execute("COMMIT")


def _closed_for_a_moment(driver: Any, words: list[str], tries: int = _TRIES) -> None:
    """In one transaction, again and again until those who are there leave room for it. Raises CannotMove."""
    for attempt in range(tries):
        if _is_done(driver, [_MOMENT, *words]):
            return
        if attempt < tries - 1:
            time.sleep(_PAUSE)
    raise CannotMove(
        Text(
            "une longue transaction (une sauvegarde par pg_dump ?) retient une table : attendez qu’elle finisse"
            " (pg_stat_activity la nomme), puis relancez"
        )
    )


def _is_done(driver: Any, words: list[str]) -> bool:
    """In one transaction; False: somebody else was there."""
    try:
        _at_once(driver, words)
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
        driver.execute("ROLLBACK")
        return False
    return True
