"""The keys of rows that change in a database while a move brings it, so that its end need not read the others.

Triggers write each key down in the transaction that changes its row, whoever does it. `token` stands at both ends and
is another one after each catching up: where an older state of either end was put back, they differ, and the journal is
not believed. Neither is it when a trigger is not as it was made, as after an upgrade that makes a table anew.

How each engine does it: `file_journal`, `server_journal`.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Table, inspect

from mailserver.store.engine import migrate
from mailserver.store.moving import file_journal, server_journal
from mailserver.store.moving.ends import CannotMove, End, Row
from mailserver.texts.text import Text

AT_TARGET = "moving_token"
"""A table at the other end, of one row."""


class Journal(Protocol):
    """What an engine does."""

    REVISION: str
    """Words for that of the schema."""

    def make(self, driver: Any, token: str) -> None:
        """From here on each change is written down; two of it are not mixed."""

    def drop(self, driver: Any, *, briefly: bool = False) -> None:
        """Nothing of it is left. `briefly`: without waiting long for others. Raises CannotMove: some of it is."""

    def is_there(self, driver: Any) -> bool:
        """Or what is left of it."""

    def is_intact(self, driver: Any) -> bool:
        """Nothing can have changed without being written down."""

    def renew(self, driver: Any, reader: Any, token: str) -> None:
        """Have another token, and a snapshot for `reader` that is no newer than it."""

    def hold(self, reader: Any) -> None:
        """A snapshot, while nobody writes."""

    def changed(self, reader: Any) -> set[str]:
        """Names of tables."""

    def keys(self, reader: Any, table: Table) -> Iterator[Row]:
        """Of rows that were put, changed or removed."""

    def rows(self, reader: Any, table: Table) -> Iterator[Row]:
        """Those of them that are there."""

    def purge(self, driver: Any, reader: Any) -> None:
        """Forget what `reader` sees; its snapshot ends."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What the journal says of itself."""

    is_whole: bool
    """Everything was brought and compared; what is not in the journal is the same at both ends."""
    changes: int
    """Written down since."""
    mended: int
    """Texts that PostgreSQL could not keep, when everything was compared."""


def of(source: End) -> Journal:
    """That of its engine."""
    return file_journal if source.is_sqlite else server_journal


def begin(source: End, target: End) -> None:
    """Write down what changes from now on. Raises CannotMove."""
    token = secrets.token_hex(16)
    with source.opened(writes=True) as driver:
        of(source).make(driver, token)
    _mark(target, token)


def end(source: End, *, briefly: bool = False) -> bool:
    """Nothing is written down any more; whether anything was. Raises CannotMove: what is left of it goes later."""
    with source.opened(writes=True) as driver:
        if not of(source).is_there(driver):
            return False
        of(source).drop(driver, briefly=briefly)
    return True


def look(source: End) -> Outgoing | None:
    """None: there is none, or it cannot be believed."""
    its = of(source)
    with source.opened() as driver:
        if not its.is_there(driver):
            return None
        found = driver.execute(
            f"SELECT whole, mended, revision = ({its.REVISION}) FROM moving_out"  # noqa: S608 - words of our own
        ).fetchone()
        if found is None or not found[2] or not its.is_intact(driver):
            return None
        (changes,) = driver.execute("SELECT count(*) FROM moving_change").fetchone()
        return Outgoing(bool(found[0]), int(changes), int(found[1]))


def count(url: str) -> int | None:
    """How much that of a database has written down, whether it can be believed or not; None: there is none.

    Changes nothing, not even a file. Raises Temporary.
    """
    with migrate.refusals(url), migrate.reading(url) as connection:
        if not inspect(connection).has_table("moving_change"):
            return None
        return int(connection.exec_driver_sql("SELECT count(*) FROM moving_change").scalar_one())


def is_followed(source: End, target: End) -> bool:
    """Whether the target has everything but what the journal names. Raises CannotMove."""
    found = look(source)
    if found is None or not found.is_whole:
        return False
    with source.opened() as driver:
        tokens = driver.execute("SELECT token, before FROM moving_out").fetchone()
    return _marked(target) in tokens


def renew(source: End, target: End, reader: Any) -> None:
    """Another token at both ends, and a snapshot for `reader` of the moment at which the source had it first.

    Raises CannotMove: the target is another than the one that was found to follow.
    """
    token = secrets.token_hex(16)
    with source.opened(writes=True) as driver:
        marked = _marked(target)
        if marked not in driver.execute("SELECT token, before FROM moving_out").fetchone():
            raise CannotMove(Text("la destination a été changée entre-temps ; relancez le déplacement"))
        # What the target has is the one before: whoever is killed twice, below, has lost nothing.
        driver.execute(f"UPDATE moving_out SET token = '{marked}'")  # noqa: S608 - one of our own
        of(source).renew(driver, reader, token)
        _mark(target, token)
        # Who has the one before is older from now on, and would lack what is forgotten here.
        driver.execute("UPDATE moving_out SET before = token")


def set_whole(source: End, mended: int) -> None:
    """From now on the end of the move needs only the journal."""
    with source.opened(writes=True) as driver:
        driver.execute(f"UPDATE moving_out SET whole = 1, mended = {int(mended)}")  # noqa: S608 - a number


def purge(source: End, reader: Any) -> None:
    """Forget what the target has; the snapshot ends."""
    with source.opened(writes=True) as driver:
        of(source).purge(driver, reader)


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
