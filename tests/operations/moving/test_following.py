"""What was brought and compared while the service went on is not read again: the end brings what the journal names."""

import contextlib
import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select

from mailserver.foundation import instance_lock
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import load
from mailserver.model.clock import SystemClock
from mailserver.model.errors import Temporary
from mailserver.operations.health.findings import Grade
from mailserver.operations.health.moves import examine_moves
from mailserver.operations.moving import service
from mailserver.operations.moving.service import Move, Report
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import mailboxes
from mailserver.store.moving import arrival, bringing, departure, following, journal, server_journal
from mailserver.store.octets.disk import read_mark
from mailserver.store.schema import metadata
from mailserver.store.schema.account.accounts import account
from mailserver.store.upkeep import opening
from mailserver.store.upkeep.opening import Place
from mailserver.texts.languages import FRENCH
from tests.operations.moving.conftest import MoveMaker, begun_in, move_of, note, place_in
from tests.operations.moving.test_rows import (
    ask,
    everything,
    fill,
    go_on,
    killed,
    next_mailbox,
    quiet,
    refused,
    stopped,
)
from tests.postgres import Postgres

TABLES = len(metadata.sorted_tables) - 1


@contextlib.contextmanager
def served(place: Place) -> Iterator[None]:
    """Somebody serves the instance."""
    lock = instance_lock.hold(place.settings)
    yield
    os.close(lock)


def bring(place: Place, move: Move) -> Report:
    with served(place):
        report = service.run(move, quiet)
    assert not report.ended
    return report


def traces(place: Place) -> list[str]:
    """What a move has in the database that it leaves, or the service goes on with."""
    with closing(sqlite3.connect(place.data / "mail.db")) as database:
        return [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE name LIKE 'moving%'")]


def was_read_wholly(report: Report) -> bool:
    assert report.ended
    assert len(report.tables or report.counted) == TABLES
    return bool(report.tables)


def test_only_what_changed_since_is_brought_at_the_end(place: Place, begun_url: str, move_to: MoveMaker) -> None:
    """Names and parents change hands, keys change, rows come and go; foreign keys stand all the while."""
    fill(place.url)
    move = move_to(begun_url)
    brought = bring(place, move)
    assert brought.put == 3 * TABLES
    keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated AND condeferrable = "
    wanted = sum(len(table.foreign_key_constraints) for table in metadata.sorted_tables)
    assert ask(begun_url, keys + "true") == wanted, "checked already, and at the end of each transaction"
    go_on(place.url, 1)
    assert (report := bring(place, move)).put == 4, report
    with closing(sqlite3.connect(place.data / "mail.db")) as database:
        database.execute("UPDATE guess SET key = 'autre' WHERE key = 'clé 1'")
        database.execute("INSERT INTO guess VALUES ('brève', 1, 2, 3)")
        database.execute("DELETE FROM guess WHERE key = 'brève'")
        database.execute("UPDATE mailbox SET modseq = 12 WHERE id = 7")
        database.commit()
    assert killed(move, (following, "_bring", 1, True)) == -signal.SIGKILL
    opening.adopt(place)
    go_on(place.url, 2)
    report = service.run(move, quiet)
    assert not was_read_wholly(report)
    assert report.put < 12
    assert everything(begun_url) == everything(place.url)
    assert ask(begun_url, keys + "false") == wanted, "as the schema has them"
    assert ask(begun_url, "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'moving%'") == 0
    assert traces(place) == []
    assert next_mailbox(begun_url) == (1 << 60) + 1


BESIDE = [
    (journal, "_mark", 2, False),
    (following, "compare", 40, True),
    (journal, "set_whole", 1, True),
    (journal, "purge", 1, False),
]
"""Where it is cut off while the service goes on,"""
AT_THE_END = [
    (journal, "_mark", 1, False),
    (following, "_bring", 2, True),
    (arrival, "complete", 1, True),
    (arrival, "give", 1, False),
]
"""and once it is stopped."""
LATE = [(arrival, "give", 1, True), (journal, "end", 1, True)]


def test_killed_anywhere_it_goes_on(place: Place, begun_file: str, move_to: MoveMaker) -> None:
    fill(place.url)
    move = move_to(begun_file)
    for turn, point in enumerate(BESIDE, 1):
        with served(place):
            assert killed(move, point) == -signal.SIGKILL, point
        go_on(place.url, turn)
    assert bring(place, move).put < 20, "what was compared is not read again"
    for turn, point in enumerate(AT_THE_END, len(BESIDE)):
        go_on(place.url, turn)
        assert killed(move, point) == -signal.SIGKILL, point
        if departure.moved_to(place):
            opening.adopt(place)
    before = everything(place.url)
    for point in LATE:
        assert killed(move, point) == -signal.SIGKILL, point
        refused(place, "was moved to")
        opening.open_instance(move.target)
    assert everything(begun_file) == before
    assert service.run(move, quiet).ended
    assert traces(place) == []
    with closing(sqlite3.connect(place.data / "mail.db")) as database, pytest.raises(sqlite3.IntegrityError):
        database.execute("DELETE FROM guess")


@pytest.mark.parametrize(
    "spoilt",
    ["trigger", "older target", *(pytest.param(one, marks=pytest.mark.long) for one in ("older", "schema", "target"))],
)
def test_a_journal_that_cannot_be_right_is_not_believed(
    place: Place, begun_file: str, move_to: MoveMaker, tmp_path: Path, spoilt: str
) -> None:
    """An older state was put back, or something was changed that it does not know of: the end reads everything."""
    fill(place.url)
    move = move_to(begun_file)
    bring(place, move)
    database, target = place.data / "mail.db", tmp_path / "begun.db"
    older = {"older": database, "older target": target}.get(spoilt)
    if older is not None:
        shutil.copy(older, tmp_path / "backup.db")
    go_on(place.url, 1)
    bring(place, move)
    if older is not None:
        shutil.copy(tmp_path / "backup.db", older)
        for name in ("-wal", "-shm"):
            Path(f"{older}{name}").unlink(missing_ok=True)
    else:
        words = {
            "trigger": "DROP TRIGGER moving_d_guess; DELETE FROM guess",
            "schema": "UPDATE moving_out SET revision = '0001'",
            "target": "DROP TABLE moving_token; DELETE FROM guess",
        }[spoilt]
        with closing(sqlite3.connect(target if spoilt == "target" else database)) as opened:
            opened.executescript(words)
    assert was_read_wholly(service.run(move, quiet))
    assert everything(begun_file) == everything(place.url)


def test_what_differs_and_is_not_in_the_journal_stops_it(
    place: Place, begun_url: str, move_to: MoveMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else changes the other end; or it keeps something else than it was given."""
    fill(place.url)
    move, caught_up = move_to(begun_url), following.catch_up

    def and_flip(*args: object, **kwargs: bool) -> object:
        found = caught_up(*args, **kwargs)  # type: ignore[arg-type]
        go_on(place.url, 1)  # these differ, too, and are in the journal
        with psycopg.connect(begun_url) as connection:
            connection.execute("UPDATE message SET internal_date = 5 WHERE internal_date = 2")
        return found

    monkeypatch.setattr(following, "catch_up", and_flip)
    monkeypatch.setattr(following, "MOST", 1)
    with served(place), stopped("message : 1 lignes diffèrent"):
        service.run(move, quiet)
    monkeypatch.undo()
    assert bring(place, move).put == 1 + 4
    with psycopg.connect(begun_url) as connection:
        connection.execute("DELETE FROM guess WHERE key = (SELECT max(key) FROM guess)")
    with stopped("guess : 3 lignes ici, 2 là-bas"):
        service.run(move, quiet)
    opening.open_instance(place)
    put = bringing.TableWriter.put

    def another(self: bringing.TableWriter, rows: list[tuple[object, ...]]) -> None:
        put(self, [(*row[:-1], 99) for row in rows])

    go_on(place.url, 2)
    monkeypatch.setattr(bringing.TableWriter, "put", another)
    with stopped("relu autrement"):
        service.run(move, quiet)
    opening.open_instance(place)


def test_who_gives_it_up_has_nothing_left_of_it(place: Place, begun_file: str, move_to: MoveMaker) -> None:
    fill(place.url)
    settings = load(place.settings)
    assert list(examine_moves(settings)) == []
    bring(place, move_to(begun_file))
    assert len(traces(place)) == 2 + 4 * TABLES
    go_on(place.url, 1)
    (told,) = examine_moves(settings)
    assert told.grade is Grade.WARNING
    assert "changements sont notés" in told.text.to(FRENCH)
    assert service.abandon(place)
    assert list(examine_moves(settings)) == []
    assert traces(place) == []
    assert not service.abandon(place), "nothing is left to do"
    assert was_read_wholly(service.run(move_to(begun_file), quiet))


# ---------------------------------------------------------------------- the way back


@pytest.fixture(scope="module")
def moved(postgres: Postgres, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An instance that was moved to PostgreSQL."""
    place = place_in(tmp_path_factory.mktemp("moved") / "instance", sqlite_template)
    fill(place.url)
    url = postgres.create(postgres.template)
    note(url, read_mark(place.settings))
    assert service.run(move_of(place, url), quiet).ended
    yield Place(url, place.data, place.settings)
    postgres.drop(url)


@pytest.fixture
def away(moved: Place, postgres: Postgres, tmp_path: Path) -> Iterator[Place]:
    """A copy of it, of a test's own."""
    directory = tmp_path / "away"
    shutil.copytree(moved.settings, directory)
    url = postgres.create(moved.url.rpartition("/")[2])
    settings = directory / "mailserver.toml"
    settings.write_text(settings.read_text().replace(moved.url, url))
    yield Place(url, directory / "data", directory)
    postgres.drop(url)


@pytest.fixture
def home(away: Place, sqlite_template: Path, tmp_path: Path) -> str:
    """A file in which a move back has made the schema."""
    return begun_in(tmp_path / "home.db", sqlite_template, away)


def go_on_there(url: str, turn: int) -> None:
    """What a service does to PostgreSQL: names and parents change hands, keys change, rows come and go."""
    with psycopg.connect(url) as connection:
        for words in (
            "UPDATE mailbox SET account_id = 3 WHERE id = 7",
            "UPDATE mailbox SET name = 'x' WHERE id = 3",
            f"UPDATE mailbox SET name = 'y{turn}', modseq = modseq / 2 WHERE id = 7",
            f"UPDATE mailbox SET name = 'y{turn - 1}' WHERE id = 3",
            "DELETE FROM guess WHERE key = ''",
            f"INSERT INTO guess VALUES ('clé {turn}', 1, 2, 3) ON CONFLICT DO NOTHING",
            f"UPDATE guess SET key = 'clé {turn} bis' WHERE key = 'clé {turn}'",
            f"INSERT INTO orphan (content_id, since) VALUES (1, {turn})",
        ):
            connection.execute(words.encode())


def left_there(url: str) -> int:
    """What a move has in a PostgreSQL database."""
    return sum(
        ask(url, f"SELECT count(*) FROM {catalogue} LIKE 'moving\\_%'")
        for catalogue in ("pg_tables WHERE tablename", "pg_trigger WHERE tgname", "pg_proc WHERE proname")
    )


def test_back_only_what_changed_since_is_brought_at_the_end(away: Place, home: str) -> None:
    move = move_of(away, home)
    assert bring(away, move).put >= 3 * TABLES
    go_on_there(away.url, 1)
    report = bring(away, move)
    assert report.put < 12, report
    go_on_there(away.url, 2)
    assert killed(move, (following, "_bring", 1, True)) == -signal.SIGKILL
    opening.adopt(away)
    go_on_there(away.url, 3)
    report = service.run(move, quiet)
    assert not was_read_wholly(report)
    assert report.put < 20
    assert everything(home) == everything(away.url)
    assert left_there(away.url) == 0
    assert next_mailbox(home) == (1 << 60) + 1


def test_back_what_commits_late_is_not_forgotten(away: Place, home: str) -> None:
    """It was written down before what has been brought meanwhile, and nobody could see it then."""
    move = move_of(away, home)
    bring(away, move)
    with psycopg.connect(away.url) as late:
        late.execute("UPDATE guess SET failures = 41")
        with psycopg.connect(away.url) as other:
            other.execute("INSERT INTO orphan (content_id, since) VALUES (1, 5)")
        assert bring(away, move).put == 1
    report = service.run(move, quiet)
    assert not was_read_wholly(report)
    assert everything(home) == everything(away.url)


@pytest.mark.parametrize(
    "spoilt", ["trigger", "target", *(pytest.param(one, marks=pytest.mark.long) for one in ("function", "schema"))]
)
def test_back_a_journal_that_cannot_be_right_is_not_believed(
    away: Place, home: str, tmp_path: Path, spoilt: str
) -> None:
    move = move_of(away, home)
    bring(away, move)
    with psycopg.connect(away.url) as connection, closing(sqlite3.connect(tmp_path / "home.db")) as database:
        if spoilt == "target":
            database.executescript("DROP TABLE moving_token; DELETE FROM guess")
        else:
            words = {
                "trigger": "ALTER TABLE guess DISABLE TRIGGER USER; DELETE FROM guess",
                "function": "DROP FUNCTION moving_note_guess() CASCADE; DELETE FROM guess",
                "schema": "UPDATE moving_out SET revision = '0001'",
            }[spoilt]
            connection.execute(words.encode())
    assert was_read_wholly(service.run(move, quiet))
    assert everything(home) == everything(away.url)
    assert left_there(away.url) == 0


@pytest.mark.parametrize("to", ["server", "file"])
def test_who_has_had_it_open_writes_nothing_more_to_what_is_left(to: str, request: pytest.FixtureRequest) -> None:
    """An import that went on, a host that was cut off: what they bring is refused for now, and not lost there."""
    if to == "server":
        place: Place = request.getfixturevalue("place")
        fill(place.url)
        move = request.getfixturevalue("move_to")(request.getfixturevalue("begun_url"))
    else:
        place = request.getfixturevalue("away")
        move = move_of(place, request.getfixturevalue("home"))
    store = Store(place.url, place.data, SystemClock(), Changes(), readers=1, writers=1)
    owner = store.read_now(lambda tx: tx.execute(select(account.c.id).limit(1)).scalar_one())
    store.write_now(mailboxes.create, owner, "Avant")
    assert service.run(move, quiet).ended
    before = everything(place.url)
    with pytest.raises(Temporary):
        store.write_now(mailboxes.create, owner, "Après")
    assert everything(place.url) == before
    opening.adopt(place)
    store.write_now(mailboxes.create, owner, "Après")
    store.close()


def test_back_who_gives_it_up_has_nothing_left_of_it(away: Place, home: str) -> None:
    """Nor has who tries again: where its beginning was cut off, or its end."""
    move = move_of(away, home)
    with served(away):
        assert killed(move, (server_journal, "_closed_for_a_moment", 9, True)) == -signal.SIGKILL
        assert killed(move, (server_journal, "_closed_for_a_moment", 12, True)) == -signal.SIGKILL
    bring(away, move)
    assert left_there(away.url) == 2 + 4 * TABLES
    go_on_there(away.url, 1)
    assert journal.count(away.url)
    assert service.abandon(away)
    assert left_there(away.url) == 0
    assert journal.count(away.url) is None
    assert not service.abandon(away), "nothing is left to do"


def test_back_a_long_transaction_holds_up_neither_the_end_nor_what_it_has_not_read(
    away: Place, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dump that goes on while the service is stopped. What it keeps of the journal goes later."""
    for name, value in (("_MOMENT", "SET LOCAL lock_timeout = '200ms'"), ("_DROPPING", 2), ("_PAUSE", 0.1)):
        monkeypatch.setattr(server_journal, name, value)
    move = move_of(away, home)
    bring(away, move)
    with psycopg.connect(away.url) as dump:
        dump.execute("SELECT count(*) FROM guess")
        report = service.run(move, quiet)
        assert report.ended
        assert report.journal_left
        assert (away.settings / "mailserver.toml").read_text() == move.settings
        assert left_there(away.url) == 2 + 4, "the tables, and what is on the one that it reads"
        with stopped("longue transaction"):
            service.abandon(away)
    assert service.abandon(away)
    assert left_there(away.url) == 0


def test_texts_that_sort_elsewhere_once_they_are_mended(place: Place, begun_url: str, move_to: MoveMaker) -> None:
    """The end reads everything, as if nothing had been brought before."""
    with closing(sqlite3.connect(place.data / "mail.db")) as database:
        for key in (b"a\0b", b"a\x01", b"\xff\xfe"):
            database.execute("INSERT INTO guess VALUES (CAST(? AS TEXT), 1, 2, 3)", (key,))
        database.commit()
    move = move_to(begun_url)
    bring(place, move)
    report = service.run(move, quiet)
    assert was_read_wholly(report)
    assert report.mended == 2


def test_killed_twice_before_the_other_end_has_its_mark_nothing_is_read_again(
    place: Place, begun_file: str, move_to: MoveMaker
) -> None:
    fill(place.url)
    move = move_to(begun_file)
    bring(place, move)
    go_on(place.url, 1)
    for _ in range(2):
        with served(place):
            assert killed(move, (journal, "_mark", 1, False)) == -signal.SIGKILL
    assert not was_read_wholly(service.run(move, quiet))
    assert everything(begun_file) == everything(place.url)


def test_another_state_of_the_target_that_is_put_back_meanwhile_is_not_taken_for_the_one_that_follows(
    place: Place, begun_file: str, move_to: MoveMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large messages are brought for hours between the look at its mark and the new one."""
    fill(place.url)
    move = move_to(begun_file)
    bring(place, move)
    go_on(place.url, 1)
    bring_files = service._bring_files

    def and_put_back(*args: object, **kwargs: bool) -> None:
        with closing(sqlite3.connect(begun_file.removeprefix("sqlite:///"))) as target:
            target.execute("UPDATE moving_token SET token = 'older'")
            target.commit()
        bring_files(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(service, "_bring_files", and_put_back)
    with served(place), stopped("changée entre-temps"):
        service.run(move, quiet)
    monkeypatch.undo()
    assert was_read_wholly(service.run(move, quiet))
    assert everything(begun_file) == everything(place.url)
