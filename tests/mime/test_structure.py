"""Parts by number, sections (RFC 3501 section 6.4.5), decoded contents, the packed form."""

import pytest

from mailserver.mime import Part, scan, unpack
from mailserver.mime.body.structure import pack
from tests.mime.imap_values import read
from tests.mime.samples import NESTED, crlf


def tree(octets: bytes) -> Part:
    return unpack(scan(octets).parts)


def section(octets: bytes, number: str, what: str | None = None) -> bytes | None:
    found = tree(octets).section(number, what)  # type: ignore[arg-type]
    return None if found is None else octets[found[0] : found[1]]


@pytest.mark.parametrize(
    ("number", "what", "expected"),
    [
        ("1", None, b"first"),
        ("1", "MIME", b"Content-Type: text/plain; charset=utf-8\r\n\r\n"),
        ("2.1", None, b"inner text"),
        ("2.2", None, b"<p>inner page</p>"),
        ("2.2", "MIME", b"Content-Type: text/html\r\n\r\n"),
        ("2", "MIME", b"Content-Type: message/rfc822\r\n\r\n"),
        ("3", "HEADER", b"Subject: plain inside\r\n\r\n"),
        ("3", "TEXT", b"only text"),
        ("3.1", None, b"only text"),
        ("3", None, b"Subject: plain inside\r\n\r\nonly text"),
        ("4", None, b"JVBERg=="),
        ("1", "HEADER", None),
        ("1", "TEXT", None),
        ("5", None, None),
        ("0", None, None),
        ("1.1", None, None),
        ("3.2", None, None),
        ("2.3", None, None),
        ("", "MIME", None),
        ("x", None, None),
    ],
)
def test_sections(number: str, what: str | None, expected: bytes | None) -> None:
    assert section(NESTED, number, what) == expected


def test_sections_of_the_whole() -> None:
    assert section(NESTED, "") == NESTED
    header = section(NESTED, "", "HEADER")
    text = section(NESTED, "", "TEXT")
    assert header is not None
    assert text is not None
    assert header + text == NESTED
    inner = section(NESTED, "2", "HEADER")
    assert inner is not None
    assert inner.startswith(b"From: c@example.org")
    assert inner.endswith(b"boundary=two\r\n\r\n")


def test_part_one_of_a_message_that_is_no_multipart() -> None:
    octets = crlf("Subject: x\nContent-Type: text/plain\n\nhello\n")
    assert section(octets, "1") == b"hello\r\n"
    assert section(octets, "1", "MIME") == b"Subject: x\r\nContent-Type: text/plain\r\n\r\n"
    assert section(octets, "2") is None
    assert section(octets, "1.1") is None


def test_message_that_is_itself_an_attached_message() -> None:
    octets = crlf("Content-Type: message/rfc822\n\nSubject: in\n\nhello\n")
    assert section(octets, "1", "HEADER") == b"Subject: in\r\n\r\n"
    assert section(octets, "1.1") == b"hello\r\n"
    assert section(octets, "1") == b"Subject: in\r\n\r\nhello\r\n"


def test_numbers_find_their_parts() -> None:
    root = tree(NESTED)
    for part in root.walk(into_messages=True):
        if part.number and not (part.is_multipart and part is not root):
            found = root.find(part.number)
            assert found == part
    assert [part.number for part in root.attachments()] == ["2", "3", "4"]
    assert [part.filename for part in root.attachments()] == ["", "note.eml", "plan.pdf"]


def test_pack_and_unpack_are_inverse() -> None:
    root = tree(NESTED)
    assert unpack(pack(root)) == root


def test_bodystructure_of_nested_messages() -> None:
    value = read(scan(NESTED).bodystructure)
    assert isinstance(value, list)
    assert value[4] == "mixed"
    first, second, third, fourth = value[:4]
    assert first == ["text", "plain", ["charset", "utf-8"], None, None, "7bit", 5, 0, None, None, None, None]
    assert isinstance(second, list)
    envelope, body, lines = second[7:10]
    assert isinstance(envelope, list)
    assert envelope[1] == "inner"
    assert isinstance(body, list)
    assert body[2] == "alternative"
    assert lines == 12
    assert isinstance(third, list)
    assert third[-3] == ["attachment", ["filename", "note.eml"]]
    assert isinstance(fourth, list)
    assert fourth[:7] == ["application", "pdf", ["name", "plan.pdf"], None, None, "base64", 8]


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("", ["text", "plain", ["charset", "us-ascii"], None, None, "7bit", 4, 1]),
        ("Content-Type: nonsense\n", ["text", "plain", ["charset", "us-ascii"], None, None, "7bit", 4, 1]),
        ("Content-Type: text/\n", ["text", "plain", ["charset", "us-ascii"], None, None, "7bit", 4, 1]),
        ("Content-Type: IMAGE/GIF; NAME=\"a\\\"b\"\n", ["image", "gif", ["name", 'a"b'], None, None, "7bit", 4]),
        ("Content-Type: message/partial; id=1\n", ["message", "partial", ["id", "1"], None, None, "7bit", 4]),
        ("content-transfer-encoding:8BIT (x)\n", ["text", "plain", ["charset", "us-ascii"], None, None, "8bit", 4, 1]),
    ],
)  # fmt: skip
def test_types_missing_or_broken(header: str, body: list[object]) -> None:
    assert read(scan(crlf(f"{header}\nab\n")).body) == body


def test_extension_fields() -> None:
    octets = crlf(
        "Content-MD5: abc==\nContent-Language: fr, en\nContent-Location: http://x/\nContent-Disposition: inline\n\nab\n"
    )
    value = read(scan(octets).bodystructure)
    assert isinstance(value, list)
    assert value[-4:] == ["abc==", ["inline", None], ["fr", "en"], "http://x/"]


@pytest.mark.parametrize(
    "header", ["Content-Type: multipart/mixed\n", "Content-Type: multipart/mixed; boundary=never\n"]
)
def test_multipart_without_parts_has_its_body_as_text(header: str) -> None:
    octets = crlf(f"{header}\nhello\n--other\n")
    body = read(scan(octets).body)
    assert body == [["text", "plain", ["charset", "us-ascii"], None, None, "7bit", 16, 2], "mixed"]
    assert section(octets, "1") == b"hello\r\n--other\r\n"


def test_digest_parts_are_messages() -> None:
    octets = crlf("Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: one\n\ntext\n--d--\n")
    assert section(octets, "1", "HEADER") == b"Subject: one\r\n\r\n"


def test_boundaries_that_look_alike() -> None:
    """Only the whole line counts (RFC 2046 section 5.1.1); one boundary may begin like another."""
    octets = crlf(
        "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=ab\n\n"
        "--ab\n\none\n--abc\n"
        "--ab--\n--a \t\n\ntwo\n--a--\n"
    )
    root = tree(octets)
    assert [child.type for child in root.children] == ["multipart/mixed", "text/plain"]
    assert section(octets, "1.1") == b"one\r\n--abc"
    assert section(octets, "2") == b"two"


def test_same_boundary_twice_is_the_inner_one() -> None:
    octets = crlf(
        "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=a\n\n"
        "--a\n\none\n--a--\n--a\n\ntwo\n--a--\n"
    )
    assert section(octets, "1.1") == b"one"
    assert section(octets, "2") == b"two"


def test_bare_line_feeds() -> None:
    octets = NESTED.replace(b"\r\n", b"\n")
    assert section(octets, "2.1") == b"inner text"
    assert section(octets, "3", "HEADER") == b"Subject: plain inside\n\n"


def test_unclosed_parts_end_with_the_message() -> None:
    octets = crlf("Content-Type: multipart/mixed; boundary=a\n\n--a\n\none\n--a\nContent-Type: text/html\n\ntwo")
    assert section(octets, "2") == b"two"


@pytest.mark.parametrize(
    ("encoding", "charset", "raw", "text"),
    [
        ("base64", "utf-8", b"w6l0w6k=", "été"),
        ("base64", "utf-8", b"w6l0*\r\nw6k", "été"),
        ("base64", "us-ascii", b"YQ==YQ==", "aa"),
        ("quoted-printable", "iso-8859-1", b"=E9t=\r\n=E9 =zz", "été =zz"),
        ("quoted-printable", "utf-8", b"a= \r\nb=3D", "ab="),
        ("quoted-printable", "utf-8", b"a \t\r\nb =20\r\n c\t", "a\nb  \n c"),
        ("8bit", "windows-1252", b"\x80", "€"),
        ("8bit", "iso-8859-1", b"\x80", "€"),
        ("8bit", "x-unknown", "é".encode(), "é"),
        ("8bit", "us-ascii", b"\xe9", "é"),
        ("8bit", "gb2312", "中".encode("gb18030"), "中"),
        ("7bit", "iso-2022-jp", b"\x1b$B$\"\x1b(B", "あ"),
        ("7bit", "zlib", b"plain", "plain"),
        ("7bit", "rot13", b"plain", "plain"),
        ("x-uuencode", "us-ascii", b"begin 644 a\r\n#86)C\r\n`\r\nend\r\n", "abc"),
        ("x-no-such", "us-ascii", b"plain", "plain"),
    ],
)  # fmt: skip
def test_decoded_text(encoding: str, charset: str, raw: bytes, text: str) -> None:
    octets = (
        f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + raw
    )
    assert tree(octets).text(octets).rstrip("\n") == text


def test_content_is_bounded() -> None:
    octets = b"Content-Transfer-Encoding: base64\r\n\r\n" + b"QUFB" * 1000
    assert tree(octets).content(octets, limit=8) == b"AAAAAA"


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ("Content-Disposition: attachment; filename*=utf-8''%C3%A9t%C3%A9.pdf\n", "été.pdf"),
        ("Content-Disposition: attachment; filename*0*=iso-8859-1'fr'%E9; filename*1*=t%E9; filename*2=.c\n", "été.c"),
        ("Content-Disposition: attachment; filename*1=b; filename*0=a\n", "ab"),
        ("Content-Disposition: attachment; filename=\"=?utf-8?q?=C3=A9t=C3=A9?=.pdf\"\n", "été.pdf"),
        ("Content-Disposition: attachment; filename=nom avec blancs.pdf\n", "nom avec blancs.pdf"),
        ("Content-Disposition: attachment; filename=plain.pdf; filename*=utf-8''best.pdf\n", "best.pdf"),
        ("Content-Type: application/pdf; name=\"a.pdf\"\n", "a.pdf"),
        ("Content-Disposition: attachment; filename=\"../../etc/passwd\"\n", "passwd"),
        ("Content-Disposition: attachment; filename=\"C:\\\\temp\\\\a.doc\"\n", "a.doc"),
        ("Content-Disposition: attachment; filename*=x-no''%E9\n", "é"),
        ("Content-Disposition: attachment; filename*=''%zz%\n", "%zz%"),
        ("Content-Disposition: attachment; filename=\"never closed\n", "never closed"),
        ("Content-Disposition: attachment; filename*0*=utf-8''%C3; filename*1*=%A9\n", "é"),
    ],
)  # fmt: skip
def test_file_names(fields: str, name: str) -> None:
    assert tree(crlf(f"{fields}\nx")).filename == name
