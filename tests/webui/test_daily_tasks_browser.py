"""What a day's tasks cost: clicks and keys are counted while they are done, and webui/README.md says the same."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from mailserver.store.account import stored_preferences
from tests.previews.files import docx, word
from tests.webui.browser import log_in, visiting
from tests.webui.hostile.envelopes import PNG, file, html, multipart
from tests.webui.house import House, mail
from tests.webui.test_paper_browser import NOTE_PRINTS
from tests.webui.test_sweep_browser import LETTERS, is_open

pytestmark = pytest.mark.needs("chromium")

README = Path(__file__).parents[2] / "webui" / "README.md"
ROW = re.compile(r"^\| (?P<task>[^|]+) \| (?P<clicks>\d+|–) \| (?P<keys>\d+|–) \|", re.MULTILINE)
SWEEP = ("archive and read the next", "delete and read the next", "junk and read the next")


@dataclass
class Hand:
    """Does things on a page and counts them; names that are typed do not count, as they have to be anywhere."""

    page: Page
    count: int = 0
    costs: dict[str, int] = field(default_factory=dict)

    def click(self, what: Locator) -> None:
        what.click()
        self.count += 1

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.count += 1

    def done(self, task: str) -> None:
        """What was done since the last task was for this one."""
        self.costs[task], self.count = self.count, 0

    @property
    def reader(self) -> Locator:
        return self.page.locator("#lecteur")

    def button(self, name: str) -> Locator:
        return self.reader.locator(".outils-lecture").get_by_role("button", name=name, exact=True)


def claimed(column: str) -> dict[str, int]:
    """Of the table, without what cannot be done so."""
    table = README.read_text().split("## What a day's tasks cost", 1)[1].split("\n## ", 1)[0]
    return {row["task"].strip(): int(row[column]) for row in ROW.finditer(table) if row[column] != "–"}


@pytest.fixture(scope="module")
def letters() -> list[bytes]:
    """The latest stands first in the list."""
    head = mail("Lettre d’information", sender="Canopé <lettre@exemple.org>").split(b"Content-Type")[0]
    pictures = head + multipart(html(b"<p>Bonjour</p><img src=https://images.exemple.org/a.png>"))
    head = mail("Compte rendu").split(b"Content-Type")[0]
    office = 'attachment; filename="compte-rendu.docx"'
    text = b"Content-Type: text/plain; charset=utf-8\r\n\r\nVoir ci-joint.\r\n"
    enclosed = head + multipart(text, file(docx(word("Présents", "<w:b/>")), "application/octet-stream", office))
    return [enclosed, pictures, *(mail(f"Sujet {number}", body="Bonjour\n") for number in range(14))]


@pytest.fixture
def hand(house: House, chromium: Browser, letters: list[bytes]) -> Iterator[Hand]:
    person = house.person("Jeanne", "Journée")
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"formatted": True})
    for letter in letters:
        house.clock.ahead += 60  # what is put back keeps its place
        house.deliver(person, letter)
    with visiting(chromium, script=True) as watched:
        watched.page.add_init_script(NOTE_PRINTS)
        watched.page.route("**/image?**", lambda route: route.fulfill(body=PNG, content_type="image/png"))
        log_in(watched.page, house, person.login, "complet")
        expect(watched.page.locator("#cocher input")).to_have_count(1)  # the script has come
        yield Hand(watched.page)
        assert watched.complaints == []


def begin(hand: Hand, subject: str) -> None:
    """A letter is open, and nothing is counted yet."""
    hand.page.click(f".courriels a:has-text('{subject}')")
    expect(hand.reader.locator("h2.sujet")).to_have_text(subject)
    hand.count = 0


def said(hand: Hand, what: str) -> None:
    expect(hand.page.locator("#dit")).to_contain_text(what)


def swept(hand: Hand) -> None:
    """Forty letters with an act each; that the acts may follow each other so is told by `test_sweep_browser`."""
    hand.count = LETTERS * max(hand.costs[task] for task in SWEEP)
    hand.done("go through forty letters")


def test_by_clicks(hand: Hand) -> None:
    page = hand.page
    begin(hand, "Sujet 13")
    hand.click(hand.reader.get_by_role("link", name="Suivant", exact=True))
    is_open(page, "Sujet 12")
    hand.done("open the next letter")
    for number, (task, name) in enumerate(zip(SWEEP, ("Archiver", "Supprimer", "Indésirable"), strict=True)):
        hand.click(hand.button(name))
        is_open(page, f"Sujet {11 - number}")
        hand.done(task)
    hand.click(page.locator("#dit").get_by_role("button", name="Annuler"))
    is_open(page, "Sujet 10")
    hand.done("take the last act back and see its letter")
    hand.click(hand.button("Déplacer"))
    hand.click(page.locator("#lecture-deplacer").get_by_role("button", name="Archives").last)
    is_open(page, "Sujet 9")
    hand.done("move a letter to a folder")
    hand.click(hand.button("Plus tard"))
    hand.click(page.locator("#lecture-reporter button").first)
    is_open(page, "Sujet 8")
    hand.done("put a letter off")
    hand.click(hand.button("Étiqueter"))
    hand.click(page.locator("#lecture-etiqueter [name=poser]").first)
    expect(hand.reader.locator(".titre-lettre .etiquette")).to_have_text("Important")
    hand.done("tag a letter")
    begin(hand, "Sujet 7")
    hand.click(hand.button("Signaler"))
    is_open(page, "Sujet 6")
    hand.done("report phishing")
    hand.click(hand.button("Plus"))
    hand.click(page.locator("#lecture-plus").get_by_role("link", name="Imprimer", exact=True))
    expect(page.locator("body")).to_have_attribute("data-printed", re.compile("imprimer"))
    hand.done("print a letter")
    begin(hand, "Lettre d’information")
    hand.click(hand.reader.get_by_role("link", name="Afficher", exact=True))
    expect(hand.reader.locator(".distantes")).to_contain_text("affichée")
    hand.done("show the pictures of a letter")
    begin(hand, "Compte rendu")
    hand.click(hand.reader.locator("a.piece"))
    expect(page.frame_locator("dialog iframe").locator("strong")).to_have_text("Présents")
    hand.done("read an office file")
    page.keyboard.press("Escape")
    begin(hand, "Sujet 5")
    hand.click(hand.reader.locator(".outils-lecture").get_by_role("link", name="Répondre", exact=True))
    dock = hand.reader.locator(".quai")
    expect(dock.locator("[name=texte]")).to_be_focused()
    hand.done("answer below the letter")
    page.keyboard.insert_text("Bonjour")
    hand.click(dock.get_by_role("button", name="Programmer l’envoi"))
    hand.click(dock.locator("button[value^='planifier:']").first)
    said(hand, "Envoi programmé")
    hand.done("send tomorrow instead of now")
    swept(hand)
    assert hand.costs == claimed("clicks")


def test_by_keys(hand: Hand) -> None:
    page = hand.page
    begin(hand, "Sujet 13")
    hand.press("j")
    is_open(page, "Sujet 12")
    hand.done("open the next letter")
    for number, (task, key) in enumerate(zip(SWEEP, ("e", "Delete", "!"), strict=True)):
        hand.press(key)
        is_open(page, f"Sujet {11 - number}")
        hand.done(task)
    hand.press("z")
    is_open(page, "Sujet 10")
    hand.done("take the last act back and see its letter")
    for task, key, name, following in (
        ("move a letter to a folder", "v", "Archives", "Sujet 9"),
        ("put a letter off", "b", "", "Sujet 8"),
        ("tag a letter", "l", "Important", ""),
    ):
        hand.press(key)
        expect(page.locator(":popover-open").locator(":focus")).to_have_count(1)
        page.keyboard.insert_text(name)
        hand.press("Enter")
        if following:
            is_open(page, following)
        else:
            expect(hand.reader.locator(".titre-lettre .etiquette")).to_have_text("Important")
        hand.done(task)
    begin(hand, "Sujet 6")
    hand.press("Control+p")
    expect(page.locator("body")).to_have_attribute("data-printed", re.compile("imprimer"))
    hand.done("print a letter")
    begin(hand, "Sujet 5")
    hand.press("r")
    expect(hand.reader.locator(".quai [name=texte]")).to_be_focused()
    hand.done("answer below the letter")
    swept(hand)
    assert hand.costs == claimed("keys")
