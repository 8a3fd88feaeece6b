"""Files of messages looked at without a script: what is shown, how it is served, and what is put where it belongs."""

import pytest

from mailserver.model.identity import Principal
from tests.previews.files import docx, odf, word, xlsx
from tests.previews.old_files import DOC
from tests.webui.hostile.envelopes import file, multipart
from tests.webui.house import House, Visitor, mail

OCTETS = "application/octet-stream"
EVENT = (
    "BEGIN:VEVENT\r\nUID:{n}\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:202612{n:02}T160000Z\r\nSUMMARY:Conseil {n}\r\n"
    "END:VEVENT\r\n"
)
CALENDAR = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{EVENT.format(n=1)}{EVENT.format(n=2)}END:VCALENDAR\r\n"
CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Awa Diallo\r\nN:Diallo;Awa;;;\r\nEMAIL:awa@exemple.org\r\nEND:VCARD\r\n"


@pytest.fixture
def person(emma: Principal) -> Principal:
    return emma


def attached(house: House, person: Principal, *files: tuple[str, str, bytes]) -> str:
    """The address of a message with these files: type, name, octets; the first is number 2."""
    text = b"Content-Type: text/plain\r\n\r\nVoir ci-joint.\r\n"
    parts = [_part(kind, f'attachment; filename="{name}"', octets) for kind, name, octets in files]
    head = mail("Fichiers").split(b"Content-Type")[0]
    return f"/s/message/{house.deliver(person, head + multipart(text, *parts))}"


def _part(kind: str, disposition: str, octets: bytes) -> bytes:
    if kind != "message/rfc822":
        return file(octets, kind, disposition)
    return f"Content-Type: {kind}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + octets


def test_office_files_are_shown_without_what_runs(house: House, browser: Visitor, person: Principal) -> None:
    hostile = odf("text", '<text:p>Lire <text:a xlink:href="javascript:alert(1)">ici</text:a> &lt;script&gt;</text:p>')
    grades = xlsx([["Élève", "Note"], ["Léa", 12.5]])
    at = attached(house, person, (OCTETS, "lettre.docx", docx(word("Bonjour"))), (OCTETS, "a.odt", hostile),
                  ("application/vnd.ms-excel", "notes.csv", "Élève;Note\r\nLéa;12,5".encode("cp1252")),
                  (OCTETS, "notes.xlsx", grades))  # fmt: skip
    assert "sandbox=" in browser.get(f"{at}/apercu/2").text
    piece = at.replace("/message/", "/piece/")
    shown = browser.http.get(f"{piece}/2/voir")
    assert shown.headers["content-type"].startswith("text/html")
    policy = shown.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "; sandbox allow-popups " in policy
    assert "allow-same-origin" not in policy
    assert "<p>Bonjour</p>" in shown.text
    text = browser.http.get(f"{piece}/3/voir").text
    assert "javascript:" not in text
    assert "&lt;script&gt;" in text
    assert "<td>Léa</td>" in browser.http.get(f"{piece}/4/voir").text
    assert "12,5" in browser.http.get(f"{piece}/5/voir").text


@pytest.mark.parametrize(
    ("name", "octets", "why"),
    [
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99, "protégé par un mot de passe"),
        ("a.xlsx", b"nothing", "abîmé"),
    ],
)
def test_what_cannot_be_shown_is_said_and_saved(
    house: House, browser: Visitor, person: Principal, name: str, octets: bytes, why: str
) -> None:
    at = attached(house, person, (OCTETS, name, octets))
    assert why in browser.get(f"{at}/apercu/2").text
    piece = at.replace("/message/", "/piece/") + "/2"
    assert f'href="{piece}" download' in browser.text
    assert "<iframe" not in browser.text
    assert browser.http.get(f"{piece}/voir").status_code == 422


def test_players_get_the_ranges_they_ask_for(house: House, browser: Visitor, person: Principal) -> None:
    at = attached(house, person, (OCTETS, "dictee.mp3", b"ID3" + bytes(range(97))))
    assert "<audio" in browser.get(f"{at}/apercu/2").text
    address = at.replace("/message/", "/piece/") + "/2/voir"
    whole = browser.http.get(address)
    assert (whole.status_code, whole.headers["accept-ranges"], len(whole.content)) == (200, "bytes", 100)
    assert whole.headers["content-type"] == "audio/mpeg"
    asked = {
        "bytes=0-2": (206, "0-2/100"),
        "bytes=90-": (206, "90-99/100"),
        "bytes=-10": (206, "90-99/100"),
        "bytes=98-200": (206, "98-99/100"),
        "bytes=100-": (416, "*/100"),
        "bytes=9-3": (416, "*/100"),
    }
    for field, (status, told) in asked.items():
        answer = browser.http.get(address, headers={"range": field})
        assert (answer.status_code, answer.headers["content-range"]) == (status, f"bytes {told}"), field
    assert browser.http.get(address, headers={"range": "bytes=0-2"}).content == b"ID3"
    assert browser.http.get(address, headers={"range": "bytes=0-1,5-6"}).status_code == 200


def test_events_go_into_the_agenda_that_was_chosen_once(house: House, browser: Visitor, person: Principal) -> None:
    at = attached(house, person, ("text/calendar; charset=utf-8", "conseils.ics", CALENDAR.encode()))
    assert "Ajouter à mon agenda" in browser.get(at).text
    text = browser.get(f"{at}/apercu/2").text
    assert "Conseil 1" in text
    assert "mardi 1er décembre 2026, 17:00" in text
    choice = {"ou": browser.text.partition('name="ou"')[2].partition('value="')[2].partition('"')[0]}
    assert "2 événements ajoutés à votre agenda" in browser.post(f"{at}/apercu/2/agenda", choice).text
    assert "Tout était déjà dans cet agenda" in browser.post(f"{at}/apercu/2/agenda", choice).text
    assert "Conseil 1" in browser.get("/agenda/mois/2026-12-01").text
    browser.get(f"{at}/apercu/2")
    assert browser.post(f"{at}/apercu/2/agenda", {"ou": "987654321"}).status_code == 404
    browser.get(f"{at}/apercu/2")
    assert browser.post(f"{at}/apercu/1/agenda", choice).status_code == 404


def test_contacts_go_into_a_book_once(house: House, browser: Visitor, person: Principal) -> None:
    at = attached(house, person, ("text/vcard", "awa.vcf", CARD.encode()), ("text/x-vcard", "vide.vcf", b"rien"))
    text = browser.get(f"{at}/apercu/2").text
    assert "Awa Diallo" in text
    assert "awa@exemple.org" in text
    choice = {"ou": browser.text.partition('name="ou"')[2].partition('value="')[2].partition('"')[0]}
    assert "1 contact ajouté" in browser.post(f"{at}/apercu/2/contacts", choice).text
    assert "Tout était déjà dans ce carnet" in browser.post(f"{at}/apercu/2/contacts", choice).text
    assert "Awa Diallo" in browser.get("/s/contacts").text
    assert "ne peut qu’être enregistré" in browser.get(f"{at}/apercu/3").text


def test_an_attached_message_is_read_as_text(house: House, browser: Visitor, person: Principal) -> None:
    inner = (
        b"From: Vie scolaire <vs@exemple.org>\r\nTo: emma@exemple.org\r\nSubject: Absences <b>\r\n"
        b"Date: Mon, 30 Nov 2026 13:58:00 +0100\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n"
        b"Content-Type: text/html\r\n\r\n<p>Trois <img src=https://a.example/x.png>absences</p>\r\n--c\r\n"
        b'Content-Type: application/pdf\r\nContent-Disposition: attachment; filename="liste.pdf"\r\n\r\n%PDF-1.4\r\n'
        b"--c--\r\n"
    )
    at = attached(house, person, ("message/rfc822", "absences.eml", inner))
    text = browser.get(f"{at}/apercu/2").text
    for shown in ("Absences &lt;b&gt;", "Vie scolaire &lt;vs@exemple.org&gt;", "lundi 30 novembre 2026", "absences"):
        assert shown in text
    assert "a.example" not in text
    assert browser.http.get(at.replace("/message/", "/piece/") + "/2.2").content == b"%PDF-1.4"
    assert "/2.2" in text


def test_texts_are_read_by_the_mark_at_their_start(house: House, browser: Visitor, person: Principal) -> None:
    at = attached(
        house, person, (OCTETS, "notes.md", "é\r\nà".encode("utf-16")), (OCTETS, "a.py", "# été".encode("latin-1"))
    )
    piece = at.replace("/message/", "/piece/")
    assert browser.http.get(f"{piece}/2/voir").text == "é\nà"
    assert browser.http.get(f"{piece}/3/voir").text == "# été"


def test_somebody_else_puts_nothing_anywhere(
    house: House, browser: Visitor, person: Principal, marc: Principal
) -> None:
    at = attached(house, person, ("text/calendar", "a.ics", CALENDAR.encode()))
    other = house.visitor()
    other.log_in(marc.login)
    other.get("/s/")
    assert other.post(f"{at}/apercu/2/agenda", {"ou": "1"}).status_code == 404


def test_old_office_files_are_saved_where_nothing_shows_them(house: House, browser: Visitor, person: Principal) -> None:
    at = attached(
        house, person, ("application/msword", "lettre.doc", DOC), ("application/rtf", "lettre.rtf", b"{\\rtf1}")
    )
    assert "/apercu/" not in browser.get(at).text
    assert browser.get(f"{at}/apercu/2").status_code == 404
    answer = browser.http.get(at.replace("/message/", "/piece/") + "/3/voir")
    assert answer.headers["content-disposition"].startswith("attachment")
