"""`Content-Type` and `Content-Disposition`: value, parameters, and their RFC 2231 forms."""

import re
from urllib.parse import unquote_to_bytes

from mailserver.mime import charsets, headers

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
