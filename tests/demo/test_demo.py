"""The demo academy: there at once, whole, the same for the same clock, and right whatever the day."""

import asyncio
import datetime
import imaplib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest

from directory.issuing.identifiers import uai_letter
from mailserver import demo as demo_package
from mailserver.demo import delivery, families, files, office, people, pupils, series, staffroom
from mailserver.demo.academy import DemoAccount
from mailserver.demo.delivery import Person, Placement, Post
from mailserver.demo.moments import Calendar
from mailserver.demo.timetable import Timetable
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Settings
from mailserver.mime import scan
from mailserver.mime.writing.fields import Correspondent
from mailserver.model.clock import Clock, SystemClock
from mailserver.model.identity import NewPerson, Role
from mailserver.operations.health import instance
from mailserver.store.engine.transactions import Store
from tests.harness import DEMO_PASSWORD, Instance

PARIS = ZoneInfo("Europe/Paris")


class FixedClock(SystemClock):
    """A clock that stands."""

    def __init__(self, moment: datetime.datetime) -> None:
        self._now = moment.timestamp()

    def now(self) -> float:
        return self._now


DAYS = [
    datetime.datetime(2026, 11, 25, 3, 1, tzinfo=PARIS),
    datetime.datetime(2026, 9, 1, 8, 0, tzinfo=PARIS),
    datetime.datetime(2027, 1, 1, 0, 0, tzinfo=PARIS),
    datetime.datetime(2028, 2, 29, 12, 0, tzinfo=PARIS),
    datetime.datetime(2027, 7, 14, 23, 59, tzinfo=PARIS),
    datetime.datetime(2027, 3, 28, 2, 30, tzinfo=PARIS),  # an hour that does not exist
    datetime.datetime(2026, 10, 25, 2, 30, tzinfo=PARIS),  # an hour that comes twice
    datetime.datetime(2030, 8, 31, 18, 0, tzinfo=PARIS),
]


def persons() -> dict[str, Person]:
    found = {"admin": Person(1, "admin", Correspondent("Messagerie académique", "administration@ac-exemple.fr"))}
    for number, one in enumerate(people.PEOPLE, 2):
        login = (one.given_name[0] + one.surname).lower().replace("é", "e").replace("è", "e")
        address = f"{login}@ac-exemple.fr"
        found[login] = Person(number, login, Correspondent(f"{one.given_name} {one.surname}", address))
    return found


def placements(moment: datetime.datetime) -> list[Placement]:
    calendar = Calendar.before(int(moment.timestamp()), PARIS)
    letters = (*office.LETTERS, *staffroom.LETTERS, *families.LETTERS, *pupils.LETTERS, *series.letters(calendar))
    return list(Post(calendar, "ac-exemple.fr", persons(), letters).placements())


@pytest.mark.parametrize("moment", DAYS, ids=str)
def test_every_day_of_the_year(moment: datetime.datetime) -> None:
    """Nothing comes from the future, nothing was written on a Sunday by the school, order is kept."""
    found = placements(moment)
    assert len(found) > 500
    assert all(one.date <= moment.timestamp() for one in found)
    assert [one.date for one in found] == sorted(one.date for one in found)
    days = {datetime.datetime.fromtimestamp(one.date, PARIS).weekday() for one in found}
    assert days <= set(range(5))


@pytest.mark.parametrize("moment", DAYS, ids=str)
def test_agendas_of_every_day(moment: datetime.datetime) -> None:
    """Each object is one that a client could have put, and lessons keep out of the holidays."""
    from mailserver.calendars.icalendar import reading

    calendar = Calendar.before(int(moment.timestamp()), PARIS)
    timetable = Timetable(calendar)
    for login in people.OPEN:
        for texts in (timetable.events(login), timetable.tasks(login), timetable.holidays()):
            uids = [reading.read("x.ics", text).uid for text in texts]
            assert len(uids) == len(set(uids))
    for text in timetable.events("edupont"):
        event: Any = icalendar.Calendar.from_ical(text).walk("VEVENT")[0]
        if "categories" not in event:  # meetings
            continue
        fields = event.get("exdate", [])
        left_out = {date.dt for one in (fields if isinstance(fields, list) else [fields]) for date in one.dts}
        day = event["dtstart"].dt
        while day.date() < calendar.term()[1]:
            assert calendar.free(day.date()) == (day in left_out)
            day += datetime.timedelta(days=7)


def test_messages_are_well_formed() -> None:
    """Every line within bounds, every structure read as it was meant, every answer knows what it answers."""
    found = {placement.octets for placement in placements(DAYS[0])}
    ids = set()
    scans = [scan(octets) for octets in found]
    for octets, one in zip(found, scans, strict=True):
        assert octets.isascii()
        assert b"\n" not in octets.replace(b"\r\n", b"")
        assert max(map(len, octets.split(b"\r\n"))) <= 998
        assert one.sent_at > 0
        assert one.message_id
        ids.add(one.message_id)
    assert all(one.in_reply_to in ids for one in scans if one.in_reply_to)
    assert any(one.in_reply_to for one in scans)
    assert any(one.attachments for one in scans)
    assert any(b"cid:" in octets for octets in found)


def test_files_are_what_they_say() -> None:
    pdf = files.attachment("devis").octets
    assert pdf.startswith(b"%PDF-1.4")
    table = int(pdf.split(b"startxref\n")[1].split(b"\n")[0])
    assert pdf[table:].startswith(b"xref")
    picture = files.attachment("cid:kent")
    assert picture.octets.startswith(b"\x89PNG\r\n\x1a\n")
    assert picture.content_id == "kent@demo"
    assert files.attachment("moyennes").octets.decode().startswith("Élève;")


def test_french_spaces_do_not_break() -> None:
    long = "Une ligne qui a été coupée parce qu'elle était bien trop longue pour le fichier source, et"
    text = f"{long}\nqui continue ;\n - « ici »"
    assert delivery.reflow(text) == f"{long} qui continue\u00a0;\n - «\u00a0ici\u00a0»"


def test_people_are_possible() -> None:
    assert all(uai_letter(school.uai[:7]) == school.uai[7] for school in people.SCHOOLS)
    assert len(people.SCHOOLS) == 3
    assert 20 <= len(people.PEOPLE) <= 26
    waiting = [person for person in people.PEOPLE if person.numen]
    assert waiting == [
        NewPerson(
            "Julie", "Nouveau", Role.TEACHER, "1999-09-12", people.NUMEN, uai=people.ROSTAND, discipline="Anglais"
        )
    ]


# ---------------------------------------------------------------------- populated


def populate(folder: Path, clock: Clock) -> tuple[Settings, Store, list[DemoAccount]]:
    settings = instance.create(folder, "ac-exemple.fr")
    store = Store(settings.database_url, settings.data, clock, Changes(), readers=1, writers=1)
    from mailserver.cli.service.init import _administrator

    asyncio.run(_administrator(settings))
    return settings, store, asyncio.run(demo_package.populate(settings, store))


def contents(store: Store) -> list[object]:
    """Who has which message where, and which items."""
    import sqlite3

    path = store.backend.engine.url.database
    assert path is not None
    with sqlite3.connect(path) as connection:
        mail = connection.execute(
            "SELECT a.login, b.name, m.uid, m.flags, m.internal_date, c.hash FROM message m "
            "JOIN mailbox b ON b.id = m.mailbox_id JOIN account a ON a.id = b.account_id "
            "JOIN content c ON c.id = m.content_id ORDER BY 1, 2, 3"
        ).fetchall()
        items = connection.execute("SELECT collection_id, href, text FROM item ORDER BY 1, 2").fetchall()
    connection.close()
    return [*mail, *items]


def test_same_clock_same_academy_and_quickly(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        began = time.process_time()
        _, store, accounts = populate(tmp_path / name, FixedClock(DAYS[0]))
        assert time.process_time() - began < 60
        made.append(contents(store))
        store.close()
    assert made[0] == made[1]
    assert [account.login for account in accounts] == [
        "edupont",
        "mmartin",
        "skaci",
        "rleroy",
        "admin",
        "jnouveau",
        "gparti",
    ]


@pytest.fixture(scope="module")
def academy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """A running demo academy of one worker."""
    running = Instance(tmp_path_factory.mktemp("academy") / "var")
    running.init("--demo")
    running.start("--workers", "1")
    yield running
    running.stop()


def test_everybody_who_may_enters(academy: Instance) -> None:
    for login in people.OPEN:
        client = academy.imap(login)
        client.logout()
    for login in (people.WAITING, people.SUSPENDED):
        with pytest.raises(imaplib.IMAP4.error):
            academy.imap(login, DEMO_PASSWORD)


def test_mailbox_is_lived_in(academy: Instance) -> None:
    client = academy.imap("edupont")
    _, boxes = client.list()
    names = [box.decode() for box in boxes if isinstance(box, bytes)]
    assert any('"&AMk-l&AOg-ves/4e B"' in name for name in names)
    for box in ("INBOX", "Sent", "Junk", "Drafts", "Trash"):
        status, counted = client.select(box, readonly=True)
        assert status == "OK"
        assert int(counted[0] or 0) > 0, box
    client.select("INBOX", readonly=True)
    for criterion in ("UNSEEN", "FLAGGED", "ANSWERED"):
        assert client.search(None, criterion)[1][0], criterion
    client.logout()
