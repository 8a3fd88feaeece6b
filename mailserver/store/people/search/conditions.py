"""Conditions on people's entries as frozen values, and their translation to SQL.

The language of LDAP's filters and of the address book. Truth has three values, as in RFC 4511 section
4.5.1.7 and as in SQL: `Undefined` becomes NULL, so AND, OR and NOT agree without further rules.
Whoever builds conditions bounds their number and depth.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, func, literal, not_, null, or_, select, true

from mailserver.model.folding import code_key, fold_login, search_key
from mailserver.model.identity import Role, State, Tie
from mailserver.model.visibility import Viewer
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.base import CodePoints, Key
from mailserver.store.schema.people.entries import affiliation, claim, person

LAST = "\U0010ffff"
"""Sorts after every character: the end of a prefix's range."""


class Field(Enum):
    """What a condition may ask of an entry. Text compares folded; numbers are seconds since the epoch."""

    LOGIN = "login"
    ADDRESS = "address"
    """Any address that delivers to the person."""
    PRIMARY_ADDRESS = "primary-address"
    GIVEN_NAME = "given-name"
    SURNAME = "surname"
    NAME = "name"
    """Given name and surname."""
    SHOWN_NAME = "shown-name"
    """The display name and the common names that were given, together; only whether they contain something."""
    ROLE = "role"
    UAI = "uai"
    """The main school."""
    DISCIPLINE = "discipline"
    STATE = "state"
    HIDDEN = "hidden"
    ACCOUNT_ID = "account-id"
    CREATED = "created"
    MODIFIED = "modified"
    TITLE = "title"
    CODE = "code"
    """Of a term of the vocabulary; people have none."""
    EXPIRES = "expires"
    """When the account closes; 0: no day is set."""
    EXTRA = "extra"
    """Further attributes; only whether there are any."""


_HANDLES = frozenset({Field.LOGIN, Field.ADDRESS, Field.PRIMARY_ADDRESS})
_NUMBERS = {Field.HIDDEN, Field.ACCOUNT_ID, Field.CREATED, Field.MODIFIED, Field.EXPIRES}
_OPTIONAL_NUMBERS = {Field.EXPIRES}
Columns = Mapping[Field, ColumnElement[Any]]
_COLUMNS: Columns = {
    Field.LOGIN: account.c.login,
    Field.PRIMARY_ADDRESS: person.c.address,
    Field.GIVEN_NAME: person.c.given_key,
    Field.SURNAME: person.c.surname_key,
    Field.NAME: person.c.name_key,
    Field.SHOWN_NAME: person.c.shown_key,
    Field.ROLE: person.c.role,
    Field.UAI: person.c.uai,
    Field.DISCIPLINE: person.c.discipline_key,
    Field.STATE: account.c.state,
    Field.HIDDEN: person.c.hidden,
    Field.ACCOUNT_ID: account.c.id,
    Field.CREATED: person.c.created,
    Field.MODIFIED: person.c.modified,
    Field.EXPIRES: account.c.close_at,
    Field.EXTRA: person.c.extra,
    Field.TITLE: func.lower(person.c.title),
}


@dataclass(frozen=True, slots=True)
class Everything:
    """True of every entry."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """False of every entry."""


@dataclass(frozen=True, slots=True)
class Undefined:
    """Neither true nor false: an attribute or rule nobody knows."""


@dataclass(frozen=True, slots=True)
class Equals:
    field: Field
    value: str


@dataclass(frozen=True, slots=True)
class Contains:
    """`initial*middle*middle*final`; empty pieces match anything."""

    field: Field
    initial: str = ""
    middle: tuple[str, ...] = ()
    final: str = ""


@dataclass(frozen=True, slots=True)
class Present:
    field: Field


@dataclass(frozen=True, slots=True)
class AtLeast:
    field: Field
    value: str


@dataclass(frozen=True, slots=True)
class AtMost:
    field: Field
    value: str


@dataclass(frozen=True, slots=True)
class Tied:
    """An affiliation of a kind: of any code or a given one (`prefix`: that begins so), anywhere or at one school."""

    kind: Tie
    code: str = ""
    uai: str = ""
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class AtSchool:
    """The main school, or one of an affiliation, is this one (`Field.UAI`)."""

    test: Equals | Contains


def at_school(uai: str) -> AtSchool:
    """The people of one school."""
    return AtSchool(Equals(Field.UAI, uai))


@dataclass(frozen=True, slots=True)
class All:
    """Every one holds; of none: true."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """One at least holds; of none: false."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Negation:
    condition: "Condition"


Condition = (
    Everything
    | Nothing
    | Undefined
    | Equals
    | Contains
    | Present
    | AtLeast
    | AtMost
    | Tied
    | AtSchool
    | All
    | Some
    | Negation
)

_NOT_HIDDEN = Equals(Field.HIDDEN, "0")
_NOT_CLOSED = Negation(Equals(Field.STATE, State.CLOSED.value))
_PUPIL = Equals(Field.ROLE, Role.PUPIL.value)


def visible(who: Viewer) -> Condition:
    """Of whom a viewer may know: `visibility.sees` for the database."""
    if who.sees_all:
        return Everything()
    parts: list[Condition] = [_NOT_HIDDEN, _NOT_CLOSED]
    if not who.service:
        parts.append(Some((Negation(_PUPIL), *map(at_school, sorted(who.guards)))))
    shown = All(tuple(parts))
    return Some((shown, Equals(Field.ACCOUNT_ID, str(who.account_id)))) if who.account_id else shown


def named(piece: str) -> Condition:
    """People with a piece of text in their names, or in the names that they are shown under."""
    return Some((Contains(Field.NAME, middle=(piece,)), Contains(Field.SHOWN_NAME, middle=(piece,))))


def both(one: Condition, other: Condition) -> Condition:
    """Both hold; what is always true is left out."""
    kept = tuple(part for part in (one, other) if not isinstance(part, Everything))
    return All(kept) if len(kept) > 1 else kept[0] if kept else Everything()


def clause(condition: Condition, columns: Columns = _COLUMNS) -> ColumnElement[bool]:
    """The SQL of a condition over `person` joined with `account`, or over other columns that say the same.

    Where there is no column to ask, nothing is ruled out.
    """
    match condition:
        case Everything():
            return true()
        case Nothing():
            return false()
        case Undefined():
            return null() == literal(1)
        case All(conditions):
            return and_(true(), *(clause(inner, columns) for inner in conditions))
        case Some(conditions):
            return or_(false(), *(clause(inner, columns) for inner in conditions))
        case Negation(inner):
            return not_(clause(inner, columns))
        case Tied():
            return account.c.id.in_(select(affiliation.c.account_id).where(*_tie(condition)))
        case AtSchool(test):
            kinds = affiliation.c.kind.in_([tie.value for tie in Tie])
            ties = select(affiliation.c.account_id).where(kinds, _comparison(affiliation.c.uai, test))
            return or_(_comparison(person.c.uai, test), account.c.id.in_(ties))
        case Equals(Field.ADDRESS) | Contains(Field.ADDRESS) | AtLeast(Field.ADDRESS) | AtMost(Field.ADDRESS):
            return _any_address(condition)
        case Present(Field.ADDRESS):
            return true()
        case _ if condition.field not in columns:
            return true()
        case Present(field) if field in _OPTIONAL_NUMBERS:
            return columns[field] > 0
        case Present(field):
            return true() if field in _NUMBERS else columns[field] != ""
        case _:
            return _comparison(columns[condition.field], condition)


def _tie(condition: Tied) -> list[ColumnElement[bool]]:
    parts: list[ColumnElement[bool]] = [affiliation.c.kind == condition.kind.value]
    code = code_key(condition.code)
    if condition.uai:
        parts.append(affiliation.c.uai == _fold(Field.UAI, condition.uai))
    if code and condition.prefix:
        parts += [affiliation.c.code >= code, affiliation.c.code < code + LAST]
    elif code:
        parts.append(affiliation.c.code == code)
    return parts


def _any_address(condition: Equals | Contains | AtLeast | AtMost) -> ColumnElement[bool]:
    """Holds for one of the live addresses; equality and prefixes go through the key of the claims."""
    names = select(claim.c.account_id).where(
        claim.c.live == 1, claim.c.name.contains("@", autoescape=True), _comparison(claim.c.name, condition)
    )
    if isinstance(condition, Equals) or (isinstance(condition, Contains) and condition.initial):
        return account.c.id.in_(names)
    one = exists(names.where(claim.c.account_id == account.c.id))
    if not isinstance(condition, Contains):
        return one
    # A look at the entry's own row, wide enough, spares the claims of nearly everybody else.
    pieces = [_fold_piece(condition.field, piece) for piece in (*condition.middle, condition.final)]
    loose = f"%{'%'.join(map(_escape, pieces))}%"
    return and_(or_(*(column.like(loose, escape="\\") for column in (person.c.address, person.c.aliases))), one)


def _comparison(column: ColumnElement[str], condition: Equals | Contains | AtLeast | AtMost) -> ColumnElement[bool]:
    field = condition.field
    if field in _NUMBERS:
        return _number(field, column, condition)
    match condition:
        case Equals(_, value):
            return column == _fold(field, value)
        case AtLeast(_, value):
            return and_(column != "", column >= _fold(field, value))
        case AtMost(_, value):
            return and_(column != "", column <= _fold(field, value))
        case Contains(_, initial, middle, final) if field in _HANDLES and any(
            map(_is_apart, (initial, *middle, final))
        ):
            return false()
        case Contains(_, initial, middle, final):
            return _pieces(column, *(_fold_piece(field, piece) for piece in (initial, *middle, final)))


def _is_apart(piece: str) -> bool:
    """Whether there is a space within a piece: no identifier and no address has one."""
    return any(char.isspace() for char in piece.strip())


def _pieces(column: ColumnElement[str], initial: str, *others: str) -> ColumnElement[bool]:
    """LIKE with the pieces in their order; a prefix is also a range, which the index answers."""
    *middle, final = others
    escaped = [_escape(piece) for piece in (initial, *middle, final)]
    parts: list[ColumnElement[bool]] = [column != ""]
    if initial:
        ordered = column if column.type is Key else CodePoints(column)
        parts += [ordered >= initial, ordered < initial + LAST]
    if any(others) or not initial:
        parts.append(column.like("%".join(escaped), escape="\\"))
    return and_(*parts)


def _escape(piece: str) -> str:
    return piece.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _number(
    field: Field, column: ColumnElement[str], condition: Equals | Contains | AtLeast | AtMost
) -> ColumnElement[bool]:
    if isinstance(condition, Contains) or not _is_number(condition.value):
        return clause(Undefined())
    value = literal(int(condition.value))
    match condition:
        case Equals():
            return column == value
        case AtLeast():
            return column >= value
        case AtMost() if field in _OPTIONAL_NUMBERS:
            return and_(column > 0, column <= value)
        case AtMost():
            return column <= value


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18


def _fold(field: Field, value: str) -> str:
    if field in _HANDLES:
        return fold_login(value)
    if field is Field.UAI:
        return value.strip().upper()
    if field in (Field.ROLE, Field.STATE, Field.TITLE):
        return value.strip().lower()
    if field is Field.CODE:
        return code_key(value)
    return search_key(value)


def _fold_piece(field: Field, piece: str) -> str:
    """As `_fold`, keeping a space at either end: in a piece it counts."""
    folded = _fold(field, piece)
    if not folded or field in _HANDLES or field is Field.UAI:
        return folded
    return f"{' ' * piece[:1].isspace()}{folded}{' ' * piece[-1:].isspace()}"
