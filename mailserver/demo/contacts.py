"""Address books of the demo: colleagues, parents, the school's suppliers."""

from collections.abc import Mapping

from mailserver.demo import people
from mailserver.demo.delivery import Person
from mailserver.model.identity import Role

PHONES = {
    "nbenali": "06 39 98 20 14",
    "fkaci": "06 39 98 77 31",
    "smercier": "06 39 98 41 72",
    "horizons": "03 53 01 88 40",
    "musee": "03 53 01 17 05",
    "gallia": "03 53 01 62 93",
    "theatre": "03 53 01 30 30",
    "rleroy": "03 53 01 42 10",
    "pgirard": "03 53 01 42 12",
    "ilambert": "03 53 01 42 11",
}
"""All from the ranges the regulator keeps for fiction."""

BOOKS: Mapping[str, str] = {
    "edupont": "mmartin sbernard cmoreau jpetit nrousseau rleroy pgirard nbenali smercier horizons college_kent musee",
    "mmartin": "edupont sbernard khaddad pgirard aleclerc ilambert smercier fkaci nbenali",
    "skaci": "ibenali lfontaine mmartin edupont",
    "rleroy": "ilambert pgirard vroux gallia theatre musee nbenali fkaci smercier",
    "admin": "orenaud ilambert hchevalier mdubois veille",
}

_CATEGORIES = {"nbenali": "Parents", "smercier": "Parents", "fkaci": "Parents"}


def card(key: str, persons: Mapping[str, Person]) -> str:
    """One vCard (RFC 2426)."""
    if key in persons:
        known = next(
            (person for person in people.PEOPLE if persons[key].correspondent.name.endswith(person.surname)), None
        )
        name, address = persons[key].correspondent
        organisation = people.school_name(known.uai) if known is not None else people.ACADEMY
        title = "Élève" if known is not None and known.role is Role.PUPIL else known.discipline if known else ""
    else:
        name, address = people.ELSEWHERE[key]
        organisation, title = ("", "") if key in _CATEGORIES or key == "college_kent" else (name, "")
    given, _, surname = name.partition(" ")
    lines = ["BEGIN:VCARD", "VERSION:3.0", f"UID:{key}@contacts.demo", f"FN:{_escape(name)}"]
    lines.append(
        f"N:{_escape(surname)};{_escape(given)};;;" if not organisation or key in persons else f"N:{_escape(name)};;;;"
    )
    lines.append(f"EMAIL;TYPE=INTERNET:{address}")
    if key in PHONES:
        lines.append(f"TEL;TYPE={'CELL' if PHONES[key].startswith('06') else 'WORK'}:{PHONES[key]}")
    if organisation:
        lines.append(f"ORG:{_escape(organisation)}")
    if title:
        lines.append(f"TITLE:{_escape(title)}")
    if key in _CATEGORIES:
        lines.append(f"CATEGORIES:{_CATEGORIES[key]}")
    return "\r\n".join((*lines, "END:VCARD", ""))


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace(",", "\\,").replace(";", "\\;")
