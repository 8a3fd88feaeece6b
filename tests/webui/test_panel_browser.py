"""Letters in panels over the page, in a real Chromium: opened, left, come back to, sent, called back."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Locator, Page, Route, expect

from mailserver.mime import scan, unpack
from mailserver.model.identity import Principal
from mailserver.store.account import stored_preferences
from mailserver.store.record.audit import Origin
from mailserver.store.web import academy_models, signatures
from mailserver.store.web.academy_models import AcademyDraft
from mailserver.store.web.signatures import Model, Signature
from tests.webui.asked import enter, somebody_asked
from tests.webui.browser import ALL_LOOKS, Watched, faults_in_looks, log_out, overflow, through_portal, visiting
from tests.webui.house import PASSWORD, House, mail
from tests.webui.test_compose_browser import PIXEL

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
def person(house: House, lise: Principal) -> Principal:
    return somebody_asked(house, lise, "Combien ?\n")


@pytest.fixture
def watched(house: House, chromium: Browser, person: Principal) -> Iterator[Watched]:
    """The list of the complete interface."""
    with visiting(chromium, script=True) as made:
        enter(made.page, house, person)
        yield made


def panel(page: Page, title: str) -> Locator:
    """The panel of a letter by what its bar says."""
    return page.get_by_role("dialog", name=title, exact=True)


def write(page: Page) -> Locator:
    """A new letter, in a panel."""
    page.get_by_role("link", name="Écrire", exact=True).click()
    made = panel(page, "Nouveau message")
    expect(made.last.get_by_role("combobox", name="À", exact=True)).to_be_focused()
    return same(made.last)


def same(letter: Locator) -> Locator:
    """The panel that it is now, whatever its bar says later."""
    return letter.page.locator(f"[aria-labelledby={letter.get_attribute('aria-labelledby')}]")


def field(letter: Locator, name: str) -> Locator:
    """A field of the form by its name."""
    return letter.locator(f"[name={name}]")


def formatted(letter: Locator) -> Locator:
    """The editor, once it stands in the place of the plain field."""
    expect(letter.get_by_role("toolbar", name="Mise en forme", exact=True)).to_be_visible()
    return letter.get_by_role("textbox", name="Texte")


def to(letter: Locator, recipient: str) -> None:
    letter.get_by_role("combobox", name="À", exact=True).fill(f"{recipient},")


def kept(letter: Locator) -> None:
    expect(letter.get_by_text("Enregistré à")).to_be_visible()


def test_list_lives_on_beside_a_letter(house: House, watched: Watched, person: Principal, lise: Principal) -> None:
    """One writes in a panel, reads messages meanwhile, sends; the page is never left."""
    page = watched.page
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"undo_send": 10})
    page.evaluate("window.same = true")
    page.click(".courriels a:has-text('Sujet 2')")
    letter = write(page)
    to(letter, lise.login)
    field(letter, "objet").fill("Douze")
    field(letter, "texte").focus()
    page.keyboard.type("Douze.")
    watched.picture("panneau-lettre")
    page.click(".courriels a:has-text('Sujet 1')")
    expect(page.locator("#lecteur h2")).to_have_text("Sujet 1")
    house.deliver(person, mail("Arrivé entre-temps"))
    expect(page.locator(".courriels li").first).to_contain_text("Arrivé entre-temps")
    expect(field(letter, "texte")).to_have_value(re.compile("Douze."))
    letter.get_by_role("button", name="Envoyer", exact=True).click()
    expect(letter).to_have_count(0)
    expect(page.locator("#dit")).to_contain_text("Envoi dans 10 secondes")
    assert page.evaluate("window.same")
    assert house.subjects(person, "Drafts") == []
    house.clock.ahead += 60
    house.run(house.outbox().round())
    assert house.subjects(lise, "INBOX")[-1] == "Douze"
    assert watched.complaints == []


def test_by_keyboard_alone(house: House, watched: Watched, person: Principal, lise: Principal) -> None:
    """A key opens a letter, F6 goes to the list and back, Escape folds it and loses nothing; it is sent."""
    page, press = watched.page, watched.page.keyboard.press
    press("j")
    press("c")
    letter = panel(page, "Nouveau message")
    expect(letter.get_by_role("combobox", name="À", exact=True)).to_be_focused()
    page.keyboard.type(f"{lise.login},")
    press("Tab")
    expect(letter.get_by_role("button", name="Cc, Cci")).to_be_focused()
    press("Enter")
    expect(letter.get_by_role("combobox", name="Cc", exact=True)).to_be_focused()
    for _ in range(2):
        press("Tab")
    expect(field(letter, "objet")).to_be_focused()
    page.keyboard.type("Au clavier")
    letter = panel(page, "Au clavier")
    press("Tab")
    page.keyboard.type("e, c et F6 sont des lettres")
    press("F6")
    expect(page.locator(".courriels a").first).to_be_focused()
    press("j")
    press("Enter")
    expect(page.locator("#lecteur h2")).to_have_text("Sujet 1")
    press("F6")
    expect(field(letter, "texte")).to_be_focused()
    press("Escape")
    expect(field(letter, "texte")).to_be_hidden()
    expect(page.locator(".courriels a").first).to_be_focused()  # where it was opened
    press("Shift+F6")
    expect(letter.get_by_role("button", name="Rétablir")).to_be_focused()
    press("Enter")
    expect(field(letter, "texte")).to_be_focused()
    expect(field(letter, "texte")).to_have_value("e, c et F6 sont des lettres")
    letter.get_by_role("button", name="Agrandir").focus()
    press("e")  # no key of the list acts from within a panel
    press("Enter")
    watched.picture("panneau-grand")
    expect(letter.get_by_role("button", name="Taille normale")).to_be_focused()
    letter.get_by_role("button", name="Envoyer", exact=True).focus()
    press("Enter")
    expect(page.locator("#dit")).to_contain_text("Message envoyé")
    expect(page.locator(".courriels a").first).to_be_focused()
    assert house.subjects(lise, "INBOX")[-1] == "Au clavier"
    assert house.subjects(person, "Archive") == []
    assert watched.complaints == []


# ---------------------------------------------------------------------- kept


def test_panels_survive_other_pages(house: House, watched: Watched, person: Principal) -> None:
    """Text that is a moment old is kept before one leaves; the next page shows it again and leaves the focus alone."""
    page = watched.page
    letter = write(page)
    field(letter, "objet").fill("À suivre")
    field(letter, "texte").fill("première phrase")
    page.locator(".volet").get_by_role("link", name="Archives").click()
    expect(page.locator("#liste h1")).to_have_text("Archives")
    letter = panel(page, "À suivre")
    expect(field(letter, "texte")).to_have_value("première phrase")
    assert not letter.evaluate("one => one.contains(document.activeElement)")
    field(letter, "texte").fill("première phrase, et la suite")
    letter.get_by_role("button", name="Réduire").click()
    page.locator(".applis").get_by_role("link", name="Contacts").click()
    expect(page).to_have_url(re.compile("/contacts"))
    letter = panel(page, "À suivre")
    expect(field(letter, "texte")).to_be_hidden()
    letter.get_by_role("button", name="Rétablir").click()
    expect(field(letter, "texte")).to_have_value("première phrase, et la suite")
    assert house.subjects(person, "Drafts") == ["À suivre"]
    letter.get_by_role("button", name="Fermer et garder le brouillon").click()
    expect(page.locator("#dit")).to_contain_text("Brouillon enregistré")
    page.goto(f"{house.url}/m/")
    expect(page.locator("#cocher input")).to_have_count(1)
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert watched.complaints == []


def test_reload_loses_nothing(house: House, watched: Watched, person: Principal) -> None:
    """The browser asks only about text that is not kept yet; the text is back, in one draft."""
    page = watched.page
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    letter = write(page)
    field(letter, "objet").press_sequentially("Rechargé")
    field(letter, "texte").press_sequentially("tout juste écrit")
    page.reload()
    assert asked == ["beforeunload"]
    letter = panel(page, "Rechargé")
    expect(field(letter, "texte")).to_have_value("tout juste écrit")
    field(letter, "texte").fill("tout juste écrit, et gardé")
    kept(letter)
    page.reload()
    assert asked == ["beforeunload"]
    expect(field(panel(page, "Rechargé"), "texte")).to_have_value("tout juste écrit, et gardé")
    assert house.subjects(person, "Drafts") == ["Rechargé"]


def test_untouched_letter_leaves_no_draft(house: House, watched: Watched, person: Principal) -> None:
    house.store.write_now(
        stored_preferences.revise_preferences, person.account_id, {"composing": "forme", "signature": "Paul"}
    )
    page = watched.page
    page.click(".courriels a:has-text('Sujet 2')")
    reply = page.locator("#lecteur").get_by_role("link", name="Répondre", exact=True).first
    reply.click()
    letter = panel(page, "Re: Sujet 2")
    expect(letter.get_by_role("textbox", name="Texte")).to_be_focused()
    letter.get_by_role("button", name="Fermer et garder le brouillon").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(reply).to_be_focused()
    expect(page.locator("#dit")).to_be_empty()
    assert house.subjects(person, "Drafts") == []
    assert watched.complaints == []


def test_drafts_open_from_their_list_once(house: House, watched: Watched, person: Principal) -> None:
    page = watched.page
    letter = write(page)
    field(letter, "objet").fill("Commencé")
    kept(letter)
    letter.get_by_role("button", name="Fermer et garder le brouillon").click()
    page.locator(".volet").get_by_role("link", name="Brouillons").click()
    page.click(".courriels a:has-text('Commencé')")
    letter = panel(page, "Commencé")
    field(letter, "texte").fill("la suite")
    kept(letter)
    letter.get_by_role("button", name="Réduire").click()
    page.click(".courriels a:has-text('Commencé')")  # the link of the version before
    expect(field(letter, "texte")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(1)
    letter.get_by_role("button", name="Jeter le brouillon").click()
    expect(page.locator("#liste .vide")).to_contain_text("Aucun message")
    assert house.subjects(person, "Trash") == ["Commencé"]
    page.locator("#dit").get_by_role("button", name="Annuler").click()
    expect(page.locator(".courriels > li")).to_have_count(1)
    assert watched.complaints == []


def test_passed_on_files_are_in_the_draft(house: House, watched: Watched, person: Principal) -> None:
    """They are taken over by the first save: a panel that opens again has them, once."""
    house.deliver(person, with_file())
    page = watched.page
    page.reload()
    page.click(".courriels a:has-text('Avec pièce')")
    page.locator("#lecteur").get_by_role("link", name="Transférer", exact=True).first.click()
    letter = panel(page, "Fwd: Avec pièce")
    letter.get_by_role("checkbox", name="plan.txt").is_checked()
    field(letter, "texte").fill("Pour vous.")
    kept(letter)
    expect(letter.get_by_role("checkbox", name="plan.txt")).to_have_count(0)
    expect(letter.get_by_role("button", name="Retirer plan.txt")).to_have_count(1)
    page.reload()  # a page of another folder would leave it in the drafts
    letter = panel(page, "Fwd: Avec pièce")
    expect(letter.get_by_role("button", name="Retirer plan.txt")).to_have_count(1)
    assert house.octets(person, "Drafts").count(b"plan.txt") >= 1
    assert watched.complaints == []


def with_file() -> bytes:
    return (
        b"From: Lise <lise@exemple.org>\r\nTo: paul@ac-exemple.fr\r\nSubject: Avec =?utf-8?q?pi=C3=A8ce?=\r\n"
        b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: text/plain\r\n\r\nVoici.\r\n"
        b"--b\r\nContent-Type: text/plain; name=plan.txt\r\n"
        b"Content-Disposition: attachment; filename=plan.txt\r\n\r\nlundi\r\n--b--\r\n"
    )


# ---------------------------------------------------------------------- several


def test_several_letters_do_not_mix(
    house: House, watched: Watched, person: Principal, lise: Principal, tmp_path: Path
) -> None:
    """Each has its own fields, files and words; older ones fold, and beyond three the oldest goes to the drafts."""
    page = watched.page
    for number in range(3):
        letter = write(page)
        to(letter, lise.login)
        field(letter, "objet").fill(f"Lettre {number}")
        field(letter, "texte").fill(f"texte {number}")
    expect(field(panel(page, "Lettre 0"), "texte")).to_be_hidden()
    expect(field(panel(page, "Lettre 1"), "texte")).to_be_visible()
    watched.picture("panneau-plusieurs")
    doubled = page.evaluate(
        """() => [...document.querySelectorAll("[id]")].map((one) => one.id)
            .filter((id, place, all) => all.indexOf(id) !== place)"""
    )
    assert doubled == []
    lost = page.evaluate(
        """() => ["for", "aria-labelledby", "aria-describedby", "aria-controls"].flatMap((name) =>
            [...document.querySelectorAll(`.panneau [${name}]:not(dialog)`)]
            .flatMap((one) => one.getAttribute(name).split(" ")).filter((id) => !document.getElementById(id)))"""
    )
    assert lost == []
    small = tmp_path / "planning élèves.txt"
    small.write_text("lundi\n")
    letter = panel(page, "Lettre 1")
    letter.locator("input[type=file]").set_input_files(small)
    expect(letter.get_by_role("button", name="Retirer planning élèves.txt")).to_have_count(1)
    expect(panel(page, "Lettre 2").locator(".liste-pieces li")).to_have_count(0)
    letter.get_by_role("button", name="Envoyer", exact=True).click()
    expect(letter).to_have_count(0)
    assert house.subjects(lise, "INBOX")[-1] == "Lettre 1"
    assert b"planning" in house.octets(lise, "INBOX")
    for _ in range(2):
        write(page)
        page.keyboard.press("Escape")
        page.get_by_role("dialog", name="Nouveau message").last.get_by_role("button", name="Rétablir").click()
        page.keyboard.type("x@exemple.org,")
        page.keyboard.press("Escape")
    expect(panel(page, "Lettre 0")).to_have_count(0)
    expect(page.get_by_role("dialog")).to_have_count(3)
    assert "Lettre 0" in house.subjects(person, "Drafts")
    assert watched.complaints == []


def test_own_window(house: House, watched: Watched, person: Principal) -> None:
    page = watched.page
    letter = write(page)
    field(letter, "objet").fill("À part")
    with page.context.expect_page() as opened:
        letter.get_by_role("link", name="Ouvrir dans une fenêtre").click()
    window = opened.value
    expect(window).to_have_url(re.compile(r"/m/ecrire/\d+$"))
    expect(window.locator("#objet")).to_have_value("À part")
    expect(letter).to_have_count(0)
    window.goto(f"{house.url}/m/")
    expect(window.locator("#cocher input")).to_have_count(1)
    expect(window.get_by_role("dialog")).to_have_count(0)  # no other tab's panels
    assert house.subjects(person, "Drafts") == ["À part"]
    assert watched.complaints == []


# ---------------------------------------------------------------------- sent


def test_called_back_into_a_panel(house: House, watched: Watched, person: Principal, lise: Principal) -> None:
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"undo_send": 10})
    page = watched.page
    letter = write(page)
    to(letter, lise.login)
    field(letter, "objet").fill("Trop vite")
    field(letter, "texte").fill("dernier texte")
    letter.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.locator("#dit")).to_contain_text("Envoi dans 10 secondes")
    watched.picture("panneau-envoi")
    page.locator(".courriels input").first.check()
    page.get_by_role("button", name="Archiver").first.click()
    expect(page.locator("#dit")).to_contain_text("1 message archivé")
    page.locator("#dit").get_by_role("button", name="Annuler l’envoi").click()  # still there beside what was done since
    letter = panel(page, "Trop vite")
    expect(field(letter, "texte")).to_have_value(re.compile("dernier texte"))
    expect(page.locator("#dit")).to_contain_text("Envoi annulé")
    house.clock.ahead += 60
    house.run(house.outbox().round())
    assert "Trop vite" not in house.subjects(lise, "INBOX")
    letter.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.locator("#dit")).to_contain_text("Envoi dans 10 secondes")
    house.clock.ahead += 60
    house.run(house.outbox().round())
    expect(page.locator("#dit")).to_have_text("Message envoyé.")
    assert house.subjects(lise, "INBOX")[-1] == "Trop vite"
    assert watched.complaints == []


def test_faults_and_questions_are_said_in_the_panel(
    house: House, watched: Watched, person: Principal, lise: Principal
) -> None:
    page = watched.page
    letter = write(page)
    to(letter, "nulle@ac-exemple.fr")
    field(letter, "texte").fill("Voir ci-joint.")
    send = letter.get_by_role("button", name="Envoyer", exact=True)
    send.click()
    expect(letter.get_by_text("Des destinataires sont à préciser")).to_be_visible()
    expect(letter.locator("[id^=precisions]")).to_be_focused()
    told = letter.get_by_text("Vérifiez aussi")
    expect(told).to_be_visible()  # and is not asked again
    expect(letter.get_by_role("combobox", name="À", exact=True)).to_have_attribute("aria-invalid", "true")
    watched.picture("panneau-faute")
    letter.get_by_role("button", name="Retirer nulle@ac-exemple.fr").click()
    to(letter, lise.login)
    send.click()
    expect(letter).to_have_count(0)
    assert house.subjects(lise, "INBOX")[-1] == ""
    letter = write(page)
    to(letter, lise.login)
    field(letter, "texte").fill("Voir ci-joint.")
    letter.get_by_role("button", name="Envoyer", exact=True).click()
    question = letter.get_by_role("region", name="Envoyer ce message ?")
    expect(question).to_be_focused()
    expect(question.get_by_role("listitem")).to_have_count(2)
    watched.picture("panneau-question")
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    expect(field(letter, "objet")).to_be_focused()
    page.keyboard.type("Deux fois")
    letter.get_by_role("button", name="Envoyer", exact=True).click()
    expect(question.get_by_role("listitem")).to_have_count(1)
    field(letter, "texte").fill("Voir ci-joint, sans rien.")
    question.get_by_role("button", name="Envoyer quand même").click()
    expect(letter).to_have_count(0)
    assert house.subjects(lise, "INBOX")[-1] == "Deux fois"
    assert b"sans rien" in house.octets(lise, "INBOX")  # what is typed while it asks leaves, too
    assert house.subjects(person, "Drafts") == []


def test_planned(house: House, watched: Watched, person: Principal, lise: Principal) -> None:
    page = watched.page
    letter = write(page)
    to(letter, lise.login)
    field(letter, "objet").fill("Demain")
    field(letter, "texte").fill("x")
    letter.get_by_role("button", name="Programmer l’envoi").click()
    least = field(letter, "quand").get_attribute("min") or ""
    field(letter, "quand").fill(f"{least[:10]}T23:59")
    letter.get_by_role("button", name="Programmer", exact=True).click()
    expect(page.locator("#dit")).to_contain_text("Envoi programmé")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert watched.complaints == []


def test_password_is_asked_over_the_panels(house: House, watched: Watched, person: Principal, lise: Principal) -> None:
    """Once for all letters; then each goes on."""
    page = watched.page
    for number in range(2):
        letter = write(page)
        to(letter, lise.login)
        field(letter, "objet").fill(f"Longue {number}")
        field(letter, "texte").fill("Une heure de travail")
    house.clock.ahead += 13 * 3600
    letter.get_by_role("button", name="Envoyer", exact=True).click()
    asked = page.get_by_role("dialog", name="Votre session est terminée")
    expect(asked).to_have_count(1)
    watched.picture("panneau-session")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(letter).to_have_count(0)
    expect(page.locator("#dit")).to_contain_text("Message envoyé")
    letter = panel(page, "Longue 0")
    letter.get_by_role("button", name="Envoyer", exact=True).click()
    expect(letter).to_have_count(0)
    assert house.subjects(lise, "INBOX")[-2:] == ["Longue 1", "Longue 0"]


def test_models_signatures_and_forms_change_the_letter_in_its_panel(
    house: House, watched: Watched, person: Principal
) -> None:
    """The buttons that bring the form again bring it to the panel; the focus stays on what was pressed."""
    own = Model(0, person.account_id, "Convocation", "Conseil de classe", "Vous êtes convoqué.")
    house.store.write_now(signatures.save_model, person.account_id, own)
    theirs = AcademyDraft("Sortie", frozenset((person.role,)), "", "Votre professeur, {prenom}")
    house.store.write_now(academy_models.save, Origin("achef", "console"), 0, theirs)
    house.store.write_now(signatures.save_signature, person.account_id, Signature(0, "Courte", "Paul P.", "", "new"))
    page = watched.page
    page.evaluate("window.same = true")
    letter = write(page)
    expect(field(letter, "texte")).to_have_value(re.compile("Paul P."))
    letter.get_by_role("button", name="Modèles", exact=True).click()
    watched.picture("panneau-modeles")
    letter.get_by_role("list", name="De l’académie").get_by_role("button", name="Sortie").click()
    expect(field(letter, "texte")).to_have_value(re.compile("Votre professeur, Paul"))
    letter.get_by_role("button", name="Modèles", exact=True).click()
    letter.get_by_role("list", name="Les miens").get_by_role("button", name="Convocation").click()
    expect(field(letter, "objet")).to_have_value("Conseil de classe")
    expect(field(letter, "texte")).to_have_value(re.compile("Vous êtes convoqué."))
    letter.get_by_role("button", name="Options", exact=True).click()
    letter.get_by_label("Signature", exact=True).select_option(label="aucune")
    letter.get_by_role("button", name="Appliquer").click()
    expect(field(letter, "texte")).not_to_have_value(re.compile("Paul P."))
    letter.get_by_role("button", name="Options", exact=True).click()
    letter.get_by_role("button", name="Mettre en forme").click()
    expect(letter.get_by_role("toolbar", name="Mise en forme", exact=True)).to_be_visible()
    expect(letter.get_by_role("textbox", name="Texte")).to_contain_text("Vous êtes convoqué.")
    assert page.evaluate("window.same")
    assert house.subjects(person, "Drafts") == ["Conseil de classe"]
    assert watched.complaints == []


def test_file_on_its_way_is_waited_for(house: House, watched: Watched, person: Principal) -> None:
    """A file that is dropped just before one closes the panel is in the draft."""
    page = watched.page
    letter = write(page)
    field(letter, "objet").fill("Avec fichier")

    held: list[Route] = []
    page.route("**/ecrire/piece", lambda route: held.append(route))
    letter.locator("form.ecrire").evaluate(
        """(form) => {
            const data = new DataTransfer();
            data.items.add(new File(["mardi"], "depot.txt", { type: "text/plain" }));
            const how = { dataTransfer: data, bubbles: true, cancelable: true };
            form.dispatchEvent(new DragEvent("dragover", how));
            form.dispatchEvent(new DragEvent("drop", how));
        }"""
    )
    for _ in range(3000):
        if held:
            break
        page.wait_for_timeout(20)
    assert held
    letter.get_by_role("button", name="Fermer et garder le brouillon").click()
    page.evaluate("new Promise(requestAnimationFrame)")
    expect(letter).to_have_count(1)
    held[0].continue_()
    expect(letter).to_have_count(0)
    assert house.subjects(person, "Drafts") == ["Avec fichier"]
    assert b"depot.txt" in house.octets(person, "Drafts")
    assert watched.complaints == []


def test_session_that_is_about_to_end_is_said_above_a_folded_panel(
    house: House, watched: Watched, person: Principal
) -> None:
    page = watched.page
    letter = write(page)
    letter.get_by_role("button", name="Réduire").click()
    left = page.evaluate("fetch('/session/etat').then((one) => one.json()).then((one) => one.reste)")
    house.clock.ahead += left - 60
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(letter.get_by_role("alert")).to_contain_text("se termine dans moins de deux minutes")
    watched.picture("panneau-bientot")
    letter.get_by_role("button", name="Rester connecté").click()
    expect(letter.get_by_role("alert")).to_have_count(0)
    assert page.evaluate("fetch('/session/etat').then((one) => one.json()).then((one) => one.reste)") > 120


def test_same_answer_opens_once(house: House, watched: Watched, person: Principal) -> None:
    page = watched.page
    page.click(".courriels a:has-text('Sujet 2')")
    page.locator("#lecteur").get_by_role("link", name="Répondre", exact=True).first.click()
    letter = panel(page, "Re: Sujet 2")
    field(letter, "texte").fill("Douze.")
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    expect(field(letter, "texte")).to_have_value("Douze.")
    expect(field(letter, "texte")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(1)


def test_files_of_another_message(house: House, watched: Watched, person: Principal) -> None:
    """The page that offers them stays in the panel."""
    house.deliver(person, with_file())
    page = watched.page
    letter = write(page)
    field(letter, "objet").fill("Emprunt")
    letter.get_by_role("button", name="Options", exact=True).click()
    letter.get_by_role("button", name="Joindre depuis un autre message").click()
    expect(letter.get_by_role("heading", name="Pièces jointes d’un autre message")).to_be_focused()
    letter.get_by_role("checkbox", name="plan.txt").check()
    watched.picture("panneau-emprunt")
    letter.get_by_role("button", name="Joindre ce qui est coché").click()
    expect(letter.get_by_role("button", name="Retirer plan.txt")).to_have_count(1)
    expect(field(letter, "objet")).to_have_value("Emprunt")
    assert watched.complaints == []


# ---------------------------------------------------------------------- formatted, and files


def test_formatted_letter_under_the_policy_of_every_page(
    house: House, watched: Watched, person: Principal, lise: Principal, tmp_path: Path
) -> None:
    """The editor comes with the first formatted letter; styles that are pasted and pictures need no laxer policy."""
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"composing": "forme"})
    page = watched.page
    watched.note_refusals()
    page.reload()
    expect(page.locator("#cocher input")).to_have_count(1)
    assert not any(name in url for url in watched.requests for name in ("/editor.", "/panels.", "/compose."))
    first, letter = write(page), write(page)
    to(letter, lise.login)
    field(letter, "objet").fill("En forme")
    editor = formatted(letter)
    editor.click()
    page.keyboard.type("Voici ")
    letter.get_by_role("button", name="Gras").click()
    page.keyboard.type("trois")
    letter.get_by_role("button", name="Gras").click()
    editor.evaluate(
        """(one) => {
            const data = new DataTransfer();
            const red = '<span style="color: rgb(200, 0, 0)">rouge</span>';
            const bold = '<strong style="color: blue">gras</strong>';
            data.setData("text/html", `<p>${red} ${bold} et style="rien"</p>`);
            one.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        }"""
    )
    red = editor.get_by_text("rouge", exact=True)
    expect(red).to_have_css("color", "rgb(200, 0, 0)")
    page.keyboard.type(" puis")
    letter.get_by_role("button", name="Plus de mise en forme").click()
    letter.get_by_role("button", name="Défaire").click()
    letter.get_by_role("button", name="Refaire").click()
    expect(red).to_have_css("color", "rgb(200, 0, 0)")
    expect(editor).to_contain_text('et style="rien"')
    picture = tmp_path / "point.png"
    picture.write_bytes(PIXEL)
    with page.expect_file_chooser() as chooser:
        letter.get_by_role("button", name="Image").click()
    chooser.value.set_files(picture)
    letter.get_by_role("textbox", name="Texte de remplacement").fill("un point")
    letter.get_by_role("button", name="Valider").click()
    image = editor.get_by_role("img", name="un point")
    expect(image).to_be_visible()
    assert image.evaluate("(one) => one.decode().then(() => one.naturalWidth)") == 1
    watched.picture("panneau-mise-en-forme")
    expect(first.get_by_role("textbox", name="Texte")).to_have_text("")
    letter.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.locator("#dit")).to_contain_text("Message envoyé")
    root = unpack(scan(house.octets(lise, "INBOX")).parts)
    html = next(part for part in root.walk() if part.type == "text/html").text(house.octets(lise, "INBOX"))
    assert "<b>trois</b>" in html
    assert re.search(r"color: ?(rgb\(200, ?0, ?0\)|#c80000)", html)
    assert "cid:" in html
    assert watched.complaints == []


# ---------------------------------------------------------------------- where there are none, and every state


def test_the_page_where_there_is_no_room_or_no_wish(house: House, watched: Watched, person: Principal) -> None:
    """Narrow windows (a 200 % zoom of 1366 pixels), a new tab, and whoever chose so get the page of a letter."""
    page = watched.page
    link = page.get_by_role("link", name="Écrire", exact=True)
    with page.context.expect_page() as opened:
        link.click(modifiers=["Control"])
    expect(opened.value.locator("#a")).to_be_visible()
    opened.value.close()
    page.set_viewport_size({"width": 683, "height": 384})
    page.keyboard.press("c")
    expect(page).to_have_url(f"{house.url}/m/ecrire")
    page.set_viewport_size({"width": 1366, "height": 768})
    page.goto(f"{house.url}/m/reglages/redaction")
    page.get_by_role("group", name="Écrire dans").get_by_label("une page").check()
    page.get_by_role("button", name="Enregistrer les réglages").click()
    page.goto(f"{house.url}/m/")
    link.click()
    expect(page).to_have_url(f"{house.url}/m/ecrire")
    assert watched.complaints == []


def test_window_that_becomes_narrow_keeps_the_letter(house: House, watched: Watched, person: Principal) -> None:
    page = watched.page
    letter = write(page)
    field(letter, "objet").fill("Étroit")
    page.set_viewport_size({"width": 390, "height": 844})
    expect(field(letter, "objet")).to_be_visible()
    watched.picture("panneau-etroit")
    assert overflow(page) <= 0
    letter.get_by_role("button", name="Réduire").click()
    page.locator(".courriels a").first.click(trial=True)
    assert watched.complaints == []


def test_logging_out_leaves_nothing_in_the_tab(house: House, watched: Watched, person: Principal) -> None:
    """What was just written is in the drafts; the next person at this computer sees no panel."""
    page = watched.page
    letter = write(page)
    field(letter, "objet").fill("Pour demain")
    log_out(page)
    expect(page.locator("#identifiant")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    assert house.subjects(person, "Drafts") == ["Pour demain"]
    through_portal(page, house, house.person("Zoé", "Suivante").login, "complet")
    expect(page.locator("#liste h1")).to_have_text("Boîte de réception")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_every_state_is_accessible(house: House, chromium: Browser, person: Principal, lise: Principal) -> None:
    """axe finds nothing: an answer, a formatted letter beside one that is folded, a large one, a fault, a departure."""
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"undo_send": 10})
    with visiting(chromium, script=True, bypass_csp=True) as watched:
        page = watched.page
        enter(page, house, person)
        page.click(".courriels a:has-text('Sujet 2')")
        page.locator("#lecteur").get_by_role("link", name="Répondre à tous", exact=True).first.click()
        answer = panel(page, "Re: Sujet 2")
        field(answer, "texte").fill("Douze, je crois.")
        kept(answer)
        look(watched, "panneau-reponse")
        house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"composing": "forme"})
        letter = write(page)
        to(letter, "lise.moreau@ac-exemple.fr, ailleurs@exemple.org")
        field(letter, "objet").fill("Conseil de classe")
        formatted(letter).click()
        page.keyboard.type("Chère Lise,")
        third = write(page)
        third.get_by_role("button", name="Réduire").click()
        look(watched, "panneau-plusieurs")
        third.get_by_role("button", name="Fermer et garder le brouillon").click()
        letter.get_by_role("button", name="Agrandir").click()
        letter.get_by_role("button", name="Plus de mise en forme").click()
        for name in ("Programmer l’envoi", "Modèles", "Options", "Couleur du texte", "Tableau"):
            letter.get_by_role("button", name=name, exact=True).click()
            look(watched, f"panneau-menu-{name}")
            page.keyboard.press("Escape")
        look(watched, "panneau-grand")
        letter.get_by_role("button", name="Taille normale").click()
        letter.get_by_role("button", name="Envoyer", exact=True).click()
        expect(page.locator("#dit")).to_contain_text("Envoi dans 10 secondes")
        look(watched, "panneau-envoi")


def look(watched: Watched, name: str) -> None:
    assert faults_in_looks(watched, name, [one for one in ALL_LOOKS if one[0] == "bureau"]) == [], name


def test_bytes_of_a_panel(house: House, chromium: Browser, person: Principal) -> None:
    """On the TLS door, headers apart: the list brings nothing of it, a second letter only its form."""
    context = chromium.new_context(ignore_https_errors=True, locale="fr-FR", viewport={"width": 1366, "height": 768})
    page = context.new_page()
    urls: dict[str, str] = {}
    received: Counter[str] = Counter()
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    network.on("Network.requestWillBeSent", lambda event: urls.update({event["requestId"]: event["request"]["url"]}))
    network.on("Network.dataReceived", lambda event: received.update({event["requestId"]: event["encodedDataLength"]}))
    page.goto(f"{house.tls_url}/login")
    page.fill("#identifiant", person.login)
    page.fill("#mot_de_passe", PASSWORD)
    with page.expect_event("requestfinished", lambda request: "/offline." in request.url):
        page.click("text=Me connecter")  # the last that comes with the list
    expect(page.locator("#cocher input")).to_have_count(1)
    octets = []
    for _ in range(2):
        before = set(urls)
        write(page)
        octets.append({urls[request]: count for request, count in received.items() if request not in before})
        if len(octets) == 1:
            # What had come with the list would not be fetched now.
            later = [url for request, url in urls.items() if request not in before]
            assert all(any(name in url for url in later) for name in ("/panels.", "/compose."))
            assert not any(
                name in urls[request] for request in before for name in ("/panels.", "/compose.", "/editor.")
            )
            # Only answers below their letter need the one, only formatted letters the other.
            assert not any(name in url for url in later for name in ("/dock.", "/editor."))
    context.close()
    first, second = octets
    assert 0 < sum(first.values()) <= 18_000, first
    assert 0 < sum(second.values()) <= 6_000, second
