"""Distinguished names: text to values and back (RFC 4514), and their comparison (RFC 4517 section 4.2.15)."""

import re

from mailserver.model.errors import BadSyntax
from mailserver.model.unicode import normalize

Ava = tuple[str, str]
"""One attribute type, lower case, and its value."""
Name = tuple[tuple[Ava, ...], ...]
"""Relative names from the leaf to the root; most hold one attribute."""

MAX_DEPTH = 32
"""Relative names in one distinguished name."""

_TYPE = re.compile(r" *([A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+) *= *")
_SPECIAL = ',+"\\<>;='
_HEX = "0123456789abcdefABCDEF"

ALIASES = {
    "0.9.2342.19200300.100.1.1": "uid",
    "userid": "uid",
    "0.9.2342.19200300.100.1.25": "dc",
    "domaincomponent": "dc",
    "2.5.4.3": "cn",
    "commonname": "cn",
    "2.5.4.10": "o",
    "organizationname": "o",
    "2.5.4.11": "ou",
    "organizationalunitname": "ou",
    **{
        f"2.25.214369060024592588636620914225914994140.1.{number}": name
        for number, name in ((7, "acadfunction"), (8, "acadclass"), (9, "acadgroup"), (10, "acaddisciplinecode"))
    },
}
"""Other spellings of the attribute types that name entries in our tree."""


def _invisible() -> dict[int, str | None]:
    """What RFC 4518 section 2.2 maps to nothing or to a space before strings are compared."""
    nothing = [(0x00, 0x08), (0x0E, 0x1F), (0x7F, 0x84), (0x86, 0x9F), (0xAD, 0xAD), (0x34F, 0x34F)]
    nothing += [(0x6DD, 0x6DD), (0x70F, 0x70F), (0x1806, 0x1806), (0x180B, 0x180E), (0x200B, 0x200F)]
    nothing += [(0x202A, 0x202E), (0x2060, 0x2063), (0x206A, 0x206F), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF)]
    nothing += [(0xFFF9, 0xFFFC), (0x1D173, 0x1D17A), (0xE0001, 0xE0001), (0xE0020, 0xE007F)]
    table: dict[int, str | None] = {code: None for low, high in nothing for code in range(low, high + 1)}
    spaces = [*range(0x09, 0x0E), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F]
    table.update(dict.fromkeys([*spaces, 0x3000], " "))
    return table


_INVISIBLE = _invisible()
_CONTROLS = frozenset({*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029})
_SPACES = re.compile("  +")
_LATIN = re.compile("[ -~À-ÖØ-öø-ÿŒœ]*")


def prepare(text: str, *, fold_case: bool = True) -> str:
    """A string ready for comparison (RFC 4518): mapped, folded, composed; spaces run together.

    Spaces at the ends stay: they count inside the pieces of a substring filter.
    """
    if _LATIN.fullmatch(text):
        # Letters of French names are composed as they stand, and nothing folds into anything else.
        text = text.casefold() if fold_case else text
    elif not text.isascii() or not text.isprintable():
        text = normalize("NFKC", text.translate(_INVISIBLE))
        if fold_case:
            text = normalize("NFKC", text.casefold())
    return _SPACES.sub(" ", text) if "  " in text else text


def has_invisible(text: str) -> bool:
    """True for text with control characters, line breaks, or characters that comparison leaves out (RFC 4518)."""
    return any(ord(char) in _CONTROLS or _INVISIBLE.get(ord(char), "") is None for char in text)


def fold(text: str) -> str:
    """The form under which two values of a case-ignoring attribute are the same."""
    return prepare(text).strip(" ")


def parse(text: str) -> Name:
    """Read a distinguished name. Spaces around separators are tolerated (many clients write them).

    Raises BadSyntax.
    """
    if not text.strip(" "):
        return ()
    names: list[tuple[Ava, ...]] = []
    relative: list[Ava] = []
    at = 0
    while True:
        found = _TYPE.match(text, at)
        if found is None:
            raise BadSyntax("not a distinguished name")
        value, at = _value(text, found.end())
        kind = found[1].lower()
        relative.append((ALIASES.get(kind, kind), value))
        end = at == len(text)
        if end or text[at] == ",":
            names.append(tuple(relative))
            relative = []
        if end:
            return tuple(names)
        if len(names) + len(relative) > MAX_DEPTH:
            raise BadSyntax("distinguished name too deep")
        at += 1


def _value(text: str, at: int) -> tuple[str, int]:
    """The value that starts here, unescaped, and where it ends."""
    octets = bytearray()
    kept = 0
    if text.startswith("#", at):
        raise BadSyntax("values in hexadecimal BER are not used here")
    while at < len(text) and text[at] not in ",+":
        char = text[at]
        if char == "\\":
            pair = text[at + 1 : at + 3]
            if len(pair) == 2 and pair[0] in _HEX and pair[1] in _HEX:
                octets.append(int(pair, 16))
                at += 3
            elif pair and pair[0] in _SPECIAL + " #":
                octets += pair[0].encode()
                at += 2
            else:
                raise BadSyntax("unknown escape in a distinguished name")
            kept = len(octets)
            continue
        if char in '"<>;\0':
            raise BadSyntax("character to be escaped in a distinguished name")
        octets += char.encode("utf-8", "surrogatepass")
        if char != " ":
            kept = len(octets)
        at += 1
    try:
        return octets[:kept].decode("utf-8"), at
    except UnicodeDecodeError:
        raise BadSyntax("distinguished name is not UTF-8") from None


_PLAIN = re.compile(r"[\w.@-]+")


def escape(value: str) -> str:
    """A value as it is written in a distinguished name (RFC 4514 section 2.4)."""
    if _PLAIN.fullmatch(value):
        return value
    text = "".join(f"\\{char}" if char in _SPECIAL else char for char in value).replace("\0", "\\00")
    if text.startswith(("#", " ")):
        text = "\\" + text
    if text.endswith(" ") and value != " ":
        text = text[:-1] + "\\ "
    return text


def write(name: Name) -> str:
    """The text of a name."""
    return ",".join("+".join(f"{kind}={escape(value)}" for kind, value in relative) for relative in name)


def comparable(name: Name) -> Name:
    """The form under which two spellings of one name are equal."""
    return tuple(tuple(sorted((kind, fold(value)) for kind, value in relative)) for relative in name)
