"""Scripts and messages that are written to do harm: refused, or run within what a run may cost."""

import time
import tracemalloc
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.filters import sieve
from mailserver.filters.sieve import FileInto, Keep, Redirect
from mailserver.filters.sieve.commands.table import ACTIONS, TESTS
from tests.filters.sieve.runs import LETTER, Account, facts
from tests.filters.sieve.test_extensions import PARTS

REQUIRE = b"require [%b];\n" % b", ".join(b'"%b"' % name.encode() for name in sieve.EXTENSIONS)


def run(script: bytes, message: bytes = LETTER) -> sieve.Outcome | str:
    """The outcome; what it was refused for."""
    try:
        return sieve.run(sieve.compile(REQUIRE + script), facts(message), Account())
    except (sieve.SieveError, sieve.RunError) as error:
        return error.text.message


@pytest.mark.parametrize(
    "script",
    [
        b"if " + b"not " * 10_000 + b"true { keep; }",
        b"if " + b"anyof (" * 10_000 + b"true" + b")" * 10_000 + b" { keep; }",
        b"if true { " * 10_000 + b"}" * 10_000,
        b"foreverypart { " * 10_000 + b"}" * 10_000,
        b"keep " * 10_000,
        b"keep " + b"[" * 10_000,
        b"keep " + b"(" * 10_000,
        b"if anyof (" + b"true, " * 10_000 + b"true) { keep; }",
        b"keep;" * 10_000,
        b'"' * 10_001,
        b"/*" * 10_000,
        b"text:" * 10_000,
        b"\\" * 10_000,
        b"1" * 10_000,
        b":a" * 10_000,
        b'set "a" "' + b"${" * 30_000 + b'";' + b'set "b" "' + b"${hex:" * 10_000 + b'";',
        b'if header :regex "a" "' + b"(" * 4000 + b'" {}',
        b'if header :regex "a" "' + b"(a|b)" * 800 + b'" {}',
        b'if header :regex "a" "((((((a{99}){99}){99}){99}){99}){99})" {}',
    ],
)
def test_scripts_that_are_refused_or_harmless(script: bytes) -> None:
    run(script)


def letter(subject: bytes) -> bytes:
    """A message with this subject."""
    return (
        b"From: a@example.org\r\nTo: " + b"b@example.org, " * 500 + b"\r\nSubject: " + subject + b"\r\n\r\n" + subject
    )


A = b"a" * 60_000
EXPENSIVE: dict[str, tuple[bytes, bytes]] = {
    "stars": (b'if header :matches "subject" "' + b"*a" * 2000 + b'*b" {}', letter(A)),
    "marks between stars": (b'if header :matches "subject" "' + b"*?a" * 1300 + b'b" {}', letter(A)),
    "a long piece with a mark": (b'if header :matches "subject" "*' + b"a" * 2000 + b"?" + b'b*" {}', letter(A)),
    "stars in Unicode": (
        b'if header :comparator "i;unicode-casemap" :matches "subject" "' + b"*?a" * 1300 + b'b" {}',
        letter("é".encode() * 30_000),
    ),
    "many keys": (
        b'if body :contains [' + b", ".join(b'"x%d"' % number for number in range(10_000)) + b"] {}",
        letter(A * 10),
    ),
    "many wildcards": (
        b'if header :matches "subject" [' + b", ".join(b'"*x%d*"' % number for number in range(10_000)) + b"] {}",
        letter(A),
    ),
    "an automaton that grows": (b'if header :regex "subject" "(a|b|c)*a.{0,400}z" {}' * 50, letter(b"ab" * 30_000)),
    "captures": (b'if body :regex "(a*)*(a*)*(a*)*(a*)*$" { set "x" "${1}"; }' * 50, letter(A)),
    "growing variables": (b'set "a" "' + A[:8000] + b'";' + b'set "a" "${a}${a}${a}${a}";' * 2000, letter(b"")),
    "parts in parts": (
        b'foreverypart { foreverypart { foreverypart { if header :mime :anychild :contains "a" "b" {} } } }',
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\nContent-Type: text/plain\r\n\r\na\r\n" * 3000,
    ),
    "addresses": (b'if address :contains ["to", "to", "to"] "x" {}' * 1000, letter(b"")),
    "fields": (
        b'addheader "X" "1"; deleteheader "Y"; if exists "y" {}' * 30 + b'if header :contains "x" "z" {}' * 500,
        b"X: y\r\n" * 20_000 + b"\r\n",
    ),
    "a header without an end": (b'replace :mime "' + A + b'";', letter(b"")),
    "a long piece of marks": (b'if header :matches "subject" "*' + b"?a" * 25_000 + b'*" {}', letter(A)),
    "patterns of variables": (
        b'set "a" "' + A[:16_000] + b'";'
        b' foreverypart { if header :matches "subject" ["${a}?1", "${a}?2", "${a}?3"] {} }'
        b' set "b" "${a}${a}?"; if header :matches "subject" ["${b}1", "${b}2"] {}' * 40,
        letter(b"x"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPENSIVE)
def test_a_run_has_an_end(name: str) -> None:
    """Two seconds of the processor at most, on a machine that is slow: it is half a second where it is not."""
    script, message = EXPENSIVE[name]
    start = time.process_time()
    run(script, message)
    assert time.process_time() - start < 5


DIFFERENT = "".join(map(chr, range(0x3400, 0x3400 + 40_000))).encode()


@pytest.mark.parametrize(
    "script",
    [
        b'set "a" "' + A[:16_000] + b'"; set "b" "' + b"${a}" * 16_000 + b'";',
        b'set "a" "' + A[:16_000] + b'"; if string "' + b"${a}" * 16_000 + b'" "" {}',
        b'if header :comparator "i;octet" :matches "subject" "*?' + DIFFERENT + b'*" {}',
    ],
    ids=["long variables in one string", "the same in a test", "a mark and thousands of different characters"],
)
def test_a_run_takes_little_memory(script: bytes) -> None:
    """Hundreds of megabytes, in one step that nothing had been paid for."""
    compiled = sieve.compile(REQUIRE + script)
    tracemalloc.start()
    try:
        sieve.run(compiled, facts(), Account())
    except sieve.RunError:
        pass
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 32 * 1024 * 1024


def test_what_is_expensive_is_refused() -> None:
    small = sieve.compile(
        REQUIRE + b'if header :contains "subject" "x" { keep; } ' * 100, limits=sieve.Limits(work=100)
    )
    with pytest.raises(sieve.RunError, match="too much work"):
        sieve.run(small, facts(), Account())


def test_a_list_of_ten_thousand_is_quick() -> None:
    keys = b", ".join(b'"person%d@example.org"' % number for number in range(9_000))
    script = sieve.compile(REQUIRE + b'if address "from" [' + keys + b', "jean.dupont@example.org"] { discard; }')
    outcome = sieve.run(script, facts(), Account())
    assert outcome.actions == (sieve.Discard(),)


@pytest.mark.parametrize(
    ("script", "limit"),
    [
        (b'addheader "X" "1";' * 100, "champs d’en-tête"),
        (b"".join(b'redirect "a%d@example.org";' % number for number in range(10)), "adresses"),
        (b"".join(b'fileinto "a%d";' % number for number in range(100)), "actions"),
        (b"".join(b'set "a%d" "1";' % number for number in range(600)), "variables"),
        (b"foreverypart { " * 5 + b"keep;" + b"}" * 5, "niveaux"),
        (b'vacation "a";' * 2, "deux fois"),
        (b"".join(b'if duplicate :uniqueid "%d" {}' % number for number in range(100)), "actions"),
    ],
)
def test_bounds_of_a_run(script: bytes, limit: str) -> None:
    found = run(script)
    assert isinstance(found, str)
    assert limit in found


def test_what_is_read_of_the_account_counts() -> None:
    """Each thing once: a list that is asked for often is read once."""
    many = run(b"".join(b'if header :list "subject" "l%d" {}' % number for number in range(1200)))
    assert isinstance(many, str)
    assert isinstance(run(b'if header :list "subject" "l" {}' * 1200), sieve.Outcome)
    annotations = b"".join(b'if metadata "m%d" "/private/x" "1" {}' % number for number in range(1200))
    assert isinstance(run(annotations), str)
    assert isinstance(run(b'if not duplicate :uniqueid "" {}' * 1200), sieve.Outcome)


def test_large_scripts_within_one_another_count() -> None:
    large = "#" + "x" * 250_000 + "\n"
    scripts = {("personal", f"n{number}"): large for number in range(6)}
    often = sieve.compile(b'require "include";' + b'include "n0";' * 200)
    assert sieve.run(often, facts(), Account(scripts=scripts)).actions == (sieve.Keep(),)
    many = sieve.compile(b'require "include";' + b"".join(b'include "n%d";' % number for number in range(6)))
    with pytest.raises(sieve.RunError, match="too much work"):
        sieve.run(many, facts(), Account(scripts=scripts))


def test_the_clock_of_the_processor_ends_a_run() -> None:
    script = sieve.compile(REQUIRE + b'if header :contains "subject" "x" { } ' * 400, limits=sieve.Limits(seconds=-1.0))
    with pytest.raises(sieve.RunError, match="too much work"):
        sieve.run(script, facts(b"Subject: " + b"y" * 60_000 + b"\r\n\r\n"), Account())


def test_fields_that_are_added_are_bounded_together() -> None:
    found = run(b'set "a" "' + A[:8000] + b'";' + b'addheader "X" "${a}";' * 9)
    assert isinstance(found, str)
    assert "trop longs" in found


def test_deep_scripts_within_each_other() -> None:
    """Python's stack is not the bound."""
    before = 'require "include";' + "if true {" * 30 + "if " + "not " * 30 + "true { include "
    scripts = {("personal", f"n{number}"): f'{before}"n{number + 1}"; {"}" * 31}' for number in range(20)}
    with pytest.raises(sieve.RunError, match="Too many scripts"):
        sieve.run(sieve.compile(b'require "include"; include "n0";'), facts(), Account(scripts=scripts))


def test_flags_are_bounded() -> None:
    found = run(b'setflag "' + b" ".join(b"f%d" % number for number in range(1000)) + b'";')
    assert isinstance(found, sieve.Outcome)
    (kept,) = found.actions
    assert isinstance(kept, sieve.Keep)
    assert len(kept.flags) == sieve.LIMITS.flags


# Whatever octets: a script or a SieveError; whatever script and message: an Outcome or a RunError.

WORDS = (
    *ACTIONS, *TESTS, "if", "elsif", "else", "anyof", "allof", "not", ":is", ":contains", ":matches", ":regex",
    ":count", ":value", ":list", ":all", ":domain", ":user", ":detail", ":flags", ":copy", ":create",
    ":comparator", ":mime", ":anychild", ":param", ":index", ":last", ":raw", ":content", ":over", ":under",
    ":zone", ":handle", ":days", ":seconds", ":name", ":first", ":lower", ":length", ":specialuse", ":fcc",
    ":message", ":percent", "{", "}", "(", ")", "[", "]", ",", ";", '"gt"', '"subject"', '"from"', '"to"',
    '"*"', '"a*?"', '"${1}"', '"${a}"', '"a"', '"é"', '""', '"\\\\Seen"', '"mailto:a@b.fr"', '"a@b.fr"',
    '"(a|b)*"', '"hour"', '"+0100"', '"i;unicode-casemap"', '"i;ascii-numeric"', '"2"', '"text"', "1", "2K",
    "text:\nabc\n.\n", "# x\n", "/* x */", "require",
)  # fmt: skip
MESSAGES = (LETTER, PARTS, b"", b"\r\n\r\n", b"Subject", b":\n\n", PARTS[:300])


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_any_octets_are_a_script_or_an_error(octets: bytes) -> None:
    for source in (octets, REQUIRE + octets):
        try:
            script = sieve.compile(source)
        except sieve.SieveError as error:
            check(error, source)
        else:
            sieve.run(script, facts(), Account())


def check(error: sieve.SieveError, source: bytes) -> None:
    """A fault stands within the script, and has its sentence."""
    assert 1 <= error.line <= source.count(b"\n") + 1
    assert 1 <= error.column <= len(source) + 1
    assert error.text.to("fr")
    assert error.text.to("en")


@settings(max_examples=200)
@given(st.lists(st.sampled_from(WORDS), max_size=25), st.sampled_from(MESSAGES))
def test_any_words_are_a_script_or_an_error(words: list[str], message: bytes) -> None:
    run(" ".join(words).encode(), message)


COMMANDS = st.recursive(
    st.sampled_from(
        (
            'set "a" "${1}b";', 'addheader "X-A" "${a}";', 'deleteheader :matches "X-A" "*b";', "keep;", "discard;",
            'fileinto :flags "${a}" "${a}";', 'setflag "${a}";', 'vacation "${a}";', 'notify "mailto:${a}@b.fr";',
            'redirect "${a}@b.fr";', "stop;", 'replace "${a}";', 'replace :mime :subject "${a}" "${a}";',
            'enclose :headers "X-A" "${a}";', 'extracttext "a";', "break;", 'reject "${a}";', 'set :length "a" "${0}";',
        )
    ),
    lambda inner: st.builds(
        lambda test, body, loop: f"foreverypart {{ {body} }}" if loop else f"if {test} {{ {body} }}",
        st.sampled_from(
            (
                'header :matches "subject" "*é*${a}*"', 'header :regex ["subject", "${a}"] "(.)${a}"',
                'body :contains "${a}"',
                'string :value "gt" "${a}" "b"', 'address :detail :matches "to" "*"', 'hasflag :contains "${a}"',
                'date :matches "date" "std11" "*"', 'header :mime :anychild :matches "content-type" "*/*"', 'duplicate',
                'exists "${a}"', 'envelope :user :matches "to" "*${a}"', 'mailboxexists "${a}"', "size :over 10",
            )
        ),
        st.lists(inner, min_size=1, max_size=3).map(" ".join),
        st.booleans(),
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=150)
@given(st.lists(COMMANDS, min_size=1, max_size=5), st.sampled_from(MESSAGES) | st.binary(max_size=200))
def test_any_script_decides_or_stops_on_any_message(commands: list[str], message: bytes) -> None:
    found = run(" ".join(commands).encode(), message)
    if isinstance(found, sieve.Outcome):
        assert found.actions
        assert len({repr(action) for action in found.actions}) == len(found.actions)
        states = [action.edited for action in found.actions if isinstance(action, Keep | FileInto | Redirect)]
        assert not any(one is not None and b"\n\n" in one.header.replace(b"\r", b"") for one in states)
        for one in states:
            assert one is None or one.applied(message).startswith(one.header)


CRAFTED: dict[str, Callable[[int], bytes]] = {
    "quotes": lambda size: b'redirect "' + b'\\"' * size,
    "comments": lambda size: b"/**/" * size,
    "lists": lambda size: b'if header "a" [' + b'"x",' * size + b'"x"] {}',
    "dots": lambda size: b'redirect text:\n' + b"..\n" * size + b".\n;",
    "references": lambda size: b'set "a" "' + b"${a}" * size + b'";',
    "half references": lambda size: b'set "a" "' + b"${a" * size + b'";',
    "hexadecimals": lambda size: b'set "a" "' + b"${hex:41 " * size + b'";',
    "lines with a fault": lambda size: b"\n" * size + b"zork;",
}  # fmt: skip


@pytest.mark.parametrize("name", CRAFTED)
def test_reading_is_linear(name: str) -> None:
    """Eight times as much costs less than forty times as much."""
    costs = []
    for size in (1000, 8000):
        best = float("inf")
        for _ in range(3):
            start = time.process_time()
            run(CRAFTED[name](size))
            best = min(best, time.process_time() - start)
        costs.append(best + 0.001)
    assert all(later < 40 * earlier for earlier, later in pairwise(costs))
