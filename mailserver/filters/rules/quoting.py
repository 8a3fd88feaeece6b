"""Texts as Sieve writes them (RFC 5228 section 2.4.2), and what none of ours may hold."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.texts.languages import FRENCH
from mailserver.texts.text import Text


class Faulty(ValueError):
    """A value that a rule cannot have, in a sentence for whoever wrote it."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.to(FRENCH))
        self.text = text


@dataclass(frozen=True, slots=True)
class Part:
    """Lines of a script, and the extensions that they need."""

    lines: tuple[str, ...]
    extensions: frozenset[str] = frozenset()


DOLLAR = "${dollar}"
"""Stands for a `$` before a brace, so that what people write is no variable (RFC 5229 section 3)."""


def quoted(text: str) -> str:
    """A quoted string, in a script that sets `DOLLAR` where it has one."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("${", f"{DOLLAR}{{")
    return f'"{escaped}"'


def strings(texts: Sequence[str]) -> str:
    """A string list; of one text the text alone."""
    return quoted(texts[0]) if len(texts) == 1 else f"[{', '.join(map(quoted, texts))}]"


def check_line(text: str, most: int) -> None:
    """Raises Faulty for what is no short line of printable text."""
    if not text.strip() or text != text.strip():
        raise Faulty(Text("Il manque un texte."))
    if len(text) > most:
        raise Faulty(Text("Un texte a {most} caractères au plus.", most=most))
    if not text.isprintable():
        raise Faulty(Text("Un texte tient en une ligne, sans caractère invisible."))
