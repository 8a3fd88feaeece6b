"""Databases of versions before: what they hold reads sensibly in this one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, LargeBinary, MetaData, String, insert, select

from mailserver.foundation.changes import Changes
from mailserver.model.clock import SystemClock
from mailserver.model.provenance import UNKNOWN
from mailserver.store.engine import migrate
from mailserver.store.engine.transactions import Store
from mailserver.store.people import people
from mailserver.store.people.conditions import named
from mailserver.store.queue import moderation_queue
from mailserver.store.schema.mail import content
from mailserver.store.web import webmail
from tests.postgres import Postgres
from tests.schema import create_schema

Add = Callable[..., None]


@pytest.fixture(params=["sqlite", "postgresql"])
def old_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of the version before."""
    server: Postgres | None = None
    url = f"sqlite:///{tmp_path / 'mail.db'}"
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres")
        assert server is not None
        url = server.create()
    yield url
    if server is not None:
        server.drop(url)


def before(url: str, folder: Path, doc: str, names: list[str], fill: Callable[[Add], None]) -> Store:
    """A store that was filled (`fill`, by tables and their columns) before the revision that begins so."""
    config = migrate._config()
    revisions = ScriptDirectory.from_config(config).walk_revisions()
    (down,) = [one.down_revision for one in revisions if one.doc.startswith(doc)]
    with migrate.locked(url, folder, making=True) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, str(down))
        tables = MetaData()
        tables.reflect(connection, only=names)
        fill(lambda named, **values: _add(connection, tables, named, **values))
        connection.commit()
    create_schema(url, folder)
    return Store(url, folder, SystemClock(), Changes(), readers=1)


def test_old_messages_are_of_unknown_provenance(old_url: str, tmp_path: Path) -> None:
    def fill(add: Add) -> None:
        add("account", id=1, login="edupont", state="active")
        add("mailbox", id=1, account_id=1, name="INBOX", uidvalidity=1)
        add("content", id=1)
        add("message", mailbox_id=1, uid=1, content_id=1)

    tables = ["account", "mailbox", "content", "message"]
    store = before(old_url, tmp_path, "Where a message came from", tables, fill)
    try:
        assert store.read_now(webmail.stored, 1, 1).provenance == UNKNOWN
    finally:
        store.close()


def test_old_links_to_held_messages_open_nothing_and_the_messages_wait(old_url: str, tmp_path: Path) -> None:
    def fill(add: Add) -> None:
        add("content", id=1)
        add("mailing_list", address="debat@ac-exemple.fr")
        add(
            "held_message",
            id=1,
            list="debat@ac-exemple.fr",
            content_id=1,
            population="outside",
            expires=4_000_000_000,
            token=b"t" * 32,
        )

    tables = ["content", "mailing_list", "held_message"]
    store = before(old_url, tmp_path, "Each owner of a list has a link", tables, fill)
    try:
        assert [one.id for one in store.read_now(moderation_queue.waiting)] == [1]
        assert store.read_now(moderation_queue.by_token, b"t" * 32) is None
        store.write_now(moderation_queue.take, 1)
        assert store.read_now(moderation_queue.waiting) == []
    finally:
        store.close()


LABELS = {
    ("recteur@ac-exemple.fr", "m@evil.test"): "m@evil.test (recteur@ac-exemple.fr)",
    ("recteur\uff20ac-exemple.fr", "m@evil.test"): "m@evil.test (recteur\uff20ac-exemple.fr)",
    ("M@Evil.test", "m@evil.test"): "M@Evil.test",
    ("Awa Diallo", "awa@exemple.org"): "Awa Diallo",
    ("", ""): "",
    ("recteur@ac-exemple.fr", ""): "recteur@ac-exemple.fr",
    ("x@" + "y" * 998, "m@evil.test"): ("m@evil.test (x@" + "y" * 998)[:1000],
}
"""What a list shows of a name and an address of before."""


def test_old_names_that_could_be_addresses_stand_behind_the_address(old_url: str, tmp_path: Path) -> None:
    def fill(add: Add) -> None:
        for number, (name, address) in enumerate(LABELS, 1):
            add("content", id=number, hash=bytes([number]) * 32, sender=name, sender_address=address)

    store = before(old_url, tmp_path, "A name that could be an address", ["content"], fill)
    try:
        shown = store.read_now(lambda tx: tx.execute(select(content.c.sender).order_by(content.c.id)).scalars().all())
        assert shown == list(LABELS.values())
    finally:
        store.close()


def test_people_of_before_are_shown_by_their_names(old_url: str, tmp_path: Path) -> None:
    def fill(add: Add) -> None:
        add("account", id=1, login="edupont", state="active")
        add("person", account_id=1, given_name="Émilie", surname="Dupont", name_key="emilie dupont", role="teacher")

    store = before(old_url, tmp_path, "People keep the display name", ["account", "person"], fill)
    try:
        old = store.read_now(people.by_account, 1)
        assert old is not None
        assert (old.name, old.display_name, old.common_names) == ("Émilie Dupont", "", ())
        given: dict[str, str | int] = {"display_name": "Mme Dupont", "common_names": "DUPONT Émilie\nÉ. Dupont"}
        store.write_now(people.change_entry, 1, given)
        (new,) = store.read_now(people.matching, named("emilie d"), 10)
        assert (new.name, new.common_names) == ("Mme Dupont", ("DUPONT Émilie", "É. Dupont"))
        assert store.read_now(people.matching, named("dupont e"), 10) == [new]
    finally:
        store.close()


def _add(connection: Connection, tables: MetaData, named: str, **values: object) -> None:
    """A row of an old table, with nothing in every other column that wants something."""
    table = tables.tables[named]
    empty = {
        column.name: b"" if isinstance(column.type, LargeBinary) else "" if isinstance(column.type, String) else 0
        for column in table.c
        if not column.nullable and column.server_default is None and column.name not in values
    }
    connection.execute(insert(table).values(**empty, **values))
