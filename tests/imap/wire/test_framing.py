"""The framer: the same events however the stream is cut, and a limit for every attack."""

import time
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imap.wire.framing import (
    BEFORE_LOGIN,
    CommandLine,
    Event,
    Framer,
    Limits,
    LiteralWanted,
    RawLine,
    Rejected,
    after_login,
)

SMALL = Limits(line=60, literal=10, append=40, literals=3, command=120, skip=150)


def events(pieces: Iterable[bytes], limits: Limits = SMALL) -> list[Event]:
    """What a connection sees that takes every event as soon as there is one."""
    framer = Framer(limits)
    found: list[Event] = []
    for piece in pieces:
        framer.feed(piece)
        while (event := framer.next()) is not None:
            found.append(event)
    return found


def everywhere(stream: bytes, limits: Limits = SMALL) -> list[Event]:
    """The events of a stream, checked whole, byte by byte and at every two-way split."""
    whole = events([stream], limits)
    assert events([stream[i : i + 1] for i in range(len(stream))], limits) == whole
    for cut in range(1, len(stream)):
        assert events([stream[:cut], stream[cut:]], limits) == whole, cut
    return whole


def test_pipelined_commands() -> None:
    assert everywhere(b"a NOOP\r\nb CHECK\r\n\r\n") == [
        CommandLine(b"a NOOP"),
        CommandLine(b"b CHECK"),
        CommandLine(b""),
    ]


def test_literals_of_all_three_kinds() -> None:
    stream = b"a LOGIN {3}\r\nx\r\n {2+}\r\nyz\r\nb X ~{1+}\r\n\0 {0}\r\n\r\n"
    assert everywhere(stream) == [
        LiteralWanted(3),
        CommandLine(b"a LOGIN {3}\r\n {2+}\r\n", (b"x\r\n", b"yz")),
        LiteralWanted(0),
        CommandLine(b"b X ~{1+}\r\n {0}\r\n", (b"\0", b"")),
    ]


def test_literal_octets_are_never_run_as_commands() -> None:
    # The dialogue that made Twisted's server EXAMINE: the message is a command line of its own.
    stream = b"a APPEND x {19+}\r\nx1 EXAMINE INBOX\r\n.\r\nb NOOP\r\n"
    assert everywhere(stream) == [
        CommandLine(b"a APPEND x {19+}\r\n", (b"x1 EXAMINE INBOX\r\n.",)),
        CommandLine(b"b NOOP"),
    ]


@pytest.mark.parametrize(
    "start",
    [
        b"a LOGIN {19+}\r\n",  # larger than the limit
        b"a APPEND x {5+}\r\n01234 {5+}\r\n01234 {5+}\r\n01234 {19+}\r\n",  # one literal too many
        b"a " + b"x" * 80 + b" {19+}\r\n",  # at the end of a line that is too long
        b"a x\ny {19+}\r\n",  # at the end of a line with a bare LF
        b"a FOO {1}\r\nx {19+}\r\n",  # after one that was in order
        b"a LOGIN {000000000000000019+}\r\n",
    ],
)
def test_literal_octets_of_a_refused_command_are_not_run_either(start: bytes) -> None:
    found = everywhere(start + b"x1 EXAMINE INBOX\r\n.\r\nb NOOP\r\n")
    found = [event for event in found if not isinstance(event, LiteralWanted)]
    assert isinstance(found[0], Rejected)
    assert found[0].tag == "a"
    assert found[1:] == [CommandLine(b"b NOOP")]


def test_synchronising_literal_too_large_is_refused_before_it_is_sent() -> None:
    assert everywhere(b"a LOGIN {11}\r\nb NOOP\r\n") == [
        Rejected("a", "Literal too large; at most 10 octets", too_big=True),
        CommandLine(b"b NOOP"),
    ]


def test_append_alone_may_have_a_large_literal() -> None:
    message = b"m" * 40
    assert everywhere(b"a Append x {40+}\r\n" + message + b"\r\n") == [CommandLine(b"a Append x {40+}\r\n", (message,))]
    assert everywhere(b"a APPEND x {41}\r\n") == [Rejected("a", "Literal too large; at most 40 octets", too_big=True)]
    assert everywhere(b"a APPENDS x {11}\r\n") == [Rejected("a", "Literal too large; at most 10 octets", too_big=True)]


def test_literal_bomb_ends_the_connection() -> None:
    assert everywhere(b"a LOGIN {4000000000+}\r\nxxx\r\nb NOOP\r\n") == [
        Rejected("a", "Literal too large; at most 10 octets", too_big=True, fatal=True)
    ]


def test_size_of_a_million_digits_ends_the_connection() -> None:
    assert events([b"a LOGIN {" + b"1" * 1_000_000 + b"+}\r\nb NOOP\r\n"]) == [
        Rejected("a", "Line too long", fatal=True)
    ]
    assert everywhere(b"a LOGIN {" + b"1" * 30 + b"+}\r\nb NOOP\r\n")[0] == Rejected(
        "a", "Literal too large; at most 10 octets", too_big=True, fatal=True
    )
    assert everywhere(b"a LOGIN {" + b"1" * 30 + b"}\r\nb NOOP\r\n")[1] == CommandLine(b"b NOOP")


def test_endless_train_of_empty_literals_ends_the_connection() -> None:
    found = events([b"a LOGIN {0+}\r\n" + b" {0+}\r\n" * 1000])
    assert found == [Rejected("a", "Too many literals", fatal=True)]


def test_command_of_many_allowed_literals_is_bounded() -> None:
    stream = b"a APPEND x {40+}\r\n" + b"1" * 40 + b" {40+}\r\n" + b"2" * 40 + b" {40+}\r\n" + b"3" * 40
    assert everywhere(stream + b"\r\nb NOOP\r\n") == [
        Rejected("a", "Command too large", too_big=True),
        CommandLine(b"b NOOP"),
    ]


def test_a_literal_beyond_the_bound_of_its_command_is_refused_when_it_is_announced() -> None:
    """Not when the command has ended: until then all of it would be kept, and the client would send it for nothing."""
    begun = b"a APPEND x {40+}\r\n" + b"x" * 40 + b" {40+}\r\n" + b"y" * 40
    assert events([begun + b" {40}\r\n"]) == [Rejected("a", "Command too large", too_big=True)]
    framer = Framer(replace(SMALL, skip=1000))
    framer.feed(begun + b" {40+}\r\n" + b"z" * 39)
    assert framer.next() is None
    assert framer.buffered == 0
    framer.feed(b"z\r\nb NOOP\r\n")
    assert framer.next() == Rejected("a", "Command too large", too_big=True)
    assert framer.next() == CommandLine(b"b NOOP")


def test_lines_of_a_command_are_bounded_together() -> None:
    """The grammar reads them at one go: a thousand sets of 20,000 ranges keep it busy for seconds."""
    limits = replace(after_login(1000), text=1000)
    stream = b"a SEARCH" + b" SUBJECT {1+}\r\nx" * 100 + b"\r\nb NOOP\r\n"
    assert events([stream], limits) == [Rejected("a", "Command too large", too_big=True), CommandLine(b"b NOOP")]
    assert len(events([b"a APPEND x" + b" {1+}\r\nx" * 150 + b"\r\n"], limits)) == 1
    assert (
        events([b"a APPEND x" + b" (\\Seen) {1+}\r\nx" * 1000 + b"\r\n"], after_login(1000))[0].__class__ is CommandLine
    )


def test_line_too_long_is_read_to_its_end() -> None:
    assert everywhere(b"a " + b"x" * 58 + b"\r\n") == [CommandLine(b"a " + b"x" * 58)]
    assert everywhere(b"a " + b"x" * 59 + b"\r\nb NOOP\r\n") == [
        Rejected("a", "Line too long"),
        CommandLine(b"b NOOP"),
    ]


def test_endless_line_ends_the_connection() -> None:
    assert everywhere(b"a " + b"x" * 200) == [Rejected("a", "Line too long", fatal=True)]
    assert everywhere(b"x" * 200 + b"\r\n") == [Rejected(None, "Line too long", fatal=True)]


def test_endless_line_is_not_kept() -> None:
    framer = Framer(Limits(line=1000, literal=10, append=10, literals=1, command=2000, skip=10_000_000))
    for _ in range(1000):
        framer.feed(b"x" * 1000)
        assert framer.next() is None
        assert framer.buffered <= 2064
        assert len(framer._buffer) < 200_000


def test_bare_line_feed_ends_no_line() -> None:
    # Injection: "\n" in a value that a careless client puts into its command.
    assert everywhere(b"a SEARCH SUBJECT x\nb DELETE INBOX\r\nc NOOP\r\n") == [
        Rejected("a", "Lines end with CR LF"),
        CommandLine(b"c NOOP"),
    ]
    assert everywhere(b"\n\r\nc NOOP\r\n") == [Rejected(None, "Lines end with CR LF"), CommandLine(b"c NOOP")]


def test_bare_line_feed_is_answered_at_once() -> None:
    assert events([b"a LOGIN x y\n"]) == [Rejected("a", "Lines end with CR LF")]


def test_bare_carriage_return_stays_in_the_line() -> None:
    assert everywhere(b"a X\rb NOOP\r\r\n") == [CommandLine(b"a X\rb NOOP\r")]


def test_half_a_literal_is_no_command() -> None:
    assert everywhere(b"a LOGIN {5+}\r\nabc") == []


def test_starttls_injection_is_dropped() -> None:
    framer = Framer()
    framer.feed(b"a STARTTLS\r\nb LOGIN eve x\r\nc {5+}\r\nab")
    assert framer.next() == CommandLine(b"a STARTTLS")
    assert len(framer.drop()) == 25
    assert framer.next() is None
    framer.feed(b"d NOOP\r\n")
    assert framer.next() == CommandLine(b"d NOOP")


def test_lines_between_commands_are_raw() -> None:
    framer = Framer(SMALL)
    framer.feed(b"a IDLE\r\nDONE {5+}\r\nx\r\n")
    assert framer.next() == CommandLine(b"a IDLE")
    assert framer.line() == RawLine(b"DONE {5+}")
    assert framer.line() == RawLine(b"x")
    assert framer.line() is None


def test_raw_line_too_long_or_with_a_bare_line_feed() -> None:
    framer = Framer(SMALL)
    framer.feed(b"x" * 61 + b"\r\ny\nz\nz\r\nok\r\n" + b"x" * 151)
    assert framer.line() == Rejected(None, "Line too long")
    assert framer.line() == Rejected(None, "Lines end with CR LF")
    assert framer.line() == RawLine(b"ok")
    assert framer.line() == Rejected(None, "Line too long", fatal=True)
    framer.feed(b"a NOOP\r\n")
    assert framer.line() is None
    assert framer.next() is None


def test_limits_change_at_login() -> None:
    framer = Framer(BEFORE_LOGIN)
    framer.feed(b"a APPEND x {5000}\r\nb APPEND x {5000}\r\n")
    assert isinstance(framer.next(), Rejected)
    framer.limits = after_login(10_000)
    assert framer.next() == LiteralWanted(5000, CommandLine(b"b APPEND x {5000}\r\n", (b"",)))


def test_a_command_may_be_given_up_before_its_literal_is_asked_for() -> None:
    framer = Framer(SMALL)
    framer.feed(b"a APPEND x {2+}\r\nyz {5}\r\n")
    assert framer.next() == LiteralWanted(5, CommandLine(b"a APPEND x {2+}\r\n {5}\r\n", (b"yz", b"")))
    assert framer.decline()
    framer.feed(b"b UID REPLACE 4 x {5}\r\n")
    assert framer.next() == LiteralWanted(5, CommandLine(b"b UID REPLACE 4 x {5}\r\n", (b"",)))
    assert framer.decline()
    framer.feed(b"c NOOP\r\n")
    assert framer.next() == CommandLine(b"c NOOP")


def test_a_literal_that_comes_unasked_is_no_command() -> None:
    framer = Framer(SMALL)
    framer.feed(b"a APPEND x {8}\r\n")
    assert isinstance(framer.next(), LiteralWanted)
    framer.feed(b"b")
    assert not framer.decline()
    framer.feed(b" NOOP\r\n\r\nc NOOP\r\n")
    assert framer.next() == CommandLine(b"a APPEND x {8}\r\n", (b"b NOOP\r\n",))
    assert framer.next() == CommandLine(b"c NOOP")


def test_longest_id_of_a_stranger_fits_and_nothing_longer() -> None:
    pairs = b" ".join(b'"%030d" "%01024d"' % (number, number) for number in range(30))  # RFC 2971 section 3.3
    line = b"a%s ID (%s)" % (b"x" * 20, pairs)
    framer = Framer(BEFORE_LOGIN)
    framer.feed(line + b"\r\n" + b"b " + b"x" * BEFORE_LOGIN.line + b"\r\n")
    assert framer.next() == CommandLine(line)
    assert framer.next() == Rejected("b", "Line too long")


def test_large_literal_in_small_pieces_is_linear() -> None:
    framer = Framer(after_login(50_000_000))
    started = time.process_time()
    framer.feed(b"a APPEND x {16000000+}\r\n")
    assert framer.next() is None
    for _ in range(16_000):
        framer.feed(b"x" * 1000)
        assert framer.buffered <= 1000
        assert framer.next() is None
    framer.feed(b"\r\n")
    command = framer.next()
    assert isinstance(command, CommandLine)
    assert command.literals == (b"x" * 16_000_000,)
    assert time.process_time() - started < 5


def test_many_pipelined_commands_are_linear() -> None:
    def measure(count: int) -> float:
        framer = Framer(after_login(50_000_000))
        framer.feed(b"a NOOP\r\n" * count)
        started = time.process_time()
        for _ in range(count):
            assert framer.next() is not None
        took = time.process_time() - started
        assert framer.next() is None
        return took

    few, many = (min(measure(count) for _ in range(3)) for count in (25_000, 100_000))
    assert many < 9 * few


PIECES = st.sampled_from(
    [
        *(b"a b c NOOP append {5} {5+} ~{3+} {0} {99+} {140+} } { + \r \n \r\n".split(b" ")),
        b" ",
        b"\r\n",
        b"\r\n",
        b"\n",
        b"x" * 30,
        b"y" * 70,
        b"a APPEND x {12+}\r\n",
    ]
)


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=14).map(b"".join))
def test_any_stream_gives_the_same_events_however_it_is_cut(stream: bytes) -> None:
    everywhere(stream)


@given(st.binary(max_size=60))
def test_any_octets_give_the_same_events_however_they_are_cut(stream: bytes) -> None:
    everywhere(stream)
