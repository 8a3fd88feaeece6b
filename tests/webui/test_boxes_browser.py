"""A secretariat's morning in its box, in a real Chromium: simplified without script, complete with; accessible."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from mailserver.model.identity import Principal
from tests.webui.boxes import FULL, Box, question
from tests.webui.browser import faults_in_looks, let_in, log_in, narrow, overflow, visiting
from tests.webui.house import House

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def zoe(house: House) -> Principal:
    return house.person("Zoé", "Parent")


@pytest.fixture(scope="module")
def rose(house: House) -> Principal:
    return house.person("Rose", "Leroy")


@pytest.fixture(scope="module")
def box(house: House, rose: Principal, zoe: Principal) -> Box:
    made = Box(house, {rose.login: FULL})
    for number in range(4):
        question(made, zoe, f"Certificat {number}", f"question-{number}")
    Box(house, {rose.login: {"read"}}).deliver(b"From: x@exemple.org\r\nSubject: Autre certificat\r\n\r\nx\r\n")
    return made


def opened(page: Page, box: Box) -> None:
    """The box, found in the column."""
    column = page.get_by_role("navigation", name=re.compile("^Dossiers( et compte)?$"))
    column.get_by_role("list", name=box.label).get_by_role("link", name="Boîte de réception").click()


def test_simplified_without_script(house: House, chromium: Browser, rose: Principal, box: Box, zoe: Principal) -> None:
    """Open the box, read, answer in its name, see the copy, file the question, find it again."""
    with visiting(chromium) as watched:
        page = watched.page
        log_in(page, house, rose.login)
        opened(page, box)
        expect(page.get_by_role("heading", level=1)).to_have_text(f"{box.label} › Boîte de réception")
        watched.picture("boite-simple-liste")
        page.get_by_role("link", name="Certificat 0").click()
        expect(page.locator(".lettre")).to_contain_text("Puis-je avoir un certificat")
        watched.picture("boite-simple-message")
        page.get_by_role("link", name="Répondre", exact=True).first.click()
        expect(page.locator("#de")).to_have_value(box.address)
        expect(page.locator("#de-notes")).to_contain_text("dans les messages envoyés de la boîte")
        watched.picture("boite-simple-reponse")
        page.fill("#texte", "Le voici.")
        page.get_by_role("button", name="Envoyer", exact=True).click()
        expect(page.locator("#annonce")).to_contain_text("Message envoyé au nom de la boîte")
        assert house.subjects(zoe, "INBOX")[-1] == "Re: Certificat 0"
        page.get_by_role("list", name=box.label).get_by_role("link", name="Envoyés").click()
        expect(page.get_by_role("link", name="Re: Certificat 0")).to_be_visible()
        opened(page, box)
        page.get_by_role("checkbox", name="Certificat 0").check()
        page.get_by_role("button", name="Archiver").click()
        expect(page.locator("#annonce")).to_contain_text("1 message archivé")
        page.get_by_role("searchbox").fill("certificat 0")
        page.get_by_role("search").get_by_role("button", name="Rechercher").click()
        expect(page.locator("#d")).to_have_value("-2")
        expect(page.get_by_role("heading", name=f"{box.label} › Archives")).to_be_visible()
        watched.picture("boite-simple-recherche")
        page.get_by_role("link", name="Certificat 0", exact=True).first.click()
        expect(page.locator(".sujet")).to_contain_text("Certificat 0")
        assert watched.complaints == []


def test_complete_with_script(house: House, chromium: Browser, rose: Principal, box: Box, zoe: Principal) -> None:
    """Counts are live, the pane reads and acts, the answer leaves from the form with its script."""
    with visiting(chromium, script=True) as watched:
        page = watched.page
        log_in(page, house, rose.login, "complet")
        count = page.locator(f'.volet a[data-boite="{box.id()}"] .compte')
        before = int((count.text_content() or "0").split()[0])
        question(box, zoe, "Urgent", "urgent")
        expect(count).to_contain_text(str(before + 1))
        opened(page, box)
        page.locator(".courriels a:has-text('Urgent')").click()
        expect(page.locator("#lecteur .lettre")).to_contain_text("Puis-je avoir un certificat")
        watched.picture("boite-complet-volets")
        page.locator("#lecteur").get_by_role("link", name="Répondre", exact=True).first.click()
        letter = page.get_by_role("dialog", name="Re: Urgent")
        expect(letter.get_by_label("De", exact=True)).to_have_value(box.address)
        letter.get_by_role("textbox", name="Texte").fill("Tout de suite.")
        watched.picture("boite-complet-reponse")
        letter.get_by_role("button", name="Envoyer", exact=True).click()
        said = page.locator("#annonce, #dit").filter(has_text="Message envoyé au nom de la boîte")
        expect(said).to_have_count(1)
        assert "Re: Urgent" in box.kept("Sent")
        assert "\\Answered" in box.kept()["Urgent"]
        page.locator(".courriels li:has-text('Urgent') input").check()
        page.locator(".barre").get_by_role("button", name="Supprimer").click()
        expect(page.locator("#dit")).to_contain_text("1 message mis à la corbeille")
        assert "Urgent" in box.kept("Trash")
        page.locator("#dit").get_by_role("button", name="Annuler").click()
        expect(page.locator(".courriels a:has-text('Urgent')")).to_have_count(1)
        assert "Urgent" in box.kept()
        assert watched.complaints == []


def test_screens_are_accessible(house: House, chromium: Browser, rose: Principal, box: Box, zoe: Principal) -> None:
    content = question(box, zoe, "Certificat")
    inbox = box.id()
    paths = {
        "liste": f"/dossier/{inbox}",
        "message": f"/partage/{inbox}/{content}",
        "reponse": f"/ecrire?tous={content}&boite={inbox}",
        "recherche": "/recherche?q=certificat&d=-2",
    }
    with visiting(chromium, script=True, bypass_csp=True) as watched:
        page, found = watched.page, {}
        let_in(page, house, rose.login)
        for base in ("/s", "/m"):
            for name, path in paths.items():
                page.goto(f"{house.url}{base}{path}")
                found[base, name] = faults_in_looks(watched, f"boite{base.replace('/', '-')}-{name}")
                with narrow(page):
                    found[base, name] += [f"overflows by {wide}" for wide in [overflow(page)] if wide > 0]
        assert {key: faults for key, faults in found.items() if faults} == {}
