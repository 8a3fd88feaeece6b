"""What a person's password may not hold: the person's own names, identifier, school, numbers and birth date.

Names are known and compared as they are written; NUMEN, INE and birth date are known as keyed hashes only, so
every part of the password that may be one of them is hashed and compared.
"""

import re
from collections.abc import Iterable

from mailserver.login.passwords import dates, words
from mailserver.model.credentials.proofs import Proofs, same
from mailserver.model.folding import strip_marks
from mailserver.model.identity import Principal
from mailserver.store.account.accounts import Marks

SHORTEST = 3
"""Letters of a name that count: shorter ones are in every password."""
SHORTEST_BACKWARDS = 4
SHORTEST_OF_SCHOOL = 4
LONGEST_NAMES = 40
"""Pieces of names that are looked for."""
NUMEN_LENGTH, INE_LENGTH = 13, 11

_SPLIT = re.compile(r"[\W_]+")
_KINDS_OF_SCHOOL = frozenset({"college", "lycee", "ecole", "cite", "professionnel", "saint", "sainte", "notre", "dame"})
"""Words in the names of a thousand schools are nobody's own."""
_NUMEN = "99A9999999AAA"
"""The shape of a NUMEN: where a digit stands, where a letter."""
_INES = ("999999999AA", "9999999999A")
_TO_DIGIT = str.maketrans("OILZEASGTB", "0112345678")
_TO_LETTER = str.maketrans("0123456789", "OIZEASGTBG")


def holds(text: str, person: Principal, marks: Marks, proofs: Proofs, school: str = "") -> bool:
    """True when the password is built with the person's own data. Takes milliseconds."""
    return (
        _holds_names(text, person, school) or _holds_numbers(text, marks, proofs) or _holds_birth(text, marks, proofs)
    )


def _holds_names(text: str, person: Principal, school: str) -> bool:
    own = _own_names(person, school)
    shown = (*words.readings(text), *words.joined(text))
    backwards = [reading[::-1] for reading in words.joined(text)]
    return any(piece in reading for piece in own for reading in shown) or any(
        piece in reading for piece in own if len(piece) >= SHORTEST_BACKWARDS for reading in backwards
    )


def _own_names(person: Principal, school: str) -> set[str]:
    locals_ = [address.partition("@")[0] for address in (person.address, *person.aliases)]
    whole = f"{person.given_name} {person.surname}"
    names = [person.login, person.given_name, person.surname, whole, person.name, person.uai, *locals_]
    own = {piece for name in names[:LONGEST_NAMES] for piece in _pieces(name) if len(piece) >= SHORTEST}
    own |= {
        piece
        for piece in _SPLIT.split(words.plain(school))
        if len(piece) >= SHORTEST_OF_SCHOOL and piece not in _KINDS_OF_SCHOOL
    }
    return own


def _pieces(name: str) -> list[str]:
    seen = words.plain(name)
    return [*_SPLIT.split(seen), _SPLIT.sub("", seen)]


def _holds_numbers(text: str, marks: Marks, proofs: Proofs) -> bool:
    if marks.numen is None and marks.ine is None:
        return False
    letters = "".join(char for char in strip_marks(text).upper() if char.isalnum())
    numens = _shaped(letters, NUMEN_LENGTH, (_NUMEN,))
    ines = _shaped(letters, INE_LENGTH, _INES)
    return any(same(marks.numen, proofs.numen(numen)) for numen in numens) or any(
        same(marks.ine, proofs.ine(ine)) for ine in ines
    )


def _shaped(letters: str, length: int, shapes: Iterable[str]) -> dict[str, None]:
    """Every part of this length, as it is and as it reads where o stands for 0 and the like."""
    found: dict[str, None] = {}
    for start in range(len(letters) - length + 1):
        part = letters[start : start + length]
        found[part] = None
        for shape in shapes:
            found["".join(_read(char, kind) for char, kind in zip(part, shape, strict=True))] = None
    return found


def _read(char: str, kind: str) -> str:
    return char.translate(_TO_DIGIT if kind == "9" else _TO_LETTER)


def _holds_birth(text: str, marks: Marks, proofs: Proofs) -> bool:
    if marks.birth_date is None:
        return False
    try:
        candidates = dates.meant(text)
    except dates.TooMany:
        return True
    return any(same(marks.birth_date, proofs.birth_date(date)) for date in candidates)
