"""Real clients over HTTP: vdirsyncer with folders on disk, the PyPI package caldav."""

import datetime
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import icalendar
import pytest
from caldav import DAVClient
from caldav.lib.error import NotFoundError

from tests.agenda.conftest import PASSWORD, Client, Door, contact, event

only_sqlite = pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)
pytestmark = only_sqlite


# ---------------------------------------------------------------------- vdirsyncer

CONFIG = """
[general]
status_path = "{folder}/status/"

[pair agenda]
a = "here_agenda"
b = "there_agenda"
collections = ["agenda", "taches"]
conflict_resolution = "b wins"
metadata = ["displayname", "color"]

[storage here_agenda]
type = "filesystem"
path = "{folder}/agendas/"
fileext = ".ics"

[storage there_agenda]
type = "caldav"
url = "{url}/dav/"
username = "emilie.dupont@ac-exemple.fr"
password = "{password}"

[pair contacts]
a = "here_contacts"
b = "there_contacts"
collections = ["contacts"]

[storage here_contacts]
type = "filesystem"
path = "{folder}/carnets/"
fileext = ".vcf"

[storage there_contacts]
type = "carddav"
url = "{url}/dav/"
username = "edupont"
password = "{password}"
"""


class Vdirsyncer:
    """One device: a folder kept the same as the account."""

    def __init__(self, folder: Path, door: Door) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "config").write_text(CONFIG.format(folder=folder, url=door.url, password=PASSWORD))
        for name in ("agendas/agenda", "agendas/taches", "carnets/contacts"):
            (folder / name).mkdir(parents=True)
        self.run("discover")

    def run(self, verb: str) -> str:
        environment = {**os.environ, "VDIRSYNCER_CONFIG": str(self.folder / "config"), "PYTHONWARNINGS": "ignore"}
        result = subprocess.run(
            [sys.executable, "-m", "vdirsyncer", verb],
            env=environment,
            input="y\n" * 10,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout + result.stderr

    def sync(self) -> None:
        self.run("sync")

    def files(self, name: str) -> dict[str, str]:
        return {path.name: path.read_text() for path in (self.folder / name).iterdir() if path.is_file()}


def test_vdirsyncer_both_ways(door: Door, client: Client, tmp_path: Path) -> None:
    """Two devices and the account: made, changed and deleted on each side, events and contacts."""
    phone, laptop = Vdirsyncer(tmp_path / "phone", door), Vdirsyncer(tmp_path / "laptop", door)
    for number in range(12):
        client.put_event(f"/dav/edupont/agenda/s{number}.ics", event(f"s{number}", f"Cours {number}"))
    client.dav("PUT", "/dav/edupont/contacts/a.vcf", contact("a"), Content_Type="text/vcard")
    (phone.folder / "agendas/agenda/neu.ics").write_text(event("neu", "Réunion parents"))
    (phone.folder / "carnets/contacts/b.vcf").write_text(contact("b", "Marc Martin"))
    phone.sync()
    laptop.sync()
    assert len(laptop.files("agendas/agenda")) == 13
    assert "Réunion parents" in "".join(laptop.files("agendas/agenda").values())
    assert "Marc Martin" in "".join(laptop.files("carnets/contacts").values())

    changed = next(path for path in (laptop.folder / "agendas/agenda").iterdir() if "Cours 3" in path.read_text())
    changed.write_text(changed.read_text().replace("Cours 3", "Cours déplacé"))
    gone = next(path for path in (laptop.folder / "carnets/contacts").iterdir() if "Marc" in path.read_text())
    gone.unlink()
    client.dav("DELETE", "/dav/edupont/agenda/s1.ics")
    laptop.sync()
    phone.sync()
    texts = "".join(phone.files("agendas/agenda").values())
    assert "Cours déplacé" in texts
    assert "SUMMARY:Cours 1\n" not in texts.replace("\r", "")
    assert len(phone.files("agendas/agenda")) == 12
    assert "Marc Martin" not in "".join(phone.files("carnets/contacts").values())
    assert "Cours déplacé" in client.get("/dav/edupont/agenda/").text


def test_vdirsyncer_has_nothing_to_do_twice(door: Door, client: Client, tmp_path: Path) -> None:
    client.put_event("/dav/edupont/agenda/a.ics", event("a"))
    device = Vdirsyncer(tmp_path / "device", door)
    device.sync()
    assert "Copying" not in device.run("sync")


# ---------------------------------------------------------------------- caldav


@pytest.fixture
def principal(door: Door) -> Iterator[Any]:
    with cast(Any, DAVClient)(url=f"{door.url}/dav/", username="edupont", password=PASSWORD) as client:
        yield client.principal()


def calendar(principal: Any, name: str) -> Any:
    return next(one for one in principal.calendars() if one.get_display_name() == name)


def test_caldav_finds_the_calendars(principal: Any) -> None:
    assert sorted(one.get_display_name() for one in principal.calendars()) == ["Agenda", "Tâches"]
    assert "mailto:emilie.dupont@ac-exemple.fr" in principal.calendar_user_address_set()


def test_caldav_makes_and_deletes_a_calendar(principal: Any) -> None:
    made = principal.make_calendar(name="Voyage à Rome", cal_id="rome")
    assert "Voyage à Rome" in [one.get_display_name() for one in principal.calendars()]
    made.delete()
    assert "Voyage à Rome" not in [one.get_display_name() for one in principal.calendars()]


def test_caldav_events(principal: Any) -> None:
    """Save, search by time with expansion, change, look up by UID, delete."""
    agenda = calendar(principal, "Agenda")
    start = datetime.datetime(2026, 9, 7, 8, 0, tzinfo=datetime.UTC)
    saved = agenda.add_event(
        dtstart=start,
        dtend=start + datetime.timedelta(hours=1),
        uid="cours-1",
        summary="Anglais 4e B",
        rrule={"FREQ": "WEEKLY", "COUNT": 10},
    )
    found = agenda.search(
        start=start + datetime.timedelta(days=1), end=start + datetime.timedelta(days=22), event=True, expand=True
    )
    starts = sorted(one.icalendar_component["DTSTART"].dt for one in found)
    assert starts == [start + datetime.timedelta(weeks=week) for week in (1, 2, 3)]
    saved.icalendar_component["SUMMARY"] = icalendar.vText("Anglais 4e C")
    saved.save()
    assert "4e C" in agenda.event_by_uid("cours-1").data
    saved.delete()
    with pytest.raises(NotFoundError):
        agenda.event_by_uid("cours-1")


def test_caldav_tasks(principal: Any) -> None:
    tasks = calendar(principal, "Tâches")
    task = tasks.add_todo(summary="Corriger les copies", due=datetime.datetime(2026, 9, 10, tzinfo=datetime.UTC))
    assert [todo.icalendar_component["SUMMARY"] for todo in tasks.todos()] == ["Corriger les copies"]
    task.complete()
    assert tasks.todos() == []
    assert len(tasks.todos(include_completed=True)) == 1


def test_caldav_sync_tokens(principal: Any, client: Client) -> None:
    agenda = calendar(principal, "Agenda")
    for name in ("a", "b"):
        client.put_event(f"/dav/edupont/agenda/{name}.ics", event(name))
    known = agenda.objects_by_sync_token(load_objects=True)
    assert len(list(known)) == 2
    client.put_event("/dav/edupont/agenda/a.ics", event("a", "Changé"))
    client.dav("DELETE", "/dav/edupont/agenda/b.ics")
    client.put_event("/dav/edupont/agenda/c.ics", event("c"))
    updated, deleted = known.sync()
    assert sorted(str(one.url).rsplit("/", 1)[1] for one in updated) == ["a.ics", "c.ics"]
    assert [str(one.url).rsplit("/", 1)[1] for one in deleted] == ["b.ics"]


def test_caldav_free_busy(principal: Any, client: Client) -> None:
    client.put_event("/dav/edupont/agenda/a.ics", event("a"))
    start = datetime.datetime(2026, 9, 7, 0, 0, tzinfo=datetime.UTC)
    answer = calendar(principal, "Agenda").freebusy_request(start, start + datetime.timedelta(days=1))
    assert "20260907T080000Z/20260907T090000Z" in answer.data
