"""Entries of the embedded directory: one row says everything the doors ask of a person.

Whoever writes here ends with `moved`, so that caches of every worker hear of it (the account's own
subscribers and those of account 0, which stands for "somebody in the directory").
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, func, insert, or_, select, true, tuple_, update

from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import fold_login, search_key
from mailserver.model.identity import Principal, Role, State, Tie, shown_name
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.people.search import words
from mailserver.store.people.search.candidates import candidates
from mailserver.store.people.search.conditions import Condition, Everything, clause
from mailserver.store.people.search.words import shown_key
from mailserver.store.record.notices import DIRECTORY as DIRECTORY
from mailserver.store.record.notices import moved
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.people.entries import affiliation, claim, person

IN_LIST = 1000
"""Values of one IN list: both engines bound the parameters of a statement."""
Place = tuple[str, str, int]
"""Of an entry in the alphabet: surname and given name, folded, and the account."""
FEW = 3000
"""People who are put in order by us rather than found in order by the database."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A person as stored. `quota` -1 means the setting's."""

    account_id: int
    login: str
    address: str
    aliases: tuple[str, ...]
    given_name: str
    surname: str
    role: Role
    uai: str
    discipline: str
    hidden: bool
    state: State
    may_receive: bool
    quota: int
    login_version: int
    created: int
    modified: int
    title: str = ""
    extra: str = ""
    """Further attributes, as JSON (`directory.entries.tree`)."""
    expires: int = 0
    """When the account closes; 0: no day is set."""
    display_name: str = ""
    """Empty: follows from the names, as do `common_names`."""
    common_names: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What people see (`shown_name`)."""
        return shown_name(self.given_name, self.surname, self.display_name)

    def principal(self, default_quota: int) -> Principal:
        """The entry as the port speaks of it."""
        return Principal(
            account_id=self.account_id,
            login=self.login,
            address=self.address,
            aliases=self.aliases,
            given_name=self.given_name,
            surname=self.surname,
            role=self.role,
            state=self.state,
            uai=self.uai,
            discipline=self.discipline,
            may_receive=self.may_receive,
            quota_bytes=default_quota if self.quota < 0 else self.quota,
            title=self.title,
            login_version=self.login_version,
            display_name=self.display_name,
        )


_COLUMNS = (
    person.c.account_id,
    account.c.login,
    person.c.address,
    person.c.aliases,
    person.c.given_name,
    person.c.surname,
    person.c.role,
    person.c.uai,
    person.c.discipline,
    person.c.hidden,
    account.c.state,
    account.c.may_receive,
    account.c.quota,
    account.c.login_version,
    person.c.created,
    person.c.modified,
    person.c.title,
    person.c.extra,
    account.c.close_at,
    person.c.display_name,
    person.c.common_names,
)
_INDEXED = frozenset({"given_name", "surname", "shown_key", "address", "aliases"})
"""Columns whose words are searched (`store.people.search.words`)."""
_ROLE = {role.value: role for role in Role}
_STATE = {state.value: state for state in State}
_PEOPLE = person.join(account, account.c.id == person.c.account_id)
_ALL: Select[Any] = select(*_COLUMNS).select_from(_PEOPLE)
_FOLLOWING = Statement(
    _ALL.where(person.c.account_id > bindparam("after")).order_by(person.c.account_id).limit(bindparam("count"))
)
_ALPHABET = (person.c.surname_key, person.c.given_key, person.c.account_id)
_CLAIMED = _PEOPLE.join(claim, claim.c.account_id == person.c.account_id)

_FIND = Statement(select(*_COLUMNS).select_from(_CLAIMED).where(claim.c.name == bindparam("name"), claim.c.live == 1))
_PROOF = Statement(
    select(person.c.password, *_COLUMNS)
    .select_from(_CLAIMED)
    .where(claim.c.name == bindparam("name"), claim.c.live == 1)
)
_BY_ACCOUNT = Statement(_ALL.where(person.c.account_id == bindparam("account_id")))
_ADMINISTRATORS = Statement(
    _ALL.where(person.c.role == bindparam("role"), account.c.state != bindparam("closed")).order_by(person.c.account_id)
)
_PASSWORD = Statement(select(person.c.password).where(person.c.account_id == bindparam("account_id")))
_SET_PASSWORD = Statement(
    update(person)
    .where(person.c.account_id == bindparam("owner"))
    .values(password=bindparam("hash"), modified=bindparam("now"))
)


# ---------------------------------------------------------------------- reading


def find(tx: Tx, name: str) -> Entry | None:
    """The person an identifier or any of their addresses leads to."""
    folded = fold_login(name)
    row = tx.one(_FIND, name=folded) if folded else None
    return _entry(row) if row is not None else None


def find_with_password(tx: Tx, name: str) -> tuple[Entry, str] | None:
    """The same with the password's hash; empty when there is none."""
    row = tx.one(_PROOF, name=fold_login(name))
    return (_entry(row[1:]), str(row[0])) if row is not None else None


def by_account(tx: Tx, account_id: int) -> Entry | None:
    """A person by our own id."""
    row = tx.one(_BY_ACCOUNT, account_id=account_id)
    return _entry(row) if row is not None else None


def by_accounts(tx: Tx, account_ids: Sequence[int]) -> dict[int, Entry]:
    """Several people at once, by id."""
    rows = tx.execute(_ALL.where(person.c.account_id.in_(account_ids)))
    return {row[0]: _entry(tuple(row)) for row in rows}


def logins(tx: Tx, names: Sequence[str]) -> dict[str, str]:
    """The identifier that each folded address or identifier leads to; unknown ones are left out."""
    found: dict[str, str] = {}
    for start in range(0, len(names), IN_LIST):
        rows = tx.execute(
            select(claim.c.name, account.c.login)
            .join_from(claim, account, account.c.id == claim.c.account_id)
            .where(claim.c.name.in_(names[start : start + IN_LIST]), claim.c.live == 1)
        )
        found.update({row.name: row.login for row in rows})
    return found


def following(tx: Tx, after: int, limit: int) -> list[Entry]:
    """Everybody, in the order of account ids greater than `after`."""
    return [_entry(row) for row in tx.all(_FOLLOWING, after=after, count=limit)]


def matching(tx: Tx, condition: Condition, limit: int, after: int = 0) -> list[Entry]:
    """Entries a condition holds of, in the order of account ids greater than `after`."""
    if isinstance(condition, Everything):
        return following(tx, after, limit)
    found_by_index = candidates(tx, condition)
    if found_by_index is None:
        beyond = person.c.account_id > after
        rows = tx.execute(_ALL.where(beyond, clause(condition)).order_by(person.c.account_id).limit(limit))
        return [_entry(tuple(row)) for row in rows]
    found: list[Entry] = []
    for part in _portions(sorted(account_id for account_id in found_by_index if account_id > after)):
        wanted = _ALL.where(person.c.account_id.in_(part), clause(condition)).order_by(person.c.account_id)
        found += [_entry(tuple(row)) for row in tx.execute(wanted.limit(limit - len(found)))]
        if len(found) == limit:
            break
    return found


def place_of(tx: Tx, account_id: int) -> Place | None:
    """Where somebody stands in the alphabet; None: nobody has this id."""
    row = tx.execute(select(*_ALPHABET).where(person.c.account_id == account_id)).first()
    return _place(tuple(row)) if row is not None else None


def by_name(tx: Tx, condition: Condition, limit: int, after: Place | None = None) -> list[Entry]:
    """Entries a condition holds of, in alphabetical order, beyond a place: what an address book shows."""
    found_by_index = candidates(tx, condition)
    if found_by_index is None or len(found_by_index) > FEW:
        # So many hold it, perhaps, that the first of the alphabet are soon found.
        beyond = tuple_(*_ALPHABET) > after if after is not None else true()
        rows = tx.execute(_ALL.where(beyond, clause(condition)).order_by(*_ALPHABET).limit(limit))
        return [_entry(tuple(row)) for row in rows]
    order: list[Place] = []
    for part in _portions(sorted(found_by_index)):
        keys = select(*_ALPHABET).select_from(_PEOPLE).where(person.c.account_id.in_(part), clause(condition))
        order += [_place(tuple(row)) for row in tx.execute(keys)]
    first = [row[-1] for row in sorted(order) if after is None or row > after][:limit]
    known = by_accounts(tx, first)
    return [known[account_id] for account_id in first]


def _place(row: Row) -> Place:
    return row[0], row[1], row[2]


def _portions(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + IN_LIST] for start in range(0, len(ids), IN_LIST))


def of_school(tx: Tx, uai: str, limit: int) -> list[Entry]:
    """Everybody whose main school or a further one this is, in alphabetical order."""
    further = select(affiliation.c.account_id).where(
        affiliation.c.kind == Tie.SCHOOL.value, affiliation.c.uai == uai, affiliation.c.code == uai
    )
    here = or_(person.c.uai == uai, person.c.account_id.in_(further))
    rows = tx.execute(_ALL.where(here).order_by(*_ALPHABET).limit(limit))
    return [_entry(tuple(row)) for row in rows]


def counts_by_school(tx: Tx) -> dict[str, dict[Role, int]]:
    """How many people of each population have each school as their main one; those who left are not counted."""
    rows = tx.execute(
        select(person.c.uai, person.c.role, func.count())
        .select_from(_PEOPLE)
        .where(account.c.state != State.CLOSED.value)
        .group_by(person.c.uai, person.c.role)
    )
    found: dict[str, dict[Role, int]] = {}
    for uai, role, number in map(tuple, rows):
        found.setdefault(uai, {})[_ROLE[role]] = int(number)
    return found


def administrators(tx: Tx) -> list[Entry]:
    """People of role admin whose account is not closed."""
    return [_entry(row) for row in tx.all(_ADMINISTRATORS, role=Role.ADMIN.value, closed=State.CLOSED.value)]


def password(tx: Tx, account_id: int) -> str:
    """The password's hash; empty when there is none."""
    row = tx.one(_PASSWORD, account_id=account_id)
    return str(row[0]) if row is not None else ""


# ---------------------------------------------------------------------- writing


def insert_entries(tx: Tx, entries: Sequence[Mapping[str, str | int]]) -> None:
    """Add entries; each has account_id, address, aliases, names, role, uai, discipline and password.

    All of them, or none, have display name and common names besides.
    """
    tx.execute(insert(person), [_row(tx, entry) for entry in entries])
    words.refresh(tx, [int(entry["account_id"]) for entry in entries], fresh=True)
    for entry in entries:
        moved(tx, int(entry["account_id"]))


def change_entry(tx: Tx, account_id: int, values: Mapping[str, str | int]) -> None:
    """Set columns of an entry; the display name comes with the common names. Raises Refused(NOT_FOUND)."""
    changed: dict[str, str | int] = {**values, "modified": tx.now}
    if "given_name" in values or "surname" in values:
        entry = by_account(tx, account_id)
        if entry is None:
            raise Refused(Reason.NOT_FOUND)
        given = str(values.get("given_name", entry.given_name))
        changed |= _keys(given, str(values.get("surname", entry.surname)))
    if "display_name" in values:
        changed["shown_key"] = shown_key(str(values["display_name"]), str(values["common_names"]))
    if "discipline" in values:
        changed["discipline_key"] = search_key(str(values["discipline"]))
    done = tx.execute(update(person).where(person.c.account_id == account_id).values(**changed))
    if not done.rowcount:
        raise Refused(Reason.NOT_FOUND)
    if not _INDEXED.isdisjoint(changed):
        words.refresh(tx, (account_id,))
    moved(tx, account_id)


def set_password(tx: Tx, account_id: int, password_hash: str) -> None:
    """Keep a new hash. Raises Refused(NOT_FOUND)."""
    if not tx.run(_SET_PASSWORD, owner=account_id, hash=password_hash, now=tx.now):
        raise Refused(Reason.NOT_FOUND)
    moved(tx, account_id)


def _row(tx: Tx, entry: Mapping[str, str | int]) -> dict[str, str | int]:
    return {
        **entry,
        **_keys(str(entry["given_name"]), str(entry["surname"])),
        "discipline_key": search_key(str(entry["discipline"])),
        "shown_key": shown_key(str(entry.get("display_name", "")), str(entry.get("common_names", ""))),
        "created": tx.now,
        "modified": tx.now,
    }


def _keys(given_name: str, surname: str) -> dict[str, str]:
    return {
        "given_key": search_key(given_name),
        "surname_key": search_key(surname),
        "name_key": search_key(f"{given_name} {surname}"),
    }


def _entry(row: Row) -> Entry:
    return Entry(
        account_id=row[0],
        login=row[1],
        address=row[2],
        aliases=tuple(row[3].split()),
        given_name=row[4],
        surname=row[5],
        role=_ROLE[row[6]],
        uai=row[7],
        discipline=row[8],
        hidden=bool(row[9]),
        state=_STATE[row[10]],
        may_receive=bool(row[11]),
        quota=row[12],
        login_version=row[13],
        created=row[14],
        modified=row[15],
        title=row[16],
        extra=row[17],
        expires=row[18],
        display_name=row[19],
        common_names=tuple(row[20].split("\n")) if row[20] else (),
    )
