"""Functional boxes and shared folders in both interfaces: found, read, acted on and searched by rights."""

import re
from html import unescape

import pytest

from mailserver.model.identity import Principal
from mailserver.store.mail import access
from mailserver.store.mail.access import Viewer
from tests.webui.boxes import BASES, FULL, ORIGIN, Box, question
from tests.webui.hostile.envelopes import TEXT, file, multipart
from tests.webui.hostile.envelopes import message as written
from tests.webui.house import House, Visitor, mail
from webui.page.shell import mail_shell

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
    for offered in ("archiver", "supprimer", "nonlu", "suivre", "indesirable"):
        assert f'value="{offered}"' in page, offered
    where = ("ranger", "copie") if base == "/m" else ("vers",)
    assert all(f'name="{name}"' in page for name in where), "what is moved may be copied instead"
    assert base == "/m" or ('value="deplacer"' in page and 'value="copier"' in page)
    for end in ("source", "entetes", "imprimer", "eml", "apercu/2", "piece/2", "piece/2/voir"):
        assert browser.get(f"{base}/partage/{box.id()}/{content}/{end}").status_code == 200, end
    assert browser.get(f"{base}/partage/{box.id()}/{content}/pieces.zip").content[:2] == b"PK"


def test_who_only_reads_is_offered_only_that(house: House, rose: Principal, browser: Visitor, zoe: Principal) -> None:
    box = Box(house, {rose.login: {"read"}})
    content = question(box, zoe)
    reading = [f"{base}/partage/{box.id()}/{content}" for base in ("/s", "/m")]
    for path in (f"/s/dossier/{box.id()}", f"/m/dossier/{box.id()}", *reading):
        page = browser.get(path).text
        for absent in ("archiver", "supprimer", "lu", "nonlu", "suivre", "indesirable", "deplacer", "effacer"):
            assert f'value="{absent}"' not in page, (path, absent)
        copying = ('<input type="hidden" name="copie"', 'value="copier"')
        assert copying[0 if path.startswith("/m") else 1] in page, path
    # A menu of /m moves or copies by the same button: moving is refused, whatever the page says.
    before, target = box.kept(), house.box(rose, "Archive").id
    assert browser.get(f"/m/dossier/{box.id()}").text.count('name="ranger"') > 0
    forms = ({"ranger": str(target)}, {"ranger": str(box.id("Archive"))}, {"faire": "deplacer", "vers": str(target)})
    for fields in forms:
        browser.get(f"/m/dossier/{box.id()}")
        answer = browser.post(f"/m/dossier/{box.id()}/agir", {"m": str(content), **fields})
        assert answer.status_code == 403, fields
        assert (box.kept(), house.subjects(rose, "Archive"), box.kept("Archive")) == (before, [], {}), fields
    browser.get(f"/m/dossier/{box.id()}")
    browser.post(f"/m/dossier/{box.id()}/agir", {"m": str(content), "ranger": str(target), "copie": "1"})
    assert house.subjects(rose, "Archive") == ["Certificat"]
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
    assert re.search(r"\b2 messages, \d personnes?", page)


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
    monkeypatch.setattr(mail_shell, "MAX_SHARED", 6)
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
