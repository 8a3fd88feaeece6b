"""Search: words and form, scope, excerpts, pages by key, saved and last searches, huge mailboxes."""

import datetime
import re
from html import unescape
from zoneinfo import ZoneInfo

import pytest

from mailserver.model.identity import Principal
from mailserver.model.messages.criteria import Text
from mailserver.store.mail import messages
from mailserver.store.mail.access import Viewer
from mailserver.store.web import searches, webmail
from mailserver.store.web.webmail import Scope, searching
from tests.webui.house import House, Visitor, mail
from tests.webui.test_mail import rows

LETTER = "Bonjour,\n\n" + "Rien de neuf. " * 60 + "La réunion sur les Élèves boursiers est reportée.\n" + "Fin. " * 60


@pytest.fixture
def person(house: House, request: pytest.FixtureRequest) -> Principal:
    return house.person("Lucie", f"N{abs(hash(request.node.name)) % 10**8}")


def search(browser: Visitor, words: str, **more: str) -> list[str]:
    return rows(re.sub("</?mark>", "", browser.get("/s/recherche", params={"q": words, **more}).text))


def attached(name: str) -> bytes:
    return (
        "From: a@exemple.org\r\nSubject: Avec fichier\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x"
        "\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nVoici le bilan.\r\n--x\r\nContent-Type: application/pdf\r\n"
        f'Content-Disposition: attachment; filename="{name}"\r\n\r\nJVBERi0=\r\n--x--\r\n'
    ).encode()


def test_words_are_marked_with_what_stands_around_them(house: House, person: Principal, browser: Visitor) -> None:
    house.deliver(person, mail("Réunion du lundi", body=LETTER))
    assert search(browser, "eleves") == ["Réunion du lundi"]
    assert "réunion sur les <mark>Élèves</mark> boursiers" in browser.text
    assert search(browser, "REUNION") == ["Réunion du lundi"]
    assert "<mark>Réunion</mark> du lundi" in browser.text


def test_fields_in_both_languages(house: House, person: Principal, browser: Visitor) -> None:
    house.deliver(person, mail("Un", sender="Paul <paul@exemple.org>", more="Cc: Zoé <zoe@exemple.org>\r\n"))
    house.deliver(person, mail("Deux", more="List-Id: <profs.4b.ac-exemple.fr>\r\n", body="Autre texte\n"))
    house.deliver(person, attached("Bulletin été.pdf"))
    for words, found in (
        ("de:paul", ["Un"]),
        ("from:paul", ["Un"]),
        ("cc:zoe", ["Un"]),
        ("liste:profs", ["Deux"]),
        ("list:profs", ["Deux"]),
        ("pj:bulletin", ["Avec fichier"]),
        ("file:ete", ["Avec fichier"]),
        ("pj:bilan", []),
        ("a:pj", ["Avec fichier"]),
        ("objet:un OU objet:deux", ["Deux", "Un"]),
        ("-de:paul -a:pj", ["Deux"]),
        ("est:répondu", []),
    ):
        assert search(browser, words) == found, words


def test_a_day_is_that_of_the_readers_clock(house: House, person: Principal, browser: Visitor) -> None:
    """Half past midnight in Paris is yesterday in UTC; the list says today."""
    box = house.box(person, "INBOX")
    for subject, hour in (("Minuit", 0), ("Soir", 23)):
        prepared = house.run(house.delivery.prepare(mail(subject)))
        came = int(datetime.datetime(2026, 7, 14, hour, 30, tzinfo=ZoneInfo("Europe/Paris")).timestamp())
        house.store.write_now(messages.append, person.account_id, box.id, prepared, (), came)
    assert sorted(search(browser, "le:14/07/2026")) == ["Minuit", "Soir"]
    assert search(browser, "avant:14/07/2026") == []
    assert sorted(search(browser, "après:14/07/2026")) == ["Minuit", "Soir"]
    assert search(browser, "après:15/07/2026") == []


def test_tags_are_searched_by_their_name(house: House, person: Principal, browser: Visitor) -> None:
    content = house.deliver(person, mail("Marqué"))
    box = house.box(person, "INBOX")
    house.store.write_now(webmail.flag, person.account_id, box.id, [content], "+", ["$label1"])
    assert search(browser, "étiquette:important") == ["Marqué"]
    assert search(browser, "tag:$label1") == ["Marqué"]


def test_pages_are_found_by_key_and_lead_to_the_end(house: House, person: Principal, browser: Visitor) -> None:
    for number in range(60):
        day = f"{number % 28 + 1:02}"
        house.deliver(person, mail(f"Point {number}", date=f"Tue, {day} Nov 2026 10:20:00 +0100"))
    box = house.box(person, "INBOX")
    first = search(browser, "objet:point")
    assert len(first) == 20
    assert "60 messages trouvés" in browser.text
    seen: list[str] = []
    page = search(browser, "objet:point", d=str(box.id))
    while True:
        seen += page
        following = browser.rel("next")
        if not following:
            break
        page = rows(re.sub("</?mark>", "", browser.get(f"/s/{following.removeprefix('/s/')}").text))
    assert len(seen) == len(set(seen)) == 60


def test_no_result_offers_the_wider_scope(house: House, person: Principal, browser: Visitor) -> None:
    house.deliver(person, mail("Ici"))
    archive = house.box(person, "Archive")
    assert search(browser, "ici", d=str(archive.id)) == []
    wider = browser.links(r"recherche\?q=ici$")
    assert wider
    assert rows(browser.get(wider[0]).text.replace("<mark>", "").replace("</mark>", "")) == ["Ici"]
    assert search(browser, 'ici dossier:"boite de reception"') == ["Ici"]


def test_searches_are_saved_beside_the_folders(browser: Visitor) -> None:
    browser.get("/s/recherche", params={"q": "est:nonlu a:pj"})
    browser.post("/s/recherche/garder", {"q": "est:nonlu a:pj", "d": "", "nom": "À traiter <b>"})
    assert "Recherche gardée" in browser.text
    page = browser.get("/s/").text
    assert "À traiter &lt;b&gt;" in page
    link = browser.links(r"recherche\?q=est")[0]
    browser.get(link)
    number = re.search(r'name="oublier"\s+value="(\d+)"', browser.text)
    assert number
    browser.post("/s/recherche/garder", {"q": "est:nonlu a:pj", "oublier": number.group(1)})
    assert "À traiter" not in browser.get("/s/").text


def test_somebody_elses_saved_search_stays(house: House, browser: Visitor, marc: Principal) -> None:
    house.store.write_now(searches.save, marc.account_id, "Sienne", "x", 0)
    number = house.store.read_now(searches.saved, marc.account_id)[0].id
    browser.get("/s/recherche", params={"q": "x"})
    browser.post("/s/recherche/garder", {"oublier": str(number)})
    assert house.store.read_now(searches.saved, marc.account_id)


def test_last_searches_are_offered_and_forgotten(house: House, person: Principal, browser: Visitor) -> None:
    for words in ("un", "deux", "un"):
        search(browser, words)
    assert [one.words for one in house.store.read_now(searches.recent, person.account_id)] == ["un", "deux"]
    assert "Dernières recherches" in browser.get("/s/recherche").text
    browser.post("/s/recherche/garder", {"effacer": "1"})
    assert "Dernières recherches" not in browser.get("/s/recherche").text
    for number in range(searches.MAX_RECENT + 3):
        search(browser, f"mot{number}")
    assert len(house.store.read_now(searches.recent, person.account_id)) == searches.MAX_RECENT


def test_nothing_hostile_comes_back(browser: Visitor) -> None:
    for words in ('"><script>', "<b>x</b>", "a" * 400, "taille>", ":::", "OU OU OU", "-", '-"', "de:"):
        answer = browser.get("/s/recherche", params={"q": words})
        assert answer.status_code == 200
        assert "<script>" not in answer.text
        assert unescape(browser.field("q"))[:300] == words[:300].strip()


def test_a_huge_mailbox_is_searched_piece_by_piece(
    house: House, person: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest piece first; a search that has to stop says where the next one goes on."""
    for number in range(30):
        house.deliver(person, mail(f"Suite {number}"))
    monkeypatch.setattr(searching, "PIECE", 7)
    monkeypatch.setattr(searching, "FEW", 3)
    box = house.box(person, "INBOX")
    moved = [house.deliver(person, mail("Ailleurs"))]
    target = house.box(person, "Archive").id
    house.store.write_now(webmail.move, person.account_id, box.id, target, moved, (b"t" * 32, 9))
    blobs = house.store.blobs
    read, viewer = house.store.read_now, Viewer(person.account_id)
    whole = read(webmail.find_in, viewer, box.id, Text("suite"), 50, lambda: False, folder=blobs).groups[0]
    assert (whole.total, whole.reached, len(whole.lines)) == (30, 0, 30)
    seen, below = [], 0
    for _ in range(5):
        part = read(webmail.find_in, viewer, box.id, Text("suite"), 50, lambda: True, folder=blobs, below=below)
        seen += [line.uid for line in part.groups[0].lines]
        below = part.groups[0].reached
    assert below == 0
    assert seen == [line.uid for line in whole.lines]
    everywhere = read(webmail.find, viewer, Scope.OWN, Text("suite"), 50, lambda: True, folder=blobs)
    assert everywhere.groups[0].reached
    assert [box.name for box in everywhere.unsearched] == ["Archive"]
