"""Databases of versions before: what they hold reads sensibly in this one."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, LargeBinary, MetaData, String, insert, select, update

from mailserver.foundation.changes import Changes
from mailserver.model.clock import SystemClock
from mailserver.model.identity import Population
from mailserver.model.messages.provenance import UNKNOWN
from mailserver.store.engine import migrate
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import access, mailboxes
from mailserver.store.mail.access.acts import record
from mailserver.store.mail.flags import FLAGGED
from mailserver.store.people import people
from mailserver.store.people.search.conditions import named
from mailserver.store.queue import spool, traces, waiting
from mailserver.store.queue.held import moderation_queue
from mailserver.store.record import audit, sealing
from mailserver.store.record.audit import Action, Origin, Wanted
from mailserver.store.record.sealing import Break
from mailserver.store.schema.mail.messages import content
from mailserver.store.schema.service.audits import audit as rows
from mailserver.store.web import signatures, webmail
from mailserver.texts.causes import Cause
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
    (down,) = [revision.down_revision for revision in revisions if revision.doc.startswith(doc)]
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


FRENCH = {
    "3 Téléphone": "« Téléphone », n° 3",
    "12 Tablette du CDI": "« Tablette du CDI », n° 12",
    "500000": "500000",
    "20 messages": "20 messages",
    "essai": "essai",
    "INBOX: edupont lr": "INBOX: edupont lr",
    "teacher": "enseignant",
    "code": "code à usage unique",
    "app-password": "mot de passe d’application exigé",
    "exported": "emporté",
    "too many questions": "trop de questions",
    "given_name surname": "prénom, nom",
    "pupil -> outside: deny": "élève vers extérieur : interdit",
    "retry 3: all": "relancer 3 : tout",
    "club@ac-exemple.fr: name, owners": "club@ac-exemple.fr : nom, responsables",
    "club@ac-exemple.fr: 2 members added, 0 removed": "club@ac-exemple.fr : 2 membres ajoutés, 0 retiré",
    "1790000000 départ": "1790000000 : départ",
    "recovery code": "code de secours",
    "import 5 is done: 3 created, 1 refused": "l’import 5 est terminé : 3 créés, 1 refusé",
    "from 1790000000 until 1790100000 absence prévue": "du 1790000000 au 1790100000 : absence prévue",
    "2026-09-01 no longer in the export csv": "2026-09-01 : n’est plus dans l’export csv",
    "1 posted: announcement, 1795722182 to 0: Rentrée": "1 publiée : annonce, du 1795722182 au 0 : Rentrée",
    "from x@exemple.org, to edupont@ac-exemple.fr": "from x@exemple.org, to edupont@ac-exemple.fr",
}
"""Details of the record of before, and how they are read."""


KEY = sealing.chain_key(b"an instance's key")
KEPT: dict[str, list[dict[str, Any]]] = json.loads((Path(__file__).parent / "audit_of_0021.json").read_text("utf-8"))
"""What the version before wrote and sealed, and removed from the beginning; the last row waits for its seal."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def record_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with the record of before, upgraded since: nobody changes it."""
    folder = tmp_path_factory.mktemp("record")
    server: Postgres | None = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    url = server.create() if server is not None else f"sqlite:///{folder / 'mail.db'}"

    def fill(add: Add) -> None:
        for table, lines in KEPT.items():
            for line in lines:
                add(
                    table,
                    **{name: _octets(value) if name in ("seal", "mark") else value for name, value in line.items()},
                )

    before(url, folder, "Details of the audit", ["audit", "audit_anchor"], fill).close()
    yield url
    if server is not None:
        server.drop(url)


@pytest.fixture
def recorded(record_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store over a copy of it."""
    server: Postgres | None = None
    if record_url.startswith("sqlite"):
        shutil.copy(record_url.removeprefix("sqlite:///"), tmp_path / "mail.db")
        url = f"sqlite:///{tmp_path / 'mail.db'}"
    else:
        server = request.getfixturevalue("postgres")
        assert server is not None
        url = server.create(record_url.rsplit("/", 1)[1])
    store = Store(url, tmp_path, SystemClock(), Changes(), readers=1)
    yield store
    store.close()
    if server is not None:
        server.drop(url)


def _octets(kept: str | None) -> bytes | None:
    return bytes.fromhex(kept) if kept is not None else None


def test_the_record_of_before_is_whole_and_goes_on(recorded: Store) -> None:
    assert _fault(recorded) is None
    device = Cause("device", id=3, name="Téléphone")
    recorded.write_now(audit.record, Origin("achef", "web"), Action.LOGIN, 7, device)
    assert recorded.write_now(sealing.seal, KEY)[0] == 2, "one was written before and one after"
    assert _fault(recorded) is None
    written = recorded.read_now(lambda tx: [tuple(row) for row in tx.execute(select(rows.c.detail, rows.c.code))])
    assert sorted(written) == sorted([*((line["detail"], "") for line in KEPT["audit"]), ("", "device")])


def test_the_record_of_before_reads_well(recorded: Store) -> None:
    found = {event.id: event for event in recorded.read_now(audit.find, Wanted(), 100)}
    assert len(found) == len(KEPT["audit"])
    for line in KEPT["audit"]:
        event = found[line["id"]]
        assert (event.at, event.actor, event.action) == (line["at"], line["actor"], line["action"])
        assert event.detail.to("fr", str) == FRENCH[line["detail"]]
    assert FRENCH.keys() == {line["detail"] for line in KEPT["audit"]}


@pytest.mark.parametrize("values", [{"code": "charter"}, {"parameters": "{}"}, {"detail": "autre"}, {"actor": "x"}])
def test_a_change_in_the_record_of_before_shows(recorded: Store, values: dict[str, str]) -> None:
    recorded.write_now(lambda tx: tx.execute(update(rows).where(rows.c.link == 9).values(**values)))
    fault = _fault(recorded)
    assert fault is not None
    assert fault.link == 9


ERRORS = {
    "held: by an operator": "retenu par un opérateur",
    "held: sending is suspended for the sender's population": (
        "retenu : l’envoi est suspendu pour la population de l’expéditeur"
    ),
    "The domain a.example does not exist": "le domaine a.example n’existe pas",
    "450 4.2.1 Greylisted": "450 4.2.1 Greylisted",
    "": "",
}
"""Last answers of before, and how they are read."""


def test_attempts_of_before_read_well_and_what_is_held_stays_held(old_url: str, tmp_path: Path) -> None:
    def fill(add: Add) -> None:
        add("content", id=1)
        add("queued", id=1, content_id=1, name="AB", population="pupil", expires=4_000_000_000)
        for number, error in enumerate(ERRORS, 1):
            add("queued_domain", id=number, queued_id=1, domain="a.example", error=error)
        add("message_trace", id=1, at=1790000000, event="failed", detail="5.1.2 The domain a.example does not exist")
        add("message_trace", id=2, at=1790000000, event="failed", detail="mx.a.example: 5.1.1 550 5.1.1 No such user")

    tables = ["content", "queued", "queued_domain", "message_trace"]
    store = before(old_url, tmp_path, "Details of the audit", tables, fill)
    try:
        assert [one.error.to("fr") for one in store.read_now(spool.show)] == list(ERRORS.values())
        assert store.read_now(waiting.state).held == 2
        assert store.write_now(spool.release, Population.PUPIL) == 1
        assert store.write_now(spool.retry) == 4, "an operator's row is named to be tried again"
        assert store.write_now(spool.retry, [1]) == 1
        assert [one.error.to("fr") for one in store.read_now(spool.show)] == ["", "", *list(ERRORS.values())[2:]]
        found = store.read_now(traces.find, traces.Wanted(0, 1800000000), 10).rows
        assert [one.detail.to("fr") for one in found] == [
            "mx.a.example: 5.1.1 550 5.1.1 No such user",
            "5.1.2 le domaine a.example n’existe pas",
        ]
    finally:
        store.close()


ACTS = {
    "append": ("7:9,12", "7:9,12"),
    "copy in": ("1", "1"),
    "move out": ("to Élèves 2026 4:5", "vers Élèves 2026 : 4:5"),
    "flags": ("+\\Seen $Wichtig 3", "+\\Seen $Wichtig 3"),
    "create": ("mailbox 31", "dossier n° 31"),
    "delete": ("2 messages", "2 messages"),
    "rename": ("to Classé", "devient Classé"),
    "annotate": ("/comment", "/comment"),
    "send": ("A1B2C3", "A1B2C3"),
}
"""What rows of before said, by act, and how they are read."""


def test_acts_of_before_read_well_and_new_ones_have_a_code(old_url: str, tmp_path: Path) -> None:
    def fill(add: Add) -> None:
        add("account", id=1, login="mmartin")
        for number, (act, (said, _)) in enumerate(ACTS.items(), 1):
            add("mailbox_act", id=number - 100, owner_id=1, actor_id=2, mailbox="Projet", act=act, detail=said)

    store = before(old_url, tmp_path, "What others did", ["account", "mailbox_act"], fill)
    try:
        found = store.read_now(access.acts, 1, 20)
        assert [(act.act, str(act.detail)) for act in reversed(found)] == [
            (act, said) for act, (said, _) in ACTS.items()
        ]
        assert [act.detail.to("fr") for act in reversed(found)] == [french for _, french in ACTS.values()]
        assert "plain" not in {act.detail.name for act in found}
        renamed = Cause("act-renamed", name="Divers")
        store.write_now(record, access.Viewer(2), 1, "Projet", "rename", (), renamed)
        newest = store.read_now(access.acts, 1, 1)[0]
        assert (newest.detail.name, newest.detail.to("fr")) == ("act-renamed", "devient Divers")
    finally:
        store.close()


def test_old_models_are_plain(old_url: str, tmp_path: Path) -> None:
    def fill(add: Add) -> None:
        add("account", id=1, login="edupont", state="active")
        add("web_model", id=1, account_id=1, name="Absence", subject="Absent demain", text="Bonjour,\n\nà lundi.")

    store = before(old_url, tmp_path, "Models are kept formatted", ["account", "web_model"], fill)
    try:
        kept = store.read_now(signatures.one_model, 1, 1)
        assert kept is not None
        assert (kept.subject, kept.text, kept.html) == ("Absent demain", "Bonjour,\n\nà lundi.", "")
    finally:
        store.close()


def test_what_was_flagged_before_is_counted(old_url: str, tmp_path: Path) -> None:
    """More mailboxes than one batch; those without a flagged message, or without any, say none."""
    masks = {1: [4, 1, 5, 0], 2: [], 5: [1, 3], 500: [63], 501: [4], 502: [5, 4]}
    wanted = {number: sum(mask & FLAGGED > 0 for mask in masks.get(number, ())) for number in range(1, 503)}

    def fill(add: Add) -> None:
        add("account", id=1, login="edupont", state="active")
        add("content", id=1)
        for number in wanted:
            add("mailbox", id=number, account_id=1, name=f"n{number}", uidvalidity=1)
            for uid, mask in enumerate(masks.get(number, ()), 1):
                add("message", mailbox_id=number, uid=uid, content_id=1, flags=mask)

    tables = ["account", "mailbox", "content", "message"]
    store = before(old_url, tmp_path, "Mailboxes count", tables, fill)
    try:
        assert {box.id: box.flagged for box in store.read_now(mailboxes.listing, 1)} == wanted
    finally:
        store.close()


def _fault(store: Store) -> Break | None:
    """Where the chain is broken."""
    at, fault = store.read_now(sealing.begin, KEY)
    while fault is None:
        further, fault = store.read_now(sealing.check, KEY, at)
        if further is None:
            break
        at = further
    return fault


def _add(connection: Connection, tables: MetaData, named: str, **values: object) -> None:
    """A row of an old table, with nothing in every other column that wants something."""
    table = tables.tables[named]
    empty = {
        column.name: b"" if isinstance(column.type, LargeBinary) else "" if isinstance(column.type, String) else 0
        for column in table.c
        if not column.nullable and column.server_default is None and column.name not in values
    }
    connection.execute(insert(table).values(**empty, **values))
