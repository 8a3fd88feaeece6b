"""Moments that are offered for a letter to leave: in the reader's zone, after the holidays of their school zone."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from mailserver.model.identity import Principal
from mailserver.store.account import stored_preferences
from mailserver.store.queue import outbox
from tests.webui.house import House, Visitor
from tests.webui.test_compose import send

PARIS = ZoneInfo("Europe/Paris")
_counter: list[int] = []


@pytest.fixture
def person(house: House) -> Principal:
    _counter.append(0)
    return house.person("Ida", f"Programme-{len(_counter)}")


@pytest.fixture(scope="module")
def zoe(house: House) -> Principal:
    return house.person("Zoé", "Attend")


def offered(house: House, person: Principal, browser: Visitor, at: str, zone: ZoneInfo = PARIS) -> dict[str, str]:
    """What the form offers at that moment: names, and the moments its buttons post."""
    house.clock.ahead += datetime.fromisoformat(at).replace(tzinfo=zone).timestamp() - house.clock.now()
    browser.log_in(person.login)
    browser.get("/s/ecrire")
    found = re.findall(r'value="planifier:([^"]+)">.*?<span>([^<]+)</span><kbd>', browser.text, re.DOTALL)
    return {name: value for value, name in found}


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        # A Thursday: this evening, tomorrow and Monday differ, and the next holidays are Christmas's.
        (
            "2026-12-10T10:00",
            {
                "Ce soir": "2026-12-10T18:00",
                "Demain matin": "2026-12-11T07:30",
                "Lundi matin": "2026-12-14T07:30",
                "À la reprise": "2027-01-04T07:30",
            },
        ),
        # After six in the evening of a Sunday: one name for the same moment.
        ("2026-12-13T18:30", {"Lundi matin": "2026-12-14T07:30", "À la reprise": "2027-01-04T07:30"}),
        # Within the holidays, the last Sunday of them.
        ("2027-01-03T09:00", {"Ce soir": "2027-01-03T18:00", "À la reprise": "2027-01-04T07:30"}),
        # The winter holidays of zone B begin next week.
        (
            "2027-02-17T19:00",
            {
                "Demain matin": "2027-02-18T07:30",
                "Lundi matin": "2027-02-22T07:30",
                "À la reprise": "2027-03-08T07:30",
            },
        ),
    ],
)
def test_moments_that_are_offered(
    house: House, person: Principal, browser: Visitor, at: str, expected: dict[str, str]
) -> None:
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"school_zone": "B"})
    assert offered(house, person, browser, at) == expected


def test_no_school_zone_and_another_clock(house: House, person: Principal, browser: Visitor, zoe: Principal) -> None:
    """Without a school zone there is no return; hours are of the reader's own zone, and the letter leaves then."""
    there = ZoneInfo("Indian/Reunion")
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"zone": there.key})
    found = offered(house, person, browser, "2027-04-06T12:00", there)
    assert list(found) == ["Ce soir", "Demain matin", "Lundi matin"]
    send(browser, a=zoe.login, objet="Ce soir", texte="x", faire=f"planifier:{found['Ce soir']}")
    (waiting,) = house.store.read_now(outbox.listing, person.account_id)
    assert datetime.fromtimestamp(waiting.due, there).strftime("%Y-%m-%dT%H:%M") == "2027-04-06T18:00"
    assert waiting.planned


def test_a_question_keeps_the_moment(house: House, person: Principal, browser: Visitor, zoe: Principal) -> None:
    """The page that asks about a letter without a subject sends it at the moment that was chosen."""
    found = offered(house, person, browser, "2027-05-11T12:00")
    text = send(browser, a=zoe.login, texte="x", faire=f"planifier:{found['Demain matin']}").text
    draft = re.search(r'action="/s/ecrire/(\d+)/envoyer"', text)
    assert draft
    browser.post(f"/s/ecrire/{draft[1]}/envoyer", {"faire": "envoyer", "prevu": browser.field("prevu")})
    (waiting,) = house.store.read_now(outbox.listing, person.account_id)
    assert datetime.fromtimestamp(waiting.due, PARIS).strftime("%Y-%m-%dT%H:%M") == "2027-05-12T07:30"


@pytest.mark.parametrize("when", ["", "hier", "2001-01-01T07:30", "2099-01-01T07:30", "2027-05-12T07:30:99"])
def test_no_moment_sends_nothing(house: House, person: Principal, browser: Visitor, zoe: Principal, when: str) -> None:
    browser.get("/s/ecrire")
    answer = send(browser, a=zoe.login, objet="Jamais", texte="x", faire=f"planifier:{when}")
    assert answer.status_code == 422
    assert house.store.read_now(outbox.listing, person.account_id) == []
    assert "Jamais" not in house.subjects(zoe, "INBOX")
