"""The language in which a living list says whom it is made of. Pure: text to a frozen value, and back.

    role=teacher uai=0210006T discipline~math*
    role=secretariat kind=lycee
    class="4e B"@0210006T (role=pupil or role=teacher)
    function=DIR department=021,058 not kind=ecole

Grammar (keywords in any case, French or English):

    query = all *( ("or" | "ou") all )
    all   = one *( [ "and" | "et" ] one )
    one   = ( "not" | "non" ) one | "(" query ")" | term
    term  = field ( "=" | "~" ) value *( "," value ) [ "@" UAI ]

Fields: `role` (teacher, staff, pupil, secretariat, admin), `population` (pupil, teacher, staff), `uai`, `department`
(the first three characters of the UAI), `kind` of school, `function`, `discipline`, `class`, `group`. `=` compares with
the code or the whole label, `~` with a pattern in which `*` stands for anything; without `*` it asks whether the text
is contained. Several values: any of them. `@UAI` binds a function, discipline, class or group to one school; beside a
`uai=` in the same `all`, classes, groups and functions are those of that school.
Text compares without case and accents. What holds spaces, quotes, brackets or the signs above stands in double quotes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from mailserver.model.errors import BadSyntax
from mailserver.model.folding import search_key
from mailserver.model.identity import Population, Role

MAX_TEXT = 2000
"""Characters of a query."""
MAX_TERMS = 50
MAX_VALUES = 50
"""Of one term."""
MAX_DEPTH = 10
"""Parentheses and negations within one another."""
MAX_VALUE = 120


class Subject(StrEnum):
    """What a term asks about."""

    ROLE = "role"
    POPULATION = "population"
    SCHOOL = "uai"
    DEPARTMENT = "department"
    KIND = "kind"
    FUNCTION = "function"
    DISCIPLINE = "discipline"
    CLASS = "class"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Term:
    """One of the values holds. `like`: they are patterns. `uai`: only at this school."""

    subject: Subject
    values: tuple[str, ...]
    like: bool = False
    uai: str = ""


@dataclass(frozen=True, slots=True)
class Every:
    """All of them hold."""

    parts: tuple["Selection", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of them holds."""

    parts: tuple["Selection", ...]


@dataclass(frozen=True, slots=True)
class Without:
    """It does not hold."""

    part: "Selection"


Selection = Term | Every | AnyOf | Without

_NAMES = {
    **{subject.value: subject for subject in Subject},
    "etablissement": Subject.SCHOOL,
    "school": Subject.SCHOOL,
    "departement": Subject.DEPARTMENT,
    "nature": Subject.KIND,
    "fonction": Subject.FUNCTION,
    "matiere": Subject.DISCIPLINE,
    "classe": Subject.CLASS,
    "groupe": Subject.GROUP,
}
_ROLES = {
    **{role.value: role.value for role in Role},
    "enseignant": Role.TEACHER.value,
    "personnel": Role.STAFF.value,
    "eleve": Role.PUPIL.value,
    "secretaire": Role.SECRETARIAT.value,
    "administrateur": Role.ADMIN.value,
}
_POPULATIONS = {
    **{population.value: population.value for population in Population if population is not Population.OUTSIDE},
    "enseignant": Population.TEACHER.value,
    "personnel": Population.STAFF.value,
    "eleve": Population.PUPIL.value,
}
_AND, _OR, _NOT = ("and", "et"), ("or", "ou"), ("not", "non")
BOUND = frozenset({Subject.FUNCTION, Subject.DISCIPLINE, Subject.CLASS, Subject.GROUP})
"""What `@UAI` may follow."""
_EXACT = frozenset({Subject.ROLE, Subject.POPULATION, Subject.SCHOOL, Subject.DEPARTMENT, Subject.KIND})
"""What no pattern is compared with."""
_TOKEN = re.compile(r'\s*+(?:([()=~,@])|"((?:[^"\\]|\\["\\])*+)"|([^\s()=~,@"]++))')
_CORSICA = {"2A": "620", "2B": "720"}
_UAI = re.compile(r"[0-9]{7}[A-Z]")
_PLAIN = re.compile(r'[^\s()=~,@"\\]+')


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    is_sign: bool = False
    is_quoted: bool = False

    def is_word(self, words: tuple[str, ...]) -> bool:
        return not self.is_sign and not self.is_quoted and self.text.casefold() in words


_END = _Token("", is_sign=True)


def parse(text: str) -> Selection:
    """Read a query. Raises BadSyntax, saying what is wrong."""
    if len(text) > MAX_TEXT:
        raise BadSyntax(f"A query has at most {MAX_TEXT} characters")
    parser = _Parser(list(_tokens(text)))
    found = parser.query(0)
    if parser.here is not _END:
        raise BadSyntax(f"Unexpected {parser.here.text!r}")
    return found


def _tokens(text: str) -> Iterator[_Token]:
    text = text.rstrip()
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise BadSyntax(f"Unexpected {text[at:].strip()[:20]!r}")
        at = found.end()
        sign, quoted, word = found.groups()
        if sign is not None:
            yield _Token(sign, is_sign=True)
        elif quoted is not None:
            yield _Token(re.sub(r"\\(.)", r"\1", quoted), is_quoted=True)
        else:
            yield _Token(word)


class _Parser:
    """Recursive descent over the tokens, bounded in depth and number."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._terms = 0

    @property
    def here(self) -> _Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else _END

    def _take(self) -> _Token:
        token = self.here
        self._at += 1
        return token

    def _sign(self, *signs: str) -> str:
        """The sign that stands here, if it is one of these; it is taken."""
        token = self.here
        if token.is_sign and token is not _END and token.text in signs:
            self._at += 1
            return token.text
        return ""

    def query(self, depth: int) -> Selection:
        parts = [self._every(depth)]
        while self.here.is_word(_OR):
            self._take()
            parts.append(self._every(depth))
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _every(self, depth: int) -> Selection:
        parts = [self._one(depth)]
        while not self.here.is_word(_OR) and not (self.here.is_sign and self.here.text in ("", ")")):
            if self.here.is_word(_AND):
                self._take()
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _one(self, depth: int) -> Selection:
        if depth > MAX_DEPTH:
            raise BadSyntax("The query is nested too deeply")
        if self.here.is_word(_NOT):
            self._take()
            return Without(self._one(depth + 1))
        if self._sign("("):
            inside = self.query(depth + 1)
            if not self._sign(")"):
                raise BadSyntax("A closing bracket is missing")
            return inside
        return self._term()

    def _term(self) -> Term:
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise BadSyntax(f"A query has at most {MAX_TERMS} conditions")
        name = self._take()
        if name.is_sign or name.is_quoted:
            raise BadSyntax(f"A field is expected, not {name.text!r}" if name.text else "The query ends too early")
        subject = _NAMES.get(search_key(name.text))
        if subject is None:
            raise BadSyntax(f"Unknown field {name.text!r}; known: {', '.join(Subject)}")
        sign = self._sign("=", "~")
        if not sign:
            raise BadSyntax(f"After {name.text!r} comes = or ~")
        if sign == "~" and subject in _EXACT:
            raise BadSyntax(f"{name.text!r} is compared with =")
        values = [self._value(subject)]
        while self._sign(","):
            values.append(self._value(subject))
        if len(values) > MAX_VALUES:
            raise BadSyntax(f"A condition has at most {MAX_VALUES} values")
        uai = self._school(subject)
        return Term(subject, tuple(dict.fromkeys(values)), sign == "~", uai)

    def _value(self, subject: Subject) -> str:
        token = self._take()
        text = " ".join(token.text.split())
        if token.is_sign or not text:
            raise BadSyntax("A value is missing")
        if len(text) > MAX_VALUE or not text.isprintable():
            raise BadSyntax("A value is too long or cannot be printed")
        return _checked(subject, text)

    def _school(self, subject: Subject) -> str:
        if not self._sign("@"):
            return ""
        if subject not in BOUND:
            raise BadSyntax(f"{subject.value} is not bound to a school by @")
        return _checked(Subject.SCHOOL, self._take().text)


def _checked(subject: Subject, text: str) -> str:
    """A value in its one form. Raises BadSyntax."""
    match subject:
        case Subject.ROLE | Subject.POPULATION:
            known = _ROLES if subject is Subject.ROLE else _POPULATIONS
            key = search_key(text)
            value = known.get(key) or known.get(key.removesuffix("s"))
            if value is None:
                raise BadSyntax(f"Unknown {subject.value} {text!r}; known: {', '.join(dict.fromkeys(known.values()))}")
            return value
        case Subject.SCHOOL:
            if not _UAI.fullmatch(text.upper()):
                raise BadSyntax(f"{text!r} is not a UAI code")
            return text.upper()
        case Subject.DEPARTMENT:
            number = _CORSICA.get(text.upper(), text.zfill(3))
            if not re.fullmatch(r"[0-9]{3}", number):
                raise BadSyntax(f"{text!r} is not a department (the first three characters of its UAI codes)")
            return number
        case _:
            return text


def write(selection: Selection) -> str:
    """The query as text in its one form: what `parse` reads back to the same value."""
    return _written(selection, top=True)


def _written(selection: Selection, *, top: bool = False) -> str:
    match selection:
        case Term(subject, values, like, uai):
            place = f"@{uai}" if uai else ""
            return f"{subject.value}{'~' if like else '='}{','.join(map(_quoted, values))}{place}"
        case Without(part):
            return f"not {_written(part)}"
        case Every(parts):
            text = " ".join(_written(part) for part in parts)
        case AnyOf(parts):
            text = " or ".join(_written(part) for part in parts)
    return text if top else f"({text})"


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
