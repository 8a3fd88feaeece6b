"""DKIM and ARC: what a real signer signed is found, what was changed is not, within bounds."""

import base64
import re
import time
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.inbound.authentication import arc_check, dkim_check, keys
from mailserver.inbound.authentication.arc_check import Sealed
from mailserver.inbound.authentication.dkim_check import Bodies, Signed
from mailserver.inbound.authentication.keys import BadKey, Key
from mailserver.inbound.authentication.signatures import Header, Signature
from mailserver.model.messages.authentication import Chain, Outcome
from tests.inbound.authentication.signers import (
    KEY,
    MESSAGE,
    OTHER,
    TINY,
    dkimpy_says,
    ed25519_record,
    pem,
    record,
    seal,
    sign,
    sign_ed25519,
)

RECORDS = {"s._domainkey.a.fr": record(KEY), "s._domainkey.liste.fr": record(KEY)}


def read_keys(records: dict[str, bytes]) -> dict[str, Key | BadKey | None]:
    found: dict[str, Key | BadKey | None] = {}
    for name, one in records.items():
        try:
            found[name] = keys.read([one])
        except BadKey as error:
            found[name] = error
    return found


def split(message: bytes) -> tuple[Header, bytes]:
    head, _, body = message.partition(b"\r\n\r\n")
    return Header(head + b"\r\n"), body


def pieces(body: bytes) -> Iterator[bytes]:
    return (body[at : at + 7] for at in range(0, len(body), 7))


def verify(message: bytes, records: dict[str, bytes] = RECORDS) -> list[Signed]:
    header, body = split(message)
    found = dkim_check.read(header)
    bodies = Bodies(one for one in found if isinstance(one, Signature))
    bodies.take(pieces(body))
    known = read_keys(records)
    return [dkim_check.verify(header, one, known, bodies) if isinstance(one, Signature) else one for one in found]


def outcomes(message: bytes, records: dict[str, bytes] = RECORDS) -> list[Outcome]:
    return [one.outcome for one in verify(message, records)]


def chain(message: bytes, records: dict[str, bytes] = RECORDS) -> Sealed:
    header, body = split(message)
    sets = arc_check.read(header)
    if isinstance(sets, Sealed):
        return sets
    bodies = Bodies(one.message for one in sets[-1:])
    bodies.take(pieces(body))
    return arc_check.verify(header, sets, read_keys(records), bodies) if sets else Sealed(Chain.NONE)


@pytest.mark.parametrize("forms", [b"relaxed/relaxed", b"relaxed/simple", b"simple/relaxed", b"simple/simple"])
@pytest.mark.parametrize("body", [b"", b"x\r\n", b"a  b \r\n\r\n\r\n", "été\r\n".encode() * 5000])
def test_what_dkimpy_signed_is_valid(forms: bytes, body: bytes) -> None:
    message = MESSAGE.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body
    (found,) = verify(sign(message, forms=forms))
    assert (found.outcome, found.domain, found.selector) == (Outcome.PASS, "a.fr", "s")
    assert {"from", "subject", "to"} <= found.names


@pytest.mark.parametrize("forms", [b"relaxed/relaxed", b"simple/simple"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Bonjour", b"Bonsoir"),
        (b"Ada", b"Eve"),
        (b"From: Ada", b"From: eve@e.fr\r\nFrom: Ada"),
        (b"bob@b.fr", b"eve@b.fr"),
    ],
)
def test_what_was_changed_is_not(forms: bytes, old: bytes, new: bytes) -> None:
    message = sign(MESSAGE, forms=forms).replace(old, new, 1)
    assert outcomes(message) == [Outcome.FAIL]
    assert not dkimpy_says(message, RECORDS)


def test_forms_forgive_what_they_forgive() -> None:
    relaxed = sign(MESSAGE).replace(b"deux  blancs\t", b"deux blancs").replace(b"Une  question\r\n\t", b"Une question ")
    assert outcomes(relaxed) == [Outcome.PASS]
    assert outcomes(sign(MESSAGE, forms=b"simple/simple").replace(b"deux  blancs\t", b"deux blancs")) == [Outcome.FAIL]


@pytest.mark.parametrize("field", [b"Subject: Urgent", b"reply-to: eve@e.fr\r\nReply-To: a@e.fr", b"To: eve@e.fr"])
def test_what_readers_go_by_is_not_added(field: bytes) -> None:
    """Put on top of a message that is signed and sent again."""
    (found,) = verify(field + b"\r\n" + sign(MESSAGE))
    assert (found.outcome, found.reason) == (Outcome.SOFTFAIL, "fields were added")
    assert outcomes(sign(field + b"\r\n" + MESSAGE)) == [Outcome.PASS]
    assert outcomes(b"X-Spam: no\r\nReceived: x\r\n" + sign(MESSAGE)) == [Outcome.PASS]


def test_ed25519() -> None:
    key = Ed25519PrivateKey.generate()
    signed = sign_ed25519(MESSAGE, b"a.fr", key)
    records = {"e._domainkey.a.fr": ed25519_record(key)}
    assert outcomes(signed, records) == [Outcome.PASS]
    assert outcomes(signed.replace(b"Une", b"Deux"), records) == [Outcome.FAIL]
    assert outcomes(signed, {"e._domainkey.a.fr": record(KEY)}) == [Outcome.FAIL]


def test_a_length_that_leaves_something_out_proves_too_little() -> None:
    signed = sign(MESSAGE, length=True)
    assert outcomes(signed) == [Outcome.PASS]
    assert verify(signed + b"ajout\r\n")[0].reason == "only the beginning is signed"
    assert outcomes(signed + b"ajout\r\n") == [Outcome.SOFTFAIL]


@pytest.mark.parametrize(
    ("key", "outcome"),
    [
        (b"", Outcome.PERMERROR),
        (b"v=DKIM1; p=", Outcome.PERMERROR),
        (b"v=DKIM2; p=AAAA", Outcome.PERMERROR),
        (b"v=DKIM1; k=rsa; p=!!!!", Outcome.PERMERROR),
        (b"v=DKIM1; k=dsa; p=AAAA", Outcome.PERMERROR),
        (b"v=DKIM1; h=sha1; " + record(KEY)[9:], Outcome.PERMERROR),
        (b"v=DKIM1; s=other; " + record(KEY)[9:], Outcome.PERMERROR),
        (b"v=DKIM1; t=s; " + record(KEY)[9:], Outcome.PASS),
        (b"v=DKIM1; n=" + b"x" * 64_000 + b"; " + record(KEY)[9:], Outcome.PERMERROR),
        (b"k=rsa;p=" + record(KEY).partition(b"p=")[2], Outcome.PASS),
        (record(OTHER), Outcome.FAIL),
    ],
    ids=range(11),
)
def test_keys(key: bytes, outcome: Outcome) -> None:
    assert outcomes(sign(MESSAGE), {"s._domainkey.a.fr": key}) == [outcome]


def test_no_key_several_keys_and_none_that_is_known_now() -> None:
    with pytest.raises(BadKey):
        keys.read([])
    assert keys.read([b"a note", record(KEY)]).bits == 2048
    header, body = split(sign(MESSAGE))
    (signature,) = dkim_check.read(header)
    assert isinstance(signature, Signature)
    bodies = Bodies([signature])
    bodies.take([body])
    assert dkim_check.verify(header, signature, {}, bodies).outcome is Outcome.TEMPERROR


def test_small_keys_prove_nothing() -> None:
    small = pem(1024)
    assert outcomes(sign(MESSAGE, key=small), {"s._domainkey.a.fr": record(small)}) == [Outcome.PASS]
    (found,) = verify(sign(MESSAGE, key=TINY), {"s._domainkey.a.fr": record(TINY)})
    assert (found.outcome, found.reason) == (Outcome.SOFTFAIL, "key too small")


def test_a_key_that_takes_long_is_none() -> None:
    """An exponent of the size of the modulus costs a hundredfold."""
    modulus = int.from_bytes(b"\xff" * 256) - 2
    octets = (
        rsa.RSAPublicNumbers(2**33 + 1, modulus)
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    with pytest.raises(BadKey, match="huge exponent"):
        keys.read([b"v=DKIM1; p=" + base64.b64encode(octets)])


HOSTILE = [
    b"v=1",
    b"",
    b";" * 5000,
    b"v=1; a=rsa-sha256; b=AAAA; bh=AAAA; d=a.fr; h=from; s=" + b"x" * 300,
    b"v=1; a=rsa-sha1; b=AAAA; bh=AAAA; d=a.fr; h=from; s=s",
    b"v=1; a=rsa-sha256; b=A; bh=AAAA; d=a.fr; h=from; s=s",
    b"v=1; a=rsa-sha256; b=AAAA; bh=A; d=a.fr; h=from; s=s",
    b"v=1; a=rsa-sha256; b=AAAA; bh=AAAA; d=..; h=from; s=s",
    b"v=1; a=rsa-sha256; b=AAAA; bh=AAAA; d=a.fr; h=" + b"x:" * 5000 + b"; s=s",
    b"v=1; a=rsa-sha256; b=AAAA; bh=AAAA; d=a.fr; h=from; s=s; l=" + b"9" * 76,
    b"v=1; a=rsa-sha256; b=AAAA; bh=AAAA; d=a.fr; h=from; s=s; l=",
    b"v=1; a=rsa-sha256; b=AAAA; bh=AAAA; d=a.fr; h=from; s=s; l= ; c=relaxed",
    b"v=1; a=rsa-sha256; b=AAAA; bh=AAAA; d=a.fr; h=from; s=s; i=a.fr",
    b"v=1; a=rsa-sha256; b=AAAA; bh=AAAA; d=a.fr; h=from; s=s; t=" + b"9" * 9000,
    b"v=1; a=rsa-sha256; b=" + b"\r\n " * 5000 + b"!; bh=AAAA; d=a.fr; h=from; s=s",
    b"v=1; a=rsa-sha256; b=" + b"A\r\n " * 1000 + b"; bh=AAAA; d=a.fr; h=from; s=s",
    b"v=1; a=rsa-sha256; c=odd/odd; b=AAAA; bh=AAAA; d=a.fr; h=from; s=s",
]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_signatures(value: bytes) -> None:
    for name in (b"DKIM-Signature", b"ARC-Seal"):
        message = name + b": " + value + b"\r\n" + MESSAGE
        assert not any(one.outcome is Outcome.PASS for one in verify(message))
        assert chain(message).chain is not Chain.PASS


def test_of_500_signatures_few_are_looked_at_and_none_costs_the_square() -> None:
    field = sign(MESSAGE).removesuffix(MESSAGE)
    names = b":".join([b"from"] + [b"received"] * 190)
    greedy = field.replace(b"h=from", b"h=" + names, 1)
    message = (greedy * 500) + b"Received: x\r\n" * 8000 + MESSAGE
    began = time.process_time()
    found = verify(message)
    assert len(found) == dkim_check.MAX_SIGNATURES
    assert time.process_time() - began < 5
    assert outcomes(field * 500 + MESSAGE) == [Outcome.PASS] * dkim_check.MAX_SIGNATURES


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from([b"l", b"v", b"c", b"s", b"t", b"x", b"i", b"q"]), max_size=3),
    st.sampled_from([b"", b" ", b"0", b"a..b", b"\xff"]),
)
def test_odd_tags_never_pass_nor_raise(tags: list[bytes], value: bytes) -> None:
    field = sign(MESSAGE).removesuffix(MESSAGE)
    for tag in tags:
        field = re.sub(b" " + tag + b"=[^;]*;", b"", field).replace(b"; b=", b"; " + tag + b"=" + value + b"; b=", 1)
    for one in verify(field + MESSAGE):
        if one.outcome is Outcome.PASS:
            assert dkimpy_says(field + MESSAGE, RECORDS)


@settings(max_examples=40)
@given(st.binary(max_size=60), st.integers(0, 600), st.integers(0, 30))
def test_a_spoilt_signature_never_passes_nor_raises(junk: bytes, at: int, gone: int) -> None:
    field = sign(MESSAGE).removesuffix(MESSAGE)
    start = len(b"DKIM-Signature: ")
    at = min(start + at, len(field) - 2)
    spoilt = field[:at] + junk.replace(b"\n", b"").replace(b"\r", b"") + field[at + gone :].lstrip(b"\r\n")
    message = spoilt.rstrip(b"\r\n") + b"\r\n" + MESSAGE
    for one in verify(message):
        if one.outcome is Outcome.PASS:
            assert dkimpy_says(message, RECORDS)


# ---------------------------------------------------------------------- ARC


def sealed(count: int, results: str = "dmarc=pass header.from=a.fr") -> bytes:
    message = seal(MESSAGE, b"liste.fr", results)
    for _ in range(count - 1):
        message = seal(message, b"liste.fr", f"arc=pass; {results}")
    return message


@pytest.mark.parametrize("count", [1, 2, 5])
def test_chains_of_a_real_sealer(count: int) -> None:
    found = chain(sealed(count))
    assert (found.chain, len(found.sets)) == (Chain.PASS, count)
    assert [one.seal.domain for one in found.sets] == ["liste.fr"] * count


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Bonjour", b"Bonsoir"),
        (b"Ada", b"Eve"),
        (b"dmarc=pass", b"dmarc=fail"),
        (b"cv=pass", b"cv=fail"),
        (b"cv=none", b"cv=pass"),
        (b"ARC-Seal: i=1", b"X-Seal: i=1"),
        (b"ARC-Seal: i=1", b"ARC-Seal: i=3"),
        (b"ARC-Seal: i=1", b"ARC-Seal: i=2"),
    ],
)
def test_a_broken_chain(old: bytes, new: bytes) -> None:
    message = sealed(2)
    assert old in message
    assert chain(message.replace(old, new, 1)).chain is Chain.FAIL


def test_chains_end_at_fifty() -> None:
    """51 sets, which no sealer may make, are not even read; 50 are, in the time of fifty."""
    one = sealed(1).removesuffix(MESSAGE)
    many = b"".join(one.replace(b"i=1;", b"i=%d;" % number) for number in range(51, 0, -1))
    assert chain(many + MESSAGE).reason == "too many sets"
    fifty = sealed(50)
    began = time.process_time()
    assert (chain(fifty).chain, len(chain(fifty).sets)) == (Chain.PASS, 50)
    assert time.process_time() - began < 5
    assert chain(fifty.replace(b"Bonjour", b"Bonsoir")).chain is Chain.FAIL


def test_who_is_believed() -> None:
    found = chain(sealed(2))
    assert arc_check.attested(found, ["liste.fr"])
    assert not arc_check.attested(found, [])
    assert not arc_check.attested(found, ["autre.fr"])
    assert not arc_check.attested(chain(sealed(2, "dmarc=fail (dmarc=pass) x=dmarc=pass")), ["liste.fr"])


def test_results_are_read_without_comments() -> None:
    value = b' i=1; mx.fr (a; dmarc=pass \\); dmarc=pass); dkim = pass (x) header.d="; dmarc=pass"; dmarc /1 = fail'
    assert arc_check.results_of(value, "dmarc") == {"fail"}
    assert arc_check.results_of(value, "dkim") == {"pass"}
    assert arc_check.results_of(b"(" * 30_000, "dmarc") == set()


def test_a_tag_that_only_ends_in_b_is_not_the_signature() -> None:
    assert outcomes(sign(MESSAGE).replace(b"; h=", b"; ab=x; h=", 1)) == [Outcome.FAIL]
