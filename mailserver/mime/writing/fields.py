"""Header fields as they are written: folded, encoded, safe from injected line ends."""

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import quote

from mailserver.mime.header import headers
from mailserver.model import address
from mailserver.model.errors import BadSyntax

LINE = 78
"""Characters a line should not exceed (RFC 5322 section 2.1.1)."""

MAX_LINE = 998
"""Octets a line must not exceed, its end not counted."""

_NAME = re.compile(r"[!-9;-~]{1,76}")
_TOKEN = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+")


class Correspondent(NamedTuple):
    """Somebody a message is from or to: a display name, which may be empty, and an address."""

    name: str
    address: str


def field(name: str, value: str) -> bytes:
    """An unstructured field: what is not ASCII becomes encoded words (RFC 2047), long lines are folded."""
    words = " ".join(headers.clean(value).split(" ")).strip()
    if not words.isascii() or "=?" in words or any(len(word) > MAX_LINE - 80 for word in words.split(" ")):
        return _folded(name, headers.encode_words(words))
    return _folded(name, words.split(" "))


def structured(name: str, tokens: Iterable[str]) -> bytes:
    """A field of tokens that must stay whole and are kept apart by blanks: dates, message ids, versions."""
    return _folded(name, [headers.clean(token) for token in tokens])


def addresses(name: str, people: Iterable[Correspondent]) -> bytes:
    """An address list; display names are quoted or encoded, domains written as A-labels."""
    entries = [_entry(person) for person in people]
    words = [word for entry in entries[:-1] for word in _with_comma(entry)]
    return _folded(name, words + (entries[-1] if entries else []))


def _with_comma(words: list[str]) -> list[str]:
    return [*words[:-1], words[-1] + ","]


def _entry(person: Correspondent) -> list[str]:
    mailbox = headers.clean(person.address).strip()
    try:
        mailbox = str(address.parse(mailbox))
    except BadSyntax:
        mailbox = re.sub(r"[\s,;:<>()]", "", mailbox)
    name = " ".join(headers.clean(person.name).split())
    if not name:
        return [mailbox]
    if name.isascii() and "=?" not in name and len(name) < MAX_LINE - 350:
        return [*address.quote_phrase(name).split(" "), f"<{mailbox}>"]
    return [*headers.encode_words(name), f"<{mailbox}>"]


def parameters(name: str, value: str, pairs: Iterable[tuple[str, str]]) -> bytes:
    """`Content-Type` and its like: long or non-ASCII values in the forms of RFC 2231."""
    words = [value]
    for key, text in pairs:
        words[-1] += ";"
        written = _parameter(key, headers.clean(text))
        words.extend(f"{one};" for one in written[:-1])
        words.append(written[-1])
    return _folded(name, words)


def _parameter(key: str, text: str) -> list[str]:
    if text.isascii() and len(text) <= 60:
        if _TOKEN.fullmatch(text):
            return [f"{key}={text}"]
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return [f'{key}="{escaped}"']
    encoded = "utf-8''" + quote(text, safe="!#$&+-.^_`{}~", errors="replace")
    if len(encoded) <= 60:
        return [f"{key}*={encoded}"]
    pieces: list[str] = []
    while encoded:  # RFC 2231 section 3: a piece never splits an escape
        cut = 50
        for back in (1, 2):
            if encoded[cut - back : cut - back + 1] == "%":
                cut -= back
        pieces.append(encoded[:cut])
        encoded = encoded[cut:]
    return [f"{key}*{number}*={piece}" for number, piece in enumerate(pieces)]


def _folded(name: str, words: list[str]) -> bytes:
    """A field in lines of at most 78 characters where its words allow; never a line of blanks only."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a field name: {name!r}")
    lines: list[str] = []
    line = f"{name}:"
    for word in words:
        if not word:
            continue
        if len(line) + 1 + len(word) > LINE and line != f"{name}:" and line.strip():
            lines.append(line)
            line = ""
        line += f" {word}"
    lines.append(line)
    return ("\r\n".join(lines) + "\r\n").encode("utf-8", "replace")
