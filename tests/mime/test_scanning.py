"""The whole scan: nothing raises, what comes out is legal, the cost is linear."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.mime import Scan, scan, unpack
from mailserver.mime.body import scanning
from mailserver.mime.body.parser import MAX_DEPTH, MAX_HEADER_LINES, MAX_PARTS
from mailserver.mime.body.text import body_text, fold, header_text
from tests.mime.imap_values import check_body, check_envelope, read
from tests.mime.samples import DIFFICULT, NESTED, corpus, crlf


def words(octets: bytes) -> str:
    """Everything a TEXT search looks in."""
    root = unpack(scan(octets).parts)
    return header_text(octets, root) + body_text(octets, root)


def check(octets: bytes) -> Scan:
    """Scan, and hold what comes out against the grammar and against what SQL and pages can carry."""
    scanned = scan(octets)
    check_envelope(read(scanned.envelope))
    check_body(read(scanned.body), extended=False)
    check_body(read(scanned.bodystructure), extended=True)
    for text in (scanned.subject, scanned.sender, scanned.sender_address, scanned.recipients, scanned.base_subject,
                 scanned.message_id, scanned.in_reply_to, scanned.references, scanned.preview):  # fmt: skip
        text.encode("utf-8")
        assert not any(character < " " or character == "\x7f" for character in text)
    assert len(scanned.preview) <= 200
    root = unpack(scanned.parts)
    assert (root.start, root.body, root.end) == (0, scanned.header_size, len(octets))
    for part in root.walk(into_messages=True):
        assert 0 <= part.start <= part.body <= part.end <= len(octets)
        for child in part.children:
            assert part.body <= child.start
            assert child.end <= part.end
        for one, other in zip(part.children, part.children[1:], strict=False):
            assert one.end <= other.start
    words(octets).encode("utf-8")
    return scanned


MESSAGES = {**DIFFICULT, **{f"{path.parent.name}/{path.stem}": path.read_bytes() for path in corpus()}}


@pytest.mark.parametrize("name", MESSAGES)
def test_difficult_messages(name: str) -> None:
    octets = MESSAGES[name]
    check(octets)
    check(octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))


MARKS = [
    b"--a",
    b"--a--",
    b"--b",
    b"--",
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b":",
    b"Content-Type: ",
    b"multipart/mixed; boundary=",
    b"a",
    b"b",
    b'"a"',
    b"message/rfc822",
    b"text/plain",
    b"text/html; charset=",
    b"utf-8",
    b"utf-16",
    b"utf-7",
    b"x-no",
    b"Content-Transfer-Encoding: base64",
    b"Content-Transfer-Encoding: quoted-printable",
    b"Subject: ",
    b"From: ",
    b"To: ",
    b"=?utf-8?q?=C3?=",
    b"=?iso-2022-jp?b?GyRC?=",
    b"<",
    b">",
    b"@",
    b",",
    b";",
    b"(",
    b")",
    b"\\",
    b"[",
    b"]",
    b"\x00",
    b"\xe9",
    b"\xc3\xa9",
    b"\xff",
    b"=",
    b"=3D",
    b"%C3",
    b"name*0*=utf-8''",
    b"filename=",
    b"Content-Disposition: attachment",
    b"Date: ",
    b"Mon, 1 Jan 2024 00:00:00 +0100",
    b"References: ",
    b"<!--",
    b"&#x110000;",
    b"&#xD800;",
    b"1",
]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(MARKS), max_size=60).map(b"".join))
def test_any_marks(octets: bytes) -> None:
    check(octets)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_octets(octets: bytes) -> None:
    check(octets)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(NESTED)), st.integers(0, len(NESTED)), st.binary(max_size=8))
def test_damaged_message(start: int, end: int, middle: bytes) -> None:
    check(NESTED[:start] + middle + NESTED[end:])


def test_values_of_a_message() -> None:
    octets = crlf(
        "From: =?utf-8?q?H=C3=A9l=C3=A8ne?= Martin <hmartin@ac-exemple.fr>\n"
        'To: b@example.org, "C, D" <c@example.org>\nCc: e@example.org\n'
        "Subject: =?utf-8?q?Re:_R=C3=A9?=\n =?utf-8?q?union?= de rentrée (fwd)\nDate: Mon, 4 Sep 2023 08:00:00 +0200\n"
        "Message-ID: <one@x>\nIn-Reply-To: <zero@x>\nReferences: <zero@x>\n <zero@x> <mid@x>\n"
        "\nBonjour\n> cité\nà tous\n"
    )
    scanned = check(octets)
    assert scanned.subject == "Re: Réunion de rentrée (fwd)"
    assert scanned.base_subject == "Réunion de rentrée"
    assert (scanned.sender, scanned.sender_address) == ("Hélène Martin", "hmartin@ac-exemple.fr")
    assert scanned.recipients == "b@example.org, C, D, e@example.org"
    assert scanned.sent_at == 1693807200
    assert (scanned.message_id, scanned.in_reply_to, scanned.references) == ("<one@x>", "<zero@x>", "<zero@x> <mid@x>")
    assert scanned.preview == "Bonjour à tous"
    assert scanned.attachments == 0
    assert octets[: scanned.header_size].endswith(b"<mid@x>\r\n\r\n")


@pytest.mark.parametrize(
    ("field", "shown"),
    [
        ("fr", b'"fr"'),
        ("fr, en", b'("fr" "en")'),
        ("mi (Maori), en (English)", b'("mi" "en")'),
        ("(none)", b"NIL"),
        ("", b"NIL"),
    ],
)
def test_languages(field: str, shown: bytes) -> None:
    """RFC 3282 section 2: comments are no language."""
    octets = crlf(f"Content-Language: {field}\n\nx\n")
    assert check(octets).bodystructure.endswith(b" NIL NIL " + shown + b" NIL)")


def test_empty_message() -> None:
    scanned = check(b"")
    assert scanned.header_size == 0
    assert scanned.sent_at == 0


def test_attachments_are_counted_as_people_do() -> None:
    assert scan(NESTED).attachments == 3  # two messages and a plan
    related = crlf(
        "Content-Type: multipart/related; boundary=r\n\n--r\nContent-Type: text/html\n\n<img src=cid:a>\n"
        "--r\nContent-Type: image/png\nContent-ID: <a>\nContent-Disposition: inline; filename=a.png\n\nx\n--r--\n"
    )
    assert scan(related).attachments == 0
    assert scan(b"Content-Type: application/pdf\r\n\r\nx").attachments == 1


def test_numbers_of_any_length_in_html() -> None:
    """Python refuses to read a number of more than 4,300 digits."""
    html = b"Content-Type: text/html\r\n\r\na&#" + b"1" * 5000 + b";b&#" + b"0" * 5000 + b"65;c"
    assert check(html).preview == "a\ufffdbAc"


def test_preview_of_html_alone() -> None:
    octets = crlf(
        "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
        "<html><head><title>no</title><style>p{a:b}"
        "</style></head><body><!-- no <b> --><p>Été&nbsp;: <b>fac</b>ture</p><p>suite</p></body></html>\n"
    )
    assert scan(octets).preview == "Été : facture suite"


# ---------------------------------------------------------------------- bounds and cost


NEST = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n"


def nested(depth: int, tail: bytes = b"") -> bytes:
    return b"".join(NEST % (level, level) for level in range(depth)) + tail


def depth_of(octets: bytes) -> int:
    part, depth = unpack(scan(octets).parts), 1
    while part.children:
        part, depth = part.children[0], depth + 1
    return depth


def test_bound_on_depth() -> None:
    """Nesting bombs: recursion and rendering stay within MAX_DEPTH."""
    assert MAX_DEPTH <= depth_of(nested(3 * MAX_DEPTH)) <= MAX_DEPTH + 2
    assert MAX_DEPTH <= depth_of(b"Content-Type: message/rfc822\r\n\r\n" * (3 * MAX_DEPTH)) <= MAX_DEPTH + 2
    check(nested(3 * MAX_DEPTH))


def test_bound_on_parts() -> None:
    octets = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\na\r\n" * (2 * MAX_PARTS)
    root = unpack(check(octets).parts)
    assert len(root.children) == MAX_PARTS - 1
    assert root.children[-1].end == len(octets)


def test_bound_on_header_lines() -> None:
    octets = b"a: b\r\n" * MAX_HEADER_LINES + b"Subject: too late\r\n\r\nbody"
    assert check(octets).subject == ""


HEAD = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
MANY: dict[str, Callable[[int], bytes]] = {
    "lookalikes": lambda n: HEAD + b"--y\r\n" * n,
    "lookalikes in nested parts": lambda n: nested(90, b"\r\n" + b"--y\r\n" * n),
    "delimiters": lambda n: HEAD + b"--x\r\n" * n,
    "parts without blank line": lambda n: HEAD + (b"--x\r\n" + b"a: b\r\n" * 20) * (n // 20),
    "commas": lambda n: b"To: " + b"," * n + b"\r\n\r\n",
    "open brackets": lambda n: b"To: " + b"<" * n + b"\r\n\r\n",
    "open comments": lambda n: b"To: " + b"(" * n + b"\r\n\r\n",
    "routes": lambda n: b"To: <@" + b"a,@" * n + b"\r\n\r\n",
    "fields": lambda n: b"To: a@b\r\n" * n + b"\r\n",
    "blanks": lambda n: b"To: a" + b" " * n + b"b\r\nSubject: a" + b" " * n + b"b\r\n\r\n",
    "half encoded words": lambda n: b"Subject: " + b"=?a?q?" * n + b"\r\n\r\n",
    "folds": lambda n: b"Subject: a" + b"\r\n b" * n + b"\r\n\r\n",
    "parameters": lambda n: b"Content-Type: a/b" + b';a*1*="\\' * n + b"\r\n\r\n",
    "references": lambda n: b"References: " + b"<a" * n + b"\r\nDate: " + b"1 Jan " * n + b"\r\n\r\n",
    "blanks in a type": lambda n: b"Content-Type: a/b" + b" " * n + b"c\r\n\r\n",
    "encoded words": lambda n: b"Subject: " + b"=?a?q?abcdefghi?= " * n + b"\r\n\r\n",
    "marks": lambda n: b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + "\u0315\u0300".encode() * n,
    "tags": lambda n: b"Content-Type: text/html\r\n\r\n" + b"<!--<a <style" * n,
}


@pytest.mark.parametrize("kind", MANY)
def test_cost_is_linear(kind: str) -> None:
    """Quadratic blow-up: ten times the input may take some ten times as long, not a hundred."""
    few, many = MANY[kind](3_000), MANY[kind](30_000)
    scan(few)

    def measure(octets: bytes) -> float:
        best = 9.0
        for _ in range(3):
            start = time.process_time()
            fold(words(octets))
            best = min(best, time.process_time() - start)
        return best

    assert measure(many) < 40 * measure(few) + 0.02


GLOBAL = (
    "From: Élodie <élodie@exemplé.fr>\r\nSubject: Réunion\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=x\r\n\r\n"
    '--x\r\nContent-Type: image/png; name="été.png"\r\n\r\nx\r\n'
    "--x\r\nContent-Type: message/global\r\n\r\nSubject: Intérieur\r\n\r\nbonjour\r\n--x--\r\n"
).encode()


def test_what_headers_have_in_utf8_is_left_to_those_who_take_it() -> None:
    envelope, body, structure = scanning.international(GLOBAL)
    who = '(("Élodie" NIL "élodie" "exemplé.fr"))'
    assert envelope.decode() == f'(NIL "Réunion" {who} {who} {who} NIL NIL NIL NIL NIL)'
    inner = '"message" "global" NIL NIL NIL "7bit" 30 (NIL "Intérieur" NIL NIL NIL NIL NIL NIL NIL NIL) ("text" "plain"'
    assert inner in structure.decode()
    assert inner in body.decode()
    assert '("name" "été.png")' in body.decode()


def test_message_global_is_a_file_to_others_and_its_parts_are_found() -> None:
    scanned = scan(GLOBAL)
    assert scanned.bodystructure.isascii()
    assert b'"message" "global" NIL NIL NIL "7bit" 30 NIL NIL NIL NIL)' in scanned.bodystructure
    tree = unpack(scanned.parts)
    assert tree.section("2", "HEADER") is not None
    part = tree.find("2.1")
    assert part is not None
    assert part.content(GLOBAL) == b"bonjour"


def test_without_8bit_headers_both_are_the_same() -> None:
    plain = b"From: a@b.fr\r\nSubject: =?utf-8?Q?=C3=A9?=\r\n\r\n\xc3\xa9"
    scanned = scan(plain)
    assert scanning.international(plain) == (scanned.envelope, scanned.body, scanned.bodystructure)
