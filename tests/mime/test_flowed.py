"""Lines broken by a program are whole again (RFC 3676)."""

import pytest

from mailserver.mime import scan, unpack
from mailserver.mime.body import flowed

EXAMPLES = {
    "a paragraph": ("Un long \nparagraphe \nen trois.\nAutre\n", "Un long paragraphe en trois.\nAutre\n"),
    "blank lines": ("Un \ndeux\n\ntrois", "Un deux\n\ntrois"),
    "quoted": (">> un \n>> deux\n> trois \n> quatre\ncinq", ">> un deux\n> trois quatre\ncinq"),
    "depth changes": ("> un \ndeux \n> trois", "> un\ndeux\n> trois"),
    "stuffed": (" From moi\n  deux blancs\n>  x", "From moi\n deux blancs\n>  x"),
    "no quotation": (" > ceci\n> > cela", " > ceci\n>  > cela"),
    "signature": ("Au revoir \n-- \nMoi \nMême\n> -- \n> Lui", "Au revoir\n-- \nMoi Même\n> -- \n> Lui"),
    "end": ("sans fin ", "sans fin"),
    "quoted blank": (">\n> x", ">\n> x"),
}


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_lines_flow(name: str) -> None:
    written, whole = EXAMPLES[name]
    assert flowed.unwrapped(written) == whole


def test_the_blank_may_be_no_part_of_the_text() -> None:
    assert flowed.unwrapped("日 \n本  \nx", joins=True) == "日本 x"


@pytest.mark.parametrize(
    ("kind", "whole"),
    [
        ("text/plain; format=flowed", "un deux"),
        ('text/plain; charset=utf-8; FORMAT="Flowed"; DelSp=Yes', "undeux"),
        ("text/plain; format=fixed", "un \ndeux"),
        ("text/plain", "un \ndeux"),
        ("text/html; format=flowed", "un \ndeux"),
    ],
)
def test_who_says_so_is_taken_at_their_word(kind: str, whole: str) -> None:
    octets = f"Subject: x\r\nContent-Type: {kind}\r\n\r\nun \r\ndeux".encode()
    assert flowed.text(unpack(scan(octets).parts), octets, 1000) == whole
