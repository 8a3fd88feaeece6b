"""Signatures: the body hashed in pieces is the body dkimpy hashes; what is signed verifies."""

import base64
import hashlib
import time

import dkim  # type: ignore[import-untyped]
import pytest
from dkim.canonicalization import Relaxed, Simple  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mime.body import canonical_hash
from mailserver.mime.body.canonical_hash import BodyHash, base64_hash
from mailserver.submission import dkim as ours
from mailserver.submission.dkim import Signer

LINES = st.lists(st.sampled_from([b"", b" ", b"\t", b"a", b"a  b\t", b" x ", b"\xe9", b"." * 30]), max_size=30)
KEY = ours.new_key()


def theirs(body: bytes) -> bytes:
    """A last line without end gets one on the wire, so that is what receivers hash."""
    if body and not body.endswith(b"\r\n"):
        body += b"\r\n"
    return base64.b64encode(hashlib.sha256(Relaxed.canonicalize_body(body)).digest())


@given(LINES, st.booleans(), st.integers(1, 40))
def test_body_hash_is_dkimpys(lines: list[bytes], ended: bool, piece: int) -> None:
    body = b"\r\n".join(lines) + (b"\r\n" if ended else b"")
    before = canonical_hash.PIECE
    canonical_hash.PIECE = piece
    try:
        assert base64_hash(b"H" + body, 1) == theirs(body)
    finally:
        canonical_hash.PIECE = before


@pytest.mark.parametrize(
    "body", [b"", b"\r\n" * 70_000, b"x" * 200_000 + b"\r\n z", b"a b\r\n" * 40_000 + b"\r\n" * 100]
)
def test_body_hash_of_large_bodies(body: bytes) -> None:
    assert base64_hash(body, 0) == theirs(body)


@given(LINES, st.booleans(), st.integers(1, 9), st.lists(st.integers(0, 60), max_size=4))
def test_simple_hash_is_dkimpys_and_ends_where_it_is_told(
    lines: list[bytes], relaxed: bool, piece: int, limits: list[int]
) -> None:
    body = b"".join(line + b"\r\n" for line in lines)
    canonical = (Relaxed if relaxed else Simple).canonicalize_body(body)
    found = BodyHash(relaxed=relaxed, limits=limits)
    for at in range(0, len(body), piece):
        found.update(body[at : at + piece])
    assert found.digest() == hashlib.sha256(canonical).digest()
    for limit in (*limits, None):
        assert found.up_to(limit) == hashlib.sha256(canonical[:limit]).digest()
    assert found.size == len(canonical)


@pytest.mark.parametrize("body", [b"", b"x", b"a  b \r\n\r\n\r\n", "été\r\n".encode() * 50_000])
def test_signature_verifies(body: bytes) -> None:
    header = b"From: =?utf-8?q?=C3=89?=\r\n <a@b.fr>\r\nSubject:  x \r\nX-Other: y\r\n"
    octets = header + b"\r\n" + body
    field = Signer("s1", KEY).sign(header, octets, len(header) + 2, "b.fr", int(time.time()))
    record = ours.dns_record(KEY).encode()
    assert field.startswith(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=b.fr;")
    assert all(len(line) < 80 for line in field.split(b"\r\n"))
    assert dkim.verify(field + octets, dnsfunc=lambda name, timeout=5: record)


@pytest.mark.parametrize("header", [b"", b"Subject: x\r\n", b"From: a@b.fr\r\n" + b"X: " + b"y" * ours.MAX_HEADER])
def test_what_cannot_be_signed_goes_unsigned(header: bytes) -> None:
    assert Signer("s1", KEY).sign(header, header, len(header), "b.fr", 0) == b""


def test_record_has_the_public_key_only() -> None:
    record = ours.dns_record(KEY)
    assert record.startswith("v=DKIM1; k=rsa; p=MIIB")
    with pytest.raises(ValueError):
        Signer("s1", b"no key")


def test_lines_of_blanks_are_looked_through_once() -> None:
    """From each blank of a line the rest was tried: one message of them kept a thread for hours."""
    body = (b" " * 50_000 + b"x \t" * 10 + b"\r\n") * 100
    assert base64_hash(body, 0) == base64_hash((b" " + b"x " * 10 + b"\r\n").replace(b"x \r", b"x\r") * 100, 0)
