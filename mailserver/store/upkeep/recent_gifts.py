"""What an account was given lately by others, as the record has it: mailboxes, agendas and address books, functional
boxes, lists. It keeps them when it is secured: its owner is to have them again, unless whoever gave them was no friend.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select

from mailserver.store.engine.statements import Tx
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Event, Wanted
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.people.entries import claim
from mailserver.store.upkeep import recent_holders, recent_members

MOST_CHANGES = 20_000
"""Changes of each kind that are looked at."""
_DAV = "/dav/ "
_NOBODY = frozenset(("nothing", "left", ""))
"""What rows say where no right is left."""


@dataclass(frozen=True, slots=True)
class Received:
    """`place`: a mailbox or agenda with its owner's login before it, or the address of a box or list; `rights` as the
    record has them; `giver`: who did it, as the record calls them."""

    place: str
    rights: tuple[str, ...]
    giver: str
    at: int


def received(tx: Tx, account_id: int, since: int) -> list[Received]:
    """What others gave it, or made more, since then, and nobody took back since; newest first."""
    login = tx.execute(select(account.c.login).where(account.c.id == account_id)).scalar_one_or_none()
    if not login:
        return []
    mine = {str(login), *tx.execute(select(claim.c.name).where(claim.c.account_id == account_id)).scalars()}
    found: dict[tuple[str, str], Received | None] = {}
    for action in (Action.RIGHTS_CHANGED, Action.LIST_CHANGED):
        for event in audit.find(tx, Wanted(action=action, since=since), MOST_CHANGES):
            if event.account_id == account_id:
                continue
            for place, what, rights in _given(tx, event, mine):
                one = Received(place, rights, event.actor, event.at)
                found.setdefault((place, what), one if rights and event.actor != login else None)
    return sorted((one for one in found.values() if one is not None), key=lambda one: (-one.at, one.place))


def _given(tx: Tx, event: Event, mine: set[str]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The place, of what kind the right is, and what of it the account has after this row; nothing: no more."""
    name, values = event.detail.name, event.detail.values
    if name == "mailbox-rights" and values["who"] in mine:
        owner = tx.execute(select(account.c.login).where(account.c.id == event.account_id)).scalar()
        place = f"{owner or event.account_id}/{str(values['mailbox']).removeprefix(_DAV)}"
        yield place, name, tuple(one for one in map(str, values["rights"]) if one not in _NOBODY)
    elif name == recent_holders.BOX and values["who"] in mine:
        yield str(values["address"]), name, tuple(one for one in map(str, values["after"]) if one not in _NOBODY)
    elif name in (recent_members.ADDED, recent_members.REMOVED) and not mine.isdisjoint(values["people"]):
        what = str(values["what"][0])
        yield str(values["address"]), what, (what,) if name == recent_members.ADDED else ()
