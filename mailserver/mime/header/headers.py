"""Header fields as octet ranges; unfolding; encoded words (RFC 2047).

Reading is lenient, because a header that breaks a rule is still somebody's mail: 8-bit octets are
guessed, encoded words with spaces or without an end are taken as far as they make sense.
"""

import binascii
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from mailserver.mime.header import charsets, transfer_encoding

MAX_VALUE = 1024 * 1024
"""Octets of one field's value that are looked at."""

MAX_HEADER = 2 * 1024 * 1024
"""Octets of one header that are read for fields: what doors take is less (`header_limit`), but the header of a message
within a message, or one from before that bound, may have any size."""

WINDOW = 128 * 1024
"""Octets of a header of which every field is an object at once."""

_FIELD = re.compile(rb"([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)\n?")
_WRITTEN = re.compile(rb"\n(([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+))")
_NAMED_FIELD = re.compile(rb"^(([!-9;-~]++)[ \t]*+:[^\n]*+(?:\n[ \t][^\n]*+)*+\n?)", re.MULTILINE)
_LINE = re.compile(rb"[^\n]*+\n?")
_LINE_OF_FIELD = re.compile(rb"\n(?![ \t])")
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([BbQq])\?([^?]*+(?:\?(?!=)[^?]*+){0,9})\?=")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class Field(NamedTuple):
    """One field of a header: its lower-case name and where it is, line end included."""

    name: str
    start: int
    value: int
    """Where the value begins, after the colon."""
    end: int


def fields(octets: bytes, start: int, end: int) -> Iterator[Field]:
    """The fields of a header, as far as MAX_HEADER goes, in the order they stand; lines that are no field are passed
    over."""
    end = min(end, start + MAX_HEADER)
    at = start
    while at < end:
        found = _FIELD.match(octets, at, end)
        if found:
            yield Field(found.group(1).decode("ascii").lower(), at, found.start(2), found.end())
        else:
            found = _LINE.match(octets, at, end)
            if not found:
                return
        at = found.end()


def written(header: bytes) -> list[tuple[str, bytes, bytes]]:
    """The fields of a header that is at hand, as `fields` finds them, at the speed of a search: the name in small
    letters, the field as it stands, its value; line ends included."""
    header = header[:MAX_HEADER]
    found = _WRITTEN.findall(b"\n" + header)
    made = [(name.decode("ascii").lower(), field + b"\n", value + b"\n") for field, name, value in found]
    if found and not header.endswith(b"\n") and header.endswith(found[-1][0]):
        field, _, value = found[-1]
        made[-1] = made[-1][0], field, value
    return made


def named(octets: bytes, start: int, end: int, *names: str) -> Iterator[Field]:
    """The fields of these names (in lower case), as `fields` gives them, at the speed of a search: a header may have a
    quarter of a million others."""
    header = b"\n" + octets[start : min(end, start + MAX_HEADER)]
    away = start - 1
    for found in _of_names(names).finditer(header):
        ended = found.end() + (header[found.end() : found.end() + 1] == b"\n")
        name = found.group(1).decode("ascii").lower()
        yield Field(name, away + found.start() + 1, away + found.start(2), away + ended)


@lru_cache(maxsize=100)
def _of_names(names: tuple[str, ...]) -> re.Pattern[bytes]:
    either = b"|".join(re.escape(name.encode("ascii")) for name in names)
    return re.compile(rb"\n((?i:%b))[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)" % either)


def select(octets: bytes, start: int, end: int, names: Iterable[str], *, exclude: bool = False) -> bytes:
    """The fields of these names (or all others), octet for octet, and the blank line that ends a header:
    HEADER.FIELDS and HEADER.FIELDS.NOT (RFC 3501 section 6.4.5). As far as MAX_HEADER goes."""
    wanted = {name.lower().encode("utf-8", "replace") for name in names}
    chosen = bytearray()
    for piece in windows(octets, start, end):
        fields = _NAMED_FIELD.findall(piece)
        chosen += b"".join([field for field, name in fields if (name.lower() in wanted) != exclude])
    if chosen and not chosen.endswith(b"\n"):
        chosen += b"\r\n"
    chosen += b"\r\n"
    return bytes(chosen)


def windows(octets: bytes, start: int, end: int) -> Iterator[bytes]:
    """A header, as far as MAX_HEADER goes, in pieces that begin where a field may: what each field of one costs as an
    object is then bounded, however many there are."""
    end = min(end, start + MAX_HEADER)
    while start < end:
        line = _LINE_OF_FIELD.search(octets, start + WINDOW, end) if end - start > WINDOW else None
        stop = line.end() if line is not None else end
        yield octets[start:stop]
        start = stop


def first(octets: bytes, start: int, end: int, name: str) -> str:
    """The decoded value of the first field of this name; empty when there is none."""
    field = next(named(octets, start, end, name.lower()), None)
    return decode(octets[field.value : field.end]) if field is not None else ""


def unfold(raw: bytes) -> bytes:
    """A field's value in one line (RFC 5322 section 2.2.3), without the blanks around it."""
    if b"\n" in raw:
        raw = raw.replace(b"\r\n", b"").replace(b"\n", b"")
    return raw.strip(b" \t\r\n")


def as_text(raw: bytes) -> str:
    """An unfolded value as text, encoded words left alone; 8-bit octets are guessed (RFC 6532: UTF-8)."""
    value = unfold(raw[:MAX_VALUE])
    return value.decode("ascii") if value.isascii() else charsets.guess(value)


def decode(raw: bytes) -> str:
    """A value for people: unfolded, encoded words decoded, control characters gone."""
    return decode_words(as_text(raw))


def clean(text: str) -> str:
    """Without control characters, line ends and lone surrogates, which neither a page nor SQL can carry."""
    return text if text.isprintable() else _UNPRINTABLE.sub(" ", text)


def decode_words(text: str) -> str:
    """Decode the encoded words in a text (RFC 2047 section 6.2).

    Blanks between two encoded words vanish; neighbours in one charset are joined before decoding, since
    many senders split a character between two words.
    """
    if "=?" not in text:
        return clean(text)
    out: list[str] = []
    octets = bytearray()
    charset = ""
    last = 0
    for word in _WORD.finditer(text):
        between = text[last : word.start()]
        label = word.group(1).partition("*")[0].lower()  # RFC 2231 section 5: language after an asterisk
        joined = bool(octets) and (not between or between.isspace())
        if octets and not (joined and label == charset):
            out.append(charsets.decode(bytes(octets), charset))
            octets.clear()
        if not joined:
            out.append(between)
        octets += _word_octets(word.group(2), word.group(3))
        charset = label
        last = word.end()
    if octets:
        out.append(charsets.decode(bytes(octets), charset))
    out.append(text[last:])
    return clean("".join(out))


def _word_octets(encoding: str, text: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    if encoding in "Bb":
        try:
            return binascii.a2b_base64(raw, strict_mode=True)  # nearly always
        except binascii.Error:
            return transfer_encoding.decode_base64(raw)
    return binascii.a2b_qp(raw, header=True)


def encode_words(text: str) -> list[str]:
    """Text as encoded words in UTF-8, none longer than 75 characters (RFC 2047 section 2), no character
    split between two. Q where most is ASCII, so that the source stays readable; base64 otherwise."""
    quoted = [_QUOTED.get(character) or _escape(character) for character in text]
    size = len(text.encode("utf-8", "replace"))
    if sum(map(len, quoted)) <= size * 1.6:
        return [f"=?utf-8?Q?{piece}?=" for piece in _pack(quoted, map(len, quoted), 63)]
    sizes = (len(character.encode("utf-8", "replace")) for character in text)
    return [
        f"=?utf-8?B?{binascii.b2a_base64(piece.encode('utf-8', 'replace'), newline=False).decode('ascii')}?="
        for piece in _pack(text, sizes, 45)
    ]


# What Q may leave as it is even inside a phrase (RFC 2047 section 5, rule 3); a blank becomes "_".
_QUOTED = {character: character for character in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/"}
_QUOTED[" "] = "_"


def _escape(character: str) -> str:
    return "".join(f"={octet:02X}" for octet in character.encode("utf-8", "replace"))


def _pack(pieces: Iterable[str], sizes: Iterable[int], room: int) -> Iterator[str]:
    """Join pieces in order into the fewest strings whose sizes stay within the room."""
    held: list[str] = []
    filled = 0
    for piece, size in zip(pieces, sizes, strict=True):
        if held and filled + size > room:
            yield "".join(held)
            held, filled = [], 0
        held.append(piece)
        filled += size
    if held:
        yield "".join(held)
