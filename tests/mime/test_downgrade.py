"""Messages of eight bits in seven: what they say stays, what is signed is left alone."""

import email
import email.policy
from email.message import EmailMessage, Message

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.mime.body.parser import MAX_DEPTH
from mailserver.mime.writing.downgrade import PIECE, downgrade
from tests.mime.samples import crlf


def told(octets: bytes) -> list[tuple[str, str | None, bytes]]:
    """Type, file name and decoded content of every part, as Python's own reader has them."""
    message = email.message_from_bytes(octets, policy=email.policy.default)
    found = []
    for part in message.walk():
        if not part.is_multipart():
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            found.append((part.get_content_type(), part.get_filename(), content))
    return found


def rewritten(octets: bytes) -> bytes:
    written = downgrade(octets)
    assert written is not None
    assert written.isascii()
    return written


def test_what_is_ascii_stays_as_it_is() -> None:
    octets = b"Subject: x\r\n\r\nx\r\n"
    assert downgrade(octets) is octets


def test_text_becomes_quoted_printable_and_stays_readable() -> None:
    body = "Réunion à 14 h, salle 3.\r\n.\r\nFrom là \r\n" + "é" * 4 + "x" * 200 + "\r\n"
    octets = (
        "Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + body
    ).encode()
    written = rewritten(octets)
    assert b"Content-Transfer-Encoding: quoted-printable\r\n" in written
    assert b"8bit" not in written
    assert written.startswith(b"MIME-Version: 1.0\r\n")
    assert b"R=C3=A9union =C3=A0 14 h, salle 3.\r\n" in written
    assert max(map(len, written.split(b"\r\n"))) <= 78
    assert told(written) == told(octets)
    assert told(written)[0][2] == body.encode()


def test_what_is_no_text_and_what_has_few_letters_of_ascii_becomes_base64() -> None:
    for kind in ("text/plain; charset=koi8-r", "application/octet-stream"):
        octets = f"MIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\n".encode() + b"\xe9\xe8\r\n" * 50
        written = rewritten(octets)
        assert b"base64\r\n" in written
        assert told(written)[0][2] == b"\xe9\xe8\r\n" * 50


def test_a_long_text_is_the_same_in_pieces() -> None:
    body = ("déjà vu \r\n" * 9000 + "é" * 70_000 + "\r\nfin =\t\r\n").encode()
    assert len(body) > 2 * PIECE
    octets = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + body
    assert told(rewritten(octets))[0][2] == body


NESTED = crlf(
    'Subject: Été\nFrom: Émilie Dupont <e@a.fr>, "Dupont, Zoé" <z@a.fr>\nMIME-Version: 1.0\n'
    'Content-Type: multipart/mixed; boundary="b"\nContent-Transfer-Encoding: 8bit\n\n'
    "Ceci est en plusieurs parties, à lire autrement.\n--b\nContent-Type: text/plain; charset=utf-8\n\nété\n"
    "--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\nascii\n"
    "--c\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n<p>é</p>\n--c--\n"
    '--b\nContent-Type: application/pdf; name="résumé.pdf"\nContent-Transfer-Encoding: base64\n'
    'Content-Disposition: attachment; filename="résumé.pdf"\n\nAAAA\n'
    "--b\nContent-Type: message/rfc822\n\nSubject: Dedans, là\nFrom: x@a.fr\n\nà\n--b--\naprès\n"
)


def test_parts_within_parts_and_messages_within_messages() -> None:
    written = rewritten(NESTED)
    assert told(written) == told(NESTED)
    message = email.message_from_bytes(written, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert message["Subject"] == "Été"
    assert [(one.display_name, one.addr_spec) for one in message["From"].addresses] == [
        ("Émilie Dupont", "e@a.fr"),
        ("Dupont, Zoé", "z@a.fr"),
    ]
    inner = next(part for part in message.walk() if part.get_content_type() == "message/rfc822")
    attached = inner.get_payload(0)
    assert isinstance(attached, Message)
    assert attached["Subject"] == "Dedans, là"


@pytest.mark.parametrize(
    "octets",
    [
        "Content-Type: multipart/signed; boundary=x\n\n--x\n\né\n--x\n\ntwo\n--x--\n",
        "Content-Type: multipart/mixed; boundary=y\n\n--y\nContent-Type: multipart/signed; boundary=x\n\n--x\n\né\n"
        "--x\n\ntwo\n--x--\n--y--\n",
        "DKIM-Signature: v=1; d=elsewhere.fr\nSubject: x\n\né\n",
        "ARC-Seal: i=1\nSubject: x\n\né\n",
        "Content-Type: message/partial; id=a\n\né\n",
        "Content-Transfer-Encoding: x-unknown\n\né\n",
        "Content-Transfer-Encoding: base64\n\né\n",
        "From: é@a.fr\n\nx\n",
        "From: A <a@é.fr>\n\nx\n",
        "To: Amis: a@a.fr, é <b@a.fr>;\n\nx\n",
        "Received: from é by a.fr\n\nx\n",
        "Message-ID: <é@a.fr>\n\nx\n",
        "Content-Type: multipart/mixed; boundary=é\n\n--é\n\nx\n--é--\n",
        "é\n\nx\n",
    ],
)
def test_what_cannot_be_said_in_seven_bits_or_is_signed(octets: str) -> None:
    assert downgrade(crlf(octets)) is None


def test_a_header_in_no_known_charset() -> None:
    assert downgrade(b"Subject: \xe9\r\n\r\nx\r\n") is None


def test_nesting_beyond_its_bound() -> None:
    deep = b"Content-Type: message/rfc822\r\n\r\n" * (MAX_DEPTH + 5) + "Subject: x\r\n\r\né\r\n".encode()
    assert downgrade(deep) is None


@settings(max_examples=150, deadline=None)
@given(
    body=st.one_of(st.binary(max_size=300), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))),
    kind=st.sampled_from(["text/plain", "text/html; charset=utf-8", "application/x"]),
    encoding=st.sampled_from(["", "7bit", "8bit", "binary"]),
    within=st.integers(0, 2),
)
def test_every_body_decodes_to_what_it_was(body: bytes, kind: str, encoding: str, within: int) -> None:
    said = f"Content-Transfer-Encoding: {encoding}\r\n" if encoding else ""
    octets = f"Content-Type: {kind}\r\n{said}\r\n".encode() + body
    for number in range(within):
        edge = f"=_edge{number}".encode()
        head = b'Content-Type: multipart/mixed; boundary="' + edge + b'"\r\n\r\n--' + edge + b"\r\n"
        octets = head + octets + b"\r\n--" + edge + b"--\r\n"
    octets = b"MIME-Version: 1.0\r\n" + octets
    written = downgrade(octets)
    assert written is None or written.isascii()
    if written is not None and b"\r" not in body and b"\n" not in body and b"--" not in body:
        assert told(written) == told(octets)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60), st.sampled_from(["Subject", "X-Note", "From", "Content-Type", "Date"]))
def test_any_header_is_written_in_ascii_or_not_at_all(text: str, name: str) -> None:
    value = text.replace("\r", " ").replace("\n", " ").encode("utf-8", "replace")
    octets = name.encode() + b": " + value + b"\r\n\r\nx\r\n"
    written = downgrade(octets)
    assert written is None or written.isascii()
