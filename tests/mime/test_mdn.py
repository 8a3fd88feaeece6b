"""Message disposition notifications: what a receipt says by RFC 8098, whatever the message that asked for it says."""

import email
import email.message

import pytest

from mailserver.mime import scan, unpack
from mailserver.mime.writing import mdn
from mailserver.mime.writing.fields import Correspondent
from mailserver.mime.writing.mdn import Receipt

ASKS = "Return-Path: <a@ailleurs.fr>\r\nFrom: a@ailleurs.fr\r\nDisposition-Notification-To: a@ailleurs.fr\r\n"
RECEIPT = Receipt(
    Correspondent("Élodie", "edupont@ac-exemple.fr"), "a@ailleurs.fr", 0, "<1@x>", "Lu", "Lu.", "mx; mailserver", False
)


def request_of(more: str) -> mdn.Request | None:
    octets = f"{ASKS}{more}\r\nBonjour\r\n".encode()
    return mdn.requested(octets, unpack(scan(octets).parts))


def said(more: str) -> tuple[bytes, email.message.Message]:
    """The receipt for a message with these fields, and the fields of its second part."""
    octets = f"{ASKS}{more}\r\nBonjour\r\n".encode()
    written = mdn.build(RECEIPT, octets, unpack(scan(octets).parts))
    part = written.split(b"Content-Type: message/disposition-notification\r\n\r\n")[1].partition(b"\r\n--")[0]
    return written, email.message_from_bytes(part)


def test_whom_the_message_was_for_at_first() -> None:
    """RFC 8098 section 3.2.3: it must be there where the message says it, and not otherwise."""
    _, fields = said("Original-Recipient: rfc822;direction@ac-exemple.fr\r\nMessage-ID: <m@x>\r\n")
    assert fields["Original-Recipient"] == "rfc822;direction@ac-exemple.fr"
    assert fields["Final-Recipient"] == "rfc822;edupont@ac-exemple.fr"
    assert fields["Original-Message-ID"] == "<m@x>"
    assert fields["Disposition"] == "manual-action/MDN-sent-manually; displayed"
    for nothing in ("", "Original-Recipient: somebody\r\n", "Original-Recipient: rfc822;\u00e9t\u00e9@x.fr\r\n"):
        assert said(nothing)[1]["Original-Recipient"] is None, nothing


@pytest.mark.parametrize("identifier", ["<" + "a" * 990 + "@x>", "<cl\u00e9@x>"])
def test_a_message_id_that_no_field_can_say_is_left_out(identifier: str) -> None:
    written, fields = said(f"Message-ID: {identifier}\r\n")
    assert fields["Original-Message-ID"] is None
    assert b"\r\nIn-Reply-To:" not in written
    assert max(map(len, written.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    ("options", "is_granted"),
    [
        ("", True),
        ("Disposition-Notification-Options: signed-receipt-protocol=optional,pkcs7-signature\r\n", True),
        ("Disposition-Notification-Options: signed-receipt-protocol = Required , pkcs7-signature\r\n", False),
        ("Disposition-Notification-Options: a=optional,b; c=required,d\r\n", False),
    ],
)
def test_what_is_required_and_not_known_here_is_granted_to_nobody(options: str, is_granted: bool) -> None:
    """RFC 8098 section 2.2: then none may say that a message was displayed."""
    assert (request_of(options) is not None) == is_granted
