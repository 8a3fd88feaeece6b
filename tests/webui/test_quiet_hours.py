"""The right to disconnect: in quiet hours nothing tells of mail that comes, and who writes may let it wait."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from directory.lists import rosters
from directory.lists.rosters import NewList
from mailserver.calendars.school.quiet_hours import PersonalHours, QuietHours
from mailserver.model.account.preferences import NEVER, Preferences
from mailserver.model.account.quiet_hours import Hours, Source
from mailserver.model.identity import Affiliation, Principal, Role, Tie
from mailserver.store.account import stored_preferences
from mailserver.store.people import academy_hours, school_hours, schools
from mailserver.store.queue import outbox
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin, Wanted
from tests.waiting import until
from tests.webui.house import DOMAIN, House, Visitor, mail
from tests.webui.secondstep import Phone
from tests.webui.test_admin import entered
from tests.webui.test_compose import send
from tests.webui.test_send_checks import asked

PARIS = ZoneInfo("Europe/Paris")
TILLEULS, LYCEE = "0210006T", "0710023X"
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
    house.store.write_now(stored_preferences.revise_preferences, made.account_id, chosen)
    return made


def held(house: House, uai: str = "", **chosen: Any) -> PersonalHours:
    """The hours that hold for somebody who chose so."""
    asked = QuietHours(settings=house.settings, store=house.store, clock=house.clock, changes=house.changes)
    return house.run(asked.of(uai, Preferences(**chosen)))


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
    hours, moment = held(house, **chosen), datetime.fromisoformat(now).replace(tzinfo=PARIS).timestamp()
    found = hours.end(moment)
    assert (found and found.astimezone(PARIS).strftime("%Y-%m-%dT%H:%M")) == end
    assert hours.holds(moment) is (end is not None)


def test_the_academy_s_zone_counts_for_who_chose_none(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(house.settings.quiet.__dict__, "school_zone", "B")
    moment = datetime(2026, 12, 22, 12, tzinfo=PARIS).timestamp()
    assert held(house, quiet_holidays=True).holds(moment)
    assert not held(house).holds(moment), "who did not choose so is told"


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


# ---------------------------------------------------------------------- what the academy decides


@pytest.fixture(scope="module")
def console(house: House, administrator: Principal, phone: Phone) -> Visitor:
    return entered(house, administrator, phone)


def test_the_academy_decides_for_whoever_chose_nothing(house: House, console: Visitor, office: Visitor) -> None:
    """In the console; its own schools' hold before it, and one's own before those."""
    person = newcomer(house, "Inès", quiet_from=20, quiet_weekends=True)
    night = datetime(2026, 11, 25, 19, 30, tzinfo=PARIS).timestamp()
    console.get("/admin/repos")
    assert "celles des réglages du serveur valent, de 20:00 à 07:00, les samedis" in unescape(console.text)
    assert "Revenir à celles des réglages" not in unescape(console.text)
    assert "tous suivent l’académie" in unescape(console.text)
    chosen = {"faire": "choisir", "quiet_from": "19", "quiet_to": "8", "quiet_holidays": "1"}
    assert "Heures de repos enregistrées" in console.post("/admin/repos", chosen).text
    assert "L’académie a choisi celles-ci" in unescape(console.text)
    hours = held(house)
    assert (hours.source, hours.hours) == (Source.ACADEMY, Hours(19, 8, weekends=False, holidays=True))
    assert hours.holds(night)
    assert not held(house, quiet_own=True).holds(night)
    page = unescape(enter(house, person).get("/s/reglages/repos").text)
    assert "Choisies par l’académie : de 19:00 à 08:00, les congés scolaires." in " ".join(page.split())
    office.get(f"/secretariat/repos?etablissement={TILLEULS}")
    assert "celles de l’académie valent, de 19:00 à 08:00, les congés scolaires" in unescape(office.text)
    office.post("/secretariat/repos", HOURS)
    assert held(house, TILLEULS).source is Source.SCHOOL
    page = unescape(console.get("/admin/repos").text)
    assert f'href="/secretariat/repos?etablissement={TILLEULS}">Collège Les Tilleuls</a>' in page
    assert "de 18:00 à 08:00" in page
    office.post("/secretariat/repos", {"etablissement": TILLEULS, "faire": "academie"})
    console.get("/admin/repos")
    console.post("/admin/repos", {"faire": "reglages"})
    assert held(house).hours == Hours()
    events = house.store.read_now(audit.find, Wanted(action=Action.QUIET_HOURS_SET), 4)
    names = ["academy-quiet-hours-none", "quiet-hours-none", "quiet-hours", "academy-quiet-hours"]
    assert [str(one.detail.name) for one in events] == names


def test_a_worker_hears_of_what_the_academy_decides(house: House) -> None:
    asked = QuietHours(settings=house.settings, store=house.store, clock=house.clock, changes=house.changes)
    assert house.run(asked.of("", Preferences())).hours == Hours()
    house.store.write_now(academy_hours.decide, Origin("test", "test"), Hours(begins=NEVER))
    until(lambda: house.run(asked.of("", Preferences())).hours.begins == NEVER)
    house.store.write_now(academy_hours.decide, Origin("test", "test"), None)
    until(lambda: house.run(asked.of("", Preferences())).hours == Hours())


@pytest.mark.parametrize("change", [{"quiet_from": "23"}, {"quiet_to": "0"}, {"quiet_from": "-2"}, {"quiet_to": "x"}])
def test_forged_hours_of_the_academy_change_nothing(house: House, console: Visitor, change: dict[str, str]) -> None:
    console.get("/admin/repos")
    chosen = {"faire": "choisir", "quiet_from": "19", "quiet_to": "8"}
    refused = console.post("/admin/repos", chosen | change)
    assert refused.status_code == 422
    assert "parmi les heures proposées" in unescape(refused.text)
    assert house.store.read_now(academy_hours.decided) is None


# ---------------------------------------------------------------------- what a school decides


@pytest.fixture(scope="module")
def office(house: House) -> Visitor:
    """The secretariat of a school, which is not that of the other."""
    for uai, name in ((TILLEULS, "Collège Les Tilleuls"), (LYCEE, "Lycée Claude-Bernard")):
        house.store.write_now(schools.upsert, [schools.Facts(uai, name)])
    made = house.visitor()
    made.log_in(house.person("Rose", "Du-Collège", Role.SECRETARIAT, uai=TILLEULS).login)
    return made


def beginner(house: House, name: str, role: Role = Role.TEACHER, **more: Any) -> Principal:
    """Somebody of the school who chose no hours."""
    _counter.append(0)
    made = house.person(name, f"Repos-{len(_counter)}", role, uai=TILLEULS, **more)
    usual = {"quiet_own": False, "quiet_from": 20, "quiet_to": 7, "quiet_weekends": True, "quiet_holidays": False}
    house.store.write_now(stored_preferences.revise_preferences, made.account_id, usual | {"desktop": True})
    return made


HOURS = {"etablissement": TILLEULS, "faire": "choisir", "quiet_from": "18", "quiet_to": "8"}


def test_a_school_decides_for_whoever_chose_nothing(house: House, office: Visitor) -> None:
    person = beginner(house, "Iris")
    night = datetime(2026, 11, 25, 18, 30, tzinfo=PARIS).timestamp()
    saturday = datetime(2026, 11, 28, 12, tzinfo=PARIS).timestamp()
    assert not held(house, TILLEULS).holds(night)
    office.get(f"/secretariat/repos?etablissement={TILLEULS}")
    assert "celles de l’académie valent, de 20:00 à 07:00, les samedis et dimanches" in unescape(office.text)
    assert "Heures de repos enregistrées" in office.post("/secretariat/repos", HOURS).text
    assert "L’établissement a choisi les siennes" in unescape(office.text)
    hours = held(house, TILLEULS.lower())
    assert (hours.source, hours.holds(night), hours.holds(saturday)) == (Source.SCHOOL, True, False)
    assert held(house, LYCEE).source is Source.ACADEMY
    for interface in ("simple", "complet"):
        browser = enter(house, person, interface)
        page = unescape(browser.get(f"/{interface[0].replace('c', 'm')}/reglages/repos").text)
        assert "Choisies par Collège Les Tilleuls : de 18:00 à 08:00." in " ".join(page.split())
    # One's own hold even where they are the usual ones, and going back keeps nothing of them.
    own = {"quiet_own": "True", "quiet_from": "20", "quiet_to": "7", "quiet_weekends": "1"}
    assert "Vous avez choisi les vôtres" in unescape(browser.post("/m/reglages/repos", own).text)
    chosen = house.store.read_now(stored_preferences.preferences, person.account_id)
    assert chosen.quiet == Hours()
    browser.post("/m/reglages/repos", own | {"quiet_own": "False", "quiet_from": "22"})
    assert house.store.read_now(stored_preferences.preferences, person.account_id).quiet is None
    office.get(f"/secretariat/repos?etablissement={TILLEULS}")
    office.post("/secretariat/repos", {"etablissement": TILLEULS, "faire": "academie"})
    assert held(house, TILLEULS).source is Source.ACADEMY
    events = house.store.read_now(audit.find, Wanted(action=Action.QUIET_HOURS_SET), 2)
    assert [str(one.detail.name) for one in events] == ["quiet-hours-none", "quiet-hours"]


def test_a_worker_hears_of_what_a_school_decides(house: House, office: Visitor) -> None:
    asked = QuietHours(settings=house.settings, store=house.store, clock=house.clock, changes=house.changes)
    assert house.run(asked.of(TILLEULS, Preferences())).source is Source.ACADEMY
    house.store.write_now(school_hours.decide, Origin("test", "test"), TILLEULS, Hours(begins=NEVER))
    until(lambda: house.run(asked.of(TILLEULS, Preferences())).source is Source.SCHOOL)
    house.store.write_now(school_hours.decide, Origin("test", "test"), TILLEULS, None)


@pytest.mark.parametrize("change", [{"quiet_from": "23"}, {"quiet_to": "0"}, {"quiet_from": "-2"}, {"quiet_to": "x"}])
def test_forged_hours_change_nothing(house: House, office: Visitor, change: dict[str, str]) -> None:
    office.get(f"/secretariat/repos?etablissement={TILLEULS}")
    assert office.post("/secretariat/repos", HOURS | change).status_code == 422
    assert house.store.read_now(school_hours.of, TILLEULS) is None


def test_a_secretariat_decides_for_its_own_school_alone(house: House, office: Visitor) -> None:
    office.get(f"/secretariat/repos?etablissement={TILLEULS}")
    assert office.post("/secretariat/repos", HOURS | {"etablissement": LYCEE}).status_code == 404
    teacher = enter(house, beginner(house, "Timéo"))
    assert teacher.get(f"/secretariat/repos?etablissement={TILLEULS}").status_code == 403
    assert teacher.post("/secretariat/repos", HOURS, teacher.get("/s/ecrire").text).status_code == 403
    assert house.store.read_now(school_hours.listing) == {}


def test_reminders_of_the_agenda_wait_as_well(house: House) -> None:
    """The device shows none of what rings in quiet hours; the open page does."""
    person = newcomer(house, "Rémi", quiet_from=20)
    at(house, 21)
    browser = enter(house, person, "complet")
    for title, hours in (("Ce soir", 1), ("Demain", 14)):
        start = datetime.fromtimestamp(house.clock.now(), PARIS) + timedelta(hours=hours)
        begins = {"debut_jour": start.strftime("%Y-%m-%d"), "debut_heure": start.strftime("%H:%M")}
        end = start + timedelta(minutes=30)
        ends = {"fin_jour": end.strftime("%Y-%m-%d"), "fin_heure": end.strftime("%H:%M")}
        browser.get("/agenda/nouveau")
        agenda = browser.field("agenda")
        more = {"complet": "1", "titre": title, "rappel": "5", "zone": "Europe/Paris", "agenda": agenda}
        assert browser.post("/agenda/nouveau", {**more, **begins, **ends}).status_code == 200, browser.text
    told = browser.http.get("/agenda/rappels").json()["reminders"]
    assert {one["title"]: one["quiet"] for one in told} == {"Ce soir": True, "Demain": False}


# ---------------------------------------------------------------------- what is urgent


def urgent_acts(house: House, account_id: int) -> list[dict[str, Any]]:
    events = house.store.read_now(audit.find, Wanted(account_id=account_id, action=Action.URGENT_SENT), 20)
    return [dict(one.detail.values) for one in events]


def test_who_may_has_people_told_at_once_and_it_is_on_record(house: House, office: Visitor) -> None:
    head = beginner(house, "Agnès", Role.STAFF, affiliations=(Affiliation(Tie.FUNCTION, "DIR", TILLEULS),))
    rests = beginner(house, "Rita")
    at(house, 21)
    reader = enter(house, rests, "complet")
    author = enter(house, head)
    author.get("/s/ecrire")
    assert "Il vous en reste 3 aujourd’hui" in unescape(author.text)
    house.deliver(rests, mail("Ordinaire"))
    assert "Message envoyé" in send(author, a=rests.address, objet="Fermé", texte="Neige", prevenir="1").text
    (told,) = reader.http.get("/flux/nouveaux?depuis=1").json()
    assert told["texte"].startswith("Urgent, malgré vos heures de repos.")
    assert "Fermé" in told["texte"]
    for base in ("/m", "/s"):
        page = unescape(reader.get(f"{base}/message/{told['message']}").text)
        assert "Message urgent" in page
        assert "C’est inscrit au journal" in page
    (act,) = urgent_acts(house, head.account_id)
    assert act["count"] == 1
    # In a working hour it is a message as any other.
    at(house, 12)
    reader = enter(house, rests, "complet")
    assert "Urgent" not in str(reader.http.get("/flux/nouveaux?depuis=1").json())


def test_there_are_so_many_a_day(house: House, office: Visitor) -> None:
    head = beginner(house, "Agnès", Role.STAFF, affiliations=(Affiliation(Tie.FUNCTION, "DIR", TILLEULS),))
    rests = beginner(house, "Rita")
    at(house, 21)
    for number in range(4):
        octets = f"From: {head.address}\r\nTo: x\r\nPriority: Urgent\r\nSubject: {number}\r\n\r\nNeige\r\n".encode()
        house.run(house.submission.submit(head, head.address, (rests.address,), octets))
    reader = enter(house, rests, "complet")
    assert len(reader.http.get("/flux/nouveaux?depuis=1").json()) == 3
    assert len(urgent_acts(house, head.account_id)) == 3
    author = enter(house, head)
    author.get("/s/ecrire")
    assert "Vous n’en avez plus aujourd’hui" in unescape(author.text)
    (said,) = asked(send(author, a=rests.address, objet="Encore", texte="Neige", prevenir="1").text)
    assert "part comme les autres" in unescape(said)
    house.clock.ahead += 86400
    author = enter(house, head)
    author.get("/s/ecrire")
    assert "Il vous en reste 3 aujourd’hui" in unescape(author.text)


def test_a_mailing_tells_nobody_and_says_so_before(
    house: House, office: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(house.settings.mailings.__dict__, "staff", 1)
    head = beginner(house, "Agnès", Role.STAFF, affiliations=(Affiliation(Tie.FUNCTION, "DIR", TILLEULS),))
    to = ", ".join(beginner(house, name).address for name in ("Rita", "Rose"))
    author = enter(house, head)
    author.get("/s/ecrire")
    said = asked(send(author, a=to, objet="Fermé", texte="Neige", prevenir="1").text)
    assert "Un envoi en nombre ne prévient pas pendant les heures de repos." in unescape(" ".join(said))


def test_who_may_not_asks_in_vain(house: House, office: Visitor) -> None:
    """Neither a field of theirs nor one from elsewhere, nor a copy of what was urgent, wakes anybody."""
    teacher, rests = beginner(house, "Tom"), beginner(house, "Rita")
    at(house, 21)
    octets = f"From: {teacher.address}\r\nTo: x\r\nPriority: urgent\r\nSubject: Vite\r\n\r\nVite\r\n".encode()
    house.run(house.submission.submit(teacher, teacher.address, (rests.address,), octets))
    house.deliver(rests, mail("Dehors").replace(b"\r\n\r\n", b"\r\nPriority: urgent\r\n\r\n", 1))
    reader = enter(house, rests, "complet")
    assert reader.http.get("/flux/nouveaux?depuis=1").json() == []
    assert urgent_acts(house, teacher.account_id) == []
    author = enter(house, teacher)
    author.get("/s/ecrire")
    assert 'name="prevenir"' not in author.text


def test_several_copies_of_one_letter_are_one(house: House, office: Visitor) -> None:
    """A list of a school and a person beside it: two contents, one of the day's letters, both told."""
    head = beginner(house, "Agnès", Role.STAFF, affiliations=(Affiliation(Tie.FUNCTION, "DIR", TILLEULS),))
    direct, member = beginner(house, "Dina"), beginner(house, "Mona")
    where = rosters.ListSettings.of(house.settings)
    team = NewList(f"neige@{DOMAIN}", "Neige", members=(member.address,), uai=TILLEULS)
    house.store.write_now(rosters.make, where, team, Origin("test", "test"))
    at(house, 21)
    octets = f"From: {head.address}\r\nTo: x\r\nPriority: urgent\r\nSubject: Fermé\r\n\r\nNeige\r\n".encode()
    to = (direct.address, team.address)
    house.run(house.submission.submit(head, head.address, to, octets))
    for person in (direct, member):
        assert len(enter(house, person, "complet").http.get("/flux/nouveaux?depuis=1").json()) == 1
    (act,) = urgent_acts(house, head.account_id)
    assert act["count"] == 2
