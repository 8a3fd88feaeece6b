"""Lists that are there without being made: living lists of every school and class, known by the form of their name.

    personnels.<uai>@            everybody who works at the school
    enseignants.<uai>@           its teachers
    eleves.<uai>@                its pupils
    secretariat.<uai>@           its secretariat
    direction.<uai>@             its head and deputies
    <classe>.<uai>@              the pupils of a class or group; written without blanks and accents: `4e-b.0210006t@`
    enseignants.<classe>.<uai>@  its teachers

The setting `[lists] standing` turns them on and off, `[lists] standing_writers` says who may write to them. A list
that somebody made under such an address comes first.
"""

import re
from collections.abc import Iterator

from mailserver.model.folding import search_key
from mailserver.model.identity import Role, Tie
from mailserver.model.selection import Every, Selection, Subject, Term, Without
from mailserver.store.engine.statements import Tx
from mailserver.store.people import schools, vocabulary_entries

_FORM = re.compile(r"([a-z0-9-]{1,64})(?:\.([a-z0-9-]{1,64}))?\.([0-9]{7}[a-z])")
_TEACHERS = "enseignants"
_PUPILS = Term(Subject.ROLE, (Role.PUPIL.value,))
GROUPS: dict[str, tuple[str, Selection]] = {
    "personnels": ("Personnels", Without(_PUPILS)),
    _TEACHERS: ("Enseignants", Term(Subject.ROLE, (Role.TEACHER.value,))),
    "eleves": ("Élèves", _PUPILS),
    "secretariat": ("Secrétariat", Term(Subject.ROLE, (Role.SECRETARIAT.value,))),
    "direction": ("Direction", Term(Subject.FUNCTION, ("DIR",))),
}


def find(tx: Tx, local: str) -> tuple[str, Selection] | None:
    """The name and the people of the list with this local part; None: no such school or class."""
    found = _FORM.fullmatch(local)
    if found is None:
        return None
    first, second, uai = found[1], found[2], found[3].upper()
    school = schools.get(tx, uai)
    if school is None:
        return None
    place = school.name or uai
    at_school = Term(Subject.SCHOOL, (uai,))
    if second is None and first in GROUPS:
        name, who = GROUPS[first]
        return f"{name}, {place}", Every((who, at_school))
    if second is not None and first != _TEACHERS:
        return None
    wanted = second or first
    for kind, subject in ((Tie.CLASS, Subject.CLASS), (Tie.GROUP, Subject.GROUP)):
        for term in vocabulary_entries.listing(tx, kind, uai):
            if wanted in slugs(term.code, term.label):
                who = Term(subject, (term.code,), uai=uai)
                role = Term(Subject.ROLE, (Role.TEACHER.value,)) if second else _PUPILS
                name = f"Enseignants de {term.name}" if second else term.name
                return f"{name}, {place}", Every((who, role))
    return None


def of_school(tx: Tx, uai: str) -> list[tuple[str, str]]:
    """Every one of a school's lists: its local part and its name."""
    school = schools.get(tx, uai)
    if school is None:
        return []
    place, ending = school.name or school.uai, school.uai.lower()
    found = [(f"{local}.{ending}", f"{name}, {place}") for local, (name, _) in GROUPS.items()]
    for kind in (Tie.CLASS, Tie.GROUP):
        for term in vocabulary_entries.listing(tx, kind, school.uai):
            slug = next(filter(None, slugs(term.label, term.code)), "")
            if slug and slug not in GROUPS:
                found.append((f"{slug}.{ending}", f"{term.name}, {place}"))
                found.append((f"{_TEACHERS}.{slug}.{ending}", f"Enseignants de {term.name}, {place}"))
    return found


def slugs(*texts: str) -> Iterator[str]:
    """How a class is written in an address."""
    return (re.sub(r"[^a-z0-9]+", "-", search_key(text)).strip("-") for text in texts if text)
