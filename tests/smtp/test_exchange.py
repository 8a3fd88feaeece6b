"""Mail from outside for people of this house, with real clients."""

import smtplib

import pytest

from tests.smtp.house import DOMAIN, House

MESSAGE = b"From: a@ailleurs.fr\r\nSubject: x\r\n\r\nBonjour\r\n"


def test_smtplib_delivers(house: House) -> None:
    with smtplib.SMTP("127.0.0.1", house.ports["smtp"]) as client:
        client.sendmail("a@ailleurs.fr", [f"ada@{DOMAIN}", f"bob@{DOMAIN}"], MESSAGE)
    (ada,) = house.mail("ada")
    assert house.mail("bob") == [ada]
    assert ada.endswith(MESSAGE)
    assert ada.startswith(b"Return-Path: <a@ailleurs.fr>\r\nReceived: from ")


@pytest.mark.parametrize("port", ["smtp", "lmtp"])
@pytest.mark.parametrize("first", [b" for <recteur@ac-exemple.fr>; Mon, 1 Jan 2024 00:00:00 +0000", b"\tx"])
def test_no_line_of_a_stranger_becomes_part_of_our_trace(house: House, port: str, first: bytes) -> None:
    kind = smtplib.LMTP if port == "lmtp" else smtplib.SMTP
    with kind("127.0.0.1", house.ports[port], timeout=60) as client:
        client.ehlo_or_helo_if_needed()
        client.mail("a@ailleurs.fr")
        client.rcpt(f"ada@{DOMAIN}")
        code, text = client.data(first + b"\r\nSubject: x\r\n\r\nx\r\n")
    assert (code, text[:5]) == (554, b"5.6.0")
    assert house.mail("ada") == []


@pytest.mark.parametrize("port", ["smtp", "lmtp"])
def test_more_fields_than_a_header_may_have_are_refused(house: House, port: str) -> None:
    kind = smtplib.LMTP if port == "lmtp" else smtplib.SMTP
    with kind("127.0.0.1", house.ports[port], timeout=60) as client:
        client.ehlo_or_helo_if_needed()
        client.mail("a@ailleurs.fr")
        client.rcpt(f"ada@{DOMAIN}")
        answer = client.data(b"X:\r\n" * 10_001 + b"\r\nx\r\n")
    assert answer == (552, b"5.3.4 Header too big: too many fields")
    assert house.mail("ada") == []
