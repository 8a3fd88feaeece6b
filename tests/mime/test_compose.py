"""What we write is what everybody reads: our scanner, and the standard library as a second opinion."""

import email
import email.message
import email.policy
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.mime import scan, unpack
from mailserver.mime.writing import replies, trace_fields
from mailserver.mime.writing.compose import Attachment, NewMessage, attachment_part, build, text_part
from mailserver.mime.writing.dsn import Action, Fate, Report
from mailserver.mime.writing.dsn import build as build_report
from mailserver.mime.writing.fields import Correspondent, addresses, field, parameters
from tests.mime.samples import crlf

ELODIE = Correspondent("Élodie Dupont", "edupont@ac-exemple.fr")
NAME = "compte rendu très détaillé du conseil d'administration n° 12 de l'établissement.pdf"


def read(octets: bytes) -> email.message.EmailMessage:
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert isinstance(message, email.message.EmailMessage)
    for part in message.walk():
        assert not part.defects
    return message


def check_lines(octets: bytes) -> None:
    """CRLF only, no line over 998 octets, no blank line inside a header."""
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", octets)
    assert all(len(line) <= 998 for line in octets.split(b"\r\n"))


def message(**values: object) -> NewMessage:
    given_values = {"author": ELODIE, "date": 1693807200.0, "message_id": "<one@ac-exemple.fr>"} | values
    return NewMessage(**given_values)  # type: ignore[arg-type]


def test_whole_message() -> None:
    picture = Attachment("a.png", "image/png", b"\x89PNG", content_id="p1")
    inside = Attachment("note.eml", "message/rfc822", b"Subject: in\n\nhello\n")
    octets = build(
        message(
            to=(Correspondent("Martin, Jean", "jm@example.org"), Correspondent("", "été@exemple.fr")),
            cc=(Correspondent("C", "c@bücher.example"),),
            bcc=(Correspondent("", "secret@example.org"),),
            subject="Réunion de rentrée – salle 12, bâtiment des sciences et de la technologie",
            text="Bonjour à tous,\r\n\r\n.\nà demain\n",
            html="<p>Bonjour <img src=cid:p1></p>",
            attachments=(Attachment(NAME, "application/pdf", b"\0\1" * 500), picture, inside),
            in_reply_to="<zero@x>",
            references=("<a@x>", "<zero@x>"),
            zone=7200,
        )
    )
    check_lines(octets)
    assert b"secret" not in octets
    parsed = read(octets)
    assert parsed["subject"] == "Réunion de rentrée – salle 12, bâtiment des sciences et de la technologie"
    assert parsed["from"] == "Élodie Dupont <edupont@ac-exemple.fr>"
    assert parsed["to"].addresses[0].display_name == "Martin, Jean"
    assert parsed["cc"].addresses[0].domain == "xn--bcher-kva.example"
    assert parsed["date"] == "Mon, 04 Sep 2023 08:00:00 +0200"
    assert (parsed["in-reply-to"], parsed["references"]) == ("<zero@x>", "<a@x> <zero@x>")
    plain = parsed.get_body(("plain",))
    assert plain is not None
    assert plain.get_content().splitlines() == ["Bonjour à tous,", "", ".", "à demain"]
    files = list(parsed.iter_attachments())
    assert [file.get_filename() for file in files] == [NAME, "note.eml"]
    assert files[0].get_content() == b"\0\1" * 500
    assert files[1].get_content()["subject"] == "in"
    root = unpack(scan(octets).parts)
    assert [attachment.filename for attachment in root.attachments()] == [NAME, "note.eml"]
    note = root.attachments()[1]
    assert octets[note.body : note.end] == b"Subject: in\r\n\r\nhello\r\n"


def test_blind_copies_stay_in_drafts() -> None:
    bcc = (Correspondent("", "secret@example.org"),)
    assert b"Bcc: secret@example.org\r\n" in build(message(bcc=bcc), bcc=True)
    assert b"\r\nTo: undisclosed-recipients:;\r\n" in build(message(bcc=bcc))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=80), st.text(max_size=120))
def test_any_text(subject: str, text: str, name: str, file_name: str) -> None:
    """Header injection: nothing a person types adds a field or breaks a line."""
    octets = build(
        message(
            author=Correspondent(name, "a@example.org"),
            subject=subject,
            text=text,
            attachments=(Attachment(file_name, "text/plain", text.encode("utf-8", "replace")),),
        )
    )
    check_lines(octets)
    header = octets.partition(b"\r\n\r\n")[0]
    names = [line.split(b":")[0] for line in header.split(b"\r\n") if not line.startswith(b" ")]
    assert names == [b"Date", b"From", b"To", b"Message-ID", b"Subject", b"MIME-Version", b"Content-Type"]
    scanned = scan(octets)
    plain = " ".join(re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+", " ", subject).split())
    assert scanned.subject == plain[:1000]
    first, second = unpack(scanned.parts).children
    written = re.sub("\r\n|\r", "\n", text).encode("utf-8", "replace").decode()
    assert first.text(octets).rstrip("\n") == written.rstrip("\n")
    assert second.content(octets) == text.encode("utf-8", "replace")


def test_injected_line_ends() -> None:
    octets = build(
        message(
            subject="a\r\nBcc: x@y",
            to=(Correspondent("n\r\nBcc: x@y", "a@b\r\nBcc: x@y"),),
            in_reply_to="<a@b>\r\nBcc: x@y",
            more=(("X-Priority", "1\r\nBcc: x@y"),),
            attachments=(Attachment("a\r\nBcc: x", "text/plain\r\nBcc: x", b"x"),),
        )
    )
    assert b"\nBcc:" not in octets
    with pytest.raises(ValueError, match="field name"):
        field("Bad name", "x")


def test_encoding_of_text() -> None:
    assert text_part("hello").octets == b"Content-Type: text/plain; charset=us-ascii\r\n\r\nhello\r\n"
    assert b"quoted-printable" in text_part("é bien").header
    assert b"quoted-printable" in text_part("a" * 2000).header
    assert b"base64" in text_part("日本語の文章です").header
    assert b"quoted-printable" in text_part("a\0b").header


def test_attached_message_that_cannot_travel_is_octets() -> None:
    part = attachment_part(Attachment("x.eml", "message/rfc822", b"Subject: x\n\n" + b"a" * 5000))
    assert b"application/octet-stream" in part.header
    assert b"base64" in part.header
    assert b"8bit" in attachment_part(Attachment("x.eml", "message/rfc822", b"Subject: x\n\n\xe9\n")).header


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("message/delivery-status", b"application/octet-stream"),
        ("message/feedback-report", b"application/octet-stream"),
        ("message/partial", b"application/octet-stream"),
        ("multipart/mixed", b"application/octet-stream"),
        ("Message/RFC822", b"message/rfc822"),
        ("message/global", b"message/global"),
    ],
)
def test_no_composite_type_is_encoded(kind: str, written: bytes) -> None:
    """RFC 2045 section 6.4: whoever reads base64 under a type of message reads letters without sense."""
    part = attachment_part(Attachment("x", kind, b"Subject: x\n\ny\n"))
    assert part.header.startswith(b"Content-Type: " + written)
    assert (b"base64" in part.header) == (written == b"application/octet-stream")


def test_a_content_id_is_one_word_of_ascii() -> None:
    """Of a draft of another program it may be anything."""
    part = attachment_part(Attachment("p.png", "image/png", b"x", content_id="<plan d'\u00e9t\u00e9>\r\nX: y@x>"))
    assert b"\r\nContent-ID: <plan_d'_t____X:_y@x>\r\n" in part.header


@pytest.mark.parametrize("identifier", ["<" + "a" * 990 + "@x>", "<" + "a" * 970 + "@x>", "<clé@x>", "<a@x>"])
def test_message_ids_that_no_header_can_say_are_left_out(identifier: str) -> None:
    """Those of others may be too long for a line, or not in ASCII: what answers them leaves all the same."""
    octets = build(message(in_reply_to=identifier, references=("<zero@x>", identifier)))
    check_lines(octets)
    assert octets.partition(b"\r\n\r\n")[0].isascii()
    parsed = read(octets)
    is_said = len(identifier) < 985 and identifier.isascii()
    assert parsed["in-reply-to"] == (identifier if is_said else None)
    assert parsed["references"].split() == (["<zero@x>", identifier] if is_said else ["<zero@x>"])


def test_folding() -> None:
    folded = addresses("To", [Correspondent("Jean Dupont", f"user{number}@example.org") for number in range(20)])
    assert all(len(line) <= 78 for line in folded.split(b"\r\n"))
    assert field("Subject", "") == b"Subject:\r\n"
    assert field("X", "mot " * 60).count(b"\r\n ") >= 3
    assert parameters("Content-Type", "a/b", [("name", 'a "b"')]) == b'Content-Type: a/b; name="a \\"b\\""\r\n'


# ---------------------------------------------------------------------- answers


RECEIVED = crlf(
    "From: =?utf-8?q?H=C3=A9l=C3=A8ne?= <h@example.org>\nTo: me@ac-exemple.fr, Other <o@example.org>\n"
    "Cc: copy@example.org, h@example.org\nSubject: Re: Sortie\nMessage-ID: <two@x>\nReferences: <one@x>\n\nBonjour\n"
)


def mine(address: str) -> bool:
    return address == "me@ac-exemple.fr"


def test_reply() -> None:
    answer = replies.reply(RECEIVED, unpack(scan(RECEIVED).parts), mine)
    assert answer.to == (Correspondent("Hélène", "h@example.org"),)
    assert answer.cc == ()
    assert answer.subject == "Re: Sortie"
    assert (answer.in_reply_to, answer.references) == ("<two@x>", ("<one@x>", "<two@x>"))


def test_reply_to_all_leaves_oneself_out() -> None:
    answer = replies.reply(RECEIVED, unpack(scan(RECEIVED).parts), mine, everybody=True)
    assert [one.address for one in answer.cc] == ["o@example.org", "copy@example.org"]


def test_reply_to_goes_first_and_own_mail_goes_on() -> None:
    elsewhere = RECEIVED.replace(b"Cc:", b"Reply-To: list@example.org\r\nCc:")
    assert replies.reply(elsewhere, unpack(scan(elsewhere).parts), mine).to[0].address == "list@example.org"
    own = RECEIVED.replace(b"<h@example.org>\r\nTo:", b"<me@ac-exemple.fr>\r\nTo:")
    answer = replies.reply(own, unpack(scan(own).parts), mine)
    assert [one.address for one in answer.to] == ["me@ac-exemple.fr", "o@example.org"]


@pytest.mark.parametrize(
    ("subject", "reply", "forward"),
    [
        ("a", "Re: a", "Fwd: a"),
        ("RE : a", "Re: a", "Fwd: RE : a"),
        ("Re: RÉ: [liste] a", "Re: [liste] a", "Fwd: Re: RÉ: [liste] a"),
        ("TR: a", "Re: TR: a", "Fwd: a"),
        ("", "Re:", "Fwd:"),
    ],
)
def test_subjects(subject: str, reply: str, forward: str) -> None:
    assert replies.reply_subject(subject) == reply
    assert replies.forward_subject(subject) == forward


def test_quote() -> None:
    assert replies.quote("a\r\n\r\n> b\n") == "> a\n>\n>> b\n"


# ---------------------------------------------------------------------- trace fields and reports


def test_received() -> None:
    hop = trace_fields.Hop(
        "evil)\r\nX: y", "192.0.2.1", "mx.example.org", "ESMTPS", "abc", 1693807200, recipient="a@b", tls="TLSv1.3"
    )
    written = trace_fields.received(hop)
    assert written == (
        b"Received: from evilX:y ([192.0.2.1])\r\n\t(using TLSv1.3)\r\n\tby mx.example.org with ESMTPS id abc\r\n"
        b"\tfor <a@b>;\r\n\tMon, 04 Sep 2023 06:00:00 +0000\r\n"
    )
    assert b"[IPv6:2001:db8::1]" in trace_fields.received(trace_fields.Hop("x", "2001:db8::1", "y", "LMTP", "1", 0))
    octets = written + trace_fields.return_path("a@b\r\n") + b"received: x\r\n\r\nReceived: in body\r\n"
    assert trace_fields.count_received(octets, octets.index(b"\r\n\r\n") + 4) == 2
    assert trace_fields.return_path("") == b"Return-Path: <>\r\n"


def report(action: Action, *, whole: bool = False, recipient: str = "x@example.org") -> bytes:
    fate = Fate(recipient, action, "5.1.1", "550 5.1.1 No such\r\nuser", "mx.example.org", "rfc822;x@example.org", 1, 2)
    about = Report(
        "ac-exemple.fr", "mx.ac-exemple.fr", "edupont@ac-exemple.fr", 1693807200, "<r@x>", (fate,), 1, "env", whole
    )
    return build_report(about, build(message(subject="Été", text="secret de la classe")))


def test_report_of_failure() -> None:
    octets = report(Action.FAILED)
    check_lines(octets)
    parsed = read(octets)
    assert parsed.get_content_type() == "multipart/report"
    assert parsed.get_param("report-type") == "delivery-status"
    assert parsed["auto-submitted"] == "auto-replied"
    assert "Message non remis" in parsed["subject"]
    explained, status, returned = parsed.iter_parts()
    text = explained.get_content()
    assert text.index("n'a pas pu être remis") < text.index("could not be delivered")
    assert status.get_content_type() == "message/delivery-status"
    general, about = list(status.walk())[1:]
    assert general["Reporting-MTA"] == "dns; mx.ac-exemple.fr"
    assert general["Original-Envelope-Id"] == "env"
    assert about["Final-Recipient"] == "rfc822; x@example.org"
    assert about["Diagnostic-Code"] == "smtp; 550 5.1.1 No such user"
    assert about["Action"] == "failed"
    assert returned.get_content_type() == "text/rfc822-headers"
    assert "secret de la classe" not in returned.get_content()


def test_report_of_delay_and_success() -> None:
    assert b"Will-Retry-Until" in report(Action.DELAYED)
    assert "Message remis" in read(report(Action.DELIVERED))["subject"]


def test_report_with_the_whole_message() -> None:
    *_, returned = read(report(Action.FAILED, whole=True)).iter_parts()
    assert returned.get_content_type() == "message/rfc822"
    assert "secret de la classe" in returned.get_content().get_content()


def test_report_about_an_international_address() -> None:
    octets = report(Action.FAILED, recipient="été@example.org")
    assert "Final-Recipient: utf-8; été@example.org".encode() in octets
    assert b"message/global-delivery-status" in octets
