"""Reminders of events: what the server tells of the next day, and what the page shows of it, once."""

import datetime
from collections.abc import Mapping
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from mailserver.calendars.icalendar import reading
from mailserver.model.identity import Principal
from mailserver.store.agenda import agenda_items, agendas
from tests.clocks import PARIS
from tests.webui.browser import faults_of, log_in, visiting
from tests.webui.house import House, Visitor

MINUTE, HOUR, DAY = (datetime.timedelta(minutes=n) for n in (1, 60, 1440))


@pytest.fixture
def now(house: House) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(int(house.clock.now()), datetime.UTC)


def alarm(trigger: str, action: str = "DISPLAY", more: str = "") -> str:
    return f"BEGIN:VALARM\r\nACTION:{action}\r\nDESCRIPTION:x\r\nTRIGGER{trigger}\r\n{more}END:VALARM\r\n"


def put(house: House, person: Principal, title: str, start: datetime.datetime, more: str, name: str = "agenda") -> None:
    """An event of an hour, with whatever else it says."""
    house.store.write_now(agendas.provision, person.account_id)
    held = house.store.read_now(agendas.find, person.account_id, name)
    assert held is not None
    uid = title.replace(" ", "-")
    text = (
        f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260901T080000Z\r\n"
        f"DTSTART:{start:%Y%m%dT%H%M%SZ}\r\nDTEND:{start + HOUR:%Y%m%dT%H%M%SZ}\r\nSUMMARY:{title}\r\n"
        f"{more}END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    house.store.write_now(
        agenda_items.put, person.account_id, held.id, reading.read(f"{abs(hash(uid))}.ics", text), None
    )


def put_task(house: House, person: Principal, title: str, says: str) -> None:
    house.store.write_now(agendas.provision, person.account_id)
    held = house.store.read_now(agendas.find, person.account_id, "taches")
    assert held is not None
    uid = title.replace(" ", "-")
    text = (
        f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VTODO\r\nUID:{uid}\r\nDTSTAMP:20260901T080000Z\r\n"
        f"SUMMARY:{title}\r\n{says}END:VTODO\r\nEND:VCALENDAR\r\n"
    )
    item = reading.read(f"{abs(hash(uid))}.ics", text)
    house.store.write_now(agenda_items.put, person.account_id, held.id, item, None)


def told(visitor: Visitor) -> Mapping[str, Any]:
    answer = visitor.get("/agenda/rappels")
    assert answer.headers["content-type"] == "application/json"
    return {one["title"]: one for one in answer.json()["reminders"]}


def test_what_rings_within_a_day_is_told(
    house: House, visitor: Visitor, person: Principal, now: datetime.datetime
) -> None:
    """Shown alarms alone, related to start or end or at a moment of their own; each occurrence of a series."""
    later = now + 3 * HOUR
    put(house, person, "Cours", later, "LOCATION:B07\r\n" + alarm(":-PT15M"))
    put(house, person, "Fin", later, alarm(";RELATED=END:-PT5M"))
    put(house, person, "Moment", later + 5 * DAY, alarm(f";VALUE=DATE-TIME:{now + HOUR:%Y%m%dT%H%M%SZ}"))
    put(house, person, "Semaine", later + 7 * DAY, alarm(":-P7D"))
    put(house, person, "Serie", later - 14 * DAY, "RRULE:FREQ=WEEKLY\r\n" + alarm(":-PT1H"))
    put(house, person, "Courriel", later, alarm(":-PT15M", "EMAIL", "SUMMARY:x\r\nATTENDEE:mailto:x@exemple.fr\r\n"))
    put(house, person, "Annule", later, "STATUS:CANCELLED\r\n" + alarm(":-PT15M"))
    put(house, person, "Vu", later, alarm(":-PT15M", "DISPLAY", f"ACKNOWLEDGED:{later:%Y%m%dT%H%M%SZ}\r\n"))
    put(house, person, "Trop tard", now + 3 * DAY, alarm(":-PT15M"))
    put(house, person, "Sans", later, "")
    visitor.log_in(person.login, interface="complet")
    found = told(visitor)
    ring = {title: datetime.datetime.fromtimestamp(one["at"], datetime.UTC) for title, one in found.items()}
    assert ring == {
        "Cours": later - 15 * MINUTE,
        "Fin": later + 55 * MINUTE,
        "Moment": now + HOUR,
        "Semaine": later,
        "Serie": later - HOUR,
    }
    assert "B07" in found["Cours"]["text"]
    assert visitor.get(found["Serie"]["href"]).status_code == 200


def test_what_rings_in_the_hour_that_comes_twice_is_told_in_time(house: House, visitor: Visitor) -> None:
    """Ten minutes before that hour begins anew, and ten minutes after: what rings meanwhile is to come, then over."""
    person = house.person("Nuit", "Double")
    rings = datetime.datetime(2027, 10, 31, 1, 5, tzinfo=datetime.UTC)  # 02:05 in Paris, for the second time
    put(house, person, "Deux fois", rings + 15 * MINUTE, alarm(":-PT15M"))
    for away, expected in ((-15, ["Deux fois"]), (2, ["Deux fois"]), (15, [])):
        with house.clock.at(rings + away * MINUTE):
            visitor.log_in(person.login, interface="complet")
            assert list(told(visitor)) == expected, away


def test_tasks_ring_until_they_are_done(
    house: House, visitor: Visitor, person: Principal, now: datetime.datetime
) -> None:
    """Their alarms go by the moment when they are due where they have no start (RFC 5545 section 3.8.6.3)."""
    due = now + 3 * HOUR
    at = f"DUE:{due:%Y%m%dT%H%M%SZ}\r\n"
    put_task(house, person, "Rendre les notes", at + alarm(":-PT15M"))
    put_task(house, person, "A la fin", f"DTSTART:{now:%Y%m%dT%H%M%SZ}\r\n{at}" + alarm(";RELATED=END:-PT5M"))
    put_task(house, person, "Au moment", alarm(f";VALUE=DATE-TIME:{now + HOUR:%Y%m%dT%H%M%SZ}"))
    put_task(house, person, "Sans echeance", alarm(":-PT15M"))
    put_task(house, person, "Faite", f"{at}STATUS:COMPLETED\r\n" + alarm(":-PT15M"))
    weekly = f"DTSTART:{due - 14 * DAY:%Y%m%dT%H%M%SZ}\r\nDUE:{due - 14 * DAY:%Y%m%dT%H%M%SZ}\r\nRRULE:FREQ=WEEKLY\r\n"
    put_task(house, person, "En retard", weekly + alarm(":-PT15M"))
    put_task(house, person, "Vue", at + alarm(":-PT15M", "DISPLAY", f"ACKNOWLEDGED:{due:%Y%m%dT%H%M%SZ}\r\n"))
    visitor.log_in(person.login, interface="complet")
    found = told(visitor)
    ring = {title: datetime.datetime.fromtimestamp(one["at"], datetime.UTC) for title, one in found.items()}
    # Of a task that recurs the date that is open rings, which was due two weeks ago.
    assert ring == {"Rendre les notes": due - 15 * MINUTE, "A la fin": due - 5 * MINUTE, "Au moment": now + HOUR}
    task = found["Rendre les notes"]
    assert task["text"].startswith("À faire")
    assert visitor.get(task["href"]).status_code == 200
    assert "Rendre les notes" in visitor.text


def test_a_new_event_begins_with_ones_own_reminder(visitor: Visitor, person: Principal) -> None:
    visitor.log_in(person.login, interface="complet")
    assert 'value="30" selected' not in visitor.get("/agenda/nouveau").text
    visitor.get("/m/reglages/agenda")
    form = {"agenda_view": "semaine", "day_begins": "8", "day_ends": "18", "week_begins": "0", "reminder": "30"}
    visitor.post("/m/reglages/agenda", form)
    visitor.get("/agenda/nouveau")
    assert 'value="30" selected' in " ".join(visitor.text.split())


@pytest.mark.needs("chromium")
def test_a_reminder_is_shown_once_in_every_tab_that_is_looked_at(
    house: House, chromium: Browser, person: Principal, now: datetime.datetime
) -> None:
    put(house, person, "Conseil de classe", now + 14 * MINUTE, alarm(":-PT15M"))
    put(house, person, "Plus tard", now + 5 * HOUR, alarm(":-PT15M"))
    due = now + 13 * MINUTE
    put_task(house, person, "Rendre les notes", f"DUE:{due:%Y%m%dT%H%M%SZ}\r\n" + alarm(":-PT15M"))
    with visiting(chromium, script=True, bypass_csp=True) as watched:
        page = watched.page
        log_in(page, house, person.login, "complet")
        toast = page.locator("#dit .rappel").filter(has_text="Conseil de classe")
        expect(toast).to_be_visible()
        task = page.locator("#dit .rappel").filter(has_text="Rendre les notes")
        expect(task).to_contain_text("À faire")
        watched.picture("agenda-rappel")
        assert faults_of(page) == []
        other = page.context.new_page()
        other.goto(f"{house.url}/agenda/jour/{now.astimezone(PARIS).date()}")
        expect(other.locator(".semaine")).to_be_visible()
        assert other.locator("#dit .rappel").count() == 0
        task.get_by_role("button", name="Fermer").click()
        expect(task).to_have_count(0)
        toast.get_by_role("link", name="Ouvrir").click()
        expect(page.locator("h1")).to_have_text("Conseil de classe")
        assert page.evaluate("JSON.parse(localStorage.getItem('rappels-dits')).length") == 2
        page.goto(f"{house.url}/agenda/taches")
        expect(page.locator("h1")).to_have_text("Tâches")
        assert page.locator("#dit .rappel").count() == 0
