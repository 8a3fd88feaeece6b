"""Letters in panels over the page, in a real Chromium: opened, left, come back to, sent, called back, by keyboard alone."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from mailserver.identity import Principal
from mailserver.store import sessions
from tests.webui.browser import Watched, faults_of, log_in, visiting
from tests.webui.house import PASSWORD, House, mail

pytestmark = pytest.mark.needs("chromium")
expect.set_options(timeout=15_000)


@pytest.fixture(scope="module")
def lise(house: House) -> Principal:
    return house.person("Lise", "Moreau")


_counter: list[int] = []


@pytest.fixture
def person(house: House, lise: Principal) -> Principal:
    """Somebody with three messages."""
    _counter.append(0)
    made = house.person("Paul", f"Panneau-{len(_counter)}")
    for number in range(3):
        house.deliver(made, mail(f"Sujet {number}", sender=f"Lise <{lise.address}>", to=made.address, body="Combien ?\n"))
    return made


@pytest.fixture
def watched(house: House, chromium: Browser, person: Principal) -> Iterator[Watched]:
    """The list of the complete interface."""
    with visiting(chromium, script=True) as made:
        enter(made.page, house, person)
        yield made


def enter(page: Page, house: House, person: Principal) -> None:
    log_in(page, house, person.login, "complet")
    expect(page.locator("#cocher input")).to_have_count(1)  # the script has come


def panel(page: Page, title: str) -> Locator:
    """The panel of a letter by what its bar says."""
    return page.get_by_role("dialog", name=title, exact=True)


def write(page: Page) -> Locator:
    """A new letter, in a panel."""
    page.get_by_role("link", name="Écrire un message").click()
    made = panel(page, "Nouveau message")
    expect(made.get_by_label("À", exact=True)).to_be_focused()
    return made


def field(letter: Locator, name: str) -> Locator:
    """A field of the form by its name."""
    return letter.locator(f"[name={name}]")


def to(letter: Locator, recipient: str) -> None:
    letter.get_by_label("À", exact=True).fill(f"{recipient},")


def kept(letter: Locator) -> None:
    expect(letter.get_by_text("Brouillon enregistré à")).to_be_visible()


def test_list_lives_on_beside_a_letter(house: House, watched: Watched, person: Principal, lise: Principal) -> None:
    """One answers in a panel, reads another message meanwhile, sends; the page is never left."""
    page = watched.page
    house.store.write_now(sessions.revise_preferences, person.account_id, {"undo_send": 10})
    page.evaluate("window.same = true")
    page.click(".courriels a:has-text('Sujet 2')")
    reply = page.locator("#lecteur").get_by_role("link", name="Répondre", exact=True).first
    reply.click()
    letter = panel(page, "Re: Sujet 2")
    expect(field(letter, "texte")).to_be_focused()
    page.keyboard.type("Douze.")
    watched.picture("panneau-reponse")
    page.click(".courriels a:has-text('Sujet 1')")
    expect(page.locator("#lecteur h2")).to_have_text("Sujet 1")
    house.deliver(person, mail("Arrivé entre-temps"))
    expect(page.locator("#arrivee")).to_have_text(re.compile("1 nouveau message"))
    expect(field(letter, "texte")).to_have_value(re.compile("Douze."))
    letter.get_by_role("button", name="Envoyer", exact=True).click()
    expect(letter).to_have_count(0)
    expect(page.locator("#dit")).to_contain_text("Envoi dans 10 secondes")
    assert page.evaluate("window.same")
    assert house.subjects(person, "Drafts") == []
    house.clock.ahead += 60
    house.run(house.outbox().round())
    assert house.subjects(lise, "INBOX")[-1] == "Re: Sujet 2"
    assert watched.complaints == []
