"""SCRAM-SHA-256 without a socket: the example of the RFC, any password, any octets, anything altered."""

import base64

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailserver.foundation.verifiers import Verifiers
from mailserver.model.credentials.sasl import Secret
from mailserver.model.credentials.sasl_scram import (
    Opening,
    Verifier,
    challenge,
    parse_opening,
    parse_proof,
    prepared,
    signature,
)
from mailserver.model.errors import BadSyntax, Refused
from tests.scram import ScramClient

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
NONCE = b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
QUICK = 10
"""Rounds, where it does not matter that they are slow."""
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60)


def answer(verifier: Verifier, client: ScramClient) -> bytes | None:
    """A whole dialogue; what the server says at last."""
    opening = parse_opening(client.first())
    challenged = challenge(opening, NONCE, verifier)
    return signature(verifier, parse_proof(opening, challenged, client.final(challenged)))


def test_the_example_of_rfc_7677() -> None:
    opening = parse_opening(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO")
    verifier = Verifier.of(Secret("pencil"), SALT, 4096)
    challenged = challenge(opening, NONCE, verifier)
    assert challenged == b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    proof = parse_proof(
        opening,
        challenged,
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    )
    assert signature(verifier, proof) == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@given(NAMES, st.text(st.characters(exclude_categories=["Cs"]), max_size=60), st.sampled_from(["n,,", "y,,", "n,a=x,"]))
@example("a,b=c", "été 😀 n°1", "n,,")
@settings(deadline=None)
def test_whoever_knows_the_password_proves_it_and_sees_that_the_server_does(
    login: str, password: str, header: str
) -> None:
    client = ScramClient(login, prepared(password), header=header)
    opening = parse_opening(client.first())
    assert opening.login == prepared(login)
    final = answer(Verifier.of(Secret(password), SALT, QUICK), client)
    assert final is not None
    assert client.heard(final)


@given(st.text(max_size=20), st.text(max_size=20))
@settings(deadline=None)
def test_another_password_proves_nothing(password: str, other: str) -> None:
    verifier = Verifier.of(Secret(password), SALT, QUICK)
    client = ScramClient("edupont", prepared(other))
    assert (answer(verifier, client) is not None) == (prepared(password) == prepared(other))


@given(st.integers(0, 10_000), st.integers(1, 255))
@settings(deadline=None)
def test_nothing_altered_on_the_way_proves_anything(place: int, flip: int) -> None:
    """An octet of the last message is another one: it is malformed, of another dialogue, or proves nothing."""
    verifier = Verifier.of(Secret("pencil"), SALT, QUICK)
    client = ScramClient("user", "pencil")
    opening = parse_opening(client.first())
    challenged = challenge(opening, NONCE, verifier)
    final = bytearray(client.final(challenged))
    final[place % len(final)] ^= flip
    try:
        proof = parse_proof(opening, challenged, bytes(final))
    except BadSyntax:
        return
    # Two spellings of one base64 text: the last letter has bits that mean nothing.
    assert signature(verifier, proof) is None or place % len(final) == len(final) - 2


@given(st.binary(max_size=200) | st.from_regex(rb"[nyp],.{0,9},(m=.,)?n=.{0,20},r=.{0,20}", fullmatch=True))
@settings(deadline=None)
def test_any_octets_are_understood_or_refused(octets: bytes) -> None:
    try:
        opening = parse_opening(octets)
    except (BadSyntax, Refused):
        return
    assert opening.login
    assert opening.header + opening.bare == octets
    assert not octets.startswith(b"p=")


@given(st.binary(max_size=200))
def test_any_octets_are_a_proof_or_refused(octets: bytes) -> None:
    opening = Opening("user", "", b"abc", b"n,,", b"n=user,r=abc")
    with pytest.raises(BadSyntax):
        parse_proof(opening, b"r=abcdef,s=AAAA,i=4096", octets)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"n=user,r=abc",
        b"n,n=user,r=abc",
        b"x,,n=user,r=abc",
        b"n,,n=,r=abc",
        b"n,,n=user",
        b"n,,n=user,r=",
        b"n,,n=us=er,r=abc",
        b"n,,n=us=2cer,r=abc",
        b"n,,n=\xff,r=abc",
        b"n,,n=us\0er,r=abc",
        b"n,,n=user,r=a b",
        b"n,,n=user,r=" + b"a" * 257,
        b"n,,n=" + b"u" * 5000 + b",r=abc",
        b"n,a=,n=user,r=abc",
        b"n,,r=abc,n=user",
        b"n,,n=user,r=abc\r\n",
    ],
)
def test_what_is_no_opening(message: bytes) -> None:
    with pytest.raises(BadSyntax):
        parse_opening(message)


def test_a_bound_channel_and_an_unknown_must_are_refused() -> None:
    """RFC 5802 section 6: who says that we offer no binding (`y`) is right."""
    for message in (b"p=tls-unique,,n=user,r=abc", b"n,,m=x,n=user,r=abc"):
        with pytest.raises(Refused):
            parse_opening(message)
    assert parse_opening(b"y,,n=user,r=abc,x=later").login == "user"


def test_one_password_however_it_is_composed() -> None:
    """RFC 4013 section 3; what it forbids is compared as it is."""
    assert [prepared(text) for text in ("I\xadX", "\xaa", "\u2168", "e\u0301te\u0301")] == ["IX", "a", "IX", "été"]
    assert prepared("😀\u0007") == "😀\u0007"
    assert prepared("\udc80") == "?"


def test_verifiers_are_sealed_and_open_under_their_key_alone() -> None:
    """No sealing is like the other; of nobody there is always the same, which looks no different."""
    mine, other = Verifiers(b"k" * 32), Verifiers(b"l" * 32)
    sealed = mine.make(Secret("pencil"))
    opened = mine.open(sealed)
    assert opened is not None
    assert opened == Verifier.of(Secret("pencil"), opened.salt)
    assert opened.stored_key not in sealed
    assert opened.server_key not in sealed
    assert sealed != mine.make(Secret("pencil"))
    assert other.open(sealed) is None
    assert mine.open(sealed[:-1] + bytes([sealed[-1] ^ 1])) is None
    assert mine.open(b"") is None
    nobody = mine.feigned("nobody")
    assert nobody == mine.feigned("nobody")
    assert nobody.salt not in (mine.feigned("nobody2").salt, other.feigned("nobody").salt)
    assert (len(nobody.salt), nobody.iterations) == (len(opened.salt), opened.iterations)
    assert "stored_key" not in repr(opened)
