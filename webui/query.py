"""What people type into the search field -> `mailserver.criteria`, in French and English words.

    de:dupont objet:"conseil de classe" avant:2026-11-01 est:nonlu a:pj -brouillon

Fields: de/from, à/to, cc, objet/subject, texte/body, dossier/in, avant/before, après/since, le/on, taille> and taille<
(10k, 2m), est/is (nonlu, lu, suivi, répondu), a/has (pj), étiquette/tag. A leading `-` excludes. Words without a
field are looked for everywhere. Nothing typed is an error: what is not understood is a word to look for.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from mailserver.criteria import (
    And,
    Body,
    Criterion,
    Flag,
    HasAttachment,
    Header,
    Larger,
    Not,
    Or,
    Received,
    Relation,
    Smaller,
    Text,
)
from mailserver.folding import strip_marks

MAX_QUERY = 300
MAX_TERMS = 30

_TERM = re.compile(
    r"(?P<minus>-?)(?:(?P<field>[\w]{1,12})(?P<sign>[:<>]))?(?:\"(?P<quoted>[^\"]*+)\"?|(?P<word>[^\s\"]++))"
)


@dataclass(frozen=True, slots=True)
class Query:
    """A search: what must hold, and the name of the folder it is limited to."""

    criterion: Criterion
    folder: str = ""
    words: tuple[str, ...] = ()
    """Plain words, to mark in results."""

    @property
    def is_empty(self) -> bool:
        return self.criterion == And(())


def parse(text: str) -> Query:
    """Read a search. Never raises."""
    terms: list[Criterion] = []
    words: list[str] = []
    folder = ""
    for count, found in enumerate(_TERM.finditer(text[:MAX_QUERY].replace("\0", ""))):
        if count >= MAX_TERMS:
            break
        value = found["quoted"] if found["quoted"] is not None else found["word"]
        field = strip_marks(found["field"] or "").casefold()
        if field in ("dossier", "in", "folder") and value:
            folder = value
            continue
        term = _term(field, found["sign"] or "", value)
        if term is None and not value:
            continue
        if term is None:
            whole = found.group().removeprefix("-")
            term = Text(whole if found["quoted"] is None else value)
            if not found["minus"]:
                words.append(value if found["quoted"] is not None else whole)
        terms.append(Not(term) if found["minus"] else term)
    return Query(And(tuple(terms)), folder, tuple(words))


def _term(field: str, sign: str, value: str) -> Criterion | None:
    """The criterion of a field and value; None when it is only a word."""
    if not value:
        return None
    if field in ("taille", "size"):
        octets = _octets(value)
        if octets is None:
            return None
        return Smaller(octets) if sign == "<" else Larger(octets)
    if sign != ":":
        return None
    if field in _TEXTS:
        return _TEXTS[field](value)
    if field in _DAYS:
        day = _day(value)
        return Received(_DAYS[field], day) if day else None
    return _states().get((field, strip_marks(value).casefold().replace("-", "")))


_TEXTS: dict[str, Callable[[str], Criterion]] = {
    "de": lambda value: Header("From", value),
    "from": lambda value: Header("From", value),
    "a": lambda value: HasAttachment() if value.casefold() == "pj" else _to(value),
    "to": lambda value: _to(value),
    "cc": lambda value: Header("Cc", value),
    "objet": lambda value: Header("Subject", value),
    "subject": lambda value: Header("Subject", value),
    "texte": Body,
    "body": Body,
    "text": Body,
    "liste": lambda value: Header("List-Id", value),
    "list": lambda value: Header("List-Id", value),
    "etiquette": Flag,
    "tag": Flag,
}
_DAYS = {
    "avant": Relation.BEFORE,
    "before": Relation.BEFORE,
    "apres": Relation.SINCE,
    "depuis": Relation.SINCE,
    "after": Relation.SINCE,
    "since": Relation.SINCE,
    "le": Relation.ON,
    "on": Relation.ON,
}


def _to(value: str) -> Criterion:
    return Or((Header("To", value), Header("Cc", value)))


def _states() -> dict[tuple[str, str], Criterion]:
    seen, flagged, answered = Flag("\\Seen"), Flag("\\Flagged"), Flag("\\Answered")
    french: dict[str, Criterion] = {"nonlu": Not(seen), "lu": seen, "suivi": flagged, "repondu": answered}
    english: dict[str, Criterion] = {"unread": Not(seen), "read": seen, "flagged": flagged, "answered": answered}
    states: dict[tuple[str, str], Criterion] = {("est", name): term for name, term in french.items()}
    states.update({("is", name): term for name, term in english.items()})
    states.update(
        {("has", "attachment"): HasAttachment(), ("a", "pj"): HasAttachment(), ("pj", "oui"): HasAttachment()}
    )
    return states


def _day(value: str) -> date | None:
    """`2026-11-24`, `24/11/2026`, `24/11/26`, `11/2026` or `2026`."""
    numbers = [int(piece) for piece in re.findall(r"[0-9]{1,4}", value)[:3]]
    if re.match(r"[0-9]{4}", value):
        year, month, day = (*numbers, 1, 1)[:3]
    elif len(numbers) == 2:
        (month, year), day = numbers, 1
    elif len(numbers) == 3:
        day, month, year = numbers
    else:
        return None
    try:
        return date(year + 2000 if year < 100 else year, month, day)
    except ValueError:
        return None


def _octets(value: str) -> int | None:
    found = re.fullmatch(r"([0-9]{1,6})\s*([kmg]?)[ob]?", value.casefold())
    if not found:
        return None
    return int(found[1]) * {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}[found[2]]


def compose(**fields: str) -> str:
    """The search that the form beside the field describes."""
    written = []
    for name, value in fields.items():
        value = value.strip().replace('"', "")
        if not value:
            continue
        if name == "mots":
            written.append(value)
        elif name in ("a_pj", "nonlu"):
            written.append("a:pj" if name == "a_pj" else "est:nonlu")
        else:
            written.append(f'{name}:"{value}"' if " " in value else f"{name}:{value}")
    return " ".join(written)[:MAX_QUERY]
