"""Functional boxes and shared folders, from reading to answering, in both interfaces: as a secretariat works there."""

import re
from collections.abc import Sequence
from html import unescape

import pytest

from directory import rosters
from directory.rosters import NewList
from mailserver.deliver import Envelope
from mailserver.identity import ListKind, Principal
from mailserver.mime import Part, scan, unpack
from mailserver.store import access, mailboxes, messages, sessions
from mailserver.store.access import Viewer, boxes
from mailserver.store.audit import Origin
from mailserver.store.flags import names
from tests.webui.hostile.envelopes import TEXT, file, multipart
from tests.webui.hostile.envelopes import message as written
from tests.webui.house import DOMAIN, House, Visitor, mail
from webui import frame

ORIGIN = Origin("test", "test")
BASES = ("/s", "/m")
FULL = {"read", "write", "send"}
_counter: list[int] = []


class Box:
    """A functional box with its holders."""

    def __init__(self, house: House, holders: dict[str, set[str]]) -> None:
        """`holders`: what each may do, by login."""
        _counter.append(0)
        self.house = house
        self.label = f"ce-{len(_counter)}"
        self.address = f"{self.label}@{DOMAIN}"
        where = rosters.House.of(house.settings)
        wanted = NewList(self.address, "Secrétariat du collège", members=(), kind=ListKind.FUNCTION)
        house.store.write_now(rosters.make, where, wanted, ORIGIN)
        self.hold(holders)
        self.account = house.store.read_now(boxes.find, self.address)

    def hold(self, holders: dict[str, set[str]], gone: Sequence[str] = ()) -> None:
        where = rosters.House.of(self.house.settings)
        wanted = {f"{login}@{DOMAIN}": words for login, words in holders.items()}
        left = [f"{login}@{DOMAIN}" for login in gone]
        self.house.store.write_now(rosters.hold, where, self.address, wanted, left, ORIGIN)

    def deliver(self, octets: bytes) -> int:
        recipient = self.house.run(self.house.delivery.resolve(self.address))
        return self.house.run(
            self.house.delivery.deliver(Envelope("parent@exemple.org", (recipient,)), octets)
        ).content_id

    def id(self, name: str = "INBOX") -> int:
        return self.house.store.read_now(mailboxes.get, self.account, name).id

    def kept(self, name: str = "INBOX") -> dict[str, set[str]]:
        """Subjects in one of its mailboxes, with their flags."""
        box = self.house.store.read_now(mailboxes.get, self.account, name)
        rows = self.house.store.read_now(messages.fetch, self.account, box.id, ("uid", "subject", "flags"))
        known = self.house.store.read_now(mailboxes.keywords, box.id)
        return {row[1]: set(names(row[2], known)) for row in rows}

    def acts(self) -> list[tuple[int, str]]:
        return [(act.actor_id, act.act) for act in self.house.store.read_now(access.acts, self.account, 20)]


@pytest.fixture
def rose(house: House) -> Principal:
    _counter.append(0)
    return house.person("Rose", f"Bureau-{len(_counter)}")


@pytest.fixture
def browser(house: House, rose: Principal) -> Visitor:
    made = house.visitor()
    made.log_in(rose.login)
    return made


@pytest.fixture(scope="module")
def zoe(house: House) -> Principal:
    return house.person("Zoé", "Parent")


def question(box: Box, zoe: Principal, subject: str = "Certificat", name: str = "question") -> int:
    """A parent's message with an attachment, which others got, too."""
    head = (
        f"From: Zoé Parent <{zoe.address}>\r\nTo: {box.address}, autre@exemple.org\r\nSubject: {subject}\r\n"
        f"Date: Tue, 24 Nov 2026 10:20:00 +0100\r\nMessage-ID: <{name}@exemple.org>\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
        '--b\r\nContent-Type: text/plain; charset="utf-8"\r\n\r\nPuis-je avoir un certificat ?\r\n'
        '--b\r\nContent-Type: application/pdf; name="demande.pdf"\r\nContent-Disposition: attachment; '
        'filename="demande.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQK\r\n--b--\r\n'
    )
    return box.deliver(head.encode())


def form(browser: Visitor, **changed: str) -> dict[str, str]:
    """The letter on the open page as its form would post it."""
    kept = {
        name: browser.field(name) for name in ("cle", "brouillon", "repond", "transfere", "boite", "signature", "objet")
    }
    kept |= {name: browser.field(name) for name in ("a", "cc", "cci")}
    chosen = re.search(r'<option value="([^"]*)" selected>[^<]*&lt;', browser.text)
    kept["de"] = unescape(chosen.group(1)) if chosen else ""
    if 'name="citation"' in browser.text:
        kept["citation"] = "on"
    return {"texte": "Voici.", "faire": "envoyer", **kept, **changed}


def last(house: House, person: Principal) -> tuple[bytes, Part]:
    octets = house.octets(person, "INBOX")
    return octets, unpack(scan(octets).parts)


# ---------------------------------------------------------------------- finding one's way


@pytest.mark.parametrize("base", BASES)
def test_box_is_in_the_column_and_opens(
    house: House, rose: Principal, browser: Visitor, base: str, zoe: Principal
) -> None:
    box = Box(house, {rose.login: FULL})
    content = question(box, zoe)
    browser.get(f"{base}/")
    assert f"<bdi>{box.label}</bdi>" in browser.text
    browser.get(f"{base}/dossier/{box.id()}")
    assert f"/partage/{box.id()}/{content}" in browser.text
    assert f"/ecrire?boite={box.id()}" in browser.text, "a letter that is begun here is the box's"
    page = browser.get(f"{base}/partage/{box.id()}/{content}").text
    assert "Puis-je avoir un certificat" in page
    assert "\\Seen" in box.kept()["Certificat"]
    for offered in ("archiver", "supprimer", "nonlu", "suivre", "indesirable", "deplacer", "copier"):
        assert f'value="{offered}"' in page, offered
    for end in ("source", "entetes", "imprimer", "eml", "apercu/2", "piece/2", "piece/2/voir"):
        assert browser.get(f"{base}/partage/{box.id()}/{content}/{end}").status_code == 200, end
    assert browser.get(f"{base}/partage/{box.id()}/{content}/pieces.zip").content[:2] == b"PK"


def test_who_only_reads_is_offered_only_that(house: House, rose: Principal, browser: Visitor, zoe: Principal) -> None:
    box = Box(house, {rose.login: {"read"}})
    content = question(box, zoe)
    for path in (f"/s/dossier/{box.id()}", f"/m/dossier/{box.id()}", f"/s/partage/{box.id()}/{content}"):
        page = browser.get(path).text
        for absent in ("archiver", "supprimer", "lu", "nonlu", "suivre", "indesirable", "deplacer", "effacer"):
            assert f'value="{absent}"' not in page, (path, absent)
        assert 'value="copier"' in page
    assert "\\Seen" not in box.kept()["Certificat"]


def test_acting_stays_within_the_box(house: House, rose: Principal, browser: Visitor, zoe: Principal) -> None:
    box = Box(house, {rose.login: FULL})
    for place, action in (("Archive", "archiver"), ("Junk", "indesirable"), ("Trash", "supprimer")):
        content = question(box, zoe, action)
        browser.get(f"/s/dossier/{box.id()}")
        browser.post(f"/s/dossier/{box.id()}/agir", {"m": str(content), "faire": action})
        assert action in box.kept(place)
        assert house.subjects(rose, place) == []
    content = question(box, zoe, "désirable")
    browser.get(f"/s/dossier/{box.id()}")
    browser.post(f"/s/dossier/{box.id()}/agir", {"m": str(content), "faire": "indesirable"})
    assert 'value="desirable"' in browser.get(f"/s/dossier/{box.id('Junk')}").text
    browser.post(f"/s/dossier/{box.id('Junk')}/agir", {"m": str(content), "faire": "desirable"})
    assert "désirable" in box.kept()


def test_what_was_moved_in_the_box_is_put_back(house: House, rose: Principal, browser: Visitor, zoe: Principal) -> None:
    box = Box(house, {rose.login: FULL})
    content = question(box, zoe)
    browser.get(f"/s/dossier/{box.id()}")
    browser.post(f"/s/dossier/{box.id()}/agir", {"m": str(content), "faire": "indesirable"})
    assert "$Junk" in box.kept("Junk")["Certificat"]
    browser.post("/s/annuler", {"jeton": browser.field("jeton")})
    assert "1 message remis à sa place" in browser.text
    assert "$Junk" not in box.kept()["Certificat"]
    browser.post(f"/s/dossier/{box.id()}/agir", {"m": str(content), "faire": "supprimer"})
    token = browser.field("jeton")
    assert f"{box.label} › Corbeille" in unescape(browser.get("/s/annuler").text)
    box.hold({rose.login: {"read"}})
    browser.post("/s/annuler", {"jeton": token})
    assert "trop tard" in browser.text
    assert "Certificat" in box.kept("Trash")


def test_what_cannot_be_put_back_is_not_offered_to_be(
    house: House, rose: Principal, browser: Visitor, marc: Principal
) -> None:
    """Taken away for good from a mailbox one may put nothing into."""
    content = house.deliver(marc, mail("À sens unique"))
    owner, inbox = Viewer.of(marc.account_id, marc.login), house.box(marc, "INBOX").id
    house.store.write_now(access.change, owner, "INBOX", rose.login, "=", frozenset("lrte"), ORIGIN, negative=False)
    browser.get(f"/s/dossier/{inbox}")
    browser.post(f"/s/dossier/{inbox}/agir", {"m": str(content), "faire": "supprimer"})
    assert "1 message mis à la corbeille" in browser.text
    assert 'name="jeton"' not in browser.text
    assert house.subjects(rose, "Trash") == ["À sens unique"]


def test_conversation_is_the_boxs_own(house: House, rose: Principal, browser: Visitor, zoe: Principal) -> None:
    box = Box(house, {rose.login: FULL})
    content = question(box, zoe)
    box.deliver(mail("Re: Certificat", more="References: <question@exemple.org>\r\n", body="Encore moi.\n"))
    house.deliver(rose, mail("Re: Certificat", more="References: <question@exemple.org>\r\n", body="À part.\n"))
    page = browser.get(f"/s/partage/{box.id()}/{content}?deplier=1").text
    assert "Encore moi" in page
    assert "À part" not in page
    assert "2 messages dans cette conversation" in page


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
    content = house.deliver(marc, mail("Pour Marc", sender=f"Zoé <{zoe.address}>"))
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
    house.store.write_now(sessions.revise_preferences, rose.account_id, {"undo_send": 10})
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


# ---------------------------------------------------------------------- search


@pytest.mark.parametrize("base", BASES)
def test_search_by_scope(house: House, rose: Principal, browser: Visitor, zoe: Principal, base: str) -> None:
    mine = house.deliver(rose, mail("Certificat à moi"))
    box = Box(house, {rose.login: {"read"}})
    other = Box(house, {zoe.login: {"read"}})
    theirs, hidden = question(box, zoe), question(other, zoe, "Certificat caché")
    own, shared = f"/message/{mine}?", f"/partage/{box.id()}/{theirs}?"
    for where, found in (("", {own}), ("-1", {shared}), ("-2", {own, shared}), (str(box.id()), {shared})):
        page = browser.get(f"{base}/recherche", params={"q": "certificat", "d": where}).text
        assert {one for one in (own, shared) if one in page} == found, where
        assert str(hidden) not in re.findall(r"/(\d+)\?d=", page)
        assert "caché" not in page
    assert f"{box.label} › Boîte de réception" in unescape(page)
    assert browser.get(f"{base}/recherche?q=certificat&d={other.id()}").status_code == 404
    assert "Chercher partout" in browser.get(f"{base}/recherche?q=introuvable").text
    page = browser.get(f"{base}/recherche?q=texte:certificat&d=-1").text
    assert "<mark>" in page
    box.hold({}, gone=[rose.login])
    page = browser.get(f"{base}/recherche?q=certificat&d=-2").text
    assert shared not in page
    assert own in page


def test_pages_show_no_more_mailboxes_than_fit(
    house: House, rose: Principal, browser: Visitor, zoe: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever shares thousands fills nobody's column; what a search finds there opens all the same."""
    first, second = Box(house, {rose.login: FULL}), Box(house, {rose.login: FULL})
    last_one = max(first, second, key=lambda box: box.label)
    content = question(last_one, zoe)
    monkeypatch.setattr(frame, "MAX_SHARED", 6)
    assert f"<bdi>{last_one.label}</bdi>" not in browser.get("/s/").text
    assert f"/partage/{last_one.id()}/{content}?" in browser.get("/s/recherche?q=certificat&d=-1").text
    assert browser.get(f"/m/partage/{last_one.id()}/{content}").status_code == 200
    assert f"<bdi>{last_one.label}</bdi>" in browser.get(f"/m/dossier/{last_one.id()}").text


def test_scope_is_kept_with_a_saved_search(house: House, rose: Principal, browser: Visitor, zoe: Principal) -> None:
    box = Box(house, {rose.login: {"read"}})
    content = question(box, zoe)
    browser.get("/s/recherche?q=certificat&d=-1")
    browser.post("/s/recherche/garder", {"q": "certificat", "d": "-1", "nom": "Certificats"})
    (kept,) = browser.links(r"/s/recherche\?q=certificat")[:1]
    assert f"/partage/{box.id()}/{content}" in browser.get(kept).text


def test_results_of_a_box_are_acted_on_by_rights(
    house: House, rose: Principal, browser: Visitor, zoe: Principal
) -> None:
    box = Box(house, {rose.login: {"read"}})
    question(box, zoe)
    assert 'value="supprimer"' not in browser.get("/s/recherche?q=certificat&d=-1").text
    box.hold({rose.login: FULL})
    page = browser.get("/s/recherche?q=certificat&d=-1").text
    assert 'value="supprimer"' in page


def test_letters_with_files_of_a_kind(house: House, rose: Principal, browser: Visitor) -> None:
    """Attachments of a formatted message in a box are served below its own address, pictures included."""
    box = Box(house, {rose.login: {"read"}})
    content = box.deliver(written(multipart(TEXT, file(b"un,deux\n", "text/csv")), subject="Tableau"))
    page = browser.get(f"/s/partage/{box.id()}/{content}").text
    links = browser.links(rf"/partage/{box.id()}/{content}/piece/")
    assert links
    assert f"/s/piece/{content}" not in page
