"""The framer: same result however the octets were cut; every bound."""

import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailserver.model.errors import BadSyntax
from smtp.wire import framing
from smtp.wire.framing import Content, Fault, Framer

LIMIT = 10_000_000
LINE = st.binary(max_size=20).filter(lambda line: not set(line) & {0, 10, 13})
CUTS = st.lists(st.integers(1, 30), min_size=1, max_size=40)


def pieces(octets: bytes, cuts: list[int]) -> list[bytes]:
    """Cut octets by these sizes, again and again."""
    out, at, turn = [], 0, 0
    while at < len(octets):
        out.append(octets[at : at + cuts[turn % len(cuts)]])
        at += cuts[turn % len(cuts)]
        turn += 1
    return out


def stuff(message: bytes) -> bytes:
    """What a client sends for a message."""
    head = b"." if message.startswith(b".") else b""
    return head + message.replace(b"\r\n.", b"\r\n..") + b".\r\n"


def read_data(octets: bytes, cuts: list[int], limit: int = LIMIT) -> tuple[Content, bytes, Framer]:
    framer, content = Framer(), Content(limit)
    framer.begin_data()
    done = False
    for piece in pieces(octets, cuts):
        framer.feed(piece)
        done = done or framer.data(content)
    assert done
    content.finish()
    return content, content.octets(), framer


@given(st.lists(st.one_of(LINE, st.sampled_from([b"", b".", b"..", b".x"])), max_size=12), CUTS)
@example([b"."], [1])
@example([], [1])
def test_data_is_the_message_however_cut(lines: list[bytes], cuts: list[int]) -> None:
    message = b"".join(line + b"\r\n" for line in lines)
    content, octets, framer = read_data(stuff(message) + b"NOOP\r\n", cuts)
    assert content.fault is None
    assert octets == message
    assert framer.line() == b"NOOP"


@given(st.binary(max_size=60), CUTS)
def test_any_octets_have_one_meaning(octets: bytes, cuts: list[int]) -> None:
    """Whole or cut, the same message and the same fault."""
    whole = read_data(octets + b"\r\n.\r\n", [1000])
    cut = read_data(octets + b"\r\n.\r\n", cuts)
    assert (whole[0].fault, whole[0].fault or whole[1], len(whole[2])) == (
        cut[0].fault,
        cut[0].fault or cut[1],
        len(cut[2]),
    )


@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"x", b"\r\n"]), max_size=14))
def test_a_message_is_taken_only_without_bare_line_ends(parts: list[bytes]) -> None:
    """SMTP smuggling, exhaustively around the end."""
    sent = b"".join(parts) + b"\r\n.\r\n"
    content, octets, _ = read_data(sent, [3])
    end = 0 if sent.startswith(b".\r\n") else sent.index(b"\r\n.\r\n") + 2
    inside = sent[:end]
    clean = inside.replace(b"\r\n", b"")
    assert (content.fault is Fault.BARE_LINE_END) == (b"\r" in clean or b"\n" in clean)
    if content.fault is None:
        assert octets.count(b"\r\n") == inside.count(b"\r\n")


@given(st.binary(max_size=80), CUTS, CUTS)
def test_chunks_are_the_message_however_cut(octets: bytes, cuts: list[int], chunks: list[int]) -> None:
    framer, content = Framer(), Content(LIMIT)
    for chunk in pieces(octets, chunks):
        left = len(chunk)
        for piece in pieces(chunk, cuts):
            framer.feed(piece)
            left = framer.chunk(content, left)
        assert left == 0
    whole = Content(LIMIT)
    whole.add(octets)
    assert content.finish() == whole.finish()
    assert content.octets(b"top") == whole.octets(b"top")
    assert whole.octets().startswith(content.head(7)[:7])


def test_large_content_moves_out_of_the_buffer() -> None:
    framer, content = Framer(), Content(LIMIT)
    framer.begin_data()
    line = b"x" * 70 + b"\r\n"
    for _ in range(40):
        framer.feed(line * 200)
        assert not framer.data(content)
        assert len(framer) <= framing.PIECE + len(line) * 200
    framer.feed(b".\r\n")
    assert framer.data(content)
    assert content.finish() is None
    assert content.octets() == line * 8000
    assert content.head(100_000).startswith(line * 1000)


@pytest.mark.parametrize("cut", [1000, 65_536, 1_000_000])
@pytest.mark.parametrize("size", [framing.TEXT_LINE - 2, framing.TEXT_LINE * 3])
def test_text_line_bound(size: int, cut: int) -> None:
    message = b"Subject: x\r\n\r\n" + b"y" * size + b"\r\nz\r\n"
    content, octets, framer = read_data(stuff(message), [cut])
    if size < framing.TEXT_LINE:
        assert octets == message
    else:
        assert content.fault is Fault.LINE_TOO_LONG
    assert len(framer) == 0


def test_long_line_of_many_short_ones_before() -> None:
    message = b"a\r\n" * 40_000 + b"y" * (framing.TEXT_LINE + 10) + b"\r\n"
    assert read_data(stuff(message), [250_000])[0].fault is Fault.LINE_TOO_LONG


def test_long_line_across_chunks() -> None:
    content = Content(LIMIT)
    for _ in range(3):
        content.add(b"y" * (framing.TEXT_LINE // 2))
    assert content.fault is Fault.LINE_TOO_LONG


def test_message_size_bound_drops_what_was_kept() -> None:
    content, _, framer = read_data(stuff(b"x\r\n" * 100_000), [9999], limit=100_000)
    assert content.fault is Fault.TOO_BIG
    assert len(framer) == 0


def test_end_mark_after_an_overlong_line_is_seen() -> None:
    sent = b"y" * (framing.PIECE * 2) + b"\r\n.\r\nQUIT\r\n"
    for cut in (1, framing.PIECE + 1, framing.PIECE * 2 + 1, framing.PIECE * 2 + 3):
        content, _, framer = read_data(sent, [cut] if cut > 1 else [framing.PIECE + 1, 1, 1, framing.PIECE - 2, 1])
        assert content.fault is Fault.LINE_TOO_LONG
        assert framer.line() == b"QUIT"


@given(st.lists(LINE, max_size=8), CUTS)
def test_lines_however_cut(lines: list[bytes], cuts: list[int]) -> None:
    framer, found = Framer(), []
    for piece in pieces(b"".join(line + b"\r\n" for line in lines), cuts):
        framer.feed(piece)
        while (line := framer.line()) is not None:
            found.append(line)
    assert found == lines


@pytest.mark.parametrize("bad", [b"NOOP\n", b"NO\rOP\r\n", b"NOOP\r\r\n", b"NO\0OP\r\n"])
def test_bad_line_is_reported_and_gone(bad: bytes) -> None:
    framer = Framer()
    framer.feed(bad + b"QUIT\r\n")
    with pytest.raises(BadSyntax):
        framer.line()
    assert framer.line() == b"QUIT"


def test_overlong_line_costs_no_memory_and_is_reported_once() -> None:
    framer = Framer()
    for _ in range(100):
        framer.feed(b"x" * 1000)
        assert framer.line() is None
        assert len(framer) <= framing.COMMAND_LINE + 1000
    framer.feed(b"\r\nQUIT\r\n")
    with pytest.raises(BadSyntax):
        framer.line()
    assert framer.line() == b"QUIT"


def test_overlong_line_in_one_piece() -> None:
    framer = Framer()
    framer.feed(b"x" * 5000 + b"\r\nQUIT\r\n")
    with pytest.raises(BadSyntax):
        framer.line()
    assert framer.line() == b"QUIT"


def test_small_chunks_take_no_more_memory_than_large_ones() -> None:
    """An object for each two octets took twenty times what it held, of every connection."""
    framer, content = Framer(), Content(LIMIT)
    tracemalloc.start()
    for _ in range(50_000):
        framer.feed(b"\r\n")
        assert framer.chunk(content, 2) == 0
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert content.finish() is None
    assert content.octets() == b"\r\n" * 50_000
    assert held < 500_000
