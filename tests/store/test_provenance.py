"""Where messages came from: written with them, carried by copies and moves, unknown of what was there before."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, LargeBinary, MetaData, String, insert

from mailserver.changes import Changes
from mailserver.clock import SystemClock
from mailserver.provenance import UNKNOWN, Door, Provenance
from mailserver.store import access, acquaintances, blobs, mailboxes, messages, migrate, webmail
from mailserver.store.access import Viewer
from mailserver.store.messages import NO_QUOTA, Placing
from mailserver.store.transactions import Store, Tx
from tests.postgres import Postgres

SENT = Provenance(Door.SUBMISSION, 7)
LISTED = Provenance(Door.SMTP, 0, through_list=True)
OCTETS = b"From: Paul <p@x.fr>\r\nSubject: x\r\n\r\nx\r\n"


def place(store: Store, account: int, provenances: list[Provenance]) -> tuple[int, int]:
    """Appearances of one content in INBOX; the mailbox and the content."""
    prepared = blobs.prepare(OCTETS, store.data / "blobs")

    def unit(tx: Tx) -> tuple[int, int]:
        box = mailboxes.get(tx, account, "INBOX")
        content_id, _ = messages.store_content(tx, prepared)
        batch = [Placing(content_id, prepared.size, provenance=one) for one in provenances]
        messages.place_batch(tx, account, box.id, batch)
        return box.id, content_id

    return store.write_now(unit)


def kept(store: Store, account: int, name: str) -> list[Provenance]:
    """What a mailbox knows of its messages, by UID."""

    def look(tx: Tx) -> list[Provenance]:
        box = mailboxes.get(tx, account, name)
        rows = messages.fetch(tx, account, box.id, ("uid", "door", "door_account", "through_list"))
        return [Provenance.stored(*row[1:]) for row in rows]

    return store.read_now(look)


@pytest.mark.parametrize("move", [messages.copy, messages.move])
@pytest.mark.parametrize(("uids", "expected"), [(None, [SENT, UNKNOWN, LISTED]), ([1, 3], [SENT, LISTED])])
def test_copies_carry_it(
    store: Store,
    edupont: int,
    mmartin: int,
    move: Callable[..., Any],
    uids: list[int] | None,
    expected: list[Provenance],
) -> None:
    box, _ = place(store, edupont, [SENT, UNKNOWN, LISTED])
    there = store.read_now(mailboxes.get, mmartin, "INBOX")
    store.write_now(move, edupont, box, there.id, uids, target_account=mmartin)
    assert kept(store, mmartin, "INBOX") == expected


def test_a_copy_with_other_flags_carries_it(store: Store, edupont: int, mmartin: int) -> None:
    """Row by row, as where the target may not have every flag."""
    box, _ = place(store, edupont, [SENT, LISTED])
    there = store.read_now(mailboxes.get, mmartin, "INBOX")
    store.write_now(messages.copy, edupont, box, there.id, None, target_account=mmartin, keep=0)
    assert kept(store, mmartin, "INBOX") == [SENT, LISTED]


def test_a_mailing_has_it_in_every_mailbox(store: Store, edupont: int, mmartin: int) -> None:
    _, content_id = place(store, edupont, [])
    boxes = store.read_now(messages.inboxes, [edupont, mmartin])
    store.write_now(messages.place_many, boxes, content_id, len(OCTETS), LISTED)
    assert kept(store, edupont, "INBOX") == kept(store, mmartin, "INBOX") == [LISTED]


def test_what_is_appended_names_who_did(store: Store, edupont: int) -> None:
    prepared = blobs.prepare(OCTETS, store.data / "blobs")
    store.write_now(access.append, Viewer(edupont), "INBOX", [(prepared, (), None)], NO_QUOTA)
    store.write_now(access.replace, Viewer(edupont), _inbox(store, edupont), 1, "INBOX", (prepared, (), None), NO_QUOTA)
    store.write_now(webmail.append_new, edupont, _inbox(store, edupont), [_other(store)], NO_QUOTA)
    assert kept(store, edupont, "INBOX") == [Provenance(Door.APPENDED, edupont)] * 2


def _inbox(store: Store, account: int) -> int:
    return store.read_now(mailboxes.get, account, "INBOX").id


def _other(store: Store) -> tuple[blobs.Prepared, tuple[str, ...], int]:
    return blobs.prepare(b"Subject: other\r\n\r\nx\r\n", store.data / "blobs"), (), 0


def test_what_another_appended_makes_nobody_known(store: Store, edupont: int, mmartin: int) -> None:
    _, content_id = place(store, edupont, [Provenance(Door.APPENDED, mmartin)])
    assert store.read_now(acquaintances.acquaintance, edupont, "p@x.fr", content_id + 1).first_time
    place(store, edupont, [Provenance(Door.SMTP)])
    assert not store.read_now(acquaintances.acquaintance, edupont, "p@x.fr", content_id + 1).first_time


def test_a_number_of_no_door_proves_nothing() -> None:
    assert Provenance.stored(99, 7, 1) == Provenance(Door.UNKNOWN, 7, through_list=True)


# ---------------------------------------------------------------------- what was there before


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


def test_old_messages_are_of_unknown_provenance(old_url: str, tmp_path: Path) -> None:
    config = migrate._config()
    script = ScriptDirectory.from_config(config)
    (before,) = [one.down_revision for one in script.walk_revisions() if one.doc.startswith("Where a message came")]
    with migrate.locked(old_url, tmp_path, making=True) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, str(before))
        tables = MetaData()
        tables.reflect(connection, only=["account", "mailbox", "content", "message"])
        _add(connection, tables, "account", id=1, login="edupont", state="active")
        _add(connection, tables, "mailbox", id=1, account_id=1, name="INBOX", uidvalidity=1)
        _add(connection, tables, "content", id=1)
        _add(connection, tables, "message", mailbox_id=1, uid=1, content_id=1)
        connection.commit()
    migrate.create(old_url, tmp_path)
    store = Store(old_url, tmp_path, SystemClock(), Changes(), readers=1)
    try:
        assert kept(store, 1, "INBOX") == [UNKNOWN]
        assert store.read_now(webmail.stored, 1, 1).provenance == UNKNOWN
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
