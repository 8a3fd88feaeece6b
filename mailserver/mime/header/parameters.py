"""`Content-Type` and `Content-Disposition`: value, parameters, and their RFC 2231 forms."""

import re
from urllib.parse import quote, unquote_to_bytes

from mailserver.mime.header import charsets, headers

MAX_VALUE = 64 * 1024
"""Characters of a structured value that are looked at."""

MAX_PARAMETERS = 200
"""Parameters of one field."""

MAX_NAME = 255
"""Characters of a file's name."""

Raw = list[tuple[str, str]]
"""Parameters as they stand: lower-case names (`filename*0*` included), values unquoted."""

_MEDIA = re.compile(r"\s*+([^\s/;\"]++)\s*+/\s*+([^\s;\"/,]++)")
_TOKEN = re.compile(r"\s*+\"?([^\s;\",]++)")
# A quoted value, or anything up to the next semicolon: names with blanks are often left unquoted.
# A run of blanks is entered at its start only, or a long one without an end would cost the square of its length.
_PARAMETER = re.compile(
    r"(?:;|(?<!\s)\s)\s*+([^\s=;\"]++)\s*+=\s*+(?:\"((?:[^\"\\]++|\\.)*+)\"?|([^;\"]*+))", re.DOTALL
)
_ATTRIBUTE_CHARS = "!#$&+-.^_`{|}~"
"""What stays as it is beside letters and digits when a value is percent-encoded (RFC 2231 section 7)."""
_CONTINUED = re.compile(r"([^*]++)(?:\*(\d{1,3}))?(\*)?")


def media_type(value: str) -> tuple[str, str, Raw] | None:
    """Type, subtype (both lower case) and parameters; None when the value is no media type, which then
    counts as text/plain (RFC 2045 section 5.2). NUL is left out, as what is rendered for IMAP leaves it out: else a
    type would be read as one thing and shown as another."""
    value = value.replace("\0", "")
    found = _MEDIA.match(value)
    if not found:
        return None
    return found.group(1).lower(), found.group(2).lower(), _parameters(value, found.end())


def token(value: str) -> tuple[str, Raw]:
    """A lower-case token and its parameters, as in Content-Disposition; the token may be missing."""
    value = value.replace("\0", "")
    found = _TOKEN.match(value)
    if not found:
        return "", _parameters(value, 0)
    return found.group(1).lower(), _parameters(value, found.end())


def _parameters(value: str, at: int) -> Raw:
    if at == len(value):
        return []
    pairs: Raw = []
    for name, quoted, bare in _PARAMETER.findall(value[at:MAX_VALUE]):
        if quoted:
            text = re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL) if "\\" in quoted else quoted
        else:
            text = bare.strip()
            if text.endswith(")") and " (" in text:
                text = text[: text.index(" (")].rstrip()  # RFC 2045 section 5.1 allows comments
        pairs.append((name.lower(), text))
        if len(pairs) == MAX_PARAMETERS:
            break
    return pairs


def joined(raw: Raw) -> Raw:
    """Parameters with their continuations as one (RFC 2231 section 6), where the first piece stood.

    That is `name`, or `name*` when a piece is percent-encoded. Pieces behind a gap stay as they are, and so do all of a
    name that is there in another form, too: which one counts is the reader's choice.
    """
    if not any("*" in name for name, _ in raw):
        return raw
    named = dict(reversed(raw))  # of two equal names the first counts
    merged: dict[str, tuple[str, str]] = {}
    gone: set[str] = set()
    for name in dict.fromkeys(name.partition("*")[0] for name in named):
        pieces = _pieces(named, name)
        if pieces and name not in named and f"{name}*" not in named:
            merged[pieces[0]] = _merge(name, [(piece, named[piece]) for piece in pieces])
            gone.update(pieces)
    found: Raw = []
    for name, value in raw:
        if name in merged:
            found.append(merged.pop(name))
        elif name not in gone:
            found.append((name, value))
    return found


def _pieces(named: dict[str, str], name: str) -> list[str]:
    """The names of the pieces of a continued parameter, in order up to the first gap."""
    found: list[str] = []
    while True:
        plain = f"{name}*{len(found)}"
        piece = next((key for key in (plain, plain + "*") if key in named), None)
        if piece is None:
            return found
        found.append(piece)


def _merge(name: str, pieces: list[tuple[str, str]]) -> tuple[str, str]:
    """One parameter of several pieces; what is not percent-encoded becomes so when another piece is."""
    if not any(piece.endswith("*") for piece, _ in pieces):
        return name, "".join(value for _, value in pieces)
    text = "".join(value if piece.endswith("*") else quote(value, safe=_ATTRIBUTE_CHARS) for piece, value in pieces)
    return f"{name}*", text if pieces[0][0].endswith("*") else f"''{text}"


def decode(raw: Raw) -> dict[str, str]:
    """Parameters for people: RFC 2231 continuations joined and charsets decoded, encoded words too.

    Of two equal names the first wins; an RFC 2231 form wins over a plain one (RFC 6266 section 4.3).
    """
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for name, value in raw:
        if "*" not in name:
            plain.setdefault(name, headers.decode_words(value))
            continue
        found = _CONTINUED.fullmatch(name)
        if found:
            number = int(found.group(2) or 0)
            pieces.setdefault(found.group(1), {}).setdefault(number, (value, found.group(3) is not None))
    for name, numbered in pieces.items():
        text = _join(numbered)
        if text:
            plain[name] = text
    return plain


def _join(numbered: dict[int, tuple[str, bool]]) -> str:
    """RFC 2231 sections 3 and 4: pieces from 0 up to the first gap; the first may name a charset."""
    charset = ""
    octets: list[bytes] = []
    for number in range(len(numbered)):
        if number not in numbered:
            break
        value, extended = numbered[number]
        if extended:
            if number == 0 and value.count("'") >= 2:
                charset, _, value = value.split("'", 2)
            octets.append(unquote_to_bytes(value))
        elif "=?" in value:
            octets.append(headers.decode_words(value).encode("utf-8", "replace"))
        else:
            octets.append(value.encode("utf-8", "replace"))
    return headers.clean(charsets.decode(b"".join(octets), charset or "utf-8"))


def file_name(disposition: dict[str, str], media: dict[str, str]) -> str:
    """The name an attachment has: `filename` of the disposition, else `name` of the type, never a path."""
    name = disposition.get("filename") or media.get("name") or disposition.get("name") or ""
    return name.replace("\\", "/").rpartition("/")[2].strip(" .")[:MAX_NAME]
