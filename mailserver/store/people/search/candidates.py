"""Which people a condition may hold of, where the words' index or a short list of some column can tell.

The answer is wider than the condition, never narrower; None: nothing short of looking at everybody tells. A
condition that many people satisfy needs no help: the first page of them is soon full.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from sqlalchemy import Select, bindparam, literal, literal_column, select

from mailserver.model.folding import code_key, fold_login
from mailserver.model.identity import Role, Tie
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.people.search import words
from mailserver.store.people.search.conditions import (
    All,
    AtLeast,
    AtSchool,
    Condition,
    Contains,
    Equals,
    Field,
    Nothing,
    Present,
    Some,
    Tied,
    Undefined,
    clause,
)
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.people.entries import affiliation, claim, person

ENOUGH = 200
"""So few people are looked at sooner than another index is asked."""
MAX_PEOPLE = words.MAX_PEOPLE

_NAMES = frozenset({Field.NAME, Field.SHOWN_NAME, Field.SURNAME, Field.GIVEN_NAME})
_ADDRESSES = frozenset({Field.ADDRESS, Field.PRIMARY_ADDRESS})
_COMMON = frozenset({Role.PUPIL.value, Role.TEACHER.value})
"""Roles of so many people that an index of roles is of no help."""

_BY_UAI = Statement(select(person.c.account_id).where(person.c.uai == bindparam("uai")).limit(bindparam("most")))
_OF_SCHOOL = Statement(
    select(affiliation.c.account_id)
    .where(affiliation.c.kind.in_([literal(tie.value) for tie in Tie]), affiliation.c.uai == bindparam("uai"))
    .limit(bindparam("most"))
)
_TIED = Statement(
    select(affiliation.c.account_id)
    .where(affiliation.c.kind == bindparam("tie"), affiliation.c.code == bindparam("number"))
    .limit(bindparam("most"))
)
_TIED_AT = Statement(
    select(affiliation.c.account_id)
    .where(
        affiliation.c.kind == bindparam("tie"),
        affiliation.c.uai == bindparam("school"),
        affiliation.c.code == bindparam("number"),
    )
    .limit(bindparam("most"))
)
_BY_CLAIM = Statement(select(claim.c.account_id).where(claim.c.name == bindparam("name"), claim.c.live == 1))
_ANY_SHOWN = Statement(select(person.c.account_id).where(person.c.shown_key != literal_column("''")).limit(1))
_BY_LOGIN = Statement(select(account.c.id).where(account.c.login == bindparam("login")))


def candidates(tx: Tx, condition: Condition) -> set[int] | None:
    """Accounts among which everybody is of whom the condition holds."""
    return _Question(tx).ask(condition)


class _Question:
    """One condition while it is looked up; what several of its parts ask is asked once."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._answers: dict[Hashable, set[int] | None] = {}

    def ask(self, condition: Condition) -> set[int] | None:
        tx = self._tx
        match condition:
            case Nothing() | Undefined():
                return set()
            case All(parts):
                return self._narrowest(parts)
            case Some(parts):
                return self._union(parts)
            case Equals(Field.ACCOUNT_ID, value):
                return {int(value)} if value.isascii() and value.isdecimal() else set()
            case Equals(Field.LOGIN, value):
                return {row[0] for row in tx.all(_BY_LOGIN, login=fold_login(value))}
            case Equals(Field.ADDRESS | Field.PRIMARY_ADDRESS, value):
                return {row[0] for row in tx.all(_BY_CLAIM, name=fold_login(value))}
            case Contains(Field.SHOWN_NAME):
                return self._shown(condition)
            case Contains():
                return self._with_words(condition)
            case Equals(Field.UAI, value):
                return self._short(_BY_UAI, uai=value.strip().upper())
            case AtSchool(Equals(_, value)):
                return self._of_school(value.strip().upper())
            case Tied(kind, code, uai, False) if code:
                statement = _TIED_AT if uai else _TIED
                more = {"school": uai.strip().upper()} if uai else {}
                return self._short(statement, tie=kind.value, number=code_key(code), **more)
        return self._once(condition, lambda: _listed(tx, condition)) if _has_index(condition) else None

    def _with_words(self, condition: Contains) -> set[int] | None:
        wanted = frozenset(parts_of(self._tx, condition))
        return self._once(wanted, lambda: words.people_with(self._tx, wanted))

    def _shown(self, condition: Contains) -> set[int] | None:
        """Names that were given are looked for in the index of those who have any: mostly nobody has."""
        anybody = self._once(Field.SHOWN_NAME, lambda: {row[0] for row in self._tx.all(_ANY_SHOWN)})
        if not anybody:
            return set()
        found = self._with_words(condition)
        return found if found is not None else self._once(condition, lambda: _listed(self._tx, condition))

    def _once(self, key: Hashable, ask: Callable[[], set[int] | None]) -> set[int] | None:
        if key not in self._answers:
            self._answers[key] = ask()
        return self._answers[key]

    def _short(self, statement: Statement, **params: str) -> set[int] | None:
        rows = self._tx.all(statement, most=MAX_PEOPLE + 1, **params)
        return {row[0] for row in rows} if len(rows) <= MAX_PEOPLE else None

    def _of_school(self, uai: str) -> set[int] | None:
        main, further = self._short(_BY_UAI, uai=uai), self._short(_OF_SCHOOL, uai=uai)
        return main | further if main is not None and further is not None else None

    def _narrowest(self, parts: Iterable[Condition]) -> set[int] | None:
        """Of several conditions the cheapest first; further ones only while there are many people left."""
        held: set[int] | None = None
        for part in sorted(parts, key=_cost):
            if held is not None and len(held) <= ENOUGH:
                return held
            these = self.ask(part)
            if these is not None:
                held = these if held is None else held & these
        return held

    def _union(self, parts: Iterable[Condition]) -> set[int] | None:
        held: set[int] = set()
        for part in sorted(parts, key=_cost, reverse=True):
            these = self.ask(part)
            if these is None:
                return None
            held = held | these
            if len(held) > MAX_PEOPLE:
                return None
        return held


def _cost(condition: Condition) -> int:
    """How much asking costs; what cannot be answered comes last."""
    match condition:
        case Nothing() | Undefined() | Equals(Field.ACCOUNT_ID | Field.LOGIN | Field.ADDRESS | Field.PRIMARY_ADDRESS):
            return 0
        case Contains(field) if field in _NAMES or field in _ADDRESSES or field is Field.LOGIN:
            return 1
        case All(parts):
            return min(map(_cost, parts), default=9)
        case Some(parts):
            return max(map(_cost, parts), default=0)
    return 2 if _has_index(condition) else 9


def parts_of(tx: Tx, condition: Contains) -> list[words.Part]:
    """What everybody has words with of whom the condition holds."""
    initial, final = condition.initial, condition.final
    whole = ((initial, True, False), *((piece, False, False) for piece in condition.middle), (final, False, True))
    found: list[words.Part] = []
    for piece, starts, ends in whole:
        if condition.field in _ADDRESSES:
            found += _address_parts(tx, piece, starts)
        elif condition.field in _NAMES or condition.field is Field.LOGIN:
            handle = condition.field is Field.LOGIN
            found += words.parts_of(piece, handle=handle, starts=starts, ends=ends)
    return found


def _address_parts(tx: Tx, piece: str, starts: bool) -> tuple[words.Part, ...]:
    """Only what must lie before the at sign tells people apart."""
    local, at, _ = piece.rpartition("@")
    if at:
        return words.parts_of(local, handle=True, starts=starts, ends=True)
    if not starts and words.known(tx).in_domain(fold_login(piece)):
        return ()
    return words.parts_of(piece, handle=True, starts=starts)


def _has_index(condition: Condition) -> bool:
    """Whether the database lists the people of a condition without looking at the others."""
    match condition:
        case Equals(Field.NAME | Field.SURNAME | Field.GIVEN_NAME | Field.UAI | Field.MODIFIED, value):
            return bool(value)
        case Equals(Field.ROLE, value):
            return value not in _COMMON
        case Equals(Field.HIDDEN, value):
            return value != "0"
        case Tied(_, code):
            return bool(code)
        case AtSchool(Equals()) | Present(Field.EXTRA | Field.EXPIRES) | AtLeast(Field.MODIFIED | Field.EXPIRES):
            return True
        case _:
            return False


def _listed(tx: Tx, condition: Condition) -> set[int] | None:
    query: Select[Any] = select(person.c.account_id).join_from(person, account, account.c.id == person.c.account_id)
    rows = tx.execute(query.where(clause(condition)).limit(MAX_PEOPLE + 1)).scalars().all()
    return set(rows) if len(rows) <= MAX_PEOPLE else None
