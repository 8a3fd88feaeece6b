"""Every command: known octets to the known value; anything else is BadCommand with its tag."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imap.wire import commands as c
from imap.wire.commands import ListReturn, ListSelect, StatusItem
from imap.wire.fetch.fetch_items import Attribute, Section
from imap.wire.flags import Flags
from imap.wire.framing import CommandLine, Framer, after_login
from imap.wire.grammar import BadCharset, BadCommand
from imap.wire.search import search_program as q
from imap.wire.sets import SequenceSet
from imap.wire.syntax import ends_idle, parse
from mailserver.model.credentials.sasl import Secret
from mailserver.model.messages.criteria import All


def read(octets: bytes, utf8: bool = False) -> c.Command:
    """Frame and parse one command; its literals are non-synchronising."""
    framer = Framer(after_login(1_000_000))
    framer.feed(b"A1 " + octets + b"\r\n")
    line = framer.next()
    assert isinstance(line, CommandLine)
    tagged = parse(line, utf8)
    assert tagged.tag == "A1"
    return tagged.command


FLAGS = Flags(1, ("$Forwarded", "work"))

KNOWN: list[tuple[bytes, c.Command]] = [
    (b"CAPABILITY", c.Capability()),
    (b"noop", c.Noop()),
    (b"LOGOUT", c.Logout()),
    (b"STARTTLS", c.StartTls()),
    (b"ID NIL", c.Identify(None)),
    (b"ID ()", c.Identify(())),
    (b'ID ("name" "Thund\xc3\xa9" "os" nil)', c.Identify((("name", "Thundé"), ("os", None)))),
    (b"AUTHENTICATE plain", c.Authenticate("PLAIN")),
    (b"AUTHENTICATE PLAIN AGEAYg==", c.Authenticate("PLAIN", c.InitialResponse(b"\0a\0b"))),
    (b"AUTHENTICATE EXTERNAL =", c.Authenticate("EXTERNAL", c.InitialResponse(b""))),
    (b"LOGIN edupont Academie#2026", c.Login("edupont", Secret("Academie#2026"))),
    (b'LOGIN "edupont" "a\\"b\\\\c"', c.Login("edupont", Secret('a"b\\c'))),
    (b"LOGIN {7+}\r\nedupont {6+}\r\n\xc3\xa9 {2}", c.Login("edupont", Secret("é {2}"))),
    (b"ENABLE condstore X-UNKNOWN CONDSTORE", c.Enable(("CONDSTORE", "X-UNKNOWN"))),
    (b"SELECT inbox", c.Select("INBOX")),
    (b'EXAMINE "Bo&AO4-te"', c.Select("Boîte", read_only=True)),
    (b"SELECT {7+}\r\nBo&AO4-", c.Select("Boî")),
    (b"SELECT x (CONDSTORE)", c.Select("x", condstore=True)),
    (b"SELECT x (QRESYNC (7 99))", c.Select("x", condstore=True, resync=c.Resync(7, 99))),
    (
        b"SELECT x (QRESYNC (67890007 90060115194045000 41:211,214:541))",
        c.Select(
            "x",
            condstore=True,
            resync=c.Resync(67890007, 90060115194045000, SequenceSet(((41, 211), (214, 541)))),
        ),
    ),
    (
        b"SELECT x (QRESYNC (1 2 (1,3 5,6)))",
        c.Select(
            "x",
            condstore=True,
            resync=c.Resync(1, 2, None, SequenceSet(((1, 1), (3, 3))), SequenceSet(((5, 5), (6, 6)))),
        ),
    ),
    (b"CREATE a/b", c.Create("a/b")),
    (b"CREATE a/b/", c.Create("a/b")),
    (b"CREATE S (USE (\\Sent \\Drafts))", c.Create("S", ("\\Sent", "\\Drafts"))),
    (b"DELETE a", c.Delete("a")),
    (b"RENAME a iNbOx/b", c.Rename("a", "INBOX/b")),
    (b"SUBSCRIBE a", c.Subscribe("a")),
    (b"UNSUBSCRIBE a]", c.Unsubscribe("a]")),
    (b'LIST "" *', c.List("", ("*",))),
    (b'LIST "" ""', c.List("", ("",))),
    (b"LIST a/ %/&AOk-*", c.List("a/", ("%/é*",))),
    (
        b'LIST (SUBSCRIBED RECURSIVEMATCH) "" (inbox "a b/%")',
        c.List(
            "",
            ("INBOX", "a b/%"),
            frozenset({ListSelect.SUBSCRIBED, ListSelect.RECURSIVEMATCH}),
            extended=True,
        ),
    ),
    (b'LIST () "" x', c.List("", ("x",), extended=True)),
    (
        b'LIST (SPECIAL-USE) "" * RETURN (SPECIAL-USE STATUS (MESSAGES unseen) CHILDREN)',
        c.List(
            "",
            ("*",),
            frozenset({ListSelect.SPECIAL_USE}),
            frozenset({ListReturn.SPECIAL_USE, ListReturn.CHILDREN}),
            (StatusItem.MESSAGES, StatusItem.UNSEEN),
            extended=True,
        ),
    ),
    (b'LSUB "" "*"', c.Lsub("", ("*",))),
    (b'LSUB "" &%', c.Lsub("", ())),
    (b"LIST & *", c.List("", ())),
    (b'LIST "" (a& b% "\t")', c.List("", ("b%",), extended=True)),
    (b"NAMESPACE", c.Namespace()),
    (
        b"STATUS x (MESSAGES MESSAGES HIGHESTMODSEQ)",
        c.Status("x", (StatusItem.MESSAGES, StatusItem.HIGHESTMODSEQ)),
    ),
    (b"APPEND x {3+}\r\na\r\n", c.Append("x", (c.NewMessage(b"a\r\n"),))),
    (
        b'APPEND {5+}\r\ninbox (\\Seen $Forwarded WORK work) " 7-Feb-1994 21:52:25 -0800" ~{3+}\r\n\0\xff)',
        c.Append("INBOX", (c.NewMessage(b"\0\xff)", Flags(1, ("$Forwarded", "WORK")), 760686745),)),
    ),
    (
        b'APPEND x {1+}\r\na () {1+}\r\nb "17-Jul-1996 02:44:25 +0000" {0+}\r\n',
        c.Append("x", (c.NewMessage(b"a"), c.NewMessage(b"b"), c.NewMessage(b"", received=837571465))),
    ),
    (b"IDLE", c.Idle()),
    (b"CHECK", c.Check()),
    (b"CLOSE", c.Close()),
    (b"UNSELECT", c.Unselect()),
    (b"EXPUNGE", c.Expunge()),
    (b"UID EXPUNGE 3:5,*", c.Expunge(SequenceSet(((3, 5), (0, 0))))),
    (b"FETCH 1 FLAGS", c.Fetch(SequenceSet(((1, 1),)), (Attribute.FLAGS,))),
    (
        b"UID FETCH 1:* (FLAGS BODY[] UID) (CHANGEDSINCE 9)",
        c.Fetch(
            SequenceSet(((1, 0),)),
            (Attribute.FLAGS, Section(), Attribute.UID, Attribute.MODSEQ),
            by_uid=True,
            changed_since=9,
        ),
    ),
    (
        b"UID FETCH 1 FLAGS (VANISHED CHANGEDSINCE 9)",
        c.Fetch(
            SequenceSet(((1, 1),)),
            (Attribute.FLAGS, Attribute.MODSEQ),
            by_uid=True,
            changed_since=9,
            vanished=True,
        ),
    ),
    (
        b"STORE 2:4 +flags.silent (\\seen $Forwarded work)",
        c.Store(SequenceSet(((2, 4),)), c.StoreAction.ADD, FLAGS, silent=True),
    ),
    (
        b"UID STORE 2 FLAGS \\Seen $Forwarded work",
        c.Store(SequenceSet(((2, 2),)), c.StoreAction.REPLACE, FLAGS, by_uid=True),
    ),
    (
        b"STORE 2 (UNCHANGEDSINCE 0) -FLAGS ()",
        c.Store(SequenceSet(((2, 2),)), c.StoreAction.REMOVE, Flags(), unchanged_since=0),
    ),
    (b"COPY 1 x", c.Copy(SequenceSet(((1, 1),)), "x")),
    (b"UID COPY 1 x", c.Copy(SequenceSet(((1, 1),)), "x", by_uid=True)),
    (b"MOVE 1 x", c.Move(SequenceSet(((1, 1),)), "x")),
    (b"UID MOVE 1 x", c.Move(SequenceSet(((1, 1),)), "x", by_uid=True)),
    (b"SEARCH ALL", c.Search(All())),
    (b"UID SEARCH CHARSET utf-8 ALL", c.Search(All(), by_uid=True)),
    (b"SEARCH RETURN () ALL", c.Search(All(), returns=frozenset({q.SearchReturn.ALL}))),
    (
        b"SEARCH RETURN (MIN COUNT) CHARSET UTF-8 ALL",
        c.Search(All(), returns=frozenset({q.SearchReturn.MIN, q.SearchReturn.COUNT})),
    ),
    (
        b"SORT (REVERSE DATE subject) UTF-8 ALL",
        c.Sort((q.SortKey(q.SortField.DATE, True), q.SortKey(q.SortField.SUBJECT)), All()),
    ),
    (b"UID THREAD REFERENCES UTF-8 ALL", c.Thread(q.ThreadAlgorithm.REFERENCES, All(), by_uid=True)),
]


@pytest.mark.parametrize(("octets", "value"), KNOWN, ids=[repr(octets)[2:50] for octets, _ in KNOWN])
def test_known_command(octets: bytes, value: c.Command) -> None:
    assert read(octets) == value


def test_utf8_names_once_enabled_and_from_clients_that_did_not_ask() -> None:
    assert read('SELECT "Été & hiver"'.encode(), utf8=True) == c.Select("Été & hiver")
    assert read(b"SELECT a&b", utf8=True) == c.Select("a&b")
    assert read(b"SELECT &AMk-t&AOk-") == c.Select("Été")
    assert read(b"SELECT &AMk-t&AOk-", utf8=True) == c.Select("&AMk-t&AOk-")
    assert read('SELECT "Été & hiver"'.encode()) == c.Select("Été & hiver")
    with pytest.raises(BadCommand):
        read(b'SELECT "\xe9t\xe9"')
    with pytest.raises(BadCommand):
        read(b'SELECT "\xff"', utf8=True)


WRONG = [
    b"",
    b"FOO",
    b"UID",
    b"UID NOOP",
    b"NOOP ",
    b"NOOP x",
    b"LOGIN",
    b"LOGIN a",
    b"LOGIN a b c",
    b"LOGIN  a b",
    b'LOGIN a "b',
    b'LOGIN a "b\\c"',
    b"LOGIN a \xc3\xa9",
    b'LOGIN a "\xff"',
    b"LOGIN a b\0",
    b'LOGIN a "b\rc"',
    b"LOGIN a {3+}\r\nx\0y",
    b"LOGIN a ~{3+}\r\nxyz",
    b"LOGIN a {3+}\r\nxyzz",
    b"LOGIN a b{3+}\r\nxyz",
    b'LOGIN a "b{3+}\r\nxyz"',
    b"LOGIN " + b"a" * 1001 + b" b",
    b"AUTHENTICATE",
    b"AUTHENTICATE PLAIN x y",
    b"AUTHENTICATE PLAIN A",
    b"AUTHENTICATE PLAIN {4+}\r\nAAAA",
    b"ID",
    b'ID "x"',
    b'ID ("x")',
    b'ID ("x" "y" )',
    b"ID (x y)",
    b"ENABLE",
    b"ENABLE (x)",
    b"SELECT",
    b'SELECT ""',
    b"SELECT a*",
    b"SELECT &AOk",
    b"SELECT x ()",
    b"SELECT x (FOO)",
    b"SELECT x (QRESYNC)",
    b"SELECT x (QRESYNC (0 1))",
    b"SELECT x (QRESYNC (1 2 3 4))",
    b"SELECT x (QRESYNC (1 2 (1)))",
    b'CREATE "/"',
    b"CREATE x (USE (Sent))",
    b"CREATE x (USE)",
    b"CREATE x (FOO (\\Sent))",
    b'CREATE "a\tb"',
    b"RENAME a",
    b"LIST",
    b'LIST ""',
    b'LIST "" ()',
    b'LIST (RECURSIVEMATCH) "" *',
    b'LIST (RECURSIVEMATCH REMOTE) "" *',
    b'LIST (FOO) "" *',
    b'LIST "" * RETURN',
    b'LIST "" * RETURN (FOO)',
    b'LIST "" * RETURN (STATUS)',
    b'LIST "" * FOO (CHILDREN)',
    b'LIST "" (' + b" ".join([b"a"] * 101) + b")",
    b"STATUS x",
    b"STATUS x ()",
    b"STATUS x MESSAGES",
    b"STATUS x (FOO)",
    b"APPEND x",
    b"APPEND x abc",
    b'APPEND x "abc"',
    b"APPEND x (\\Recent) {1+}\r\na",
    b"APPEND x (\\Foo) {1+}\r\na",
    b'APPEND x "30-Feb-1994 21:52:25 -0800" {1+}\r\na',
    b'APPEND x "17-Foo-1996 02:44:25 +0000" {1+}\r\na',
    b'APPEND x "17-Jul-1996 25:44:25 +0000" {1+}\r\na',
    b'APPEND x "17-Jul-1996 02:44:25 +9900" {1+}\r\na',
    b'APPEND x "17-Jul-0000 02:44:25 +0000" {1+}\r\na',
    b'APPEND x "01-Jan-0001 00:00:00 +0100" {1+}\r\na',
    b"APPEND x {1+}\r\na ",
    b"APPEND x {1+}\r\na{1+}\r\nb",
    b"EXPUNGE 1",
    b"UID EXPUNGE",
    b"FETCH 0 FLAGS",
    b"FETCH 1",
    b"FETCH 1 ()",
    b"FETCH 1 (ALL)",
    b"FETCH 1 FOO",
    b"FETCH 1 FLAGS UID",
    b"FETCH 1 FLAGS (VANISHED)",
    b"FETCH 1 FLAGS (VANISHED CHANGEDSINCE 1)",
    b"UID FETCH 1 FLAGS (VANISHED)",
    b"FETCH 1 FLAGS (CHANGEDSINCE 1 CHANGEDSINCE 2)",
    b"FETCH 1 FLAGS (CHANGEDSINCE 9223372036854775808)",
    b"FETCH 1 FLAGS (CHANGEDSINCE 99999999999999999999999)",
    b"STORE 1 FLAGS",
    b"STORE 1 FOO \\Seen",
    b"STORE 1 FLAGS (\\Seen",
    b"STORE 1 FLAGS \\Recent",
    b"STORE 1 +FLAGS.LOUD \\Seen",
    b"STORE 1 (FOO 1) FLAGS x",
    b"STORE 1 FLAGS " + b"x" * 101,
    b"STORE 1 FLAGS (" + b" ".join([b"x"] * 101) + b")",
    b"STORE 1 FLAGS " + b" ".join([b"x"] * 101),
    b"COPY 1",
    b"COPY 1 *",
    b"COPY 1:2: x",
    b"COPY 1, x",
    b"COPY 4294967296 x",
    b"SORT (DATE) ALL",
    b"SORT () UTF-8 ALL",
    b"SORT (REVERSE) UTF-8 ALL",
    b"SORT (FOO) UTF-8 ALL",
    b"THREAD FOO UTF-8 ALL",
    b"SEARCH RETURN (FOO) ALL",
    b"SEARCH RETURN (MIN)",
]


@pytest.mark.parametrize("octets", WRONG, ids=[repr(octets)[2:50] for octets in WRONG])
def test_wrong_command_is_answered_with_its_tag(octets: bytes) -> None:
    with pytest.raises(BadCommand) as refusal:
        read(octets)
    assert refusal.value.tag == "A1"
    assert str(refusal.value).isascii()


@pytest.mark.parametrize(
    "octets",
    [
        b'LIST "" (' + b" ".join([b"{2400+}\r\n" + b"&AOk-a" * 400] * 90) + b")",
        b"ESEARCH IN (MAILBOXES (" + b" ".join([b"{2400+}\r\n" + b"&AOk-a" * 400] * 90) + b")) ALL",
        b"FETCH 1 BODY[HEADER.FIELDS (" + b" ".join([b"{1000+}\r\n" + b"A" * 1000] * 90) + b")]",
    ],
    ids=["list", "esearch", "fetch"],
)
def test_names_of_a_command_are_bounded_together(octets: bytes) -> None:
    with pytest.raises(BadCommand, match="Too many names"):
        read(octets)


@pytest.mark.parametrize("text", [b"", b" NOOP", b"(x NOOP", b"+ NOOP", b"a" * 201 + b" NOOP", b"\xe9 NOOP"])
def test_command_without_a_tag(text: bytes) -> None:
    with pytest.raises(BadCommand) as refusal:
        parse(CommandLine(text))
    assert refusal.value.tag is None


@pytest.mark.parametrize(
    "octets", [b"SEARCH CHARSET latin1 ALL", b"UID SORT (DATE) koi8-r ALL", b"THREAD REFERENCES x ALL"]
)
def test_unknown_charset(octets: bytes) -> None:
    with pytest.raises(BadCharset) as refusal:
        read(octets)
    assert refusal.value.tag == "A1"


def test_secrets_do_not_print() -> None:
    for octets in (b"LOGIN edupont hunter2", b"AUTHENTICATE PLAIN aHVudGVyMg=="):
        assert "hunter2" not in repr(read(octets))


def test_errors_do_not_echo_what_the_client_sent() -> None:
    with pytest.raises(BadCommand) as refusal:
        read(b"LOGIN edupont hunter2 x")
    assert "hunter2" not in str(refusal.value)


def test_idle_ends_with_done_alone() -> None:
    assert ends_idle(b"DONE")
    assert ends_idle(b"done")
    assert not any(map(ends_idle, [b"", b"DONE ", b"a DONE", b"NOOP"]))


VERBS = [octets.split(b" ")[0] for octets, _ in KNOWN]
WORDS = sorted({word for octets, _ in KNOWN for word in octets.replace(b"(", b" ( ").split(b" ")} | set(VERBS))


@settings(max_examples=400)
@given(
    st.sampled_from([b"A1 ", b"A1 UID ", b""]),
    st.lists(st.sampled_from(WORDS) | st.binary(max_size=4), max_size=12).map(b" ".join),
    st.lists(st.binary(max_size=8), max_size=3),
    st.booleans(),
)
def test_nothing_raises_but_bad_command(start: bytes, text: bytes, literals: list[bytes], utf8: bool) -> None:
    framer = Framer(after_login(1000))
    framer.feed(start + text + b"".join(b" {%d+}\r\n%s" % (len(x), x) for x in literals) + b"\r\n")
    while (event := framer.next()) is not None:
        if isinstance(event, CommandLine):
            with contextlib.suppress(BadCommand):
                parse(event, utf8)


@given(st.sampled_from([octets for octets, _ in KNOWN]), st.data())
def test_known_commands_damaged_anywhere_raise_nothing_else(octets: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(octets)))
    damage = data.draw(st.binary(max_size=3))
    framer = Framer(after_login(1000))
    framer.feed(b"A1 " + octets[:place] + damage + octets[place + len(damage) :] + b"\r\n")
    while (event := framer.next()) is not None:
        if isinstance(event, CommandLine):
            with contextlib.suppress(BadCommand):
                parse(event)
