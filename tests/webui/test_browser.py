"""A day in a real Chromium: journeys without JavaScript, axe at both sizes and schemes, the policy, hostile mail."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from mailserver.model.identity import Principal
from mailserver.store.mail import mailboxes
from mailserver.store.web import webmail
from tests.webui.browser import (
    ALL_LOOKS,
    LOOKS,
    SIZES,
    faults_in_looks,
    let_in,
    log_in,
    log_out,
    overflow,
    through_portal,
    visiting,
)
from tests.webui.house import PASSWORD, House, mail
from tests.webui.test_mail import formatted

pytestmark = pytest.mark.needs("chromium")

SUBJECTS = [
    ("Rectorat — DRH <drh@ac-exemple.fr>", "Campagne de mutations : calendrier 2027"),
    ("Camille Garnier <camille.garnier@ac-exemple.fr>", "Conseil de classe 4e B, vendredi 17 h"),
    ("Secrétariat collège Les Allobroges <sec@ac-exemple.fr>", "Réunion parents-professeurs du 3 décembre"),
    ("Awa Diallo <awa@exemple.org>", "Sortie au musée : accompagnateurs ?"),
    ("DSDEN 58 <dsden58@ac-exemple.fr>", "Note de service n° 2026-118"),
    ("Vie scolaire <vs@ac-exemple.fr>", "Absences de la semaine"),
    (
        "Formation continue <fc@ac-exemple.fr>",
        "Inscription au module Magistère de remise à niveau en numérique pour le premier degré",
    ),
]


@pytest.fixture(scope="module")
def lived_in(house: House) -> Principal:
    """Somebody with a mailbox that has been used."""
    person = house.person("Camille", "Garnier")
    house.person("Marc", "Leblanc")
    contents = [
        house.deliver(person, mail(f"{subject}{f' ({turn})' if turn else ''}", sender=sender))
        for turn in range(8)
        for sender, subject in reversed(SUBJECTS)
    ]
    house.deliver(person, formatted())
    inbox = house.box(person, "INBOX")
    write = house.store.write_now
    write(webmail.flag, person.account_id, inbox.id, contents[::2], "+", ("\\Seen",))
    write(webmail.flag, person.account_id, inbox.id, contents[-3:-2], "+", ("\\Flagged", "\\Answered"))
    for name in ("Conseils de classe", "Conseils de classe/4e B", "Mutations"):
        write(mailboxes.create, person.account_id, name)
    return person


# ---------------------------------------------------------------------- journeys without JavaScript


@pytest.mark.parametrize("interface", ["simple", "complet"])
@pytest.mark.parametrize("size", list(SIZES))
def test_a_day_without_javascript(house: House, chromium: Browser, tmp_path: Path, interface: str, size: str) -> None:
    """Login, read, reply with an attachment, move, delete and undo, search, logout."""
    who = f"{interface}-{size}"
    person = house.person("Paul", who)
    colleague = house.person("Lise", who)
    for number in range(5):
        house.deliver(
            person,
            mail(f"Sujet {number}", sender=f"Lise <{colleague.address}>", to=person.address, body="Bonjour Paul\n"),
        )
    base = "/s" if interface == "simple" else "/m"
    planning = tmp_path / "planning élèves.txt"
    planning.write_text("lundi\nmardi\n")
    with visiting(chromium, size=size) as watched:
        page = watched.page
        through_portal(page, house, person.login, interface)
        expect(page).to_have_url(f"{house.url}{base}/")
        expect(page.locator("h1")).to_have_text("Boîte de réception")
        watched.picture(f"jour-{who}-1-liste")

        page.click(f"{'td.o' if interface == 'simple' else '.courriels a'} >> text=Sujet 4")
        expect(page.locator("h1")).to_have_text("Sujet 4")
        expect(page.locator(".lettre")).to_contain_text("Bonjour Paul")
        watched.picture(f"jour-{who}-2-lecture")
        page.locator(".outils-lecture, form.agir").get_by_role("link", name="Répondre", exact=True).click()
        page.fill("#texte", "Voici le planning ci-joint.")
        page.set_input_files("#piece", planning)
        page.get_by_role("button", name="Joindre", exact=True).click()
        expect(page.locator("#pieces")).to_contain_text("planning élèves.txt")
        watched.picture(f"jour-{who}-3-reponse")
        page.get_by_role("button", name="Envoyer").click()
        expect(page.locator("#annonce")).to_contain_text("Message envoyé")
        assert house.subjects(colleague, "INBOX") == ["Re: Sujet 4"]
        assert b"planning" in house.octets(colleague, "INBOX")

        _tick(page, "Sujet 3")
        if interface == "complet":
            page.click("[popovertarget=menu-ranger]")
            page.locator("#menu-ranger").get_by_role("button", name="Archives").click()
        else:
            if size == "telephone":
                page.click(".agir .tel >> text=Déplacer")
            page.select_option("select[name=vers]", label="Archives")
            page.locator("button[value=deplacer]").click()
        expect(page.locator("#annonce")).to_contain_text("1 message déplacé")
        assert house.subjects(person, "Archive") == ["Sujet 3"]

        _tick(page, "Sujet 2")
        _tick(page, "Sujet 1")
        watched.picture(f"jour-{who}-4-choix")
        page.locator(".barre, .agir").get_by_role("button", name="Supprimer").click()
        expect(page.locator("#annonce")).to_contain_text("2 messages mis à la corbeille")
        watched.picture(f"jour-{who}-5-annonce")
        page.get_by_role("button", name="Annuler").click()
        expect(page.locator("#annonce")).to_contain_text("2 messages remis à leur place")
        assert house.subjects(person, "Trash") == []

        if size == "telephone":
            page.get_by_role("link", name=re.compile("^Recherche")).click()
            expect(page.locator("main input[name=q]")).to_be_focused()
        field = page.locator("main input[name=q], header input[name=q]").last
        field.fill("sujet 0")
        if interface == "simple" or size == "telephone":  # the other field has no button: Enter is enough
            field.locator("xpath=ancestor::form").get_by_role("button", name="Rechercher", exact=True).click()
        else:
            page.keyboard.press("Enter")
        found = page.locator("td.o" if interface == "simple" else ".courriels .o")
        expect(found).to_contain_text(["Sujet 0"])

        log_out(page)
        expect(page.locator("#annonce")).to_contain_text("Vous êtes déconnecté")
        page.goto(f"{house.url}{base}/")
        expect(page.locator("h1")).to_have_text("Ma messagerie")
        assert watched.complaints == []
        assert all(url.startswith((house.url, "data:")) for url in watched.requests)


def _tick(page: Page, subject: str) -> None:
    page.get_by_role("checkbox", name=subject, exact=True).check()


@pytest.mark.parametrize("interface", ["simple", "complet"])
@pytest.mark.parametrize("size", list(SIZES))
def test_what_was_done_is_seen(house: House, chromium: Browser, lived_in: Principal, interface: str, size: str) -> None:
    """Above a long list the page scrolls to the announcement: it stands below the bar at the top, not behind it."""
    with visiting(chromium, size=size) as watched:
        page = watched.page
        log_in(page, house, lived_in.login, interface)
        page.locator("main input[name=m]").first.check()
        unread = "Non lu" if interface == "simple" else "Marquer comme non lu"
        if interface == "complet":
            page.click("[popovertarget=menu-plus]")
        elif size == "telephone":
            page.click(".agir .tel >> text=Plus")
        page.get_by_role("button", name=unread, exact=True).click()
        expect(page.locator("#annonce")).to_contain_text("marqué comme non lu")
        said, bar = page.locator("#annonce").bounding_box(), page.locator("header").first.bounding_box()
        assert said is not None
        assert bar is not None
        assert said["y"] >= bar["y"] + bar["height"]


def test_activation_with_numen(house: House, chromium: Browser) -> None:
    """First connection: the NUMEN at the login page, a weak password refused rule by rule, a good one taken."""
    person = house.person("Jeanne", "Nouveau", password="", numen="21E2600123ABC")
    with visiting(chromium, size="telephone") as watched:
        page = watched.page
        page.goto(f"{house.url}/activation")
        watched.picture("activation-1")
        page.fill("#identifiant", person.login)
        page.fill("#preuve", "21 e 26 00123 xyz")
        page.click("text=Continuer")
        expect(page.locator("[role=alert]")).to_contain_text("ne permettent pas d’activer")
        page.fill("#preuve", "21 e 26 00123 abc")
        page.click("text=Continuer")
        expect(page.locator("h1")).to_have_text("Je choisis mon mot de passe")
        expect(page.locator("main")).to_contain_text("jeanne.nouveau@ac-exemple.fr")
        for password, again, rule in (
            ("nouveau", "nouveau", "Ni votre nom"),
            ("Bonjour1!", "Bonjour1!", "fait la moitié de ce mot de passe"),
            ("Tr0ub4dor&3", "autre", "différents"),
        ):
            page.fill("#nouveau", password)
            page.fill("#encore", again)
            page.click("text=Valider et entrer")
            expect(page.locator("main")).to_contain_text(rule)
            assert page.locator("#nouveau").input_value() == ""
        watched.picture("activation-2")
        page.fill("#nouveau", "kX7!pluie-vélo-43")
        page.fill("#encore", "kX7!pluie-vélo-43")
        page.click("text=Valider et entrer")
        expect(page.locator("h1")).to_have_text("Bienvenue, Jeanne")
        watched.picture("activation-3")
        page.click("text=En donner une")
        expect(page.locator("h1")).to_have_text("Mon adresse de secours")
        page.click("text=Plus tard")
        page.click("text=Ouvrir ma messagerie")
        expect(page.locator("h1")).to_have_text("Boîte de réception")
    with visiting(chromium) as watched:
        through_portal(watched.page, house, person.login, password="21E2600123ABC")
        expect(watched.page.locator("[role=alert]")).to_contain_text("ne correspondent pas")


def test_password_change_ends_other_sessions(house: House, chromium: Browser) -> None:
    person = house.person("Agnès", "Varda")
    with visiting(chromium) as one, visiting(chromium) as other:
        for watched in (one, other):
            through_portal(watched.page, house, person.login)
        page = one.page
        page.goto(f"{house.url}/compte/mot-de-passe")
        page.fill("#actuel", "Faux#2026")
        page.fill("#nouveau", "kX7!pluie-vélo-43")
        page.fill("#encore", "kX7!pluie-vélo-43")
        page.get_by_role("button", name="Changer le mot de passe").click()
        expect(page.locator("#actuel-faute")).to_contain_text("pas votre mot de passe actuel")
        page.fill("#actuel", PASSWORD)
        page.fill("#nouveau", "kX7!pluie-vélo-43")
        page.fill("#encore", "kX7!pluie-vélo-43")
        page.get_by_role("button", name="Changer le mot de passe").click()
        expect(page.locator("#annonce")).to_contain_text("Mot de passe changé")
        other.page.goto(f"{house.url}/s/")
        expect(other.page.locator("h1")).to_have_text("Ma messagerie")


def test_comforts_of_the_account_pages_with_javascript(house: House, chromium: Browser) -> None:
    """Show a password, tick off its rules while typing; under the strict policy, without a complaint."""
    person = house.person("Inès", "Script", password="", numen="21E2600999ABC")
    with visiting(chromium, script=True) as watched:
        page = watched.page
        page.goto(f"{house.url}/login")
        page.fill("#mot_de_passe", "secret")
        page.get_by_role("button", name="Afficher").click()
        assert page.locator("#mot_de_passe").get_attribute("type") == "text"
        page.get_by_role("button", name="Masquer").click()
        assert page.locator("#mot_de_passe").get_attribute("type") == "password"
        page.fill("#identifiant", person.login)
        page.fill("#mot_de_passe", "21E2600999ABC")
        page.click("text=Me connecter")
        expect(page.locator("h1")).to_have_text("Je choisis mon mot de passe")
        page.fill("#nouveau", "Script1")
        expect(page.locator("[data-regle=longueur]")).to_have_class("non")
        expect(page.locator("[data-regle=personnel]")).to_have_class("non")
        expect(page.locator("[data-regle=chiffre]")).to_have_class("oui")
        page.fill("#nouveau", "kX7!pluie-vélo-43")
        for rule in ("longueur", "minuscule", "majuscule", "chiffre", "special", "personnel"):
            expect(page.locator(f"[data-regle={rule}]")).to_have_class("oui")
        for judged_by_server in ("dictionnaire", "devinable"):
            expect(page.locator(f"[data-regle={judged_by_server}]")).to_have_class("oui")
        expect(page.locator("[data-regle].oui")).to_have_count(8)
        expect(page.locator("#regles-compte")).to_have_text("6 règles respectées sur 6")
        watched.picture("activation-3-regles")
        assert watched.complaints == []


# ---------------------------------------------------------------------- every screen


SCREENS = {
    "portail": "/login",
    "activation": "/activation",
    "initialiser": "/initialiser",
    "initialiser-code": "/initialiser/code",
    "aide": "/aide",
    "accessibilite": "/accessibilite",
    "donnees": "/donnees-personnelles",
    "mentions": "/mentions-legales",
    "etat": "/etat",
    "introuvable": "/nulle-part",
    "liste": "{b}/",
    "liste-cochee": "{b}/?tout=1",
    "vide": "{b}/dossier/{trash}",
    "lecture": "{b}/message/{message}",
    "forme": "{b}/message/{formatted}?forme=1",
    "source": "{b}/message/{message}/source",
    "imprimer": "{b}/message/{message}/imprimer",
    "ecrire": "{b}/ecrire",
    "repondre": "{b}/ecrire?tous={message}",
    "transferer": "{b}/ecrire?transferer={formatted}",
    "recherche": "{b}/recherche",
    "resultats": "{b}/recherche?q=conseil",
    "dossiers": "{b}/dossiers",
    "dossier": "{b}/dossier/{own}/modifier",
    "volet": "{b}/#dossiers",
    "reglages": "{b}/reglages",
    "reglages-lecture": "{b}/reglages/lecture",
    "etiquettes": "{b}/reglages/etiquettes",
    "logiciels": "{b}/reglages/logiciels",
    "partage": "{b}/dossier/{own}/partage",
    "bienvenue": "/bienvenue",
    "identifiant": "/identifiant",
    "mot-de-passe": "/compte/mot-de-passe",
    "secours": "/compte/secours",
}
BOTH = ("liste", "lecture")
"""Screens whose complete version differs; the others are the same page."""
COLOURFUL = ("portail", "liste", "liste-cochee", "lecture", "ecrire", "lecture-complet", "reglages")
"""Screens that have every colour and pattern: looked at in all four combinations, the others in two."""


def _addresses(house: House, person: Principal) -> dict[str, str]:
    inbox = house.box(person, "INBOX")
    page = house.store.read_now(webmail.page, inbox, 3)
    places = {
        "formatted": page.lines[0].id,
        "message": page.lines[1].id,
        "trash": house.box(person, "Trash").id,
        "own": house.box(person, "Mutations").id,
    }
    found = {name: path.format(b="/s", **places) for name, path in SCREENS.items()}
    found.update({f"{name}-complet": SCREENS[name].format(b="/m", **places) for name in BOTH})
    return found


def test_every_screen_is_accessible_and_fits(house: House, chromium: Browser, lived_in: Principal) -> None:
    """axe-core finds nothing, nothing overflows sideways. (axe needs our policy out of its way; see the next test.)"""
    with visiting(chromium, script=True, bypass_csp=True) as watched:
        page = watched.page
        let_in(page, house, lived_in.login)
        found: dict[str, list[str]] = {}
        for name, path in _addresses(house, lived_in).items():
            if name == "portail":
                continue
            page.goto(f"{house.url}{path}")
            found[name] = faults_in_looks(watched, name, ALL_LOOKS if name in COLOURFUL else LOOKS)
        page.goto(f"{house.url}/s/")
        log_out(page)
        page.goto(f"{house.url}/login")
        found["portail"] = faults_in_looks(watched, "portail")
        assert {name: faults for name, faults in found.items() if faults} == {}


def test_no_screen_offends_its_own_policy_and_text_twice_as_large_still_fits(
    house: House, chromium: Browser, lived_in: Principal
) -> None:
    """Scripts on, policy on: no violation, no console error, nothing loaded from elsewhere. WCAG 1.4.4 and 1.4.10: half
    the width stands for 200 % zoom; 320 px for reflow."""
    with visiting(chromium, script=True) as watched:
        page = watched.page
        watched.note_refusals()
        let_in(page, house, lived_in.login)
        for name, path in _addresses(house, lived_in).items():
            page.goto(f"{house.url}{path}")
            if name == "introuvable":
                watched.complaints.clear()
            for width in (683, 320):
                page.set_viewport_size({"width": width, "height": 600})
                wide = overflow(page)
                assert wide <= 0, (name, width, wide)
        assert watched.complaints == []
        assert all(url.startswith(house.url) for url in watched.requests)


def test_phone_shows_eleven_messages(house: House, chromium: Browser, lived_in: Principal) -> None:
    """As dense as what people leave behind."""
    with visiting(chromium, size="telephone", script=True) as watched:
        page = watched.page
        log_in(page, house, lived_in.login)
        bottoms = page.eval_on_selector_all("tbody tr", "rows => rows.map(row => row.getBoundingClientRect().bottom)")
        assert sum(bottom <= 844 for bottom in bottoms) >= 11
        height = page.eval_on_selector("tbody tr", "row => row.getBoundingClientRect().height")
        assert height >= 44


def test_keyboard_reaches_everything_in_order(house: House, chromium: Browser, lived_in: Principal) -> None:
    """Skip link first, then search, account, toolbar, rows; what has focus is seen."""
    with visiting(chromium, script=True) as watched:
        page = watched.page
        log_in(page, house, lived_in.login)
        seen = []
        for _ in range(25):
            page.keyboard.press("Tab")
            seen.append(
                page.evaluate(
                    "(() => { const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();"
                    " return [e.innerText || e.getAttribute('aria-label') || e.name, s.outlineStyle, r.width > 0] })()"
                )
            )
        names = [re.sub(r"\s+", " ", name) for name, _, _ in seen]
        assert names[0] == "Aller au contenu"
        assert "Supprimer" in names
        assert names.index("Supprimer") < len(names) - 2
        assert all(outline != "none" and visible for _, outline, visible in seen)
        page.keyboard.press("Shift+Tab")
        page.goto(f"{house.url}/s/")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**#contenu")


# ---------------------------------------------------------------------- attachments


def test_attachment_that_is_a_page_is_saved(house: House, chromium: Browser, lived_in: Principal) -> None:
    with visiting(chromium, script=True) as watched:
        page = watched.page
        log_in(page, house, lived_in.login, at=_addresses(house, lived_in)["forme"])
        with page.expect_download() as download:
            page.click(".pieces >> text=page.html")
        assert download.value.suggested_filename == "page.html"
        frame = page.frame_locator("iframe.feuille")
        expect(frame.locator("h1")).to_have_text("Bonjour")
        # The inline picture came through us.
        expect(frame.locator("img").first).to_have_js_property("naturalWidth", 1)
