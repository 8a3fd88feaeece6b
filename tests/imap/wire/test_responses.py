"""Answers: known values to known octets; whatever the text, a line stays one line."""

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.wire import codes, responses, strings
from imap.wire.codes import Code, CodeName
from imap.wire.commands import ListSelect, StatusItem
from imap.wire.fetch import fetch_lines
from imap.wire.fetch.fetch_items import Attribute, OnDisk, Section
from imap.wire.flags import DELETED, RECENT, SEEN, FlagNames
from imap.wire.framing import CommandLine, Rejected
from imap.wire.grammar import BadCharset, BadCommand, BadMailbox, Cursor
from imap.wire.search import search_results
from imap.wire.search.search_program import SearchReturn
from imap.wire.search.search_results import Origin

NAMES = FlagNames(("$Forwarded", "work"))


def test_status_responses() -> None:
    assert responses.ok("done").encode("a1") == b"a1 OK done\r\n"
    assert responses.no("no such", Code(CodeName.TRYCREATE)).encode("a1") == b"a1 NO [TRYCREATE] no such\r\n"
    assert responses.bad("what").encode() == b"* BAD what\r\n"
    assert responses.bye("later").encode() == b"* BYE later\r\n"


def test_response_codes() -> None:
    said = [
        codes.number(CodeName.UNSEEN, 7),
        codes.capability(["IMAP4rev1", "ID"]),
        codes.permanent_flags(NAMES.every(star=True)),
        codes.bad_charset(),
        codes.append_uid(38505, [3955, 3956]),
        codes.copy_uid(38505, [304, 319, 320], [3956, 3957, 3958]),
        codes.modified([7, 9]),
    ]
    assert [code.encode() for code in said] == [
        b"[UNSEEN 7]",
        b"[CAPABILITY IMAP4rev1 ID]",
        b"[PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded work \\*)]",
        b"[BADCHARSET (US-ASCII UTF-8)]",
        b"[APPENDUID 38505 3955:3956]",
        b"[COPYUID 38505 304,319:320 3956:3958]",
        b"[MODIFIED 7,9]",
    ]


@given(st.text())
def test_text_cannot_break_out_of_its_line(text: str) -> None:
    for line in (responses.ok(text).encode("a"), responses.continuation(text)):
        assert line.endswith(b"\r\n")
        assert all(32 <= octet < 127 for octet in line[:-2])
        assert len(line) < 500


def test_refusals_of_framer_and_grammar() -> None:
    assert responses.rejection(Rejected("a", "Line too long")) == b"a BAD Line too long\r\n"
    assert responses.rejection(Rejected("a", "Big", too_big=True)) == b"a NO [TOOBIG] Big\r\n"
    assert responses.rejection(Rejected(None, "x", fatal=True)) == b"* BAD x\r\n* BYE Too much to ignore\r\n"
    assert responses.malformed(BadCommand("x", "a")) == b"a BAD x\r\n"
    assert responses.malformed(BadCommand("x")) == b"* BAD x\r\n"
    assert responses.malformed(BadCharset("x", "a")) == b"a NO [BADCHARSET (US-ASCII UTF-8)] x\r\n"
    assert responses.malformed(BadMailbox("x", "a")) == b"a NO [CANNOT] x\r\n"


def test_continuations() -> None:
    assert responses.continuation("idling") == b"+ idling\r\n"
    assert responses.challenge() == b"+ \r\n"
    assert responses.challenge(b"Username:") == b"+ VXNlcm5hbWU6\r\n"


def test_untagged_lines() -> None:
    assert responses.capability(["IMAP4rev1", "IDLE"]) == b"* CAPABILITY IMAP4rev1 IDLE\r\n"
    assert responses.enabled(["CONDSTORE"]) == b"* ENABLED CONDSTORE\r\n"
    assert responses.enabled([]) == b"* ENABLED\r\n"
    assert responses.identity({"name": 'a"b'}) == b'* ID ("name" "a\\"b")\r\n'
    assert responses.identity(None) == b"* ID NIL\r\n"
    assert (
        responses.flags(NAMES.every()) == b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded work)\r\n"
    )
    assert responses.exists(3) + responses.recent(0) == b"* 3 EXISTS\r\n* 0 RECENT\r\n"
    assert responses.expunge([4, 3]) == b"* 4 EXPUNGE\r\n* 3 EXPUNGE\r\n"
    assert responses.vanished([1, 2, 5]) == b"* VANISHED 1:2,5\r\n"
    assert list(responses.vanished_earlier([(1, 1)])) == [b"* VANISHED (EARLIER) 1\r\n"]
    assert list(responses.vanished_earlier([])) == []
    long = list(responses.vanished_earlier((uid, uid) for uid in range(1, 20_000, 2)))
    assert [line.count(b",") for line in long] == [3999, 3999, 1999]
    assert responses.vanished([]) == b""
    assert responses.namespace() == b'* NAMESPACE (("" "/")) NIL NIL\r\n'


def test_mailbox_lines() -> None:
    assert (
        responses.mailbox_line("Bo\u00eete", ["\\HasNoChildren", "\\Sent"])
        == b'* LIST (\\HasNoChildren \\Sent) "/" Bo&AO4-te\r\n'
    )
    assert responses.mailbox_line("é", utf8=True) == '* LIST () "/" "é"\r\n'.encode()
    assert responses.mailbox_line("a", lsub=True) == b'* LSUB () "/" a\r\n'
    below = (ListSelect.SUBSCRIBED, ListSelect.SPECIAL_USE)
    assert responses.mailbox_line("a", below=below) == b'* LIST () "/" a (CHILDINFO ("SUBSCRIBED" "SPECIAL-USE"))\r\n'
    assert responses.separator_line() == b'* LIST (\\Noselect) "/" ""\r\n'
    assert (
        responses.status("a b", [(StatusItem.MESSAGES, 3), (StatusItem.UIDNEXT, 9)])
        == b'* STATUS "a b" (MESSAGES 3 UIDNEXT 9)\r\n'
    )


def test_search_lines() -> None:
    assert search_results.search([2, 84, 882]) == b"* SEARCH 2 84 882\r\n"
    assert search_results.search([]) == b"* SEARCH\r\n"
    assert search_results.search([2, 5], modseq=917162500) == b"* SEARCH 2 5 (MODSEQ 917162500)\r\n"
    assert search_results.search([], modseq=3) == b"* SEARCH\r\n"
    assert search_results.sort([5, 3]) == b"* SORT 5 3\r\n"


def test_extended_search_lines() -> None:
    every = frozenset(SearchReturn)
    assert (
        search_results.extended(Origin("A285", True), [2, 10, 11], every, modseq=7)
        == b'* ESEARCH (TAG "A285") UID MIN 2 MAX 11 COUNT 3 ALL 2,10:11 MODSEQ 7\r\n'
    )
    assert search_results.extended(Origin("A", False), [], every, modseq=7) == b'* ESEARCH (TAG "A") COUNT 0\r\n'
    origin = Origin("t", True, "é", 3)
    assert (
        search_results.extended(origin, [1], frozenset({SearchReturn.ALL}))
        == b'* ESEARCH (TAG "t" MAILBOX &AOk- UIDVALIDITY 3) UID ALL 1\r\n'
    )


def test_sorted_results_keep_their_order() -> None:
    every = frozenset(SearchReturn)
    assert (
        search_results.extended(Origin("a", False), [9, 8, 3, 4, 5], every)
        == b'* ESEARCH (TAG "a") MIN 9 MAX 5 COUNT 5 ALL 9,8,3:5\r\n'
    )


@pytest.mark.parametrize(
    ("partial", "told"),
    [
        ((1, 2), b"1:2 10:11"),
        ((2, 1), b"2:1 10:11"),
        ((3, 9), b"3:9 20,30"),
        ((5, 9), b"5:9 NIL"),
        ((-1, -1), b"-1:-1 30"),
        ((-1, -3), b"-1:-3 11,20,30"),
        ((-3, -1), b"-3:-1 11,20,30"),
        ((-4, -9), b"-4:-9 10"),
        ((-5, -9), b"-5:-9 NIL"),
    ],
)
def test_partial_results(partial: tuple[int, int], told: bytes) -> None:
    line = search_results.extended(Origin("a", True), [10, 11, 20, 30], frozenset({SearchReturn.PARTIAL}), partial)
    assert line == b'* ESEARCH (TAG "a") UID PARTIAL (%b)\r\n' % told


def test_updates() -> None:
    origin = Origin("B01", True)
    assert search_results.removed(origin, []) == b""
    assert search_results.removed(origin, [(0, [32768])]) == b'* ESEARCH (TAG "B01") UID REMOVEFROM (0 32768)\r\n'
    runs = [(1, [2731, 2732, 2733]), (5, [9, 7])]
    assert search_results.added(origin, runs) == b'* ESEARCH (TAG "B01") UID ADDTO (1 2731:2733 5 9,7)\r\n'


def test_thread_lines() -> None:
    # RFC 5256 BASE.7.2.THREAD: (2)(3 6 (4 23)(44 7 96)) and ((3)(5))
    numbers = [2, 3, 6, 4, 23, 44, 7, 96, 3, 5]
    children = {1: [2], 2: [3, 5], 3: [4], 5: [6], 6: [7], 10: [8, 9]}
    assert search_results.thread([0, 1, 10], children, numbers) == b"* THREAD (2)(3 6 (4 23)(44 7 96))((3)(5))\r\n"
    assert search_results.thread([], {}, []) == b"* THREAD\r\n"


def test_thread_of_any_depth() -> None:
    depth = 20_000
    children = {node: [node + 1] for node in range(depth - 1)}
    assert search_results.thread([0], children, range(1, depth + 1)).count(b" ") == depth + 1
    forked = {node: [node + 1, depth + node] for node in range(depth - 1)}
    assert search_results.thread([0], forked, [1] * (2 * depth)).count(b"(") == 2 * depth - 1


@given(st.binary(max_size=40), st.booleans())
def test_written_string_is_read_back(octets: bytes, as_astring: bool) -> None:
    octets = octets.replace(b"\0", b"")
    written = strings.astring(octets) if as_astring else strings.string(octets)
    if written.startswith(b"{"):
        header, _, body = written.partition(b"\r\n")
        cursor = Cursor(CommandLine(header + b"\r\n", (body,)))
    else:
        assert written.isascii()
        assert b"\n" not in written
        cursor = Cursor(CommandLine(written))
    assert (cursor.astring() if as_astring else cursor.string()) == octets
    cursor.end()


def test_nil_and_the_string_nil() -> None:
    assert strings.nstring(None) == b"NIL"
    assert strings.nstring(b"NIL") == b'"NIL"'
    assert strings.string("é".encode()) == b"{2}\r\n\xc3\xa9"
    assert strings.string("é".encode(), utf8=True) == '"é"'.encode()


def test_flag_names() -> None:
    assert NAMES.spell(0) == b""
    assert NAMES.spell(SEEN | DELETED | 1 << 6 | RECENT) == b"\\Seen \\Deleted work \\Recent"
    many = FlagNames(f"k{i}" for i in range(57))
    for mask in range(10_000):
        many.spell(mask << 5)
    assert len(many._cache) <= 4096


def test_fetch_lines() -> None:
    attributes = (
        Attribute.UID,
        Attribute.FLAGS,
        Attribute.INTERNALDATE,
        Attribute.RFC822_SIZE,
        Attribute.MODSEQ,
        Attribute.ENVELOPE,
        Attribute.BODY,
        Attribute.BODYSTRUCTURE,
    )
    rows = [
        (23, 4827313, SEEN, 837571465, 44827, 12, b"(E%d)", b"(B)", b"(S)"),
        (24, 4827314, 0, -1, 0, 13, b"(E)", b"(B)", b"(S)"),
    ]
    assert fetch_lines.lines(attributes, rows, NAMES) == (
        b'* 23 FETCH (UID 4827313 FLAGS (\\Seen) INTERNALDATE "17-Jul-1996 02:44:25 +0000" '
        b"RFC822.SIZE 44827 MODSEQ (12) ENVELOPE (E%d) BODY (B) BODYSTRUCTURE (S))\r\n"
        b'* 24 FETCH (UID 4827314 FLAGS () INTERNALDATE "31-Dec-1969 23:59:59 +0000" '
        b"RFC822.SIZE 0 MODSEQ (13) ENVELOPE (E) BODY (B) BODYSTRUCTURE (S))\r\n"
    )
    assert fetch_lines.lines((Attribute.UID,), [(1, 7)], NAMES) == b"* 1 FETCH (UID 7)\r\n"
    assert fetch_lines.lines(attributes, [], NAMES) == b""


def _joined(chunks: list[bytes | OnDisk]) -> bytes:
    """Chunks of which none lies on the disk."""
    return b"".join(cast("list[bytes]", chunks))


def test_fetch_line_with_sections() -> None:
    body = b"x" * 100
    chunks = fetch_lines.with_sections(
        (Attribute.UID, Attribute.FLAGS),
        (5, 7, SEEN),
        [(Section(), body), (Section((3,), label=b"BODY[3]"), None), (Section(label=b"RFC822"), b"")],
        NAMES,
    )
    assert _joined(chunks) == (
        b"* 5 FETCH (UID 7 FLAGS (\\Seen) BODY[] {100}\r\n" + body + b" BODY[3] NIL RFC822 {0}\r\n)\r\n"
    )
    assert any(chunk is body for chunk in chunks)
    assert _joined(fetch_lines.with_sections((), (5,), [(Section(), b"a")], NAMES)) == (
        b"* 5 FETCH (BODY[] {1}\r\na)\r\n"
    )


@pytest.mark.parametrize(("seconds", "written"), [(0, b'" 1-Jan-1970 00:00:00 +0000"')])
def test_date_time(seconds: int, written: bytes) -> None:
    assert fetch_lines.date_time(seconds) == written


@given(st.integers(-62_135_596_800, 253_402_300_799))
def test_any_date_time_and_back(seconds: int) -> None:
    assert Cursor(CommandLine(fetch_lines.date_time(seconds))).date_time() == seconds
