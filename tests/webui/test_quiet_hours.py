"""The right to disconnect: in quiet hours nothing tells of mail that comes, and who writes may let it wait."""

import re
from collections.abc import Iterator
from datetime import datetime
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mailserver.calendars.quiet_hours import QuietHours
from mailserver.model.identity import Principal, Role
from mailserver.model.preferences import NEVER, Preferences
from mailserver.store.account import sessions
from mailserver.store.queue import outbox
from tests.webui.house import House, Visitor, mail
from tests.webui.test_compose import send
from tests.webui.test_send_checks import asked

PARIS = ZoneInfo("Europe/Paris")
_counter: list[int] = []


@pytest.fixture(autouse=True)
def proposing(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The clock is put back, too: sessions of the next test are as long as ever."""
    monkeypatch.setitem(house.settings.quiet.__dict__, "propose", True)
    ahead = house.clock.ahead
    yield
    house.clock.ahead = ahead


def newcomer(house: House, name: str, role: Role = Role.TEACHER, **chosen: Any) -> Principal:
    _counter.append(0)
    made = house.person(name, f"Repos-{len(_counter)}", role)
    house.store.write_now(sessions.revise_preferences, made.account_id, chosen)
    return made


def at(house: House, hour: int) -> None:
    """The next weekday, at this hour and some minutes: not in the first of it, whatever the test takes."""
    now = datetime.fromtimestamp(house.clock.now(), PARIS)
    day = now.date()
    while True:
        moment = datetime(day.year, day.month, day.day, hour, 5, tzinfo=PARIS)
        if moment > now and moment.weekday() < 4:
            break
        day = day.fromordinal(day.toordinal() + 1)
    house.clock.ahead += moment.timestamp() - house.clock.now()


def enter(house: House, person: Principal, interface: str = "simple") -> Visitor:
    made = house.visitor()
    made.log_in(person.login, interface=interface)
    return made


@pytest.mark.parametrize(
    ("chosen", "now", "end"),
    [
        ({}, "2026-11-25T21:10", "2026-11-26T07:00"),
        ({}, "2026-11-26T06:59", "2026-11-26T07:00"),
        ({}, "2026-11-27T20:00", "2026-11-30T07:00"),
        ({}, "2026-11-25T12:00", None),
        ({"quiet_weekends": False}, "2026-11-27T20:00", "2026-11-28T07:00"),
        ({"quiet_from": NEVER}, "2026-11-28T12:00", "2026-11-30T00:00"),
        ({"quiet_holidays": True, "school_zone": "A"}, "2026-12-18T21:00", "2027-01-04T07:00"),
        ({"quiet_holidays": True}, "2026-12-22T12:00", None),
        ({"zone": "Indian/Reunion"}, "2026-11-25T18:30", "2026-11-26T04:00"),
        ({}, "2027-03-27T21:00", "2027-03-29T07:00"),  # clocks go forward that night
    ],
)
def test_when_they_end(house: House, chosen: dict[str, Any], now: str, end: str | None) -> None:
    hours, moment = QuietHours(house.settings), datetime.fromisoformat(now).replace(tzinfo=PARIS).timestamp()
    found = hours.end(Preferences(**chosen), moment)
    assert (found and found.astimezone(PARIS).strftime("%Y-%m-%dT%H:%M")) == end
    assert hours.holds(Preferences(**chosen), moment) is (end is not None)


def test_the_academy_s_zone_counts_for_who_chose_none(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(house.settings.quiet.__dict__, "school_zone", "B")
    moment = datetime(2026, 12, 22, 12, tzinfo=PARIS).timestamp()
    hours = QuietHours(house.settings)
    assert hours.holds(Preferences(quiet_holidays=True), moment)
    assert not hours.holds(Preferences(), moment), "who did not choose so is told"


def test_no_device_tells_and_the_mail_is_there(house: House) -> None:
    person = newcomer(house, "Nour", desktop=True, quiet_from=20, quiet_to=7)
    at(house, 21)
    visitor = enter(house, person, "complet")
    house.deliver(person, mail("La nuit"))
    inbox = str(house.box(person, "INBOX").id)
    for path in ("/m/", "/s/"):
        text = visitor.get(path).text
        assert "La nuit" in text
        assert not re.search(r"<title>\s*\(", text)
    assert visitor.http.get("/flux/nouveaux?depuis=1").json() == []
    assert visitor.http.get("/flux/etat").json()[inbox]["c"] == 1
    at(house, 12)
    visitor = enter(house, person, "complet")
    for path in ("/m/", "/s/"):
        assert re.search(r"<title>\s*\(1\)", visitor.get(path).text)
    assert [one["texte"] for one in visitor.http.get("/flux/nouveaux?depuis=1").json()] == ["La nuit"]
    assert "c" not in visitor.http.get("/flux/etat").json()[inbox]


def test_who_writes_to_a_colleague_at_night_may_let_it_wait(house: House) -> None:
    author = newcomer(house, "Ève")
    rests = newcomer(house, "Rita", quiet_from=20, quiet_to=8)
    awake = newcomer(house, "Alan")
    pupil = newcomer(house, "Léo", Role.PUPIL, quiet_from=20)
    at(house, 21)
    browser = enter(house, author)
    browser.get("/s/ecrire")
    (said,) = asked(send(browser, a=f"{rests.address}, {awake.address}", objet="Demain", texte="Bonsoir").text)
    assert "Rita" in said
    assert "Alan" not in said
    button = re.search(r'value="(planifier:[^"]+)">\s*Programmer', browser.text)
    draft = re.search(r'action="(/s/ecrire/\d+/envoyer)"', browser.text)
    assert button
    assert draft
    assert button[1].endswith("T08:00")
    assert "Envoi programmé" in browser.post(draft[1], {"faire": unescape(button[1])}).text
    (waiting,) = house.store.read_now(outbox.listing, author.account_id)
    assert datetime.fromtimestamp(waiting.due, PARIS).hour == 8
    for to in (awake.address, pupil.address, author.address, "x@exemple.org"):
        browser.get("/s/ecrire")
        assert "Message envoyé" in send(browser, a=to, objet="Soir", texte="Bonsoir").text, to
    browser.get("/s/ecrire")
    send(browser, a=rests.address, objet="Soir", texte="Bonsoir")
    draft = re.search(r'action="(/s/ecrire/\d+/envoyer)"', browser.text)
    assert draft
    assert "Message envoyé" in browser.post(draft[1], {"faire": "quand-meme"}).text
    assert house.subjects(rests, "INBOX") == ["Soir"], "the mail does not wait"


def test_it_is_not_proposed_where_the_academy_does_not_want_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(house.settings.quiet.__dict__, "propose", False)
    author, rests = newcomer(house, "Ève"), newcomer(house, "Rita", quiet_from=18, quiet_to=10)
    at(house, 21)
    browser = enter(house, author)
    browser.get("/s/ecrire")
    assert "Message envoyé" in send(browser, a=rests.address, objet="Soir", texte="Bonsoir").text
