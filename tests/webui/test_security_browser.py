"""The account's pages in a real Chromium: the whole way of a second factor without JavaScript, axe, policy, reflow."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from passlib.totp import TOTP  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, expect

from mailserver.model.identity import Principal, Role
from tests.webui.browser import Watched, faults_of, log_out, overflow, photograph, through_portal, visiting
from tests.webui.house import PASSWORD, House

pytestmark = pytest.mark.needs("chromium")

FACTOR, DEVICES, SESSIONS = "/compte/double-authentification", "/compte/appareils", "/compte/sessions"
Look = Callable[[str], None]


def code(house: House, secret: str) -> str:
    """What the phone shows now; a step later each time, so that none is used twice."""
    house.clock.ahead += 30
    return str(TOTP(secret).generate(time=int(house.clock.now())).token)


def walk(house: House, page: Page, person: Principal, look: Look) -> None:
    """Every page and state of the account's protection, one after the other."""
    through_portal(page, house, person.login)
    page.goto(f"{house.url}/compte")
    look("compte")
    page.get_by_role("link", name="Gérer la double authentification").click()
    expect(page.locator("#actuel")).to_be_visible()
    look("double-inactive")
    page.fill("#actuel", "Faux#2026")
    page.get_by_role("button", name="Commencer").click()
    expect(page.locator("#actuel-faute")).to_contain_text("pas votre mot de passe")
    look("double-faute")
    page.fill("#actuel", PASSWORD)
    page.get_by_role("button", name="Commencer").click()
    expect(page.locator(".qr svg")).to_be_visible()
    secret = page.locator(".secret code").inner_text()
    look("double-qr")
    page.fill("#code", "000000")
    page.get_by_role("button", name="Activer").click()
    expect(page.locator("#code-faute")).to_be_visible()
    assert page.locator(".secret code").inner_text() == secret
    page.fill("#code", code(house, secret))
    page.get_by_role("button", name="Activer").click()
    expect(page.locator(".codes li")).to_have_count(10)
    look("double-codes")
    spare = page.locator(".codes code").first.inner_text()
    page.goto(f"{house.url}{FACTOR}")
    look("double-active")
    _devices(page, house, look, secret)
    page.goto(f"{house.url}{SESSIONS}")
    expect(page.locator(".rangees li")).to_have_count(1)
    look("sessions")
    log_out(page)

    through_portal(page, house, person.login)
    expect(page.locator("h1")).to_have_text("Je confirme que c’est moi")
    look("second")
    page.fill("#code", "000000")
    page.get_by_role("button", name="Valider").click()
    expect(page.locator("[role=alert]")).to_contain_text("n’est pas le bon")
    page.fill("#code", code(house, secret))
    page.get_by_role("button", name="Valider").click()
    expect(page.locator("h1")).to_have_text("Boîte de réception")
    log_out(page)

    through_portal(page, house, person.login)
    page.get_by_text("Je n’ai pas mon téléphone").click()
    page.fill("#secours", spare)
    look("second-secours")
    page.get_by_role("button", name="Valider").click()
    expect(page.locator("#annonce")).to_contain_text("Il vous en reste 9")
    page.goto(f"{house.url}{FACTOR}")
    page.fill("#actuel", PASSWORD)
    page.fill("#code", code(house, secret))
    page.get_by_role("button", name="Désactiver").click()
    expect(page.locator("#annonce")).to_contain_text("désactivée")


def _devices(page: Page, house: House, look: Look, secret: str) -> None:
    page.goto(f"{house.url}{DEVICES}")
    look("appareils-vide")
    page.fill("#nom", "Thunderbird du bureau")
    page.get_by_label("Agenda et contacts").uncheck()
    page.fill("#actuel", PASSWORD)
    page.fill("#code", "000000")
    page.get_by_role("button", name="Créer un mot de passe").click()
    expect(page.locator("#code-faute")).to_be_visible()
    look("appareils-code")
    page.fill("#actuel", PASSWORD)
    page.fill("#code", code(house, secret))
    page.get_by_role("button", name="Créer un mot de passe").click()
    assert re.fullmatch(r"([a-z]{4}-){4}[a-z]{4}", page.locator(".secret code").inner_text())
    look("appareil-nouveau")
    page.get_by_role("link", name="Revenir à mes appareils").click()
    expect(page.locator(".rangees li")).to_contain_text("Thunderbird du bureau")
    look("appareils")
    page.locator(".rangees summary").click()
    look("appareils-revoquer")
    page.locator(".rangees button").click()
    expect(page.locator("#annonce")).to_contain_text("révoqué")


@pytest.mark.parametrize(("size", "scheme"), [("bureau", "light"), ("telephone", "dark")])
def test_every_step_is_accessible_and_fits(house: House, chromium: Browser, size: str, scheme: str) -> None:
    """axe-core finds nothing, nothing overflows. (axe needs our policy out of its way; see the next test.)"""
    person = house.person("Lise", f"Accès{size}")
    found: dict[str, list[str]] = {}
    with visiting(chromium, size=size, scheme=scheme, script=True, bypass_csp=True) as watched:

        def look(name: str) -> None:
            _picture(watched, f"securite-{name}-{size}-{scheme}")
            found[name] = faults_of(watched.page)

        walk(house, watched.page, person, look)
    assert {name: faults for name, faults in found.items() if faults} == {}
    assert len(found) > 12


def _picture(watched: Watched, name: str) -> None:
    watched.page.evaluate("document.activeElement?.blur()")
    watched.picture(name)


def test_the_strict_policy_holds_and_320_pixels_are_enough(house: House, chromium: Browser) -> None:
    """Scripts on, policy on, inline drawing included: no violation, no console error; WCAG 1.4.10."""
    person = house.person("Lise", "Règle")
    with visiting(chromium, script=True) as watched:
        page = watched.page
        page.set_viewport_size({"width": 320, "height": 600})
        watched.note_refusals()

        def look(name: str) -> None:
            wide = overflow(page)
            assert wide <= 0, (name, wide)

        walk(house, page, person, look)
        assert [text for text in watched.complaints if "401" not in text and "422" not in text] == []
        assert all(url.startswith(house.url) for url in watched.requests)


def test_the_way_works_without_javascript_for_an_administrator(house: House, chromium: Browser) -> None:
    """Led to the set-up, which shows nothing of the mailbox, and then to the mail, in the complete interface."""
    person = house.person("Ada", "Règne", Role.ADMIN)
    with visiting(chromium) as watched:
        page = watched.page
        through_portal(page, house, person.login, "complet")
        expect(page.locator("[role=status], .avis").first).to_contain_text("Votre fonction demande")
        assert page.locator("#dossiers").count() == 0
        watched.picture("securite-obligatoire")
        page.get_by_role("button", name="Commencer").click()
        secret = page.locator(".secret code").inner_text()
        page.fill("#code", code(house, secret))
        page.get_by_role("button", name="Activer").click()
        expect(page.locator(".codes li")).to_have_count(10)
        watched.picture("securite-obligatoire-codes")
        page.get_by_role("link", name="Je les ai gardés").click()
        expect(page.locator("h1")).to_have_text("Boîte de réception")
        assert watched.complaints == []


def test_recovery_codes_print_on_one_page(house: House, chromium: Browser) -> None:
    """Printed, only the codes and whose they are remain."""
    person = house.person("Lise", "Papier")
    with visiting(chromium) as watched:
        page = watched.page
        through_portal(page, house, person.login)
        page.goto(f"{house.url}{FACTOR}")
        page.fill("#actuel", PASSWORD)
        page.get_by_role("button", name="Commencer").click()
        page.fill("#code", code(house, page.locator(".secret code").inner_text()))
        page.get_by_role("button", name="Activer").click()
        page.emulate_media(media="print")
        watched.picture("securite-codes-imprimes")
        expect(page.locator("header")).to_be_hidden()
        menu = page.locator("details.menu-reglages")
        expect(menu).to_have_count(1)
        expect(menu).to_be_hidden()
        expect(page.locator(".codes code").first).to_be_visible()
        assert page.locator("main").inner_text().count(person.login) >= 1
        assert page.pdf()[:4] == b"%PDF"


@pytest.mark.needs("chromium", "zbarimg", "oathtool")
def test_a_phone_reads_the_drawing_and_its_code_is_taken(house: House, chromium: Browser, tmp_path: Path) -> None:
    """Two programs that are not ours: one sees the screen, one computes (RFC 6238)."""
    person = house.person("Lise", "Photo")
    with visiting(chromium, scheme="dark") as watched:
        page = watched.page
        through_portal(page, house, person.login)
        page.goto(f"{house.url}{FACTOR}")
        page.fill("#actuel", PASSWORD)
        page.get_by_role("button", name="Commencer").click()
        expect(page.locator(".qr svg")).to_be_visible()
        photograph(page, tmp_path / "screen.png")
        seen = urlsplit(_run("zbarimg", "-q", "--raw", str(tmp_path / "screen.png")))
        assert (seen.scheme, seen.netloc) == ("otpauth", "totp")
        fields = parse_qs(seen.query)
        assert unquote(seen.path) == f"/{fields['issuer'][0]}:{person.address}"
        now = f"@{int(house.clock.now())}"
        page.fill("#code", _run("oathtool", "--totp", "-b", fields["secret"][0], "--now", now))
        page.get_by_role("button", name="Activer").click()
        expect(page.locator(".codes li")).to_have_count(10)


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()
