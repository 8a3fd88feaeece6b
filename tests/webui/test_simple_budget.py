"""The simplified interface: everything without a line of script, every page light, nothing wider than a phone.

Also the same pages in a language that is two fifths longer than French: translations have room.
"""

import re

import pytest
from playwright.sync_api import Browser, Page

from mailserver.model.identity import Principal
from tests.webui.browser import let_in, overflow, visiting
from tests.webui.house import House, Visitor, mail

pytestmark = pytest.mark.needs("chromium")

PAGES = (
    "/s/",
    "/s/recherche",
    "/s/recherche?q=point",
    "/s/dossiers",
    "/s/ecrire",
    "/s/reglages",
    "/s/reglages/lecture",
    "/s/reglages/redaction",
    "/s/reglages/langue",
    "/s/reglages/etiquettes",
    "/s/reglages/logiciels",
    "/s/contacts",
    "/s/agenda",
    "/compte",
    "/compte/appareils",
    "/bienvenue",
)
PUBLIC = ("/login", "/activation", "/initialiser", "/identifiant", "/etat", "/aide", "/accessibilite")
MAX_OCTETS = 10_000
"""Of a page as it travels."""


@pytest.fixture(scope="module")
def person(house: House) -> Principal:
    made = house.person("Simone", "Simple")
    for number in range(60):
        house.deliver(made, mail(f"Point {number}", body="Un mot sur la réunion de jeudi.\n" * 5))
    return made


@pytest.fixture
def home(house: House, person: Principal) -> Visitor:
    made = house.visitor()
    made.log_in(person.login)
    return made


def test_no_script_and_no_more_octets_than_promised(house: House, person: Principal, home: Visitor) -> None:
    box = house.box(person, "INBOX")
    message = re.findall(r"/s/message/\d+", home.get("/s/").text)[0]
    for path in (*PAGES, message, f"/s/dossier/{box.id}/modifier", f"/s/dossier/{box.id}/partage"):
        answer = home.get(path, headers={"accept-encoding": "gzip"})
        assert answer.status_code == 200, path
        if path.startswith("/s/"):
            assert "<script" not in answer.text, path
        assert answer.num_bytes_downloaded < MAX_OCTETS, path


def test_every_page_size_and_its_neighbours(home: Visitor) -> None:
    for size in (25, 50, 100):
        home.get("/s/reglages")
        home.post("/s/reglages/affichage", {"page_size": str(size)})
        page = home.get("/s/").text
        assert len(re.findall(r'name="m"\s+value="\d+"', page)) == min(size, 60)
        assert ('rel="next"' in page) == (size < 60)


def test_long_translations_fit_a_phone(house: House, person: Principal, chromium: Browser) -> None:
    """Every text of the page grows by two fifths, as a translation may; nothing is pushed out of 390 pixels."""
    with visiting(chromium, size="telephone", script=True, bypass_csp=True) as watched:
        page = watched.page
        for path in PUBLIC:
            _check(page, house.url + path)
        let_in(page, house, person.login)
        for path in PAGES:
            _check(page, house.url + path)


def _check(page: Page, address: str) -> None:
    page.goto(address)
    page.evaluate(_GROW)
    wide = overflow(page)
    assert wide <= 0, address


_GROW = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  for (const text of texts) {
    if (text.parentElement.closest("code, textarea, svg, script, td, dd")) continue;
    text.data = text.data.replace(/[A-Za-zÀ-ÿ]{3,}/g, (word) => word + word.slice(0, Math.ceil(word.length * 0.4)));
  }
}"""
