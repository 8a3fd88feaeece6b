"""Mailbox names: modified UTF-7 both ways and strictly, UTF-8, INBOX; LIST patterns."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.wire import names
from imap.wire.patterns import matcher
from mailserver.model.errors import BadSyntax

KNOWN = [
    ("", b""),
    ("a/b c", b"a/b c"),
    ("A&B", b"A&-B"),
    ("&&", b"&-&-"),
    ("Boîte d'envoi", b"Bo&AO4-te d'envoi"),
    ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),  # RFC 3501 section 5.1.3
    ("😀x", b"&2D3eAA-x"),
    ("Élèves&Été", b"&AMk-l&AOg-ves&-&AMk-t&AOk-"),
]


@pytest.mark.parametrize(("name", "octets"), KNOWN)
def test_known_name_and_back(name: str, octets: bytes) -> None:
    assert names.encode_utf7(name) == octets
    assert names.decode_utf7(octets) == name


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_name_and_back(name: str) -> None:
    assert names.decode_utf7(names.encode_utf7(name)) == name


@pytest.mark.parametrize(
    "octets",
    [
        b"&",
        b"a&",
        b"&AOk",
        b"&AOk-&AOk-",  # one run in two pieces
        b"&AGE-",  # an ASCII letter in base64
        b"&ACY-",  # the ampersand in base64
        b"&AO-",  # half a character
        b"&AOl-",  # bits after the last character
        b"&AOk=-",
        b"&AO/k-",
        b"&2D0-",  # half a surrogate pair
        b"&A Ok-",
        b"\xc3\xa9",
    ],
)
def test_second_spelling_of_a_name_is_refused(octets: bytes) -> None:
    with pytest.raises(names.BadName):
        names.decode_utf7(octets)


@given(st.binary(max_size=30) | st.text("&-AOk,/+=", max_size=12).map(str.encode), st.booleans())
def test_any_octets_are_a_name_or_refused(octets: bytes, utf8: bool) -> None:
    try:
        name = names.decode(octets, utf8)
    except BadSyntax:
        return
    if not utf8:
        assert names.canonical(names.decode_utf7(names.encode_utf7(name))) == name


@pytest.mark.parametrize(
    ("octets", "name"),
    [
        (b"inbox", "INBOX"),
        (b"InBoX/Sub", "INBOX/Sub"),
        (b"inboxes", "inboxes"),
        (b"a/inbox", "a/inbox"),
    ],
)
def test_inbox_has_one_spelling(octets: bytes, name: str) -> None:
    assert names.decode(octets) == name


@pytest.mark.parametrize("name", ["a\tb", "a\x7f", "a\u0085", "a\u2028b", "a\0"])
def test_control_characters_in_names_are_refused(name: str) -> None:
    with pytest.raises(names.BadName):
        names.decode(name.encode(), utf8=True)
    with pytest.raises(names.BadName):
        names.decode(names.encode_utf7(name))


def test_endless_name_is_refused() -> None:
    """As one that can be no mailbox's, not as a mistake of form."""
    with pytest.raises(names.BadName):
        names.decode(b"a" * (names.MAX_NAME + 1))


@pytest.mark.parametrize(
    ("name", "utf8", "octets"),
    [
        ("INBOX", False, b"INBOX"),
        ("a b", False, b'"a b"'),
        ("NIL", False, b'"NIL"'),
        ('a"b\\', False, b'"a\\"b\\\\"'),
        ("é", False, b"&AOk-"),
        ("é", True, '"é"'.encode()),
        ("a&b", True, b"a&b"),
        ("", False, b'""'),
        ("100%", False, b'"100%"'),
    ],
)
def test_name_in_an_answer(name: str, utf8: bool, octets: bytes) -> None:
    assert names.encode(name, utf8) == octets


@pytest.mark.parametrize(
    ("reference", "pattern", "name", "expected"),
    [
        ("", "*", "a/b/c", True),
        ("", "%", "a", True),
        ("", "%", "a/b", False),
        ("a/", "%", "a/b", True),
        ("a/", "%", "a/b/c", False),
        ("", "%/%", "a/b", True),
        ("", "a*", "abc/d", True),
        ("", "*c", "a/b/c", True),
        ("", "%c", "a/c", False),
        ("", "%*%", "a/b/c", True),
        ("", "inbox", "INBOX", True),
        ("", "in%", "INBOX", True),
        ("", "in%", "INBOXES", False),
        ("", "%box", "INBOX", True),
        ("", "a.c", "abc", False),
        ("", "é%", "été", True),
        ("", "", "", True),
        ("", "", "a", False),
        ("a", "*", "b", False),
    ],
)
def test_pattern(reference: str, pattern: str, name: str, expected: bool) -> None:
    assert matcher(reference, [pattern])(name) is expected


def test_several_patterns() -> None:
    matches = matcher("", ["INBOX", "a/%"])
    assert [name for name in ("INBOX", "a", "a/b", "b") if matches(name)] == ["INBOX", "a/b"]


@given(st.text("ab/%*", max_size=8), st.text("ab/", max_size=10))
def test_any_pattern_means_what_its_regular_expression_means(pattern: str, name: str) -> None:
    spelled = "".join({"*": ".*", "%": "[^/]*"}.get(letter, re.escape(letter)) for letter in pattern)
    assert matcher("", [pattern])(name) == bool(re.fullmatch(spelled, name))


def test_backtracking_bomb() -> None:
    matches = matcher("", ["*a" * 400 + "b", "%a" * 400 + "b"])
    started = time.process_time()
    assert not matches("a" * 1000)
    assert time.process_time() - started < 2
