"""The secretariat's pages as a browser without scripts and a real Chromium see them."""

import io
import re
import threading
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect
from pypdf import PdfReader

from mailserver.model.credentials.sasl import Secret
from mailserver.model.identity import Affiliation, Principal, Role, State, Tie
from mailserver.store.account import accounts
from mailserver.store.people import affiliations, schools
from tests.webui.browser import SIZES, faults_of, let_in, log_in, visiting
from tests.webui.house import House, Visitor

TILLEULS, LYCEE = "0210006T", "0710023X"


@pytest.fixture(scope="module")
def rose(house: House) -> Principal:
    """The secretariat of a school with people in every state, beside another school."""
    house.store.write_now(schools.upsert, [schools.Facts(TILLEULS, "Collège Les Tilleuls")])
    house.store.write_now(schools.upsert, [schools.Facts(LYCEE, "Lycée Claude-Bernard")])
    for number in range(120):
        house.person("Élève", f"Numéro {number:03}", Role.PUPIL, password="", uai=TILLEULS)
    house.person("Marc", "Martin", uai=LYCEE)
    return house.person("Rose", "Leroy", Role.SECRETARIAT, uai=TILLEULS)


@pytest.fixture
def office(visitor: Visitor, rose: Principal) -> Visitor:
    visitor.log_in(rose.login)
    visitor.get("/secretariat")
    return visitor


def pages(visitor: Visitor) -> list[str]:
    assert visitor.page is not None
    assert visitor.page.headers["content-type"] == "application/pdf"
    assert "attachment" in visitor.page.headers["content-disposition"]
    assert visitor.page.headers["cache-control"] == "no-store"
    return [page.extract_text() for page in PdfReader(io.BytesIO(visitor.page.content)).pages]


def box(visitor: Visitor, name: str) -> str:
    """The value of somebody's box."""
    found = re.search(rf'value="(\d+)"\s+aria-label="{name}"', visitor.text)
    assert found, visitor.text
    return found.group(1)


def test_the_list_is_filtered_and_paged(office: Visitor) -> None:
    assert "Collège Les Tilleuls" in office.text
    assert "Martin" not in office.text
    assert "Page 1 sur 2" in office.text
    office.get(office.rel("next"))
    assert "Page 2 sur 2" in office.text
    office.get(f"/secretariat?etablissement={TILLEULS}&q=numero+007")
    assert "Numéro 007" in office.text
    assert "Numéro 008" not in office.text
    office.get(f"/secretariat?etablissement={TILLEULS}&role=secretariat")
    assert "Rose Leroy" in office.text
    assert "Numéro" not in office.text
    office.get(f"/secretariat?etablissement={TILLEULS}&q=personne")
    assert "Personne ne correspond" in office.text


def test_letters_of_the_ticked(office: Visitor, house: House) -> None:
    chosen = [box(office, f"Élève Numéro 00{number}") for number in (1, 2)]
    office.post("/secretariat/lettres", {"etablissement": TILLEULS, "faire": "choisies", "compte": chosen})
    found = pages(office)
    assert len(found) == 2
    assert "Numéro 001" in found[0]
    standing = house.store.read_now(accounts.get, int(chosen[0]))
    assert standing is not None
    assert standing.code is not None
    office.get(f"/secretariat/journal?etablissement={TILLEULS}")
    assert office.text.count("Lettre imprimée") >= 2
    assert "rleroy" in office.text


def test_all_letters_that_the_filters_find(office: Visitor) -> None:
    filters = {"q": "Numéro 05", "role": "", "etat": "", "classe": ""}
    office.post("/secretariat/lettres", {"etablissement": TILLEULS, "faire": "toutes", **filters})
    assert len(pages(office)) == 12  # 005, 105, and 050 to 059


def test_nobody_chosen_is_told(office: Visitor) -> None:
    answer = office.post("/secretariat/lettres", {"etablissement": TILLEULS, "faire": "choisies"})
    assert answer.status_code == 422
    assert "Personne n’a besoin d’une lettre" in office.text


def test_a_new_code_for_somebody_who_forgot(office: Visitor, house: House) -> None:
    lost = house.person("Lise", "Perdu", uai=TILLEULS)
    office.get(f"/secretariat/code/{lost.account_id}?etablissement={TILLEULS}")
    assert "Le mot de passe actuel cessera" in office.text
    assert office.post(f"/secretariat/code/{lost.account_id}", {"etablissement": TILLEULS}).status_code == 400
    office.get(f"/secretariat/code/{lost.account_id}?etablissement={TILLEULS}")
    office.post(f"/secretariat/code/{lost.account_id}", {"etablissement": TILLEULS, "confirme": "oui"})
    (text,) = pages(office)
    code = re.search(r"[A-Z2-7]{4}(?:-[A-Z2-7]{4}){3}", text)
    assert code
    other = house.visitor()
    assert other.log_in(lost.login).status_code == 401
    other.get("/activation")
    other.post("/activation", {"identifiant": lost.login, "preuve": code.group(), "naissance": ""})
    assert "Je choisis mon mot de passe" in other.text


def test_a_letter_that_is_out_is_replaced_only_when_asked(office: Visitor, house: House) -> None:
    """The page says who printed and when; a second press asks, and the first code stays good until then."""
    chosen = [box(office, f"Élève Numéro 01{number}") for number in (1, 2)]
    fields = {"etablissement": TILLEULS, "faire": "choisies"}
    page = office.text
    office.post("/secretariat/lettres", {**fields, "compte": chosen[:1]}, page)
    assert len(pages(office)) == 1
    first = house.store.read_now(accounts.get, int(chosen[0]))
    answer = office.post("/secretariat/lettres", {**fields, "compte": chosen}, page)
    assert answer.status_code == 409
    assert re.search(r"Numéro 011</b>\s: Lettre imprimée le .* par rleroy", office.text)
    assert "Imprimer seulement l’autre lettre" in office.text
    assert house.store.read_now(accounts.get, int(chosen[0])) == first
    asked = office.text
    office.post("/secretariat/lettres", {**fields, "compte": chosen, "encore": "non"}, asked)
    (only,) = pages(office)
    assert "Numéro 012" in only
    assert house.store.read_now(accounts.get, int(chosen[0])) == first
    office.post("/secretariat/lettres", {**fields, "compte": chosen, "encore": "oui"}, asked)
    assert len(pages(office)) == 2
    assert house.store.read_now(accounts.get, int(chosen[0])) != first
    office.get(f"/secretariat?etablissement={TILLEULS}")
    assert re.search(r"Dernière impression\s: 2 lettres, le .*, par rleroy", office.text)


def printings(office: Visitor) -> list[tuple[int, int, int]]:
    """Letters, activated, waiting of each printing, newest first."""
    office.get(f"/secretariat/lettres?etablissement={TILLEULS}")
    table = office.text.partition('id="t-impressions"')[2]
    rows = re.findall(r'data-nom="(?:lettres|activés|en attente)">(\d+)', table)
    return [(int(rows[at]), int(rows[at + 1]), int(rows[at + 2])) for at in range(0, len(rows), 3)]


def test_whole_classes_are_printed_followed_and_printed_again(office: Visitor, house: House) -> None:
    """A page each, class by class; two printings of one second are two; the second is for those who still wait."""
    people = {
        name: house.person("Zoé", name, Role.PUPIL, password="", uai=TILLEULS) for name in ("Un", "Deux", "Trois")
    }
    for name, label in (("Un", "6e B"), ("Deux", "6e A"), ("Trois", "5e C")):
        tie = (Affiliation(Tie.CLASS, label[:2] + label[-1], TILLEULS, label),)
        house.store.write_now(affiliations.replace, people[name].account_id, tie)
    office.get(f"/secretariat/lettres?etablissement={TILLEULS}")
    keys = {label: f"pupil|{label}" for label in ("6e A", "6e B", "5e C")}
    assert all(f'value="{key}"' in office.text for key in keys.values())
    known, page = len(printings(office)), office.text
    fields = {"etablissement": TILLEULS, "faire": "groupes"}
    office.post("/secretariat/lettres", {**fields, "groupe": [keys["6e B"], keys["6e A"], "pupil|nulle part"]}, page)
    first, second = pages(office)
    assert "Zoé Deux" in first
    assert "Zoé Un" in second
    office.post("/secretariat/lettres", {**fields, "groupe": [keys["5e C"]]}, page)
    assert len(pages(office)) == 1
    assert printings(office)[: len(printings(office)) - known] == [(1, 0, 1), (2, 0, 2)]
    house.run(house.directory.set_password(people["Deux"].account_id, Secret("Academie#2026")))
    assert printings(office)[1] == (2, 1, 1)
    lots = re.findall(r'name="lot" value="([0-9a-f]+)"', office.text)
    again = {"etablissement": TILLEULS, "faire": "lot", "lot": lots[1]}
    assert office.post("/secretariat/lettres", again).status_code == 409
    office.post("/secretariat/lettres", {**again, "encore": "oui"})
    (only,) = pages(office)
    assert "Zoé Un" in only
    assert printings(office)[0] == (1, 0, 1)
    none = {**fields, "groupe": ["pupil|nulle part"]}
    assert office.post("/secretariat/lettres", none).status_code == 422
    assert "Personne n’a besoin d’une lettre" in office.text
    assert "Impressions" in office.text, "on the page where it was asked"


def test_what_is_missing_is_printed_with_one_press(office: Visitor, house: House) -> None:
    """Those whose letter is out keep it."""
    out = house.person("Yves", "Lettré", Role.PUPIL, password="", uai=TILLEULS)
    page = office.get(f"/secretariat?etablissement={TILLEULS}&q=lettr").text
    fields = {"etablissement": TILLEULS, "faire": "choisies", "compte": [str(out.account_id)]}
    office.post("/secretariat/lettres", fields, page)
    assert len(pages(office)) == 1
    office.get(f"/secretariat/lettres?etablissement={TILLEULS}")
    (missing,) = re.findall(r"Imprimer les (\d+) lettres qui manquent", office.text)
    office.post("/secretariat/lettres", {"etablissement": TILLEULS, "faire": "toutes", "encore": "non"})
    found = pages(office)
    assert len(found) == int(missing)
    assert not any("Yves Lettré" in text for text in found)
    office.get(f"/secretariat/lettres?etablissement={TILLEULS}")
    assert "qui manque" not in office.text


def test_the_card_of_somebody_who_waits_has_their_letter(office: Visitor, house: House) -> None:
    new = house.person("Ulysse", "Nouveau", Role.PUPIL, password="", uai=TILLEULS)
    office.get(f"/secretariat/code/{new.account_id}?etablissement={TILLEULS}")
    assert "Ulysse Nouveau" in office.text
    fields = {"etablissement": TILLEULS, "faire": "choisies", "compte": office.field("compte")}
    office.post("/secretariat/lettres", fields)
    assert len(pages(office)) == 1


def test_a_renewal_is_printed_once_and_says_what_it_is(office: Visitor, house: House) -> None:
    """Two presses at the same time give one letter; it speaks of a new password, not of a first connection."""
    lost = house.person("Louise", "Oublie", uai=TILLEULS)
    address = f"/secretariat/code/{lost.account_id}"
    office.get(f"{address}?etablissement={TILLEULS}")
    fields = {"etablissement": TILLEULS, "confirme": "oui", "m_": office.field("m_")}
    answers: list[httpx.Response] = []

    def press() -> None:
        answers.append(office.http.post(address, data=fields))

    threads = [threading.Thread(target=press) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    office.page = next(answer for answer in answers if answer.status_code == 200)
    (text,) = pages(office)
    assert "Choisir un nouveau mot de passe" in text
    assert "Première connexion" not in text
    assert "Un compte vous attend" not in text
    office.get(f"{address}?etablissement={TILLEULS}")
    assert re.search(r"Lettre imprimée le .* par rleroy", office.text)
    assert "Imprimer une autre lettre" in office.text
    again = office.post(address, {"etablissement": TILLEULS, "confirme": "oui"})
    assert again.status_code == 409
    office.post(address, {"etablissement": TILLEULS, "confirme": "oui", "encore": "oui"})
    assert len(pages(office)) == 1
    office.get(f"/secretariat?etablissement={TILLEULS}&q=oublie")
    office.post("/secretariat/lettres", {"etablissement": TILLEULS, "faire": "toutes", "q": "oublie", "encore": "oui"})
    (text,) = pages(office)
    assert "Première connexion" not in text


def test_another_schools_people_are_out_of_reach(office: Visitor, house: House) -> None:
    other = house.run(house.directory.find("mmartin"))
    assert other is not None
    for path in (
        f"/secretariat?etablissement={LYCEE}",
        f"/secretariat/journal?etablissement={LYCEE}",
        f"/secretariat/code/{other.account_id}?etablissement={LYCEE}",
        f"/secretariat/code/{other.account_id}?etablissement={TILLEULS}",
    ):
        assert office.get(path).status_code == 404, path
    office.get("/secretariat")
    fields = {"etablissement": LYCEE, "confirme": "oui", "faire": "choisies", "compte": [str(other.account_id)]}
    page = office.text
    for path in ("/secretariat/lettres", f"/secretariat/code/{other.account_id}"):
        assert office.post(path, fields, page).status_code == 404, path
    found = house.run(house.directory.find("mmartin"))
    assert found is not None
    assert found.state is State.ACTIVE


def test_who_is_no_secretariat_gets_nothing(at_home: Visitor) -> None:
    assert "/secretariat" not in at_home.text
    for path in ("/secretariat", f"/secretariat/journal?etablissement={TILLEULS}"):
        assert at_home.get(path).status_code == 403, path


@pytest.mark.needs("chromium")
def test_a_name_is_on_one_line_however_long(house: House, chromium: Browser, rose: Principal) -> None:
    names = ("Marie-Françoise Bernadette Élisabeth", "de La Rochefoucauld-Montmorency d’Aubigné")
    house.person(*names, Role.PUPIL, password="", uai=TILLEULS)
    with visiting(chromium) as watched:
        page = watched.page
        let_in(page, house, rose.login)
        heights = []
        for wanted in ("rochefoucauld", "Num%C3%A9ro+070"):
            page.goto(f"{house.url}/secretariat?q={wanted}")
            rows = page.locator(".gens-lignes tbody tr").evaluate_all("all => all.map(row => row.clientHeight)")
            heights.append(rows)
        assert len(heights[0]) == 1
        assert heights[0] == heights[1]


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("size", list(SIZES))
def test_in_a_real_browser(house: House, chromium: Browser, rose: Principal, size: str, tmp_path: Path) -> None:
    """The pages are accessible at both sizes, and the letters come as a download."""
    with visiting(chromium, size=size, script=True, bypass_csp=True) as watched:
        page = watched.page
        let_in(page, house, rose.login)
        person = house.run(house.directory.find("rleroy"))
        assert person is not None
        for path in ("/secretariat", f"/secretariat/journal?etablissement={TILLEULS}"):
            page.goto(house.url + path)
            watched.picture(f"secretariat-{'journal' if 'journal' in path else 'gens'}-{size}")
            assert faults_of(page) == [], path
        number = {"bureau": "070", "telephone": "071"}[size]
        page.goto(f"{house.url}/secretariat?q=Num%C3%A9ro+{number}")
        page.check("input[name=compte]")
        with page.expect_download() as download:
            page.click("text=Imprimer les lettres cochées")
        saved = tmp_path / "lettres.pdf"
        download.value.save_as(saved)
        assert f"Numéro {number}" in PdfReader(saved).pages[0].extract_text()


def test_the_page_says_at_once_that_a_letter_was_printed(house: House, chromium: Browser, rose: Principal) -> None:
    """With scripts the page follows the document, and the next press is a question; our policy allows all of it."""
    lost = house.person("Odette", "Distraite", uai=TILLEULS)
    with visiting(chromium, script=True) as watched:
        page = watched.page
        log_in(page, house, rose.login, "complet", at=f"/secretariat/code/{lost.account_id}?etablissement={TILLEULS}")
        page.check("#confirme")
        with page.expect_download() as download:
            page.get_by_role("button", name="Imprimer la lettre (PDF)").click()
        assert download.value.suggested_filename == "lettre.pdf"
        expect(page.locator("#lettre")).to_contain_text("par rleroy")
        watched.picture("secretariat-lettre-imprimee")
        page.goto(f"{house.url}/secretariat?etablissement={TILLEULS}&q=distraite")
        expect(page.locator("#derniere-impression")).to_contain_text("par rleroy")
        page.check("input[name=compte]")
        page.get_by_role("button", name="Imprimer les lettres cochées").click()
        expect(page.locator("h1")).to_have_text("Imprimer de nouveau ?")
        watched.picture("secretariat-imprimer-de-nouveau")
        with page.expect_download() as download:
            page.get_by_role("button", name="Tout imprimer").click()
        assert download.value.suggested_filename == f"lettres-{TILLEULS}.pdf"
        assert [complaint for complaint in watched.complaints if "409" not in complaint] == []
