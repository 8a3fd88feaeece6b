"""Where in an account's mailboxes a message goes, when not simply to INBOX."""

import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mailserver.accounts.provision import provision
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.messages.provenance import Provenance
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import access, mailboxes, messages
from mailserver.store.mail.access import Reach, Viewer
from mailserver.store.mail.access.acts import permitted, record_filed
from mailserver.store.mail.messages import Quota


@dataclass(frozen=True, slots=True)
class Placement:
    """One appearance in a mailbox of the account.

    A mailbox that is gone when the message is stored, or a name that cannot be made, stands for INBOX.
    """

    mailbox: str = mailboxes.INBOX
    flags: tuple[str, ...] = ()
    """Those that the mailbox cannot hold are left out."""
    create: bool = False
    """Make the mailbox where it is missing."""
    special_use: str = ""
    """The mailbox with this special use where there is one, `mailbox` otherwise (RFC 8579)."""
    viewer: Viewer | None = None
    """Who files it into a mailbox of others: `mailbox` is the name they know it by. Who may not stands for INBOX."""


SPAM = Placement("Junk", flags=("$Junk",), create=True, special_use="\\Junk")
"""Where junk goes."""

Placements = Mapping[int, tuple[Placement, ...]]
"""By account; an account that is missing gets the message in INBOX, one with an empty tuple not at all."""


def inbox(tx: Tx, account_id: int) -> int:
    """The account's INBOX, made where it is missing. Raises Temporary."""
    found = messages.inboxes(tx, [account_id])
    if account_id not in found:
        provision(tx, account_id)
        found = messages.inboxes(tx, [account_id])
    if account_id not in found:  # nothing may be acknowledged that nobody gets
        raise Temporary("An account has no INBOX")
    return found[account_id]


@dataclass(frozen=True, slots=True)
class Shared:
    """An appearance in a mailbox of others."""

    account_id: int
    """Whose filter files it there."""
    viewer: Viewer
    reach: Reach
    flags: tuple[str, ...]


AllShared = dict[int, list[Shared]]
"""By the number of the mailbox: there is one copy in each, whoever files it."""


def apart(tx: Tx, placements: Placements, size: int, quota: Quota) -> tuple[Placements, AllShared]:
    """The placements in accounts' own mailboxes, and those in others' by the number of the mailbox: whoever files there
    has the right to insert, and its owner has room."""
    own: dict[int, tuple[Placement, ...]] = dict(placements)
    shared: AllShared = {}
    for account_id, some in placements.items():
        if all(one.viewer is None for one in some):
            continue
        mine: list[Placement] = []
        for one in some:
            reach = _reached(tx, one, size, quota) if one.viewer is not None else None
            if one.viewer is None or reach is None:
                mine.append(one if one.viewer is None else Placement(flags=one.flags))
            else:
                shared.setdefault(reach.box.id, []).append(Shared(account_id, one.viewer, reach, one.flags))
        own[account_id] = tuple(mine)
    return own, shared


def of_others(tx: Tx, placed: Iterable[Placement]) -> set[int]:
    """The mailboxes of others that are named, as far as whoever files there may put something into them."""
    found: set[int] = set()
    for one in placed:
        with contextlib.suppress(Refused):
            if one.viewer is not None:
                found.add(access.find(tx, one.viewer, one.mailbox, "i").box.id)
    return found


def _reached(tx: Tx, placement: Placement, size: int, quota: Quota) -> Reach | None:
    assert placement.viewer is not None
    try:
        return access.appendable(tx, placement.viewer, placement.mailbox, size, 1, quota)
    except Refused:
        return None


def still_held(tx: Tx, shared: AllShared) -> tuple[dict[int, Shared], list[Shared]]:
    """Of each mailbox whose filter files there, and those whose right was taken back while this unit waited: it is
    asked for again once all are locked, as `acl.change` locks them."""
    filed: dict[int, Shared] = {}
    lost: list[Shared] = []
    for mailbox_id, some in shared.items():
        for one in some:
            try:
                rights = one.reach.rights
                if tx.dialect != "sqlite":  # which has one writer
                    _, rights = access.require(tx, one.viewer, mailbox_id, "i")
            except Refused:
                lost.append(one)
            else:
                filed[mailbox_id] = replace(one, reach=replace(one.reach, rights=rights))
                break
    return filed, lost


def place_shared(tx: Tx, shared: Mapping[int, Shared], content_id: int, size: int, provenance: Provenance) -> None:
    """One appearance in each, on record as everything that somebody does in others' mailboxes; the caller has locked
    them."""
    for mailbox_id in sorted(shared):
        viewer, reach, flags = shared[mailbox_id].viewer, shared[mailbox_id].reach, shared[mailbox_id].flags
        owner = reach.box.account_id
        mask = _mask(tx, mailbox_id, permitted(flags, access.changeable(reach.rights)))
        placed = messages.place(tx, owner, mailbox_id, content_id, size, mask, provenance=provenance)
        record_filed(tx, viewer, owner, reach.box.name, placed.uid)


Wanted = dict[tuple[int, int], tuple[str, ...]]
"""Flags by mailbox and account."""


def resolve(tx: Tx, placements: Placements) -> Wanted:
    """The mailboxes of placements as they are now; missing ones are made first, so that rows are locked in order."""
    known = _with_uses(tx, placements)
    wanted: dict[tuple[int, int], dict[str, None]] = {}
    for account_id in sorted(placements):
        for placement in placements[account_id]:
            mailbox_id = known.get((account_id, placement.special_use)) or _mailbox(tx, account_id, placement)
            wanted.setdefault((mailbox_id, account_id), {}).update(dict.fromkeys(placement.flags))
    return {key: tuple(wanted[key]) for key in sorted(wanted)}


def _with_uses(tx: Tx, placements: Placements) -> dict[tuple[int, str], int]:
    """Mailboxes by account and special use: junk for ten thousand people is no ten thousand look-ups."""
    asked: dict[str, list[int]] = {}
    for account_id, some in placements.items():
        for use in {placement.special_use for placement in some if placement.special_use}:
            asked.setdefault(use, []).append(account_id)
    return {
        (account_id, use): mailbox_id
        for use, accounts in asked.items()
        for account_id, mailbox_id in mailboxes.with_use(tx, accounts, use).items()
    }


def place(tx: Tx, wanted: Wanted, content_id: int, size: int, provenance: Provenance) -> None:
    """One appearance of a stored content in each mailbox; where there are many, the caller has locked them.

    Raises Refused(NO_SUCH_MAILBOX): one has gone in between.
    """
    if len(wanted) == 1:
        for (mailbox_id, account_id), flags in wanted.items():
            mask = _mask(tx, mailbox_id, flags)
            messages.place(tx, account_id, mailbox_id, content_id, size, mask, provenance=provenance)
        return
    groups: dict[tuple[int, int], dict[int, int]] = {}
    masks = _masks(tx, wanted)
    nth: Counter[int] = Counter()
    for mailbox_id, account_id in wanted:
        groups.setdefault((masks[mailbox_id], nth[account_id]), {})[account_id] = mailbox_id
        nth[account_id] += 1
    for (mask, _), targets in groups.items():
        if messages.place_many(tx, targets, content_id, size, provenance, mask) != len(targets):
            raise Refused(Reason.NO_SUCH_MAILBOX, "No such mailbox")


def _masks(tx: Tx, wanted: Wanted) -> dict[int, int]:
    """The flags of each mailbox."""
    alike: dict[tuple[str, ...], list[int]] = {}
    for (mailbox_id, _), flags in wanted.items():
        alike.setdefault(flags, []).append(mailbox_id)
    masks: dict[int, int] = {}
    for flags, boxes in alike.items():
        masks |= messages.ensure_flags_many(tx, boxes, flags) if flags else dict.fromkeys(boxes, 0)
        masks |= {mailbox_id: _mask(tx, mailbox_id, flags) for mailbox_id in boxes if mailbox_id not in masks}
    return masks


def _mailbox(tx: Tx, account_id: int, placement: Placement) -> int:
    found = _existing(tx, account_id, placement)
    if found is None:  # an account that never got anything has none of its folders yet
        provision(tx, account_id)
        found = _existing(tx, account_id, placement)
    if found is None and placement.create:
        found = _made(tx, account_id, placement)
    return inbox(tx, account_id) if found is None else found


def _existing(tx: Tx, account_id: int, placement: Placement) -> int | None:
    if placement.special_use:
        box = mailboxes.by_use(tx, account_id, placement.special_use)
        if box is not None:
            return box.id
    with contextlib.suppress(Refused):
        return mailboxes.get(tx, account_id, placement.mailbox).id
    return None


def _made(tx: Tx, account_id: int, placement: Placement) -> int | None:
    """A new mailbox, subscribed, since mail programs show little else; None: it cannot be."""
    use = placement.special_use if placement.special_use in mailboxes.SPECIAL_USES else ""
    try:
        box = mailboxes.create(tx, account_id, placement.mailbox, use)
    except Refused:
        return None
    with contextlib.suppress(Refused):
        mailboxes.subscribe(tx, account_id, box.name, True)
    return box.id


def _mask(tx: Tx, mailbox_id: int, flags: Sequence[str]) -> int:
    try:
        return messages.ensure_flags(tx, mailbox_id, flags)
    except Refused:
        return _possible(tx, mailbox_id, flags)


def _possible(tx: Tx, mailbox_id: int, flags: Iterable[str]) -> int:
    mask = 0
    for flag in flags:
        with contextlib.suppress(Refused):
            mask |= messages.ensure_flags(tx, mailbox_id, (flag,))
    return mask
