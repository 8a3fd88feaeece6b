"""A contact as people see it, read from a vCard's lines (RFC 2426, RFC 6350). Pure. Writing is `rewriting`."""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from mailserver.addressbook.contentlines import Line, parts
from mailserver.model.folding import search_key

HOME, WORK, CELL, FAX, OTHER = "home", "work", "cell", "fax", ""
KINDS: Final = (WORK, HOME, CELL, FAX)
"""What an address, a number or a place is for, as the words stand in TYPE."""
GROUP_KIND, GROUP_MEMBER = "X-ADDRESSBOOKSERVER-KIND", "X-ADDRESSBOOKSERVER-MEMBER"
"""What vCard 3.0 has for KIND and MEMBER."""
UID_PREFIX = "urn:uuid:"
MAX_MANY = 20
"""E-mail addresses, numbers, places or sites of one contact that people see."""
MAX_TEXT = 500
MAX_NOTE = 10_000
MAX_CATEGORIES = 50

_DATE = re.compile(r"(\d{4}|--)-?(\d{2})-?(\d{2})(?:T.*)?")


@dataclass(frozen=True, slots=True)
class Value:
    """One of several e-mail addresses, numbers or sites."""

    text: str
    kind: str = OTHER


@dataclass(frozen=True, slots=True)
class Place:
    """A postal address (RFC 6350 section 6.3.1); `box` and `extended` are kept, not asked for."""

    street: str = ""
    city: str = ""
    code: str = ""
    country: str = ""
    region: str = ""
    kind: str = OTHER
    box: str = ""
    extended: str = ""

    def __bool__(self) -> bool:
        return any((self.street, self.city, self.code, self.country, self.region, self.box, self.extended))

    @property
    def lines(self) -> tuple[str, ...]:
        """As on an envelope."""
        town = f"{self.code} {self.city}".strip()
        written = (self.extended, *self.street.split("\n"), self.box, town, self.region, self.country)
        return tuple(filter(None, written))


@dataclass(frozen=True, slots=True)
class Card:
    """A person, an organisation, or a group of contacts."""

    full_name: str = ""
    family: str = ""
    given: str = ""
    additional: str = ""
    prefix: str = ""
    suffix: str = ""
    nickname: str = ""
    organisation: str = ""
    unit: str = ""
    title: str = ""
    role: str = ""
    emails: tuple[Value, ...] = ()
    phones: tuple[Value, ...] = ()
    places: tuple[Place, ...] = ()
    sites: tuple[Value, ...] = ()
    birthday: str = ""
    """`1984-03-17`, or `--03-17` where the year is not known."""
    note: str = ""
    categories: tuple[str, ...] = ()
    uid: str = ""
    """Without UID_PREFIX, which vCard 4.0 writes before it, and members have in every version."""
    is_group: bool = False
    members: tuple[str, ...] = ()
    """UIDs of a group's contacts."""
    has_photo: bool = field(default=False, compare=False)

    @property
    def name(self) -> str:
        """What a list shows: never empty unless the card is."""
        parts_of_name = " ".join(filter(None, (self.given, self.family)))
        first = next((value.text for value in (*self.emails, *self.phones)), "")
        return self.full_name or parts_of_name or self.organisation or self.nickname or first

    @property
    def order(self) -> str:
        """What lists are sorted by: the surname first."""
        return search_key(f"{self.family} {self.given}") or search_key(self.name)

    @property
    def words(self) -> str:
        """What a search looks through."""
        found = (
            *(self.full_name, self.given, self.family, self.nickname, self.organisation, self.unit, self.title),
            *(email.text for email in self.emails),
            *("".join(filter(str.isalnum, phone.text)) for phone in self.phones),
            *self.categories,
        )
        return search_key(" ".join(filter(None, found)))


def read(lines: Sequence[Line]) -> Card:
    """What a card says."""
    firsts: dict[str, Line] = {}
    for line in lines:
        firsts.setdefault(line.name, line)
    family, given, additional, prefix, suffix = _structure(firsts.get("N"), 5)
    organisation, unit = _structure(firsts.get("ORG"), 2)
    members = (line.text.strip() for line in lines if line.name in ("MEMBER", GROUP_MEMBER))
    return Card(
        full_name=_text(firsts.get("FN")),
        family=family,
        given=given,
        additional=additional,
        prefix=prefix,
        suffix=suffix,
        nickname=_text(firsts.get("NICKNAME")),
        organisation=organisation,
        unit=unit,
        title=_text(firsts.get("TITLE")),
        role=_text(firsts.get("ROLE")),
        emails=values(lines, "EMAIL"),
        phones=values(lines, "TEL"),
        places=places(lines),
        sites=values(lines, "URL"),
        birthday=birthday(_text(firsts.get("BDAY"))),
        note=_text(firsts.get("NOTE"), MAX_NOTE, lines=True),
        categories=categories(lines),
        uid=_text(firsts.get("UID"), 1000).removeprefix(UID_PREFIX),
        is_group=any(_text(firsts.get(name)).casefold() == "group" for name in ("KIND", GROUP_KIND)),
        members=tuple(dict.fromkeys(member.removeprefix(UID_PREFIX) for member in members)),
        has_photo="PHOTO" in firsts and bool(firsts["PHOTO"].value),
    )


def values(lines: Iterable[Line], name: str) -> tuple[Value, ...]:
    """The values of a property that may stand several times, at most MAX_MANY."""
    found = [Value(value_of(line), kind_of(line)) for line in lines if line.name == name]
    return tuple(value for value in found if value.text)[:MAX_MANY]


def value_of(line: Line) -> str:
    """An address, a number or a site, without the scheme of its URI (RFC 6350 section 6.4.1)."""
    text = " ".join(line.text.split())[:MAX_TEXT]
    for scheme in ("tel:", "mailto:"):
        if text.casefold().startswith(scheme):
            return text[len(scheme) :]
    return text


def places(lines: Iterable[Line]) -> tuple[Place, ...]:
    """Postal addresses, at most MAX_MANY."""
    found = []
    for line in lines:
        if line.name == "ADR":
            box, extended, street, city, region, code, country = _structure(line, 7, lines=True)
            found.append(Place(street, city, code, country, region, kind_of(line), box, extended))
    return tuple(filter(None, found))[:MAX_MANY]


def categories(lines: Iterable[Line]) -> tuple[str, ...]:
    """Every category, none twice."""
    found = (part[:MAX_TEXT] for line in lines if line.name == "CATEGORIES" for part in parts(line.value, ","))
    return tuple(dict.fromkeys(filter(None, found)))[:MAX_CATEGORIES]


def kind_of(line: Line) -> str:
    """What TYPE says a value is for, in one of our words."""
    types = {kind for value in line.param("TYPE") for kind in value.split(",")}
    if types & {"cell", "mobile", "iphone"}:
        return CELL
    return next((kind for kind in (FAX, WORK, HOME) if kind in types), OTHER)


def birthday(text: str) -> str:
    """A date as this package writes it, of what clients write; empty when it is none."""
    found = _DATE.fullmatch(text.strip())
    if found is None or not (1 <= int(found[2]) <= 12 and 1 <= int(found[3]) <= 31):
        return ""
    return f"{found[1]}{'' if found[1] == '--' else '-'}{found[2]}-{found[3]}"


def photo(lines: Iterable[Line]) -> bytes:
    """The octets of the picture in the card; empty when there is none, or only an address of one."""
    line = next((line for line in lines if line.name == "PHOTO"), None)
    if line is None:
        return b""
    value = line.value.strip()
    if value[:5].casefold() == "data:":
        head, _, value = value.replace("\\,", ",", 1).partition(",")
        if not head.casefold().endswith(";base64"):
            return b""
    elif not set(line.param("ENCODING")) & {"b", "base64"}:
        return b""
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except binascii.Error:
        return b""


def _text(line: Line | None, most: int = MAX_TEXT, *, lines: bool = False) -> str:
    if line is None:
        return ""
    return line.text.strip()[:most] if lines else " ".join(line.text.split())[:most]


def _structure(line: Line | None, count: int, *, lines: bool = False) -> list[str]:
    """The parts of a structured value, as many as there have to be."""
    found = parts(line.value, ";") if line is not None else []
    texts = [text if lines else " ".join(text.split()) for text in found]
    return [text[:MAX_TEXT] for text in (*texts, *[""] * count)][:count]
