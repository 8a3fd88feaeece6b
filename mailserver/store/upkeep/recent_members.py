"""Who is in a list, owns it or may write to it since an account lately said so: out again where somebody else had got
into the account, and back in where that was a false alarm. Lists that the account made since are not looked at, for
nobody wrote to them before; one that it deleted and made again is no new one.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select

from mailserver.store.engine.statements import Tx
from mailserver.store.people.mailing_lists import lists
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Event, Origin, Wanted
from mailserver.store.record.notices import DIRECTORY
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.people.entries import claim
from mailserver.store.schema.people.rosters import list_writer
from mailserver.texts.causes import Cause

MOST_CHANGES = 20_000
"""Changes of lists that are looked at."""
MEMBERS, OWNERS, WRITERS = "members", "owners", "named writers"
"""What people are to a list, as rows of the record say it."""
ADDED, REMOVED = "list-people-added", "list-people-removed"
_MADE, _DELETED, _RENAMED = "list-made", "list-deleted", "list-renamed"

Person = dict[str, str]
"""`list`, `member` and what they are to it: `rights`."""


def found(tx: Tx, account_id: int, since: int) -> list[Person]:
    """Those whom the account put in since then, and who are in still; not itself."""
    login = tx.execute(select(account.c.login).where(account.c.id == account_id)).scalar_one_or_none()
    if not login:
        return []
    changes = Wanted(action=Action.LIST_CHANGED, since=since)
    names, new, gone, added = _Names(), set[str](), set[str](), dict[tuple[str, str, str], None]()
    for event in reversed(audit.find(tx, changes, MOST_CHANGES)):
        names.follow(event)
        if event.actor != login:
            continue
        address = str(event.detail.values.get("address", ""))
        if event.detail.name == _DELETED:
            gone.add(address)
        elif event.detail.name == _MADE and address not in gone:
            new.add(address)
        if address not in new:
            added.update(dict.fromkeys(_named(event, ADDED)))
    mine = set(tx.execute(select(claim.c.name).where(claim.c.account_id == account_id)).scalars())
    people = {(names.now(address), what, who): None for address, what, who in added if who not in mine}
    there = _standing(tx, list(people))
    return [{"list": one[0], "rights": one[1], "member": one[2]} for one in sorted(there)]


def end(tx: Tx, account_id: int, since: int, origin: Origin) -> list[Person]:
    """Take them out; who they were, for `give_back`."""
    gone = found(tx, account_id, since)
    for address, what, who in _grouped(gone):
        if what == OWNERS:
            entry = lists.get(tx, address)
            if entry is not None:
                lists.set_owners(tx, address, [one for one in lists.owners(tx, entry) if one not in who])
        elif what == MEMBERS:
            lists.remove_members(tx, address, who)
        else:
            writers = list_writer.c.list == address
            tx.execute(delete(list_writer).where(writers, list_writer.c.writer.in_(who)))
    _tell(tx, gone, origin, REMOVED)
    return gone


def give_back(tx: Tx, kept: Sequence[Mapping[str, Any]], origin: Origin) -> list[Person]:
    """Put them in again, where the list is still there and nobody has put them in since."""
    rows = [{key: str(value) for key, value in row.items()} for row in kept]
    there = _standing(tx, [(row["list"], row["rights"], row["member"]) for row in rows])
    back = []
    for address, what, who in _grouped(rows):
        entry = lists.get(tx, address)
        if entry is None:
            continue
        fresh = [one for one in who if (address, what, one) not in there]
        if what == OWNERS:
            now = lists.owners(tx, entry)
            fresh = fresh[: max(0, lists.MAX_OWNERS - len(now))]
            lists.set_owners(tx, address, (*now, *fresh))
        elif what == MEMBERS:
            lists.add_members(tx, address, fresh)
        else:
            for one in fresh:
                tx.insert_ignore(list_writer, {"list": address, "writer": one})
        back += [{"list": address, "rights": what, "member": one} for one in fresh]
    _tell(tx, back, origin, ADDED)
    return back


class _Names:
    """What lists that were renamed are called by now."""

    def __init__(self) -> None:
        self._now: dict[str, str] = {}

    def follow(self, event: Event) -> None:
        """Rows in the order in which they were written."""
        if event.detail.name == _RENAMED:
            old, new = (str(event.detail.values[key]) for key in ("address", "name"))
            self._now = {was: new if now == old else now for was, now in self._now.items()}
            self._now[old] = new

    def now(self, address: str) -> str:
        return self._now.get(address, address)


def _named(event: Event, code: str) -> Iterator[tuple[str, str, str]]:
    """The list, what they are to it, and the people that a row names."""
    if event.detail.name == code:
        for one in event.detail.values["people"]:
            yield str(event.detail.values["address"]), str(event.detail.values["what"][0]), str(one)


def _standing(tx: Tx, people: Sequence[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    """Those who are to a list today what is said of them."""
    there = set()
    rows = [{"list": address, "rights": what, "member": who} for address, what, who in people]
    for address, what, who in _grouped(rows):
        if what == OWNERS:
            entry = lists.get(tx, address)
            held = set(lists.owners(tx, entry)) if entry is not None else set()
        else:
            held = set(lists.among(tx, address, who) if what == MEMBERS else lists.named_writers(tx, address))
        there |= {(address, what, one) for one in who if one in held}
    return there


def _grouped(rows: Sequence[Person]) -> list[tuple[str, str, list[str]]]:
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        found.setdefault((row["list"], row["rights"]), []).append(row["member"])
    return [(address, what, who) for (address, what), who in found.items()]


def _tell(tx: Tx, rows: Sequence[Person], origin: Origin, code: str) -> None:
    """On record, each by name; and whoever looks, looks again."""
    said = [Cause(code, address=row["list"], what=(row["rights"],), people=(row["member"],)) for row in rows]
    audit.record_many(tx, origin, [(Action.LIST_CHANGED, 0, one) for one in said])
    if rows:
        tx.changed(DIRECTORY, 0)
