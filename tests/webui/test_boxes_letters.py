"""Letters from functional boxes and shared folders in both interfaces: in whose name, with what, where the copy is."""

import re
from html import unescape

import pytest

from mailserver.model.identity import Principal
from mailserver.store.account import stored_preferences
from mailserver.store.mail import access
from mailserver.store.mail.access import Viewer
from tests.webui.boxes import BASES, FULL, ORIGIN, Box, form, last, question
from tests.webui.house import House, Visitor, mail

# ---------------------------------------------------------------------- answering


@pytest.mark.parametrize("base", BASES)
def test_answer_in_the_name_of_the_box(
    house: House, rose: Principal, browser: Visitor, zoe: Principal, base: str
) -> None:
    box = Box(house, {rose.login: FULL})
    content = question(box, zoe)
    browser.get(f"{base}/ecrire?tous={content}&boite={box.id()}")
    said = unescape(browser.text)
    assert f"Au nom de {box.address}, la copie va dans les messages envoyés de la boîte" in said
    assert "Puis-je avoir un certificat" in said
    sent = form(browser)
    assert sent["de"] == box.address
    assert zoe.address in sent["a"]
    assert "autre@exemple.org" in sent["cc"]
    assert box.address not in sent["cc"], "the box does not write to itself"
    browser.post(f"{base}/ecrire", sent)
    assert "Message envoyé au nom de la boîte. La copie est dans les messages envoyés de la boîte" in browser.text
    assert browser.page is not None
    assert browser.page.url.path == f"{base}/dossier/{box.id()}"
    octets, root = last(house, zoe)
    assert root.header(octets, "From") == f"Secrétariat du collège <{box.address}>"
    assert root.header(octets, "In-Reply-To") == "<question@exemple.org>"
    assert root.header(octets, "References") == "<question@exemple.org>"
    assert b"> Puis-je avoir un certificat" in octets
    assert "\\Answered" in box.kept()["Certificat"]
    assert list(box.kept("Sent")) == ["Re: Certificat"]
    assert house.subjects(rose, "Sent") == []
    assert (rose.account_id, "send") in box.acts()


@pytest.mark.parametrize("base", BASES)
def test_forwarding_encloses_what_the_box_has(
    house: House, rose: Principal, browser: Visitor, zoe: Principal, base: str
) -> None:
    box = Box(house, {rose.login: FULL})
    content = question(box, zoe)
    browser.get(f"{base}/ecrire?transferer={content}&boite={box.id()}")
    assert "demande.pdf" in browser.text
    browser.post(f"{base}/ecrire", form(browser, a=zoe.address, reprise="2"))
    octets, root = last(house, zoe)
    assert [part.filename for part in root.attachments()] == ["demande.pdf"]
    assert "$forwarded" in {flag.casefold() for flag in box.kept()["Certificat"]}
    browser.get(f"/m/dossier/{box.id()}")
    browser.post(f"{base}/dossier/{box.id()}/agir", {"m": str(content), "faire": "transferer"})
    assert f'value="eml:{content}"' in browser.text
    browser.post(f"{base}/ecrire", form(browser, a=zoe.address, reprise=f"eml:{content}"))
    octets, root = last(house, zoe)
    assert [part.type for part in root.attachments()] == ["message/rfc822"]
    assert b"Puis-je avoir un certificat" in octets


def test_files_are_taken_from_messages_of_the_box(
    house: House, rose: Principal, browser: Visitor, zoe: Principal
) -> None:
    box = Box(house, {rose.login: FULL})
    content = question(box, zoe)
    browser.get(f"/s/ecrire?boite={box.id()}")
    browser.post("/s/ecrire", form(browser, a=zoe.address, objet="Dossier", faire="depuis"))
    assert browser.page is not None
    assert f"{box.label} › Boîte de réception" in unescape(browser.text)
    address, page = browser.page.url.path, browser.text
    assert f'value="{box.id()}:{content}:2"' in page
    box.hold({}, gone=[rose.login])
    browser.post(address, {"prendre": f"{box.id()}:{content}:2"})
    assert "demande.pdf" not in browser.text
    box.hold({rose.login: FULL})
    browser.post(f"{browser.page.url.path}/depuis", {"prendre": f"{box.id()}:{content}:2"})
    assert "demande.pdf" in browser.text


def test_who_may_not_send_in_its_name_answers_in_their_own(
    house: House, rose: Principal, browser: Visitor, zoe: Principal
) -> None:
    box = Box(house, {rose.login: {"read"}})
    content = question(box, zoe)
    browser.get(f"/s/ecrire?tous={content}&boite={box.id()}")
    assert f"Vous ne pouvez pas écrire au nom de {box.address}" in unescape(browser.text)
    sent = form(browser)
    assert box.address in sent["cc"], "colleagues see the answer"
    browser.post("/s/ecrire", {**sent, "cc": ""})
    octets, root = last(house, zoe)
    assert rose.address in root.header(octets, "From")
    assert root.header(octets, "In-Reply-To") == "<question@exemple.org>"
    assert "\\Answered" not in box.kept()["Certificat"], "who only reads marks nothing"
    assert house.subjects(rose, "Sent") == ["Re: Certificat"]
    browser.get(f"/s/ecrire?repondre={content}&boite={box.id()}")
    browser.post("/s/ecrire", form(browser, de=box.address))
    assert browser.page is not None
    assert browser.page.status_code == 422


def test_copy_of_who_may_file_nothing_there_is_their_own(
    house: House, rose: Principal, browser: Visitor, zoe: Principal
) -> None:
    box = Box(house, {rose.login: {"read", "send"}})
    content = question(box, zoe)
    browser.get(f"/s/ecrire?repondre={content}&boite={box.id()}")
    assert f"Au nom de {box.address}, la copie va dans vos messages envoyés" in unescape(browser.text)
    browser.post("/s/ecrire", form(browser))
    assert "La copie est dans vos messages envoyés" in browser.text
    assert house.subjects(rose, "Sent") == ["Re: Certificat"]
    assert list(box.kept("Sent")) == []
    assert (rose.account_id, "send") in box.acts()


def test_folder_of_a_person_is_answered_in_ones_own_name(
    house: House, rose: Principal, browser: Visitor, zoe: Principal, marc: Principal
) -> None:
    content = house.deliver(marc, mail("Pour Marc", sender="Une voisine <x@exemple.org>"))
    owner, inbox = Viewer.of(marc.account_id, marc.login), house.box(marc, "INBOX").id
    house.store.write_now(access.change, owner, "INBOX", rose.login, "=", frozenset("lrsw"), ORIGIN, negative=False)
    browser.get(f"/s/partage/{inbox}/{content}")
    assert "En votre nom" in browser.text
    quick = {"cle": browser.field("cle"), "a": zoe.address, "objet": "Re: Pour Marc", "texte": "Oui."}
    browser.post("/s/ecrire", {**quick, "repond": str(content), "boite": str(inbox), "faire": "envoyer"})
    octets, root = last(house, zoe)
    assert rose.address in root.header(octets, "From")
    browser.get(f"/s/ecrire?repondre={content}&boite={inbox}")
    assert f"Ce message vient d’un dossier de {marc.login}" in unescape(browser.text)


def test_new_letter_begun_in_the_box_is_the_boxs(
    house: House, rose: Principal, browser: Visitor, zoe: Principal
) -> None:
    box = Box(house, {rose.login: FULL})
    browser.get(f"/m/ecrire?boite={box.id()}")
    browser.post("/m/ecrire", form(browser, a=zoe.address, objet="Rentrée"))
    octets, root = last(house, zoe)
    assert box.address in root.header(octets, "From")
    assert list(box.kept("Sent")) == ["Rentrée"]


def test_copy_is_told_of_a_letter_that_waits(house: House, rose: Principal, browser: Visitor, zoe: Principal) -> None:
    """It can still be called back: where the copy will be, and where it is once the letter has left."""
    box = Box(house, {rose.login: FULL})
    house.store.write_now(stored_preferences.revise_preferences, rose.account_id, {"undo_send": 10})
    content = question(box, zoe)
    browser.get(f"/m/ecrire?repondre={content}&boite={box.id()}")
    browser.post("/m/ecrire", form(browser))
    assert "la copie ira dans les messages envoyés de la boîte" in browser.text
    assert browser.page is not None
    assert browser.page.url.path == f"/m/dossier/{box.id()}"
    address = re.search(r'data-envoi="([^"]+)"', browser.text)
    assert address
    assert browser.get(unescape(address.group(1))).json()["etat"] == "attend"
    house.clock.ahead += 11
    house.run(house.outbox().round())
    assert (
        "La copie est dans les messages envoyés de la boîte" in browser.get(unescape(address.group(1))).json()["texte"]
    )
    assert list(box.kept("Sent")) == ["Re: Certificat"]
    assert "\\Answered" in box.kept()["Certificat"]


# ---------------------------------------------------------------------- rights that go meanwhile


def test_rights_lost_while_one_writes(house: House, rose: Principal, browser: Visitor, zoe: Principal) -> None:
    """Between opening the form and sending: nothing of the box leaves, and what was typed is kept."""
    box = Box(house, {rose.login: FULL})
    content = question(box, zoe)
    browser.get(f"/s/ecrire?repondre={content}&boite={box.id()}")
    answer = form(browser)
    page = browser.text
    browser.get(f"/s/ecrire?transferer={content}&boite={box.id()}")
    forward = form(browser, a=zoe.address, reprise="2")
    before = len(house.subjects(zoe, "INBOX"))
    box.hold({}, gone=[rose.login])
    said = browser.post("/s/ecrire", answer, page)
    assert said.status_code == 422
    assert "ne pouvez pas écrire avec cette adresse" in said.text
    assert "Voici." in said.text
    assert "Puis-je avoir" not in said.text
    said = browser.post("/s/ecrire", {**answer, "cle": "b", "de": ""}, page)
    assert said.status_code == 422
    assert "n’avez plus accès au message d’origine" in unescape(said.text)
    said = browser.post("/s/ecrire", forward, page)
    assert said.status_code == 422
    assert "demande.pdf" not in said.text
    assert "pièces jointes n’ont pas été ajoutées" in unescape(said.text)
    assert len(house.subjects(zoe, "INBOX")) == before
    assert "\\Answered" not in box.kept()["Certificat"]
    draft = {**answer, "cle": "c", "de": "", "citation": ""}
    draft.pop("citation")
    browser.post("/s/ecrire", draft, page)
    octets, root = last(house, zoe)
    assert root.header(octets, "In-Reply-To") == ""
    assert b"Puis-je avoir" not in octets
    assert "\\Answered" not in box.kept()["Certificat"]
