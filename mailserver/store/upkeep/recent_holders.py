"""Who holds a functional box since an account lately said so, or may do more in it: as it was before where somebody
else had got into the account, and given back where that was a false alarm.

Whoever manages a box may give it to others; the record names each of them, what they could do before and after, and who
did it. Nobody gets more by this: whom the account took out stays out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update

from mailserver.model.identity import ListKind
from mailserver.store.engine.statements import Tx
from mailserver.store.mail.access.rights import WORDS
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Event, Origin, Wanted
from mailserver.store.record.notices import DIRECTORY
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.people.entries import claim
from mailserver.store.schema.people.rosters import list_member, mailing_list
from mailserver.texts.causes import Cause

MOST_CHANGES = 20_000
"""Changes of rights that are looked at."""
BOX = "box-holder"
_BOXES = "box-holders"
"""Rows of before 0.7, which name several holders and not what they had."""
NOTHING = ("nothing",)

Holder = dict[str, str]
"""A row of `list_member`: `list`, `member`, `rights`; and `before`, the words that stay, or nothing."""


@dataclass(frozen=True, slots=True)
class _Change:
    """What a row of the record says of one holder. `before` None: it does not say."""

    address: str
    member: str
    before: frozenset[str] | None


def found(tx: Tx, account_id: int, since: int) -> list[Holder]:
    """Those whom the account put in, or let do more, since then, and who still may."""
    login = tx.execute(select(account.c.login).where(account.c.id == account_id)).scalar_one_or_none()
    if not login:
        return []
    events = audit.find(tx, Wanted(action=Action.RIGHTS_CHANGED, actor=str(login), since=since), MOST_CHANGES)
    mine = set(tx.execute(select(claim.c.name).where(claim.c.account_id == account_id)).scalars())
    first: dict[tuple[str, str], frozenset[str]] = {}
    for change in (named for event in events for named in _named(tx, event)):  # newest first: the oldest one stays
        if change.before is not None:
            first[change.address, change.member] = change.before
        elif change.member not in mine:
            first[change.address, change.member] = frozenset()
    holders = []
    for (address, member), before in sorted(first.items()):
        here = (list_member.c.list == address, list_member.c.member == member)
        row = tx.execute(select(list_member.c.rights).where(*here)).first()
        if row is not None and (more := set(str(row.rights).split()) - before):
            kept = " ".join(word for word in WORDS if word in before and word not in more)
            holders.append({"list": address, "member": member, "rights": str(row.rights), "before": kept})
    return holders


def end(tx: Tx, account_id: int, since: int, origin: Origin) -> list[Holder]:
    """They may do again what they might before, or nothing; who they were, for `give_back`."""
    gone = found(tx, account_id, since)
    for row in gone:
        here = (list_member.c.list == row["list"], list_member.c.member == row["member"])
        if row["before"]:
            tx.execute(update(list_member).where(*here).values(rights=row["before"]))
        else:
            tx.execute(delete(list_member).where(*here))
    _tell(tx, gone, origin, ended=True)
    return gone


def give_back(tx: Tx, kept: Sequence[Mapping[str, Any]], origin: Origin) -> list[Holder]:
    """What was ended holds again, where the box is still there and nobody has said otherwise since."""
    back = []
    for row in ({"before": "", **{key: str(value) for key, value in one.items()}} for one in kept):
        is_box = (mailing_list.c.address == row["list"], mailing_list.c.kind == ListKind.FUNCTION.value)
        is_there = tx.execute(select(mailing_list.c.address).where(*is_box)).first() is not None
        known = tx.execute(select(claim.c.name).where(claim.c.name == row["member"], claim.c.live == 1)).first()
        if is_there and known is not None and _is_held_again(tx, row):
            back.append(row)
    _tell(tx, back, origin, ended=False)
    return back


def _is_held_again(tx: Tx, row: Holder) -> bool:
    if not row["before"]:
        return tx.insert_ignore(list_member, {key: row[key] for key in ("list", "member", "rights")}) == 1
    same = (list_member.c.list == row["list"], list_member.c.member == row["member"])
    as_left = update(list_member).where(*same, list_member.c.rights == row["before"])
    return tx.execute(as_left.values(rights=row["rights"])).rowcount == 1


def _named(tx: Tx, event: Event) -> Iterator[_Change]:
    """The holders that a row names, newest first within it; the box may have another address since."""
    values = event.detail.values
    if event.detail.name not in (BOX, _BOXES):
        return
    address = str(values["address"])
    if event.account_id:
        here = mailing_list.c.box_id == event.account_id
        address = str(tx.execute(select(mailing_list.c.address).where(here)).scalar() or address)
    if event.detail.name == BOX:
        before = frozenset(map(str, values["before"])).intersection(WORDS)
        yield _Change(address, str(values["who"]), before)
        return
    for one in str(values["holders"]).split("; "):
        if member := one.partition(" ")[0]:
            yield _Change(address, member, None)


def _tell(tx: Tx, rows: Sequence[Holder], origin: Origin, *, ended: bool) -> None:
    """On record, as any change of rights; and whoever looks, looks again."""
    for row in rows:
        box = mailing_list.c.address == row["list"]
        box_id = int(tx.execute(select(mailing_list.c.box_id).where(box)).scalar() or 0)
        less, more = (tuple(row[key].split()) or NOTHING for key in ("before", "rights"))
        before, after = (more, less) if ended else (less, more)
        said = Cause(BOX, address=row["list"], who=row["member"], before=before, after=after)
        audit.record(tx, origin, Action.RIGHTS_CHANGED, box_id, said)
    if rows:
        tx.changed(DIRECTORY, 0)
