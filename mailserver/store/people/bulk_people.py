"""The roll: accounts and entries together, many at a time, as imports look at them and write them.

One row a person, one statement a thousand people. What it writes it writes whole: the caller has claimed the
names, and records what it did.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Column, Table, bindparam, delete, func, insert, select, text, update

from mailserver.model.folding import search_key
from mailserver.model.identity import Affiliation, State, Tie
from mailserver.store.account.accounts.reasons import kept_reason
from mailserver.store.engine.statements import ManyStatement, Row, Statement, Tx
from mailserver.store.people import school_hours
from mailserver.store.people.search import words
from mailserver.store.record.notices import DIRECTORY
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.people.entries import affiliation, person, school, vocabulary_entry


class Known(NamedTuple):
    """A person as the store and the directory have them now. A tuple: 330,000 of them are looked at in seconds."""

    account_id: int
    login: str
    state: str
    activated: int
    provisioned: int
    numen: bytes | None
    ine: bytes | None
    birth_date: bytes | None
    recovery_address: str
    recovery_own: int
    """1: the person set or removed it: no export changes it."""
    welcome_due: int
    login_given: int
    source: str
    source_key: str
    close_at: int
    close_reason: str
    has_entry: bool
    """False: an account whose entry is not in the directory (an import that was taken back or interrupted)."""
    given_name: str = ""
    surname: str = ""
    role: str = ""
    uai: str = ""
    discipline: str = ""
    title: str = ""
    hidden: int = 0
    extra: str = ""
    address: str = ""
    aliases: str = ""
    """Separated by spaces."""
    display_name: str = ""
    """Empty: follows from the names, as do `common_names`."""
    common_names: str = ""
    """One a line."""
    affiliations: tuple[Affiliation, ...] = ()
    """Only where they were asked for."""

    @property
    def is_closed(self) -> bool:
        return self.state == State.CLOSED.value

    @property
    def awaits(self) -> bool:
        """True for an account that nobody ever activated."""
        return self.state == State.PENDING.value and self.activated == 0


ACCOUNT_FIELDS = Known._fields[1:16]
ENTRY_FIELDS = Known._fields[17:29]
_INDEXED = frozenset({"given_name", "surname", "display_name", "address", "aliases"})
"""Columns whose words are searched (`store.people.search.words`)."""
_HAS_ENTRY = Known._fields.index("has_entry")
_NO_ENTRY = tuple(Known._field_defaults.values())

_COLUMNS: list[Column[Any] | Any] = [
    account.c.id,
    *(account.c[name] for name in ACCOUNT_FIELDS),
    (person.c.account_id.is_not(None)).label("has_entry"),
    *(person.c[name] for name in ENTRY_FIELDS),
]
_ALL = select(*_COLUMNS).select_from(account.outerjoin(person, person.c.account_id == account.c.id))
_BY_ID = ManyStatement(_ALL, account.c.id)
_BY_LOGIN = ManyStatement(_ALL, account.c.login)
_BY_NUMEN = ManyStatement(_ALL, account.c.numen)
_BY_INE = ManyStatement(_ALL, account.c.ine)
_BY_SOURCE_KEY = ManyStatement(_ALL.where(account.c.source == bindparam("source")), account.c.source_key)
_BARE = ManyStatement(
    select(account.c.id, person.c.given_key, person.c.name_key, account.c.birth_date, person.c.role, person.c.uai)
    .select_from(account.join(person, person.c.account_id == account.c.id))
    .where(
        account.c.numen.is_(None),
        account.c.ine.is_(None),
        account.c.login_given == 0,
        account.c.source_key == "",
    ),
    person.c.name_key,
)
_UNNUMBERED = ManyStatement(
    select(account.c.id, person.c.given_key, person.c.name_key, account.c.birth_date, person.c.uai)
    .select_from(account.join(person, person.c.account_id == account.c.id))
    .where(account.c.birth_date.is_not(None), account.c.source_key == ""),
    person.c.name_key,
)
_ANY_UNNUMBERED = Statement(
    select(account.c.id).where(account.c.birth_date.is_not(None), account.c.source_key == "").limit(1)
)
_TIES = ManyStatement(
    select(affiliation.c.account_id, affiliation.c.kind, affiliation.c.uai, affiliation.c.code, affiliation.c.label),
    affiliation.c.account_id,
)
_OF_SOURCE = Statement(
    select(account.c.id, account.c.state, account.c.close_at)
    .where(account.c.source == bindparam("source"), account.c.id > bindparam("after"))
    .order_by(account.c.id)
    .limit(bindparam("count"))
)
_ADD_ACCOUNT = Statement(
    insert(account),
    keys=(
        *("id", "login", "state", "state_since", "created", "numen", "ine", "birth_date", "recovery_address"),
        *("login_given", "welcome_due", "source", "source_key"),
    ),
)
_ADD_PERSON = Statement(
    insert(person),
    keys=(
        *("account_id", *ENTRY_FIELDS, "password", "given_key", "surname_key", "name_key"),
        *("shown_key", "discipline_key"),
        *("created", "modified"),
    ),
)
_ADD_TIE = Statement(insert(affiliation), keys=("account_id", "kind", "uai", "code", "label"))
_DROP_TIES = Statement(delete(affiliation).where(affiliation.c.account_id == bindparam("wanted")))
_DROP_PERSON = Statement(delete(person).where(person.c.account_id == bindparam("wanted")))
_SCHOOLS = ManyStatement(select(school.c.uai), school.c.uai)
_TERMS = ManyStatement(
    select(vocabulary_entry.c.kind, vocabulary_entry.c.uai, vocabulary_entry.c.code, vocabulary_entry.c.label),
    vocabulary_entry.c.uai,
)
_BROUGHT = ("numen", "ine", "birth_date", "recovery_address", "welcome_due", "source", "source_key")
"""What an arrival brings to the account."""
_TIE_OF = {tie.value: tie for tie in Tie}


# ---------------------------------------------------------------------- looking up


def by_ids(tx: Tx, account_ids: Collection[int]) -> dict[int, Known]:
    """By our own number."""
    return {row[0]: _known(row) for row in _BY_ID.rows(tx, list(account_ids))}


def by_logins(tx: Tx, logins: Collection[str]) -> dict[str, Known]:
    """By folded identifier."""
    return {row[1]: _known(row) for row in _BY_LOGIN.rows(tx, list(logins))}


def by_numens(tx: Tx, hashes: Collection[bytes]) -> dict[bytes, Known]:
    """By keyed hash of the NUMEN; the oldest account where several have it."""
    return _oldest((known.numen, known) for known in map(_known, _BY_NUMEN.rows(tx, list(hashes))))


def by_ines(tx: Tx, hashes: Collection[bytes]) -> dict[bytes, Known]:
    """The same by INE."""
    return _oldest((known.ine, known) for known in map(_known, _BY_INE.rows(tx, list(hashes))))


def by_source_keys(tx: Tx, source: str, keys: Collection[str]) -> dict[str, Known]:
    """By number in an export."""
    rows = _BY_SOURCE_KEY.rows(tx, list(keys), source=source)
    return _oldest((known.source_key, known) for known in map(_known, rows))


Like = tuple[str, str, bytes | None, str, str]
"""Given name and whole name (folded for searching), hash of the birth date, role, UAI."""


def bare(tx: Tx, name_keys: Collection[str]) -> dict[Like, list[int]]:
    """Accounts without NUMEN, INE, number in an export or identifier from outside, by what they are like, oldest first.

    A line of an import that has none of these means one of them.
    """
    found: dict[Like, list[int]] = {}
    for account_id, *like in sorted(_BARE.rows(tx, list(name_keys)), key=lambda row: int(row[0])):
        ids = found.setdefault((like[0], like[1], like[2], like[3], like[4]), [])
        if account_id not in ids[-1:]:
            ids.append(account_id)
    return found


Description = tuple[str, str, bytes, str]
"""Given name and whole name (folded for searching), hash of the birth date, UAI."""


def unnumbered(tx: Tx, name_keys: Collection[str]) -> dict[Description, list[int]]:
    """Accounts of these names that no export keeps by a number, by name, birth date and school, oldest first."""
    found: dict[Description, list[int]] = {}
    for row in sorted(set(_UNNUMBERED.rows(tx, list(name_keys)))):
        found.setdefault((row[1], row[2], row[3], row[4]), []).append(row[0])
    return found


def any_unnumbered(tx: Tx) -> bool:
    """Whether there is any such account with a birth date at all, in this directory or in an LDAP server."""
    return tx.one(_ANY_UNNUMBERED) is not None


def ties(tx: Tx, account_ids: Collection[int]) -> dict[int, tuple[Affiliation, ...]]:
    """What people are where, in canonical order; those who have no affiliation are left out."""
    found: dict[int, list[Row]] = {}
    for row in _TIES.rows(tx, list(account_ids)):
        found.setdefault(row[0], []).append(row)
    return {
        account_id: tuple(_tie(kind, uai, code, label) for _, kind, uai, code, label in sorted(rows))
        for account_id, rows in found.items()
    }


@lru_cache(maxsize=50_000)
def _tie(kind: str, uai: str, code: str, label: str) -> Affiliation:
    """One object for all who are tied to one thing."""
    return Affiliation(_TIE_OF[kind], code, uai, label)


def of_source(tx: Tx, source: str, after: int, count: int) -> list[tuple[int, str, int]]:
    """Accounts that an export keeps, by number: the number, the state, when it is to be closed."""
    return [(row[0], row[1], row[2]) for row in tx.all(_OF_SOURCE, source=source, after=after, count=count)]


def count_of_source(tx: Tx, source: str) -> int:
    """How many accounts that are not closed an export keeps."""
    query = select(func.count()).where(account.c.source == source, account.c.state != State.CLOSED.value)
    return int(tx.execute(query).scalar_one())


def _known(row: Row) -> Known:
    return Known(*row) if row[_HAS_ENTRY] else Known._make((*row[:_HAS_ENTRY], False, *_NO_ENTRY))


def _oldest(pairs: Any) -> dict[Any, Known]:
    found: dict[Any, Known] = {}
    for key, known in pairs:
        other = found.get(key)
        if other is None or known.account_id < other.account_id:
            found[key] = known
    return found


# ---------------------------------------------------------------------- writing


def reserve(tx: Tx, count: int) -> list[int]:
    """Numbers for new accounts, never given before. The caller is alone: it holds `claims.lock`."""
    if tx.dialect == "postgresql":
        numbers = select(func.nextval(func.pg_get_serial_sequence("account", "id"))).select_from(
            func.generate_series(1, count)
        )
        return [int(row[0]) for row in tx.execute(numbers)]
    # AUTOINCREMENT remembers the highest number ever given, and learns of those given by hand.
    row = tx.execute(text("SELECT seq FROM sqlite_sequence WHERE name = 'account'")).first()
    first = int(row[0]) + 1 if row is not None else 1
    return list(range(first, first + count))


def add_accounts(tx: Tx, people: Sequence[Known]) -> None:
    """New accounts, whose entries are elsewhere or follow."""
    now = tx.now
    accounts = [
        {
            "id": known.account_id,
            "login": known.login,
            "state": State.PENDING.value,
            "state_since": now,
            "created": now,
            "numen": known.numen,
            "ine": known.ine,
            "birth_date": known.birth_date,
            "recovery_address": known.recovery_address,
            "login_given": known.login_given,
            "welcome_due": known.welcome_due,
            "source": known.source,
            "source_key": known.source_key,
        }
        for known in people
    ]
    tx.many(_ADD_ACCOUNT, accounts)


def add_entries(tx: Tx, people: Sequence[tuple[Known, str]]) -> None:
    """Entries for accounts that are there; each with its password's hash, or an empty one."""
    now = tx.now
    tx.many(
        _ADD_PERSON,
        [
            {
                "account_id": known.account_id,
                **{name: getattr(known, name) for name in ENTRY_FIELDS},
                "password": password,
                **name_keys(known.given_name, known.surname),
                "shown_key": words.shown_key(known.display_name, known.common_names),
                "discipline_key": search_key(known.discipline),
                "created": now,
                "modified": now,
            }
            for known, password in people
        ],
    )
    held = [
        {"account_id": known.account_id, "kind": tie.kind.value, "uai": tie.uai, "code": tie.code, "label": tie.label}
        for known, _ in people
        for tie in known.affiliations
    ]
    if held:
        tx.many(_ADD_TIE, held)
    words.refresh(tx, [known.account_id for known, _ in people], fresh=True)
    tx.changed(DIRECTORY, 0)


def set_ties(tx: Tx, held: Mapping[int, Sequence[Affiliation]]) -> None:
    """What people are where, exactly: in canonical form, labels and all (`affiliations.replace` keeps labels)."""
    tx.many(_DROP_TIES, [{"wanted": account_id} for account_id in held])
    rows = [
        {"account_id": account_id, "kind": tie.kind.value, "uai": tie.uai, "code": tie.code, "label": tie.label}
        for account_id, ties_ in held.items()
        for tie in ties_
    ]
    if rows:
        tx.many(_ADD_TIE, rows)
    _set(tx, person, {account_id: {"modified": tx.now} for account_id in held})


def revive(tx: Tx, people: Sequence[Known]) -> None:
    """Accounts whose entry was taken away are as new again."""
    values = {
        known.account_id: {
            **{name: getattr(known, name) for name in _BROUGHT},
            "state": State.PENDING.value,
            "state_since": tx.now,
            "state_before": "",
            "state_reason": "",
            "erase_at": 0,
        }
        for known in people
    }
    set_accounts(tx, values)


def remove_entries(tx: Tx, account_ids: Collection[int]) -> None:
    """Take entries out of the directory."""
    rows = [{"wanted": account_id} for account_id in account_ids]
    tx.many(_DROP_TIES, rows)
    tx.many(_DROP_PERSON, rows)
    words.refresh(tx, account_ids)
    tx.changed(DIRECTORY, 0)


def withdraw(tx: Tx, account_ids: Collection[int], reason: str, erase_at: int) -> None:
    """Close accounts that nobody has used and whose entries go; they keep their names for whoever they were."""
    values = {
        "state": State.CLOSED.value,
        "state_since": tx.now,
        "state_before": State.PENDING.value,
        "state_reason": kept_reason(reason),
        "suspend_from": 0,
        "suspend_until": 0,
        "may_receive": 0,
        "welcome_due": 0,
        "code": None,
        "code_expires": 0,
        "close_at": 0,
        "close_reason": "",
        "erase_at": erase_at,
    }
    set_accounts(tx, dict.fromkeys(account_ids, values))


def missing_schools(tx: Tx, uais: Collection[str]) -> set[str]:
    """Those of these schools that are not known."""
    return set(uais) - {row[0] for row in _SCHOOLS.rows(tx, list(uais))}


def term_labels(tx: Tx, uais: Collection[str]) -> dict[tuple[Tie, str, str], str]:
    """The vocabulary of these schools (empty: the academy's) by kind, school and code: the labels."""
    return {(_TIE_OF[kind], uai, code): label for kind, uai, code, label in _TERMS.rows(tx, list(uais))}


def remove_school(tx: Tx, uai: str) -> bool:
    """Take a school away; False when somebody is there."""
    held = select(person.c.account_id).where(person.c.uai == uai).limit(1)
    # The index begins with the kind.
    kinds = [tie.value for tie in Tie]
    tied = select(affiliation.c.account_id).where(affiliation.c.kind.in_(kinds), affiliation.c.uai == uai).limit(1)
    if tx.execute(held).first() is not None or tx.execute(tied).first() is not None:
        return False
    school_hours.let_go(tx, uai)
    tx.execute(delete(school).where(school.c.uai == uai))
    tx.changed(DIRECTORY, 0)
    return True


def remove_term(tx: Tx, kind: Tie, uai: str, code: str) -> bool:
    """Take a word out of the vocabulary; False when somebody is tied to it."""
    tied = select(affiliation.c.account_id).where(affiliation.c.kind == kind.value, affiliation.c.code == code).limit(1)
    if uai:
        tied = tied.where(affiliation.c.uai == uai)
    if tx.execute(tied).first() is not None:
        return False
    tx.execute(
        delete(vocabulary_entry).where(
            vocabulary_entry.c.kind == kind.value, vocabulary_entry.c.uai == uai, vocabulary_entry.c.code == code
        )
    )
    tx.changed(DIRECTORY, 0)
    return True


def name_keys(given_name: str, surname: str) -> dict[str, str]:
    """The columns by which names are searched."""
    given, family = search_key(given_name), search_key(surname)
    return {"given_key": given, "surname_key": family, "name_key": f"{given} {family}".strip()}


def set_accounts(tx: Tx, values: Mapping[int, Mapping[str, Any]]) -> None:
    """Set columns of many accounts that open and close nothing."""
    _set(tx, account, values)


def set_entries(tx: Tx, values: Mapping[int, Mapping[str, Any]]) -> None:
    """Set columns of many entries; a name or discipline brings its keys.

    Both names come together, as do display name and common names.
    """
    whole = {}
    for account_id, columns in values.items():
        row = {**columns, "modified": tx.now}
        if "given_name" in columns:
            row |= name_keys(columns["given_name"], columns["surname"])
        if "display_name" in columns:
            row["shown_key"] = words.shown_key(columns["display_name"], columns["common_names"])
        if "discipline" in columns:
            row["discipline_key"] = search_key(columns["discipline"])
        whole[account_id] = row
    _set(tx, person, whole)
    words.refresh(tx, [account_id for account_id, columns in values.items() if not _INDEXED.isdisjoint(columns)])


@lru_cache(maxsize=256)
def _update(table: Table, names: tuple[str, ...]) -> Statement:
    key = account.c.id if table is account else person.c.account_id
    change: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    return Statement(update(table).where(key == bindparam("wanted")).values(**change))


def _set(tx: Tx, table: Table, values: Mapping[int, Mapping[str, Any]]) -> None:
    """One driver call for all rows that set the same columns."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for account_id, columns in values.items():
        if columns:
            row = {f"new_{name}": value for name, value in columns.items()}
            groups.setdefault(tuple(sorted(columns)), []).append({**row, "wanted": account_id})
    for names, rows in groups.items():
        tx.many(_update(table, names), rows)
    for account_id in values:
        tx.changed(account_id, 0)
    if values:
        tx.changed(DIRECTORY, 0)
