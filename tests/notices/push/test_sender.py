"""Telling closed browsers: what leaves the house, to whom, when, and what becomes of refusals."""

import datetime
import email.utils
import stat
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest

from mailserver.calendars.school.quiet_hours import QuietHours
from mailserver.foundation.network.safe_fetch import SafeFetch
from mailserver.model.account.preferences import NEVER, Preferences
from mailserver.model.identity import Affiliation, Principal, Role, Tie
from mailserver.notices.push import reminder_plans, sender, vapid
from mailserver.notices.push.sender import PushSender
from mailserver.store.account import stored_preferences
from mailserver.store.record.audit import Origin
from mailserver.store.web import push_subscriptions, webmail
from mailserver.store.web.push_subscriptions import MAX_FAILURES, NewSubscription
from tests.notices.push.receiver import Receiver, Service
from tests.webui.house import PASSWORD, House, mail

PARIS = ZoneInfo("Europe/Paris")
_counter: list[int] = []


@pytest.fixture
def person(house: House) -> Principal:
    """Somebody who is told at any hour."""
    _counter.append(0)
    made = house.person("Awa", f"Avisée-{len(_counter)}")
    choose(house, made, quiet_from=NEVER, quiet_weekends=False)
    return made


@pytest.fixture
def name() -> str:
    """Of an address at the push service."""
    _counter.append(0)
    return f"p{len(_counter)}"


@pytest.fixture(autouse=True)
def alone(house: House) -> Iterator[None]:
    """Whom one test subscribed the next one does not tell."""
    yield
    for number in house.store.read_now(push_subscriptions.with_news, 100):
        due = house.store.write_now(push_subscriptions.claim, number)
        if due is not None:
            house.store.write_now(push_subscriptions.gone, due)


def choose(house: House, person: Principal, **changes: object) -> None:
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, changes)


def subscribe(house: House, person: Principal, endpoint: str, browser: Receiver) -> int:
    known = endpoint.encode()[-32:].rjust(32)
    new = NewSubscription(endpoint, browser.public, browser.secret, known, "Firefox sous Linux", "fr")
    return house.store.write_now(push_subscriptions.subscribe, person.account_id, new)


def later(house: House, seconds: int) -> None:
    house.clock.ahead += seconds


def test_it_says_that_there_is_something_and_no_more(
    house: House, service: Service, person: Principal, browser: Receiver, name: str
) -> None:
    house.deliver(person, mail("D’avant"))
    subscribe(house, person, service.endpoint(name), browser)
    assert service.round() == 0
    letter = house.deliver(person, mail("Conseil de discipline"))
    assert service.round() == 1
    assert service.told(name, browser) == [
        {"titre": "Nouveau message", "texte": "", "adresse": f"/m/message/{letter}", "marque": "messages"}
    ]
    (request,) = service.asked(name)
    assert (request.head["content-encoding"], request.head["ttl"]) == ("aes128gcm", "43200")
    claims = request.claims()
    assert claims["aud"] == f"https://{service.host}:{service.site.port}"
    assert claims["sub"] == "mailto:postmaster@ac-exemple.fr"
    assert 0 < claims["exp"] - house.clock.now() <= 86400
    assert b"discipline" not in request.body
    # Once only, whoever looks again.
    later(house, 60)
    assert service.round() == 0


def test_who_and_what_for_as_was_chosen(
    house: House, service: Service, person: Principal, browser: Receiver, name: str
) -> None:
    subscribe(house, person, service.endpoint(name), browser)
    for shows, language, title, text in (
        ("expediteur", "fr", "Awa Diallo", ""),
        ("objet", "fr", "Awa Diallo", "Sortie"),
        ("rien", "en", "New message", ""),
    ):
        choose(house, person, push_shows=shows, language=language)
        house.deliver(person, mail("Sortie"))
        service.round()
        told = service.told(name, browser)[-1]
        assert (told["titre"], told["texte"]) == (title, text)
        later(house, 60)
    choose(house, person, push_shows="objet", language="fr")
    for number in range(5):
        house.deliver(person, mail(f"Lettre {number}"))
    service.round()
    assert service.told(name, browser)[-1]["titre"] == "5 nouveaux messages"
    assert len(service.asked(name)) == 4


def test_what_is_read_filed_or_in_other_folders_is_not_told(
    house: House, service: Service, person: Principal, browser: Receiver, name: str
) -> None:
    subscribe(house, person, service.endpoint(name), browser)
    content = house.deliver(person, mail("Déjà lue"))
    inbox = house.box(person, "INBOX")
    house.store.write_now(webmail.flag, person.account_id, inbox.id, [content], "+", ("\\Seen",))
    filed = house.deliver(person, mail("Rangée par une règle"))
    junk = house.box(person, "Junk")
    house.store.write_now(webmail.move, person.account_id, inbox.id, junk.id, [filed], (b"t" * 32, 60))
    service.round()
    assert service.asked(name) == []


def test_what_comes_at_once_is_told_together(
    house: House, service: Service, person: Principal, browser: Receiver, name: str
) -> None:
    subscribe(house, person, service.endpoint(name), browser)
    house.deliver(person, mail("Un"))
    service.round()
    for number in range(3):
        house.deliver(person, mail(f"Encore {number}"))
        assert service.round() == 0
    later(house, push_subscriptions.PAUSE_SECONDS)
    assert service.round() == 1
    assert [one["titre"] for one in service.told(name, browser)] == ["Nouveau message", "3 nouveaux messages"]


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone"])
def test_a_subscription_that_is_gone_is_forgotten(
    house: House, service: Service, person: Principal, browser: Receiver, name: str, status: str
) -> None:
    subscribe(house, person, service.endpoint(name, status), browser)
    house.deliver(person, mail("Perdue"))
    service.round()
    assert house.store.read_now(push_subscriptions.listing, person.account_id) == []


def test_refusals_are_tried_again_later_and_not_for_ever(
    house: House, service: Service, person: Principal, browser: Receiver, name: str
) -> None:
    subscribe(house, person, service.endpoint(name, "503 Busy"), browser)
    house.deliver(person, mail("Patience"))
    assert service.round() == 1
    assert service.round() == 0
    later(house, push_subscriptions.RETRY_SECONDS)
    service.endpoint(name)
    assert service.round() == 1
    assert len(service.asked(name)) == 2
    service.endpoint(name, "429 Too Many Requests")
    later(house, 60)
    house.deliver(person, mail("Encore"))
    for _ in range(MAX_FAILURES):
        assert service.round() == 1
        later(house, push_subscriptions.LONGEST_RETRY)
    assert service.round() == 0
    assert house.store.read_now(push_subscriptions.listing, person.account_id) == []


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Busy"])
@pytest.mark.parametrize("as_date", [False, True])
def test_it_is_left_alone_for_as_long_as_it_asks(
    house: House, service: Service, person: Principal, browser: Receiver, name: str, status: str, as_date: bool
) -> None:
    asked = email.utils.formatdate(house.clock.now() + 1800, usegmt=True) if as_date else "1800"
    subscribe(house, person, service.endpoint(name, status, f"Retry-After: {asked}\r\n"), browser)
    house.deliver(person, mail("Patience"))
    assert service.round() == 1
    service.endpoint(name)
    later(house, 1700)
    assert service.round() == 0
    later(house, 110)
    assert service.round() == 1
    assert [one["titre"] for one in service.told(name, browser)] == ["Nouveau message"] * 2


def test_a_push_service_does_not_put_us_off_for_ever(
    house: House, service: Service, person: Principal, browser: Receiver, name: str
) -> None:
    for asked in ("999999999", "9" * 5000, "Fri, 31 Dec 9999 23:59:59 GMT", "demain", "-5", "١٢"):
        service.endpoint(name, "503 Busy", f"Retry-After: {asked}\r\n")
        subscribe(house, person, f"https://{service.host}:{service.site.port}/{name}", browser)
        house.deliver(person, mail("Patience"))
        assert service.round() == 1, asked
        later(house, push_subscriptions.LONGEST_ASKED)
        assert service.round() == 1, asked
        later(house, push_subscriptions.LONGEST_ASKED)


def test_what_is_too_large_is_not_tried_again_and_stops_nothing(
    house: House, service: Service, person: Principal, browser: Receiver, name: str
) -> None:
    subscribe(house, person, service.endpoint(name, "413 Too Large"), browser)
    house.deliver(person, mail("Trop grande"))
    assert service.round() == 1
    later(house, 60)
    assert service.round() == 0
    service.endpoint(name)
    house.deliver(person, mail("La suivante"))
    assert service.round() == 1
    assert len(service.asked(name)) == 2


def test_what_was_not_fetched_gives_way_to_what_says_the_same_later(
    house: House, service: Service, person: Principal, browser: Receiver, name: str
) -> None:
    """And the push service cannot tell what a topic is: another browser has others."""
    other, second = Receiver(secret=bytes(16)), f"{name}b"
    subscribe(house, person, service.endpoint(name), browser)
    subscribe(house, person, service.endpoint(second), other)
    for _ in range(2):
        house.deliver(person, mail("Une"))
        service.round()
        later(house, 60)
    topics = {one: {asked.head["topic"] for asked in service.asked(one)} for one in (name, second)}
    assert [len(one) for one in topics.values()] == [1, 1]
    assert topics[name] != topics[second]
    choose(house, person, push_shows="expediteur")
    house.deliver(person, mail("Deux"))
    house.deliver(person, mail("Trois"))
    service.round()
    assert len({asked.head["topic"] for asked in service.asked(name)[2:]}) == 2


def test_all_that_came_is_counted_whatever_was_read_since(
    house: House, service: Service, person: Principal, browser: Receiver, name: str
) -> None:
    subscribe(house, person, service.endpoint(name), browser)
    choose(house, person, push_shows="objet")
    came = [house.deliver(person, mail(f"Lettre {number}")) for number in range(25)]
    inbox = house.box(person, "INBOX")
    house.store.write_now(webmail.flag, person.account_id, inbox.id, came[1:], "+", ("\\Seen",))
    service.round()
    assert [one["texte"] for one in service.told(name, browser)] == ["Lettre 0"]
    later(house, 60)
    for number in range(25):
        house.deliver(person, mail(f"Autre {number}"))
    service.round()
    assert service.told(name, browser)[-1]["titre"] == "25 nouveaux messages"


def test_two_workers_tell_once(house: House, service: Service, person: Principal, browser: Receiver, name: str) -> None:
    number = subscribe(house, person, service.endpoint(name), browser)
    house.deliver(person, mail("Une fois"))
    first = house.store.write_now(push_subscriptions.claim, number)
    assert first is not None
    assert house.store.write_now(push_subscriptions.claim, number) is None
    assert service.round() == 0
    # The worker that had it was killed: another has its turn when the lease is over.
    later(house, push_subscriptions.LEASE_SECONDS)
    assert service.round() == 1
    assert len(service.asked(name)) == 1


def test_the_inside_is_never_reached(
    house: House, service: Service, person: Principal, browser: Receiver, name: str
) -> None:
    """What a browser gives as address is a stranger's: it leads where the settings say, and never inside."""
    strict = PushSender(
        settings=house.settings,
        store=house.store,
        directory=house.directory,
        outside=SafeFetch(
            resolver=service.names.resolver(), trust=service.site.trust, ports=frozenset({443, service.site.port})
        ),
        clock=house.clock,
        changes=house.changes,
    )
    subscribe(house, person, service.endpoint(name), browser)
    before = service.site.connections
    house.deliver(person, mail("Dedans"))
    assert house.run(strict.round()) == 1
    assert service.site.connections == before


@pytest.mark.parametrize(
    ("endpoint", "allowed"),
    [
        ("https://push.example.org/x", True),
        ("https://eu.push.example.org/x", True),
        ("http://push.example.org/x", False),
        ("https://push.example.org.evil.example/x", False),
        ("https://xpush.example.org/x", False),
        ("https://evil.example/push.example.org", False),
        ("https://push.example.org@evil.example/", False),
        ("https://[::1/x", False),
        ("", False),
    ],
)
def test_only_services_of_the_settings_are_asked(house: House, endpoint: str, allowed: bool) -> None:
    assert sender.is_allowed(house.settings.push, endpoint) is allowed


def test_an_account_that_is_not_in_use_is_not_told(
    house: House, service: Service, person: Principal, browser: Receiver, name: str
) -> None:
    subscribe(house, person, service.endpoint(name), browser)
    house.deliver(person, mail("Trop tard"))
    house.run(house.login.log_out_everywhere(person, Origin("self", "web", "")))
    assert service.round() == 0
    assert house.store.read_now(push_subscriptions.listing, person.account_id) == []


def put(
    house: House, person: Principal, name: str, start: datetime.datetime, alarm: str, *, is_task: bool = False
) -> None:
    """An event in the person's agenda, or a task that is due then, over CalDAV."""
    day = start.astimezone(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    kind, shelf = ("VTODO", "taches") if is_task else ("VEVENT", "agenda")
    when = f"DUE:{day}\r\n" if is_task else f"DTSTART:{day}\r\nDURATION:PT1H\r\nLOCATION:Salle 4\r\n"
    lines = (
        f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:{kind}\r\nUID:{name}\r\nDTSTAMP:20260101T000000Z\r\n"
        f"{when}SUMMARY:Conseil {name}\r\n"
        f"BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:x\r\nTRIGGER:{alarm}\r\nEND:VALARM\r\n"
        f"END:{kind}\r\nEND:VCALENDAR\r\n"
    )
    visitor = house.visitor()
    answer = visitor.http.put(
        f"/dav/{person.login}/{shelf}/{name}.ics",
        content=lines,
        headers={"content-type": "text/calendar"},
        auth=(person.login, PASSWORD),
    )
    assert answer.status_code == 201


def test_reminders_ring_once_and_in_their_time(
    house: House, service: Service, person: Principal, browser: Receiver, name: str
) -> None:
    start = house.clock.forward_to(12) + datetime.timedelta(minutes=40)
    choose(house, person, push_shows="objet", zone="Europe/Paris")
    subscribe(house, person, service.endpoint(name), browser)
    put(house, person, "un", start, "-PT30M")
    assert service.remind() == 0
    later(house, 11 * 60)
    assert service.remind() == 1
    (told,) = service.told(name, browser)
    assert (told["titre"], told["texte"]) == ("Conseil un", f"{start:%H:%M}, Salle 4")
    # 29 minutes before it begins, and an hour long: what is over then is told to nobody.
    (asked,) = service.asked(name)
    assert 85 * 60 < int(asked.head["ttl"]) <= 90 * 60
    assert told["adresse"] == f"/agenda/jour/{start:%Y-%m-%d}"
    later(house, 60)
    assert service.remind() == 0
    # One that was made after the agenda had been looked at; in words that say nothing, or not at all.
    choose(house, person, push_shows="rien")
    put(house, person, "deux", start + datetime.timedelta(minutes=10), "-PT35M")
    later(house, 4 * 60)
    assert service.remind() == 1
    assert service.told(name, browser)[-1]["titre"] == "Rappel de l’agenda"
    choose(house, person, push_reminders=False)
    put(house, person, "trois", start + datetime.timedelta(minutes=15), "-PT35M")
    later(house, 5 * 60)
    service.remind()
    assert len(service.asked(name)) == 2


def test_a_tasks_reminder_leads_to_the_tasks(
    house: House, service: Service, person: Principal, browser: Receiver, name: str
) -> None:
    due = house.clock.forward_to(12) + datetime.timedelta(minutes=40)
    choose(house, person, push_shows="objet", zone="Europe/Paris")
    subscribe(house, person, service.endpoint(name), browser)
    put(house, person, "notes", due, "-PT30M", is_task=True)
    later(house, 11 * 60)
    assert service.remind() == 1
    (told,) = service.told(name, browser)
    assert (told["titre"], told["texte"], told["adresse"]) == ("Conseil notes", f"{due:%H:%M}", "/agenda/taches")


def test_who_has_no_plan_comes_before_whose_agenda_has_changed(
    house: House, service: Service, person: Principal, browser: Receiver, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(house, person, service.endpoint(name), browser)
    service.remind()
    monkeypatch.setattr(reminder_plans, "SECONDS_AT_ONCE", 0.0)
    start = datetime.datetime.fromtimestamp(house.clock.now(), PARIS) + datetime.timedelta(minutes=40)
    put(house, person, "quatre", start, "-PT5M")
    later(house, 61)
    other = house.person("Léon", f"Patient-{name}")
    choose(house, other, quiet_from=NEVER, quiet_weekends=False)
    put(house, other, "cinq", start, "-PT38M30S")
    subscribe(house, other, service.endpoint(f"{name}o"), browser)
    later(house, 61)
    assert service.remind() == 1
    assert len(service.asked(f"{name}o")) == 1


@pytest.mark.parametrize(
    ("chosen", "day", "hour", "quiet"),
    [
        ({}, 25, 12, False),  # a Wednesday
        ({}, 25, 20, True),
        ({}, 25, 6, True),
        ({}, 25, 7, False),
        ({}, 28, 12, True),  # a Saturday
        ({"quiet_weekends": False}, 28, 12, False),
        ({"quiet_from": NEVER}, 25, 3, False),
        ({"quiet_from": 22, "quiet_to": 6}, 25, 21, False),
        ({"quiet_holidays": True}, 25, 12, False),
        ({"quiet_holidays": True, "school_zone": "A", "month": 12}, 22, 12, True),
        ({"school_zone": "A", "month": 12}, 22, 12, False),
    ],
)
def test_quiet_hours(house: House, chosen: dict[str, object], day: int, hour: int, quiet: bool) -> None:
    values = dict(chosen)
    now = datetime.datetime(2026, int(str(values.pop("month", 11))), day, hour, 30, tzinfo=PARIS).timestamp()
    asked = QuietHours(settings=house.settings, store=house.store, clock=house.clock, changes=house.changes)
    held = house.run(asked.of("", Preferences(**values)))  # type: ignore[arg-type]
    assert held.holds(now) is quiet


def test_what_comes_in_quiet_hours_is_not_told_afterwards(
    house: House, service: Service, person: Principal, browser: Receiver, name: str
) -> None:
    choose(house, person, quiet_from=18, quiet_to=9)
    house.clock.forward_to(20, 30)
    subscribe(house, person, service.endpoint(name), browser)
    house.deliver(person, mail("La nuit"))
    service.round()
    choose(house, person, quiet_from=NEVER)
    service.round()
    assert service.asked(name) == []
    house.deliver(person, mail("Le jour"))
    service.round()
    assert len(service.asked(name)) == 1


def test_what_is_urgent_is_told_in_quiet_hours_and_says_so(
    house: House, service: Service, person: Principal, browser: Receiver, name: str
) -> None:
    choose(house, person, quiet_from=18, quiet_to=9, push_shows="expediteur")
    house.clock.forward_to(20, 30)
    head = house.person("Agnès", f"Proviseur-{name}", Role.STAFF, affiliations=(Affiliation(Tie.FUNCTION, "DIR"),))
    subscribe(house, person, service.endpoint(name), browser)

    def write(subject: str, more: str = "") -> None:
        octets = f"From: {head.address}\r\nTo: {person.address}\r\nSubject: {subject}\r\n{more}\r\nBonsoir.\r\n"
        house.run(house.submission.submit(head, head.address, (person.address,), octets.encode()))

    write("Lycée fermé", "Priority: urgent\r\n")
    for number in range(21):  # however many come after it
        write(f"Demain {number}")
    service.round()
    (asked,) = service.asked(name)
    assert asked.head["urgency"] == "high"
    (told,) = service.told(name, browser)
    assert told["titre"] == head.address
    assert told["texte"] == "Urgent, malgré vos heures de repos."


def test_the_key_is_made_once_and_is_the_owner_s(house: House) -> None:
    path = house.settings.directory / "secrets" / vapid.FILE
    before = vapid.own(house.settings).public
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert vapid.own(house.settings).public == before
    assert [one.name for one in path.parent.iterdir() if "vapid" in one.name] == [vapid.FILE]
