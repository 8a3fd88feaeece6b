"""Without a network, in a real Chromium: what can be read, what is kept of a letter, and that nothing stays."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from mailserver.model.identity import Principal
from tests.webui.browser import LOOK, Watched, browsers, faults_of, log_out, through_portal, visiting
from tests.webui.house import PASSWORD, House, mail

pytestmark = pytest.mark.needs("chromium")

KEPT = """async () => {
  const found = [];
  for (const name of await caches.keys()) {
    if (name.startsWith('files ')) continue;
    for (const one of await (await caches.open(name)).keys())
      found.push(`${name}: ${new URL(one.url).searchParams.get('key')}`);
  }
  for (const one of await indexedDB.databases()) found.push(one.name);
  return found;
}"""
ACTIVE = "navigator.serviceWorker.ready.then(() => Boolean(navigator.serviceWorker.controller))"


@pytest.fixture(scope="module")
def chromium() -> Browser:
    """The whole browser: its engine alone knows nothing of installing."""
    return browsers.get(whole=True)


@pytest.fixture
def person(house: House, rose: Principal) -> Principal:
    for number in range(3):
        house.deliver(rose, mail(f"Sortie {number}", body=f"Rendez-vous au car numéro {number}.\n"))
    return rose


def until(page: Page, holds: str, wanted: Any = True) -> None:
    """Wait for what the page says; our policy allows no `wait_for_function`."""
    for _ in range(600):
        found = page.evaluate(holds)
        if found == wanted:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{holds}: {found}")


def enter(watched: Watched, house: House, person: Principal, interface: str = "complet") -> Page:
    """Logged in, with the worker at work, and back on the list."""
    page = watched.page
    through_portal(page, house, person.login, "complet")
    until(page, ACTIVE)
    page.goto(f"{house.url}/{'m' if interface == 'complet' else 's'}/")
    expect(page.get_by_text("Sortie 2").first).to_be_visible()
    return page


def kept(page: Page) -> list[str]:
    found = page.evaluate(KEPT)
    assert isinstance(found, list)
    return found


def until_kept(page: Page, key: str) -> None:
    until(page, f"({KEPT})().then(found => found.some(one => one.endsWith({json.dumps(key)})))")


def read_one(page: Page) -> None:
    """A letter is opened in the pane."""
    page.click(".courriels a:has-text('Sortie 1')")
    expect(page.locator("#lecteur")).to_contain_text("car numéro 1")
    until(page, f"({KEPT})().then(found => found.some(one => one.includes('part /m/message/')))")


def test_chromium_would_install_it_and_shows_nothing_of_before(
    house: House, chromium: Browser, person: Principal
) -> None:
    with visiting(chromium, script=True, worker=True) as watched:
        page = enter(watched, house, person)
        browser = page.context.new_cdp_session(page)
        told = browser.send("Page.getAppManifest")
        assert told["errors"] == []
        assert '"start_url": "/m/"' in told["data"]
        # A profile that leaves no traces installs nothing; all else is as it must be.
        found = browser.send("Page.getInstallabilityErrors")["installabilityErrors"]
        assert {one["errorId"] for one in found} <= {"in-incognito"}
        until_kept(page, "page /m/")
        house.deliver(person, mail("Toute fraîche"))
        page.goto(f"{house.url}/m/")
        expect(page.get_by_text("Toute fraîche").first).to_be_visible()
        expect(page.locator("#reseau")).to_be_hidden()
        assert watched.complaints == []


def test_the_last_list_and_letter_can_be_read(house: House, chromium: Browser, person: Principal) -> None:
    with visiting(chromium, script=True, worker=True) as watched:
        page = enter(watched, house, person)
        read_one(page)
        until_kept(page, "page /m/")
        page.context.set_offline(True)
        expect(page.locator("#reseau")).to_contain_text("Hors connexion. Ce que vous écrivez est gardé")
        watched.picture("hors-connexion-annonce")
        page.goto(f"{house.url}/m/")
        expect(page.locator("#reseau")).to_have_text(re.compile(r"Liste de \d\d:\d\d, hors connexion"))
        page.click(".courriels a:has-text('Sortie 1')")
        expect(page.locator("#lecteur")).to_contain_text("car numéro 1")
        watched.picture("hors-connexion-liste")
        page.click(".courriels a:has-text('Sortie 0')")
        expect(page.locator("#dit")).to_contain_text("Le service ne répond pas")
        # A page that was not kept says what was.
        page.goto(f"{house.url}/m/dossiers")
        expect(page.get_by_role("heading", name="Hors connexion")).to_be_visible()
        expect(page.locator("#gardes a").first).to_be_visible()
        watched.picture("hors-connexion-page")
        page.locator("#gardes").get_by_role("link", name="Sortie 1").click()
        expect(page.locator("#reseau")).to_contain_text("hors connexion")
        expect(page.locator("#lecteur")).to_contain_text("car numéro 1")
        house.deliver(person, mail("Arrivée entre-temps"))
        page.context.set_offline(False)
        # Back: the page is the server's again, by itself.
        expect(page.get_by_text("Arrivée entre-temps").first).to_be_visible()
        expect(page.locator("#reseau")).to_be_hidden()


def test_nothing_is_left_of_whoever_was_there_before(
    house: House, chromium: Browser, person: Principal, marc: Principal
) -> None:
    with visiting(chromium, script=True, worker=True) as watched:
        for interface in ("complet", "simple"):
            page = enter(watched, house, person, interface)
            until_kept(page, "page /m/" if interface == "complet" else "page /s/")
            log_out(page)
            expect(page.get_by_text("Vous êtes déconnecté")).to_be_visible()
            until(page, KEPT, [])
        # The session has ended.
        page = enter(watched, house, person)
        until_kept(page, "page /m/")
        page.context.clear_cookies()
        page.goto(f"{house.url}/m/reglages")
        expect(page.locator("#identifiant")).to_be_visible()
        until(page, KEPT, [])
        # Somebody else comes as from another window: no page for nobody is seen between.
        page = enter(watched, house, person)
        until_kept(page, "page /m/")
        other = house.visitor()
        other.log_in(marc.login, interface="complet")
        page.context.add_cookies(
            [{"name": one.name, "value": one.value or "", "url": house.url} for one in other.http.cookies.jar]
        )
        page.goto(f"{house.url}/m/")
        expect(page.locator("header").first).to_contain_text(marc.name)
        until_kept(page, "page /m/")
        assert {one.partition(":")[0] for one in kept(page)} == {f"pages {marc.account_id}"}


def test_a_shared_computer_keeps_nothing(house: House, chromium: Browser, person: Principal) -> None:
    with visiting(chromium, script=True, worker=True) as watched:
        page = watched.page
        page.goto(f"{house.url}/login")
        page.fill("#identifiant", person.login)
        page.fill("#mot_de_passe", PASSWORD)
        page.check("[name=partage]")
        page.click("text=Me connecter")
        until(page, ACTIVE)
        page.goto(f"{house.url}/m/")
        read_path = page.locator(".courriels a:has-text('Sortie 1')")
        read_path.first.click()
        expect(page.locator("#lecteur")).to_contain_text("car numéro 1")
        assert kept(page) == []


def test_a_letter_survives_and_leaves_when_the_network_is_back(
    house: House, chromium: Browser, person: Principal, marc: Principal
) -> None:
    with visiting(chromium, script=True, worker=True) as watched:
        page = enter(watched, house, person)
        page.goto(f"{house.url}/m/ecrire")
        page.fill("#objet", "Écrit dans le train")
        page.context.set_offline(True)
        page.fill("#texte", "Rien ne se perd.")
        # Reloaded: the page is not there, the text is.
        page.on("dialog", lambda dialog: dialog.accept())
        page.reload()
        expect(page.get_by_role("heading", name="Hors connexion")).to_be_visible()
        page.context.set_offline(False)
        expect(page.locator("#texte")).to_have_value(re.compile("Rien ne se perd"))
        page.fill("#a", f"{marc.address},")
        page.context.set_offline(True)
        page.get_by_role("button", name="Envoyer", exact=True).click()
        expect(page.locator("#etat")).to_contain_text("l’envoi attendra")
        watched.picture("hors-connexion-envoi")
        assert house.subjects(marc, "INBOX") == []
        page.context.set_offline(False)
        expect(page).to_have_url(re.compile(r"/m/($|\?)"))
        assert house.subjects(marc, "INBOX") == ["Écrit dans le train"]


def test_the_worker_can_be_taken_away(house: House, chromium: Browser, person: Principal) -> None:
    with visiting(chromium, script=True, worker=True) as watched:
        page = enter(watched, house, person)
        until_kept(page, "page /m/")
        house.settings.web.__dict__["offline"] = False
        try:
            page.evaluate("navigator.serviceWorker.getRegistration().then(one => one.update())")
            until(page, "navigator.serviceWorker.getRegistrations().then(all => all.length)", 0)
            assert page.evaluate("caches.keys()") == []
            page.goto(f"{house.url}/m/")
            expect(page.locator("#reseau")).to_have_count(0)
        finally:
            house.settings.web.__dict__["offline"] = True


def test_the_page_without_a_network_in_both_looks(house: House, chromium: Browser) -> None:
    with visiting(chromium, script=True, bypass_csp=True, size="telephone") as watched:
        watched.page.goto(f"{house.url}/hors-connexion?lang=fr")
        assert faults_of(watched.page) == []
        watched.page.emulate_media(color_scheme="dark")
        assert faults_of(watched.page, LOOK) == []
