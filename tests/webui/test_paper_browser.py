"""On paper and in the dark: messages print whole, and formatted ones can be turned dark."""

import io
import re
from collections.abc import Iterator

import pypdf
import pytest
from playwright.sync_api import Browser, Page, expect

from mailserver.model.account.preferences import Preferences, revise
from mailserver.model.identity import Principal
from mailserver.store.account import stored_preferences
from tests.webui.browser import let_in, log_in, visiting
from tests.webui.hostile.envelopes import PNG, file, html, multipart
from tests.webui.house import House, mail
from webui.reader.content.html_dark import is_dark

pytestmark = pytest.mark.needs("chromium")
HEADING = "Lettre des professeurs"
ROWS = 120
NOTE_PRINTS = """Object.defineProperty(HTMLIFrameElement.prototype, 'contentWindow', {
  get() { return { focus() {}, addEventListener() {}, print: () => { document.body.dataset.printed = this.src; } }; },
});"""


@pytest.fixture(scope="module")
def letter(house: House, emma: Principal) -> int:
    """A formatted message of several sheets, with a table and a picture."""
    rows = "".join(f"<tr><td>Ligne {n}</td><td>{'mot ' * 12}</td></tr>" for n in range(ROWS))
    body = f'<h1>{HEADING}</h1><img src="cid:logo" width="40"><table width="1400">{rows}</table><p>Dernier mot</p>'
    logo = file(PNG, "image/png", "inline", "Content-ID: <logo>\r\n")
    head = mail("Lettre longue").split(b"Content-Type")[0]
    return house.deliver(emma, head + multipart(html(body.encode()), logo))


@pytest.fixture
def paper(house: House, emma: Principal) -> Iterator[None]:
    """Formatted messages are turned dark in the dark."""
    house.store.write_now(
        stored_preferences.save_preferences, emma.account_id, revise(Preferences(), {"paper": "sombre"})
    )
    yield
    house.store.write_now(stored_preferences.save_preferences, emma.account_id, Preferences())


def printed(page: Page) -> tuple[list[str], int]:
    """The lines of what the browser prints, and on how many sheets."""
    sheets = pypdf.PdfReader(io.BytesIO(page.pdf(format="A4", prefer_css_page_size=True))).pages
    return [line.strip() for sheet in sheets for line in sheet.extract_text().splitlines()], len(sheets)


@pytest.mark.parametrize("base", ["/s", "/m"])
def test_a_formatted_message_prints_whole(
    house: House, chromium: Browser, emma: Principal, letter: int, base: str
) -> None:
    with visiting(chromium, script=base == "/m") as watched:
        page = watched.page
        let_in(page, house, emma.login, "complet" if base == "/m" else "simple")
        page.goto(f"{house.url}{base}/message/{letter}/imprimer?forme=1")
        expect(page.locator(".forme img")).to_have_js_property("naturalWidth", 1)
        lines, sheets = printed(page)
        text = "\n".join(lines)
        for said in (
            "Lettre longue",
            "awa.diallo@exemple.org",
            emma.address,
            "24 novembre 2026",
            HEADING,
            "Dernier mot",
        ):
            assert said in text, said
        assert [f"Ligne {n}" for n in range(ROWS) if f"Ligne {n} mot" not in text and f"Ligne {n}" not in lines] == []
        assert 3 <= sheets < 20
        for chrome in ("Retour au message", "Répondre", "Boîte de réception"):
            assert chrome not in text
        assert watched.complaints == []


def test_the_page_of_a_message_prints_without_what_is_around_it(
    house: House, chromium: Browser, emma: Principal
) -> None:
    """Where the browser's own command prints it."""
    body = "\n".join(f"Phrase {n}." for n in range(200))
    number = house.deliver(emma, mail("Texte long", body=body))
    for interface, base in (("simple", "/s"), ("complet", "/m")):
        with visiting(chromium, script=interface == "complet") as watched:
            log_in(watched.page, house, emma.login, interface, at=f"{base}/message/{number}")
            lines, _ = printed(watched.page)
            assert [n for n in range(200) if f"Phrase {n}." not in lines] == []
            text = "\n".join(lines)
            assert "Texte long" in text
            for chrome in ("Boîte de réception", "Corbeille", "Écrire", "Déconnexion", "Réponse rapide", "Transférer"):
                assert chrome not in text, (interface, chrome)


def test_the_link_and_the_keys_print_the_message_as_it_is_shown(
    house: House, chromium: Browser, emma: Principal, letter: int
) -> None:
    with visiting(chromium, script=True) as watched:
        page = watched.page
        page.add_init_script(NOTE_PRINTS)
        log_in(page, house, emma.login, "complet", at=f"/m/message/{letter}?forme=1")
        page.keyboard.press("Control+p")
        address = re.compile(rf"/m/message/{letter}/imprimer\?.*forme=1")
        expect(page.locator("body")).to_have_attribute("data-printed", address)


@pytest.mark.usefixtures("paper")
def test_a_formatted_message_can_be_turned_dark(house: House, chromium: Browser, emma: Principal, letter: int) -> None:
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    with visiting(chromium, scheme="dark", script=True) as watched:
        page = watched.page
        watched.note_refusals()
        log_in(page, house, emma.login, "complet", at=f"/m/message/{letter}?forme=1")
        inside = page.frame_locator("iframe.feuille").locator("main")
        expect(inside).to_have_css("filter", "invert(1) hue-rotate(180deg) contrast(0.85)")
        expect(inside.locator("img")).to_have_css("filter", "contrast(1.18) hue-rotate(180deg) invert(1)")
        assert inside.evaluate(f"() => {ground}") == "rgb(19, 19, 19)"
        watched.picture("lettre-sombre")
        page.get_by_role("link", name="Sur papier blanc").click()
        expect(inside).to_have_css("filter", "none")
        expect(page.get_by_role("link", name="En sombre")).to_be_visible()
        page.emulate_media(color_scheme="light")
        page.goto(f"{house.url}/m/message/{letter}?forme=1")
        expect(inside).to_have_css("filter", "none")
        expect(page.locator(".papier-choix")).to_be_hidden()
        assert watched.complaints == []


@pytest.mark.parametrize(
    ("source", "dark"),
    [
        ("<p>Bonjour", False),
        ('<body bgcolor="#111111"><p>x', True),
        ("<BODY style='margin:0;background-color: #fff'><div style='background:#000'>x", False),
        ('<table bgcolor="#003366"><tr><td>En-tête</td></tr></table><p>blanc', False),
        ("<div style='background:#111'><p style='background:#222'><p style='background-color:rgb(20, 20, 20)'>x", True),
        ("<div style='background:#fff'><p style='background:#222'><p style='background-color:white'>x", False),
        ('<body bgcolor="black" style="background: white">', False),
    ],
)
def test_messages_that_are_dark_already_are_left(source: str, *, dark: bool) -> None:
    assert is_dark(source) is dark
