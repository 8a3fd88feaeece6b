"""Search in the complete interface: results in the place of the list, and what the field offers while one types."""

import re

import pytest
from playwright.sync_api import Browser, expect

from mailserver.model.identity import Principal
from mailserver.store.account import stored_preferences
from mailserver.store.web import searches
from tests.webui.browser import SIZES, faults_of, let_in, log_in, narrow, overflow, visiting
from tests.webui.house import House, Visitor, mail

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def reader(house: House, marc: Principal) -> Principal:
    """Somebody with letters about a journey in two folders, a search made and one that is kept."""
    made = house.person("Rose", "Chercheuse")
    for number in range(3):
        house.deliver(made, mail(f"Voyage {number}", sender=f"Marc <{marc.address}>", body="Le car est commandé.\n"))
    house.deliver(made, mail("Cantine", body="Rien à voir.\n"))
    house.store.write_now(searches.made, made.account_id, "objet:conseil", 0)
    house.store.write_now(searches.save, made.account_id, "Parents de 4e B", "de:parent", 0)
    house.store.write_now(searches.made, marc.account_id, "secret de Marc", 0)
    return made


def test_results_stay_beside_what_is_opened(house: House, chromium: Browser, reader: Principal) -> None:
    with visiting(chromium, script=True) as watched:
        page = watched.page
        log_in(page, house, reader.login, "complet", at="/m/recherche?q=voyage")
        page.evaluate("window.same = true")
        rows = page.locator(".courriels > li")
        expect(rows).to_have_count(3)
        expect(page.locator("#liste .fin").first).to_have_text("3 messages trouvés")
        expect(page.locator("mark").first).to_have_text("Voyage")
        rows.nth(0).locator("a").click()
        expect(page.locator("#lecteur .lettre")).to_contain_text("Le car est commandé")
        rows.nth(1).locator("a").click()
        expect(page.locator("#lecteur .sujet")).to_have_text("Voyage 1")
        expect(rows).to_have_count(3)
        watched.picture("recherche-volets")
        rows.nth(2).locator("input").check()
        page.locator(".barre-groupe").get_by_role("button", name="Archiver").click()
        expect(page.locator("#dit")).to_contain_text("1 message archivé")
        expect(page.get_by_role("heading", name="Archives, 1")).to_be_visible()
        page.locator("#dit").get_by_role("button", name="Annuler").click()
        expect(page.locator("#dit")).to_contain_text("remis à sa place")
        assert sorted(house.subjects(reader, "INBOX")) == ["Cantine", "Voyage 0", "Voyage 1", "Voyage 2"]
        assert watched.complaints == []


def test_the_field_offers_people_operators_and_searches(
    house: House, chromium: Browser, reader: Principal, marc: Principal
) -> None:
    """With the arrow keys alone; nothing of anybody else's is offered."""
    with visiting(chromium, script=True, bypass_csp=True) as watched:
        page = watched.page
        log_in(page, house, reader.login, "complet")
        field = page.get_by_role("search").get_by_role("searchbox")
        field.focus()
        field = page.get_by_role("search").get_by_role("combobox")
        options = page.locator(".aide-recherche [role=option]")
        expect(options.filter(has_text="objet:conseil")).to_have_count(1)
        expect(options.filter(has_text="Parents de 4e B")).to_have_count(1)
        expect(options.filter(has_text="secret")).to_have_count(0)
        field.press_sequentially("obj")
        expect(options.first).to_contain_text("objet:")
        watched.picture("recherche-operateurs")
        assert faults_of(page) == []
        page.keyboard.press("ArrowDown")
        expect(field).to_have_attribute("aria-activedescendant", "aide-mots-1")
        page.keyboard.press("Enter")
        expect(field).to_have_value("objet:")
        expect(field).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator(".aide-recherche")).to_be_hidden()
        field.fill(f"voyage {marc.address[:6]}")
        expect(options.first).to_contain_text(marc.address)
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(r"/m/recherche\?q=voyage\+de"))
        expect(page.locator(".courriels > li")).to_have_count(3)
        assert watched.complaints == []


@pytest.mark.parametrize("layout", ["droite", "liste"])
def test_one_walks_in_the_results_and_comes_back(house: House, chromium: Browser, layout: str) -> None:
    """By the reader's own buttons and by keys, beside the results or on a page of one's own: what came in between and
    was not found is never shown."""
    person = house.person("Nora", f"Marche-{layout}")
    for number in range(3):
        house.deliver(person, mail(f"Voyage {number}"))
        house.deliver(person, mail(f"Cantine {number}"))
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"layout": layout})
    with visiting(chromium, script=True) as watched:
        page = watched.page
        log_in(page, house, person.login, "complet", at="/m/recherche?q=voyage")
        page.locator(".courriels a").first.click()
        subject, bar = page.locator(".lecture .sujet"), page.locator(".outils-lecture")
        expect(subject).to_have_text("Voyage 2")
        expect(bar.get_by_role("link", name="Précédent")).to_have_count(0)
        bar.get_by_role("link", name="Suivant").click()
        expect(subject).to_have_text("Voyage 1")
        page.keyboard.press("j")
        expect(subject).to_have_text("Voyage 0")
        expect(bar.get_by_role("link", name="Suivant")).to_have_count(0)
        page.keyboard.press("k")
        expect(subject).to_have_text("Voyage 1")
        if layout == "liste":
            bar.get_by_role("link", name="Résultats").click()
        expect(page).to_have_url(re.compile(r"/m/recherche\?q=voyage"))
        expect(page.locator("#liste .fin").first).to_have_text("3 messages trouvés")
        assert watched.complaints == []


@pytest.mark.parametrize("size", list(SIZES))
def test_results_are_accessible_and_fit(house: House, chromium: Browser, reader: Principal, size: str) -> None:
    scheme = "dark" if size == "telephone" else "light"
    with visiting(chromium, size=size, scheme=scheme, script=True, bypass_csp=True) as watched:
        page = watched.page
        let_in(page, house, reader.login, "complet")
        found: list[str] = []
        for path in (
            "/m/recherche?q=voyage",
            "/m/recherche?q=voyage&guide=1",
            "/m/recherche?q=nulle+part",
            "/m/recherche",
            "/s/recherche?q=voyage",
        ):
            page.goto(f"{house.url}{path}")
            page.evaluate("document.querySelectorAll('.bas').forEach(one => { one.open = true })")
            if page.locator(".courriels input").count():
                page.locator(".courriels input").first.check()
            watched.picture(f"recherche-{size}-{len(found)}")
            found += faults_of(page)
            with narrow(page):
                assert overflow(page) <= 0, path
        assert found == []


def test_whatever_is_typed_is_only_text(house: House, browser: Visitor, reader: Principal) -> None:
    browser.log_in(reader.login, interface="complet")
    for words in ('"><script>', "de:<b>x</b>", "a" * 2000, "de:", "\u202e", "-", "%", "_"):
        answer = browser.get("/m/recherche/aide", params={"q": words})
        assert answer.status_code == 200
        assert "<script>" not in answer.text
        assert "<b>x</b>" not in answer.text
        assert len(answer.content) < 20_000
