"""Mail from outside for people of this house, with real clients."""

import smtplib

from tests.smtp.house import DOMAIN, House

MESSAGE = b"From: a@ailleurs.fr\r\nSubject: x\r\n\r\nBonjour\r\n"


def test_smtplib_delivers(house: House) -> None:
    with smtplib.SMTP("127.0.0.1", house.ports["smtp"]) as client:
        client.sendmail("a@ailleurs.fr", [f"ada@{DOMAIN}", f"bob@{DOMAIN}"], MESSAGE)
    (ada,) = house.mail("ada")
    assert house.mail("bob") == [ada]
    assert ada.endswith(MESSAGE)
    assert ada.startswith(b"Return-Path: <a@ailleurs.fr>\r\nReceived: from ")
