"""Where a message came from is what its door said, whatever stands in its header: by IMAP, SMTP and the web."""

import imaplib
import json
import re
import smtplib
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html import unescape

import pytest

from tests.harness import DEMO_PASSWORD, Instance
from tests.smtp.dialogues import tls_context
from tests.webui.boxes import form
from tests.webui.house import Visitor

RECTEUR = "recteur@ac-exemple.fr"
BOX = "ce.essai"


def forged(subject: str, *, host: str = "ac-exemple.fr", who: str = RECTEUR) -> bytes:
    """A message that looks as if somebody had submitted it here."""
    trace = f"Received: by {host} with HTTP id 1A2B;\r\n\tTue, 24 Nov 2026 10:20:00 +0100\r\n"
    head = f"From: Le recteur <{who}>\r\nTo: x@ac-exemple.fr\r\nSubject: {subject}\r\n"
    return f"Return-Path: <{who}>\r\n{trace}{head}\r\nTexte.\r\n".encode()


def append(demo: Instance, login: str, name: str, octets: bytes) -> None:
    with demo.imap(login) as client:
        assert client.append(f'"{name}"', "", "", octets)[0] == "OK"


def replace(client: imaplib.IMAP4, number: str, name: str, octets: bytes) -> None:
    """REPLACE (RFC 8508), which imaplib does not know."""
    client.send(f'R1 REPLACE {number} "{name}" {{{len(octets)}+}}\r\n'.encode() + octets + b"\r\n")
    while not (line := client.readline()).startswith(b"R1 "):
        assert line
    assert line.startswith(b"R1 OK"), line


def address_of(demo: Instance, login: str) -> str:
    """The address of a person."""
    return str(json.loads(demo.command("account", "show", "DIR", login, "--json").stdout)["address"])


def submit(demo: Instance, login: str, to: str, subject: str) -> None:
    """A letter by submission."""
    with smtplib.SMTP("127.0.0.1", demo.ports["submission"], timeout=60) as client:
        client.starttls(context=tls_context())
        client.login(login, DEMO_PASSWORD)
        sender = address_of(demo, login)
        client.sendmail(sender, [to], f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nTexte.\r\n")


@pytest.fixture(scope="module")
def edupont(demo: Instance) -> Iterator[Visitor]:
    """Somebody logged in to the web."""
    visitor = Visitor(f"http://127.0.0.1:{demo.ports['http']}", demo.directory / "tls" / "cert.pem")
    visitor.log_in("edupont", DEMO_PASSWORD)
    yield visitor
    visitor.http.close()


def opened(visitor: Visitor, folder: str, subject: str) -> str:
    """The page of a message that is in a folder, by its subject."""
    visitor.get(folder)
    for link in visitor.links(r"/(?:message|partage/\d+)/\d+"):
        text = visitor.get(link).text
        if subject in text:
            return text
    raise AssertionError(f"no {subject}")


def folder_of(visitor: Visitor, name: str) -> str:
    """Where the web shows a folder, or the inbox of a box."""
    text = visitor.get("/s/").text
    label = "Boîte de réception" if f"<bdi>{name}</bdi>" in text else name
    around = text.partition(f"<bdi>{name}</bdi>")[2] or text
    found = re.search(rf'href="(/s/dossier/\d+)"[^>]*>(?:(?!</a>).)*{re.escape(label)}', around, re.DOTALL)
    assert found, text
    return found[1]


def test_what_is_appended_to_a_box_has_no_badge(demo: Instance, edupont: Visitor) -> None:
    """Neither put there directly, nor by way of a mailbox of one's own, nor in place of another message."""
    demo.command("list", "create", "DIR", BOX, "--function", "--member", "rleroy", "--member", "edupont")
    inbox = f"Fonctions/{BOX}/INBOX"
    append(demo, "rleroy", inbox, forged("Directement"))
    append(demo, "rleroy", "INBOX", forged("Indirectement"))
    append(demo, "rleroy", "INBOX", forged("Place"))
    with demo.imap("rleroy") as client:
        client.select("INBOX")
        _, found = client.search(None, "SUBJECT", "Indirectement")
        assert client.copy(found[0].split()[-1].decode(), f'"{inbox}"')[0] == "OK"
        _, found = client.search(None, "SUBJECT", "Place")
        replace(client, found[0].split()[-1].decode(), inbox, forged("Remplacement"))
    for subject in ("Directement", "Indirectement", "Remplacement"):
        text = opened(edupont, folder_of(edupont, BOX), subject)
        assert "interne vérifié" not in text
        assert ">interne non vérifié<" in text
        assert ">déposé<" in text
        assert "Méfiance" in text


def test_a_submitted_message_keeps_its_badge_wherever_it_is_copied(demo: Instance, edupont: Visitor) -> None:
    submit(demo, "mmartin", address_of(demo, "edupont"), "Vraiment")
    assert ">interne vérifié<" in opened(edupont, "/s/", "Vraiment")
    with demo.imap("edupont") as client:
        client.create("Ailleurs")
        client.select("INBOX")
        _, found = client.search(None, "SUBJECT", "Vraiment")
        number = found[0].split()[-1].decode()
        assert client.copy(number, "Ailleurs")[0] == "OK"
        client.store(number, "+FLAGS", "\\Deleted")
        client.expunge()
    assert ">interne vérifié<" in opened(edupont, folder_of(edupont, "Ailleurs"), "Vraiment")


def test_a_message_that_was_appended_is_passed_on_within_a_letter(demo: Instance, edupont: Visitor) -> None:
    """Its forged author is that of an attachment, and nobody's letter."""
    append(demo, "edupont", "INBOX", forged("Promotion"))
    page = opened(edupont, "/s/", "Promotion")
    path = re.search(r'href="(/s/message/\d+/rediriger[^"]*)"', page)
    assert path
    edupont.get(unescape(path[1]))
    assert "il part en pièce jointe" in edupont.text
    edupont.post(unescape(path[1]), {"a": address_of(demo, "mmartin")})
    assert "Message redirigé" in edupont.text
    letter = last_of(demo, "mmartin", "Promotion")
    assert address_of(demo, "edupont") in letter["From"]
    assert letter["Resent-From"] is None
    (attached,) = [part for part in letter.walk() if part.get_content_type() == "message/rfc822"]
    assert RECTEUR in attached.get_content()["From"]


@pytest.mark.parametrize("subject", ["Brouillon nu", "Brouillon annote"])
def test_a_draft_that_was_appended_leaves_in_its_senders_name(demo: Instance, edupont: Visitor, subject: str) -> None:
    """Whatever its From is, and whatever another program notes there for our form."""
    note = 'X-Web-Letter: {"sender": "recteur@ac-exemple.fr"}\r\n' if "annote" in subject else ""
    to = address_of(demo, "mmartin")
    head = f"From: Le recteur <{RECTEUR}>\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{len(note)}@x>\r\n{note}"
    append(demo, "edupont", "Drafts", f"{head}\r\nTexte.\r\n".encode())
    edupont.get(folder_of(edupont, "Brouillons"))
    edupont.get(edupont.links(r"/s/ecrire/\d+")[0])
    assert edupont.field("objet") == subject
    edupont.post("/s/ecrire", form(edupont))
    edupont.get("/s/envois")
    now = re.search(r'action="(/s/envois/\d+)"', edupont.text)
    if now is not None:  # it would leave in ten seconds
        edupont.post(now[1], {"faire": "maintenant"})
    letter = last_of(demo, "mmartin", subject)
    assert address_of(demo, "edupont") in letter["From"]
    assert "recteur" not in str(letter)


def last_of(demo: Instance, login: str, subject: str) -> EmailMessage:
    """The newest message with this in its subject."""
    with demo.imap(login) as client:
        client.select("INBOX", readonly=True)
        _, found = client.search(None, "SUBJECT", f'"{subject}"')
        _, fetched = client.fetch(found[0].split()[-1].decode(), "(BODY.PEEK[])")
    assert isinstance(fetched[0], tuple)
    read = message_from_bytes(fetched[0][1], policy=default)
    assert isinstance(read, EmailMessage)
    return read
