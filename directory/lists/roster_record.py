"""What the audit says of who is in a list, owns it, may write to it, or holds a functional box: each by name, with what
they might do before and may do now. Who secures a hijacked account looks for them (`store.upkeep.recent_holders`,
`recent_members`).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from mailserver.store.engine.statements import Tx
from mailserver.store.people.mailing_lists import lists
from mailserver.store.people.mailing_lists.lists import ListEntry
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.texts.causes import Cause

MEMBERS, OWNERS, WRITERS = "members", "owners", "named writers"
"""What people are to a list, as rows say it."""
ROOM = 1000
"""Characters of addresses in one row: JSON, and the list's own address, stay below `causes.MAX_PARAMETERS`."""
NOTHING = ("nothing",)


def holders(tx: Tx, entry: ListEntry, before: Mapping[str, str], origin: Origin) -> None:
    """Whoever holds a functional box with other words than before, a row each."""
    after = dict(lists.holders(tx, entry.address))
    rows = []
    for who in sorted({*before, *after}):
        had, has = (tuple(words.get(who, "").split()) for words in (before, after))
        if had != has:
            said = Cause("box-holder", address=entry.address, who=who, before=had or NOTHING, after=has or NOTHING)
            rows.append((Action.RIGHTS_CHANGED, entry.box_id, said))
    audit.record_many(tx, origin, rows)


def people(tx: Tx, address: str, what: str, before: Collection[str], after: Collection[str], origin: Origin) -> None:
    """Whoever came and went, in as many rows as that takes. Addresses are folded."""
    rows = []
    came, went = (dict.fromkeys(one) for one in (after, before))
    for one in came.keys() & went.keys():
        del came[one], went[one]
    for code, who in (("list-people-added", came), ("list-people-removed", went)):
        for some in _portions(who):
            said = Cause(code, address=address, what=(what,), people=tuple(some))
            rows.append((Action.LIST_CHANGED, 0, said))
    audit.record_many(tx, origin, rows)


def _portions(addresses: Iterable[str]) -> Iterator[Sequence[str]]:
    some: list[str] = []
    room = ROOM
    for address in addresses:
        if some and len(address) > room:
            yield some
            some, room = [], ROOM
        some.append(address)
        room -= len(address) + len('"",')
    if some:
        yield some
