"""First connection, renewal, a forgotten password and the recovery address in a real Chromium, without JavaScript;
every page of theirs under axe; the live rules of both profiles with it."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.webui.browser import SIZES, Watched, faults_of, log_out, through_portal, visiting
from tests.webui.house import PASSWORD, House
from tests.webui.test_passwords import (
    BORN,
    CHOSEN,
    FIRST_NOTICE,
    YEAR,
    _at_once,
    code_in,
    letters,
    member,
    newcomer,
    tell_everybody,
)

pytestmark = pytest.mark.needs("chromium")
__all__ = ["_at_once"]


def looked_at(watched: Watched, name: str) -> None:
    """Keep a picture, and ask axe."""
    watched.picture(name)
    assert faults_of(watched.page) == [], name


@pytest.mark.parametrize(("size", "scheme"), [("bureau", "light"), ("telephone", "dark")])
def test_first_connection_to_the_recovery_address(house: House, chromium: Browser, size: str, scheme: str) -> None:
    person, numen = newcomer(house, f"Navigue{size}")
    address = f"navigue{size}@exemple.org"
    # axe needs scripts and our policy out of its way; the journey itself uses neither.
    with visiting(chromium, size=size, scheme=scheme, script=True, bypass_csp=True) as watched:
        page = watched.page
        through_portal(page, house, person.login, password=numen)
        expect(page.locator("h1")).to_have_text("Ma date de naissance")
        expect(page.locator("#naissance")).to_be_focused()
        looked_at(watched, f"naissance-{size}-{scheme}")
        page.fill("#naissance", BORN)
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("Je choisis mon mot de passe")
        looked_at(watched, f"choisir-{size}-{scheme}")
        page.fill("#nouveau", "Julie1980")
        page.fill("#encore", "Julie1980")
        page.keyboard.press("Enter")
        # The refusal replaces the form: what is typed before it would go with the form that leaves.
        expect(page.locator("form .avis.erreur")).to_be_visible()
        page.fill("#nouveau", CHOSEN)
        page.fill("#encore", CHOSEN)
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("Bienvenue, Julie")
        looked_at(watched, f"bienvenue-{size}-{scheme}")
        page.get_by_role("link", name="En donner une").click()
        expect(page.locator("h1")).to_have_text("Mon adresse de secours")
        looked_at(watched, f"secours-etape-{size}-{scheme}")
        page.fill("#adresse", address)
        page.fill("#actuel", CHOSEN)
        page.get_by_role("button", name="M’envoyer un code").click()
        expect(page.locator("#annonce")).to_contain_text("Un code a été envoyé")
        looked_at(watched, f"secours-code-{size}-{scheme}")
        page.fill("#code", code_in(letters(house, address)[0]))
        page.get_by_role("button", name="Confirmer").click()
        expect(page.locator("#annonce")).to_contain_text("Adresse de secours enregistrée")
        expect(page.locator("h1")).to_have_text("Bienvenue, Julie")
        page.get_by_role("button", name="Ouvrir ma messagerie").click()
        expect(page.locator("h1")).to_have_text("Boîte de réception")
        page.goto(f"{house.url}/compte/secours")
        looked_at(watched, f"secours-connue-{size}-{scheme}")


@pytest.mark.parametrize("size", list(SIZES))
def test_forgotten_password_without_javascript(house: House, chromium: Browser, size: str) -> None:
    person, numen = member(house, f"Perdu{size}")
    with visiting(chromium, size=size) as watched:
        page = watched.page
        page.goto(f"{house.url}/login")
        page.get_by_role("link", name="J’initialise mon mot de passe").click()
        page.fill("#identifiant", person.address)
        page.fill("#naissance", BORN)
        page.fill("#numero", numen.lower())
        page.click("text=Recevoir un code")
        expect(page.locator("#annonce")).to_contain_text("Si vos réponses sont justes")
        watched.picture(f"initialiser-repondu-{size}")
        page.fill("#code", code_in(letters(house, f"perdu{size}@exemple.org")[0]))
        page.click("text=Continuer")
        expect(page.locator("main")).to_contain_text("Toutes vos sessions seront fermées")
        page.fill("#nouveau", CHOSEN)
        page.fill("#encore", CHOSEN)
        page.click("text=Valider et entrer")
        expect(page.locator("h1")).to_have_text("Boîte de réception")
        expect(page.locator("main")).to_contain_text("Votre mot de passe a été changé")
        assert watched.complaints == []


@pytest.mark.parametrize(("size", "scheme"), [("bureau", "dark"), ("telephone", "light")])
def test_renewal(house: House, chromium: Browser, size: str, scheme: str) -> None:
    person, _ = member(house, f"Vieux{size}")
    before = house.clock.ahead
    with visiting(chromium, size=size, scheme=scheme, script=True, bypass_csp=True) as watched:
        page = watched.page
        try:
            house.clock.ahead = before + YEAR - FIRST_NOTICE
            tell_everybody(house)
            for days, name in ((-3, "rappel"), (1, "renouveler")):
                house.clock.ahead = before + YEAR + days * 86400
                through_portal(page, house, person.login)
                text = "Votre mot de passe est à renouveler" if days < 0 else "Votre mot de passe était à renouveler"
                expect(page.locator("main")).to_contain_text(text)
                looked_at(watched, f"{name}-{size}-{scheme}")
                if days < 0:
                    log_out(page)
            page.fill("#actuel", PASSWORD)
            page.fill("#nouveau", CHOSEN)
            page.fill("#encore", CHOSEN)
            page.get_by_role("button", name="Changer le mot de passe").click()
            expect(page.locator("#annonce")).to_contain_text("Mot de passe changé")
            expect(page.locator("h1")).to_have_text("Boîte de réception")
        finally:
            house.clock.ahead = before


def test_live_rules_follow_the_profile(tmp_path: Path, sqlite_template: Path, chromium: Browser) -> None:
    house = House(tmp_path, sqlite_template, passwords={"profile": "cnil"})
    try:
        person, numen = newcomer(house, "Regles")
        with visiting(chromium, script=True) as watched:
            page = watched.page
            page.goto(f"{house.url}/activation")
            page.fill("#identifiant", person.login)
            page.fill("#preuve", numen)
            page.fill("#naissance", BORN)
            page.click("text=Continuer")
            strength = page.locator("[data-regle=force]")
            for weak in ("kT9#vbRe!mq", "Aa1!Aa1!Aa1!Aa1!", "six mots ne font pas assez", "kT9#aaaaaaaa"):
                page.fill("#nouveau", weak)
                expect(strength).to_have_class("non")
            for strong in ("kT9#vbRe!mqZ", "kt9#vbre!mqz4w", "mon chat dort sur le toit rouge demain"):
                page.fill("#nouveau", strong)
                expect(strength).to_have_class("oui")
            expect(page.locator("#regles-compte")).to_have_text("2 règles respectées sur 2")
            watched.picture("regles-cnil")
            assert watched.complaints == []
    finally:
        house.close()


def test_the_page_judges_while_one_types_and_keeps_what_was_typed(house: House, chromium: Browser) -> None:
    """The word that is the trouble is named before anything is sent; what is refused stays in its fields."""
    person, numen = newcomer(house, "Tape")
    with visiting(chromium, script=True) as watched:
        page = watched.page
        through_portal(page, house, person.login, password=numen)
        page.fill("#naissance", BORN)
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("Je choisis mon mot de passe")
        word = page.locator("[data-regle=dictionnaire]")
        page.fill("#nouveau", "Soleil2026!")
        expect(word).to_contain_text("Le mot « soleil » fait la moitié")
        watched.picture("choisir-mot-nomme")
        page.fill("#nouveau", "AzertyAzerty1!")
        expect(page.locator("[data-regle=devinable]")).to_contain_text("« AzertyAzerty »")
        expect(word).not_to_contain_text("soleil")
        page.fill("#nouveau", "Maison#2026")
        page.fill("#encore", "Maison#2026")
        page.keyboard.press("Enter")
        expect(page.locator(".avis.erreur")).to_contain_text("Le mot « maison » fait la moitié")
        expect(page.locator("#nouveau")).to_have_value("Maison#2026")
        expect(page.locator("#encore")).to_have_value("Maison#2026")
        expect(page.locator("#nouveau")).to_be_focused()
        page.fill("#encore", "autre")
        page.keyboard.press("Enter")
        expect(page.locator(".avis.erreur")).to_contain_text("différents")
        expect(page.locator("#nouveau")).to_have_value("Maison#2026")
        page.fill("#nouveau", "Bretagne-Voilier-87-Bleu")
        expect(page.locator("[data-regle].non")).to_have_count(0)
        page.fill("#encore", "Bretagne-Voilier-87-Bleu")
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_contain_text("Bienvenue")
        assert [complaint for complaint in watched.complaints if "422" not in complaint] == []


def test_a_changed_password_is_judged_the_same_way(house: House, chromium: Browser) -> None:
    """Also the old one stays typed, and is marked when it is what was wrong."""
    person = house.person("Change", "Savoix")
    with visiting(chromium, script=True) as watched:
        page = watched.page
        through_portal(page, house, person.login, "complet")
        page.goto(f"{house.url}/compte/mot-de-passe")
        page.fill("#actuel", "Faux#2026-zz")
        page.fill("#nouveau", "Velo#Jaune7Trottoir")
        page.fill("#encore", "Velo#Jaune7Trottoir")
        page.keyboard.press("Enter")
        expect(page.locator("#actuel-faute")).to_contain_text("pas votre mot de passe actuel")
        expect(page.locator("#nouveau")).to_have_value("Velo#Jaune7Trottoir")
        page.fill("#actuel", PASSWORD)
        page.keyboard.press("Enter")
        expect(page.locator("#annonce, #dit").filter(has_text="Mot de passe changé")).to_have_count(1)
