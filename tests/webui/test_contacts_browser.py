"""The pages of contacts in a real Chromium: accessible, narrow enough, at hand of the keyboard, without scripts."""

import io

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from mailserver.model.identity import Affiliation, Principal, Role, Tie
from mailserver.store.people import schools
from tests.webui.browser import faults_of, let_in, log_in, narrow, overflow, visiting
from tests.webui.house import PASSWORD, House, mail

UAI = "0210006T"
PEOPLE = (
    ("a", "Nadia Benali", "Benali;Nadia", "nadia.benali@exemple.org", "06 39 98 20 14", "Parents d’élèves"),
    ("b", "Nadia BENALI", "BENALI;Nadia", "n.benali@maison.fr", "", ""),
    ("c", "Musée des Beaux-Arts", "Musée;", "reservations@musee.exemple.org", "03 53 01 17 05", "Musée des Beaux-Arts"),
    ("d", "Samuel Mercier", "Mercier;Samuel", "samuel.mercier@exemple.org", "06 39 98 41 72", "Transports Horizons"),
    ("e", "Éléonore de La Tour-d’Auvergne-Lauraguais", "de La Tour;Éléonore", "e@exemple.org", "", "Conservatoire"),
)


def put(house: House, person: Principal, name: str, text: str) -> None:
    lines = "\r\n".join(("BEGIN:VCARD", "VERSION:3.0", f"UID:{name}", *text.split("\n"), "END:VCARD", ""))
    answer = httpx.put(
        f"{house.url}/dav/{person.login}/contacts/{name}.vcf",
        content=lines.encode(),
        headers={"content-type": "text/vcard"},
        auth=(person.login, PASSWORD),
    )
    assert answer.status_code in (201, 204), answer.text


@pytest.fixture(scope="module")
def lise(house: House) -> Principal:
    """A teacher with colleagues, contacts and mail."""
    house.store.write_now(schools.upsert, [schools.Facts(UAI, "Lycée Carnot", "LYC", town="Dijon")])
    for given, surname, subject in (("Marc", "Martin", "Mathématiques"), ("Inès", "Garnier", "Lettres modernes")):
        tie = Affiliation(Tie.FUNCTION, "ENS", UAI, "Professeur")
        house.person(given, surname, Role.TEACHER, password="", uai=UAI, discipline=subject, affiliations=(tie,))
    person = house.person("Lise", "Prof", Role.TEACHER, uai=UAI, discipline="Lettres modernes")
    for name, full, parts, address, number, organisation in PEOPLE:
        put(
            house,
            person,
            name,
            f"FN:{full}\nN:{parts};;;\nEMAIL;TYPE=WORK:{address}\nTEL;TYPE=CELL:{number}\nORG:{organisation}\n"
            "CATEGORIES:Sorties\nNOTE:À rappeler avant la sortie du 12.\nBDAY:1984-03-17",
        )
    put(
        house,
        person,
        "g",
        "FN:Sortie au musée\nN:Sortie;;;;\nX-ADDRESSBOOKSERVER-KIND:group\n"
        "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:c\nX-ADDRESSBOOKSERVER-MEMBER:urn:uuid:d",
    )
    house.deliver(person, mail("Bonjour", sender="Awa Diallo <awa.diallo@exemple.org>", to=person.address))
    return person


PAGES = {
    "contacts": "",
    "contacts-fiche": "/fiche/contacts/a.vcf",
    "contacts-formulaire": "/fiche/contacts/a.vcf/modifier",
    "contacts-groupe": "/fiche/contacts/g.vcf",
    "contacts-annuaire": "/annuaire?etablissement=carnot",
    "contacts-personne": "/annuaire/ines.garnier@ac-exemple.fr",
    "contacts-recents": "/recents",
    "contacts-doublons": "/doublons",
    "contacts-importer": "/importer",
    "contacts-carnets": "/carnets",
    "contacts-groupe-neuf": "/groupe",
}


@pytest.mark.needs("chromium")
@pytest.mark.parametrize(("size", "scheme"), [("bureau", "light"), ("telephone", "dark")])
def test_pages_are_accessible_and_fit(house: House, chromium: Browser, lise: Principal, size: str, scheme: str) -> None:
    home = "/contacts" if size == "bureau" else "/s/contacts"
    with visiting(chromium, size=size, scheme=scheme, script=True, bypass_csp=True) as watched:
        page = watched.page
        let_in(page, house, lise.login, "complet" if size == "bureau" else "simple")
        for name, path in PAGES.items():
            page.goto(house.url + home + path)
            watched.picture(f"{name}-{size}")
            assert faults_of(page) == [], name
            with narrow(page):
                assert overflow(page) <= 0, name


@pytest.mark.needs("chromium")
def test_a_contact_by_keyboard_and_without_scripts(house: House, chromium: Browser, lise: Principal) -> None:
    """Find, open, change with a photo, look at a file before it is taken, write to somebody."""
    with visiting(chromium, size="bureau") as watched:
        page = watched.page
        log_in(page, house, lise.login, "complet", at="/contacts")
        page.focus("#cherche")
        page.keyboard.type("mercier")
        page.keyboard.press("Enter")
        expect(page.get_by_role("main").get_by_role("status").first).to_contain_text("1 contact")
        page.locator("a.nom").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Samuel Mercier")
        page.get_by_role("link", name="Modifier").press("Enter")
        page.fill("#title", "Chauffeur")
        octets = io.BytesIO()
        Image.new("RGB", (400, 400), "teal").save(octets, "PNG")
        page.set_input_files("#photo", {"name": "p.png", "mimeType": "image/png", "buffer": octets.getvalue()})
        page.get_by_role("button", name="Enregistrer").press("Enter")
        expect(page.locator("#annonce")).to_contain_text("Fiche enregistrée")
        expect(page.get_by_role("img", name="Photo de Samuel Mercier")).to_be_visible()
        page.wait_for_function("document.querySelector('img.grand').naturalWidth === 320")
        watched.picture("contacts-fiche-photo")
        page.get_by_role("link", name="Écrire").first.press("Enter")
        expect(page.locator("#a")).to_have_value("samuel.mercier@exemple.org")
        page.goto(f"{house.url}/contacts/importer")
        table = "Prénom;Nom;E-mail\nZoé;Import;zoe@exemple.org\nNadia;Benali;nadia.benali@exemple.org\nX;Y;faux\n"
        page.set_input_files("#fichier", {"name": "f.csv", "mimeType": "text/csv", "buffer": table.encode()})
        page.get_by_role("button", name="Voir ce qu’il contient").press("Enter")
        expect(page.get_by_role("main").get_by_role("status").first).to_contain_text("1 nouveau contact")
        watched.picture("contacts-apercu")
        page.get_by_role("button", name="Importer dans").press("Enter")
        expect(page.locator("#annonce")).to_contain_text("1 contact ajouté")
        page.goto(f"{house.url}/contacts/fiche/contacts/c.vcf/modifier")
        put(house, lise, "c", "FN:Musée\nN:Musée;;;;\nEMAIL:autre@musee.fr\nNOTE:Fermé le mardi")
        page.fill("#organisation", "Ville de Dijon")
        page.get_by_role("button", name="Enregistrer").press("Enter")
        expect(page.locator("#conflit")).to_be_focused()
        watched.picture("contacts-conflit")
        page.get_by_role("button", name="Garder ma version").press("Enter")
        expect(page.locator("#annonce")).to_contain_text("Fiche enregistrée")
        assert [complaint for complaint in watched.complaints if "409" not in complaint] == []
