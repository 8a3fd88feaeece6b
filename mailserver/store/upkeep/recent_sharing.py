"""What an account has shared lately: its mailboxes, agendas and address books, mailboxes of others in which it may give
rights, who holds a functional box and who is in a list or owns it by its doing; ended where somebody else got into the
account, and given back where that was a false alarm.

What was widened lately counts as shared lately: the rows know when something was first given, the record knows of each
change.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, select

from mailserver.store.agenda import agendas
from mailserver.store.engine.statements import Tx
from mailserver.store.mail.access.rights import write
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin, Wanted
from mailserver.store.record.notices import DIRECTORY
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.agendas import collection, collection_grant
from mailserver.store.schema.mail.messages import mailbox
from mailserver.store.schema.mail.sharing import mailbox_right
from mailserver.store.upkeep import recent_holders, recent_members
from mailserver.texts.causes import Cause

MOST_CHANGES = 20_000
"""Changes of rights that are looked at: as many as an account may have entries."""
_DAV = "/dav/ "
"""Before the name of a collection, on record."""
_MAILBOX = ("mailbox_id", "identifier", "negative", "rights", "since")
_OWNER = "owner"
"""The account whose mailbox it is, beside what a row of rights has."""
_COLLECTION = ("collection_id", "account_id", "role", "colour", "granted")


@dataclass(frozen=True, slots=True)
class Given:
    """Somebody who reaches something by what the account did. `place`: a mailbox, that of others with their login
    before it, what its owner calls an agenda or address book, or the address of a functional box or list; `rights` as
    they are kept."""

    place: str
    who: str
    rights: str


def lately(tx: Tx, account_id: int, since: int) -> list[Given]:
    """What was given, or made more, since then."""
    rights, grants = _found(tx, account_id, since)
    shared = [_of_mailbox(tx, account_id, row) for row in rights] + [_of_collection(row) for row in grants]
    listed = (*recent_holders.found(tx, account_id, since), *recent_members.found(tx, account_id, since))
    return shared + [_of_list(row) for row in listed]


def end(tx: Tx, account_id: int, since: int, origin: Origin) -> tuple[list[Given], dict[str, list[dict[str, Any]]]]:
    """End it; what it was, and what `give_back` needs."""
    _lock(tx, account_id, since)
    rights, grants = _found(tx, account_id, since)
    for row in rights:
        here = (mailbox_right.c.mailbox_id == row["mailbox_id"]) & (mailbox_right.c.identifier == row["identifier"])
        tx.execute(delete(mailbox_right).where(here, mailbox_right.c.negative == 0))
    for row in grants:
        here = collection_grant.c.collection_id == row["collection_id"]
        tx.execute(delete(collection_grant).where(here, collection_grant.c.account_id == row["account_id"]))
    _tell(tx, account_id, rights, grants, origin, ended=True)
    kept = {
        "rights": [{key: row[key] for key in (*_MAILBOX, _OWNER)} for row in rights],
        "grants": [{key: row[key] for key in _COLLECTION} for row in grants],
    }
    kept["holders"] = recent_holders.end(tx, account_id, since, origin)
    kept["people"] = recent_members.end(tx, account_id, since, origin)
    shared = [_of_mailbox(tx, account_id, row) for row in rights] + [_of_collection(row) for row in grants]
    return shared + [_of_list(row) for row in (*kept["holders"], *kept["people"])], kept


def give_back(tx: Tx, account_id: int, kept: Mapping[str, Any], origin: Origin) -> list[Given]:
    """Share again what `end` ended, where it is still there and its owner has not said otherwise since."""
    rights = [
        row
        for row in kept.get("rights", ())
        if _is_owned(tx, mailbox, row["mailbox_id"], row.get(_OWNER, account_id))
        and tx.insert_ignore(mailbox_right, {key: row[key] for key in _MAILBOX})
    ]
    grants = []
    for row in kept.get("grants", ()):
        is_there = tx.execute(select(account.c.id).where(account.c.id == row["account_id"])).first() is not None
        owned = is_there and _is_owned(tx, collection, row["collection_id"], account_id)
        if owned and tx.insert_ignore(collection_grant, row):
            grants.append(row)
    named = [
        {
            _OWNER: account_id,
            **row,
            "name": tx.execute(select(mailbox.c.name).where(mailbox.c.id == row["mailbox_id"])).scalar_one(),
        }
        for row in rights
    ]
    held = {(row["collection_id"], row["account_id"]) for row in grants}
    back = [
        dict(row)
        for row in tx.execute(_GRANTS.where(collection.c.account_id == account_id)).mappings()
        if (row["collection_id"], row["account_id"]) in held
    ]
    _tell(tx, account_id, named, back, origin, ended=False)
    listed = [
        *recent_holders.give_back(tx, kept.get("holders", ()), origin),
        *recent_members.give_back(tx, kept.get("people", ()), origin),
    ]
    return (
        [_of_mailbox(tx, account_id, row) for row in named]
        + [_of_collection(row) for row in back]
        + [_of_list(row) for row in listed]
    )


_RIGHTS: Select[Any] = select(
    *(mailbox_right.c[key] for key in _MAILBOX), mailbox.c.name, mailbox.c.account_id.label(_OWNER)
).join(mailbox, mailbox.c.id == mailbox_right.c.mailbox_id)
_GRANTS: Select[Any] = (
    select(
        *(collection_grant.c[key] for key in _COLLECTION),
        *(collection.c.name, collection.c.props),
        account.c.login,
    )
    .join(collection, collection.c.id == collection_grant.c.collection_id)
    .join(account, account.c.id == collection_grant.c.account_id)
)


def _found(tx: Tx, account_id: int, since: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of mailboxes and of collections. What takes rights away stays."""
    changed, elsewhere = _changed(tx, account_id, since), _elsewhere(tx, account_id, since)
    reached = (mailbox.c.account_id == account_id) | mailbox.c.id.in_(sorted({number for number, _ in elsewhere}))
    rights = _RIGHTS.where(reached, mailbox_right.c.negative == 0)
    grants = _GRANTS.where(collection.c.account_id == account_id)
    return (
        [
            dict(row)
            for row in tx.execute(rights.order_by(mailbox.c.name, mailbox_right.c.identifier)).mappings()
            if (row["mailbox_id"], row["identifier"]) in elsewhere
            or (
                row[_OWNER] == account_id
                and (row["since"] >= since or _is_named(changed, row["mailbox_id"], row["name"], row["identifier"]))
            )
        ],
        [
            dict(row)
            for row in tx.execute(grants.order_by(collection.c.id, account.c.login)).mappings()
            if row["granted"] >= since or _is_named(changed, row["collection_id"], f"{_DAV}{row['name']}", row["login"])
        ],
    )


def _changed(tx: Tx, account_id: int, since: int) -> set[tuple[bool, int | str, str]]:
    """The places and the people of which the record says that rights changed: whether it is a collection, its number
    (a place may have another name since; rows of before 0.7 have its name alone), who."""
    events = audit.find(tx, Wanted(account_id, Action.RIGHTS_CHANGED, since=since), MOST_CHANGES)
    found: set[tuple[bool, int | str, str]] = set()
    for one in events:
        name, who = str(one.detail.values.get("mailbox", "")), str(one.detail.values.get("who", ""))
        number = one.detail.values.get("number")
        found.add((name.startswith(_DAV), number if isinstance(number, int) else name, who))
    return found


def _elsewhere(tx: Tx, account_id: int, since: int) -> set[tuple[int, str]]:
    """The mailboxes of others in which the account gave rights, and to whom."""
    login = tx.execute(select(account.c.login).where(account.c.id == account_id)).scalar_one_or_none()
    if not login:
        return set()
    events = audit.find(tx, Wanted(action=Action.RIGHTS_CHANGED, actor=str(login), since=since), MOST_CHANGES)
    return {
        (int(one.detail.values["number"]), str(one.detail.values["who"]))
        for one in events
        if one.account_id != account_id
        and "number" in one.detail.values
        and not str(one.detail.values["mailbox"]).startswith(_DAV)
    }


def _is_named(changed: set[tuple[bool, int | str, str]], number: int, name: str, who: str) -> bool:
    dav = name.startswith(_DAV)
    return (dav, number, who) in changed or (dav, name, who) in changed


def _lock(tx: Tx, account_id: int, since: int) -> None:
    """As `acl.change` and `agenda_grants` do, each in one order: what is given at this moment is seen, or waits."""
    elsewhere = sorted({number for number, _ in _elsewhere(tx, account_id, since)})
    own = select(mailbox.c.id).where((mailbox.c.account_id == account_id) | mailbox.c.id.in_(elsewhere))
    tx.execute(own.order_by(mailbox.c.id).with_for_update())
    held = select(collection.c.id).where(collection.c.account_id == account_id)
    tx.execute(held.order_by(collection.c.id).with_for_update())


def _is_owned(tx: Tx, table: Any, number: int, account_id: int) -> bool:
    mine = (table.c.id == number, table.c.account_id == account_id)
    return tx.execute(select(table.c.id).where(*mine)).first() is not None


def _of_mailbox(tx: Tx, account_id: int, row: Mapping[str, Any]) -> Given:
    place = str(row["name"])
    if row[_OWNER] != account_id:
        owner = tx.execute(select(account.c.login).where(account.c.id == row[_OWNER])).scalar_one()
        place = f"{owner}/{place}"
    return Given(place, str(row["identifier"]), str(row["rights"]))


def _of_collection(row: Mapping[str, Any]) -> Given:
    shown = json.loads(row["props"]).get(agendas.DISPLAY_NAME) or str(row["name"])
    return Given(shown, str(row["login"]), str(row["role"]))


def _of_list(row: Mapping[str, Any]) -> Given:
    return Given(str(row["list"]), str(row["member"]), str(row["rights"]))


def _tell(
    tx: Tx,
    account_id: int,
    rights: Sequence[Mapping[str, Any]],
    grants: Sequence[Mapping[str, Any]],
    origin: Origin,
    *,
    ended: bool,
) -> None:
    """On record, as any change of rights; and whoever looks, looks again."""
    said = [
        (int(row[_OWNER]), row["name"], row["mailbox_id"], row["identifier"], write(frozenset(row["rights"])))
        for row in rights
    ]
    said += [(account_id, f"{_DAV}{row['name']}", row["collection_id"], row["login"], row["role"]) for row in grants]
    rows = []
    for owner, place, number, who, had in said:
        was, now = (had, "nothing") if ended else ("nothing", had)
        detail = Cause("mailbox-rights", mailbox=place, number=number, who=who, before=(was,), rights=(now,))
        rows.append((Action.RIGHTS_CHANGED, owner, detail))
    audit.record_many(tx, origin, rows)
    readers = {str(row["identifier"]) for row in rights}
    known = tx.execute(select(account.c.login, account.c.id).where(account.c.login.in_(sorted(readers))))
    people = {str(row.login): int(row.id) for row in known}
    for row in rights:
        tx.changed(int(row[_OWNER]), int(row["mailbox_id"]))
        tx.changed(people.get(str(row["identifier"]), DIRECTORY), 0)
    for row in grants:
        tx.changed(int(row["account_id"]), 0)
    if said:
        tx.changed(account_id, 0)
