"""Contacts as tables: CSV as Google, Outlook and Thunderbird write it, in English and French, and our own. Pure."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mailserver.addressbook.card import CELL, FAX, HOME, MAX_NOTE, MAX_TEXT, OTHER, WORK, Card, Place, Value, birthday
from mailserver.model.folding import search_key

MAX_ROWS = 5000
MAX_COLUMNS = 200
MAX_CELL = 20_000
_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins so for a formula (formula injection)."""
_NUMBER = re.compile(r"[+-][\d\s().-]+")
_FRENCH_DATE = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})")

COLUMNS: Final = (
    *("Prénom", "Nom", "Nom à afficher", "Surnom", "Organisation", "Service", "Fonction"),
    *(f"Adresse e-mail {number}" for number in (1, 2, 3, 4)),
    *("Téléphone professionnel", "Téléphone personnel", "Téléphone mobile", "Autre téléphone"),
    *(f"{what} ({where})" for where in ("travail", "domicile") for what in ("Rue", "Code postal", "Ville", "Pays")),
    *("Site web", "Date de naissance", "Catégories", "Notes"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a file: a card, or why there is none (`empty`, `address`)."""

    number: int
    card: Card | None
    fault: str = ""
    shown: str = ""
    """Something to know the line by."""


def _names(*pairs: tuple[str, str]) -> dict[str, str]:
    return {search_key(name): field for field, names in pairs for name in names.split("|")}


_NAMES: Final = _names(
    ("given", "prénom|first name|given name"),
    ("family", "nom|nom de famille|last name|family name|surname"),
    ("additional", "deuxième prénom|middle name|additional name"),
    ("prefix", "civilité|name prefix|title prefix"),
    ("suffix", "suffixe|suffix|name suffix"),
    ("full_name", "nom à afficher|nom complet|display name|name|file as|classer sous"),
    ("nickname", "surnom|nickname"),
    ("organisation", "organisation|société|company|organization|organization name|organization 1 - name|établissement"),
    ("unit", "service|department|département|organization department|organization 1 - department"),
    (
        "title",
        "fonction|titre|job title|title|profession|organization title|organization 1 - title|titre du poste|"
        "intitulé du poste",
    ),
    (
        "email",
        "adresse e-mail|e-mail|email|courriel|mail|adresse de messagerie|e-mail address|email address|"
        "première adresse électronique|adresse électronique|adresse électronique principale|primary email",
    ),
    ("email", "adresse électronique secondaire|autre adresse électronique|secondary email"),
    ("tel:work", "téléphone professionnel|téléphone (bureau)|tél. professionnel|business phone|work phone"),
    ("tel:work", "téléphone 2 (bureau)|business phone 2|company main phone|bureau téléphone|tél. bureau"),
    ("tel:home", "téléphone personnel|téléphone (domicile)|tél. personnel|home phone|home phone 2|tél. domicile"),
    ("tel:cell", "téléphone mobile|tél. mobile|portable|mobile phone|mobile number|mobile|téléphone portable"),
    ("tel:fax", "fax|télécopie (bureau)|business fax|home fax|fax number|fax professionnel"),
    ("tel:", "téléphone|autre téléphone|phone|other phone|primary phone|téléphone principal"),
    (
        "url",
        "site web|page web|web page|website|site internet|web page 1|website 1 - value",
    ),
    ("birthday", "date de naissance|anniversaire|birthday"),
    ("categories", "catégories|categories|labels|group membership|groupes"),
    ("note", "notes|note|remarques|commentaires"),
    ("street:work", "rue (travail)|rue (bureau)|business street|work address|adresse professionnelle"),
    ("street:work", "rue (bureau) 2|business street 2|work address 2"),
    (
        "code:work",
        "code postal (travail)|code postal (bureau)|business postal code|work zipcode",
    ),
    ("city:work", "ville (travail)|ville (bureau)|business city|work city|ville professionnelle"),
    ("country:work", "pays (travail)|pays/région (bureau)|business country/region|work country|pays professionnel"),
    (
        "street:home",
        "rue (domicile)|home street|home address|home street 2|home address 2|adresse|rue",
    ),
    ("code:home", "code postal (domicile)|home postal code|home zipcode|code postal|code postal personnel"),
    ("city:home", "ville (domicile)|home city|ville|ville personnelle"),
    ("country:home", "pays (domicile)|pays/région (domicile)|home country/region|home country|pays"),
)
_NUMBERED: Final = (
    (re.compile(r"(?:adresse e-mail|e-mail|email|e-mail address|courriel) ?(\d)(?: address| - value)?"), "email"),
    (re.compile(r"adresse de messagerie (\d)"), "email"),
    (re.compile(r"e-mail (\d) address"), "email"),
    (re.compile(r"(?:e-mail|email) (\d) - (?:label|type)"), "email-kind"),
    (re.compile(r"phone (\d) - value"), "phone"),
    (re.compile(r"phone (\d) - (?:label|type)"), "phone-kind"),
    (re.compile(r"address (\d) - street"), "street"),
    (re.compile(r"address (\d) - postal code"), "code"),
    (re.compile(r"address (\d) - city"), "city"),
    (re.compile(r"address (\d) - country"), "country"),
    (re.compile(r"address (\d) - (?:label|type)"), "place-kind"),
)
_KIND_WORDS: Final = (
    (CELL, ("mobile", "cell", "portable")),
    (FAX, ("fax",)),
    (WORK, ("work", "travail", "bureau", "professionnel")),
    (HOME, ("home", "domicile", "maison", "personnel")),
)


def decode(octets: bytes) -> str:
    """A file as text: UTF-8, UTF-16 with its mark, or what Windows writes in France."""
    if octets[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return octets.decode("utf-16", "replace")
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        return octets.decode("windows-1252", "replace")


def read(text: str) -> list[Row]:
    """The rows of a table, at most MAX_ROWS. Raises ValueError: no column is one of contacts."""
    first = text.lstrip().partition("\n")[0]
    separator = max(";,\t", key=first.count)
    lines = csv.reader(io.StringIO(text.replace("\0", "")), delimiter=separator)
    try:
        header = [_field(name) for name in next(lines, [])[:MAX_COLUMNS]]
        if not any(field in ("given", "family", "full_name", "email", "email1") for field in header):
            raise ValueError("no column of contacts")
        rows = []
        for cells in lines:
            if any(map(str.strip, cells)):
                rows.append(_row(lines.line_num, header, cells))
            if len(rows) >= MAX_ROWS:
                break
    except csv.Error as error:
        raise ValueError(str(error)) from None
    return rows


def write(cards: Iterable[Card]) -> bytes:
    """A table that a French Excel opens by itself: semicolons, UTF-8 with its mark."""
    out = io.StringIO(newline="")
    table = csv.writer(out, delimiter=";", lineterminator="\r\n")
    table.writerow(COLUMNS)
    for card in cards:
        table.writerow(map(_safe, _cells(card)))
    return out.getvalue().encode("utf-8-sig", "replace")


def _cells(card: Card) -> Sequence[str]:
    emails = [email.text for email in card.emails[:4]]
    phones = {
        kind: next((phone.text for phone in card.phones if phone.kind == kind), "") for kind in (WORK, HOME, CELL)
    }
    other = next((phone.text for phone in card.phones if phone.text not in phones.values()), "")
    places = {kind: next((place for place in card.places if place.kind == kind), None) for kind in (WORK, HOME)}
    places[HOME] = places[HOME] or next((place for place in card.places if place.kind == OTHER), None)
    return (
        *(card.given, card.family, card.full_name, card.nickname, card.organisation, card.unit, card.title),
        *emails,
        *[""] * (4 - len(emails)),
        *(phones[WORK], phones[HOME], phones[CELL], other),
        *(part for place in places.values() for part in _place_cells(place)),
        card.sites[0].text if card.sites else "",
        card.birthday,
        ", ".join(card.categories),
        card.note,
    )


def _place_cells(place: Place | None) -> tuple[str, str, str, str]:
    return (place.street, place.code, place.city, place.country) if place is not None else ("", "", "", "")


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_SIGNS) and not _NUMBER.fullmatch(cell) else cell


def _plain(cell: str) -> str:
    text = cell.strip()[:MAX_CELL]
    return text[1:] if text[:1] == "'" and text[1:].startswith(_SIGNS) else text


def _field(name: str) -> str:
    key = search_key(name.strip("\ufeff \"'*:"))
    for pattern, field in _NUMBERED:
        if (found := pattern.fullmatch(key)) is not None:
            return field + found[1]
    return _NAMES.get(key, "")


def _row(number: int, header: Sequence[str], cells: Sequence[str]) -> Row:
    found: dict[str, list[str]] = {}
    for field, cell in zip(header, cells, strict=False):
        if field and (text := _plain(cell)):
            found.setdefault(field, []).append(text)
    card = _card(found)
    shown = card.name or " ".join(filter(None, map(str.strip, cells)))[:80]
    if not card.name:
        return Row(number, None, "empty", shown)
    if any(not _is_address(email.text) for email in card.emails):
        return Row(number, None, "address", shown)
    return Row(number, card, "", shown)


def _is_address(text: str) -> bool:
    local, at, domain = text.rpartition("@")
    return bool(at and local and "." in domain) and text.isprintable() and " " not in text


def _card(found: Mapping[str, list[str]]) -> Card:
    def text(field: str) -> str:
        return " ".join(" ".join(found.get(field, ())).split())[:MAX_TEXT]

    emails = [Value(address.strip()) for cell in found.get("email", ()) for address in cell.split(" ::: ")]
    phones = [Value(number, field[4:]) for field in found if field.startswith("tel:") for number in found[field]]
    places = [_place(found, kind, f":{kind}") for kind in (WORK, HOME)]
    for number in "123456789":
        kind = _kind(text(f"email-kind{number}"))
        emails += [
            Value(address.strip(), kind) for cell in found.get(f"email{number}", ()) for address in cell.split(" ::: ")
        ]
        kind = _kind(text(f"phone-kind{number}"))
        phones += [
            Value(phone.strip(), kind) for cell in found.get(f"phone{number}", ()) for phone in cell.split(" ::: ")
        ]
        places.append(_place(found, _kind(text(f"place-kind{number}")), number))
    labels = (label.strip(" *") for cell in found.get("categories", ()) for label in re.split(r" ::: |[;,]", cell))
    given, family = text("given"), text("family")
    return Card(
        full_name=text("full_name") or " ".join(filter(None, (given, family))),
        family=family,
        given=given,
        additional=text("additional"),
        prefix=text("prefix"),
        suffix=text("suffix"),
        nickname=text("nickname"),
        organisation=text("organisation"),
        unit=text("unit"),
        title=text("title"),
        emails=_once(emails),
        phones=_once(phones),
        places=tuple(filter(None, places)),
        sites=tuple(Value(site[:MAX_TEXT]) for site in found.get("url", ())),
        birthday=_birthday(text("birthday")),
        categories=tuple(
            dict.fromkeys(label[:MAX_TEXT] for label in labels if label and label.casefold() != "mycontacts")
        ),
        note="\n".join(found.get("note", ()))[:MAX_NOTE],
    )


def _place(found: Mapping[str, list[str]], kind: str, ending: str) -> Place:
    street, code, city, country = (
        "\n".join(found.get(part + ending, ()))[:MAX_TEXT] for part in ("street", "code", "city", "country")
    )
    return Place(street, city, code, country, kind=kind)


def _once(values: Iterable[Value]) -> tuple[Value, ...]:
    kept: dict[str, Value] = {}
    for value in values:
        if value.text:
            kept.setdefault(value.text.casefold(), Value(value.text[:MAX_TEXT], value.kind))
    return tuple(kept.values())


def _kind(label: str) -> str:
    folded = search_key(label)
    return next((kind for kind, words in _KIND_WORDS if any(word in folded for word in words)), OTHER)


def _birthday(text: str) -> str:
    french = _FRENCH_DATE.fullmatch(text)
    return birthday(f"{french[3]}-{int(french[2]):02}-{int(french[1]):02}" if french is not None else text)
