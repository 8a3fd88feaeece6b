"""Erased means erased: nothing of a person is left in any table or file but what keeps their names from others."""

import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, insert, select

from directory.people import lifecycle
from mailserver.background.blob_gc import BlobCollector
from mailserver.background.housekeeping import states
from mailserver.model.account.preferences import Preferences
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import NewPerson, Principal, Role, State
from mailserver.store.account import accounts, sessions, stored_preferences
from mailserver.store.agenda import agenda_items, agendas
from mailserver.store.agenda.agenda_items import NewItem
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import mailboxes, messages
from mailserver.store.people import bulk_people
from mailserver.store.record import trusted_clock
from mailserver.store.record.audit import Action
from mailserver.store.schema import metadata
from mailserver.store.schema.people.entries import claim
from mailserver.store.schema.people.rosters import list_member, list_post, mailing_list
from mailserver.store.upkeep import caretaking, erasure, returned_account
from tests.background.conftest import DAY, PRIVATE, House

SURNAME = "Zwyrtkiewicz"
LOGIN = "ezwyrtkiewicz"
LETTER = b"From: a@b.fr\r\nTo: x@y.fr\r\nSubject: %s\r\n\r\n%s\r\n"


async def somebody(house: House) -> Principal:
    """A person with something everywhere."""
    person = await house.worker.directory.add(
        NewPerson(
            "Élodie", SURNAME, Role.TEACHER, "1985-07-14", "21E2600123ABC", uai="0210006T", recovery_address=PRIVATE
        )
    )
    await house.worker.directory.set_password(person.account_id, Secret("Craie-Bleue#31"))
    for number in range(5):
        body = os.urandom(200_000).hex().encode() if number == 0 else b"Zwyrtkiewicz"
        await house.deliver(person.address, LETTER % (b"Bonjour Zwyrtkiewicz %d" % number, body))
    await house.store.write(_belongings, person)
    return person


def _belongings(tx: Tx, person: Principal) -> None:
    account_id = person.account_id
    box = mailboxes.create(tx, account_id, "Zwyrtkiewicz/2026")
    inbox = mailboxes.get(tx, account_id, mailboxes.INBOX)
    messages.copy(tx, account_id, inbox.id, box.id, [1, 2])
    messages.store_flags(tx, account_id, inbox.id, [1], "+", ("$Zwyrtkiewicz", "\\Deleted"))
    messages.expunge(tx, account_id, inbox.id)
    mailboxes.create(tx, account_id, "Zwyrtkiewicz/2025")
    messages.copy(tx, account_id, inbox.id, mailboxes.get(tx, account_id, "Zwyrtkiewicz/2025").id, [2])
    mailboxes.remove(tx, account_id, "Zwyrtkiewicz/2025")
    agendas.provision(tx, account_id)
    for collection in agendas.listing(tx, account_id):
        for number in range(3):
            item = NewItem(f"{number}.ics", f"u{number}", "etag", "VCALENDAR", "VEVENT", 0, 1, "SUMMARY:Zwyrtkiewicz")
            agenda_items.put(tx, account_id, collection.id, item)
        agenda_items.remove(tx, account_id, collection.id, "0.ics")
    gone = agendas.create(tx, account_id, "zwyrtkiewicz", agendas.CALENDAR, {})
    item = NewItem("a.ics", "a", "etag", "VCALENDAR", "VEVENT", 0, 1, "SUMMARY:Zwyrtkiewicz")
    agenda_items.put(tx, account_id, gone.id, item)
    agendas.drop(tx, account_id, gone.id)
    sessions.open_session(tx, b"s" * 32, account_id, 1, 100, "simple", "127.0.0.1", "Zwyrtkiewicz")
    stored_preferences.save_preferences(tx, account_id, Preferences(signature="Zwyrtkiewicz"))
    address = "equipe@ac-exemple.fr"
    common = {"name": "Équipe", "name_key": "equipe", "created": 0, "modified": 0}
    tx.execute(insert(mailing_list), {"address": address, "owner": person.address, **common})
    tx.execute(insert(list_member), {"list": address, "member": person.address})
    wrote = {"account_id": account_id, "author": SURNAME, "subject": SURNAME}
    tx.execute(insert(list_post), {"list": address, "posted": 0, "name": "n", "people": 1, "outside": 0, **wrote})
    for name, table in metadata.tables.items():
        if name in erasure.KEPT or "account_id" not in table.c:
            continue
        if tx.execute(select(table.c.account_id).where(table.c.account_id == account_id)).first() is None:
            _fill(tx, name, account_id)


def _fill(tx: Tx, name: str, account_id: int) -> None:
    """A row of every other kind of thing that an account may have."""
    table = metadata.tables[name]
    row: dict[str, Any] = {}
    for column in table.columns:
        kind = column.type.python_type
        if column.name == "account_id":
            row[column.name] = account_id
        elif column.foreign_keys:
            target = next(iter(column.foreign_keys)).column
            found = tx.execute(select(target).limit(1)).scalar()
            if found is None and not column.nullable:
                found = _parent(tx, target.table.name)
            row[column.name] = found
        elif (
            (column.primary_key and column.autoincrement is True)
            or column.server_default is not None
            or (column.primary_key and kind is int and len(table.primary_key.columns) == 1)
        ):
            continue
        else:
            row[column.name] = {int: 7, str: _word(column), bytes: b"Z" * 32}[kind]
    tx.execute(insert(table), row)


def _word(column: Column[Any]) -> str:
    """The name, as much of it as the column holds."""
    return SURNAME[: getattr(column.type, "length", None) or len(SURNAME)]


def _parent(tx: Tx, name: str) -> Any:
    values = {
        "import_run": {"at": 1, "actor": "", "source": "", "kind": "csv", "digest": b"d", "state": "done"},
        "withdrawal": {
            "at": 1,
            "actor": "",
            "content_id": 1,
            "alike": 0,
            "state": "taken",
            "expires": 9,
            "refused_until": 0,
            "body_hash": b"d",
            "body_size": 1,
            "message_id": "",
            "sender": "",
            "subject": "",
        },
    }[name]
    table = metadata.tables[name]
    return tx.execute(insert(table).returning(table.c.id), values).scalar_one()


def _left(tx: Tx, account_id: int) -> dict[str, list[str]]:
    """Rows of the account, and rows anywhere that tell its name, by table."""
    found: dict[str, list[str]] = {}
    for name, table in metadata.tables.items():
        for row in tx.execute(select(table)).mappings():
            named = any(_tells(value) or value == _word(table.c[column]) for column, value in row.items())
            if named or row.get("account_id") == account_id:
                found.setdefault(name, []).append(str(dict(row))[:200])
    return found


def _tells(value: object) -> bool:
    text = value.decode("latin-1") if isinstance(value, bytes) else value if isinstance(value, str) else ""
    return "zwyrt" in text.casefold() or PRIVATE in text


async def test_nothing_personal_is_left(house: House, tmp_path: Path) -> None:
    person = await somebody(house)
    there = await house.store.read(_left, person.account_id)
    owned = {name for name, table in metadata.tables.items() if "account_id" in table.c}
    assert owned - set(there) <= {"queued"}, "every kind of thing is there before"
    await house.accounts.close(LOGIN, "parti Zwyrtkiewicz", lifecycle.farewell(house.settings.accounts, 0, reply="Z"))
    counted: list[None] = []
    standing = await house.accounts.erase(LOGIN, lambda: counted.append(None))
    assert (standing.state, bool(standing.erased), standing.erase_at) == (State.CLOSED, True, 0)
    assert counted
    collector = BlobCollector(store=house.store, clock=house.clock, folder=house.store.blobs)
    house.clock.step(3600)
    await collector.collect()
    left = await house.store.read(_left, person.account_id)
    # Traces of envelopes are a log like the audit: they go with their age, [audit] trace_days.
    assert set(left) <= {"account", "audit", "claim", "import_run", "message_trace"}, left
    (row,) = left["account"]
    assert PRIVATE not in row
    assert row.count("zwyrt") == 1, "the identifier alone"
    folder = house.store.data / "blobs"
    aside = [path for path in folder.rglob("*") if path.is_file()]
    assert [path.relative_to(folder).parts[0] for path in aside] == ["quarantine"], "the one large message"
    house.clock.step(house.settings.storage.quarantine_days * DAY + 1)
    await house.store.write(trusted_clock.believe)
    await collector.empty_quarantine(int(aside[0].name[:2], 16))
    assert [path for path in folder.rglob("*") if path.is_file()] == []


async def test_names_are_never_issued_again(house: House) -> None:
    person = await somebody(house)
    await house.accounts.close(LOGIN, "")
    await house.accounts.erase(LOGIN)
    claims = await house.store.read(lambda tx: tx.execute(select(claim.c.name, claim.c.live)).all())
    assert {tuple(row) for row in claims} >= {(LOGIN, 0), (person.address, 0), (f"{LOGIN}@ac-exemple.fr", 0)}
    again = await house.worker.directory.add(NewPerson("Élodie", SURNAME, Role.TEACHER))
    assert again.login == f"{LOGIN}1"
    assert again.address != person.address
    with pytest.raises(Refused) as refused:
        await house.deliver(person.address, LETTER % (b"x", b"y"))
    assert refused.value.reason is Reason.NO_SUCH_RECIPIENT
    events = [event.action for event in await house.history(person)]
    assert Action.ERASED in events
    assert Action.CREATED in events, "the audit stays"


async def test_who_may_be_erased(house: House) -> None:
    await house.person()
    for act in (house.accounts.erase,):
        with pytest.raises(Refused, match="not closed"):
            await act("edupont")
    await house.accounts.close("edupont", "")
    await house.accounts.erase("edupont")
    with pytest.raises(Refused, match="erased"):
        await house.accounts.erase("edupont")
    with pytest.raises(Refused):
        await house.accounts.restore("edupont")


async def test_erased_when_the_grace_is_over(house: House) -> None:
    person = await house.person()
    now = int(house.clock.now())
    await house.accounts.close("edupont", "", lifecycle.farewell(house.settings.accounts, now))
    await house.round((house.settings.accounts.grace_days - 1) * DAY)
    assert (await house.standing(person)).erased == 0
    await house.round(DAY)
    assert (await house.standing(person)).erased > 0
    assert await house.worker.directory.find("edupont") is None


async def test_an_interrupted_erasure_goes_on_and_nothing_brings_the_account_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await somebody(house)
    monkeypatch.setattr(erasure, "MESSAGES", 1)
    await house.accounts.close(LOGIN, "", lifecycle.farewell(house.settings.accounts, int(house.clock.now())))
    done = await lifecycle.erase(house.store, house.worker.directory, states.ORIGIN, person.account_id, units=2)
    assert not done
    with pytest.raises(Refused, match="erased"):
        await house.accounts.restore(LOGIN)
    with pytest.raises(Refused, match="erased"):
        await house.accounts.resume(LOGIN)
    await house.round()
    standing = await house.standing(person)
    assert (bool(standing.erased), standing.erase_at) == (True, 0)


async def test_who_is_late_with_an_erasure_touches_nothing_of_an_account_that_came_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two are at it (a round, and IT's command); one ends it, and a backup brings the account back."""
    person = await somebody(house)
    then = await house.store.read(returned_account.read, person.account_id)
    assert then is not None
    await house.accounts.close(LOGIN, "")
    step = erasure.step

    def another_one_ends_it(tx: Tx, account_id: int) -> bool:
        monkeypatch.setattr(erasure, "step", step)
        while step(tx, account_id):
            pass
        erasure.remove_entry(tx, account_id)
        erasure.finish(tx, account_id)
        returned_account.bring_back(tx, account_id, then)
        return True

    monkeypatch.setattr(erasure, "step", another_one_ends_it)
    assert await lifecycle.erase(house.store, house.worker.directory, states.ORIGIN, person.account_id)
    assert (await house.accounts.restore(LOGIN)).principal.address == person.address
    assert await house.store.read(mailboxes.get, person.account_id, mailboxes.INBOX)


async def test_a_round_erases_only_what_is_due_by_then(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was due when it looked may have come back, or have been put off, before its turn comes."""
    back, later = await somebody(house), await house.person()
    then = await house.store.read(returned_account.read, back.account_id)
    assert then is not None
    for login in (LOGIN, "edupont"):
        await house.accounts.close(login, "", lifecycle.farewell(house.settings.accounts, int(house.clock.now())))
    await house.accounts.erase(LOGIN)
    await house.store.write(returned_account.bring_back, back.account_id, then)
    monkeypatch.setattr(caretaking, "erasures", lambda tx, limit: [back.account_id, later.account_id])
    assert await states.erase(house.store, house.worker.directory) == 2
    for person in (back, later):
        assert (await house.standing(person)).erased == 0
    assert (await house.accounts.restore(LOGIN)).principal.address == back.address


async def test_an_entry_that_its_directory_keeps_holds_up_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An administrator's directory may forbid us to take entries out; more of them than a round looks at."""
    monkeypatch.setattr(states, "ERASED_AT_ONCE", 1)
    kept, other, due = await somebody(house), await house.person(), int(house.clock.now())
    for login in (LOGIN, "edupont"):
        await house.accounts.close(login, "", lifecycle.farewell(house.settings.accounts, due, grace_days=0))
    directory, is_kept = house.worker.directory, [kept.account_id]
    remove = directory.remove

    async def refusing(account_id: int) -> None:
        if account_id in is_kept:
            raise Refused(Reason.CANNOT, "the directory refuses the change: insufficientAccessRights")
        await remove(account_id)

    monkeypatch.setattr(directory, "remove", refusing)
    for _ in range(2):
        await house.round()
    assert await ended(house, other)
    assert not await ended(house, kept)
    is_kept.clear()
    await house.round()
    assert not await ended(house, kept), "not asked for again each second"
    await house.round(3600)
    assert await ended(house, kept)


async def ended(house: House, person: Principal) -> bool:
    standing = await house.standing(person)
    return standing.erased > 0 and not standing.erase_at


async def test_a_delivery_that_comes_too_late_makes_nothing(house: House) -> None:
    """Whoever was accepted at RCPT just before: nothing is provisioned for an account that is erased."""
    person = await house.person()
    await house.deliver(person.address, LETTER % (b"x", b"y"))
    await house.accounts.close("edupont", "")
    await house.accounts.erase("edupont")
    assert not await house.store.write(accounts.start_provisioning, person.account_id)


async def test_no_import_brings_it_back(house: House) -> None:
    """Not even of somebody who never logged in, by the identifier that stays claimed."""
    await house.person(activated=False)
    await house.accounts.close("edupont", "")
    await house.accounts.erase("edupont")
    with pytest.raises(Refused) as refused:
        await house.worker.directory.add(NewPerson("Émilie", "Dupont", Role.TEACHER, login="edupont"))
    assert refused.value.reason is Reason.CONFLICT
    known = await house.store.read(bulk_people.by_logins, ["edupont"])
    assert all(one.is_closed and one.provisioned and not one.has_entry for one in known.values())


async def test_units_are_small(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each unit removes a bounded part, so that nobody waits behind a large mailbox."""
    person = await house.person()
    for number in range(7):
        await house.deliver(person.address, LETTER % (b"%d" % number, b"y"))
    await house.accounts.close("edupont", "")
    monkeypatch.setattr(erasure, "MESSAGES", 3)
    await house.store.write(accounts.begin_erasure, person.account_id)
    counts = []
    while await house.store.write(erasure.step, person.account_id):
        counts.append((await house.store.read(messages.usage, person.account_id))[1])
        assert len(counts) < 50
    assert len(counts) >= 3
    assert not await house.store.write(erasure.step, person.account_id)
