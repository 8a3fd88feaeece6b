"""What somebody writes as a MIME entity by hand: it says of itself what it is."""

import email
import email.policy

import pytest

from mailserver.mime.writing.entity import entity


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Content-Type: text/html\n\n<b>x</b>", b"Content-Type: text/html\r\n\r\n<b>x</b>"),
        (
            "Content-Type: text/plain; charset=utf-8\n\n\u00c9t\u00e9",
            b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xc3\x89t\xc3\xa9",
        ),
        (
            "content-transfer-encoding: 8bit\nContent-Type: text/plain; charset=utf-8\n\n\u00c9",
            b"content-transfer-encoding: 8bit\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\xc3\x89",
        ),
        ("\n\u00c9t\u00e9", b"Content-Transfer-Encoding: 8bit\r\n\r\n\xc3\x89t\xc3\xa9"),
    ],
)
def test_eight_bits_are_said(text: str, written: bytes) -> None:
    """RFC 2045 section 6.1: where nothing is said, seven are meant."""
    assert entity(text) == written


def test_a_header_is_in_ascii() -> None:
    octets = entity(
        'Content-Type: text/plain;\n name="\u00e9t\u00e9.txt"\nContent-Description: \u00c9t\u00e9\n'
        "Content-Language: fran\u00e7ais\n\nx"
    )
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert octets.isascii()
    assert message.get_filename() == "\u00e9t\u00e9.txt"
    assert message["Content-Description"] == "\u00c9t\u00e9"
    assert message["Content-Language"] is None, "no ASCII says it"
