"""Sealing for a browser: the example of RFC 8291, and what a browser of our own can read."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from mailserver.notices.push.encryption import MAX_OCTETS, PADDED, BrowserKeys, browser_keys, pack, seal, unpack
from tests.notices.push.receiver import Receiver

# RFC 8291 section 5 and appendix A.
TEXT = b"When I grow up, I want to be a watermelon"
OWN = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
BROWSER = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
SECRET = "BTBZMqHH6r4Tts7J_aSIgg"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
SEALED = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
    "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def test_the_example_of_the_rfc() -> None:
    own = ec.derive_private_key(int.from_bytes(unpack(OWN), "big"), ec.SECP256R1())
    assert pack(seal(TEXT, browser_keys(BROWSER, SECRET), own, unpack(SALT), padded=1)) == SEALED


@pytest.mark.parametrize("text", [b"", b"x", "Réunion à 18 h".encode(), bytes(PADDED), b"y" * MAX_OCTETS])
def test_a_browser_reads_what_was_sealed_and_its_length_tells_nothing(text: bytes) -> None:
    browser = Receiver()
    own = ec.generate_private_key(ec.SECP256R1())
    sealed = seal(text, BrowserKeys(browser.public, browser.secret), own, bytes(16))
    assert browser.open(sealed) == text
    assert (len(sealed) - 86 - 16) % PADDED == 0
    assert len(sealed) <= 4096


def test_too_much_is_refused() -> None:
    browser = Receiver()
    with pytest.raises(ValueError, match="too long"):
        seal(bytes(MAX_OCTETS + 1), BrowserKeys(browser.public, browser.secret), browser.key, bytes(16))


@pytest.mark.parametrize(
    ("public", "secret"),
    [
        (BROWSER[:-2], SECRET),
        (BROWSER, SECRET[:-4]),
        (pack(b"\4" + bytes(64)), SECRET),  # no point of the curve
        (pack(b"\2" + bytes(64)), SECRET),
        ("é" * 87, SECRET),
        ("", ""),
        ("!" * 87, SECRET),
    ],
)
def test_keys_that_are_none_are_refused(public: str, secret: str) -> None:
    with pytest.raises(ValueError):
        browser_keys(public, secret)
