"""What a person sends, leaves: whatever becomes of its draft between two presses of a button."""

import re
import threading
from html import unescape
from typing import Any

import httpx
import pytest

from mailserver.mime import scan, unpack
from mailserver.model.errors import Temporary
from mailserver.model.identity import Principal
from mailserver.store.account import stored_preferences
from mailserver.store.queue import outbox
from mailserver.store.web import webmail
from tests.webui.house import PASSWORD, House, Visitor
from tests.webui.test_compose import form, parts

ANNOUNCES = "Bonjour, voir la pièce jointe."
PLANNING = [("piece", ("planning.txt", b"lundi", "text/plain"))]


_counter: list[int] = []


@pytest.fixture
def person(house: House) -> Principal:
    _counter.append(0)
    return house.person("Odile", f"Envoyeuse-{len(_counter)}")


def asking(text: str) -> tuple[str, dict[str, str]]:
    """The form of the page that asks: its address and all its fields, as a browser sends them."""
    found = re.search(r'<form method="post" action="([^"]+/envoyer)"[^>]*>(.*?)</form>', text, re.DOTALL)
    assert found, text
    fields = re.findall(r'<input type="hidden"\s+name="([^"]+)"\s+value="([^"]*)">', found[2])
    return found[1], {name: unescape(value) for name, value in fields}


def autosave(browser: Visitor, base: str, data: dict[str, str]) -> dict[str, Any]:
    """What a form's timer does, in this window or in another."""
    mark = re.search(r'name="m_"\s+value="([^"]+)"', browser.text)
    assert mark
    answer = browser.http.post(f"{base}/ecrire/garder", data={**data, "m_": mark[1]})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def body(octets: bytes) -> str:
    return unpack(scan(octets).parts).text(octets)


def received(house: House, lise: Principal, subject: str) -> int:
    return house.subjects(lise, "INBOX").count(subject)


@pytest.mark.parametrize("base", ["/s", "/m"])
def test_a_draft_that_is_saved_while_the_page_asks(
    house: House, person: Principal, browser: Visitor, lise: Principal, base: str
) -> None:
    """Between the question and its answer the timer gives the draft another number."""
    subject = f"Pendant la question {base}"
    browser.get(f"{base}/ecrire")
    data = form(browser, a=lise.login, objet=subject, texte=ANNOUNCES)
    browser.post(f"{base}/ecrire", {**data, "faire": "envoyer"})
    address, fields = asking(browser.text)
    autosave(browser, base, {**data, "brouillon": fields["brouillon"]})
    answer = browser.post(address, {**fields, "faire": "envoyer"})
    assert "Message envoyé" in answer.text
    assert "Une autre version" not in answer.text
    assert received(house, lise, subject) == 1
    assert house.subjects(person, "Drafts") == []
    assert house.subjects(person, "Sent") == [subject]


def test_a_draft_that_is_deleted_while_the_page_asks(
    house: House, person: Principal, browser: Visitor, lise: Principal
) -> None:
    """Elsewhere the draft is erased for good: the words are those that the page carries."""
    browser.get("/s/ecrire")
    data = form(browser, a=lise.login, objet="Effacé ailleurs", texte=ANNOUNCES, urgent="on", faire="envoyer")
    browser.post("/s/ecrire", data)
    address, fields = asking(browser.text)
    drafts = house.box(person, "Drafts")
    house.store.write_now(webmail.erase, person.account_id, drafts.id, [int(fields["brouillon"])])
    assert "Message envoyé" in browser.post(address, {**fields, "faire": "envoyer"}).text
    octets = house.octets(lise, "INBOX")
    assert ANNOUNCES in body(octets)
    assert b"X-Priority: 1" in octets
    assert house.subjects(person, "Drafts") == []


def test_files_of_a_deleted_draft_are_asked_about(
    house: House, person: Principal, browser: Visitor, lise: Principal
) -> None:
    """A letter never leaves without its files in silence; out of the trash they are found again."""
    for erased in (False, True):
        subject = f"Avec son fichier {erased}"
        browser.get("/s/ecrire")
        browser.post("/s/ecrire", form(browser, objet=subject, texte="x", faire="joindre"), files=PLANNING)
        data = {**form(browser, a=lise.login), "pieces": browser.field("pieces"), "faire": "envoyer"}
        assert data["pieces"] == "1"
        page, drafts, trash = browser.text, house.box(person, "Drafts"), house.box(person, "Trash")
        number = int(data["brouillon"])
        if erased:
            house.store.write_now(webmail.erase, person.account_id, drafts.id, [number])
        else:
            house.store.write_now(webmail.move, person.account_id, drafts.id, trash.id, [number], (b"retour", 300))
        answer = browser.post("/s/ecrire", data, page=page)
        if erased:
            assert "ne sont plus là" in answer.text
            assert received(house, lise, subject) == 0
            address, fields = asking(answer.text)
            answer = browser.post(address, {**fields, "faire": "envoyer"})
        assert "Message envoyé" in answer.text
        assert received(house, lise, subject) == 1
        assert parts(house.octets(lise, "INBOX")) == ([] if erased else [("planning.txt", b"lundi")])


def test_other_words_elsewhere_stay_a_draft(house: House, person: Principal, browser: Visitor, lise: Principal) -> None:
    """Two devices on one letter: what is sent leaves, what was written on the other one stays, and that is said."""
    browser.get("/m/ecrire")
    first = autosave(browser, "/m", form(browser, objet="Deux appareils", texte="début"))
    mine = form(browser, a=lise.login, objet="Deux appareils", brouillon=str(first["brouillon"]), cle=first["cle"])
    autosave(browser, "/m", {**mine, "texte": "écrit sur le téléphone"})
    answer = browser.post("/m/ecrire", {**mine, "texte": "écrit au bureau", "faire": "envoyer"})
    assert "Message envoyé. Une autre version, modifiée ailleurs, reste dans vos brouillons." in answer.text
    assert "écrit au bureau" in body(house.octets(lise, "INBOX"))
    assert house.subjects(person, "Drafts") == ["Deux appareils"]
    assert "écrit sur le téléphone" in body(house.octets(person, "Drafts"))


def test_the_other_version_can_be_sent_too(house: House, person: Principal, browser: Visitor, lise: Principal) -> None:
    """After the way back in the browser other words are another letter: asked about, never announced as sent."""
    browser.get("/s/ecrire")
    data, page = form(browser, a=lise.login, objet="Retour", texte="première", faire="envoyer"), browser.text
    assert "Message envoyé" in browser.post("/s/ecrire", data, page=page).text
    assert "Message envoyé" in browser.post("/s/ecrire", data, page=page).text
    assert received(house, lise, "Retour") == 1
    answer = browser.post("/s/ecrire", {**data, "texte": "seconde"}, page=page)
    assert "Une autre version de ce message est déjà partie" in answer.text
    assert received(house, lise, "Retour") == 1
    address, fields = asking(answer.text)
    assert "Message envoyé" in browser.post(address, {**fields, "faire": "envoyer"}).text
    assert received(house, lise, "Retour") == 2
    assert "seconde" in body(house.octets(lise, "INBOX"))
    assert house.subjects(person, "Drafts") == []


def test_other_words_while_the_first_wait(house: House, person: Principal, browser: Visitor, lise: Principal) -> None:
    """The same within the seconds in which a letter can be called back; that takes its claim back with it."""
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"undo_send": 10})
    browser.get("/s/ecrire")
    data, page = form(browser, a=lise.login, objet="Dix secondes", texte="un", faire="envoyer"), browser.text
    assert "Envoi dans" in browser.post("/s/ecrire", data, page=page).text
    departures = browser.text
    assert "ou attend de partir" in browser.post("/s/ecrire", {**data, "texte": "deux"}, page=page).text
    (waiting,) = house.store.read_now(outbox.listing, person.account_id)
    browser.post(f"/s/envois/{waiting.id}", {"faire": "annuler"}, page=departures)
    assert sorted(house.subjects(person, "Drafts")) == ["Dix secondes"] * 2
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"undo_send": 0})
    number = form(browser)["brouillon"]
    answer = browser.post("/s/ecrire", {**data, "texte": "trois", "brouillon": number})
    assert "Message envoyé" in answer.text
    assert "trois" in body(house.octets(lise, "INBOX"))


def test_other_options_are_another_version(house: House, person: Principal, browser: Visitor, lise: Principal) -> None:
    """Sent, then back in the browser for the tick that was forgotten: nobody is told that what left has it."""
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"undo_send": 10})
    browser.get("/s/ecrire")
    data, page = form(browser, a=lise.login, objet="Options", texte="un", faire="envoyer"), browser.text
    assert "Envoi dans" in browser.post("/s/ecrire", data, page=page).text
    forgotten = [
        *({name: "on"} for name in ("separes", "remise", "accuse", "urgent", "chiffrer")),
        {"copie": "-1"},
        {"de": f"{person.address} part"},
    ]
    said = {}
    for option in forgotten:
        text = browser.post("/s/ecrire", {**data, **option}, page=page).text
        said[str(option)] = "Une autre version de ce message" in text
        if "chiffrer" in option:
            address, fields = asking(text)
            browser.post(address, {**fields, "faire": "envoyer"})
    assert all(said.values()), said
    assert "Envoi dans" in browser.post("/s/ecrire", data, page=page).text, "and the same once more is no other"
    waiting = house.store.read_now(outbox.listing, person.account_id)
    assert [one.terms.require_tls for one in waiting] == [False, True]


def test_files_that_nobody_could_read_are_told_of_where_a_letter_cannot_leave_at_once(
    house: House, person: Principal, browser: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise Temporary("The directory is out of reach")

    monkeypatch.setattr(house.submission, "submit", away)
    browser.get("/s/ecrire")
    data = form(browser, a="parent@exemple.org", objet="Illisible", texte="x", faire="envoyer")
    broken = [("piece", ("dossier.docx", b"PK\x03\x04", "application/octet-stream"))]
    text = browser.post("/s/ecrire", data, files=broken).text
    assert "Envoi dans" in text
    assert re.search(r"n’ont pas pu être lus\s: 1", text)


@pytest.mark.parametrize("turn", range(4))
def test_the_answer_is_pressed_twice_while_the_draft_moves(
    house: House, person: Principal, browser: Visitor, lise: Principal, turn: int
) -> None:
    """Three presses of "Envoyer quand même" and the timer at the same time: one copy leaves."""
    subject = f"En même temps {turn}"
    browser.get("/s/ecrire")
    data = form(browser, a=lise.login, objet=subject, texte=ANNOUNCES)
    browser.post("/s/ecrire", {**data, "faire": "envoyer"})
    address, fields = asking(browser.text)
    mark = re.search(r'name="m_"\s+value="([^"]+)"', browser.text)
    assert mark
    answers: list[httpx.Response] = []
    fields["m_"] = mark[1]

    def press() -> None:
        answers.append(browser.http.post(address, data={**fields, "faire": "envoyer"}))

    def timer() -> None:
        browser.http.post("/s/ecrire/garder", data={**fields, **data, "brouillon": fields["brouillon"]})

    threads = [threading.Thread(target=work) for work in (press, timer, press, press)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [200] * 3
    assert all("Message envoyé" in answer.text for answer in answers)
    assert received(house, lise, subject) == 1
    assert house.subjects(person, "Sent").count(subject) == 1
    assert house.subjects(person, "Drafts") == []


def test_a_file_posted_twice_leaves_once(house: House, person: Principal, browser: Visitor, lise: Principal) -> None:
    """The second press of the button brings the file again, for a draft that has it by then."""
    browser.get("/s/ecrire")
    browser.post("/s/ecrire", form(browser, objet="Un fichier", texte=ANNOUNCES, faire="enregistrer"))
    data, page = {**form(browser, a="inconnu@ac-exemple.fr"), "faire": "envoyer"}, browser.text
    assert browser.post("/s/ecrire", data, page=page, files=PLANNING).status_code == 422
    assert browser.post("/s/ecrire", data, page=page, files=PLANNING).status_code == 422
    assert parts(house.octets(person, "Drafts")) == [("planning.txt", b"lundi")]
    assert len(house.subjects(person, "Drafts")) == 1


def test_a_session_that_ends_at_the_question_keeps_the_letter(
    house: House, person: Principal, browser: Visitor, lise: Principal
) -> None:
    """What the page that asks carries is kept for its author, as the form's own text is."""
    browser.get("/s/ecrire")
    data = form(browser, a=lise.login, objet="Session finie", texte=ANNOUNCES, faire="envoyer")
    browser.post("/s/ecrire", data)
    address, fields = asking(browser.text)
    house.clock.ahead += 13 * 3600
    browser.post(address, {**fields, "faire": "envoyer"})
    browser.post("/connexion", {"identifiant": person.login, "mot_de_passe": PASSWORD, "interface": "simple"})
    assert form(browser)["texte"].strip() == ANNOUNCES
    assert "annonce une pièce jointe" in browser.post("/s/ecrire", {**form(browser), "faire": "envoyer"}).text
    address, fields = asking(browser.text)
    assert "Message envoyé" in browser.post(address, {**fields, "faire": "envoyer"}).text
    assert received(house, lise, "Session finie") == 1
    assert house.subjects(person, "Drafts") == []


def test_formatted_text_and_options_pass_through_the_question(
    house: House, person: Principal, browser: Visitor, lise: Principal
) -> None:
    """What is sent is what was asked about, formatting, blind copies and planned time included."""
    browser.get("/m/ecrire")
    data = form(
        browser, a=lise.login, cci="secret@exemple.org", objet="", html="<div>Voir <b>ci-joint</b></div>", editeur="1"
    )
    browser.post("/m/ecrire", {**data, "faire": "envoyer", "accuse": "on"})
    address, fields = asking(browser.text)
    autosave(browser, "/m", {**data, "accuse": "on", "brouillon": fields["brouillon"], "cle": fields["cle"]})
    browser.post(address, {**fields, "faire": "envoyer"})
    octets = house.octets(lise, "INBOX")
    assert b"<b>ci-joint</b>" in octets
    assert f"Disposition-Notification-To: {person.address}".encode() in octets
    assert b"secret@exemple.org" not in octets
    assert "secret@exemple.org" in {address for address, _ in house.outgoing()}


def test_pieces_of_another_message_reach_a_draft_that_moved(
    house: House, person: Principal, browser: Visitor, lise: Principal
) -> None:
    """A page beside the letter goes on with it, too."""
    source = house.deliver(person, _with_file())
    browser.get("/m/ecrire")
    first = autosave(browser, "/m", form(browser, objet="Emprunt", texte="x"))
    browser.get(f"/m/ecrire/{first['brouillon']}/depuis")
    page, key = browser.text, browser.field("cle")
    autosave(
        browser, "/m", {"objet": "Emprunt", "texte": "x", "cle": first["cle"], "brouillon": str(first["brouillon"])}
    )
    ticked = re.search(rf'name="prendre"\s+value="(0:{source}:[^"]+)"', page)
    assert ticked
    taken = {"prendre": ticked[1], "cle": key}
    assert browser.post(f"/m/ecrire/{first['brouillon']}/depuis", taken, page=page).status_code == 200
    assert parts(house.octets(person, "Drafts")) == [("note.txt", b"vu")]


def _with_file() -> bytes:
    return (
        b"From: x@exemple.org\r\nTo: y@exemple.org\r\nSubject: Avec\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nvoici\r\n'
        b'--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename="note.txt"\r\n\r\nvu'
        b"\r\n--b--\r\n"
    )
