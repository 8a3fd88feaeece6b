"""The base language (RFC 5228): what tests say of a message, and what becomes of it."""

import pytest

from mailserver.filters import sieve
from mailserver.filters.sieve import Discard, FileInto, Keep, Redirect
from tests.filters.sieve.runs import KEPT, LETTER, actions, facts, holds


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("true", True),
        ("false", False),
        ("not false", True),
        ("not not not true", False),
        ("allof (true, true, false)", False),
        ("allof (true)", True),
        ("anyof (false, false, true)", True),
        ("anyof (false)", False),
        # header: decoded, unfolded, without case by default
        ('header :is "subject" "Réunion de rentrée"', True),
        ('header "SUBJECT" "Réunion de rentrée"', True),
        ('header :is "subject" "réunion de rentrée"', True),
        ('header :is "subject" "RÉUNION DE RENTRÉE"', False),  # i;ascii-casemap leaves É alone
        ('header :comparator "i;unicode-casemap" :is "subject" "RÉUNION DE RENTRÉE"', True),
        ('header :comparator "i;octet" :is "subject" "réunion de rentrée"', False),
        ('header :contains "subject" "DE RENTR"', True),
        ('header :comparator "i;octet" :contains "subject" "DE RENTR"', False),
        ('header :matches "subject" "*rentr?e"', True),
        ('header :matches "subject" "rentr*"', False),
        ('header :contains ["x-none", "subject"] ["zzz", "de"]', True),
        ('header :contains "x-none" ""', False),
        ('header :contains "x-empty" ""', True),
        ('header :is "x-empty" ""', True),
        ('header :matches "x-empty" "*"', True),
        ('header :matches "x-empty" "?"', False),
        # exists
        ('exists "from"', True),
        ('exists ["from", "x-none"]', False),
        ('exists ["From", "X-Empty"]', True),
        # address
        ('address :all "from" "jean.dupont@example.org"', True),
        ('address "from" "jean.dupont@example.org"', True),
        ('address :localpart "from" "JEAN.dupont"', True),
        ('address :domain :is "from" "example.ORG"', True),
        ('address :domain :contains ["to", "cc"] "ac-exemple"', True),
        ('address :is "to" "b@example.org"', True),  # within a group
        ('address :contains "to" "groupe"', False),  # neither names nor groups are addresses
        ('address :contains "from" "Jean Dupont"', False),
        # size
        ("size :over 100", True),
        ("size :over 1M", False),
        ("size :under 1K", True),
        (f"size :over {len(LETTER)}", False),
        (f"size :under {len(LETTER)}", False),
    ],
)
def test_tests(test: str, expected: bool) -> None:
    assert holds(test) is expected


@pytest.mark.parametrize(
    ("test", "sender", "expected"),
    [
        ('envelope "from" "jean@example.org"', "jean@example.org", True),
        ('envelope :domain "from" "example.org"', "jean@example.org", True),
        ('envelope "from" ""', "", True),
        ('envelope :localpart "from" ""', "", True),
        ('envelope :domain "from" ""', "", True),
        ('envelope :contains "from" "x"', "", False),
        ('envelope :localpart "to" "edupont+classe"', "", True),
        ('envelope :user "to" "edupont"', "", True),
        ('envelope :detail "to" "classe"', "", True),
        ('envelope :detail :contains "from" ""', "jean@example.org", False),
        ('envelope :detail :is "from" ""', "jean+@example.org", True),
    ],
)
def test_envelope(test: str, sender: str, expected: bool) -> None:
    assert holds(test, facts(envelope_from=sender)) is expected


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", [Keep()]),
        ("keep;", [KEPT]),
        ("keep; keep;", [KEPT]),
        ("discard;", [Discard()]),
        ("discard; keep;", [KEPT]),
        ("stop; discard;", [Keep()]),
        ("discard; stop; keep;", [Discard()]),
        ("if true { discard; } else { keep; }", [Discard()]),
        ("if false { discard; } elsif true { stop; } else { discard; }", [Keep()]),
        ("if false { discard; } elsif false { discard; } else { keep; }", [KEPT]),
        ("if true { if false { stop; } } discard;", [Discard()]),
        ('redirect "a@example.org";', [Redirect("a@example.org")]),
        ('redirect "a@example.org"; redirect "A@EXAMPLE.org"; keep;', [Redirect("A@example.org"), KEPT]),
        ('require "copy"; redirect :copy "a@example.org";', [Redirect("a@example.org", copy=True), Keep()]),
        ('require "fileinto"; fileinto "Notes";', [FileInto("Notes")]),
        ('require "fileinto"; fileinto "Notes"; fileinto "Notes";', [FileInto("Notes")]),
        ('require "fileinto"; fileinto "Notes"; keep;', [FileInto("Notes"), KEPT]),
        ('require "fileinto"; fileinto "inbox"; keep;', [KEPT]),
        ('require ["fileinto", "copy"]; fileinto :copy "Notes";', [FileInto("Notes"), Keep()]),
        ('require ["fileinto", "copy"]; fileinto :copy "INBOX"; discard;', [KEPT]),
        ('require ["fileinto", "copy"]; fileinto :copy "Notes"; discard;', [FileInto("Notes")]),
        ("# nothing\r\n/* keep;\r\n*/ discard /**/ ;", [Discard()]),
    ],
)
def test_actions(script: str, expected: list[sieve.Action]) -> None:
    assert actions(script) == expected


@pytest.mark.parametrize(
    ("field", "test", "expected"),
    [
        # what breaks the rules is read as far as it makes sense
        (b"From: Jean Dupont jd@example.org", 'address "from" "jd@example.org"', True),
        (b'From: "pdg@ac-exemple.fr" <x@evil.example>', 'address :domain "from" "ac-exemple.fr"', False),
        (b'From: "pdg@ac-exemple.fr" <x@evil.example>', 'address :all "from" "x@evil.example"', True),
        (b"From: (comment) a@example.org (b@example.org)", 'address :is "from" "a@example.org"', True),
        (b"From: a@example.org (b@example.org)", 'address :contains "from" "b@"', False),
        (b"From: personne", 'address "from" "personne"', True),
        (b"From: personne", 'address :localpart "from" "personne"', False),
        (b"From: personne", 'address :domain :contains "from" ""', False),
        (b"From: undisclosed-recipients:;", 'address :contains "from" ""', False),
        (b"From:", 'address :contains "from" ""', False),
        (b"From: <a@example.org", 'address "from" "a@example.org"', True),
        (b"From: a@example.org\r\nFrom: b@example.org", 'address "from" "b@example.org"', True),
        (b"from:\r\n a@example.org", 'address "from" "a@example.org"', True),
        (b'From: "a\\"b c"@example.org', 'address :localpart "from" "a\\"b c"', True),
        (b"From: =?utf-8?q?=22x=40y=2Efr=22?= <a@example.org>", 'address :count "eq" "from" "1"', True),
        (b"From: \xc3\xa9l\xc3\xa8ve@\xc3\xa9cole.fr", 'address "from" "\u00e9l\u00e8ve@\u00e9cole.fr"', True),
        # charsets of headers
        (b"Subject: \xe9t\xe9", 'header "subject" "\u00e9t\u00e9"', True),
        (b"Subject: \xc3\xa9t\xc3\xa9", 'header "subject" "\u00e9t\u00e9"', True),
        (b"Subject: =?iso-8859-15?q?10_=A4?=", 'header "subject" "10 \u20ac"', True),
        (b"Subject: =?gb2312?b?xOO6ww==?=", 'header "subject" "\u4f60\u597d"', True),
        (b"Subject: =?utf-8?b?w6k=?= =?utf-8?b?dMOp?=", 'header "subject" "\u00e9t\u00e9"', True),
        (b"Subject: =?utf-8?b?w?= =?utf-8?b?6k=?=", 'header :contains "subject" ""', True),
        (b"Subject: =?x-none?q?abc?=", 'header "subject" "abc"', True),
        (b"Subject: =?utf-8?q?abc", 'header "subject" "=?utf-8?q?abc"', True),
        (b"Subject:   a\r\n\tb  ", 'header :matches "subject" "a?b"', True),
        (b"Subject : a", 'header "subject" "a"', True),
        (b"Subject: a\r\nNot a field\r\nX-A: b", 'header "x-a" "b"', True),
        (b"Subject: \x00a\x07", 'header :contains "subject" "a"', True),
        # names that cannot be name no field (RFC 5228 section 2.4.2.2)
        (b"Subject: a", 'header :contains "subject:" ""', False),
        (b"Subject: a", 'exists ""', False),
    ],
)
def test_headers_that_break_rules(field: bytes, test: str, expected: bool) -> None:
    assert holds(test, field + b"\r\n\r\nbody") is expected


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("a@b.fr", "a@b.fr"),
        ("  a  @  b.fr ", "a@b.fr"),
        ("Jean<a@b.fr>", "a@b.fr"),
        (" M. Jean  <  a @ b.fr > ", "a@b.fr"),
        ('"Jean, \\"Jo\\"" (chef) <a@b.fr> (x)', "a@b.fr"),
        ('"a b"@b.fr', '"a b"@b.fr'),
        ("a@[192.0.2.1]", "a@[192.0.2.1]"),
        ("Jean a@b.fr", None),
        ("Jean <a@b.fr", None),
        ("a@b.fr>", None),
        ("a b@b.fr", None),
        ("a@b.fr c", None),
        ("<a@b.fr> c", None),
        ("a@b.fr,", None),
        ("a@b.fr;", None),
        ("Jean, Jo <a@b.fr>", None),
        ("a: a@b.fr;", None),
        ("<@c.fr:a@b.fr>", None),
        ("a@b.fr" + " " * 5000, None),
        ("(" * 300 + "a@b.fr", None),
    ],
)
def test_an_address_is_never_guessed(text: str, address: str | None) -> None:
    """RFC 5228 section 2.4.2.3."""
    assert sieve.checked_address(text) == address
