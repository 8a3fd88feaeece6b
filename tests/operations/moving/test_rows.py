"""Every row of every table, from SQLite to PostgreSQL and back; killed in between; what cannot go is said before."""

import contextlib
import itertools
import multiprocessing
import os
import re
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    UniqueConstraint,
    create_engine,
    insert,
    make_url,
    select,
)

from mailserver.model.errors import NotThere
from mailserver.operations.moving import service, settings_file
from mailserver.operations.moving.service import Move
from mailserver.store.moving import arrival, bringing, departure
from mailserver.store.moving.ends import CannotMove
from mailserver.store.schema import metadata
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.mail.messages import mailbox
from mailserver.store.schema.service.keeping import instance
from mailserver.store.upkeep import opening
from mailserver.store.upkeep.opening import Place
from mailserver.texts.languages import FRENCH
from tests.operations.moving.conftest import MoveMaker

ROWS = 3
IDS = (3, 7, 10**15)
LONG = 20_000


def quiet(*_: object) -> None:
    """Nobody looks at the progress."""


def is_indexed(column: "Column[Any]") -> bool:
    table = column.table
    groups = [index.columns for index in table.indexes]
    groups += [one.columns for one in table.constraints if isinstance(one, UniqueConstraint)]
    return column.primary_key or bool(column.unique) or any(column.name in group for group in groups)


def value(column: "Column[Any]", number: int, made: dict[str, list[dict[str, Any]]]) -> object:
    """The worst that a column takes; another in each row."""
    if column.foreign_keys:
        parent = next(iter(column.foreign_keys)).column
        return made[parent.table.name][number][parent.name]
    if column.nullable and number == ROWS - 1:
        return None
    kind, indexed = column.type, is_indexed(column)
    if isinstance(kind, Integer):
        bits = 16 if isinstance(kind, SmallInteger) else 64 if isinstance(kind, BigInteger) else 32
        if column.primary_key:
            return IDS[number] if bits == 64 else number + 1
        return (-(1 << bits - 1), (1 << bits - 1) - 1, number)[number]
    if isinstance(kind, LargeBinary):
        return (b"", b"\0\xff\xfe'\\" + bytes([number]), bytes(range(256)) * (1 if indexed else LONG // 256))[number]
    long = LONG if not indexed else 300
    words = ("", "é'\"\\N\\.\t\r\n\x01\x7f\u2028\U0010ffff{}", '{"a": [1, true, null]}' + "ÿ" * long)[number]
    length = kind.length if isinstance(kind, String) else None
    return words if length is None else ("", "é" * length, "\U0010ffff" * length)[number]


def fill(url: str) -> None:
    """Three rows in each table, but for `instance`."""
    made: dict[str, list[dict[str, Any]]] = {}
    engine = create_engine(url)
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            if table is instance:
                continue
            rows = [{one.name: value(one, number, made) for one in table.c} for number in range(ROWS)]
            made[table.name] = rows
            connection.execute(table.delete())
            connection.execute(insert(table), rows)
    with closing(sqlite3.connect(make_url(url).database or "")) as database:
        # What was numbered 2 ** 60 last has gone since.
        database.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'mailbox'", (1 << 60,))
        database.execute("UPDATE host SET beat = 0")  # nobody serves
        database.commit()
    engine.dispose()


def everything(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """All rows, as SQLAlchemy reads them."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        found = {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }
    engine.dispose()
    return found


def next_mailbox(url: str) -> int:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        owner = connection.execute(select(account.c.id).limit(1)).scalar_one()
        row = {"account_id": owner, "name": "nouvelle", "uidvalidity": 1, "created": 0}
        key = connection.execute(insert(mailbox).values(row)).inserted_primary_key
    engine.dispose()
    assert key is not None
    return int(key[0])


def ask(url: str, words: str) -> int:
    """PostgreSQL, for a number."""
    with psycopg.connect(url) as connection:
        row = connection.execute(words.encode()).fetchone()
    assert row is not None
    return int(row[0])


def refused(place: Place, clue: str) -> None:
    with pytest.raises(NotThere, match=clue):
        opening.open_instance(place)
    with pytest.raises(NotThere, match=clue):
        opening.look(place)


@contextlib.contextmanager
def stopped(clue: str) -> Iterator[None]:
    """The move says why it does not go on."""
    with pytest.raises(CannotMove) as caught:
        yield
    assert re.search(clue, caught.value.args[0].to(FRENCH))


def test_every_table_goes_to_postgresql_and_back(
    place: Place, begun_url: str, move_to: MoveMaker, tmp_path: Path
) -> None:
    """Whatever the schema has: a table of next year is among them."""
    fill(place.url)
    before = everything(place.url)
    there = move_to(begun_url)
    refused(there.target, "has not ended")
    report = service.run(there, quiet)
    assert report.ended
    assert report.tables.keys() == {table.name for table in metadata.sorted_tables} - {"instance"}
    assert {each.rows for each in report.tables.values()} == {ROWS}
    assert report.mended == 0
    assert everything(begun_url) == before
    assert everything(place.url) == before
    keys = ask(begun_url, "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated")
    assert keys == sum(len(table.foreign_key_constraints) for table in metadata.sorted_tables)
    assert ask(begun_url, "SELECT count(*) FROM pg_sequences") == len(arrival.NUMBERED), "each goes on where it was"
    assert next_mailbox(begun_url) == (1 << 60) + 1
    refused(place, "was moved to postgresql://")
    opening.open_instance(there.target)
    assert (place.settings / "mailserver.toml").read_text() == there.settings
    assert "[database]" not in (place.settings / settings_file.BEFORE).read_text()

    home = f"sqlite:///{tmp_path / 'home.db'}"
    back = move_to(home, there.target)
    assert service.run(back, quiet).ended
    assert everything(home) == before
    assert next_mailbox(home) == (1 << 60) + 2
    refused(there.target, "was moved to sqlite:///")
    opening.open_instance(back.target)


def test_a_moved_database_is_served_again_once_its_operator_says_so(
    place: Place, begun_file: str, move_to: MoveMaker, tmp_path: Path
) -> None:
    move = move_to(begun_file)
    assert service.run(move, quiet).ended
    refused(place, "storage adopt")
    with stopped("déjà été déplacée"):
        service.run(move_to(f"sqlite:///{tmp_path / 'third.db'}"), quiet)
    opening.adopt(place)
    opening.open_instance(place)
    with stopped("déjà un état de cette instance"):
        service.run(move, quiet)


# ---------------------------------------------------------------------- killed

POINTS: list[tuple[object, str, int, bool]] = [
    (arrival, "begin", 1, True),
    (bringing.TableWriter, "put", 1, False),
    (bringing.TableWriter, "put", 30, True),
    (arrival, "complete", 1, False),
    (bringing.TableWriter, "_take", 1, True),
    (arrival, "complete", 1, True),
    (departure, "note", 1, True),
    (arrival, "give", 1, False),
]
"""What is cut off: at which call, before it or after it."""
FEWER = POINTS[2:5] + POINTS[7:]
"""For PostgreSQL, which takes its time."""
LATE: list[tuple[object, str, int, bool]] = [(arrival, "give", 1, True), (settings_file, "write", 1, True)]


def killed(move: Move, point: tuple[object, str, int, bool]) -> int | None:
    """Run in a process that is killed there; its exit code."""
    process = multiprocessing.get_context("fork").Process(target=_run_killed, args=(move, point))
    process.start()
    process.join()
    return process.exitcode


def _run_killed(move: Move, point: tuple[object, str, int, bool]) -> None:
    owner, name, at, after = point
    original: Callable[..., object] = getattr(owner, name)
    calls = itertools.count(1)

    def cut(*args: object, **kwargs: object) -> object:
        call = next(calls)
        if call == at and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if call == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, cut)
    service.run(move, quiet)


def go_on(url: str, turn: int) -> None:
    """What a service does to a database between two runs: names change hands, rows change, come and go."""
    with closing(sqlite3.connect(make_url(url).database or "")) as database:
        database.execute("UPDATE mailbox SET account_id = 3 WHERE id = 7")
        database.execute("UPDATE mailbox SET name = 'x' WHERE id = 3")
        database.execute("UPDATE mailbox SET name = 'y' || ?, modseq = modseq / 2 WHERE id = 7", (turn,))
        database.execute("UPDATE mailbox SET name = 'y' || ? WHERE id = 3", (turn - 1,))
        database.execute("DELETE FROM guess WHERE key = ''")
        database.execute("INSERT OR IGNORE INTO guess VALUES (?, 1, 2, 3)", (f"clé {turn}",))
        database.execute("INSERT INTO orphan (content_id, since) VALUES (1, ?)", (turn,))
        database.commit()


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_killed_anywhere_it_goes_on(
    place: Place, move_to: MoveMaker, tmp_path: Path, engine: str, request: pytest.FixtureRequest
) -> None:
    fill(place.url)
    url = f"sqlite:///{tmp_path / 'new.db'}" if engine == "sqlite" else request.getfixturevalue("begun_url")
    move = move_to(url)
    for turn, point in enumerate(POINTS if engine == "sqlite" else FEWER, 1):
        assert killed(move, point) == -signal.SIGKILL, point
        if departure.moved_to(place):
            opening.adopt(place)
        go_on(place.url, turn)
    opening.open_instance(place)
    refused(move.target, "has not ended")
    with pytest.raises(NotThere, match="has not ended"):
        opening.adopt(move.target)
    before = everything(place.url)
    for point in LATE:
        assert killed(move, point) == -signal.SIGKILL
        refused(place, "was moved to")
        opening.open_instance(move.target)
    assert everything(url) == before
    assert (place.settings / "mailserver.toml").read_text() == move.settings
    assert service.run(move, quiet).ended


def test_what_differs_at_the_end_leaves_everything_as_it_was(
    place: Place, begun_url: str, move_to: MoveMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One octet of one row at the other end."""
    fill(place.url)
    complete = arrival.complete

    def and_flip(target: Place, *args: Any, **kwargs: Any) -> None:
        complete(target, *args, **kwargs)
        with psycopg.connect(target.url) as connection:
            connection.execute("UPDATE content SET preview = preview || '.' WHERE id = 7")

    monkeypatch.setattr(arrival, "complete", and_flip)
    move = move_to(begun_url)
    with stopped(r"^.*content"):
        service.run(move, quiet)
    opening.open_instance(place)
    assert "[database]" not in (place.settings / "mailserver.toml").read_text()
    monkeypatch.undo()
    report = service.run(move, quiet)
    assert report.ended
    assert (report.put, report.taken) == (1, 1), "only that row was brought again"


# ---------------------------------------------------------------------- what PostgreSQL does not take


def test_texts_that_postgresql_cannot_keep_are_told(place: Place, begun_url: str, move_to: MoveMaker) -> None:
    """U+FFFD stands where NUL was, or octets that are no UTF-8; a key that sorts elsewhere then goes, too."""
    with closing(sqlite3.connect(make_url(place.url).database or "")) as database:
        for key in (b"a\0b", b"\xff\xfe", "clé".encode()):
            database.execute("INSERT INTO guess VALUES (CAST(? AS TEXT), 1, 2, 3)", (key,))
        database.commit()
    move = move_to(begun_url)
    assert killed(move, (departure, "note", 1, False)) == -signal.SIGKILL
    report = service.run(move, quiet)
    assert report.ended
    assert report.mended == 2
    keys = {row[0] for row in everything(begun_url)["guess"]}
    assert keys == {"a\N{REPLACEMENT CHARACTER}b", 2 * "\N{REPLACEMENT CHARACTER}", "clé"}
    again = {
        bytes(row[0]) for row in sqlite3.connect(place.data / "mail.db").execute("SELECT CAST(key AS BLOB) FROM guess")
    }
    assert again == {b"a\0b", b"\xff\xfe", "clé".encode()}, "what is left is as it was"


MISFITS = {
    "too large": ("INSERT INTO measure VALUES ('mail', 1, 9223372036854775807, 'beaucoup')", r"measure\.octets"),
    "too long": ("INSERT INTO measure VALUES (printf('%.17c', 'x'), 1, 2, 3)", r"measure\.name"),
    "octets": ("INSERT INTO guess VALUES (x'00ff', 1, 2, 3)", r"guess\.key"),
    "small": ("INSERT INTO caretaker_lease VALUES (4294967296, 1, 2)", r"caretaker_lease\.id"),
    "fraction": ("INSERT INTO guess VALUES ('a', 1.5, 2, 3)", r"guess\.failures"),
    "orphan": ("INSERT INTO message_quota VALUES (99, 1)", r"message_quota"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_what_does_not_fit_is_said_before_anything_is_made(
    place: Place, server_url: str, move_to: MoveMaker, name: str
) -> None:
    statement, clue = MISFITS[name]
    with closing(sqlite3.connect(place.data / "mail.db")) as database:
        database.execute(statement)
        database.commit()
    with stopped(clue):
        service.run(move_to(server_url), quiet)
    assert arrival.state(move_to(server_url).target, move_to(server_url).new, "", moved=False) is arrival.State.EMPTY
    opening.open_instance(place)
