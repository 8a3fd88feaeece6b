"""Renaming and removing schools, terms, lists and aliases, with everything that speaks of them, in one unit."""

from collections.abc import Collection, Mapping

from sqlalchemy import Column, Table, delete, exists, func, insert, literal, select, union, update

from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import code_key
from mailserver.model.identity import Tie
from mailserver.store.engine.statements import Tx
from mailserver.store.mail.access.rights import WORDS
from mailserver.store.people import school_hours, vocabulary_entries
from mailserver.store.people.mailing_lists import lists, outside_members
from mailserver.store.record.notices import DIRECTORY, moved
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.people.entries import affiliation, person, school, vocabulary_entry
from mailserver.store.schema.people.rosters import (
    archived_post,
    digest_post,
    digest_unit,
    held_message,
    list_choice,
    list_member,
    list_owner,
    list_post,
    list_writer,
    mailing_list,
)

# ---------------------------------------------------------------------- schools


def held_by_school(tx: Tx, uai: str) -> int:
    """How many people and lists belong to a school."""
    people = union(
        select(person.c.account_id).where(person.c.uai == uai),
        select(affiliation.c.account_id).where(affiliation.c.uai == uai),
    ).subquery()
    held = tx.execute(select(func.count()).select_from(people)).scalar_one()
    return int(held) + int(tx.execute(select(func.count()).where(mailing_list.c.uai == uai)).scalar_one())


def remove_school(tx: Tx, uai: str) -> bool:
    """Take a school away to which nobody belongs; False when there was none."""
    school_hours.let_go(tx, uai)
    done = tx.execute(delete(school).where(school.c.uai == uai))
    tx.changed(DIRECTORY, 0)
    return bool(done.rowcount)


def rename_school(tx: Tx, old: str, new: str) -> None:
    """Give a school another UAI: its people, groups, lists and quiet hours follow. Raises Refused(CONFLICT)."""
    if tx.execute(select(school.c.uai).where(school.c.uai == new)).first() is not None:
        raise Refused(Reason.CONFLICT, f"{new}: there is such a school")
    touched = _people_of(tx, old)
    hours = school_hours.let_go(tx, old)
    _rewrite(tx, affiliation, affiliation.c.uai, old, new)
    tx.execute(
        update(affiliation)
        .where(affiliation.c.kind == Tie.SCHOOL.value, affiliation.c.uai == new, affiliation.c.code == old)
        .values(code=new)
    )
    for table in (vocabulary_entry, person, mailing_list, school):
        _rewrite(tx, table, table.c.uai, old, new)
    if hours is not None:
        school_hours.keep(tx, new, hours)
    _touch(tx, touched)


def _people_of(tx: Tx, uai: str) -> list[int]:
    rows = tx.execute(
        union(
            select(person.c.account_id).where(person.c.uai == uai),
            select(affiliation.c.account_id).where(affiliation.c.uai == uai),
        )
    )
    return [int(row[0]) for row in rows]


# ---------------------------------------------------------------------- terms


def held_by_term(tx: Tx, kind: Tie, uai: str, code: str) -> int:
    """How many people are in a class or group, or have a function or discipline."""
    return len(_people_in(tx, kind, uai, code))


def rename_term(tx: Tx, kind: Tie, uai: str, old: str, new: str) -> None:
    """Give a term another code; its people follow. Raises Refused(CONFLICT)."""
    if vocabulary_entries.get(tx, kind, uai, new) is not None:
        raise Refused(Reason.CONFLICT, f"{new}: there is such a code")
    people = _people_in(tx, kind, uai, old)
    _forget_doubles(tx, kind, uai, old, new)
    wanted: list[tuple[Table, Mapping[str, str]]] = [
        (vocabulary_entry, {"kind": kind.value, "uai": uai}),
        # Functions and disciplines have one vocabulary, and are held in any school.
        (affiliation, {"kind": kind.value, **({"uai": uai} if uai else {})}),
    ]
    for table, where in wanted:
        same = [table.c[name] == value for name, value in where.items()]
        tx.execute(update(table).where(*same, table.c.code == code_key(old)).values(code=code_key(new)))
    _touch(tx, people)


def relabel_term(tx: Tx, kind: Tie, uai: str, code: str, label: str) -> None:
    """Name what people are tied to; functions and disciplines wherever they are held."""
    same = [affiliation.c.kind == kind.value, affiliation.c.code == code_key(code)]
    if uai:
        same.append(affiliation.c.uai == uai)
    tx.execute(update(affiliation).where(*same).values(label=label))


def _forget_doubles(tx: Tx, kind: Tie, uai: str, old: str, new: str) -> None:
    """Who has both codes in one school keeps one."""
    other = affiliation.alias()
    same = [affiliation.c.kind == kind.value, affiliation.c.code == code_key(old)]
    if uai:
        same.append(affiliation.c.uai == uai)
    twice = exists(
        select(other.c.account_id).where(
            other.c.account_id == affiliation.c.account_id,
            other.c.kind == affiliation.c.kind,
            other.c.uai == affiliation.c.uai,
            other.c.code == code_key(new),
        )
    )
    tx.execute(delete(affiliation).where(*same, twice))


def _people_in(tx: Tx, kind: Tie, uai: str, code: str) -> list[int]:
    same = [affiliation.c.kind == kind.value, affiliation.c.code == code_key(code)]
    if uai:
        same.append(affiliation.c.uai == uai)
    rows = tx.execute(select(affiliation.c.account_id).where(*same).distinct())
    return [int(row[0]) for row in rows]


# ---------------------------------------------------------------------- lists


def rename_list(tx: Tx, old: str, new: str) -> None:
    """Give a list another address, which is claimed already; where it is a member itself it stays one."""
    columns = [column for column in mailing_list.c if column.name != "address"]
    copied = select(literal(new), *columns).where(mailing_list.c.address == old)
    tx.execute(insert(mailing_list).from_select(["address", *(column.name for column in columns)], copied))
    lists.forget_posts(tx, new)
    for table in (list_member, list_owner, list_writer, held_message, archived_post):
        _rewrite(tx, table, table.c.list, old, new)
    for table in (list_post, digest_post, digest_unit, list_choice):
        _rewrite(tx, table, table.c.list, old, new)
    outside_members.rename(tx, old, new)
    readdress(tx, (old,), new)
    tx.execute(update(account).where(account.c.login == old).values(login=new))  # a functional box keeps its mail
    tx.execute(delete(mailing_list).where(mailing_list.c.address == old))
    tx.execute(update(mailing_list).where(mailing_list.c.address == new).values(modified=tx.now))
    tx.changed(DIRECTORY, 0)


def readdress(tx: Tx, old: Collection[str], new: str) -> None:
    """Lists that know somebody by an address that leads nowhere any more know them by another."""
    for address in old:
        _join_rights(tx, address, new)
        for table, column in (
            (list_member, list_member.c.member),
            (list_owner, list_owner.c.owner),
            (list_writer, list_writer.c.writer),
        ):
            both = select(table.c.list).where(column == new)
            tx.execute(delete(table).where(column == address, table.c.list.in_(both)))
            _rewrite(tx, table, column, address, new)
        _rewrite(tx, mailing_list, mailing_list.c.owner, address, new)
    tx.changed(DIRECTORY, 0)


def _join_rights(tx: Tx, old: str, new: str) -> None:
    """Who holds a functional box by two addresses may do what is said of either: the one that stays says all of it."""
    said: dict[str, dict[str, str]] = {}
    rows = select(list_member.c.list, list_member.c.member, list_member.c.rights)
    for box, member, words in map(tuple, tx.execute(rows.where(list_member.c.member.in_((old, new))))):
        said.setdefault(box, {})[member] = words
    for box, of in said.items():
        if len(of) == 2:
            held = {*of[old].split(), *of[new].split()}
            here = (list_member.c.list == box) & (list_member.c.member == new)
            tx.execute(update(list_member).where(here).values(rights=" ".join(one for one in WORDS if one in held)))


def _rewrite(tx: Tx, table: Table, column: "Column[str]", old: str, new: str) -> None:
    tx.execute(update(table).where(column == old).values({column.name: new}))


def _touch(tx: Tx, account_ids: list[int]) -> None:
    for account_id in account_ids:
        moved(tx, account_id)
    tx.changed(DIRECTORY, 0)
