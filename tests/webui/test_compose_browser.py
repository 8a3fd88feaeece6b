"""Writing in a real Chromium: with the form's script, without any in both interfaces, by keyboard alone."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from mailserver.mime import scan, unpack
from mailserver.model.identity import Principal
from mailserver.store.account import stored_preferences
from mailserver.store.mail import messages
from mailserver.store.queue import outbox
from mailserver.store.web import signatures
from mailserver.store.web.signatures import Signature
from tests.webui.browser import (
    ALL_LOOKS,
    Watched,
    Wire,
    faults_in_looks,
    faults_of,
    let_in,
    log_in,
    rules_of,
    visiting,
    wear,
)
from tests.webui.house import PASSWORD, House, mail

pytestmark = pytest.mark.needs("chromium")


_counter: list[int] = []


@pytest.fixture
def person(house: House) -> Principal:
    _counter.append(0)
    return house.person("Paul", f"Auteur-{len(_counter)}")


@pytest.fixture
def watched(house: House, chromium: Browser, person: Principal) -> Iterator[Watched]:
    """The complete interface with its script, at the list."""
    with visiting(chromium, script=True) as made:
        log_in(made.page, house, person.login, "complet")
        yield made


def write(page: Page, house: House, query: str = "") -> None:
    page.goto(f"{house.url}/m/ecrire{query}")
    expect(page.locator("#a[role=combobox]")).to_be_visible()


def told(page: Page, text: str) -> None:
    """What was done is said: on the page, or by its script in the page's one region."""
    expect(page.locator("#annonce, #dit").filter(has_text=text)).to_have_count(1)


def draft_texts(house: House, person: Principal) -> list[str]:
    box = house.box(person, "Drafts")
    rows = house.store.read_now(messages.fetch, person.account_id, box.id, ("uid",))
    blobs = house.settings.data / "blobs"
    stored = [house.store.read_now(messages.octets, person.account_id, box.id, row[0], blobs) for row in rows]
    return [f"{octets.decode()}\n{unpack(scan(octets).parts).text(octets)}" for octets in stored]


# ---------------------------------------------------------------------- recipients


def test_recipients_by_keyboard_alone(house: House, watched: Watched, person: Principal, lise: Principal) -> None:
    """Type, choose from the list, take one back, send: no pointer, no name typed whole."""
    page, keys = watched.page, watched.page.keyboard
    write(page, house)
    expect(page.locator("#a")).to_be_focused()
    keys.type("lise mo")
    expect(page.locator("#a-liste [role=option]").first).to_contain_text("Lise Moreau")
    expect(page.locator("#a")).to_have_attribute("aria-expanded", "true")
    keys.press("ArrowDown")
    expect(page.locator("#a")).to_have_attribute("aria-activedescendant", "a-option-0")
    watched.picture("ecrire-1-proposition")
    keys.press("Enter")
    expect(page.locator(".jeton")).to_have_text(["Lise Moreau"])
    expect(page.locator("#annonces")).to_have_text("1 destinataire")
    keys.type("ailleurs@exemple.org,")
    expect(page.locator(".jeton.externe")).to_contain_text("externe")
    keys.press("Backspace")
    expect(page.locator(".jeton button").last).to_be_focused()
    keys.press("Delete")
    expect(page.locator(".jeton")).to_have_count(1)
    expect(page.locator("#annonces")).to_contain_text("retiré, 1 destinataire")
    page.locator("#objet").focus()
    keys.type("Au clavier")
    page.locator("#texte").focus()
    keys.type("Bonjour Lise")
    page.get_by_role("button", name="Envoyer", exact=True).focus()
    keys.press("Enter")
    told(page, "Message envoyé")
    assert house.subjects(lise, "INBOX")[-1] == "Au clavier"
    assert watched.complaints == []


# ---------------------------------------------------------------------- drafts


def test_text_is_kept_while_one_types(house: House, watched: Watched, person: Principal) -> None:
    page = watched.page
    write(page, house)
    page.fill("#objet", "Sans y penser")
    page.fill("#texte", "première phrase")
    expect(page.locator("#etat")).to_contain_text("Enregistré à")
    assert re.search(r"/m/ecrire/\d+$", page.url)
    page.fill("#texte", "première phrase, et la suite")
    page.locator("#objet").focus()
    page.reload()
    expect(page.locator("#texte")).to_have_value(re.compile("et la suite"))
    (draft,) = draft_texts(house, person)
    assert "Sans y penser" in draft
    assert watched.complaints == []


def test_a_letter_left_behind_is_a_draft_and_no_part_of_the_next(
    house: House, watched: Watched, person: Principal
) -> None:
    """Whether it was given to the server with a question or as the page was left; what it never got is found again."""
    page = watched.page
    for subject, ask in (("Objet", False), ("", True)):
        write(page, house)
        page.fill("#objet", subject)
        page.fill("#texte", "à une autre personne")
        if ask:
            page.fill("#a", person.address)
            page.press("#a", "Enter")
            page.get_by_role("button", name="Envoyer", exact=True).click()
            expect(page.locator("#verifs")).to_be_visible()
        write(page, house)
        expect(page.locator("#texte")).to_have_value("")
        expect(page.locator(".jeton")).to_have_count(0)
        page.fill("#objet", "Tout autre")
        expect(page.locator("#etat")).to_contain_text("Enregistré à")
        assert page.locator("#texte").input_value() == ""
    lost = {"cle": "d’une page qui n’est plus", "a": "", "objet": "", "texte": "jamais arrivé"}
    page.evaluate("lost => sessionStorage.setItem('lettre /m/ecrire', JSON.stringify(lost))", lost)
    write(page, house)
    expect(page.locator("#texte")).to_have_value("jamais arrivé")


def test_what_the_server_has_a_part_of_is_found_in_that_draft(
    house: House, watched: Watched, person: Principal
) -> None:
    """An answer that never came, a network that was gone: the page does not know that it is a draft already."""
    page = watched.page
    write(page, house)
    key = page.locator("[name=cle]").input_value()
    page.fill("#objet", "Sortie")
    page.fill("#texte", "Le début")
    expect(page.locator("#etat")).to_contain_text("Enregistré à")
    draft = page.url
    for text, again in (("Le début", True), ("Le début et la fin", True), ("Le début, la fin et la suite", False)):
        write(page, house)
        lost = {"cle": key, "a": "", "objet": "Sortie", "texte": text}
        page.evaluate("lost => sessionStorage.setItem('lettre /m/ecrire', JSON.stringify(lost))", lost)
        if again:
            page.reload()
        else:
            write(page, house)
        expect(page).to_have_url(re.compile("/m/ecrire/[0-9]+$"))
        expect(page.locator("#texte")).to_have_value(text)
        if text != "Le début":
            expect(page.locator("#etat")).to_contain_text("Enregistré à")
    assert page.url != draft
    assert house.subjects(person, "Drafts") == ["Sortie"]


def test_a_letter_can_be_written_where_nothing_says_whether_there_is_a_draft_of_the_last(
    house: House, watched: Watched
) -> None:
    page = watched.page
    page.route("**/found.*.js", lambda _: None)  # a network that is slow, and says nothing
    write(page, house)
    lost = {"cle": "d’une page qui n’est plus", "a": "", "objet": "", "texte": "jamais arrivé"}
    page.evaluate("lost => sessionStorage.setItem('lettre /m/ecrire', JSON.stringify(lost))", lost)
    page.clock.install()
    write(page, house)
    expect(page.locator("#lettre[inert]")).to_have_count(1)
    page.clock.run_for(15_000)
    expect(page.locator("#lettre[inert]")).to_have_count(0)
    expect(page.locator("#texte")).to_have_value("jamais arrivé")


def in_another_window(page: Page, field: str, text: str) -> None:
    """The same draft is open there, and is saved with this in a field."""
    page.fill("#texte", "commun")
    expect(page.locator("#etat")).to_contain_text("Enregistré à")
    other = page.context.new_page()
    other.goto(page.url)
    other.fill(field, text)
    expect(other.locator("#etat")).to_contain_text("Enregistré à")
    page.bring_to_front()


def test_two_windows_on_one_draft_give_a_choice(house: House, watched: Watched, person: Principal) -> None:
    page = watched.page
    write(page, house)
    in_another_window(page, "#texte", "autre fenêtre")
    page.fill("#texte", "ma fenêtre")
    page.locator("#objet").focus()
    dialog = page.locator("#conflit")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Comparer").click()
    expect(dialog.locator("#conflit-autre")).to_contain_text("autre fenêtre")
    expect(dialog.locator("#conflit-mienne")).to_contain_text("ma fenêtre")
    watched.picture("ecrire-5-conflit")
    before = page.url
    dialog.get_by_role("button", name="Garder la mienne").click()
    expect(page).not_to_have_url(before)
    (draft,) = draft_texts(house, person)
    assert "ma fenêtre" in draft


def test_what_another_window_changed_beside_the_text_is_asked_about_too(
    house: House, watched: Watched, person: Principal
) -> None:
    """Only the texts were compared: a subject, or somebody in copy, was written over in silence."""
    page = watched.page
    write(page, house)
    in_another_window(page, "#objet", "De l’autre fenêtre")
    page.fill("#objet", "De la mienne")
    page.locator("#texte").focus()
    expect(page.locator("#conflit")).to_be_visible()
    assert "De l’autre fenêtre" in house.subjects(person, "Drafts")


def test_password_is_asked_over_the_text(house: House, watched: Watched, person: Principal, lise: Principal) -> None:
    """The session ends while one writes: the same page goes on, the letter leaves."""
    page = watched.page
    write(page, house)
    page.fill("#a", f"{lise.login},")
    page.fill("#objet", "Longue lettre")
    page.fill("#texte", "Une heure de travail")
    house.clock.ahead += 13 * 3600
    page.get_by_role("button", name="Envoyer", exact=True).click()
    dialog = page.locator("#session")
    expect(dialog).to_be_visible()
    dialog.locator("#session-mdp").fill("faux")
    page.keyboard.press("Enter")
    expect(dialog.locator("#session-faute")).to_contain_text("n’est pas le bon")
    watched.picture("ecrire-4-session")
    dialog.locator("#session-mdp").fill(PASSWORD)
    page.keyboard.press("Enter")
    told(page, "Message envoyé")
    assert house.subjects(lise, "INBOX")[-1] == "Longue lettre"
    assert len(house.subjects(person, "Drafts")) == 0


# ---------------------------------------------------------------------- files


def test_files_are_dropped_watched_and_limited(
    house: House, watched: Watched, person: Principal, lise: Principal, tmp_path: Path
) -> None:
    page = watched.page
    write(page, house)
    page.fill("#a", f"{lise.login},")
    page.fill("#objet", "Fichiers")
    small, big = tmp_path / "planning élèves.txt", tmp_path / "film.bin"
    small.write_text("lundi\n")
    big.write_bytes(b"x" * (house.settings.limits.message_size + 1))
    page.set_input_files("#piece", [small, big])
    expect(page.locator("#liste-pieces .refusee")).to_contain_text("film.bin est trop volumineux")
    expect(page.locator("#liste-pieces li:not(.refusee)")).to_contain_text(["planning élèves.txt"])
    page.evaluate(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File(["mardi"], "deposé.txt", { type: "text/plain" }));
            const form = document.querySelector("#lettre");
            form.dispatchEvent(new DragEvent("dragover", { dataTransfer: data, bubbles: true, cancelable: true }));
            form.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }"""
    )
    expect(page.locator("#liste-pieces li:not(.refusee)")).to_have_count(2)
    watched.picture("ecrire-2-pieces")
    page.get_by_role("button", name="Retirer planning élèves.txt").click()
    expect(page.locator("#liste-pieces li:not(.refusee)")).to_have_count(1)
    page.get_by_role("button", name="Envoyer", exact=True).click()
    told(page, "Message envoyé")
    octets = house.octets(lise, "INBOX")
    assert b"depos" in octets
    assert b"planning" not in octets
    assert watched.complaints == []


# ---------------------------------------------------------------------- questions, and calling back


def test_questions_are_asked_below_the_text(house: House, watched: Watched, person: Principal, lise: Principal) -> None:
    page = watched.page
    write(page, house)
    page.fill("#a", f"{lise.login},")
    page.fill("#texte", "Voir ci-joint.")
    page.get_by_role("button", name="Envoyer", exact=True).click()
    asked = page.get_by_role("region", name="Envoyer ce message ?")
    expect(asked).to_be_focused()
    expect(asked).to_contain_text("n’a pas d’objet")
    expect(asked).to_contain_text("annonce une pièce jointe")
    watched.picture("ecrire-3-question")
    asked.get_by_role("button", name="Corriger").click()
    expect(asked).to_be_hidden()
    expect(page.locator("#objet")).to_be_focused()
    page.fill("#objet", "Avec un objet")
    page.fill("#texte", "Sans rien.")
    page.get_by_role("button", name="Envoyer", exact=True).click()
    told(page, "Message envoyé")
    assert house.subjects(lise, "INBOX")[-1] == "Avec un objet"
    assert house.subjects(person, "Drafts") == []
    assert watched.complaints == []


def test_unknown_recipient_is_said_on_the_page(house: House, watched: Watched, person: Principal) -> None:
    page = watched.page
    write(page, house)
    page.fill("#a", "nulle@ac-exemple.fr,")
    page.fill("#objet", "x")
    page.fill("#texte", "gardé")
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.locator("#precisions")).to_be_focused()
    expect(page.locator("#a-faute")).to_contain_text("n’existe pas")
    expect(page.locator("#a")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#texte")).to_have_value("gardé")


@pytest.mark.parametrize("interface", ["simple", "complet"])
def test_called_back_in_time(
    house: House, chromium: Browser, person: Principal, lise: Principal, interface: str
) -> None:
    """Ten seconds to think better of it: the latest text is a draft again, and nothing has left."""
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"undo_send": 10})
    base = "/s" if interface == "simple" else "/m"
    with visiting(chromium, script=interface == "complet") as made:
        page = made.page
        log_in(page, house, person.login, interface, at=f"{base}/ecrire")
        page.fill("#a", f"{lise.login}," if interface == "complet" else lise.login)
        page.fill("#objet", f"Trop vite {interface}")
        page.fill("#texte", "dernier texte")
        page.get_by_role("button", name="Envoyer", exact=True).click()
        told(page, "Envoi dans 10 secondes")
        made.picture(f"ecrire-6-annuler-{interface}")
        assert house.run(house.outbox().round()) == 0
        page.locator("#annonce").get_by_role("button", name="Annuler l’envoi").click()
        expect(page).to_have_url(re.compile("fait=rappele"))
        expect(page.locator("#texte")).to_have_value(re.compile("dernier texte"))
        assert house.store.read_now(outbox.listing, person.account_id) == []
        house.clock.ahead += 60
        house.run(house.outbox().round())
        assert f"Trop vite {interface}" not in house.subjects(lise, "INBOX")
        assert made.complaints == []


def test_what_became_of_a_letter_is_said_without_reloading(house: House, watched: Watched, person: Principal) -> None:
    """The second is over: the notice asks, and says that the letter has left, or leads to the draft it is again."""
    page = watched.page
    page.goto(f"{house.url}/m/?fait=part&n=1&envoi=999999&brouillon=1")
    expect(page.locator("#annonce")).to_contain_text("Envoi dans 1 seconde")
    expect(page.locator("#annonce")).to_contain_text("Message envoyé")
    expect(page.locator("#annonce").get_by_role("button")).to_have_count(0)
    prepared = house.run(house.delivery.prepare(mail("Revenu", sender=person.address)))
    box = house.box(person, "Drafts")
    draft = house.store.write_now(messages.append, person.account_id, box.id, prepared, ("\\Draft",)).content_id
    page.goto(f"{house.url}/m/?fait=part&n=1&envoi=999999&brouillon={draft}")
    link = page.locator("#annonce").get_by_role("link", name="n’est pas parti")
    expect(link).to_have_attribute("href", f"/m/ecrire/{draft}")
    assert watched.complaints == []


def test_each_address_signs_as_its_own(house: House, watched: Watched, person: Principal) -> None:
    """Another address brings its signature; one that was chosen for this letter stays. What was typed stays, too."""
    alias = person.aliases[0]
    for one in (Signature(0, "Alias", "Paul, pour la section", alias), Signature(0, "Autre", "P. A.", "x@y.fr")):
        house.store.write_now(signatures.save_signature, person.account_id, one)
    page = watched.page
    write(page, house)
    text = page.locator("#texte")
    text.fill("Bonjour")
    page.select_option("#de", alias)
    expect(page).to_have_url(re.compile(r"/ecrire/\d+"))
    expect(text).to_have_value(re.compile("Bonjour\\n\\n-- \\nPaul, pour la section"))
    expect(page.locator("#de")).to_have_value(alias)
    page.get_by_role("button", name="Options", exact=True).click()
    page.get_by_label("Signature", exact=True).select_option(label="Autre")
    page.get_by_role("button", name="Appliquer").click()
    expect(text).to_have_value(re.compile("Bonjour\\n\\n-- \\nP. A."))
    page.select_option("#de", "")
    expect(page.locator("#etat")).to_contain_text("Enregistré à")
    expect(text).to_have_value(re.compile("P. A."))
    assert watched.complaints == []


# ---------------------------------------------------------------------- formatted letters


def test_formatted_letter(house: House, watched: Watched, person: Principal, lise: Principal, tmp_path: Path) -> None:
    """The bar is one tab stop; what leaves is multipart/alternative, cleaned, its picture within."""
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"composing": "forme"})
    page, keys = watched.page, watched.page.keyboard
    source = house.deliver(person, mail("Question", sender=f"Lise <{lise.address}>", body="Combien ?\n"))
    write(page, house, f"?repondre={source}")
    editor = page.locator("#editeur")
    expect(editor).to_be_focused()
    keys.type("Voici ")
    bold = page.get_by_role("button", name="Gras")
    bold.click()
    expect(bold).to_have_attribute("aria-pressed", "true")
    keys.type("trois")
    keys.press("Alt+F10")
    expect(bold).to_be_focused()
    keys.press("ArrowRight")
    expect(page.get_by_role("button", name="Italique")).to_be_focused()
    picture = tmp_path / "point.png"
    picture.write_bytes(PIXEL)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Image").click()
    chooser.value.set_files(picture)
    page.get_by_label("Texte de remplacement").fill("un point")
    page.get_by_role("dialog", name="Image").get_by_role("button", name="Valider").click()
    expect(editor.locator("img[alt='un point']")).to_be_visible()
    watched.picture("ecrire-7-mise-en-forme")
    bars = page.locator("[role=toolbar]:visible").evaluate_all("all => all.map(one => one.ariaLabel)")
    assert "Mise en forme" in bars
    editor.focus()
    # Each bar is one stop, the next one is out of it; so on the way back to the letter.
    there = bars_on_the_way(page, "Tab", len(bars))
    assert sorted(there) == sorted(bars)
    assert bars_on_the_way(page, "Shift+Tab", len(bars)) == there[::-1]
    page.get_by_role("button", name="Envoyer", exact=True).click()
    told(page, "Message envoyé")
    octets = house.octets(lise, "INBOX")
    root = unpack(scan(octets).parts)
    kinds = [part.type for part in root.walk()]
    assert kinds == ["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"]
    html = next(part for part in root.walk() if part.type == "text/html").text(octets)
    text = next(part for part in root.walk() if part.type == "text/plain").text(octets)
    picture_part = next(part for part in root.walk() if part.type == "image/png")
    assert "<b>trois" in html
    assert f"cid:{picture_part.content_id}" in html
    assert "Combien ?" in html
    assert "Voici trois" in text
    assert "> Combien ?" in text
    assert watched.complaints == []


def test_bars_of_the_editor(house: House, watched: Watched, person: Principal, lise: Principal, tmp_path: Path) -> None:
    """Colour, size, alignment, a table, a link and a picture, by keys and menus; our policy refuses nothing."""
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"composing": "forme"})
    page, keys = watched.page, watched.page.keyboard
    watched.note_refusals()
    write(page, house)
    page.fill("#a", f"{lise.login},")
    page.fill("#objet", "Barres")
    editor = page.locator("#editeur")
    expect(editor).to_be_visible()

    def choose(menu: str, item: str) -> None:
        page.get_by_role("button", name=menu, exact=True).click()
        page.get_by_role("button", name=item, exact=True).click()
        expect(editor).to_be_focused()

    editor.click()
    keys.type("rouge")
    keys.press("Shift+Home")
    choose("Couleur du texte", "rouge")
    choose("Taille du texte", "grande")
    choose("Alignement", "au centre")
    choose("Couleur du texte", "bleu")
    keys.press("End")
    keys.press("Enter")
    choose("Tableau", "Insérer un tableau de 2 × 2")
    keys.type("a")
    keys.press("Tab")
    keys.type("b")
    choose("Tableau", "Ajouter une ligne")
    choose("Tableau", "Ajouter une colonne")
    page.get_by_role("button", name="Tableau", exact=True).click()
    expect(page.get_by_role("button", name="Insérer un tableau de 2 × 2")).to_be_disabled()
    keys.press("Escape")
    expect(editor.locator("td")).to_have_count(9)
    choose("Tableau", "Supprimer la ligne")
    choose("Tableau", "Supprimer la colonne")
    expect(editor.locator("td")).to_have_count(4)
    page.get_by_role("button", name="Défaire").click()
    expect(editor.locator("td")).to_have_count(6)
    page.get_by_role("button", name="Refaire").click()
    editor.locator("xpath=./div[last()]").click()
    keys.press("Control+k")
    page.get_by_label("Adresse du lien").fill("ac-exemple.fr")
    page.get_by_label("Texte du lien").fill("l’académie")
    keys.press("Enter")
    expect(editor.get_by_role("link", name="l’académie")).to_have_attribute("href", "https://ac-exemple.fr")
    picture = tmp_path / "point.png"
    picture.write_bytes(PIXEL)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Image").click()
    chooser.value.set_files(picture)
    page.get_by_label("Texte de remplacement").fill("un point")
    page.get_by_label("Largeur").select_option("240")
    keys.press("Enter")
    expect(editor.locator("img")).to_have_attribute("width", "240")
    watched.picture("ecrire-8-barres")
    page.get_by_role("button", name="Envoyer", exact=True).click()
    told(page, "Message envoyé")
    octets = house.octets(lise, "INBOX")
    html = next(part for part in unpack(scan(octets).parts).walk() if part.type == "text/html").text(octets)
    assert re.search(r"color: ?rgb\(28, ?79, ?143\)", html)
    assert not re.search(r"rgb\(163\b", html)  # one colour takes the other's place
    assert re.search(r"font-size: ?large", html)
    assert re.search(r"text-align: ?center", html)
    assert html.count("<td>") == 4
    assert re.search(r'<table[^>]* border="1"', html)
    assert re.search(r'<img[^>]* width="240"', html)
    assert 'href="https://ac-exemple.fr"' in html
    assert watched.complaints == []


def bars_on_the_way(page: Page, key: str, wanted: int) -> list[str]:
    """The bar of each stop that is in one, until so many are behind."""
    found: list[str] = []
    for _ in range(60):
        page.keyboard.press(key)
        bar = page.evaluate("document.activeElement.closest('[role=toolbar]')?.ariaLabel ?? ''")
        if not bar and len(found) >= wanted:
            break
        found += [bar] if bar else []
    return found


PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


# ---------------------------------------------------------------------- every screen


@pytest.mark.parametrize("interface", ["simple", "complet"])
def test_screens_are_accessible(
    house: House, chromium: Browser, person: Principal, lise: Principal, interface: str
) -> None:
    """axe finds nothing, nothing is wider than the screen."""
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"composing": "forme"})
    source = house.deliver(person, mail("Question", sender=f"Lise <{lise.address}>", body="Combien ?\n" * 5))
    base = "/s" if interface == "simple" else "/m"
    with visiting(chromium, script=True, bypass_csp=True) as made:
        page = made.page
        let_in(page, house, person.login, interface)
        for name, path in SCREENS.items():
            page.goto(f"{house.url}{base}{path.format(source=source)}")
            if name in ("repondre", "nouveau"):
                expect(page.locator("#editeur" if interface == "complet" else "#texte")).to_be_visible()
                page.evaluate("document.querySelectorAll('#lettre details').forEach((one) => (one.open = true))")
            assert faults_in_looks(made, f"ecrire-{name}-{interface}") == [], name
            if (name, interface) == ("nouveau", "complet"):
                for size, scheme in ALL_LOOKS:
                    wear(page, size, scheme)
                    menus_are_accessible(page, rules_of(size, scheme))


def menus_are_accessible(page: Page, rules: Sequence[str]) -> None:
    """Each menu of the letter, open; on phones the second bar of the editor has to be opened first."""
    second = page.locator(".barre-texte.plus")
    if not second.is_visible():
        page.get_by_role("button", name="Plus de mise en forme").click()
        expect(second).to_be_visible()
    found = set()
    for button in page.locator("#lettre [popovertarget]:visible").all():
        name = str(button.get_attribute("popovertarget"))
        menu = page.locator(f"#{name}")
        button.click()
        expect(menu).to_be_visible()
        assert faults_of(page, rules) == [], name
        page.keyboard.press("Escape")
        expect(menu).to_be_hidden()
        found.add(name)
    assert {"programmer", "modeles", "options", "couleurs", "tailles", "alignements", "tableaux"} == found


SCREENS = {
    "nouveau": "/ecrire",
    "repondre": "/ecrire?tous={source}",
    "envois": "/envois",
    "signatures": "/reglages/ecriture",
}


def test_pages_are_small(house: House, chromium: Browser, person: Principal) -> None:
    """On the TLS door, headers and all: the simple page under 8 kB, the complete one with its editor under 50."""
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"composing": "forme"})
    for interface, most in (("simple", 8_000), ("complet", 50_000)):
        context = chromium.new_context(ignore_https_errors=True, locale="fr-FR")
        page = context.new_page()
        page.goto(f"{house.tls_url}/{'login' if interface == 'complet' else 'roundcube'}")
        page.fill("#identifiant", person.login)
        page.fill("#mot_de_passe", PASSWORD)
        page.click("text=Me connecter")
        page.wait_for_load_state("networkidle")
        wire = Wire(page)
        page.goto(f"{house.tls_url}{'/s' if interface == 'simple' else '/m'}/ecrire")
        page.wait_for_load_state("networkidle")
        context.close()
        assert 0 < wire.octets <= most, (interface, wire.addresses)
