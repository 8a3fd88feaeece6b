"""A text without addresses: of each a letter and the domain are left, for readers who are to write to nobody by it.

Addresses are read as RFC 5322 section 3.4.1 has them, from the sign to both sides: quoted strings, comments and blanks
around the sign, domain literals. The sign and what stands beside it may be written in any way that a reader's program
undoes: encoded words, percent signs, character references, each within another.
"""

import html
import re
import unicodedata
from array import array
from collections.abc import Sequence
from urllib.parse import unquote

from mailserver.mime.header import headers

ROUNDS = 3
"""Writings within one another that are undone."""
MAX_LOCAL = 400
"""Characters before a sign that are looked at; an address has 64."""
NESTED = 3
"""Comments within one another."""
SHORT = 2
"""Characters before a sign of which a letter would say too much."""

_SIGN = re.compile(r"[(\[<]\s{0,9}[@＠﹫]\s{0,9}[)\]>]|[@＠﹫]+")
"""Also in brackets, as people write it against programs."""
_ESCAPE = re.compile(
    r"%[0-7][0-9A-Fa-f]|%[CDcd][0-9A-Fa-f]%[89ABab][0-9A-Fa-f]|%[Ee][0-9A-Fa-f](?:%[89ABab][0-9A-Fa-f]){2}"
    r"|%[Ff][0-9A-Fa-f](?:%[89ABab][0-9A-Fa-f]){3}|&#?\w{2,31};?"
)
"""One character, where it is written as octets or by its number or name."""


def _comment(begins: str, ends: str) -> str:
    """A comment, others within it."""
    inner = "[^()]"
    for _ in range(NESTED):
        inner = f"(?:[^()]|{begins}{inner}*+{ends})"
    return f"{begins}{inner}*+{ends}"


_SPECIAL = r"\s()<>\[\]:;,@＠﹫\"«»“”"
_AFTER = re.compile(rf"(?:\s|{_comment('[(]', '[)]')})*+")
_NAMED = re.compile(rf"[^{_SPECIAL}]|\[|\Z")
"""What makes a sign that of an address: something follows, or the text is cut there."""
_DOTTED = re.compile(rf"[^{_SPECIAL}.．。｡]+\s*[.．。｡]\s*\w|\[|\Z")
"""The same where there are blanks or comments around the sign: people write it for "at", too."""
_IN_LINK = re.compile(rf"[^{_SPECIAL}.．。｡/?#]+(?:\s*[.．。｡]\s*\w|\()|\[|\Z")
_CUT_IN_LINK = re.compile(rf"[^{_SPECIAL}.．。｡/?#]+[.．。｡]?\Z")
"""The same in the path of a link, `https://x.fr/jean@college`: no address ends without a domain that has a dot."""
# What stands before a sign is read from its end.
_BEFORE = re.compile(rf"(?:\s|{_comment('[)]', '[(]')})*+")
_WORD = r'"[^"\s]+(?:"\\[^"\s]*)*"'
_WORDS = rf'"[^"\r\n]+(?:"\\[^"\r\n]*)*"(?=[{_SPECIAL}.]|\Z)'
"""With blanks, where the quote that opens it stands at the beginning of a word: others are those of a sentence."""
_LOCAL = re.compile(rf'(?:[^{_SPECIAL}]|{_WORD}|(?P<words>{_WORDS})|"(?=[^{_SPECIAL}]))+')


def mask(text: str, *, is_cut: bool = True) -> str:
    """The text with what stands before the sign of its addresses replaced. Linear. `is_cut`: it may go on."""
    if "=?" in text:
        text = "\n".join(map(headers.decode_words, text.split("\n")))
    read, places = _undone(text)
    out: list[str] = []
    copied = end = 0
    for sign in _SIGN.finditer(read):
        before = read[max(end, sign.start() - MAX_LOCAL) : sign.start()][::-1]
        end = sign.end()
        if before.startswith("/"):  # of a link to a person's page, or to a place
            continue
        gap, after = _BEFORE.match(before), _AFTER.match(read, end)
        assert gap is not None
        assert after is not None
        local = _LOCAL.match(before, gap.end())
        if local is None:
            continue
        is_apart = gap.end() > 0 or after.end() > end or local["words"] is not None or sign[0][0] in "([<"
        if is_apart:
            domain = _DOTTED.match(read, after.end())
        elif _is_path(local[0][::-1]):
            domain = _IN_LINK.match(read, end) or (_CUT_IN_LINK.match(read, end) if is_cut else None)
        else:
            domain = _NAMED.match(read, end)
        if domain is None or not any(map(str.isalnum, local[0])):
            continue
        first, last = places[sign.start() - local.end()], places[sign.start() - local.start()]
        out += (text[copied:first], _left(local[0][::-1]), text[last : places[end]])
        copied = places[end]
    return "".join((*out, text[copied:]))


def _is_path(local: str) -> bool:
    """Whether what stands before a sign is the name of a host and a path there, without a query."""
    host, slash, _ = local.removeprefix("//").partition("/")
    return bool(slash) and "." in host.strip(".") and not any(mark in local for mark in "?#&=")


def _left(local: str) -> str:
    letters = [char for char in local if char.isalnum()]
    return f"{letters[0]}…" if len(letters) > SHORT else "…"


def _undone(text: str) -> tuple[str, Sequence[int]]:
    """The text as a reader's program would have it, and where in the text each of its characters begins."""
    places: Sequence[int] = range(len(text) + 1)
    read = text
    for _ in range(ROUNDS):
        found = list(_ESCAPE.finditer(read)) if "%" in read or "&" in read else []
        if not found:
            break
        out: list[str] = []
        began = array("q")
        last = 0
        for escape in found:
            start, end = escape.span()
            char = unquote(escape[0]) if escape[0].startswith("%") else html.unescape(escape[0])
            out += (read[last:start], char)
            began.extend(places[last:start])
            began.extend([places[start]] * len(char))
            last = end
        out.append(read[last:])
        began.extend(places[last:])
        read, places = "".join(out), began
    return _without_unseen(read, places)


def _without_unseen(read: str, places: Sequence[int]) -> tuple[str, Sequence[int]]:
    """Without what nobody sees between characters (joiners, soft hyphens, marks of direction)."""
    if read.isascii() or not any(unicodedata.category(char) == "Cf" for char in set(read)):
        return read, places
    seen = [number for number, char in enumerate(read) if unicodedata.category(char) != "Cf"]
    return "".join(read[number] for number in seen), array("q", [*(places[number] for number in seen), places[-1]])
