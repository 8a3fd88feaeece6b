"""Folders: move, colour, follow, mark read, empty, share, export, import; special folders cannot be lost."""

import io
import re
import zipfile

import pytest

from mailserver.model.identity import Principal, Role
from mailserver.store.account import stored_preferences
from mailserver.store.mail import access, mailboxes, messages
from mailserver.store.mail.access import Viewer
from mailserver.store.mail.access.rights import WORDS
from mailserver.store.mail.deleted import retention
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin, Wanted
from tests.webui.house import House, Visitor, mail

ORIGIN = Origin("tests", "web")


@pytest.fixture
def person(house: House, request: pytest.FixtureRequest) -> Principal:
    return house.person("Fanny", f"N{abs(hash(request.node.name)) % 10**8}")


def make(house: House, browser: Visitor, person: Principal, title: str, inside: str = "") -> mailboxes.Mailbox:
    browser.get("/s/dossiers")
    above = str(house.box(person, inside).id) if inside else ""
    browser.post("/s/dossiers", {"nom": title, "dans": above})
    return house.box(person, f"{inside}/{title}" if inside else title)


def change(browser: Visitor, box: mailboxes.Mailbox, **data: str) -> str:
    browser.get(f"/s/dossier/{box.id}/modifier")
    return browser.post(f"/s/dossier/{box.id}/modifier", data).text


def names(house: House, person: Principal) -> set[str]:
    return {box.name for box in house.store.read_now(mailboxes.listing, person.account_id)}


def test_a_folder_moves_with_what_it_contains(house: House, person: Principal, browser: Visitor) -> None:
    make(house, browser, person, "Classes")
    third = make(house, browser, person, "3e B")
    make(house, browser, person, "Parents", inside="3e B")
    change(browser, third, faire="renommer", nom="3e B", dans=str(house.box(person, "Classes").id))
    assert {"Classes/3e B", "Classes/3e B/Parents"} <= names(house, person)
    assert {"Classes/3e B", "Classes/3e B/Parents"} <= house.store.read_now(mailboxes.subscriptions, person.account_id)
    inner = house.box(person, "Classes/3e B/Parents")
    answer = change(browser, third, faire="renommer", nom="3e B", dans=str(inner.id))
    assert "dans un dossier qu’il contient" in answer
    change(browser, third, faire="renommer", nom="3e B", dans="")
    assert "3e B/Parents" in names(house, person)


def test_colour_and_following(house: House, person: Principal, browser: Visitor) -> None:
    box = make(house, browser, person, "Projet")
    change(browser, box, faire="garder", couleur="vert")
    assert house.store.read_now(stored_preferences.preferences, person.account_id).colour(box.id) == "vert"
    assert "Projet" not in house.store.read_now(mailboxes.subscriptions, person.account_id)
    assert "caché aux autres logiciels" in browser.get("/s/dossiers").text
    change(browser, box, faire="garder", couleur="url(x)", suivi="1")
    assert house.store.read_now(stored_preferences.preferences, person.account_id).colours == ()
    assert "Projet" in house.store.read_now(mailboxes.subscriptions, person.account_id)


def test_everything_is_marked_read_or_removed(house: House, person: Principal, browser: Visitor) -> None:
    for number in range(3):
        house.deliver(person, mail(f"N {number}"))
    inbox = house.box(person, "INBOX")
    assert "3 messages marqués comme lus" in change(browser, inbox, faire="lu")
    assert house.box(person, "INBOX").unseen == 0
    assert "Cochez la case" in change(browser, inbox, faire="vider")
    assert house.box(person, "INBOX").messages == 3
    assert "3 messages effacés" in change(browser, inbox, faire="vider", confirme="1")
    assert house.box(person, "INBOX").messages == 0


def test_what_came_after_the_page_is_neither_marked_nor_removed(
    house: House, person: Principal, browser: Visitor
) -> None:
    """Nobody meant it: the page said how many."""
    house.deliver(person, mail("Vu"))
    inbox = house.box(person, "INBOX")
    page = f"/s/dossier/{inbox.id}/modifier"
    for action, left in (("lu", (2, 1)), ("vider", (1, 1))):
        browser.get(page)
        before = browser.field("avant")
        house.deliver(person, mail("Arrivé entre-temps"))
        browser.post(page, {"faire": action, "confirme": "1", "avant": before})
        box = house.box(person, "INBOX")
        assert (box.messages, box.unseen) == left, action
    house.deliver(person, mail("Encore un"))
    trash = house.box(person, "Trash")
    house.store.write_now(messages.move, person.account_id, inbox.id, trash.id, [3])
    browser.get(f"/s/dossier/{trash.id}/vider")
    before = browser.field("avant")
    house.store.write_now(messages.move, person.account_id, inbox.id, trash.id, [4])
    assert "1 message effacé" in browser.post(f"/s/dossier/{trash.id}/vider", {"avant": before}).text
    assert house.box(person, "Trash").messages == 1
    own = make(house, browser, person, "Classe")
    browser.get(f"/s/dossier/{own.id}/modifier")
    before = browser.field("avant")
    house.store.write_now(messages.move, person.account_id, trash.id, own.id, [2])
    asked = {"faire": "supprimer", "confirme": "1", "avant": before}
    assert "arrivés dans ce dossier entre-temps" in browser.post(f"/s/dossier/{own.id}/modifier", asked).text
    browser.post(f"/s/dossier/{own.id}/modifier", {**asked, "avant": browser.field("avant")})
    assert "Classe" not in names(house, person)


def test_how_long_messages_stay_is_chosen_and_confirmed(house: House, person: Principal, browser: Visitor) -> None:
    house.deliver(person, mail("Ancien"))
    trash = house.box(person, "Trash")
    house.store.write_now(messages.move, person.account_id, house.box(person, "INBOX").id, trash.id, [1])
    change(browser, trash, faire="conserver", jours="30")
    assert house.store.read_now(retention.of, person.account_id) == {trash.id: 30}
    assert "messages gardés 30 jours" in browser.get("/s/dossiers").text.replace("\u202f", " ").replace("\xa0", " ")
    change(browser, trash, faire="conserver", jours="0")
    assert house.store.read_now(retention.of, person.account_id) == {}
    house.clock.ahead = 31 * 86400
    try:
        browser.log_in(person.login)
        asked = change(browser, trash, faire="conserver", jours="30")
        assert "effacer définitivement 1 message plus ancien" in asked
        assert house.store.read_now(retention.of, person.account_id) == {}, "nothing before it was confirmed"
        browser.post(f"/s/dossier/{trash.id}/modifier", {"faire": "conserver", "jours": "30", "confirme": "1"})
        assert house.store.read_now(retention.of, person.account_id) == {trash.id: 30}
    finally:
        house.clock.ahead = 0
    browser.log_in(person.login)
    inbox = house.box(person, "INBOX")
    assert "Conservation" not in browser.get(f"/s/dossier/{inbox.id}/modifier").text
    for box, days in ((inbox, "30"), (trash, "31")):
        browser.get(f"/s/dossier/{box.id}/modifier")
        answer = browser.post(f"/s/dossier/{box.id}/modifier", {"faire": "conserver", "jours": days, "confirme": "1"})
        assert answer.status_code in {400, 403, 422}
    assert house.store.read_now(retention.of, person.account_id) == {trash.id: 30}


@pytest.mark.parametrize("name", ["INBOX", "Drafts", "Sent", "Trash", "Junk", "Archive"])
def test_special_folders_cannot_be_lost(house: House, person: Principal, browser: Visitor, name: str) -> None:
    box = house.box(person, name)
    page = browser.get(f"/s/dossier/{box.id}/modifier").text
    assert "Supprimer le dossier" not in page
    for data in ({"faire": "supprimer", "confirme": "1"}, {"faire": "renommer", "nom": "Autre"}):
        browser.get(f"/s/dossier/{box.id}/modifier")
        assert browser.post(f"/s/dossier/{box.id}/modifier", data).status_code == 403
    assert name in names(house, person)


def test_sharing_by_role_is_what_imap_sees(house: House, person: Principal, browser: Visitor, marc: Principal) -> None:
    box = make(house, browser, person, "Commun")
    where = f"/s/dossier/{box.id}/partage"
    assert "Personne d’autre que vous." in browser.get(where).text
    text = browser.post(where, {"qui": marc.address.upper(), "role": "write"}).text
    assert "Partage enregistré" in text
    assert marc.name in text
    reach = house.store.read_now(access.listing, Viewer.of(marc.account_id, marc.login))
    (other,) = [one for one in reach if one.box.id == box.id]
    assert other.rights == frozenset("lrswipte")
    assert "partagé avec 1 autre" in browser.get("/s/dossiers").text
    browser.get(where)
    browser.post(where, {"qui": marc.login, "role": "read"})
    (entry,) = house.store.read_now(access.entries, Viewer(person.account_id), "Commun")[1:]
    assert entry[2] == frozenset("lr")
    browser.post(where, {"retirer": marc.login})
    assert "Personne d’autre que vous." in browser.text
    events = house.store.read_now(audit.find, Wanted(person.account_id, Action.RIGHTS_CHANGED), 10)
    assert {event.service for event in events} == {"web"}
    assert len(events) == 3


def test_sharing_tells_no_name_that_the_directory_keeps(house: House, visitor: Visitor, marc: Principal) -> None:
    """Identifiers can be guessed one after another: whom a folder is shared with is named to who may know of them."""
    pupil, other = house.person("Tom", "Petit", Role.PUPIL), house.person("Lou", "Cachée", Role.PUPIL)
    visitor.log_in(pupil.login)
    box = make(house, visitor, pupil, "À deux")
    where = f"/s/dossier/{box.id}/partage"
    visitor.get(where)
    visitor.post(where, {"qui": marc.login, "role": "read"})
    assert marc.name in visitor.text
    visitor.post(where, {"qui": other.login, "role": "read"})
    viewer = Viewer.of(pupil.account_id, pupil.login)
    house.store.write_now(access.change, viewer, "À deux", other.login, "=", WORDS["read"], ORIGIN, negative=False)
    shown = visitor.get(where).text
    assert other.login in shown
    assert other.name not in shown
    assert other.address not in shown


def test_sharing_refuses_strangers_and_oneself(house: House, person: Principal, browser: Visitor) -> None:
    box = make(house, browser, person, "Fermé")
    where = f"/s/dossier/{box.id}/partage"
    for who in ("personne.inconnue", "", "anyone", "$", "$inconnue@ac-exemple.fr", person.login, "x" * 400):
        browser.get(where)
        assert browser.post(where, {"qui": who, "role": "read"}).status_code == 422, who
    browser.get(where)
    assert browser.post(where, {"qui": person.login, "role": "tout"}).status_code == 422
    assert len(house.store.read_now(access.entries, Viewer(person.account_id), "Fermé")) == 1


def test_a_folder_leaves_and_comes_back(house: House, person: Principal, browser: Visitor) -> None:
    for number in range(3):
        house.deliver(person, mail(f"Export {number}"))
    inbox = house.box(person, "INBOX")
    midnight = house.clock.forward_to(0, 10)  # in UTC it is yesterday
    browser.log_in(person.login)
    browser.get(f"/s/dossier/{inbox.id}/modifier")
    answer = browser.post(f"/s/dossier/{inbox.id}/exporter", {})
    assert answer.headers["content-disposition"].startswith("attachment")
    assert f"-{midnight:%Y-%m-%d}.mbox.zip" in answer.headers["content-disposition"]
    octets = answer.content
    with zipfile.ZipFile(io.BytesIO(octets)) as file:
        assert file.namelist() == ["INBOX.mbox"]
    box = make(house, browser, person, "Retour")
    page = browser.get(f"/s/dossier/{box.id}/modifier").text
    files = {"fichiers": ("tout.zip", octets, "application/zip")}
    browser.post(f"/s/dossier/{box.id}/importer", {}, page, files=files)
    assert "3 messages importés" in browser.text
    assert house.subjects(person, "Retour") == ["Export 0", "Export 1", "Export 2"]
    wrong = {"fichiers": ("photo.jpg", b"\xff\xd8<script>", "image/jpeg")}
    browser.post(f"/s/dossier/{box.id}/importer", {}, page, files=wrong)
    assert "ce genre de fichier n’est pas importé" in browser.text
    browser.post(f"/s/dossier/{box.id}/importer", {}, page, files=files)
    assert "3 messages y étaient déjà" in browser.text
    empty = {"fichiers": ("", b"", "application/zip")}
    assert browser.post(f"/s/dossier/{box.id}/importer", {}, page, files=empty).status_code == 422


@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 +0000", "Fri, 31 Dec 9999 23:59:59 -1200"])
def test_a_message_of_the_last_day_there_is_closes_no_folder(
    house: House, person: Principal, browser: Visitor, date: str
) -> None:
    """Its Date field says when an imported one came: on the reader's clock that is a day beyond the calendar."""
    box = make(house, browser, person, "Loin")
    page = browser.get(f"/s/dossier/{box.id}/modifier").text
    files = {"fichiers": ("loin.eml", mail("Au bout du temps", date=date), "message/rfc822")}
    browser.post(f"/s/dossier/{box.id}/importer", {}, page, files=files)
    assert "1 message importé" in browser.text
    for where in ("s", "m"):
        listed = browser.get(f"/{where}/dossier/{box.id}")
        assert listed.status_code == 200
        assert "Au bout du temps" in listed.text
    assert browser.get("/s/recherche?q=bout").status_code == 200


def test_an_import_says_that_a_header_is_too_big(house: House, person: Principal, browser: Visitor) -> None:
    inbox = house.box(person, "INBOX")
    browser.get(f"/s/dossier/{inbox.id}/modifier")
    octets = b"X:\r\n" * (house.settings.limits.header_fields + 1) + mail("Trop")
    files = {"fichiers": ("trop.eml", octets, "message/rfc822")}
    answer = browser.post(f"/s/dossier/{inbox.id}/importer", {}, files=files)
    assert "en-tête trop volumineux" in answer.text
    assert house.subjects(person, "INBOX") == []


def test_folders_of_others_are_not_there(house: House, browser: Visitor, marc: Principal) -> None:
    box = house.box(marc, "INBOX")
    mark = browser.get("/s/dossiers").text
    for path in ("modifier", "partage"):
        assert browser.get(f"/s/dossier/{box.id}/{path}").status_code == 404
        assert browser.post(f"/s/dossier/{box.id}/{path}", {"faire": "lu"}, mark).status_code == 404
    assert browser.post(f"/s/dossier/{box.id}/exporter", {}, mark).status_code == 404
    files = {"fichiers": ("a.eml", mail("Chez Marc"), "message/rfc822")}
    assert browser.post(f"/s/dossier/{box.id}/importer", {}, mark, files=files).status_code == 404
    assert not re.search("Chez Marc", " ".join(house.subjects(marc, "INBOX")))
