"""Messages with NUL are written without it, or not at all; what they say stays."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.mime import Part, scan, unpack
from mailserver.mime.body.parser import MAX_DEPTH
from mailserver.mime.writing import binary
from tests.mime.samples import NESTED, crlf


def parts(octets: bytes) -> list[Part]:
    return list(unpack(scan(octets).parts).walk(into_messages=True))


def contents(octets: bytes) -> list[tuple[str, bytes]]:
    """Type and decoded content of every part that is not made of parts."""
    return [(part.type, part.content(octets)) for part in parts(octets) if not part.children]


def test_without_nul_nothing_changes() -> None:
    assert binary.textual(NESTED) is NESTED


@pytest.mark.parametrize("number", ["1", "2.1", "2.2", "3.1"])
def test_any_part_may_hold_it(number: str) -> None:
    leaf = unpack(scan(NESTED).parts).find(number)
    assert leaf is not None
    octets = NESTED[: leaf.body] + b"\0\r\n--\0" + NESTED[leaf.body :]
    written = binary.textual(octets)
    assert written is not None
    assert b"\0" not in written
    assert contents(written) == contents(octets)
    changed = [
        new.number for new, old in zip(parts(written), parts(octets), strict=True) if new.encoding != old.encoding
    ]
    assert changed == [number]


@pytest.mark.parametrize(
    "octets",
    [
        b"Subject: \0\r\n\r\nx\r\n",
        b"Content-Transfer-Encoding: base64\r\n\r\nAA\0==\r\n",
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=3D\0\r\n",
        b"Content-Transfer-Encoding: x-unknown\r\n\r\n\0\r\n",
        b"Content-Type: message/partial; id=a\r\n\r\n\0\r\n",
        b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: binary\r\n\r\nSubject: \0\r\n\r\nx\r\n",
        crlf("Content-Type: multipart/mixed; boundary=x\n\npre\0\n--x\n\none\n--x--\n"),
        crlf("Content-Type: multipart/mixed; boundary=x\n\n--x\n\none\n--x--\nafter\0\n"),
        crlf("Content-Type: multipart/mixed; boundary=x\n\nnowhere \0 divided\n"),
        crlf("Content-Type: multipart/signed; boundary=x\n\n--x\n\none\0\n--x\n\ntwo\n--x--\n"),
        b"Content-Type: message/rfc822\r\n\r\n" * (MAX_DEPTH + 5) + b"Subject: deep\r\n\r\n\0\r\n",
    ],
    ids=["head", "base64", "quoted", "unknown", "partial", "inner", "before", "after", "whole", "signed", "deep"],
)
def test_where_no_encoding_may_carry_it_there_is_no_such_message(octets: bytes) -> None:
    assert b"\0" in octets
    assert binary.textual(octets) is None


def test_a_message_that_says_nothing_of_itself_says_that_it_is_mime() -> None:
    written = binary.textual(b"Subject: x\r\n\r\na\0\r\n")
    assert written == b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\nSubject: x\r\n\r\nYQANCg==\r\n"


def test_every_older_word_on_the_encoding_goes() -> None:
    octets = b"Content-Transfer-Encoding: 8bit\r\nMime-Version: 1.0\r\ncontent-transfer-encoding:\r\n binary\r\n\r\n\0"
    written = binary.textual(octets)
    assert written == b"Content-Transfer-Encoding: base64\r\nMime-Version: 1.0\r\n\r\nAA==\r\n"


_LINES = st.sampled_from(
    [
        b"--x",
        b"--x--",
        b"--y",
        b"--y--",
        b"",
        b"a\0b",
        b"\0" * 80,
        b"Content-Transfer-Encoding: binary",
        b"Content-Transfer-Encoding: quoted-printable",
        b"Content-Type: multipart/mixed; boundary=x",
        b"Content-Type: multipart/signed; boundary=y",
        b"Content-Type: message/rfc822",
        b"Content-Type: text/plain",
        b"Subject: s\0",
        b" folded",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_LINES, max_size=24), st.sampled_from([b"\r\n", b"\n"]))
def test_nothing_is_lost_whatever_comes(lines: list[bytes], end: bytes) -> None:
    octets = end.join([b"MIME-Version: 1.0", *lines])
    written = binary.textual(octets)
    if written is not None:
        assert b"\0" not in written
        assert contents(written) == contents(octets)
