"""Sending in a real Chromium while the draft moves: the form's timer, other windows, files, a busy server."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from mailserver.mime import scan, unpack
from mailserver.model.identity import Principal
from mailserver.store.web import webmail
from tests.waiting import until
from tests.webui.browser import Watched, log_in, visiting
from tests.webui.house import House
from tests.webui.test_compose import parts

pytestmark = pytest.mark.needs("chromium")
ANNOUNCES = "Bonjour, voir la pièce jointe."


_counter: list[int] = []


@pytest.fixture
def person(house: House) -> Principal:
    _counter.append(0)
    return house.person("Yann", f"Pressé-{len(_counter)}")


@pytest.fixture
def watched(house: House, chromium: Browser, person: Principal) -> Iterator[Watched]:
    with visiting(chromium, script=True) as made:
        log_in(made.page, house, person.login, "complet")
        yield made


def write(page: Page, house: House, lise: Principal, subject: str, text: str = ANNOUNCES) -> None:
    page.goto(f"{house.url}/m/ecrire")
    expect(page.locator("#a[role=combobox]")).to_be_visible()
    page.fill("#a", f"{lise.login},")
    page.fill("#objet", subject)
    page.fill("#texte", text)


def press(page: Page, name: str = "Envoyer") -> None:
    page.get_by_role("button", name=name, exact=True).click()


def sent(page: Page) -> None:
    expect(page.locator("#annonce, #dit").filter(has_text="Message envoyé")).to_have_count(1)


def body(octets: bytes) -> str:
    return unpack(scan(octets).parts).text(octets)


def save_elsewhere(page: Page, text: str, key: str, draft: str) -> None:
    """What a form in another window keeps of the same letter."""
    page.evaluate(
        """async ([text, key, draft]) => {
            const data = new FormData(document.querySelector("#lettre"));
            data.delete("piece");
            data.set("texte", text); data.set("cle", key); data.set("brouillon", draft);
            const answer = await fetch("/m/ecrire/garder", { method: "POST", body: data });
            if (!answer.ok) throw new Error(await answer.text());
        }""",
        [text, key, draft],
    )


def test_waiting_at_the_reminder(house: House, watched: Watched, person: Principal, lise: Principal) -> None:
    """Sent before the first save: while the question stands the draft does not move, and the answer sends it."""
    page = watched.page
    page.clock.install()
    write(page, house, lise, "Six secondes")
    press(page)
    expect(page.locator("#verifs")).to_contain_text("annonce une pièce jointe")
    page.clock.run_for(30_000)
    page.wait_for_load_state("networkidle")
    assert not [request for request in watched.requests if request.endswith("/ecrire/garder")], (
        "nothing is to be kept again"
    )
    press(page, "Envoyer quand même")
    sent(page)
    assert house.subjects(lise, "INBOX").count("Six secondes") == 1
    assert house.subjects(person, "Drafts") == []
    assert watched.complaints == []


@pytest.mark.parametrize("elsewhere", ["same", "other", "deleted"])
def test_the_draft_moves_at_the_reminder(
    house: House, watched: Watched, person: Principal, lise: Principal, elsewhere: str
) -> None:
    """Another window keeps the draft, with the same words or with others, or throws it away."""
    page, subject = watched.page, f"Ailleurs {elsewhere}"
    write(page, house, lise, subject)
    press(page)
    expect(page.locator("#verifs")).to_be_visible()
    key, draft = (page.locator(f"#lettre [name={name}]").input_value() for name in ("cle", "brouillon"))
    if elsewhere == "deleted":
        box = house.box(person, "Drafts")
        house.store.write_now(webmail.erase, person.account_id, box.id, [int(draft)])
    else:
        save_elsewhere(page, ANNOUNCES if elsewhere == "same" else "écrit ailleurs", key, draft)
    press(page, "Envoyer quand même")
    sent(page)
    assert house.subjects(lise, "INBOX").count(subject) == 1
    assert ANNOUNCES in body(house.octets(lise, "INBOX"))
    assert house.subjects(person, "Drafts") == ([subject] if elsewhere == "other" else [])
    assert watched.complaints == []


def test_back_to_the_letter_and_sent_with_other_words(
    house: House, watched: Watched, person: Principal, lise: Principal
) -> None:
    """After the question the form goes on with the draft that was kept for it, and keeps what is typed then."""
    page = watched.page
    write(page, house, lise, "Reprise")
    press(page)
    page.locator("#verifs").get_by_role("button", name="Corriger").click()
    page.fill("#texte", "Sans rien d’annoncé.")
    expect(page.locator("#etat")).to_contain_text("Enregistré à")
    press(page)
    sent(page)
    assert "Sans rien d’annoncé." in body(house.octets(lise, "INBOX"))
    assert house.subjects(person, "Drafts") == []


def test_a_passed_on_file_leaves_once_after_a_question(
    house: House, watched: Watched, person: Principal, lise: Principal
) -> None:
    """The files that are ticked become the draft's with the first press: the second does not add them again."""
    page = watched.page
    source = house.deliver(
        person,
        b"From: x@exemple.org\r\nTo: y@exemple.org\r\nSubject: Avec\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nvoici\r\n'
        b'--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename="note.txt"\r\n\r\nvu'
        b"\r\n--b--\r\n",
    )
    page.goto(f"{house.url}/m/ecrire?transferer={source}")
    page.fill("#a", f"{lise.login},")
    page.fill("#objet", "")
    press(page)
    page.locator("#verifs").get_by_role("button", name="Corriger").click()
    page.fill("#objet", "Transmis")
    press(page)
    sent(page)
    assert [name for name, _ in parts(house.octets(lise, "INBOX"))] == ["note.txt"]


def test_a_file_on_its_way_is_waited_for(
    house: House, watched: Watched, person: Principal, lise: Principal, tmp_path: Path
) -> None:
    """Pressed during an upload: the letter leaves with the file; if the file does not arrive, it does not leave."""
    page, file = watched.page, tmp_path / "notes.txt"
    file.write_text("lundi\n")
    write(page, house, lise, "Avec son fichier", "Bonjour.")
    expect(page.locator("#etat")).to_contain_text("Enregistré à")
    held: list[Route] = []
    page.route("**/ecrire/piece", lambda route: held.append(route))
    page.set_input_files("#piece", [file])
    expect(page.locator("#liste-pieces progress")).to_be_visible()
    press(page)
    expect(page.locator("#lettre")).to_have_attribute("aria-busy", "true")
    held[0].fulfill(status=503, body="")
    expect(page.locator("#etat")).to_contain_text("une pièce jointe n’a pas pu être ajoutée")
    assert "Avec son fichier" not in house.subjects(lise, "INBOX")
    page.set_input_files("#piece", [file])
    expect(page.locator("#liste-pieces progress")).to_be_visible()
    press(page)
    held[1].continue_()
    sent(page)
    assert [name for name, _ in parts(house.octets(lise, "INBOX"))] == ["notes.txt"]


def test_a_busy_server_takes_nothing_off_the_screen(
    house: House, watched: Watched, person: Principal, lise: Principal
) -> None:
    """An answer that is no form leaves the letter where it is, and the next press sends it."""
    page = watched.page
    write(page, house, lise, "Serveur occupé", "Bonjour.")
    page.route("**/m/ecrire", lambda route: route.fulfill(status=503, body="<p>Occupé</p>"), times=1)
    press(page)
    expect(page.locator("#etat")).to_contain_text("votre texte est toujours là")
    expect(page.locator("#texte")).to_have_value("Bonjour.")
    press(page)
    sent(page)
    assert house.subjects(lise, "INBOX").count("Serveur occupé") == 1


def test_a_panel_and_a_page_of_the_same_draft(
    house: House, watched: Watched, person: Principal, lise: Principal
) -> None:
    """The page sends what it shows although the panel has kept the draft since; twice pressed is sent once."""
    page = watched.page
    write(page, house, lise, "Panneau et page", "Bonjour.")
    page.locator("#objet").focus()
    until(lambda: house.subjects(person, "Drafts") and "Bonjour." in body(house.octets(person, "Drafts")))
    with page.context.expect_page() as opened:
        page.evaluate("open('/m/', '_blank')")
    other = opened.value
    other.wait_for_load_state()
    other.goto(f"{house.url}/m/dossier/{house.box(person, 'Drafts').id}")
    other.locator("a[href^='/m/ecrire/']").first.click()
    panel = other.locator("#panneaux .panneau-corps")
    expect(panel).to_be_visible()
    panel.locator("textarea[name=texte]").fill("Dans le panneau.")
    expect(panel.locator("[id^=etat]")).to_contain_text("Enregistré à")
    page.bring_to_front()
    page.get_by_role("button", name="Envoyer", exact=True).dblclick()
    sent(page)
    expect(page.locator("#annonce, #dit").filter(has_text="Une autre version, modifiée ailleurs")).to_have_count(1)
    assert house.subjects(lise, "INBOX").count("Panneau et page") == 1
    assert "Bonjour." in body(house.octets(lise, "INBOX"))
    assert re.search("Dans le panneau", body(house.octets(person, "Drafts")))
