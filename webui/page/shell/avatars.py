"""What stands for somebody where there is no picture: letters on a colour."""

import zlib
from dataclasses import dataclass

COLOURS = ("bleu", "vert", "violet", "brun", "sarcelle", "gris")
"""Classes of style.css."""


@dataclass(frozen=True, slots=True)
class Avatar:
    """Letters, and the class of their colour."""

    letters: str
    colour: str


def initials(name: str) -> str:
    """At most two letters that stand for somebody."""
    words = [word for word in name.replace("-", " ").split() if word[0].isalnum()]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()


def avatar(name: str, address: str) -> Avatar:
    """The same person has the same colour everywhere: it follows from the address."""
    return Avatar(initials(name), COLOURS[zlib.crc32(address.casefold().encode("utf-8", "replace")) % len(COLOURS)])
