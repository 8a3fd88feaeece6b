"""Versions of contacts: which are taken, which is given (RFC 6352 sections 5.1.1, 6.3.2.1, 10.4)."""

import re

import pytest

from mailserver.addressbook import versions
from tests.agenda.conftest import Client, contact, properties
from tests.agenda.test_reports import SPACES

CONTACTS = "/dav/edupont/contacts/"
FOUR = """BEGIN:VCARD
VERSION:4.0
UID:four
KIND:group
FN:Dupont\\, Émilie
TEL;VALUE=uri;PREF=1;TYPE=cell:tel:+33-6-12
PHOTO:data:image/jpeg;base64,/9j/4AAQ
GEO:geo:48.85,2.35
MEMBER:urn:uuid:1
ANNIVERSARY:20200101
X-MINE;ALTID=1:x
END:VCARD
""".replace("\n", "\r\n")
THREE = """BEGIN:VCARD
VERSION:3.0
UID:three
FN:Marc Martin
N:Martin;Marc;;;
EMAIL;TYPE=INTERNET,PREF:marc@exemple.fr
PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQ
GEO:48.85;2.35
END:VCARD
""".replace("\n", "\r\n")


def lines(text: str) -> set[str]:
    return set(text.replace("\r\n ", "").split("\r\n"))


def test_cards_are_written_as_another_version_writes_them() -> None:
    old = lines(versions.converted(FOUR, "3.0"))
    assert {"VERSION:3.0", "N:Dupont\\, Émilie;;;;", "TEL;TYPE=cell;TYPE=PREF:+33-6-12", "GEO:48.85;2.35"} <= old
    assert {
        "PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQ",
        "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:1",
        "ANNIVERSARY:20200101",
    } <= old
    new = lines(versions.converted(THREE, "4.0"))
    assert {"VERSION:4.0", "PHOTO:data:image/jpeg;base64,/9j/4AAQ", "GEO:geo:48.85,2.35", "N:Martin;Marc;;;"} <= new
    assert "EMAIL;TYPE=INTERNET;PREF=1:marc@exemple.fr" in new
    for text, version in ((FOUR, "4.0"), (THREE, "3.0"), ("x", "3.0")):
        assert versions.converted(text, version) == text
    assert versions.version_of("VERSION:a" + " " * 1_000_000 + "b") != "a"  # in linear time
    again = lines(versions.converted(versions.converted(FOUR, "3.0"), "4.0"))
    assert {"KIND:group", "MEMBER:urn:uuid:1", "PHOTO:data:image/jpeg;base64,/9j/4AAQ", "X-MINE:x"} <= again


@pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)
def test_which_version_is_given(client: Client) -> None:
    for name, text in (("four", FOUR), ("three", THREE)):
        assert client.dav("PUT", f"{CONTACTS}{name}.vcf", text, Content_Type="text/vcard").status_code == 201
        assert client.get(f"{CONTACTS}{name}.vcf").text == text

    def given(attributes: str, inner: str = "", asked: str = "query") -> dict[str, str]:
        what = (
            "".join(f"<D:href>{CONTACTS}{name}.vcf</D:href>" for name in ("four", "three"))
            if asked == "multiget"
            else '<CR:filter><CR:prop-filter name="FN"/></CR:filter>'
        )
        body = (
            f"<CR:addressbook-{asked} {SPACES}><D:prop><CR:address-data {attributes}>{inner}</CR:address-data></D:prop>"
            f"{what}</CR:addressbook-{asked}>"
        )
        answer = properties(client.dav("REPORT", CONTACTS, body, Depth="1"))
        return {href.rsplit("/", 1)[1]: held["CR:address-data"].text or "" for href, held in answer.items()}

    for attributes, version in (
        ("", "3.0"),
        ('version="3.0"', "3.0"),
        ('content-type="text/vcard" version="4.0"', "4.0"),
    ):
        for asked in ("query", "multiget"):
            found = given(attributes, asked=asked)
            assert {re.findall(r"VERSION:(\S+)", text)[0] for text in found.values()} == {version}, attributes
    some = given('version="4.0"', '<CR:prop name="FN"/><CR:prop name="TEL" novalue="yes"/>')
    assert some["four.vcf"].split() == [
        *(
            "BEGIN:VCARD",
            "VERSION:4.0",
            "UID:four",
            "FN:Dupont\\,",
            "Émilie",
            "TEL;VALUE=uri;PREF=1;TYPE=cell:",
            "END:VCARD",
        )
    ]
    for attributes in ('version="2.1"', 'content-type="application/vcard+json"'):
        inner = f"<D:prop><CR:address-data {attributes}/></D:prop><CR:filter/>"
        body = f"<CR:addressbook-query {SPACES}>{inner}</CR:addressbook-query>"
        refused = client.dav("REPORT", CONTACTS, body, Depth="1")
        assert (refused.status_code, "supported-address-data" in refused.text) == (403, True)


@pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("text", "condition"),
    [
        (contact("c").replace("3.0", "2.1"), "supported-address-data"),
        (contact("c").replace("3.0", "5.0"), "supported-address-data"),
        (contact("c").replace("VERSION:3.0\r\n", ""), "valid-address-data"),
        (contact("c").replace("UID:c\r\n", ""), "valid-address-data"),
        (contact("c").replace("UID:c\r\n", "UID:c\r\nUID:d\r\n"), "valid-address-data"),
        ("nothing", "valid-address-data"),
    ],
)
def test_what_is_no_contact_that_others_can_read(client: Client, text: str, condition: str) -> None:
    refused = client.dav("PUT", f"{CONTACTS}c.vcf", text, Content_Type="text/vcard")
    assert (refused.status_code, condition in refused.text) == (403, True), refused.text
    if "2.1" in text:
        for first in (contact("a"), "BEGIN:VLIST\r\nUID:l\r\nEND:VLIST\r\n"):
            whole = client.dav("PUT", CONTACTS, first + text, Content_Type="text/vcard")
            assert (whole.status_code, condition in whole.text) == (403, True), whole.text
