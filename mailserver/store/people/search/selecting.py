"""Selections (`mailserver.model.selection`) as SQL over people, their affiliations and schools."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, exists, false, func, not_, or_, select, true
from sqlalchemy import case as choice

from mailserver.model.folding import code_key, search_key
from mailserver.model.identity import Population, Role, State, Tie, shown_name
from mailserver.model.selection import AnyOf, Every, Selection, Subject, Term, Without
from mailserver.store.engine.statements import Tx
from mailserver.store.mail.messages import Quota
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.mail.messages import mailbox
from mailserver.store.schema.mail.sharing import message_quota
from mailserver.store.schema.people.entries import affiliation, claim, person, school, vocabulary_entry

IN_LIST = 1000
"""Values of one IN list: both engines bound the parameters of a statement."""

KINDS = {
    "LYCEE": ("LYC", "LP"),
    "COLLEGE": ("CLG",),
    "ECOLE": ("MAT", "ELE"),
}
"""What people call kinds of school, and the codes that exports have for it."""
_TIES = {
    Subject.FUNCTION: Tie.FUNCTION,
    Subject.DISCIPLINE: Tie.DISCIPLINE,
    Subject.CLASS: Tie.CLASS,
    Subject.GROUP: Tie.GROUP,
}
_PLACED = frozenset({Subject.FUNCTION, Subject.CLASS, Subject.GROUP})
"""What a `uai=` beside it binds to that school."""

_PEOPLE = person.join(account, account.c.id == person.c.account_id)


@dataclass(frozen=True, slots=True)
class Found:
    """Somebody a selection finds."""

    account_id: int
    given_name: str
    surname: str
    address: str
    role: Role
    uai: str
    hidden: bool
    display_name: str = ""

    @property
    def name(self) -> str:
        """What people see (`shown_name`)."""
        return shown_name(self.given_name, self.surname, self.display_name)


def receivers(tx: Tx, selection: Selection, quota: Quota, limit: int) -> list[int]:
    """Accounts of those who take mail now, at most `limit`. `quota`: what accounts without their own have."""
    clause = select(account.c.id).select_from(_PEOPLE).where(_clause(selection, ()), _takes_mail(quota))
    return list(tx.execute(clause.limit(limit)).scalars())


def members(tx: Tx, selection: Selection, limit: int) -> list[int]:
    """Accounts of all who are found, closed ones left out, at most `limit`."""
    clause = select(account.c.id).select_from(_PEOPLE).where(_clause(selection, ()), _NOT_CLOSED)
    return list(tx.execute(clause.limit(limit)).scalars())


def found(tx: Tx, selection: Selection, limit: int, after: int = 0) -> list[Found]:
    """Those who are found, closed accounts left out, by name; `after` of them are skipped."""
    columns = (
        *(person.c.account_id, person.c.given_name, person.c.surname),
        *(person.c.address, person.c.role, person.c.uai, person.c.hidden),
        person.c.display_name,
    )
    rows = tx.execute(
        select(*columns)
        .select_from(_PEOPLE)
        .where(_clause(selection, ()), _NOT_CLOSED)
        .order_by(person.c.surname_key, person.c.given_key, person.c.account_id)
        .offset(after)
        .limit(limit)
    )
    return [
        Found(
            *(row.account_id, row.given_name, row.surname, row.address),
            *(Role(row.role), row.uai, bool(row.hidden), row.display_name),
        )
        for row in rows
    ]


def finds(tx: Tx, selection: Selection, account_id: int) -> bool:
    """Whether this person is among those who are found."""
    mine = (
        select(account.c.id).select_from(_PEOPLE).where(account.c.id == account_id, _clause(selection, ()), _NOT_CLOSED)
    )
    return tx.execute(mine).first() is not None


def count(tx: Tx, selection: Selection) -> int:
    """How many are found, closed accounts left out."""
    rows = tx.execute(select(func.count()).select_from(_PEOPLE).where(_clause(selection, ()), _NOT_CLOSED))
    return int(rows.scalar_one())


def holders(tx: Tx, addresses: list[str], quota: Quota) -> tuple[list[int], set[str], list[int]]:
    """The accounts that folded addresses lead to and that take mail now; which addresses lead to anybody; the
    accounts that take none."""
    accounts: dict[int, None] = {}
    known: set[str] = set()
    absent: set[int] = set()
    for start in range(0, len(addresses), IN_LIST):
        rows = tx.execute(
            select(claim.c.name, account.c.id, choice((_takes_mail(quota), 1), else_=0))
            .select_from(claim.join(account, account.c.id == claim.c.account_id))
            .where(claim.c.name.in_(addresses[start : start + IN_LIST]), claim.c.live == 1)
            .order_by(claim.c.name)
        )
        for name, account_id, takes in map(tuple, rows):
            known.add(name)
            if takes:
                accounts[account_id] = None
            else:
                absent.add(account_id)
    return list(accounts), known, sorted(absent)


def taking_mail(tx: Tx, accounts: Sequence[int], quota: Quota) -> set[int]:
    """Those of these accounts that take mail now."""
    found: set[int] = set()
    for start in range(0, len(accounts), IN_LIST):
        some = account.c.id.in_(accounts[start : start + IN_LIST])
        found.update(tx.execute(select(account.c.id).where(some, _takes_mail(quota))).scalars())
    return found


_NOT_CLOSED = account.c.state != State.CLOSED.value


def _takes_mail(quota: Quota) -> ColumnElement[bool]:
    """Not closed, not suspended unless it keeps receiving, and room in the mailbox: what `Delivery` asks of one."""
    own = choice((account.c.quota < 0, quota.octets), else_=account.c.quota)
    mine = mailbox.c.account_id == account.c.id
    used = select(func.coalesce(func.sum(mailbox.c.octets), 0)).where(mine).scalar_subquery()
    held = select(func.coalesce(func.sum(mailbox.c.messages), 0)).where(mine).scalar_subquery()
    said = select(message_quota.c.messages).where(message_quota.c.account_id == account.c.id).scalar_subquery()
    count = func.coalesce(said, quota.messages)
    return and_(
        _NOT_CLOSED,
        or_(account.c.state != State.SUSPENDED.value, account.c.may_receive == 1),
        or_(own == 0, used < own),
        or_(count == 0, held < count),
    )


def _clause(selection: Selection, places: tuple[str, ...]) -> ColumnElement[bool]:
    match selection:
        case Term():
            return _term(selection, places)
        case Without(part):
            return not_(_clause(part, places))
        case AnyOf(parts):
            return or_(false(), *(_clause(part, places) for part in parts))
        case Every(parts):
            here = [part.values for part in parts if isinstance(part, Term) and part.subject is Subject.SCHOOL]
            inner = here[0] if here else places
            return and_(true(), *(_clause(part, inner) for part in parts))


def _term(term: Term, places: tuple[str, ...]) -> ColumnElement[bool]:
    match term.subject:
        case Subject.ROLE:
            return person.c.role.in_(term.values)
        case Subject.POPULATION:
            populations = set(map(Population, term.values))
            return person.c.role.in_([role.value for role in Role if role.population in populations])
        case Subject.SCHOOL:
            return or_(person.c.uai.in_(term.values), _anywhere(affiliation.c.uai.in_(term.values)))
        case Subject.DEPARTMENT:
            # Of all schools, of which there are few: a range over people's own would need an order of code points.
            schools = select(school.c.uai).where(func.substr(school.c.uai, 1, 3).in_(term.values))
            return or_(person.c.uai.in_(schools), _anywhere(affiliation.c.uai.in_(schools)))
        case Subject.KIND:
            names = {code_key(value) for value in term.values}
            codes = sorted(names.union(*(KINDS.get(search_key(value).upper(), ()) for value in term.values)))
            schools = select(school.c.uai).where(school.c.kind.in_(codes))
            return or_(person.c.uai.in_(schools), _anywhere(affiliation.c.uai.in_(schools)))
        case Subject.FUNCTION | Subject.DISCIPLINE | Subject.CLASS | Subject.GROUP:
            return _tied(term, places)


def _anywhere(place: ColumnElement[bool]) -> ColumnElement[bool]:
    """Some tie leads there: a class, a function, a further school."""
    kinds = [tie.value for tie in Tie]
    return account.c.id.in_(select(affiliation.c.account_id).where(affiliation.c.kind.in_(kinds), place))


def _tied(term: Term, places: tuple[str, ...]) -> ColumnElement[bool]:
    kind = _TIES[term.subject].value
    wanted = [affiliation.c.kind == kind]
    if term.uai:
        wanted.append(affiliation.c.uai == term.uai)
    elif places and term.subject in _PLACED:
        wanted.append(affiliation.c.uai.in_(places))
    named = exists().where(
        vocabulary_entry.c.kind == kind,
        vocabulary_entry.c.uai.in_(("", affiliation.c.uai)),
        vocabulary_entry.c.code == affiliation.c.code,
        _text(vocabulary_entry.c.label_key, term),
    )
    codes = _codes(term)
    ties = select(affiliation.c.account_id).where(*wanted, or_(codes, named))
    holds: ColumnElement[bool] = account.c.id.in_(ties)
    if term.subject is Subject.DISCIPLINE and not term.uai:
        holds = or_(holds, _text(person.c.discipline_key, term))
    return holds


def _codes(term: Term) -> ColumnElement[bool]:
    if not term.like:
        return affiliation.c.code.in_([code_key(value) for value in term.values])
    return or_(*(_pattern(affiliation.c.code, code_key(value)) for value in term.values))


def _text(column: ColumnElement[str], term: Term) -> ColumnElement[bool]:
    keys = [search_key(value) for value in term.values]
    if not term.like:
        return column.in_(keys)
    return or_(*(_pattern(column, key) for key in keys))


def _pattern(column: ColumnElement[str], key: str) -> ColumnElement[bool]:
    """`*` stands for anything; without one the text is contained."""
    escaped = key.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    wanted = escaped.replace("*", "%") if "*" in escaped else f"%{escaped}%"
    return and_(column != "", column.like(wanted, escape="\\"))
