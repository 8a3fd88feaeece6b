"""Delivery status notifications: what the sender gave as xtext is said in plain text."""

import pytest

from mailserver.mime.writing.dsn import Action, Fate, Report, build

ORIGINAL = b"From: a@ac-exemple.fr\r\nSubject: x\r\n\r\nBonjour\r\n"


@pytest.mark.parametrize(
    ("orcpt", "said"),
    [
        ("rfc822;un+2Bdeux@ailleurs.fr", "rfc822;un+deux@ailleurs.fr"),
        ("rfc822;un+3Ddeux+7F@ailleurs.fr", "rfc822;un=deux+7F@ailleurs.fr"),
        ("utf-8;un+2Bdeux@ailleurs.fr", "utf-8;un+2Bdeux@ailleurs.fr"),
    ],
)
def test_xtext_is_decoded(orcpt: str, said: str) -> None:
    """RFC 3461 section 6.3; line ends stay encoded, so that none of them begins a field."""
    fate = Fate("un@ailleurs.fr", Action.FAILED, "5.1.1", orcpt=orcpt)
    report = Report(
        "ac-exemple.fr", "mx.ac-exemple.fr", "a@ac-exemple.fr", 0, "<1@x>", (fate,), envid="id+2B1+0D+0AStatus: 2.0.0"
    )
    octets = build(report, ORIGINAL)
    assert b"\r\nOriginal-Envelope-Id: id+1+0D+0AStatus: 2.0.0\r\n" in octets
    assert f"\r\nOriginal-Recipient: {said}\r\n".encode() in octets
