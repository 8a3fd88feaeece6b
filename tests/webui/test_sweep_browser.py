"""Going through one's mail in a real Chromium: what is done opens the next letter, with and without scripts."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from mailserver.model.account.preferences import NEVER
from mailserver.model.identity import Principal
from mailserver.store.account import stored_preferences
from mailserver.store.mail import messages
from tests.webui.browser import Watched, log_in, visiting
from tests.webui.house import House, mail

pytestmark = pytest.mark.needs("chromium")

LETTERS = 40
_counter: list[int] = []


@pytest.fixture
def person(house: House) -> Principal:
    _counter.append(0)
    return house.person("Lundi", f"Matin-{len(_counter)}")


@pytest.fixture
def watched(house: House, chromium: Browser, person: Principal) -> Iterator[Watched]:
    with visiting(chromium, script=True) as made:
        log_in(made.page, house, person.login, "complet")
        yield made
        assert made.complaints == []


def fill(house: House, person: Principal, count: int) -> None:
    for number in range(count):
        house.clock.ahead += 60  # what is put back keeps its place
        house.deliver(person, mail(f"Sujet {number}", body=f"Corps {number}\n"))


def enter(page: Page, house: House) -> None:
    page.goto(f"{house.url}/m/")
    expect(page.locator("#cocher input")).to_have_count(1)  # the script has come


def is_open(page: Page, subject: str) -> None:
    expect(page.locator("#lecteur h2.sujet")).to_have_text(subject)
    expect(page.locator(".courriels a[aria-current]")).to_contain_text(subject)


def seen(house: House, person: Principal, name: str = "INBOX") -> list[bool]:
    """Of the messages of a mailbox as IMAP shows it, oldest first: which have been read."""
    box = house.box(person, name)
    rows = house.store.read_now(messages.fetch, person.account_id, box.id, ("uid", "flags"))
    return [bool(row[1] & 1) for row in rows]


def test_forty_letters_take_forty_keys(house: House, watched: Watched, person: Principal) -> None:
    """Each key does something to the letter that is open and opens the next; keys may come before the answer."""
    fill(house, person, LETTERS)
    page = watched.page
    enter(page, house)
    page.click(f".courriels a:has-text('Sujet {LETTERS - 1}')")
    is_open(page, f"Sujet {LETTERS - 1}")
    acts = {"e": "Archive", "Delete": "Trash", "!": "Junk", "j": "INBOX"}
    expected: dict[str, list[str]] = {place: [] for place in acts.values()}
    pressed = 0
    for number in reversed(range(LETTERS)):
        key, place = list(acts.items())[number % 4]
        expected[place].append(f"Sujet {number}")
        page.keyboard.press(key)
        pressed += 1
        if number and number % 4 == 3:  # three out of four are pressed before the next letter has come
            is_open(page, f"Sujet {number - 1}")
    assert pressed == LETTERS
    expect(page.locator(".courriels > li")).to_have_count(len(expected["INBOX"]))
    expect(page.locator("#lecteur")).to_contain_text("Choisissez un message")
    assert {place: sorted(house.subjects(person, place)) for place in expected} == {
        place: sorted(subjects) for place, subjects in expected.items()
    }
    assert seen(house, person) == [True] * len(expected["INBOX"]), "what was left lying has been read"


def test_the_way_on_by_choice_and_back(house: House, watched: Watched, person: Principal) -> None:
    """The previous one, or the list; what is undone is open again; the buttons of the reader do what keys do."""
    fill(house, person, 5)
    page = watched.page
    enter(page, house)
    page.click(".courriels a:has-text('Sujet 2')")
    is_open(page, "Sujet 2")
    page.locator("#lecteur").get_by_role("button", name="Archiver").click()
    is_open(page, "Sujet 1")
    expect(page.locator("#lecteur h2.sujet")).to_be_focused()
    expect(page.locator("#dit")).to_contain_text("1 message archivé")
    page.keyboard.press("z")
    is_open(page, "Sujet 2")
    page.keyboard.press("k")
    is_open(page, "Sujet 3")
    page.locator("#lecteur").get_by_role("button", name="Plus tard").click()
    page.locator("#lecture-reporter button").first.click()
    is_open(page, "Sujet 2")
    expect(page.locator("#dit")).to_contain_text("1 message reporté")
    choose(house, person, after_action="precedent")
    page.reload()
    is_open(page, "Sujet 2")
    page.locator("#lecteur").get_by_role("button", name="Supprimer").click()
    is_open(page, "Sujet 4")
    choose(house, person, after_action="liste")
    page.reload()
    is_open(page, "Sujet 4")
    page.locator("#lecteur").get_by_role("button", name="Déplacer").click()
    page.locator("#lecture-deplacer").get_by_role("button", name="Archives").click()
    expect(page.locator("#lecteur")).to_contain_text("Choisissez un message")
    assert house.subjects(person, "Archive") == ["Sujet 4"]
    assert house.subjects(person, "INBOX") == ["Sujet 0", "Sujet 1"]


@pytest.mark.parametrize("interface", ["complet", "simple"])
def test_without_scripts(house: House, chromium: Browser, person: Principal, interface: str) -> None:
    """The page of a letter leads to that of the next, and says what was done to the one before."""
    fill(house, person, 4)
    with visiting(chromium) as made:
        page = made.page
        log_in(page, house, person.login, interface)
        page.locator("main a:has-text('Sujet 3')").first.click()
        for number in (3, 2):
            expect(page.locator("h1")).to_have_text(f"Sujet {number}")
            page.get_by_role("button", name="Supprimer").first.click()
        expect(page.locator("h1")).to_have_text("Sujet 1")
        expect(page.locator("#annonce")).to_contain_text("1 message mis à la corbeille")
        page.get_by_role("link", name="Suivant").locator("visible=true").first.click()
        expect(page.locator("h1")).to_have_text("Sujet 0")
        if interface == "complet":
            page.get_by_role("button", name="Plus", exact=True).click()  # a menu that needs no script
        else:
            page.locator("#autres summary").click()
        page.get_by_role("link", name="Rediriger").click()
        page.get_by_role("link", name="Retour au message").click()
        page.get_by_role("button", name="Archiver").click()
        expect(page.locator("h1")).to_have_text("Boîte de réception")
        page.locator("#annonce").get_by_role("button", name="Annuler").click()
        assert sorted(house.subjects(person, "INBOX")) == ["Sujet 0", "Sujet 1"]
        assert sorted(house.subjects(person, "Trash")) == ["Sujet 2", "Sujet 3"]
        assert made.complaints == []


def test_a_letter_counts_as_read_when_its_reader_says_so(house: House, watched: Watched, person: Principal) -> None:
    fill(house, person, 3)
    page = watched.page
    choose(house, person, mark_read=NEVER)
    enter(page, house)
    page.click(".courriels a:has-text('Sujet 2')")
    is_open(page, "Sujet 2")
    expect(page.locator(".courriels li.n")).to_have_count(3)
    page.clock.install()
    choose(house, person, mark_read=3)
    enter(page, house)
    page.clock.pause_at(time.time() + 3600)  # else it goes on between two steps of the test
    page.click(".courriels a:has-text('Sujet 1')")
    is_open(page, "Sujet 1")
    page.clock.run_for(2900)
    assert seen(house, person) == [False, False, False]
    expect(page.locator(".courriels li.n")).to_have_count(3)
    page.clock.run_for(200)
    expect(page.locator(".courriels li.n")).to_have_count(2)
    assert seen(house, person) == [False, True, False]
    page.click(".courriels a:has-text('Sujet 0')")
    is_open(page, "Sujet 0")
    page.locator("#lecteur").get_by_role("button", name="Plus", exact=True).click()
    page.locator("#lecture-plus").get_by_role("button", name="Marquer comme lu").click()
    expect(page.locator(".courriels li.n")).to_have_count(1)
    assert seen(house, person) == [True, True, False]


def choose(house: House, person: Principal, **changes: object) -> None:
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, changes)
