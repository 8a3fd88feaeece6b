"""Accounts of people whose entries live in an LDAP server: our own number, state and quota for each login.

The entry may carry the account's number; then it decides, so that a person keeps their mail when the
directory gives them another identifier. Otherwise the login does. Names that were seen in the directory
are claimed, so that nothing of ours is issued over them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog
from sqlalchemy import func, insert, select, update

from mailserver.model.identity import Population, State
from mailserver.store.account import accounts
from mailserver.store.account.accounts import Mark, Marks, Standing
from mailserver.store.engine.statements import Tx
from mailserver.store.people import bulk_people, claims
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.record.notices import moved
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.people.entries import claim
from mailserver.texts.causes import NOTHING, Cause

log = structlog.get_logger("directory")

BATCH = 500
ORIGIN = Origin("directory", "internal")
"""Whoever changed the entry is on nobody's record here: the directory is somebody else's, or was written beside us."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A person as an LDAP entry names them. All names are folded."""

    login: str
    number: int
    """Our account number in the entry; 0: none."""
    addresses: tuple[str, ...]
    population: Population | None = None
    """None: the entry is not looked at for it."""


def known(tx: Tx, people: Sequence[Seen]) -> dict[str, Standing]:
    """The accounts of these people by login. Left out are those that `adopt` has to look at first."""
    found: dict[str, Standing] = {}
    for start in range(0, len(people), BATCH):
        part = {person.login: person for person in people[start : start + BATCH]}
        standings = accounts.by_logins(tx, list(part))
        found.update({login: standing for login, standing in standings.items() if _is_current(part[login], standing)})
    return found


def _is_current(seen: Seen, standing: Standing) -> bool:
    """The row says what the entry says."""
    return seen.number in (0, standing.id) and seen.population in (None, standing.population)


def adopt(tx: Tx, people: Sequence[Seen]) -> dict[str, Standing]:
    """The same, made where they are missing: who can log in to the directory can log in here.

    Left out are people whose login and number belong to two accounts: the entry was made anew under an
    identifier that was somebody else's, and nobody gets another's mail.
    """
    found = {}
    for person in people:
        standing = _adopt(tx, person)
        if standing is None:
            log.error("entry carries the number of another account", login=person.login, number=person.number)
            continue
        found[person.login] = _placed(tx, standing, person.population)
        for name in (person.login, *person.addresses):
            values = {"name": name, "account_id": standing.id, "live": 1, "since": tx.now}
            tx.insert_ignore(claim, values)
    return found


def _placed(tx: Tx, standing: Standing, population: Population | None) -> Standing:
    """The account with its population as the entry says it now."""
    if population in (None, standing.population):
        return standing
    tx.execute(update(account).where(account.c.id == standing.id).values(population=population))
    if standing.population is not None and population is not None:
        said = Cause("population-changed", before=(standing.population.value,), after=(population.value,))
        audit.record(tx, ORIGIN, Action.CHANGED, standing.id, said)
    tx.changed(standing.id, 0)
    return replace(standing, population=population)


def unfinished(tx: Tx, base: str, marks: Marks, source: tuple[str, str]) -> list[tuple[int, str]]:
    """Accounts that may be what an interrupted addition of this person left: number and identifier, oldest first.

    They were issued `base` with or without a number (or have the person's INE or NUMEN), know the same of the
    person, come from the same source and were never used. Whether they have an entry only the directory can say.
    """
    ids = [
        owned for name, owned in {**claims.taken(tx, (base,)), **claims.numbered(tx, base)}.items() if "@" not in name
    ]
    for mark, hashed in ((Mark.INE, marks.ine), (Mark.NUMEN, marks.numen)):
        found = accounts.by_mark(tx, mark, hashed) if hashed is not None else None
        if found is not None:
            ids.append(found)
    known = bulk_people.by_ids(tx, set(ids)).values()
    return sorted(
        (person.account_id, person.login)
        for person in known
        if person.awaits
        and not person.provisioned
        and (person.source, person.source_key) == source
        and Marks(person.numen, person.ine, person.birth_date) == marks
    )


def _adopt(tx: Tx, seen: Seen) -> Standing | None:
    named = accounts.by_login(tx, seen.login)
    if seen.number == 0 or (named is not None and named.id == seen.number):
        return named or _made(tx, seen, accounts.adopt(tx, seen.login))
    if named is not None:
        return None
    if accounts.get(tx, seen.number) is None:
        row = {"id": seen.number, "login": seen.login, "state": State.ACTIVE.value}
        tx.execute(insert(account).values(**row, state_since=tx.now, created=tx.now))
        _skip_numbers(tx)
        return _made(tx, seen, seen.number)
    was = accounts.require(tx, seen.number).login
    tx.execute(update(account).where(account.c.id == seen.number).values(login=seen.login))
    audit.record(tx, ORIGIN, Action.CHANGED, seen.number, Cause("login-changed", before=was, after=seen.login))
    moved(tx, seen.number)
    return accounts.get(tx, seen.number)


def _made(tx: Tx, seen: Seen, account_id: int) -> Standing | None:
    population = seen.population
    said = Cause("population", population=(population.value,)) if population is not None else NOTHING
    audit.record(tx, ORIGIN, Action.CREATED, account_id, said)
    return accounts.get(tx, account_id)


def _skip_numbers(tx: Tx) -> None:
    """Numbers given from outside are not given again; SQLite sees to that by itself."""
    if tx.dialect == "postgresql":
        highest = select(func.max(account.c.id)).scalar_subquery()
        tx.execute(select(func.setval(func.pg_get_serial_sequence("account", "id"), highest)))
