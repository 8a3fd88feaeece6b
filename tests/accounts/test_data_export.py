"""What a person takes along is whole, in formats that others read, and made without holding it in memory."""

import contextlib
import io
import json
import mailbox
import tracemalloc
import zipfile
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar
from hypothesis import given
from hypothesis import strategies as st

from mailserver.accounts.data_export import archive, mbox
from mailserver.accounts.data_export.calendars import FOOT, HEAD, Calendar
from mailserver.store.account import bulletins, filters
from mailserver.store.account.bulletins import Draft, Kind
from mailserver.store.agenda import agenda_items, agendas
from mailserver.store.agenda.agenda_items import NewItem
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import mailboxes, messages
from mailserver.store.record.audit import Origin
from mailserver.store.web import push_subscriptions, signatures
from mailserver.store.web.push_subscriptions import NewSubscription
from mailserver.store.web.signatures import Model, Signature
from tests.background.conftest import House

MESSAGE = b"From: a@b.fr\r\nTo: e@ac-exemple.fr\r\nSubject: Un\r\nStatus: X\r\n\r\nBonjour\r\nFrom ici\r\n>From la\r\n"
ZONE = (
    "BEGIN:VTIMEZONE\r\nTZID:Europe/Paris\r\nBEGIN:STANDARD\r\nDTSTART:19701025T030000\r\nTZOFFSETFROM:+0200\r\n"
    "TZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
)
EVENT = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{zone}BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260101T000000Z\r\n"
    "DTSTART;TZID=Europe/Paris:20260101T080000\r\nSUMMARY:Conseil\r\n de classe\r\nBEGIN:VALARM\r\n"
    "ACTION:DISPLAY\r\nDESCRIPTION:x\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
CARD = "BEGIN:VCARD\nVERSION:3.0\nUID:{uid}\nFN:Émile Zola\nEND:VCARD\n"


async def packed(house: House, login: str = "edupont", zone: tzinfo = UTC) -> zipfile.ZipFile:
    account = await house.accounts.find(login)
    octets = b"".join(archive.stream(house.store, account.principal, account.standing, zone))
    return zipfile.ZipFile(io.BytesIO(octets))


def _fill(tx: Tx, account_id: int) -> None:
    signatures.save_signature(tx, account_id, Signature(0, "Longue", "Emma, Lycée"))
    signatures.save_model(tx, account_id, Model(0, account_id, "Convocation", "Réunion", "Venez."))
    new = NewSubscription("https://push.example.org/verborgen", b"key", b"secret", b"b" * 32, "Firefox", "fr")
    push_subscriptions.subscribe(tx, account_id, new)
    bounds, origin = filters.Bounds(5, 99, 99), Origin("edupont", "sieve")
    filters.put(tx, account_id, "Tri/été", b'redirect "a@b.fr";', bounds, origin)
    filters.put(tx, account_id, "../x", b"keep;", bounds, origin)
    filters.activate(tx, account_id, "Tri/été", origin)
    number = bulletins.post(tx, Origin("admin", "test"), Draft(Kind.ANNOUNCEMENT, 0, 0, "Panne"))
    (posted,) = bulletins.listing(tx)
    bulletins.close(tx, account_id, number, posted.written)
    inbox = mailboxes.get(tx, account_id, mailboxes.INBOX)
    box = mailboxes.create(tx, account_id, "Élèves/../3e: B")
    messages.copy(tx, account_id, inbox.id, box.id, [1])
    messages.store_flags(tx, account_id, inbox.id, [1], "+", ("\\Seen", "\\Flagged", "$Important"))
    for collection in agendas.listing(tx, account_id):
        for number in range(3):
            if collection.tag == agendas.ADDRESS_BOOK:
                text, kind, component = CARD.format(uid=number), "VCARD", ""
            else:
                text, kind, component = EVENT.format(uid=number, zone=ZONE), "VCALENDAR", "VEVENT"
            agenda_items.put(
                tx, account_id, collection.id, NewItem(f"{number}", f"u{number}", "e", kind, component, 0, 1, text)
            )


async def test_everything_is_in_it(house: House, tmp_path: Path) -> None:
    person = await house.person(recovery_address="moi@ailleurs.fr")
    await house.deliver(person.address, MESSAGE)
    await house.store.write(_fill, person.account_id)
    with await packed(house) as file:
        assert file.testzip() is None
        names = set(file.namelist())
        assert {"LISEZMOI.txt", "profil.json", "messages/INBOX.mbox", "messages/Élèves/_/3e_ B.mbox"} <= names
        assert {"agendas/Agenda.ics", "agendas/Tâches.ics", "contacts/Contacts.vcf"} <= names
        assert file.read("filtres/Tri/été.sieve") == b'redirect "a@b.fr";'
        assert file.read("filtres/_/x.sieve") == b"keep;"
        assert not any(".." in name or name.startswith("/") for name in names)
        profile = json.loads(file.read("profil.json"))
        assert (profile["login"], profile["recovery_address"]) == ("edupont", "moi@ailleurs.fr")
        assert "password" not in str(profile).lower()
        assert [one["name"] for one in profile["signatures"]] == ["Longue"]
        assert profile["models"] == [{"name": "Convocation", "subject": "Réunion", "text": "Venez.", "html": ""}]
        assert [(one["name"], one["created"][:2]) for one in profile["notified_browsers"]] == [("Firefox", "20")]
        assert [(one["id"], one["closed"][:2]) for one in profile["closed_announcements"]] == [(1, "20")]
        assert [(one["name"], one["active"]) for one in profile["filters"]] == [("../x", False), ("Tri/été", True)]
        assert "verborgen" not in str(profile)
        file.extractall(tmp_path / "out")
        calendar = icalendar.Calendar.from_ical(file.read("agendas/Agenda.ics"))
        assert len(calendar.walk("VEVENT")) == 3
        assert len(calendar.walk("VTIMEZONE")) == 1
        assert file.read("contacts/Contacts.vcf").decode().count("FN:Émile Zola\r\n") == 3
    with contextlib.closing(mailbox.mbox(tmp_path / "out" / "messages" / "INBOX.mbox")) as box:
        (message,) = box
    assert message.get_flags() == "ROF"
    assert message["X-Keywords"] == "$Important"
    assert message["Subject"] == "Un"
    assert message.get_all("Status") == ["RO"]
    assert ">From ici\n>>From la\n" in message.get_payload()


async def test_it_is_of_the_day_and_hour_that_it_is_for_its_owner(house: House) -> None:
    """Half past midnight in Paris is yesterday in UTC; and a zip file names no zone."""
    await house.person()
    paris = ZoneInfo("Europe/Paris")
    house.clock.step(datetime(2099, 7, 14, 0, 30, tzinfo=paris).timestamp() - house.clock.now())
    with await packed(house, zone=paris) as file:
        assert "au 2099-07-14" in file.read("LISEZMOI.txt").decode()
        assert {one.date_time[:5] for one in file.infolist()} == {(2099, 7, 14, 0, 30)}


async def test_closed_accounts_too_and_empty_ones(house: House) -> None:
    await house.person(activated=False)
    await house.accounts.close("edupont", "")
    with await packed(house) as file:
        assert json.loads(file.read("profil.json"))["state"] == "closed"


async def test_memory_is_bounded(house: House) -> None:
    """Forty megabytes of mail leave in pieces: what is held at once does not grow with the mailbox."""
    person = await house.person()
    for number in range(20):
        await house.deliver(person.address, MESSAGE + b"%d" % number + b"x" * 2_000_000 + b"\r\n")
    account = await house.accounts.find("edupont")
    tracemalloc.start()
    try:
        total = sum(len(piece) for piece in archive.stream(house.store, account.principal, account.standing, UTC))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total > 0
    assert peak < 20_000_000


@given(st.binary(max_size=300), st.integers(0, 31))
def test_mbox_can_be_undone(body: bytes, mask: int) -> None:
    """No line of a message is taken for the beginning of the next one."""
    octets = b"Subject: x\n\n" + body.replace(b"\r", b"") + b"\nFrom x\n>From y\n"
    entries = mbox.entry(octets, 0, mask, ()) * 2
    starts = [line for line in entries.split(b"\n") if line.startswith(b"From ")]
    assert len(starts) == 2
    rest = entries[: len(entries) // 2].partition(b"\n\n")[2]
    undone = b"\n".join(
        line[1:] if line.lstrip(b">").startswith(b"From ") and line.startswith(b">") else line
        for line in rest.split(b"\n")
    )
    assert undone == octets.partition(b"\n\n")[2] + b"\n"


@given(st.text(max_size=200))
def test_calendars_bear_anything(text: str) -> None:
    for component in Calendar().components(text):
        assert component.endswith("\r\n")
    assert HEAD.startswith("BEGIN:VCALENDAR")
    assert FOOT.startswith("END:VCALENDAR")
