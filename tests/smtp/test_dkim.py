"""Signatures: the body hashed in pieces is the body dkimpy hashes; what is signed verifies."""

import base64
import hashlib
import time

import dkim  # type: ignore[import-untyped]
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from dkim.canonicalization import Relaxed, Simple  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from mailserver.inbound.authentication import dkim_check, keys
from mailserver.inbound.authentication.signatures import Header, Signature
from mailserver.mime.body import canonical_hash
from mailserver.mime.body.canonical_hash import BodyHash, base64_hash
from mailserver.model.messages.authentication import Outcome
from mailserver.outbound.submission.signatures import dkim as ours
from mailserver.outbound.submission.signatures.dkim import Algorithm, CannotSign, Signer

LINES = st.lists(st.sampled_from([b"", b" ", b"\t", b"a", b"a  b\t", b" x ", b"\xe9", b"." * 30]), max_size=30)
RSA = Signer("s1", ours.new_key())
ED25519 = Signer("e1", ours.new_key(Algorithm.ED25519))
RECORDS = {one.selector: one.record.encode() for one in (RSA, ED25519)}


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


def verified(octets: bytes) -> dict[str, Outcome]:
    """What each signature comes to, by selector, as our own door finds out."""
    end = ours.header_end(octets)
    header = Header(octets[:end])
    signed = dkim_check.read(header)
    good = [one for one in signed if isinstance(one, Signature)]
    assert good == signed, "one of them is none"
    bodies = dkim_check.Bodies(good)
    bodies.take([octets[ours.body_start(octets, end) :]])
    known = {one.key_name: keys.read([RECORDS[one.selector]]) for one in good}
    return {one.selector: dkim_check.verify(header, one, known, bodies).outcome for one in good}


def by_dkimpy(octets: bytes) -> bool:
    return bool(dkim.verify(octets, dnsfunc=lambda name, timeout=5: RECORDS[name.decode().partition(".")[0]]))


BOTH_PASS = {"s1": Outcome.PASS, "e1": Outcome.PASS}


@pytest.mark.parametrize("body", [b"", b"x", b"a  b \r\n\r\n\r\n", "été\r\n".encode() * 50_000])
def test_both_signatures_verify(body: bytes) -> None:
    octets = b"From: =?utf-8?q?=C3=89?=\r\n <a@b.fr>\r\nSubject:  x \r\nX-Other: y\r\n\r\n" + body
    fields = ours.sign([RSA, ED25519], octets, "b.fr", int(time.time()))
    first, second = fields.split(b"DKIM-Signature:")[1:]
    assert first.startswith(b" v=1; a=rsa-sha256; c=relaxed/relaxed; d=b.fr;")
    assert second.startswith(b" v=1; a=ed25519-sha256; c=relaxed/relaxed; d=b.fr;")
    assert all(len(line) < 80 for line in fields.split(b"\r\n"))
    assert verified(fields + octets) == BOTH_PASS
    assert by_dkimpy(b"DKIM-Signature:" + first + octets)  # which of Ed25519 knows nothing without PyNaCl


NAMES = st.sampled_from([*ours.SIGNED, "x-other", "Received", "TO", "Subject"])
VALUES = st.lists(st.sampled_from(["a", " b ", "\tc", "é", "\r\n d", ":;=", ""]), max_size=5).map("".join)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=12), LINES)
def test_whatever_the_header_holds(fields: list[tuple[str, str]], lines: list[bytes]) -> None:
    header = "".join(f"{name}: {value}\r\n" for name, value in [*fields, ("From", "a@b.fr")] if name != "from")
    octets = header.encode() + b"\r\n" + b"".join(line + b"\r\n" for line in lines)
    signed = ours.sign([RSA, ED25519], octets, "b.fr", int(time.time()))
    named = set(signed.partition(b" h=")[2].partition(b";")[0].replace(b":", b" ").decode().split())
    assert named == {name.lower() for name, _ in fields if name.lower() in ours.SIGNED} | {"from"}
    # That somebody adds one of those that readers go by is found out, too, where there was none: they are on top.
    found = verified(signed + octets)
    singles = [name.lower() for name, _ in fields]
    if all(singles.count(one) <= 1 for one in singles):
        assert found == BOTH_PASS
    changed = octets.replace(b"a@b.fr", b"c@b.fr")
    assert Outcome.PASS not in verified(signed + changed).values()


def test_another_author_is_one_too_many() -> None:
    octets = b"From: a@b.fr\r\n\r\nx\r\n"
    signed = ours.sign([RSA], octets, "b.fr", int(time.time())) + octets
    assert verified(signed) == {"s1": Outcome.PASS}
    assert verified(b"From: c@b.fr\r\n" + signed) != {"s1": Outcome.PASS}


def test_a_header_of_many_fields_is_signed_as_far_as_others_look() -> None:
    octets = b"From: a@b.fr\r\n" + b"To: b@b.fr\r\n" * 5_000 + b"\r\nx\r\n"
    assert verified(ours.sign([RSA], octets, "b.fr", int(time.time())) + octets)["s1"] is not Outcome.NEUTRAL


@pytest.mark.parametrize("octets", [b"", b"\r\nFrom: a@b.fr\r\n", b"Subject: x\r\n\r\nx"])
def test_what_has_no_author_cannot_be_signed(octets: bytes) -> None:
    with pytest.raises(CannotSign):
        ours.sign([RSA], octets, "b.fr", 0)


def test_records_have_the_public_key_only() -> None:
    assert RSA.record.startswith("v=DKIM1; k=rsa; p=MIIB")
    assert len(ED25519.record) == len("v=DKIM1; k=ed25519; p=") + 44  # RFC 8463 section 4.2: the key bare
    for pem in (
        b"no key",
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    ):
        with pytest.raises(ValueError):
            Signer("s1", pem)


def test_lines_of_blanks_are_looked_through_once() -> None:
    """From each blank of a line the rest was tried: one message of them kept a thread for hours."""
    body = (b" " * 50_000 + b"x \t" * 10 + b"\r\n") * 100
    assert base64_hash(body, 0) == base64_hash((b" " + b"x " * 10 + b"\r\n").replace(b"x \r", b"x\r") * 100, 0)
