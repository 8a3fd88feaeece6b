"""Fields as ranges, encoded words, address lists, dates."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mailserver.foundation.settings import Limits
from mailserver.mime.header import addresses, dates, headers
from mailserver.mime.header.addresses import MAX_ADDRESSES, Mailbox, parse
from mailserver.mime.header.headers import decode, decode_words, encode_words, fields, first, select

HEADER = b"From x Mon Jan  1\r\nSubject: one\r\n two\r\nX-Odd\r\nTo : a@b\r\nsubject:\r\nEmpty:\r\n\r\n"


def test_fields_are_ranges() -> None:
    found = [(field.name, HEADER[field.start : field.end]) for field in fields(HEADER, 0, len(HEADER))]
    assert found == [
        ("subject", b"Subject: one\r\n two\r\n"),
        ("to", b"To : a@b\r\n"),
        ("subject", b"subject:\r\n"),
        ("empty", b"Empty:\r\n"),
    ]
    assert first(HEADER, 0, len(HEADER), "SUBJECT") == "one two"


def test_select_is_octet_for_octet() -> None:
    assert select(HEADER, 0, len(HEADER), ["SUBJECT"]) == b"Subject: one\r\n two\r\nsubject:\r\n\r\n"
    assert select(HEADER, 0, len(HEADER), ["Subject"], exclude=True) == b"To : a@b\r\nEmpty:\r\n\r\n"
    assert select(HEADER, 0, len(HEADER), ["none"]) == b"\r\n"
    assert select(b"A: b", 0, 4, ["a"]) == b"A: b\r\n\r\n"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"=?iso-8859-1?q?a?= =?iso-8859-1?q?b?=", "ab"),  # RFC 2047 section 8
        (b"=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=", "ab"),
        (b"=?ISO-8859-1?Q?a_b?= c", "a b c"),
        (b"a =?utf-8?q?=C3?= =?UTF-8?Q?=A9?= b", "a é b"),
        (b"=?utf-8?b?w6k?=", "é"),
        (b"=?utf-8*fr?q?=C3=A9?=", "é"),
        (b"=?utf-8?q?two words?=", "two words"),
        (b"=?utf-8?q?is it?really?=", "is it?really"),
        (b"=?x-unknown?q?=E9?=", "é"),
        (b"=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
        (b"=?utf-8?q?abc", "=?utf-8?q?abc"),
        (b"=?iso-2022-jp?b?GyRCJCIbKEI=?=", "あ"),
        (b"caf\xe9", "café"),
        (b"caf\xc3\xa9", "café"),
        (b"=?utf-8?q?a=0D=0Ab=00?=", "a b "),
        (b"\r\n a\r\n\tb", "a\tb".replace("\t", " ")),
    ],
)
def test_encoded_words(raw: bytes, text: str) -> None:
    assert decode(raw) == text


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_encode_words_is_undone(text: str) -> None:
    words = encode_words(text)
    assert all(len(word) <= 75 and word.isascii() for word in words)
    expected = headers.clean(text.encode("utf-8", "replace").decode())
    assert decode_words(" ".join(words)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a@b", [("", "a", "b")]),
        ("Jean Dupont <jd@b>", [("Jean Dupont", "jd", "b")]),
        ("J. Dupont <jd@b>, x@y", [("J. Dupont", "jd", "b"), ("", "x", "y")]),
        ('"Dupont, Jean" <jd@b>', [("Dupont, Jean", "jd", "b")]),
        ('"a \\" b" <jd@b>', [('a " b', "jd", "b")]),
        ("jd@b (Jean)", [("Jean", "jd", "b")]),
        ("(c (n) d) jd@b", [("c (n) d", "jd", "b")]),
        ('"j d"@b', [("", "j d", "b")]),
        ("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", [("Pete", "pete", "silly.test")]),
        ("a@b; c@d", [("", "a", "b"), ("", "c", "d")]),
        ("jd @ b . c", [("", "jd", "b.c")]),
        ("root", [("", "root", "")]),
        ("Jean jd@b", [("Jean", "jd", "b")]),
        ("a@b@c", [("", "a@b", "c")]),
        ("<jd@b", [("", "jd", "b")]),
        ("jd@[1.2.3.4]", [("", "jd", "[1.2.3.4]")]),
        ("", []),
        (" , ,", []),
        ("=?utf-8?q?J=2C_D?= <jd@b>", [("=?utf-8?q?J=2C_D?=", "jd", "b")]),
    ],
)
def test_address_lists(value: str, expected: list[tuple[str, str, str]]) -> None:
    assert [(one.name, one.local, one.domain) for one in parse(value)] == expected


def test_groups_and_routes() -> None:
    assert parse("A Group:Ed <e@x>,joe@y;") == [
        Mailbox("", "", "A Group", None),
        Mailbox("Ed", "", "e", "x"),
        Mailbox("", "", "joe", "y"),
        Mailbox("", "", None, None),
    ]
    assert parse("undisclosed-recipients:;") == [
        Mailbox("", "", "undisclosed-recipients", None),
        Mailbox("", "", None, None),
    ]
    assert parse("N <@a,@b:c@d>") == [Mailbox("N", "@a,@b", "c", "d")]


def test_bound_on_addresses() -> None:
    assert len(parse("a@b," * (MAX_ADDRESSES + 5))) == MAX_ADDRESSES
    assert len(parse('"a"@b,' * (MAX_ADDRESSES + 5))) == MAX_ADDRESSES


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='ab@<>",:;()[]\\ .=?é\n', max_size=60))
def test_any_address_list(value: str) -> None:
    for mailbox in parse(value):
        assert isinstance(mailbox.address, str)


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("Fri, 21 Nov 1997 09:55:06 -0600", 880127706),
        ("21 Nov 97 09:55:06 GMT", 880106106),
        ("Fri, 21 Nov 1997 09:55 -0600 (CST)", 880127700),
        ("Fri Nov 21 09:55:06 1997", 880106106),
        ("1997-11-21T09:55:06Z", 880106106),
        ("Fri, 21 November 1997 09:55:06 EST", 880124106),
        ("ven., 21 Nov 1997 09:55:06 +0100", 880102506),
        ("Thu, 01 Jan 1970 00:00:00 +0000", 0),
        # RFC 5322 appendix A.5 and A.6.3: comments and blanks
        ("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", 880127706),
        ("Thu,\t13 Feb 1969 23:32   -0330 (Newfoundland Time)", -27723480),
        ("(a (nested \\) one)) Fri, 21 Nov 1997 09 : 55 : 06 -0600", 880127706),
        ("Fri, 21 Nov 1997 09:55:06 (CST) -0600", 880127706),
        ("Fri, 21 Nov 1997 09:55:06 -0600 (never ends", 880127706),
        ("(" * 100_000, None),
        ("Thu, 31 Feb 2000 00:00:00 +0000", None),
        ("Thu, 1 Xxx 2000 00:00:00 +0000", None),
        ("1 Jan 2000 25:00:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates(value: str, instant: int | None) -> None:
    moment = dates.parse(value)
    assert (moment.instant if moment else None) == instant


@settings(max_examples=100, deadline=None)
@given(st.integers(-60_000_000_000, 250_000_000_000), st.integers(-14 * 4, 14 * 4).map(lambda quarter: quarter * 900))
def test_dates_are_read_as_written(instant: int, offset: int) -> None:
    moment = dates.parse(dates.write(instant, offset))
    assert moment is not None
    assert moment.instant == instant


def test_fields_are_read_for_a_page_to_a_bound() -> None:
    """A megabyte of recipients, in one field or in thousands, kept the loop for seconds whenever it was looked at."""
    one = b"To: " + b"a@b.fr, " * 100_000 + b"\r\n"
    many = b"To: a@b.fr\r\n" * 100_000
    for header in (one, many):
        found = addresses.of(header, 0, len(header), "to")
        assert 5000 < len(found) <= addresses.MAX_READ // len("a@b.f")
    assert addresses.of(b"To: " + b"," * 1_000_000 + b"a@b.fr\r\n", 0, 1_000_012, "to") == []
    assert [one.address for one in addresses.of(b"X: y\r\nCc: a@b.fr\r\n", 0, 18, "cc")] == ["a@b.fr"]


PIECES = ("To", "to", "Cc", "X", ":", " :", "\t", " ", "\r\n", "\n", "\r\n ", "a", "é", "T", "ToTo", "-")


@given(st.lists(st.sampled_from(PIECES), max_size=25), st.integers(0, 5))
def test_fields_of_names_are_those_among_all_fields(pieces: list[str], start: int) -> None:
    octets = "".join(pieces).encode()
    expected = [field for field in fields(octets, start, len(octets)) if field.name in ("to", "cc")]
    assert list(headers.named(octets, start, len(octets), "to", "cc")) == expected


@given(st.lists(st.sampled_from((*PIECES, "To: a\n", "X :b\r\n c\r\n")), max_size=25))
def test_a_header_is_split_into_its_fields(pieces: list[str]) -> None:
    octets = "".join(pieces).encode()
    whole = [
        (one.name, octets[one.start : one.end], octets[one.value : one.end]) for one in fields(octets, 0, len(octets))
    ]
    assert headers.written(octets) == whole


def test_every_field_that_a_door_takes_is_read() -> None:
    """The largest bound that a setting may give leaves room for our own fields on top."""
    with pytest.raises(ValidationError):
        Limits(header_size=headers.MAX_HEADER - 256 * 1024)
