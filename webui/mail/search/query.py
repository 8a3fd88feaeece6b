"""What people type into the search field -> `mailserver.model.messages.criteria`, in French and English words.

    de:dupont objet:"conseil de classe" avant:2026-11-01 est:nonlu a:pj -brouillon

| French | English | looks at |
| --- | --- | --- |
| de: | from: | the author |
| à: | to: | To and Cc |
| cc: | cc: | Cc |
| objet: | subject: | the subject |
| texte: | text:, body: | the text, not the header |
| dossier: | in:, folder: | where it lies |
| avant:, après: (depuis:), le: | before:, after: (since:), on: | the day it came |
| taille>2m, taille<10k | size>2m, size<10k | its size |
| a:pj, pj:bulletin | has:attachment, file:report | attachments, their names |
| est:nonlu lu suivi répondu | is:unread read flagged answered | its state |
| étiquette: | tag: | a tag, by its name or keyword |
| liste: | list: | the list that brought it (List-Id) |

Quotes keep words together, a leading `-` excludes, OU (OR) between two terms wants one of them. Words without a field
are looked for everywhere. Case and accents do not matter. Nothing typed is an error: what is not understood is a word
to look for.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo

from mailserver.model.folding import strip_marks
from mailserver.model.messages.criteria import (
    And,
    AttachmentNamed,
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

MAX_QUERY = 300
MAX_TERMS = 30

_TERM = re.compile(
    r"(?P<minus>-?)(?:(?P<field>[\w]{1,12})(?P<sign>[:<>]))?(?:\"(?P<quoted>[^\"]*+)\"?|(?P<word>[^\s\"]++))"
)
_NAMES = {
    "de": ("de", "from"),
    "à": ("a", "to", "pour"),
    "cc": ("cc",),
    "objet": ("objet", "subject", "sujet"),
    "texte": ("texte", "text", "body", "corps"),
    "dossier": ("dossier", "in", "folder", "dans"),
    "avant": ("avant", "before"),
    "après": ("apres", "after", "depuis", "since"),
    "le": ("le", "on"),
    "taille": ("taille", "size"),
    "pj": ("pj", "file", "fichier", "attachment"),
    "est": ("est", "is"),
    "avec": ("has",),
    "étiquette": ("etiquette", "tag", "label"),
    "liste": ("liste", "list"),
}
_FIELDS = {spelling: name for name, spellings in _NAMES.items() for spelling in spellings}
_EITHER = ("OU", "OR")
_STATES = {
    "nonlu": ("nonlu", "unread"),
    "lu": ("lu", "read"),
    "suivi": ("suivi", "flagged"),
    "répondu": ("repondu", "answered"),
}
_SPELT_STATES = {spelling: name for name, spellings in _STATES.items() for spelling in spellings}
STATES: dict[str, Criterion] = {
    "nonlu": Not(Flag("\\Seen")),
    "lu": Flag("\\Seen"),
    "suivi": Flag("\\Flagged"),
    "répondu": Flag("\\Answered"),
}
_ATTACHED = ("pj", "attachment", "oui", "yes")
_MARKED = ("", "de", "objet", "texte", "à", "cc")
"""Fields whose words are marked in results."""


@dataclass(frozen=True, slots=True)
class Query:
    """A search: what must hold, and the name of the folder it is limited to."""

    criterion: Criterion
    folder: str = ""
    words: tuple[str, ...] = ()
    """To mark in results."""

    @property
    def is_empty(self) -> bool:
        return self.criterion == And(())


@dataclass(frozen=True, slots=True)
class _Term:
    """One term as it was typed."""

    minus: bool
    field: str
    """One of `_NAMES`; empty for a word."""
    sign: str
    value: str
    whole: str
    """The word when the field turns out to be none."""
    quoted: bool


def parse(text: str, tags: Mapping[str, str] | None = None, zone: tzinfo | None = None) -> Query:
    """Read a search. Never raises. `tags`: keyword by the folded name of a tag; `zone`: whose days are meant."""
    terms: list[Criterion] = []
    words: list[str] = []
    folder = ""
    either = False
    for term in _terms(text):
        if not term.field and not term.quoted and not term.minus and term.value in _EITHER and terms:
            either = True
            continue
        if term.field == "dossier":
            folder = term.value or folder
            continue
        criterion = _criterion(term, tags or {}, zone)
        if criterion is None:
            criterion, word = Text(term.whole), term.whole
        else:
            word = term.value if term.field in _MARKED else ""
        if word and not term.minus and not (term.field == "à" and criterion == HasAttachment()):
            words.append(word)
        criterion = Not(criterion) if term.minus else criterion
        terms[-1:] = [_one_of(terms[-1], criterion)] if either else [*terms[-1:], criterion]
        either = False
    return Query(And(tuple(terms)), folder, tuple(words))


def _one_of(one: Criterion, other: Criterion) -> Criterion:
    """`a OU b OU c` as one choice; a field that stands for a choice of two (`à:`) stays one of them."""
    return Or((*one.terms, other)) if isinstance(one, Or) and not _is_recipient(one) else Or((one, other))


def _terms(text: str) -> Iterator[_Term]:
    for count, found in enumerate(_TERM.finditer(text[:MAX_QUERY].replace("\0", ""))):
        if count >= MAX_TERMS:
            return
        quoted = found["quoted"] is not None
        value = (found["quoted"] if quoted else found["word"]).strip()
        whole = value if quoted else found.group().removeprefix("-").strip()
        if not value:
            continue
        field = _FIELDS.get(strip_marks(found["field"] or "").casefold(), "")
        if found["sign"] and found["sign"] != ":" and field != "taille":
            field = ""
        yield _Term(bool(found["minus"]), field, found["sign"] or "", value, whole, quoted)


def _criterion(term: _Term, tags: Mapping[str, str], zone: tzinfo | None = None) -> Criterion | None:
    """The criterion of a field and value; None when it is only a word."""
    value = term.value
    match term.field:
        case "taille":
            return _size(term)
        case "avant" | "après" | "le":
            day = _day(value)
            return Received(_DAYS[term.field], day, zone) if day else None
        case "est" | "avec":
            spelt = strip_marks(value).casefold().replace("-", "").replace(" ", "")
            if term.field == "est" and spelt in _SPELT_STATES:
                return STATES[_SPELT_STATES[spelt]]
            return HasAttachment() if spelt in _ATTACHED else None
        case "étiquette":
            return Flag(tags.get(strip_marks(value).casefold(), value))
        case "à" | "pj" if value.casefold() in _ATTACHED[:1] or (term.field == "pj" and value.casefold() in _ATTACHED):
            return HasAttachment()
        case field if field in _TEXTS:
            return _TEXTS[field](value)
    return None


_TEXTS: dict[str, Callable[[str], Criterion]] = {
    "de": lambda value: Header("From", value),
    "à": lambda value: Or((Header("To", value), Header("Cc", value))),
    "cc": lambda value: Header("Cc", value),
    "objet": lambda value: Header("Subject", value),
    "texte": Body,
    "liste": lambda value: Header("List-Id", value),
    "pj": lambda value: And((HasAttachment(), Body(value), AttachmentNamed(value))),
}
_DAYS = {"avant": Relation.BEFORE, "après": Relation.SINCE, "le": Relation.ON}


def _is_recipient(criterion: Or) -> bool:
    return all(isinstance(term, Header) for term in criterion.terms) and {
        term.field for term in criterion.terms if isinstance(term, Header)
    } == {"To", "Cc"}


def _size(term: _Term) -> Criterion | None:
    octets = _octets(term.value)
    if octets is None:
        return None
    return Smaller(octets) if term.sign == "<" else Larger(octets)


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


# ---------------------------------------------------------------------- the form beside the field

FORM = ("mots", "de", "à", "cc", "objet", "texte", "après", "avant", "pj", "a_pj", "est", "étiquette", "taille", "sans")
"""The form's fields, in the order in which they are written."""
_PLAIN = ("de", "à", "cc", "objet", "texte", "pj", "étiquette", "après", "avant")


def compose(fields: Mapping[str, str]) -> str:
    """The search that the form beside the field describes."""
    written = []
    for name in FORM:
        value = " ".join(fields.get(name, "").replace('"', " ").split())
        if not value:
            continue
        match name:
            case "mots":
                written.append(fields[name].strip())
            case "a_pj":
                written.append("a:pj")
            case "taille":
                written.append(f"taille>{value}".replace(" ", ""))
            case "sans":
                written.extend(f"-{word}" for word in value.split())
            case _:
                written.append(f'{name}:"{value}"' if " " in value else f"{name}:{value}")
    return " ".join(written)[:MAX_QUERY]


def described(text: str) -> dict[str, str]:
    """The form's fields for a search; what the form has no field for stays among the words."""
    fields: dict[str, str] = {}
    words: Sequence[str] = ()
    for term in _terms(text):
        name, value = term.field, term.value
        if _criterion(term, {}) is None:
            name = ""
        if name in ("est", "avec", "à") and _criterion(term, {}) == HasAttachment():
            name, value = "a_pj", "oui"
        elif name == "est":
            value = _SPELT_STATES[strip_marks(value).casefold().replace("-", "").replace(" ", "")]
        elif name in ("avant", "après") and (day := _day(value)):
            value = day.isoformat()
        if term.minus and not term.field and not term.quoted:
            fields["sans"] = f"{fields.get('sans', '')} {value}".strip()
        elif term.minus or name in fields or name not in (*_PLAIN, "a_pj", "est", "taille") or _is_smaller(term):
            words = (*words, _written(term))
        else:
            fields[name] = value
    if words:
        fields["mots"] = " ".join(words)
    return fields


def _is_smaller(term: _Term) -> bool:
    return term.field == "taille" and term.sign == "<"


def _written(term: _Term) -> str:
    """The term as it is typed."""
    minus = "-" if term.minus else ""
    if not term.quoted:
        return minus + term.whole
    name = f"{term.field}{term.sign}" if term.field else ""
    return f'{minus}{name}"{term.value}"'
