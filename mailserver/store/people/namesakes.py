"""People of the academy whose name somebody bears, and who shares a school with them.

Of the embedded directory: of people elsewhere no names are kept.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, case, exists, literal, or_, select

from mailserver.model.identity import Role, State, Tie
from mailserver.store.engine.statements import ManyStatement, Tx
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.people.entries import affiliation, person

MAX_NAMESAKES = 50
HEAD = "DIR"
"""The code of the function of whoever heads a school."""


@dataclass(frozen=True, slots=True)
class Namesake:
    """Somebody of the academy, no pupil."""

    account_id: int
    administers: bool
    heads: bool
    schools: frozenset[str]


_HEADS_SCHOOL = (
    exists()
    .where(
        affiliation.c.account_id == person.c.account_id,
        affiliation.c.kind == literal(Tie.FUNCTION.value),
        affiliation.c.code == bindparam("head"),
    )
    .correlate(person)
)
_NAMED = ManyStatement(
    select(person.c.account_id, person.c.role, person.c.uai)
    .join(account, account.c.id == person.c.account_id)
    .where(person.c.role != literal(Role.PUPIL.value), account.c.state != literal(State.CLOSED.value))
    # Of many who bear a common name those whose name is worth most to a fraud are always told.
    .order_by(
        case((person.c.role == literal(Role.ADMIN.value), 0), (_HEADS_SCHOOL, 1), else_=2),
        person.c.account_id,
    )
    .limit(MAX_NAMESAKES),
    person.c.name_key,
)
_TIES = ManyStatement(
    select(affiliation.c.account_id, affiliation.c.kind, affiliation.c.uai).where(
        or_(
            affiliation.c.kind == literal(Tie.SCHOOL.value),
            (affiliation.c.kind == literal(Tie.FUNCTION.value)) & (affiliation.c.code == bindparam("head")),
        )
    ),
    affiliation.c.account_id,
)
_SCHOOLS = ManyStatement(select(person.c.account_id, person.c.uai), person.c.account_id)


def named(tx: Tx, keys: Sequence[str]) -> list[Namesake]:
    """People with one of these names (`mailserver.model.folding.search_key`), mostly nobody: MAX_NAMESAKES at most,
    administrators and heads of schools first."""
    rows = _NAMED.rows(tx, keys, head=HEAD) if keys else []
    if not rows:
        return []
    ties = _ties(tx, [row[0] for row in rows])
    return [
        Namesake(
            account_id,
            role == Role.ADMIN.value,
            any(kind == Tie.FUNCTION.value for kind, _ in ties.get(account_id, ())),
            frozenset(filter(None, (uai, *(place for _, place in ties.get(account_id, ()))))),
        )
        for account_id, role, uai in rows
    ]


def sharing_school(tx: Tx, account_ids: Sequence[int], schools: Collection[str]) -> set[int]:
    """Those of these accounts that are of one of these schools."""
    if not account_ids or not schools:
        return set()
    found = {account_id for account_id, uai in _SCHOOLS.rows(tx, account_ids) if uai in schools}
    others = [account_id for account_id in account_ids if account_id not in found]
    ties = _ties(tx, others) if others else {}
    return found | {account_id for account_id, places in ties.items() if any(uai in schools for _, uai in places)}


def _ties(tx: Tx, account_ids: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
    """Kind and school of what ties people to further schools, and of what they head."""
    found: dict[int, list[tuple[str, str]]] = {}
    for account_id, kind, uai in _TIES.rows(tx, account_ids, head=HEAD):
        found.setdefault(account_id, []).append((kind, uai))
    return found
