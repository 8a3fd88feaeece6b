"""What a migration may do while the version before serves, what that version does about it, and the way back."""

import asyncio
import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DatabaseError

from mailserver.background.host_beat import HostBeat
from mailserver.background.schema_watch import SchemaWatch
from mailserver.foundation import instance_lock
from mailserver.foundation.changes import Changes
from mailserver.foundation.network.ports import CannotServe
from mailserver.foundation.settings import load
from mailserver.model.clock import SystemClock
from mailserver.model.errors import NewerSchema, Temporary
from mailserver.store.engine import migrate
from mailserver.store.engine.migrate import CONTRACT, EXPAND, FIRST_WITH_NOTES
from mailserver.store.engine.transactions import Store
from mailserver.store.moving import departure
from mailserver.store.moving.ends import End
from mailserver.store.upkeep import host_facts, hosts, opening, upgrading
from mailserver.store.upkeep.hosts import Host
from mailserver.store.upkeep.opening import NeedsStop, Place
from tests.postgres import Postgres
from tests.waiting import becomes, until

FUTURE = '''"""{doc}"""

from alembic import op

revision = "{revision}"
down_revision = "{down}"
branch_labels = None
depends_on = None
KIND = "{kind}"


def upgrade() -> None:
    op.execute("{up}")


def downgrade() -> None:
    op.execute("{back}")
'''


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Of an instance whose database has nothing yet."""
    (tmp_path / "blobs").mkdir()
    (tmp_path / "data").mkdir()  # where whoever serves has a lock
    url, server = f"sqlite:///{tmp_path / 'mail.db'}", None
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres")
        assert isinstance(server, Postgres)
        url = server.create()
    yield Place(url, tmp_path, tmp_path)
    if server is not None:
        server.drop(url)


@pytest.fixture
def place(empty: Place, request: pytest.FixtureRequest) -> Iterator[Place]:
    """Of one that is up to date, with one person."""
    found, server = empty, None
    if empty.url.startswith("sqlite"):
        shutil.copy(request.getfixturevalue("sqlite_template"), empty.data / "mail.db")
    else:
        server = request.getfixturevalue("postgres")
        found = Place(server.borrow(), empty.data, empty.settings)
    opening.open_instance(found)
    with migrate.locked(found.url, found.data) as connection:
        connection.execute(text("INSERT INTO account (id, login, state, created) VALUES (1, 'edupont', 'active', 0)"))
        connection.commit()
    yield found
    if server is not None:
        server.drop(found.url)


@pytest.fixture
def to_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Gives this program one more revision."""
    folder = tmp_path / "further"
    folder.mkdir()
    monkeypatch.setattr(migrate, "FURTHER", [folder])

    def add(kind: str, up: str, back: str) -> str:
        revision = f"{9001 + len(list(folder.iterdir()))}"
        values = {"doc": f"A revision that is {kind}", "down": max(migrate.newest()), "revision": revision}
        (folder / f"r{revision}.py").write_text(FUTURE.format(kind=kind, up=up, back=back, **values))
        return revision

    return add


ADDS = ("ALTER TABLE account ADD COLUMN future INTEGER NOT NULL DEFAULT 7", "ALTER TABLE account DROP COLUMN future")
TAKES = ("ALTER TABLE account RENAME COLUMN login TO name", "ALTER TABLE account RENAME COLUMN name TO login")


def logins(connection: Connection) -> list[str]:
    return list(connection.execute(text("SELECT login FROM account ORDER BY id")).scalars())


def test_what_only_adds_is_run_beside_others_who_go_on(place: Place, to_come: Callable[..., str], make: Any) -> None:
    before = max(migrate.newest())
    store = make(place)
    revision = to_come(EXPAND, *ADDS)
    plan = upgrading.plan(place)
    assert [(one.step.revision, one.step.kind) for one in plan.planned] == [(revision, EXPAND)]
    assert not plan.needs_stop
    assert plan.has_room
    opening.open_instance(place, beside_others=True)
    assert upgrading.plan(place).is_back_needless
    # As the version before, which does not know the revision: it serves, whether it was there before or comes now.
    migrate.FURTHER.clear()
    assert opening.look(place)
    opening.open_instance(place)
    told: list[None] = []
    watch = SchemaWatch(store=store, stop=lambda: told.append(None))
    asyncio.run(watch.look())
    assert told == []
    plan = upgrading.plan(place)
    assert (plan.revision, plan.wanted, plan.planned) == (revision, before, ())
    with migrate.locked(place.url, place.data) as connection:
        connection.execute(text("INSERT INTO account (id, login, state, created) VALUES (2, 'mmartin', 'active', 0)"))
        connection.commit()
        assert logins(connection) == ["edupont", "mmartin"]


def test_what_takes_away_waits_for_a_stop_and_can_be_undone(
    place: Place, to_come: Callable[..., str], make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = max(migrate.newest())
    store = make(place)
    revision = to_come(CONTRACT, *TAKES)
    assert upgrading.plan(place).needs_stop
    with pytest.raises(NeedsStop, match=revision):
        opening.open_instance(place, beside_others=True)
    assert upgrading.plan(place).revision == before
    opening.open_instance(place)
    # Of the version before nobody may go on, and nobody may begin.
    further = list(migrate.FURTHER)
    monkeypatch.setattr(migrate, "FURTHER", [])
    with pytest.raises(NewerSchema, match=revision):
        opening.open_instance(place)
    told: list[None] = []
    asyncio.run(SchemaWatch(store=store, stop=lambda: told.append(None)).look())
    assert told == [None]
    # The way back.
    monkeypatch.setattr(migrate, "FURTHER", further)
    plan = upgrading.plan(place)
    assert (plan.back_to, [step.revision for step in plan.back], plan.is_back_needless) == (before, [revision], False)
    upgrading.go_back(place, plan.back_to)
    monkeypatch.setattr(migrate, "FURTHER", [])
    opening.open_instance(place)
    with migrate.reading(place.url) as connection:
        assert logins(connection) == ["edupont"]


def test_a_revision_that_ends_half_way_leaves_nothing(place: Place, to_come: Callable[..., str]) -> None:
    """Killed or refused: the next attempt begins where this one did."""
    before = max(migrate.newest())
    first, second = to_come(EXPAND, *ADDS), to_come(EXPAND, "SELECT * FROM nowhere", "SELECT 1")
    with pytest.raises((Temporary, DatabaseError)):
        opening.open_instance(place)
    plan = upgrading.plan(place)
    assert (plan.revision, [one.step.revision for one in plan.planned]) == (before, [first, second])
    with migrate.reading(place.url) as connection:
        assert "future" not in {column["name"] for column in inspect(connection).get_columns("account")}
    path = migrate.FURTHER[0] / f"r{second}.py"
    # Another length: bytecode that is kept is known by the second and the size of its source.
    path.write_text(path.read_text().replace("FROM nowhere", "FROM account LIMIT 1"))
    opening.open_instance(place)
    assert upgrading.plan(place).revision == second


def test_a_revision_lets_those_go_first_who_wait_behind_it(
    place: Place, to_come: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a table that a long transaction reads (pg_dump); on SQLite readers are in nobody's way."""
    revision = to_come(EXPAND, *ADDS)
    is_file = place.url.startswith("sqlite")
    monkeypatch.setattr(migrate, "LOCK_MS", 1)
    monkeypatch.setattr(migrate, "LOCK_ATTEMPTS", 3)
    pauses: list[float] = []
    with migrate.reading(place.url) as reader:
        assert logins(reader) == ["edupont"]

        def pause(seconds: float) -> None:
            """The second time the reader has come to its end."""
            pauses.append(seconds)
            if len(pauses) == 2:
                reader.rollback()

        # Its own alone: other threads of this process sleep, too.
        monkeypatch.setattr("mailserver.store.engine.migrate.time", SimpleNamespace(sleep=pause))
        opening.open_instance(place, beside_others=True)
    assert len(pauses) == (0 if is_file else 2)
    assert upgrading.plan(place).revision == revision


def test_what_takes_away_waits_for_other_hosts(place: Place, to_come: Callable[..., str], make: Any) -> None:
    """Whoever asks for it: a service that starts, a command, the way back. A file has one host."""
    store = make(place)
    is_file = place.url.startswith("sqlite")
    own, other = host_facts.host_id(place.data), "b" * 32
    for name, identifier in (("celui-ci", own), ("un-autre", other)):
        store.write_now(hosts.beat, Host(identifier, name, "0.7.0", "0059", 1, {}))
    before, revision = max(migrate.newest()), to_come(CONTRACT, *TAKES)
    for opened in () if is_file else (opening.open_instance, opening.adopt):
        with pytest.raises(NeedsStop, match=f"{revision}.*un-autre") as told:
            opened(place)
        assert "celui-ci" not in str(told.value)
    if not is_file:
        store.write_now(hosts.leave, other)
    opening.open_instance(place)
    store.write_now(hosts.beat, Host(other, "un-autre", "0.7.0", "0059", 1, {}))
    with contextlib.nullcontext() if is_file else pytest.raises(NeedsStop, match="un-autre"):
        upgrading.go_back(place, before)
    assert upgrading.plan(place).revision == (before if is_file else revision)


def test_a_service_ends_whose_schema_went_back(place: Place, to_come: Callable[..., str], make: Any) -> None:
    before = max(migrate.newest())
    to_come(EXPAND, *ADDS)
    opening.open_instance(place)
    told: list[None] = []
    watch = SchemaWatch(store=make(place), stop=lambda: told.append(None))
    asyncio.run(watch.look())
    assert told == []
    upgrading.go_back(place, before)
    asyncio.run(watch.look())
    assert told == [None]


def test_a_service_ends_whose_database_was_moved_away(place: Place, make: Any) -> None:
    """It was cut off meanwhile, or began to serve just then: what it takes in would stay behind."""
    told: list[None] = []
    watch = SchemaWatch(store=make(place), stop=lambda: told.append(None))
    asyncio.run(watch.look())
    departure.note(place, End("postgresql://messagerie:secret@base/messagerie"))
    asyncio.run(watch.look())
    assert told == [None]
    departure.forget_note(place)
    asyncio.run(watch.look())
    assert told == [None], "the move came to nothing"


def test_nobody_begins_to_serve_while_the_schema_goes_back(
    place: Place, to_come: Callable[..., str], make: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """This host is refused. Another one, which saw the new schema, waits to say that it serves, and then ends."""
    before = max(migrate.newest())
    to_come(CONTRACT, *TAKES)
    opening.open_instance(place)
    store, is_file = make(place), place.url.startswith("sqlite")
    (tmp_path / "mailserver.toml").write_text('domain = "ac-exemple.fr"\n')
    told: list[None] = []
    beat = HostBeat(settings=load(tmp_path), store=store, workers=1, stop=lambda: told.append(None))
    other = threading.Thread(target=lambda: asyncio.run(first_beat(beat, told)))
    downgrade = command.downgrade

    def beside(*words: Any) -> None:
        with pytest.raises(CannotServe, match="served already"):
            instance_lock.hold(place.settings)
        if not is_file:
            other.start()
            until(lambda: waits_for_a_lock(place))
        downgrade(*words)

    monkeypatch.setattr(command, "downgrade", beside)
    upgrading.go_back(place, before)
    if not is_file:
        other.join()
        assert told == [None]
    os.close(instance_lock.hold(place.settings))


async def first_beat(beat: HostBeat, told: list[None]) -> None:
    """What a host does as soon as it serves."""
    running = asyncio.create_task(beat.run())
    await becomes(lambda: told or running.done())
    running.cancel()


def waits_for_a_lock(place: Place) -> bool:
    with migrate.reading(place.url) as connection:
        return bool(connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar())


def test_a_plan_tells_the_way_back_from_what_is_planned(place: Place, to_come: Callable[..., str]) -> None:
    """And not from the upgrade before."""
    middle = to_come(EXPAND, *ADDS)
    opening.open_instance(place)
    assert upgrading.plan(place).is_back_needless
    revision = to_come(CONTRACT, *TAKES)
    plan = upgrading.plan(place)
    assert ([step.revision for step in plan.undone], plan.way_back_to) == ([revision], middle)
    assert not plan.is_back_needless


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Place], Store]]:
    """A store as a worker has it."""
    made: list[Store] = []

    def open_store(place: Place) -> Store:
        made.append(Store(place.url, place.data, SystemClock(), Changes(), readers=1, writers=1))
        return made[-1]

    yield open_store
    for store in made:
        store.close()


# ---------------------------------------------------------------------- each migration from now on


Shape = dict[str, dict[str, Any]]


DEFINITIONS = {
    "sqlite": """
        SELECT tbl_name, group_concat(sql, ';') FROM (SELECT * FROM sqlite_master ORDER BY name)
        WHERE tbl_name NOT LIKE 'sqlite%' GROUP BY tbl_name
    """,
    "postgresql": """
        SELECT relname, concat_ws(';',
            (SELECT string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
                                         (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef
                                          WHERE adrelid = attrelid AND adnum = attnum)), ',' ORDER BY attnum)
             FROM pg_attribute WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped),
            (SELECT string_agg(pg_get_constraintdef(oid), ',' ORDER BY conname)
             FROM pg_constraint WHERE conrelid = pg_class.oid),
            (SELECT string_agg(pg_get_indexdef(indexrelid), ',' ORDER BY indexrelid)
             FROM pg_index WHERE indrelid = pg_class.oid))
        FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    """,
}
"""Of each table, in the words of the database."""
Known = dict[tuple[str, str], dict[str, Any]]


def shape(connection: Connection, known: Known) -> Shape:
    """Tables as they are. What was read before of one that is defined as it was is `known`: to read all takes long."""
    defined: dict[str, str] = dict(connection.execute(text(DEFINITIONS[connection.dialect.name])).all())
    new = [name for name, definition in defined.items() if (name, definition) not in known]
    if new:
        known.update({(name, defined[name]): table for name, table in _read(connection, new).items()})
    return {name: known[name, definition] for name, definition in defined.items()}


def _read(connection: Connection, names: list[str]) -> Shape:
    """Columns, keys, what must be unique, what must be true."""
    found = inspect(connection)
    keys, unique, indexes = (
        found.get_multi_pk_constraint(filter_names=names),
        found.get_multi_unique_constraints(filter_names=names),
        found.get_multi_indexes(filter_names=names),
    )
    foreign, checks = (
        found.get_multi_foreign_keys(filter_names=names),
        found.get_multi_check_constraints(filter_names=names),
    )
    return {
        str(at[1]): {
            "columns": {column["name"]: _described(column) for column in columns},
            "key": keys[at]["constrained_columns"],
            "unique": sorted(str(one["column_names"]) for one in unique[at])
            + sorted(str(one["column_names"]) for one in indexes[at] if one["unique"]),
            "refers": sorted(str(one["constrained_columns"]) for one in foreign[at]),
            "true": sorted(str(one["sqltext"]) for one in checks[at]),
        }
        for at, columns in found.get_multi_columns(filter_names=names).items()
    }


def _described(column: Any) -> tuple[str, bool, bool]:
    return str(column["type"]), column["nullable"], column["default"] is not None or bool(column.get("autoincrement"))


def faults(before: Shape, after: Shape) -> list[str]:
    """What statements of before would trip over."""
    found = []
    for name, old in before.items():
        new = after.get(name)
        if new is None:
            found.append(f"{name} is gone")
            continue
        found += [
            f"{name}: {part} are others" for part in ("key", "unique", "refers", "true") if old[part] != new[part]
        ]
        for column, described in new["columns"].items():
            if column not in old["columns"]:
                found += [] if described[1] or described[2] else [f"{name}.{column} has no default"]
            elif described != old["columns"][column]:
                found.append(f"{name}.{column} is another")
        found += [f"{name}.{column} is gone" for column in old["columns"].keys() - new["columns"].keys()]
    return found


def test_each_migration_says_its_kind_adds_only_or_can_be_undone(empty: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Since the one that brought the rule: CONTRIBUTING, "A migration"."""
    config, known = migrate._config(), Known()
    folder = ScriptDirectory.from_config(config)
    monkeypatch.setattr(ScriptDirectory, "from_config", lambda _: folder)  # each command would read all of them
    scripts = list(folder.walk_revisions())[::-1]
    first = [one.revision for one in scripts].index(FIRST_WITH_NOTES)
    with migrate.locked(empty.url, empty.data, making=True) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, str(scripts[first].down_revision))
        before = shape(connection, known)
        for script in scripts[first:]:
            kind = getattr(script.module, "KIND", None)
            assert kind in (EXPAND, CONTRACT), f"{script.revision} says no KIND"
            command.upgrade(config, script.revision)
            after = shape(connection, known)
            if kind == EXPAND:
                assert faults(before, after) == [], script.revision
            assert hasattr(script.module, "downgrade"), f"{script.revision} cannot be undone"
            command.downgrade(config, str(script.down_revision))
            assert shape(connection, known) == before, f"{script.revision} is not undone whole"
            command.upgrade(config, script.revision)
            before = after
            connection.commit()


def test_the_judge_of_migrations_sees_what_breaks_statements(empty: Place) -> None:
    with migrate.locked(empty.url, empty.data, making=True) as connection:
        connection.execute(text("CREATE TABLE a (id INTEGER NOT NULL PRIMARY KEY, b INTEGER NOT NULL, c INTEGER)"))
        known = Known()
        before = shape(connection, known)
        seen = []
        for change in (
            "ALTER TABLE a ADD COLUMN d INTEGER",
            "ALTER TABLE a ADD COLUMN e INTEGER NOT NULL DEFAULT 0",
            "CREATE INDEX ix ON a (b)",
            "CREATE UNIQUE INDEX ux ON a (b)",
            "ALTER TABLE a RENAME COLUMN c TO f",
            "DROP TABLE a",
        ):
            connection.execute(text(change))
            seen.append(len(faults(before, shape(connection, known))))
        assert seen == [0, 0, 0, 1, 2, 1]


def test_the_revisions_of_the_program_are_read_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command opens the instance; to read all revisions takes longer than the rest of it."""
    opening.open_instance(place)

    def again(*_: object) -> None:
        raise AssertionError("they were read again")

    monkeypatch.setattr(ScriptDirectory, "from_config", again)
    opening.open_instance(place)
    assert opening.look(place)
