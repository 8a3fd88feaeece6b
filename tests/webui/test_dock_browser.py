"""Answering below the letter, in a real Chromium: it stays in sight, and what is written is never lost."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from mailserver.model.identity import Principal
from mailserver.store.account import stored_preferences
from tests.webui.asked import enter, somebody_asked
from tests.webui.browser import Watched, faults_of, visiting
from tests.webui.house import House

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
def person(house: House, lise: Principal) -> Principal:
    return somebody_asked(house, lise, "Combien {number} ?\n" + "Une ligne\n" * 60)


@pytest.fixture
def watched(house: House, chromium: Browser, person: Principal) -> Iterator[Watched]:
    with visiting(chromium, script=True) as made:
        enter(made.page, house, person)
        yield made
        assert made.complaints == []


def answer(page: Page, subject: str) -> Locator:
    """Open a letter of the list and the dock below it."""
    page.click(f".courriels a:has-text('{subject}')")
    expect(page.locator("#lecteur h2.sujet")).to_have_text(subject)
    page.locator("#lecteur .outils-lecture").get_by_role("link", name="Répondre", exact=True).click()
    dock = page.locator("#lecteur .quai")
    expect(dock.locator("[name=texte]")).to_be_focused()
    return dock


def test_the_letter_stays_in_sight(house: House, watched: Watched, person: Principal, lise: Principal) -> None:
    """The dock has at most 64 % of the reader, the text scrolls above it; by its handle it is higher or lower."""
    page = watched.page
    dock = answer(page, "Sujet 2")
    letter = page.locator("#lecteur .rouleau")
    above, below = letter.bounding_box(), dock.bounding_box()
    assert above is not None
    assert below is not None
    assert above["y"] + above["height"] <= below["y"] + 1, "neither covers the other"
    expect(letter.get_by_text("Combien 2 ?")).to_be_in_viewport()
    letter.evaluate("one => { one.scrollTop = 400 }")
    assert letter.evaluate("one => one.scrollTop") == 400
    handle = dock.get_by_role("separator", name="Hauteur de la réponse")
    handle.focus()
    for _ in range(30):
        page.keyboard.press("ArrowUp")
    article = page.locator("#lecteur .lecture").evaluate("one => one.clientHeight")
    highest = dock.evaluate("one => one.offsetHeight")
    assert 0.6 * article < highest <= 0.64 * article + 1
    for _ in range(30):
        page.keyboard.press("ArrowDown")
    assert 160 < dock.evaluate("one => one.offsetHeight") < 200
    dock.locator("[name=texte]").press_sequentially("Douze.")
    page.keyboard.press("Escape")
    expect(page.locator("#lecteur h2.sujet")).to_be_focused()
    page.keyboard.press("F6")
    dock.get_by_role("button", name="Envoyer", exact=True).click()
    expect(dock).to_have_count(0)
    expect(page.locator("#dit")).to_contain_text("Message envoyé")
    assert house.subjects(lise, "INBOX")[-1] == "Re: Sujet 2"
    assert house.subjects(person, "Drafts") == []


def test_what_is_begun_is_kept_when_one_goes_on(house: House, watched: Watched, person: Principal) -> None:
    """By a click, by a key, by a reload; the same letter anew has its dock again; untouched it leaves nothing."""
    page = watched.page
    dock = answer(page, "Sujet 2")
    dock.locator("[name=texte]").press_sequentially("commencé")
    page.locator("#lecteur .outils-lecture").get_by_role("button", name="Suivre").click()
    expect(page.locator("#lecteur .outils-lecture").get_by_role("button", name="Ne plus suivre")).to_have_count(1)
    expect(dock.locator("[name=texte]")).to_have_value("commencé")
    page.click(".courriels a:has-text('Sujet 1')")
    expect(page.locator("#lecteur h2.sujet")).to_have_text("Sujet 1")
    expect(page.locator("#dit")).to_contain_text("Brouillon enregistré")
    expect(page.locator(".panneau")).to_have_count(0)
    assert house.subjects(person, "Drafts") == ["Re: Sujet 2"]
    dock = answer(page, "Sujet 1")
    dock.locator("[name=texte]").press_sequentially("et l’autre")
    expect(dock.get_by_text("Enregistré à")).to_be_visible()
    page.reload()
    expect(page.locator("#lecteur .quai [name=texte]")).to_have_value("et l’autre")
    page.locator("#lecteur h2.sujet").focus()
    page.keyboard.press("j")
    expect(page.locator("#lecteur h2.sujet")).to_have_text("Sujet 0")
    expect(page.locator(".panneau")).to_have_count(0)
    assert house.subjects(person, "Drafts") == ["Re: Sujet 2", "Re: Sujet 1"]
    answer(page, "Sujet 0")
    page.click(".courriels a:has-text('Sujet 2')")
    expect(page.locator("#lecteur h2.sujet")).to_have_text("Sujet 2")
    expect(page.locator(".panneau")).to_have_count(0)
    assert house.subjects(person, "Drafts") == ["Re: Sujet 2", "Re: Sujet 1"]


def held_back(page: Page, dock: Locator) -> Route:
    """Press "Envoyer"; no answer comes before the route goes on."""
    held: list[Route] = []
    page.route("**/m/ecrire", lambda route: held.append(route), times=1)
    with page.expect_request("**/m/ecrire"):
        dock.get_by_role("button", name="Envoyer", exact=True).click()
    expect(dock.locator("form.ecrire")).to_have_attribute("aria-busy", "true")
    return held[0]


@pytest.mark.parametrize("answered", ["question", "fault", "sent"])
def test_going_on_while_it_is_being_sent(
    house: House, watched: Watched, person: Principal, lise: Principal, answered: str
) -> None:
    """What the server asks, or finds wrong, is seen beside the next letter; another letter stays as it was."""
    page = watched.page
    page.get_by_role("link", name="Écrire", exact=True).click()
    other = page.get_by_role("dialog", name="Nouveau message", exact=True)
    expect(other.get_by_role("combobox", name="À", exact=True)).to_be_focused()
    other.get_by_role("button", name="Réduire").click()
    dock = answer(page, "Sujet 2")
    number = len(house.subjects(lise, "INBOX"))
    if answered == "fault":
        dock.get_by_role("combobox", name="À", exact=True).fill("inconnu@ac-exemple.fr,")
    dock.locator("[name=texte]").fill("Bonjour." if answered == "sent" else "Voir ci-joint.")
    if answered != "question":
        page.locator("#lecteur h2.sujet").focus()  # the field tells its last change as it is left
        expect(dock.get_by_text("Enregistré à")).to_be_visible()
    held = held_back(page, dock)
    if answered == "fault":
        page.click(".courriels a:has-text('Sujet 1')")
    else:
        page.locator("#lecteur h2.sujet").focus()
        page.keyboard.press("j")
    expect(page.locator("#lecteur h2.sujet")).to_have_text("Sujet 1")
    reply = page.locator("#panneaux").get_by_role("dialog", name="Re: Sujet 2", exact=True)
    expect(reply).to_be_visible()
    expect(dock).to_have_count(0)
    held.continue_()
    if answered == "question":
        reply.locator("[id^=verifs]").get_by_role("button", name="Envoyer quand même").click()
    elif answered == "fault":
        expect(reply.locator("[id^=faute], [id^=precisions]")).to_be_focused()
        reply.get_by_role("button", name="Retirer inconnu@ac-exemple.fr").click()
        reply.get_by_role("button", name="Envoyer", exact=True).click()
        assert "422" in watched.complaints.pop()
    expect(page.locator("#dit")).to_contain_text("Message envoyé")
    expect(reply).to_have_count(0)
    assert house.subjects(lise, "INBOX")[number:] == ["Re: Sujet 2"]
    assert house.subjects(person, "Drafts") == []
    expect(other).to_have_count(1)
    page.reload()
    expect(other).to_have_count(1)


@pytest.mark.parametrize("answered", ["question", "fault"])
def test_what_is_asked_opens_what_was_folded_away(
    house: House, watched: Watched, person: Principal, lise: Principal, answered: str
) -> None:
    """A letter that was folded by hand while it was being sent opens for what it is asked and has the focus. Until then
    it is neither closed nor taken to a window, and says why."""
    page = watched.page
    page.get_by_role("link", name="Écrire", exact=True).click()
    letter = page.locator("#panneaux .panneau")
    to = "inconnu@ac-exemple.fr" if answered == "fault" else lise.address
    letter.get_by_role("combobox", name="À", exact=True).fill(f"{to},")
    letter.locator("[name=objet]").fill("Pliée")
    letter.locator("[name=texte]").fill("Voir ci-joint.")
    held = held_back(page, letter)
    for name in ("Fermer et garder le brouillon", "Ouvrir dans une fenêtre"):
        button = letter.locator(f"[data-geste]:has-text('{name}')")
        expect(button).to_have_attribute("aria-disabled", "true")
        expect(button).to_have_attribute("title", "Le message est en cours d’envoi.")
        button.click(force=True)
    expect(letter).to_have_count(1)
    letter.get_by_role("button", name="Réduire").click()
    expect(letter.locator("[name=texte]")).to_be_hidden()
    page.locator(".courriels a").first.focus()
    held.continue_()
    asked = letter.locator("section[id^=verifs]" if answered == "question" else "[id^=faute], [id^=precisions]")
    expect(asked).to_be_visible()
    expect(asked).to_be_focused()
    close = letter.get_by_role("button", name="Fermer et garder le brouillon")
    expect(close).to_have_attribute("aria-disabled", "false")
    expect(close).to_have_attribute("title", "Fermer et garder le brouillon")
    close.click()
    expect(letter).to_have_count(0)
    assert house.subjects(person, "Drafts") == ["Pliée"]
    if answered == "fault":
        assert "422" in watched.complaints.pop()


def test_an_answer_is_called_back_in_time(house: House, watched: Watched, person: Principal, lise: Principal) -> None:
    """Sent from the dock with time to think better of it: it comes back, its text as it was, and leaves once."""
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"undo_send": 10})
    page = watched.page
    number = len(house.subjects(lise, "INBOX"))
    dock = answer(page, "Sujet 2")
    dock.locator("[name=texte]").press_sequentially("Douze.")
    dock.get_by_role("button", name="Envoyer", exact=True).click()
    expect(dock).to_have_count(0)
    expect(page.locator("#dit")).to_contain_text("Envoi dans 10 secondes")
    expect(page.locator("#lecteur h2.sujet")).to_have_text("Sujet 2")
    assert house.subjects(person, "Drafts") == []
    page.locator("#dit").get_by_role("button", name="Annuler l’envoi").click()
    again = page.get_by_role("dialog", name="Re: Sujet 2", exact=True)
    expect(again.locator("[name=texte]")).to_have_value(re.compile("^Douze."))
    house.clock.ahead += 60
    house.run(house.outbox().round())
    assert house.subjects(lise, "INBOX")[number:] == [], "it was taken back"
    again.locator("[name=texte]").fill("Treize.")
    again.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.locator("#dit")).to_contain_text("Envoi dans 10 secondes")
    house.clock.ahead += 60
    house.run(house.outbox().round())
    assert house.subjects(lise, "INBOX")[number:] == ["Re: Sujet 2"]
    assert "Treize." in house.octets(lise, "INBOX").decode()
    assert house.subjects(person, "Drafts") == []


def test_below_a_letter_on_its_own_page(house: House, watched: Watched, person: Principal) -> None:
    """The page of one letter has the dock, too; new letters float."""
    page = watched.page
    href = page.locator(".courriels a:has-text('Sujet 2')").get_attribute("href")
    page.goto(f"{house.url}{href}")
    page.keyboard.press("r")
    dock = page.locator(".lire .quai")
    expect(dock.locator("[name=texte]")).to_be_focused()
    page.get_by_role("link", name="Écrire", exact=True).click()
    expect(page.locator("#panneaux .panneau")).to_have_count(1)
    expect(dock).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_dock_is_accessible(house: House, chromium: Browser, person: Principal, scheme: str) -> None:
    with visiting(chromium, script=True, scheme=scheme, bypass_csp=True) as watched:
        enter(watched.page, house, person)
        answer(watched.page, "Sujet 2")
        watched.picture(f"quai-{scheme}")
        assert faults_of(watched.page) == []
