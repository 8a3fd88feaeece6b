"""Strings and how they are compared: comparators and wildcards (RFC 5228), variables (RFC 5229), relations (RFC 5231),
encoded characters and regular expressions."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.filters import sieve
from mailserver.filters.sieve import FileInto, Keep
from mailserver.filters.sieve.matching import wildcards
from mailserver.filters.sieve.matching.comparators import ASCII_CASEMAP, OCTET, UNICODE_CASEMAP, Comparator
from tests.filters.sieve.runs import actions, holds

ALL = 'require ["variables", "fileinto", "encoded-character", "relational", "regex", "comparator-i;ascii-numeric"];\n'


def said(script: str) -> str:
    """The mailbox that a script with all this files into: what a string has become."""
    (found,) = actions(ALL + script)
    assert isinstance(found, FileInto)
    return found.mailbox


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        # RFC 5229 section 3
        ('set "company" "ACME"; fileinto "&%${}!";', "&%${}!"),
        ('set "company" "ACME"; fileinto "${doh!}";', "${doh!}"),
        ('set "company" "ACME"; fileinto "x${full}";', "x"),
        ('set "company" "ACME"; fileinto "${COMPANY}";', "ACME"),
        ('set "company" "ACME"; fileinto "${BAD${Company}";', "${BADACME"),
        ('set "company" "ACME"; fileinto "${President, ${Company} Inc.}";', "${President, ACME Inc.}"),
        ('set "foo" "bar"; fileinto "${fo\\o}";', "bar"),
        ('set "foo" "bar"; fileinto "${fo\\\\o}";', "${fo\\o}"),
        ('set "foo" "bar"; fileinto "\\${foo}";', "bar"),
        ('set "foo" "bar"; fileinto "\\\\${foo}";', "\\bar"),
        ('set "dollar" "$"; fileinto "regarding ${dollar}{beep}";', "regarding ${beep}"),
        ('set "a" "${a}1"; set "a" "${a}2"; fileinto "${a}";', "12"),
        # section 3.1: encoded characters before variables
        ('set "name" "Ethelbert"; fileinto "dear${hex:20 24 7b 4e}ame}";', "dear Ethelbert"),
        # section 4.1
        ('set "a" "juMBlEd lETteRS"; set :length "b" "${a}"; fileinto "${b}";', "15"),
        ('set :lower "b" "juMBlEd lETteRS"; fileinto "${b}";', "jumbled letters"),
        ('set :upperfirst "b" "juMBlEd lETteRS"; fileinto "${b}";', "JuMBlEd lETteRS"),
        ('set :upperfirst :lower "b" "juMBlEd lETteRS"; fileinto "${b}";', "Jumbled letters"),
        ('set :lower :upperfirst "b" "juMBlEd lETteRS"; fileinto "${b}";', "Jumbled letters"),
        ('set :quotewildcard "b" "Rock*\\\\?"; fileinto "${b}";', "Rock\\*\\\\\\?"),
        ('set :length :quotewildcard "b" "**"; fileinto "${b}";', "4"),
        ('set :upper "b" "été"; fileinto "${b}";', "éTé"),
        ('set :quoteregex "b" "a.b"; fileinto "${b}";', "a\\.b"),
        # section 3.2: as little as possible, and only of what matched last
        ('if header :matches "subject" "*" { fileinto "${0}|${1}"; }', "Réunion de rentrée|Réunion de rentrée"),
        ('if header :matches "subject" "R*n de*" { fileinto "${1}|${2}"; }', "éunio| rentrée"),
        ('if header :matches "subject" "**n**" { fileinto "${1}|${2}|${3}|${4}"; }', "|Réu||ion de rentrée"),
        ('if header :matches "subject" "*?r?n*" { fileinto "${1}|${2}|${3}|${4}"; }', "Réunion de| |e|trée"),
        ('if header :matches "subject" "???????" {} fileinto "x${1}";', "x"),
        (
            'if header :matches "subject" "R*" {} if header :matches "subject" "Z*" {} fileinto "${1}";',
            "éunion de rentrée",
        ),
        ('if header :matches ["to", "subject"] ["Z*", "r*"] { fileinto "${0}"; }', "Réunion de rentrée"),
        ('if not header :matches "subject" "r*" {} fileinto "${01}";', "éunion de rentrée"),
        (
            'if anyof (header :matches "subject" "R*", header :matches "from" "*") { fileinto "${1}"; }',
            "éunion de rentrée",
        ),
        # draft-ietf-sieve-regex
        (
            'if header :regex "subject" "(r[^ ]+) de (.*)$" { fileinto "${0}|${1}|${2}"; }',
            "Réunion de rentrée|Réunion|rentrée",
        ),
        ('if header :regex "message-id" "<(x)?([0-9]+)@" { fileinto "${1}|${2}"; }', "|1"),
        ('if header :regex "subject" "(e|en|ent)" { fileinto "${1}"; }', "e"),
        # encoded characters (RFC 5228 section 2.4.2.4)
        ('fileinto "$${hex:40}";', "$@"),
        ('fileinto "${hex: 40 }";', "@"),
        ('fileinto "${HEX: 40}";', "@"),
        ('fileinto "${hex:40";', "${hex:40"),
        ('fileinto "${hex:400}";', "${hex:400}"),
        ('fileinto "${hex:4${hex:30}}";', "${hex:40}"),
        ('fileinto "${unicode:40}";', "@"),
        ('fileinto "${ unicode:40}";', "${ unicode:40}"),
        ('fileinto "${UNICODE:40}";', "@"),
        ('fileinto "${UnICoDE:0000040}";', "@"),
        ('fileinto "${Unicode:Cool}";', "${Unicode:Cool}"),
        ('fileinto "${hex:c3}${hex:a9}";', "é"),
    ],
)
def test_what_strings_become(script: str, expected: str) -> None:
    assert said(script) == expected


def test_multiline_texts() -> None:
    """Dots at the start of lines are undone, and the dot alone ends it (RFC 5228 section 2.4.2)."""
    script = 'set "a" text: # a comment\nUn\r\n..point\r\n...\r\n.x\r\n.\r\n;'
    lines = "${hex:0d 0a}".join(("Un", ".point", "..", ".x", ""))
    assert said(f'{script} if string :comparator "i;octet" "${{a}}" "{lines}" {{ fileinto "same"; }}') == "same"
    assert said('set "a" TEXT:\n.\n; fileinto "x${a}";') == "x"


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        # RFC 5231
        ('header :value "gt" :comparator "i;ascii-numeric" "x-none" "1"', False),
        ('header :count "eq" "x-none" "0"', True),
        ('header :count "ge" :comparator "i;ascii-numeric" ["to", "cc", "from"] "3"', True),
        ('header :count "eq" ["to", "x-empty"] "2"', True),
        ('address :count "eq" "to" "3"', True),
        ('header :value "lt" "subject" "Z"', True),
        ('string :value "gt" "10" "9"', False),
        ('string :value "gt" :comparator "i;ascii-numeric" "10" "9"', True),
        ('string :value "eq" :comparator "i;ascii-numeric" "0010" "10"', True),
        ('string :is :comparator "i;ascii-numeric" "0010" "10"', True),
        ('string :is :comparator "i;ascii-numeric" "10 euros" "10"', True),
        ('string :value "gt" :comparator "i;ascii-numeric" "beaucoup" "999999999999999999999999999"', True),
        ('string :value "eq" :comparator "i;ascii-numeric" "beaucoup" ""', True),
        ('string :value "gt" :comparator "i;ascii-numeric" "99999999999999999999" "9999999999999999999"', True),
        ('string :value "ne" "a" ["a", "b"]', True),
        ('string :value "le" :comparator "i;octet" "Z" "a"', True),
        # RFC 5229 section 5: nothing is stripped
        ('string " a " "a"', False),
        ('string :matches " x pending y " "* pending *"', True),
        ('string :count "eq" ["", "a", ""] "1"', True),
        # comparators
        ('string :contains "École" "école"', False),
        ('string :contains :comparator "i;unicode-casemap" "École" "école"', True),
        ('string :is :comparator "i;unicode-casemap" "e\u0301cole" "ÉCOLE"', True),
        ('string :matches :comparator "i;unicode-casemap" "e\u0301cole" "?COLE"', True),
        ('string :matches :comparator "i;unicode-casemap" "Ĳssel" "ijs*"', True),
        ('string :is "é" "É"', False),
        # wildcards quoted
        ('string :matches "a*c" "a\\\\*c"', True),
        ('string :matches "abc" "a\\\\*c"', False),
        ('string :matches "a?c" "a\\\\?c"', True),
        ('string :matches "a\\\\" "a\\\\\\\\"', True),
        ('string :matches "a\\\\" "a\\\\"', True),
        ('string :matches "" "*"', True),
        ('string :matches "" "?"', False),
        ('string :matches "é" "?"', True),
        ('string :matches "abc" ["x*", "*c"]', True),
        # regular expressions
        ('string :regex "école 12" "^[^0-9]+[0-9]{2}$"', True),
        ('string :regex "ÉCOLE" "é"', True),
        ('string :regex :comparator "i;octet" "ÉCOLE" "é"', False),
        ('string :regex "a\r\nb" "a..b"', True),
        ('string :regex "foo bar" "\\\\bbar\\\\b"', True),
    ],
)
def test_comparisons(test: str, expected: bool) -> None:
    assert holds(test) is expected


def _naive(pattern: str, value: str) -> re.Match[str] | None:
    pieces = {"*": "(.*?)", "?": "(.)"}
    return re.fullmatch("".join(pieces.get(one, re.escape(one)) for one in pattern), value, re.DOTALL)


@given(st.text("ab*?", max_size=9), st.text("ab", max_size=12))
def test_wildcards_match_as_backtracking_would(pattern: str, value: str) -> None:
    """The same verdict and the same, shortest captures, without ever trying again."""
    wanted = wildcards.pattern(pattern, OCTET)
    spans = wanted.match(value)
    expected = _naive(pattern, value)
    assert (spans is not None) == (expected is not None)
    if spans is not None and expected is not None:
        assert tuple(value[start:end] for start, end in spans) == expected.groups()


@given(st.text("ab*?", max_size=9), st.text("ab", max_size=12))
def test_long_pieces_match_as_short_ones_do(pattern: str, value: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wildcards, "LONG", 0)
        spans = wildcards._read(pattern, OCTET).match(value)
    assert spans == wildcards.pattern(pattern, OCTET).match(value)


@given(st.text(max_size=20), st.sampled_from((ASCII_CASEMAP, UNICODE_CASEMAP, OCTET)))
def test_every_text_matches_itself(text: str, comparator: Comparator) -> None:
    quoted = "".join(f"\\{one}" if one in "*?\\" else one for one in text)
    assert wildcards.match(wildcards.pattern(quoted, comparator), text, comparator) is not None
    found = wildcards.match(wildcards.pattern(f"*{quoted}*", comparator), f"a{text}b", comparator)
    assert found is not None


def test_variables_do_not_grow_without_end() -> None:
    """What is longer than a variable may be is cut, not refused (RFC 5229 section 6)."""
    doubled = "".join('set "a" "${a}${a}${a}${a}";' for _ in range(20))
    script = f'{ALL}set "a" "0123456789"; {doubled} set :length "b" "${{a}}"; fileinto "${{b}}";'
    assert said(script[len(ALL) :]) == str(sieve.LIMITS.variable)


def test_a_broken_expression_from_a_message_matches_nothing() -> None:
    script = ALL + 'set "a" "(("; if header :regex "subject" "${a}" { fileinto "Notes"; }'
    assert actions(script) == [Keep()]
