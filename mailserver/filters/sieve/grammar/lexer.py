"""Tokens of a script (RFC 5228 section 8.1)."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from mailserver.filters.sieve.errors import Fault
from mailserver.texts.text import Text

MAX_NUMBER = 2**63 - 1
"""RFC 5228 section 2.4.1 asks for 2**31 - 1."""

_TOKEN = re.compile(
    r"(?P<blank>[ \t\r\n]++)|(?P<comment>\#[^\n]*+)|(?P<bracket>/\*)"
    r"|(?P<multiline>text:[ \t]*+(?:\#[^\n]*+)?+\n)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*+)|(?P<tag>:[A-Za-z_][A-Za-z0-9_]*+)"
    r'|(?P<string>"(?P<text>(?:[^"\\]++|\\.)*+)")|(?P<number>(?P<digits>[0-9]++)(?P<quantifier>[A-Za-z0-9_]*+))'
    r"|(?P<mark>[\[\](){},;])",
    re.DOTALL | re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_END_OF_TEXT = re.compile(r"^\.\r?$", re.MULTILINE)
_STUFFED = re.compile(r"^\.\.", re.MULTILINE)
_QUANTIFIERS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


class Token(NamedTuple):
    """`kind` is `word`, `tag`, `string`, `number`, `end`, or the mark itself."""

    kind: str
    text: str
    at: int
    value: int = 0
    """Of a number."""


def tokens(source: str) -> Iterator[Token]:
    """The tokens of a script whose lines end with LF, and one of kind `end`. Raises Fault."""
    at = 0
    size = len(source)
    while at < size:
        found = _TOKEN.match(source, at)
        if found is None:
            raise _unknown(source, at)
        kind = found.lastgroup
        start, at = at, found.end()
        if kind == "word" or kind == "tag":
            yield Token(kind, found.group().lower().lstrip(":"), start)
        elif kind == "mark":
            yield Token(found.group(), found.group(), start)
        elif kind == "string":
            yield Token("string", _lines(_unescape(found["text"])), start)
        elif kind == "number":
            yield Token("number", found.group(), start, _number(found, start))
        elif kind == "multiline":
            text, at = _multiline(source, at, start)
            yield Token("string", text, start)
        elif kind == "bracket":
            at = source.find("*/", at) + 2
            if at < 2:
                raise Fault(start, Text("Ce commentaire n’a pas de fin : il manque « */ »."))
    yield Token("end", "", size)


def _unescape(text: str) -> str:
    return _ESCAPE.sub(r"\1", text) if "\\" in text else text


def _lines(text: str) -> str:
    """With line ends as messages have them."""
    return text.replace("\n", "\r\n") if "\n" in text else text


def _number(found: re.Match[str], at: int) -> int:
    quantifier = _QUANTIFIERS.get(found["quantifier"].lower())
    if quantifier is None:
        raise Fault(at, Text("« {word} » n’est pas un nombre : seuls K, M et G peuvent le suivre.", word=found[0][:40]))
    digits = found["digits"].lstrip("0")
    value = int(digits or "0") * quantifier if len(digits) <= 19 else MAX_NUMBER + 1
    if value > MAX_NUMBER:
        raise Fault(at, Text("Ce nombre est trop grand."))
    return value


def _multiline(source: str, at: int, start: int) -> tuple[str, int]:
    """The text from here to the line with one dot alone, dots at the start of lines undone; and where it ends."""
    end = _END_OF_TEXT.search(source, at)
    if end is None:
        raise Fault(start, Text("Ce texte n’a pas de fin : il manque une ligne avec un seul point."))
    text = source[at : end.start()]
    return _lines(_STUFFED.sub(".", text)), end.end()


def _unknown(source: str, at: int) -> Fault:
    if source[at] == '"':
        return Fault(at, Text("Cette chaîne n’a pas de fin : il manque un guillemet."))
    return Fault(at, Text("Le caractère « {character} » n’a pas sa place ici.", character=_shown(source[at])))


def _shown(character: str) -> str:
    return character if character.isprintable() else f"U+{ord(character):04X}"
