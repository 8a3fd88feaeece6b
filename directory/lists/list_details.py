"""What the sheet of a list or of a functional box shows of the store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailserver.model import selection
from mailserver.model.identity import ListKind
from mailserver.store.account import accounts
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import access
from mailserver.store.mail.access import Act
from mailserver.store.people.mailing_lists import lists
from mailserver.store.people.mailing_lists.lists import ListEntry
from mailserver.store.people.search import selecting


@dataclass(frozen=True, slots=True)
class ListDetails:
    """Who owns a list, who may write to it by name, who is in it."""

    owners: Sequence[str]
    named: Sequence[str]
    members: Sequence[str]
    """The first of them."""
    count: int


@dataclass(frozen=True, slots=True)
class BoxDetails:
    """Who owns and holds a functional box, and what was done in it."""

    owners: Sequence[str]
    holders: Mapping[str, str]
    """Words of their rights, by address."""
    acts: Sequence[tuple[Act, str]]
    """Newest first, with the login of whoever did it."""


def of_list(tx: Tx, entry: ListEntry, limit: int) -> ListDetails:
    """On one snapshot; at most `limit` members are named."""
    owners, named = lists.owners(tx, entry), lists.named_writers(tx, entry.address)
    if entry.kind is ListKind.LIVING:
        who = selection.parse(entry.query)
        found = [person.address for person in selecting.found(tx, who, limit)]
        return ListDetails(owners, named, found, selecting.count(tx, who))
    members = lists.members(tx, entry.address)
    return ListDetails(owners, named, members[:limit], len(members))


def of_box(tx: Tx, entry: ListEntry, limit: int) -> BoxDetails:
    """On one snapshot; at most `limit` acts."""
    acts = access.acts(tx, entry.box_id, limit) if entry.box_id else []
    known = {account_id: accounts.get(tx, account_id) for account_id in {act.actor_id for act in acts}}
    logins = {account_id: standing.login if standing else "" for account_id, standing in known.items()}
    return BoxDetails(
        lists.owners(tx, entry), dict(lists.holders(tx, entry.address)), [(act, logins[act.actor_id]) for act in acts]
    )
