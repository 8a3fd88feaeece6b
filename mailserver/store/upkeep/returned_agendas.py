"""Events, tasks and contacts of a backup that come back: into a collection beside the one that they were in, or those
that are missing into that itself. By units that may be done again: what is there is not put there twice."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mailserver.model.errors import Reason, Refused
from mailserver.store.agenda import agenda_items, agendas
from mailserver.store.agenda.agenda_items import Item, NewItem
from mailserver.store.agenda.agendas import Collection
from mailserver.store.engine.statements import Tx
from mailserver.store.upkeep import returned_mail
from mailserver.store.upkeep.returned_mail import Notice

BESIDE = "restaure-{number}-"
"""How the address of a collection beside begins: by the number of the one that it is of."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where what a collection of the backup held comes back to."""

    account_id: int
    then: Collection
    name: str
    """Of the collection beside, in its address."""
    props: Mapping[str, str]
    in_place: bool = False
    """Into the same collection, as far as it is there."""
    everything: bool = False
    """Also what the account has elsewhere."""

    @property
    def beside(self) -> str:
        """How collections beside this one are named, of whatever day."""
        return BESIDE.format(number=self.then.id)


def missing(tx: Tx, to: Destination, items: Sequence[Item]) -> list[Item]:
    """Those that are not there. In place an event that has changed since is there; beside it comes as it was."""
    uids: set[str] = set()
    whole: set[tuple[str, str]] = set()
    for held in _looked_in(tx, to):
        for one in agenda_items.stamps(tx, to.account_id, held.id):
            uids.add(one.uid)
            whole.add((one.uid, one.etag))
    if is_in_place(tx, to):
        return [one for one in items if one.uid not in uids]
    return [one for one in items if (one.uid, one.etag) not in whole]


def _looked_in(tx: Tx, to: Destination) -> Iterator[Collection]:
    for held in agendas.listing(tx, to.account_id):
        if held.tag == to.then.tag and (not to.everything or held.name.startswith(to.beside)):
            yield held


def is_in_place(tx: Tx, to: Destination) -> bool:
    """Whether it is the same collection that takes them: it is there, and filled by people."""
    same = agendas.by_id(tx, to.account_id, to.then.id) if to.in_place else None
    return same is not None and not same.source


def put_back(tx: Tx, to: Destination, items: Sequence[NewItem], notice: Notice) -> int:
    """Bring these back; how many. Raises Refused(LIMIT | TOO_BIG | INVALID): then none of them."""
    held = _collection(tx, to)
    count = 0
    for one in items:
        if agenda_items.holder(tx, to.account_id, held.id, one.uid) is not None:
            continue
        try:
            agenda_items.put(tx, to.account_id, held.id, one, None)
        except Refused as refusal:
            if refusal.reason is not Reason.CONFLICT:
                raise
            # Another has its name in the address by now.
            href = f"{hashlib.blake2b(one.uid.encode(), digest_size=16).hexdigest()}{_ending(one)}"
            agenda_items.put(tx, to.account_id, held.id, replace(one, href=href), None)
        count += 1
    if count:
        returned_mail.tell(tx, to.account_id, notice)
    return count


def _ending(one: NewItem) -> str:
    return ".vcf" if one.kind == "VCARD" else ".ics"


def _collection(tx: Tx, to: Destination) -> Collection:
    """The one that takes them, made where it is missing. Raises Refused(LIMIT)."""
    if is_in_place(tx, to):
        return agendas.lock(tx, to.account_id, to.then.id)
    known = agendas.find(tx, to.account_id, to.name)
    return known or agendas.create(tx, to.account_id, to.name, to.then.tag, to.props)
