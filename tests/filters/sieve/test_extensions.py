"""What extensions decide about a message, each after the examples and traps of its RFC."""

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from mailserver.filters import sieve
from mailserver.filters.sieve import Discard, FileInto, Keep, Redirect, Reject
from mailserver.filters.sieve.commands.editheader import write_field
from mailserver.filters.sieve.commands.table import ACTIONS, TESTS
from mailserver.mime.header import headers
from tests.filters.sieve.runs import KEPT, LETTER, PARIS, Account, actions, decide, facts, header_of, holds


def test_what_is_announced() -> None:
    """What the academy promised, and no extension twice."""
    wanted = """
        fileinto envelope imap4flags copy body variables relational date index regex vacation vacation-seconds
        reject ereject mailbox special-use subaddress editheader duplicate include foreverypart mime extracttext
        extlists spamtest spamtestplus virustest ihave encoded-character environment enotify fcc mailboxid mboxmetadata
        servermetadata comparator-i;unicode-casemap comparator-i;octet comparator-i;ascii-casemap
        comparator-i;ascii-numeric"""
    assert sorted(set(sieve.EXTENSIONS)) == sorted(sieve.EXTENSIONS)
    assert set(wanted.split()) <= set(sieve.EXTENSIONS)


def test_the_table_of_the_readme_has_every_extension_and_no_other() -> None:
    text = (Path(sieve.__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    table = text.partition("\n## Sieve\n")[2].partition("\n## ")[0]
    rows = [row.split("|") for row in table.splitlines() if row.startswith("| ")][2:]
    named = {name for row in rows for name in re.findall(r"`([a-z0-9;-]+)`", row[1])}
    base = {*ACTIONS, *TESTS, "if"}
    assert named - base == set(sieve.EXTENSIONS) - base
    modules = {name for row in rows for name in re.findall(r"`([a-z_/]+)`", row[3])}
    assert [name for name in modules if not list(Path(sieve.__file__).parent.glob(f"{name.rstrip('/')}*"))] == []


FLAGS = 'require ["imap4flags", "fileinto", "variables", "relational", "comparator-i;ascii-numeric"];'


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        # RFC 5232
        ('setflag "\\\\Seen";', [Keep(("\\Seen",))]),
        ('setflag "\\\\seen \\\\SEEN  $Junk $junk";', [Keep(("\\Seen", "$Junk"))]),
        ('addflag "a"; addflag ["b", "A c"];', [Keep(("a", "b", "c"))]),
        ('setflag ["a", "b", "c"]; removeflag "B z";', [Keep(("a", "c"))]),
        ('setflag "\\\\Recent é a(b";', [Keep()]),  # what IMAP cannot set is left out
        ('setflag "a"; keep :flags ["b"];', [Keep(("b",), implicit=False)]),
        ('setflag "a"; keep :flags "";', [Keep(implicit=False)]),
        ('setflag "a"; fileinto "Notes"; setflag "b";', [FileInto("Notes", ("a",))]),
        ('keep :flags "a"; keep :flags "b";', [Keep(("b",), implicit=False)]),  # the last one wins
        ('fileinto :flags "a" "x"; fileinto :flags "b" "x";', [FileInto("x", ("b",))]),
        ('setflag "v" "a b"; removeflag "v" "a"; keep :flags "${v}";', [Keep(("b",), implicit=False)]),
        ('set "v" "a a b"; addflag "v" ""; keep :flags "${v}";', [Keep(("a", "b"), implicit=False)]),
        ('setflag "a b"; if hasflag ["B", "z"] { discard; }', [Discard()]),
        ('setflag "a b"; if hasflag "b a" { discard; }', [Discard()]),
        ('setflag "a b"; if not hasflag :contains "z" { discard; }', [Discard()]),
        ('set "V" "NonJunk gnus-forward"; if hasflag :contains "v" ["label", "forward"] { discard; }', [Discard()]),
        ('set "v" "A B a"; if hasflag :count "eq" :comparator "i;ascii-numeric" "v" "2" { discard; }', [Discard()]),
        ('setflag "a"; if hasflag :count "eq" "1" { discard; }', [Discard()]),
    ],
)
def test_flags(script: str, expected: list[sieve.Action]) -> None:
    assert actions(FLAGS + script) == expected


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        # RFC 5490, RFC 8579, RFC 9042
        ('if mailboxexists ["INBOX", "Notes"] { fileinto "Notes"; }', [FileInto("Notes")]),
        ('if not mailboxexists ["INBOX", "x"] { fileinto :create "x"; }', [FileInto("x", create=True)]),
        ('fileinto :create "x"; fileinto "x";', [FileInto("x", create=True)]),
        ('fileinto :specialuse "\\\\Junk" "Spam";', [FileInto("Spam", special_use="\\Junk")]),
        ('if specialuse_exists "\\\\Junk" { discard; }', [Discard()]),
        ('if not specialuse_exists ["\\\\Junk", "\\\\Drafts"] { discard; }', [Discard()]),
        ('if specialuse_exists "Notes" ["\\\\Archive"] { discard; }', [Discard()]),
        ('if not specialuse_exists "Notes" ["\\\\Junk"] { discard; }', [Discard()]),
        ('fileinto :mailboxid "F1" "x";', [FileInto("x", mailbox_id="F1")]),
        ('if mailboxidexists "F1" { discard; }', [Discard()]),
        ('if not mailboxidexists ["F1", "F2"] { discard; }', [Discard()]),
        ('if metadata :contains "INBOX" "/private/comment" "x" { discard; }', [Discard()]),
        ('if not metadata "INBOX" "/private/none" "" { discard; }', [Discard()]),
        ('if metadataexists "INBOX" ["/private/comment"] { discard; }', [Discard()]),
        ('if servermetadata "/admin" "x" {} elsif servermetadataexists "/admin" { discard; }', [Discard()]),
        # RFC 5429
        ('reject "Non.";', [Reject("Non.", extended=False)]),
        ('ereject "Non.";', [Reject("Non.", extended=True)]),
        ('reject "Non."; discard;', [Reject("Non.", extended=False)]),
        # RFC 6134
        ('if address :list "from" "known" { discard; }', [Discard()]),
        ('if header :list "subject" "known" { discard; }', [Keep()]),
        ('if valid_ext_list "known" { discard; }', [Discard()]),
        ('if valid_ext_list ["known", "unknown"] { discard; }', [Keep()]),
        ('redirect :list "known";', [Redirect("", list="known")]),
        ('if address :list "from" "known" { fileinto "${0}"; }', [FileInto("Jean.Dupont@Example.org")]),
    ],
)  # fmt: skip
def test_mailboxes_refusals_and_lists(script: str, expected: list[sieve.Action]) -> None:
    requires = """require ["mailbox", "fileinto", "special-use", "mailboxid", "mboxmetadata", "servermetadata",
        "reject", "ereject", "extlists", "variables"];"""
    host = Account(
        lists={"known": frozenset(("jean.dupont@example.org",))},
        annotations={("INBOX", "/private/comment"): "xyz", (None, "/admin"): "mailto:it@ac-exemple.fr"},
    )
    assert actions(requires + script, LETTER, host) == expected


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        # RFC 5260: the letter's Date is Sun, 29 Nov 2026 23:30:00 -0500, in the account's zone a Monday
        ('date "date" "weekday" "1"', True),
        ('date :originalzone "date" "weekday" "0"', True),
        ('date :originalzone "date" "hour" "23"', True),
        ('date :zone "+0000" "date" "iso8601" "2026-11-30T04:30:00+00:00"', True),
        ('date :originalzone "date" "iso8601" "2026-11-29T23:30:00-05:00"', True),
        ('date "date" "std11" "Mon, 30 Nov 2026 05:30:00 +0100"', True),
        ('date :zone "-0500" "date" "zone" "-0500"', True),
        ('date :zone "+0000" "date" "julian" "61374"', True),
        ('date "date" "date" "2026-11-30"', True),
        ('date "date" "time" "05:30:00"', True),
        ('date "received" "minute" "05"', True),
        ('date "x-empty" "year" "2026"', False),
        ('date :contains "x-none" "year" ""', False),
        ('currentdate "iso8601" "2026-11-30T08:05:09+01:00"', True),
        ('currentdate :zone "+0530" "time" "12:35:09"', True),
        ('currentdate "weekday" "1"', True),
        ('allof (currentdate :value "ge" "date" "2026-11-30", currentdate :value "le" "date" "2026-12-01")', True),
        ('currentdate :value "ge" "hour" "09"', False),
        ('currentdate "second" "09"', True),
        # section 6: index
        ('header :index 1 "received" "x"', False),
        ('header :index 1 :contains "received" "mx.example.org"', True),
        ('header :index 2 :contains "received" ""', False),
        ('header :index 1 :last :contains "received" "mx.example.org"', True),
        ('address :index 1 "to" "edupont@ac-exemple.fr"', True),
        # RFC 5183
        ('environment "name" "mailserver"', True),
        ('environment "location" "MS"', True),
        ('environment "phase" "during"', True),
        ('environment :contains "remote-ip" "192."', True),
        ('environment :contains "zork" ""', False),
        ('environment :count "eq" "zork" "0"', False),
        # RFC 5435
        ('valid_notify_method "mailto:a@b.fr?body=x"', True),
        ('valid_notify_method ["mailto:a@b.fr", "xmpp:a@b.fr"]', False),
        ('notify_method_capability "mailto:a@b.fr" "Online" "maybe"', True),
        ('notify_method_capability "mailto:a@b.fr" "zork" "maybe"', False),
        ('notify_method_capability "tel:1" "online" "maybe"', False),
    ],
)
def test_dates_and_what_surrounds(test: str, expected: bool) -> None:
    assert holds(test, facts(environment={"remote-ip": "192.0.2.1"})) is expected


@pytest.mark.parametrize("month", range(1, 13))
def test_every_month_has_its_name(month: int) -> None:
    names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    now = datetime(2026, month, 1, 12, tzinfo=timezone(-timedelta(hours=3, minutes=30)))
    assert holds(
        f'currentdate :zone "-0330" :matches "std11" "*, 01 {names[month - 1]} 2026 12:00:00 -0330"', facts(now=now)
    )


@pytest.mark.parametrize(
    ("test", "spam", "virus", "expected"),
    [
        # RFC 5235
        ('spamtest "0"', None, None, True),
        ('spamtest :count "eq" "0"', None, None, True),
        ('spamtest "0"', 1, None, False),
        ('spamtest :value "ge" :comparator "i;ascii-numeric" "7"', 7, None, True),
        ('spamtest :value "ge" :comparator "i;ascii-numeric" "7"', 6, None, False),
        ('spamtest "1"', 0, None, True),
        ('spamtest :percent "0"', 1, None, True),
        ('spamtest :percent "100"', 10, None, True),
        ('spamtest :percent :value "gt" :comparator "i;ascii-numeric" "50"', 6, None, True),
        ('spamtest :count "eq" "1"', 1, None, True),
        ('virustest "0"', None, None, True),
        ('virustest "5"', None, 5, True),
        ('virustest :value "eq" :comparator "i;ascii-numeric" "1"', None, 1, True),
    ],
)
def test_spam_and_viruses(test: str, spam: int | None, virus: int | None, expected: bool) -> None:
    assert holds(test, facts(spam=spam, virus=virus)) is expected


PARTS = (
    b"From: a@example.org\r\nSubject: parts\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="outer"\r\n\r\nPROLOGUE\r\n'
    b"--outer\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"Caf=E9 =3D bon\r\n"
    b"--outer\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><b>Bon</b>jour &eacute;l&egrave;ve</html>\r\n"
    b'--outer\r\nContent-Type: application/pdf; name="Devis.PDF"\r\nContent-Transfer-Encoding: base64\r\n'
    b"Content-Disposition: attachment; filename=\"Devis.PDF\"\r\n\r\nJVBERi0=\r\n"
    b"--outer\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nX-Inner: yes\r\n\r\nInner text\r\n"
    b"--outer--\r\nEPILOGUE\r\n"
)  # fmt: skip


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        # RFC 5173
        ('body :contains "CAFÉ = bon"', False),  # i;ascii-casemap knows no É
        ('body :contains "Café = bon"', True),
        ('body :text :contains "bonjour élève"', True),
        ('body :text :contains "<b>"', False),
        ('body :text :contains "Inner text"', True),
        ('body :text :contains "PROLOGUE"', False),
        ('body :raw :contains "Caf=E9"', True),
        ('body :raw :contains "prologue"', True),
        ('body :raw :contains "Subject: parts"', False),
        ('body :content "text" :contains "<b>"', True),
        ('body :content "text/plain" :contains "<b>"', False),
        ('body :content "application/pdf" :is "%PDF-"', True),
        ('body :content "" :contains "%PDF-"', True),
        ('body :content "multipart" :contains "PROLOGUE"', True),
        ('body :content "multipart" :contains "EPILOGUE"', True),
        ('body :content "multipart" :contains "Inner"', False),
        ('body :content "message/rfc822" :contains "X-Inner: yes"', True),
        ('body :content "message/rfc822" :contains "Inner text"', False),
        ('body :content ["text/", "/plain", "a/b/c"] :contains ""', False),
        ('body :content "image" :contains ""', False),
        # RFC 5703
        ('header :mime :type "content-type" "multipart"', True),
        ('header :mime :anychild :contenttype "content-type" "application/pdf"', True),
        ('header :mime :anychild :subtype "content-type" "html"', True),
        ('header :mime :anychild :param "filename" "content-disposition" "devis.pdf"', True),
        ('header :mime :anychild :matches :param ["zork", "name"] "content-type" "*.pdf"', True),
        ('header :mime :param "boundary" "content-type" "outer"', True),
        ('header :contains "x-inner" "yes"', False),
        ('header :mime :anychild :contains "x-inner" "yes"', True),
        ('exists :mime :anychild "x-inner"', True),
        ('exists :mime "x-inner"', False),
        ('header :mime :anychild :count "eq" "content-transfer-encoding" "2"', True),
    ],
)
def test_bodies_and_parts(test: str, expected: bool) -> None:
    assert holds(test, PARTS) is expected


def test_a_message_without_a_body_matches_nothing() -> None:
    for transform in (":raw", ":text", ':content ""'):
        assert not holds(f'body {transform} :contains ""', b"Subject: x\r\n")
    assert not holds('body :matches "*"', b"Subject: x\r\n")


def test_body_sets_no_match_variables() -> None:
    """RFC 5173 section 6."""
    script = 'require ["body", "variables", "fileinto"]; if body :matches "*" { fileinto "x${1}"; }'
    assert actions(script, PARTS) == [FileInto("x")]


LOOPS = 'require ["foreverypart", "mime", "extracttext", "variables", "fileinto"];'


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (
            'foreverypart { if header :mime :subtype "content-type" "html" { extracttext :first 7 :upper "t"; } }'
            'fileinto "${t}";',
            [FileInto("BONJOUR")],
        ),
        (
            'foreverypart { set "n" "${n}x"; } fileinto "${n}";',
            [FileInto("xxxxxx")],  # the message, its four parts, the message within
        ),
        (
            'foreverypart :name "out" { foreverypart { set "n" "${n}x"; break :name "out"; } set "n" "never"; }'
            'fileinto "${n}";',
            [FileInto("x")],
        ),
        (
            'foreverypart { if header :mime :param "filename" "content-disposition" "devis.pdf" { discard; stop; } }',
            [Discard()],
        ),
    ],
)  # fmt: skip
def test_loops_over_parts(script: str, expected: list[sieve.Action]) -> None:
    assert actions(LOOPS + script, PARTS) == expected


TRACE = LETTER[: LETTER.index(b"From:")]
EDIT = 'require ["editheader", "variables", "fileinto", "envelope", "encoded-character", "copy"];'


@pytest.mark.parametrize(
    ("script", "first", "last"),
    [
        # RFC 5293
        ('addheader "X-Hello" "World";', b"X-Hello: World\r\n", b"X-Empty:\r\n"),
        ('addheader :last "X-Hello" "World";', b"From:", b"X-Hello: World\r\n"),
        ('addheader "X-A" "à"; ', b"X-A: =?utf-8?B?w6A=?=\r\n", b"X-Empty:\r\n"),
        ('addheader "X-A" "1${hex:0d 0a}Bcc: all@example.org";', b"X-A: 1 Bcc: all@example.org\r\n", b"X-Empty:\r\n"),
        ('deleteheader "x-empty";', b"From:", b"Message-ID: <1@example.org>\r\n"),
        ('deleteheader :contains "message-ID" ["zork", "1@"]; deleteheader "X-Empty";', b"From:", b"-0500\r\n"),
        ('deleteheader :index 1 :last "x-empty";', b"From:", b"Message-ID: <1@example.org>\r\n"),
    ],
)
def test_headers_are_edited(script: str, first: bytes, last: bytes) -> None:
    found = header_of(EDIT + script)
    assert found is not None
    assert found.startswith(TRACE), "what is added stands below the trace"
    assert found.removeprefix(TRACE).startswith(first)
    assert found.endswith(last)


@pytest.mark.parametrize("word", ["x" * 900, "x" * 5000, "=?" + "x" * 1000])
def test_a_field_that_is_added_has_no_line_over_998_octets(word: str) -> None:
    """RFC 5322 section 2.1.1: what cannot be folded is encoded."""
    written = write_field("X-A", f"un {word} deux")
    assert max(map(len, written.split(b"\r\n"))) <= 998
    assert headers.decode(written.partition(b":")[2]) == f"un {word} deux"


@pytest.mark.parametrize(
    "script",
    [
        "",
        'addheader "X-A" "1"; deleteheader "X-A";',
        'deleteheader "received"; deleteheader "Return-Path"; addheader "Auto-Submitted" "no";',
        'addheader "received" "x";',
        'deleteheader "From"; addheader "From" "Recteur <recteur@ac-exemple.fr>"; addheader "Sender" "a@b.fr";',
        'addheader "Reply-To" "a@b.fr"; addheader "Resent-From" "a@b.fr"; addheader "DKIM-Signature" "v=1";',
        'addheader "X-Sieve-Redirected-From" "<a@b.fr>"; addheader "Received-SPF" "pass";',
        'addheader "Authentication-Results" "ac-exemple.fr; dkim=pass";',
        'deleteheader :index 2 "x-empty"; deleteheader :index 2 :last "x-empty"; deleteheader :is "x-empty" "zork";',
    ],
)
def test_what_tells_where_a_message_comes_from_is_not_edited(script: str) -> None:
    assert header_of(EDIT + script) is None


def test_tests_see_the_header_as_it_is_now() -> None:
    script = (
        EDIT
        + """deleteheader "subject"; addheader "Subject" "Autre";
        if allof (header "subject" "Autre", not header :contains "subject" "rentrée") { fileinto "Notes"; }"""
    )
    (filed,) = actions(script)
    assert isinstance(filed, FileInto)
    assert filed.mailbox == "Notes"
    script = (
        EDIT
        + 'addheader "X" "1"; addheader "X" "2"; addheader "X" "3";'
        + 'deleteheader :index 1 "X"; deleteheader :index 2 "X";'
    )
    found = header_of(script)
    assert found is not None
    assert found.startswith(TRACE + b"X: 2\r\nFrom:")


def test_each_action_has_the_header_of_its_moment() -> None:
    """RFC 5293 section 7."""
    script = (
        EDIT
        + """fileinto "Notes"; redirect :copy "a@b.fr"; addheader "X" "1"; fileinto "Junk";
        redirect :copy "c@d.fr"; addheader "X" "2"; deleteheader :index 1 "X"; fileinto "Avec"; keep;
        deleteheader "X"; fileinto "Sans"; addheader "X" "3"; keep;"""
    )
    found = []
    for action in actions(script):
        assert isinstance(action, FileInto | Redirect | Keep)
        header = action.edited.header.removeprefix(TRACE).partition(b"From:")[0] if action.edited else None
        found.append((getattr(action, "mailbox", ""), header))
    assert found == [
        ("Notes", None), ("", None), ("Junk", b"X: 1\r\n"), ("", b"X: 1\r\n"), ("Avec", b"X: 1\r\n"),
        ("", b"X: 3\r\n"), ("Sans", None),
    ]  # fmt: skip
    implicit = actions(EDIT + 'fileinto :copy "Notes"; addheader "X" "1";')
    assert [action.edited is None for action in implicit if isinstance(action, FileInto | Keep)] == [True, False]


def test_duplicates() -> None:
    """RFC 7352: what was seen is asked of the account, and marks are given back, not kept here."""
    script = 'require ["duplicate", "fileinto"]; if duplicate {} fileinto "x"; if duplicate { discard; stop; }'
    first = decide(script)
    assert [mark.seconds for mark in first.marks] == [7 * 24 * 3600, 7 * 24 * 3600]
    assert len({mark.handle for mark in first.marks}) == 1
    host = Account(handles={first.marks[0].handle})
    assert decide('require "duplicate"; if duplicate { discard; }', LETTER, host).actions == (Discard(),)
    assert decide('require "duplicate"; if duplicate { discard; }', LETTER, host).marks == ()

    def key(arguments: str) -> list[str]:
        return [mark.handle for mark in decide(f'require "duplicate"; if duplicate {arguments} {{}} keep;').marks]

    assert key("") == key(':header "message-id"') == key(':uniqueid "<1@example.org>"')
    assert key(':handle "a"') != key("") != key(':uniqueid "<1@EXAMPLE.org>"')
    assert key(':header "x-none"') == key(':header "not a name:"') == []
    lasting = decide('require "duplicate"; if duplicate :last :seconds 60 {} keep;', LETTER, host).marks
    assert [(mark.seconds, mark.last) for mark in lasting] == [(60, True)]


def test_scripts_include_others() -> None:
    """RFC 6609: variables are a script's own unless they are global; `return` and `stop`."""
    host = Account(
        scripts={
            ("personal", "find"): """require ["include", "variables"]; global "box";
                set "own" "x"; set "box" "Notes"; return; discard;""",
            ("global", "all"): 'require ["include", "variables"]; set "global.seen" "${global.seen}1";',
            ("personal", "end"): "discard; stop;",
        }
    )  # fmt: skip
    requires = 'require ["include", "variables", "fileinto"]; global ["box", "seen"];'
    find = 'include "find"; fileinto "${box}${own}"; '
    assert actions(requires + find, LETTER, host) == [FileInto("Notes")]
    assert actions(requires + 'include :global "all"; include :global "all"; fileinto "${seen}";', LETTER, host) == [
        FileInto("11")
    ]
    once = 'include :global "all"; include :once :global "all"; fileinto "${seen}";'
    assert actions(requires + once, LETTER, host) == [FileInto("1")]
    assert actions(requires + 'include :personal "end"; fileinto "x";', LETTER, host) == [Discard()]
    assert actions(requires + 'include :optional "none"; discard;', LETTER, host) == [Discard()]
    host.scripts["personal", "d\u00e9part\u00a0(1)"] = "discard; stop;"
    decomposed = 'include "de\u0301part\u00a0(1)"; keep;'
    assert actions(requires + decomposed, LETTER, host) == [Discard()], "a name is meant as it is kept"
    assert sieve.compile(requires.encode() + b'include "a"; include :global "b";').includes == (
        ("personal", "a"), ("global", "b"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("script", "english"),
    [
        ('include "none";', "The script “none”, which the filter asks for, does not exist."),
        ('include "self";', "The script “self” asks for itself."),
        ('include "many";', "Too many scripts ask for others."),
        ('error "Assez.";', "The filter stopped itself: Assez."),
        ('reject "a"; keep;', "The filter has refused the message, and then asks for something else."),
        ('fileinto "x"; reject "a";', "The filter wants to refuse the message and at the same time keep or answer it."),
        ('reject "a"; ereject "b";', "The filter has refused the message, and then asks for something else."),
        ('vacation "a"; reject "b";', "The filter wants to refuse the message and at the same time keep or answer it."),
        ('vacation "a"; vacation "b";', "The filter wants to answer the same message twice."),
        ('set "a" "x y"; redirect "${a}";', "“x y” is not an address."),
        ('set "a" ""; fileinto "${a}";', "“” is not the name of a folder."),
        ('set "a" "x"; notify "${a}";', "“x” is not a valid “mailto:” address."),
    ],
)
def test_what_stops_a_run(script: str, english: str) -> None:
    requires = 'require ["include", "ihave", "reject", "ereject", "fileinto", "vacation", "variables", "enotify"];'
    scripts = {("personal", "self"): 'require "include"; include "self";'}
    scripts[("personal", "many")] = 'require "include"; include "n0";'
    for number in range(20):
        scripts[("personal", f"n{number}")] = f'require "include"; include "n{number + 1}";'
    with pytest.raises(sieve.RunError) as caught:
        decide(requires + script, LETTER, Account(scripts=scripts))
    assert caught.value.text.to("en") == english


def test_the_zone_of_the_account_is_that_of_now() -> None:
    assert facts().now.tzinfo is PARIS
    assert holds('currentdate "hour" "23"', facts(now=datetime(2026, 1, 1, 23, tzinfo=timezone(timedelta(hours=9)))))


NESTED = (
    b"From: a@b.fr\r\nSubject: Tout\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"
    b"Content-Type: text/plain\r\nSubject: Partie\r\n\r\nBonjour\r\n--x\r\n"
    b"Content-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\nContent-Type: text/html\r\n\r\n<b>Gras</b>\r\n--y--\r\n"
    b"--x--\r\n"
)


def test_a_script_included_in_a_loop_sees_the_part_as_a_message() -> None:
    """RFC 6609 section 3.5."""
    requires = 'require ["include", "foreverypart", "mime", "variables", "body", "editheader", "relational",'
    requires += ' "comparator-i;ascii-numeric", "extracttext"];'
    account = Account(
        scripts={
            ("personal", "partie"): requires
            + """global ["seen", "inner"]; set "s" ""; if header :matches "subject" "*" { set "s" "${1}"; }
            if body :raw :contains "Bonjour" { set "s" "${s}!"; } if size :under 60 { set "s" "${s}<"; }
            set "seen" "${seen} ${s}";
            foreverypart { if header :mime :contenttype :matches "content-type" "*" { set "inner" "${inner} ${1}"; } }
            if header "subject" "Partie" { addheader "X-Vu" "oui"; }""",
        }
    )
    script = f"""{requires} global ["seen", "inner"]; foreverypart {{ include "partie"; }}
        if allof (string "${{seen}}" " Tout! Partie!<  <", header "x-vu" "oui", header "subject" "Tout",
            string "${{inner}}" " text/plain multipart/mixed text/html text/html") {{ discard; }}"""
    assert actions(script, NESTED, account) == [Discard()]


def test_loops_of_all_scripts_are_bounded_together() -> None:
    deep = b"Content-Type: text/plain\r\n\r\nFond"
    for level in range(6):
        deep = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n%b\r\n" % (level, level, deep)
    requires = 'require ["include", "foreverypart"];'
    account = Account(
        scripts={
            ("personal", "b"): f'{requires} foreverypart {{ include "c"; }}',
            ("personal", "c"): f"{requires} foreverypart {{ foreverypart {{ keep; }} }}",
        }
    )
    with pytest.raises(sieve.RunError):
        actions(f'{requires} foreverypart {{ foreverypart {{ include "b"; }} }}', deep, account)
    assert actions(f'{requires} foreverypart {{ include "b"; }}', deep, account) == [KEPT]


def test_where_a_script_may_send_mail_on() -> None:
    """The name of a list says nothing of where mail goes, and may be any text."""
    script = """require ["encoded-character", "extlists", "variables"]; redirect "Jean <jean@example.org>";"""
    assert sieve.compile(script.encode()).targets == {"jean@example.org"}
    for more in ('redirect :list "chef@ac-exemple.fr";', 'redirect :list "a${hex:00}b";', 'redirect "${x}@x.fr";'):
        assert sieve.compile((script + more).encode()).targets == {"jean@example.org", "*"}
    for wrong in ("a${hex:00}b@x.fr", "a${hex:0d 0a}b@x.fr", r"\"a${hex:00}b\"@x.fr", r"\"a${hex:0d 0a}b\"@x.fr"):
        with pytest.raises(sieve.SieveError):
            sieve.compile((script + f'redirect "{wrong}";').encode())
