"""Nobody writes as somebody else: what all readers of a submitted message show as its author is who sent it."""

import smtplib
from collections.abc import Iterator
from email import message_from_bytes, policy

import pytest

from mailserver.mime.body.scanning import scan
from mailserver.mime.body.structure import unpack
from mailserver.mime.header import addresses, headers
from tests.smtp.dialogues import tls_context
from tests.smtp.house import DOMAIN, PASSWORD, House

ADA, BOB, RECTOR = f"ada@{DOMAIN}", f"bob@{DOMAIN}", f"recteur@{DOMAIN}"


@pytest.fixture
def client(house: House) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("127.0.0.1", house.ports["submission"], timeout=60) as one:
        one.starttls(context=tls_context())
        one.login("ada", PASSWORD)
        yield one


def send(client: smtplib.SMTP, header: str | bytes) -> tuple[int, bytes]:
    """The answer to a message with this header."""
    octets = header if isinstance(header, bytes) else header.encode()
    assert client.mail(ADA)[0] == 250
    assert client.rcpt(BOB)[0] == 250
    return client.data(octets + b"\r\nVirez-moi tout.\r\n")


REFUSED = {
    "a continuation that our From would take in": f" <Monsieur le Recteur> <{RECTOR}>\r\nSubject: x\r\n",
    "the same with a tab": f"\t<{RECTOR}>\r\nSubject: x\r\n",
    "a first line that continues nothing, and the author below": f" <{RECTOR}>\r\nFrom: {ADA}\r\n",
    "two angle brackets": f"From: <{RECTOR}> <{ADA}>\r\n",
    "a route": f"From: <@{DOMAIN}:{ADA}>\r\n",
    "an address with a colon": f"From: <{RECTOR}:{ADA}>\r\n",
    "a group": f"From: {RECTOR}: {ADA};\r\n",
    "an empty group": "From: Rectorat:;\r\n",
    "a no-break space": f"From: <{RECTOR}>\u00a0<{ADA}>\r\n",
    "a no-break space after a name": f"From: Recteur\u00a0<{ADA}>\r\n",
    "an ideographic space": f"From: Recteur\u3000<{ADA}>\r\n",
    "a zero width space": f"From: Rec\u200bteur <{ADA}>\r\n",
    "a mark that turns the text": f"From: Rec\u202eteur <{ADA}>\r\n",
    "brackets in a quoted string": f'From: "<{RECTOR}>" <{ADA}>\r\n',
    "brackets in a comment": f"From: {ADA} (<{RECTOR}>)\r\n",
    "an address in a comment": f"From: ({RECTOR}) {ADA}\r\n",
    "brackets in an encoded word": f"From: =?utf-8?Q?=3Crecteur=40ac-exemple.fr=3E?= <{ADA}>\r\n",
    "an address in an encoded word": f"From: =?utf-8?Q?recteur=40ac-exemple.fr=2C?= <{ADA}>\r\n",
    "an encoded word that ends in an address": f"From: =?utf-8?Q?recteur=40ac-exemple.fr=2C?={ADA}\r\n",
    "full width brackets": f"From: \uff1c{RECTOR}\uff1e <{ADA}>\r\n",
    "small brackets, encoded": f"From: =?utf-8?Q?=EF=B9=A4recteur=EF=B9=A5?= <{ADA}>\r\n",
    "an address before the brackets": f"From: {RECTOR} <{ADA}>\r\n",
    "a name in several phrases": f"From: M. le Recteur <{ADA}>\r\n",
    "no domain": "From: ada\r\n",
    "octets in no charset": b"From: Ren\xe9e <ada@ac-exemple.fr>\r\n",
    "blanks in the address": f"From: ada @{DOMAIN}\r\n",
    "several authors without Sender": f"From: {ADA}, ada.essai@{DOMAIN}\r\n",
    "another among the authors": f"From: {ADA}, {RECTOR}\r\nSender: {ADA}\r\n",
    "another as sender": f"From: {ADA}\r\nSender: {RECTOR}\r\n",
    "another who sends again": f"From: {ADA}\r\nResent-From: {RECTOR}\r\n",
    "two From fields": f"From: {ADA}\r\nFrom: {RECTOR}\r\n",
    "two From fields of the same": f"From: {ADA}\r\nFROM: {ADA}\r\n",
    "two Sender fields": f"From: {ADA}\r\nSender: {ADA}\r\nSender: {ADA}\r\n",
    "two subjects": f"From: {ADA}\r\nSubject: x\r\nSubject: y\r\n",
    "two To fields": f"From: {ADA}\r\nTo: {BOB}\r\nTo: {ADA}\r\n",
    "a blank before the colon": f"From : {ADA}\r\n",
    "a line that is no field": f"From: {ADA}\r\nvoici\r\n",
    "a line of an mbox file first": f"From {RECTOR} Sat Nov 28 21:00:00 2026\r\nSubject: x\r\n",
    "many fields between": f"From: {ADA}\r\n" + "X: y\r\n" * 9_900 + f"From: {RECTOR}\r\n",
}


@pytest.mark.parametrize("header", REFUSED.values(), ids=REFUSED)
def test_what_readers_could_read_differently_is_refused(
    house: House, client: smtplib.SMTP, header: str | bytes
) -> None:
    code, text = send(client, header)
    assert code in (550, 554), text
    assert text.split()[0] in (b"5.7.1", b"5.6.0")
    assert house.mail("bob") == []


def test_more_fields_than_a_header_may_have(house: House, client: smtplib.SMTP) -> None:
    for author in ("", f"From: {ADA}\r\n"):
        code, text = send(client, f"{author}{'X: y' * 1}\r\n" + "X: y\r\n" * 10_001 + f"From: {RECTOR}\r\n")
        assert (code, text) == (552, b"5.3.4 Header too big: too many fields")
    assert house.mail("bob") == []


TAKEN = {
    "an address": f"From: {ADA}\r\n",
    "a name": f"From: Ada Essai <{ADA}>\r\n",
    "a quoted name": f'From: "Essai, Ada \\"l\'autre\\"" <{ADA}>\r\n',
    "an encoded name": f"From: =?iso-8859-1?Q?Ad=E9la=EFde?= =?utf-8?Q?_Essai?= <{ADA}>\r\n",
    "an encoded name with a comma": f"From: =?utf-8?Q?Essai=2C_Ad=C3=A9la_=28ada=40ailleurs.fr=29?= <{ADA}>\r\n",
    "an encoded name with a quote": f"From: =?utf-8?Q?5=22_d=27=C3=A9cran=2C_a=40b?= <{ADA}>\r\n",
    "a name in UTF-8": f"From: Adélaïde <{ADA}>\r\n",
    "folded": f"From: Ada\r\n  Essai\r\n <{ADA}>\r\n",
    "an address as a name": f'From: "{ADA}" <{ADA}>\r\n',
    "a comment": f"From: {ADA} (Ada Essai)\r\n",
    "another address of hers": f"From: <ada.essai@{DOMAIN}>\r\n",
    "no author": "Subject: x\r\n",
    "several of hers, and who sent it": f"From: {ADA}, Ada <ada.essai@{DOMAIN}>\r\nSender: {ADA}\r\n",
    "sent again": f"From: {ADA}\r\nResent-From: {ADA}\r\n",
    "the header ends at once": f"\r\nFrom: {RECTOR}\r\n",
}


@pytest.mark.parametrize("header", TAKEN.values(), ids=TAKEN)
def test_who_writes_as_themselves_is_heard(house: House, client: smtplib.SMTP, header: str) -> None:
    code, text = send(client, header)
    assert code == 250, text
    (octets,) = house.mail("bob")
    own = {ADA, f"ada.essai@{DOMAIN}"}
    assert shown_by_all(octets) <= own


def shown_by_all(octets: bytes) -> set[str]:
    """The author that our reader, Python's, and readers of the first and the last angle brackets show."""
    root = unpack(scan(octets).parts)
    ours = {one.address for one in addresses.of(octets, root.start, root.body, "from")}
    header = message_from_bytes(octets, policy=policy.default)
    theirs = {address.addr_spec for field in header.get_all("From", []) for address in field.addresses}
    raw = [headers.as_text(octets[one.value : one.end]) for one in headers.named(octets, root.start, root.body, "from")]
    naive = {piece for value in raw if "<" in value for piece in naive_readings(value)}
    return ours | theirs | naive


def naive_readings(value: str) -> set[str]:
    first, last = value.partition("<")[2].partition(">")[0], value.rpartition("<")[2].partition(">")[0]
    return {first, last}
