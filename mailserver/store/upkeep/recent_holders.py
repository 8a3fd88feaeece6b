"""Who holds a functional box since an account lately said so: taken out of it where somebody else had got into the
account, and back in where that was a false alarm.

Whoever manages a box may give it to others; the record names each of them, and who did it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select

from mailserver.model.identity import ListKind
from mailserver.store.engine.statements import Tx
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Event, Origin, Wanted
from mailserver.store.record.notices import DIRECTORY
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.people.entries import claim
from mailserver.store.schema.people.rosters import list_member, mailing_list
from mailserver.texts.causes import Cause

MOST_CHANGES = 20_000
"""Changes of rights that are looked at."""
_BOX = "box-holders"

Holder = dict[str, str]
"""A row of `list_member`: `list`, `member`, `rights`."""


def found(tx: Tx, account_id: int, since: int) -> list[Holder]:
    """Those whom the account put in, or let do more, since then, and who are in still; not itself."""
    login = tx.execute(select(account.c.login).where(account.c.id == account_id)).scalar_one_or_none()
    if not login:
        return []
    events = audit.find(tx, Wanted(action=Action.RIGHTS_CHANGED, actor=str(login), since=since), MOST_CHANGES)
    mine = set(tx.execute(select(claim.c.name).where(claim.c.account_id == account_id)).scalars())
    holders: dict[tuple[str, str], Holder] = {}
    for address, member in (named for event in events for named in _named(event)):
        if member in mine or (address, member) in holders:
            continue
        here = (list_member.c.list == address, list_member.c.member == member)
        row = tx.execute(select(list_member.c.rights).where(*here)).first()
        if row is not None:
            holders[address, member] = {"list": address, "member": member, "rights": str(row.rights)}
    return [holders[key] for key in sorted(holders)]


def end(tx: Tx, account_id: int, since: int, origin: Origin) -> list[Holder]:
    """Take them out; who they were, for `give_back`."""
    gone = found(tx, account_id, since)
    for row in gone:
        tx.execute(delete(list_member).where(list_member.c.list == row["list"], list_member.c.member == row["member"]))
    _tell(tx, gone, origin, ended=True)
    return gone


def give_back(tx: Tx, kept: Sequence[Mapping[str, Any]], origin: Origin) -> list[Holder]:
    """Put them in again, where the box is still there and nobody has put them in since."""
    back = []
    for row in kept:
        is_box = (mailing_list.c.address == row["list"], mailing_list.c.kind == ListKind.FUNCTION.value)
        is_there = tx.execute(select(mailing_list.c.address).where(*is_box)).first() is not None
        known = tx.execute(select(claim.c.name).where(claim.c.name == row["member"], claim.c.live == 1)).first()
        if is_there and known is not None and tx.insert_ignore(list_member, dict(row)):
            back.append({key: str(value) for key, value in row.items()})
    _tell(tx, back, origin, ended=False)
    return back


def _named(event: Event) -> Iterator[tuple[str, str]]:
    """The box and the holders that a row names (`address words; address words`)."""
    if event.detail.name != _BOX:
        return
    for one in str(event.detail.values["holders"]).split("; "):
        if member := one.partition(" ")[0]:
            yield str(event.detail.values["address"]), member


def _tell(tx: Tx, rows: Sequence[Holder], origin: Origin, *, ended: bool) -> None:
    """On record, as any change of rights; and whoever looks, looks again."""
    for row in rows:
        box = mailing_list.c.address == row["list"]
        box_id = int(tx.execute(select(mailing_list.c.box_id).where(box)).scalar() or 0)
        said = row["member"] if ended else f"{row['member']} {row['rights']}"
        audit.record(tx, origin, Action.RIGHTS_CHANGED, box_id, Cause(_BOX, address=row["list"], holders=said))
    if rows:
        tx.changed(DIRECTORY, 0)
