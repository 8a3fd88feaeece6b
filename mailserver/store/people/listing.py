"""People as plain rows, for whoever reads many of them: what their entries show, in one tuple each.

`Entry` (`store.people.people`) says the same with names and types; making one costs more than reading it from the
database.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, bindparam, select

from mailserver.model.identity import Role, State
from mailserver.model.visibility import Seen, Viewer, schools_of, sees
from mailserver.store.engine.statements import ManyStatement, Row, Statement, Tx
from mailserver.store.people import affiliations
from mailserver.store.people.search.candidates import candidates
from mailserver.store.people.search.conditions import Condition, Everything, clause
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.people.entries import affiliation, person

_COLUMNS = (
    person.c.account_id,
    account.c.login,
    person.c.address,
    person.c.given_name,
    person.c.surname,
    person.c.role,
    person.c.uai,
    person.c.discipline,
    person.c.hidden,
    account.c.state,
    person.c.created,
    person.c.modified,
    person.c.title,
    person.c.display_name,
    person.c.common_names,
    person.c.aliases,
    account.c.close_at,
    person.c.extra,
)
"""Every row of a person has these. `aliases` are separated by spaces, `common_names` by line feeds, `extra` is JSON or
empty."""
ACCOUNT_ID, LOGIN, ADDRESS = 0, 1, 2
ROLE, UAI, HIDDEN, STATE = 5, 6, 8, 9
ALIASES = 15
"""Places of columns in a row."""

_ALL: Select[Any] = select(*_COLUMNS).select_from(person.join(account, account.c.id == person.c.account_id))
_ROWS = ManyStatement(_ALL, person.c.account_id)
_FOLLOWING = Statement(
    _ALL.where(person.c.account_id > bindparam("after")).order_by(person.c.account_id).limit(bindparam("count"))
)
_TIE_COLUMNS = (affiliation.c.account_id, affiliation.c.kind, affiliation.c.uai, affiliation.c.code)
_TIES = ManyStatement(select(*_TIE_COLUMNS), affiliation.c.account_id)
_TIES_BETWEEN = Statement(
    select(*_TIE_COLUMNS)
    .where(affiliation.c.account_id >= bindparam("first"), affiliation.c.account_id <= bindparam("last"))
    .order_by(affiliation.c.account_id, affiliation.c.kind, affiliation.c.uai, affiliation.c.code)
)
DENSE = 2
"""Accounts in a range for each one that is wanted, up to which a range is read faster than a list."""


def chosen(tx: Tx, condition: Condition) -> list[int] | None:
    """Accounts that a condition may hold of, in order, where an index can tell; None: it may be anybody."""
    found = candidates(tx, condition)
    return sorted(found) if found is not None else None


def among(tx: Tx, account_ids: Sequence[int], who: Viewer) -> list[Row]:
    """The rows of these accounts that a viewer may see, in the order of account ids."""
    rows = sorted(_ROWS.rows(tx, account_ids))
    return rows if who.sees_all else _seen(tx, rows, who)


def following(tx: Tx, condition: Condition, after: int, limit: int) -> list[Row]:
    """People a condition holds of, in the order of account ids greater than `after`; no index is asked."""
    if isinstance(condition, Everything):
        return tx.all(_FOLLOWING, after=after, count=limit)
    wanted = _ALL.where(person.c.account_id > after, clause(condition)).order_by(person.c.account_id).limit(limit)
    return list(map(tuple, tx.execute(wanted)))


def ties(tx: Tx, rows: Sequence[Row]) -> Mapping[int, list[tuple[str, str, str]]]:
    """Kind, UAI and code of the affiliations of these people, in canonical order; who has none is left out."""
    if not rows:
        return {}
    first, last = rows[0][ACCOUNT_ID], rows[-1][ACCOUNT_ID]
    if last - first < DENSE * len(rows):
        held = tx.all(_TIES_BETWEEN, first=first, last=last)
    else:
        held = sorted(_TIES.rows(tx, [row[ACCOUNT_ID] for row in rows]))
    found: dict[int, list[tuple[str, str, str]]] = {}
    for account_id, *tie in held:
        of_one = found.get(account_id)
        if of_one is None:
            of_one = found[account_id] = []
        of_one.append((tie[0], tie[1], tie[2]))
    return found


def _seen(tx: Tx, rows: Sequence[Row], who: Viewer) -> list[Row]:
    """`visibility.sees`; affiliations are read only of pupils whose main school is not the viewer's."""
    asked = [
        row[ACCOUNT_ID] for row in rows if row[ROLE] == Role.PUPIL.value and who.guards and row[UAI] not in who.guards
    ]
    further = affiliations.of(tx, asked) if asked else {}
    return [
        row
        for row in rows
        if sees(
            who,
            Seen(
                row[ACCOUNT_ID],
                Role(row[ROLE]),
                schools_of(row[UAI], further.get(row[ACCOUNT_ID], ())),
                bool(row[HIDDEN]),
                row[STATE] == State.CLOSED.value,
            ),
        )
    ]
