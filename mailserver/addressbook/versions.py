"""A vCard as another version writes it (RFC 2426, RFC 6350; RFC 6352 section 5.1.1). Pure.

What both versions know is written as the wanted one writes it; what only one of them knows stays as it is, since both
let properties stand that a reader does not know, and it comes back unharmed.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from mailserver.addressbook import contentlines
from mailserver.addressbook.contentlines import Line

DEFAULT: Final = "3.0"
"""What a client gets that names none (RFC 6352 section 10.4)."""
KNOWN: Final = ("3.0", "4.0")

_VERSION: Final = re.compile(r"^VERSION(?:;[^:\r\n]*)?:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_DATA: Final = re.compile(r"data:([\w.+-]+)/([\w.+-]+)(?:;[\w.+-]+=[^;,]*)*;base64\\?,(.*)", re.IGNORECASE | re.DOTALL)
_BINARY: Final = {"PHOTO": "image", "LOGO": "image", "SOUND": "audio", "KEY": "application"}
_MEDIA: Final = {"X509": "pkix-cert", "PGP": "pgp-keys"}
_OF_GROUPS: Final = {"KIND": "X-ADDRESSBOOKSERVER-KIND", "MEMBER": "X-ADDRESSBOOKSERVER-MEMBER"}
"""What Apple's programs call them in version 3."""
_GROUPED: Final = {old: new for new, old in _OF_GROUPS.items()}
_ONLY_4: Final = frozenset({"PREF", "ALTID", "PID", "MEDIATYPE", "SORT-AS", "CALSCALE", "LABEL", "GEO", "TZ"})
"""Parameters that version 3 does not have."""


def version_of(text: str) -> str:
    """What a card says it is; empty: it does not say."""
    found = _VERSION.search(text)
    return found[1].strip() if found is not None else ""


def converted(text: str, version: str) -> str:
    """The card in a version of KNOWN; itself if it is that, or no card."""
    if version_of(text) == version:
        return text
    lines = next(contentlines.cards(text), None)
    if lines is None:
        return text
    others = [line for line in lines if line.name not in ("VERSION", "PROFILE")]
    made = _to_3(others) if version == "3.0" else map(_to_4, others)
    return contentlines.write((Line("", "VERSION", (), version), *made))


def _to_3(lines: Iterable[Line]) -> Iterator[Line]:
    named, shown, is_group, held = False, "", False, list(lines)
    for line in held:
        named |= line.name == "N"
        shown = shown or (line.text if line.name == "FN" else "")
        is_group |= line.name == "KIND" and line.text.lower() == "group"
    for line in held:
        yield _old(line, is_group=is_group)
    if not named:  # RFC 2426 section 3.1.2: it must have one
        yield Line("", "N", (), f"{contentlines.escape(shown)};;;;")


def _old(line: Line, *, is_group: bool) -> Line:
    params = [(key, values) for key, values in line.params if key not in _ONLY_4]
    if line.param("PREF") == ("1",):
        params.append(("TYPE", ("PREF",)))
    value = line.value
    data = _DATA.fullmatch(value) if line.name in _BINARY else None
    if data is not None:
        kind = next((old for old, new in _MEDIA.items() if new == data[2].lower()), data[2].upper())
        params = [(key, values) for key, values in params if key not in ("TYPE", "VALUE", "ENCODING")]
        params += [("ENCODING", ("b",)), ("TYPE", (kind,))]
        value = data[3]
    elif line.name == "TEL" and value.lower().startswith("tel:"):
        params = [(key, values) for key, values in params if key != "VALUE"]
        value = value[4:]
    elif line.name == "GEO" and value.lower().startswith("geo:"):
        value = value[4:].partition(";")[0].replace(",", ";").replace("\\", "")
    name = _OF_GROUPS.get(line.name, line.name) if is_group else line.name
    return replace(line, name=name, params=tuple(params), value=value)


def _to_4(line: Line) -> Line:
    params = [(key, values) for key, values in line.params if key != "CHARSET"]
    value = line.value
    if line.name in _BINARY and set(line.param("ENCODING")) & {"b", "base64"}:
        kind = next(iter(line.param("TYPE")), "")
        if "/" not in kind:
            kind = f"{_BINARY[line.name]}/{_MEDIA.get(kind.upper(), kind or 'octet-stream')}"
        params = [(key, values) for key, values in params if key not in ("ENCODING", "TYPE", "VALUE")]
        value = f"data:{kind};base64,{''.join(value.split())}"
    elif line.name == "GEO" and ";" in value:
        value = f"geo:{value.replace(';', ',')}"
    elif "pref" in line.param("TYPE"):
        params = [
            (key, kept) for key, values in params if (kept := _without_preference(values) if key == "TYPE" else values)
        ]
        params.append(("PREF", ("1",)))
    return replace(line, name=_GROUPED.get(line.name, line.name), params=tuple(params), value=value)


def _without_preference(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(value for value in values if value.lower() != "pref")
