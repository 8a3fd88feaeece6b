"""What one transaction of the store does for a message: its content, its appearances, its queue rows."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import structlog

from mailserver.delivery import placement
from mailserver.delivery.envelope import CameBack, Memory, Part, Post
from mailserver.delivery.placement import AllShared, Placement, Placements
from mailserver.model.errors import Refused
from mailserver.model.messages.provenance import Provenance
from mailserver.store.account import filter_memory
from mailserver.store.account.filter_memory import Counted
from mailserver.store.engine.transactions import NOT_DONE, Tx
from mailserver.store.mail import blobs, junk, mailboxes, messages, required_tls, urgent_letters
from mailserver.store.mail.messages import NO_QUOTA, Quota
from mailserver.store.mail.posts import archived_posts, digest_posts
from mailserver.store.queue import list_posts, plain_delivery, plain_rows, spool, traces
from mailserver.store.queue.held import infected, moderation_queue
from mailserver.store.queue.held.infected import Held, Infected
from mailserver.store.queue.plain_delivery import PlainDelivery
from mailserver.store.queue.traces import Trace
from mailserver.store.reports import waiting

log = structlog.get_logger("deliver")

Outcome = tuple[int, list[str], dict[int, int]]
"""The first content's id, the files that turned out not to be needed, and the INBOX of each account."""
TOLD = 20
"""Messages waiting for a list's owners about which they are told one by one."""


def deliver_parts(
    tx: Tx, parts: Sequence[Part], known: dict[int, int], lifetime: int, trace: Trace | None = None
) -> Outcome:
    """Every copy of a message, what lists hold of it, the notices to their owners, and the trace."""
    first = 0
    unused: dict[str, None] = {}
    kept: set[str] = set()
    targets: dict[int, int] = {}
    crowded: set[str] = set()
    fresh: dict[Memory, bool] = {}
    counted: Counted = {}
    if holding := {hold.list for part in parts for hold in part.holds}:
        moderation_queue.lock(tx, sorted(holding))
    _lock_mailboxes(tx, parts)
    for part in parts:
        file = part.prepared.file
        if part.came_back is not None:
            _count_returned(tx, part.came_back)
        if part.post is not None and not part.post.posted.outside:
            _post(tx, part, part.post, 0, lifetime)
        if part.only_if_held in crowded or not _is_first(tx, part, fresh, counted) or _is_for_nobody(part):
            unused.update({file: None} if file is not None else {})
            continue
        inboxes = {account: known[account] for account in part.accounts if account in known}
        content_id, used, placed = deliver_unit(
            tx, part.prepared, part.accounts, inboxes, part.provenance, part.placements, part.quota
        )
        junk.record(tx, content_id, part.verdicts.items())
        if part.options.require_tls and part.accounts:
            required_tls.mark(tx, content_id)
        if part.urgent is not None and part.accounts:
            urgent_letters.mark(tx, content_id, part.urgent)
        first = first or content_id
        if file is not None:
            kept.add(file) if used else unused.setdefault(file)
        targets.update(placed)
        if part.post is not None:
            _post(tx, part, part.post, content_id, lifetime)
        if part.archived is not None:
            archived_posts.keep(tx, content_id, part.archived, part.provenance)
        if part.digest is not None:
            digest_posts.wait(tx, content_id, part.digest, part.provenance)
        if part.targets:
            spool.enqueue(tx, content_id, part.reverse_path, part.targets, lifetime=lifetime, options=part.options)
        for hold in part.holds:
            if moderation_queue.hold(tx, content_id, hold) >= TOLD:
                crowded.add(hold.list)
        if part.reports is not None and not waiting.hold(tx, content_id, part.reports):
            log.warning("report not read: too many wait")
    if trace is not None:
        traces.record(tx, trace)
    # Several parts may be made of one content: the file of the first is that of all.
    return first, [file for file in unused if file not in kept], targets


def _lock_mailboxes(tx: Tx, parts: Sequence[Part]) -> None:
    """What several parts are going to fill, in the order that every unit keeps. Part by part two units would cross:
    somebody writes to somebody else, both of whom are away, and gets an answer in the same unit. So would one that
    remembers first that it tells somebody something, and one that has filled their mailbox by then."""
    if tx.dialect != "postgresql":  # SQLite has one writer
        return
    filling = [part for part in parts if part.accounts]
    remembers = any(part.once is not None or part.remembers for part in parts)
    if len(filling) < 2 and not (filling and remembers):
        return
    placed = [one for part in filling for some in part.placements.values() for one in some]
    own = [one for one in placed if one.viewer is None]
    accounts = {account for part in filling for account in part.accounts}
    uses = {one.special_use for one in own if one.special_use}
    mailboxes.lock_named(tx, accounts, {one.mailbox for one in own}, uses, placement.of_others(tx, placed))


def is_plain(parts: Sequence[Part], known: dict[int, int], trace: Trace, *, by_name: bool = False) -> bool:
    """Whether a message goes to one INBOX, which is known, and nothing else becomes of it; `by_name`: or to one mailbox
    of its account, whichever, unread."""
    if len(parts) != 1 or len(parts[0].accounts) != 1 or parts[0].options.require_tls:  # which is kept beside it
        return False
    (part,) = parts
    name = _named(part)
    if (name is None and part.accounts[0] not in known) or (part.placements and (name is None or not by_name)):
        return False
    bare = Part(part.prepared, part.reverse_path, part.accounts, options=part.options, provenance=part.provenance)
    if replace(part, quota=bare.quota, placements=bare.placements) != bare:
        return False
    return plain_delivery.is_plain(trace, part.prepared)


def _named(part: Part) -> str | None:
    """The mailbox of its account that a copy goes to instead of INBOX, and nothing else."""
    placed = part.placements.get(part.accounts[0], ())
    if len(part.placements) != 1 or len(placed) != 1:
        return None
    (one,) = placed
    return one.mailbox if one == Placement(one.mailbox, create=one.create) else None


def deliver_together(tx: Tx, worker: int, asked: Sequence[tuple[Any, ...]]) -> list[object]:
    """`deliver_parts` for many messages that are plain, given its arguments for each of them."""
    deliveries: dict[bytes, PlainDelivery] = {}
    for parts, known, _, trace in asked:
        (part,) = parts
        (account,) = part.accounts
        name = _named(part)
        deliveries.setdefault(
            part.prepared.hash,
            PlainDelivery(
                part.prepared, account, 0 if name is not None else known[account], part.provenance, trace, name or ""
            ),
        )
    some = list(deliveries.values())
    stored = plain_rows.deliver(tx, some) if tx.dialect == "sqlite" else plain_delivery.deliver(tx, worker, some)
    contents = dict(zip(deliveries, stored, strict=True))
    done: list[object] = []
    for parts, known, _, _ in asked:
        content_id = contents.pop(parts[0].prepared.hash, 0)  # who has the same octets comes later
        targets = {} if parts[0].placements else known
        done.append((content_id, [], targets) if content_id else NOT_DONE)
    return done


def _is_first(tx: Tx, part: Part, fresh: dict[Memory, bool], counted: Counted) -> bool:
    """Remember and put on record what goes with a copy; False when it was sent before, and is not to be again.

    `fresh`: what was asked within this unit; copies of one answer share one memory.
    """
    once = part.once
    if once is not None:
        if once not in fresh:
            fresh[once] = filter_memory.claim(tx, once.account_id, once.kind, once.key, once.expires, counted)
        if not fresh[once]:
            return False
    for one in part.remembers:
        filter_memory.remember(tx, one.account_id, one.kind, one.key, one.expires, counted, longer=one.longer)
    for step in part.steps:
        traces.record(tx, step)
    return True


def hold_infected(
    tx: Tx, prepared: blobs.Prepared, held: Infected, notices: Sequence[Part], lifetime: int, trace: Trace
) -> list[str]:
    """A message is held for IT, and its recipients are told: both or neither. The files that are not needed."""
    content_id, used = messages.store_content(tx, prepared)
    infected.hold(tx, content_id, held)
    unused = deliver_parts(tx, notices, {}, lifetime)[1] if notices else []
    traces.record(tx, trace)
    return unused + ([prepared.file] if prepared.file is not None and not used else [])


def tell_infected(tx: Tx, held: Held, untold: int, notices: Sequence[Part], lifetime: int) -> list[str]:
    """More recipients of a message that is held are told. The files that are not needed. Raises Refused(CONFLICT)."""
    infected.tell(tx, held, untold)
    return deliver_parts(tx, notices, {}, lifetime)[1] if notices else []


def deliver_unit(
    tx: Tx,
    prepared: blobs.Prepared,
    accounts: Sequence[int],
    known: dict[int, int],
    provenance: Provenance,
    placements: Placements | None = None,
    quota: Quota = NO_QUOTA,
) -> tuple[int, bool, dict[int, int]]:
    """One content, one appearance in each account's INBOX, or where `placements` say; `quota`: the setting's, of the
    owners of others' mailboxes among them.

    Returns the content's id, whether `prepared` became it, and the INBOX of each account that got it there.
    """
    content_id, used = messages.store_content(tx, prepared)
    shared: AllShared = {}
    if placements:
        accounts, told = _told(accounts, placements)
        told, shared = placement.apart(tx, told, prepared.size, quota)
        wanted = placement.resolve(tx, told)
    else:
        wanted = {}
    if not accounts:
        targets: dict[int, int] = {}
    else:
        if len(accounts) == 1 and accounts[0] in known and not wanted and not shared:
            # What is remembered may be wrong; that is never why a message is refused.
            with contextlib.suppress(Refused):
                messages.place(tx, accounts[0], known[accounts[0]], content_id, prepared.size, provenance=provenance)
                return content_id, used, known
        targets = messages.inboxes(tx, accounts)
        targets.update((account, placement.inbox(tx, account)) for account in accounts if account not in targets)
    # Its owner has it there already: nobody gets two copies in one mailbox.
    taken = {*targets.values(), *(mailbox_id for mailbox_id, _ in wanted)}
    shared = {mailbox_id: one for mailbox_id, one in shared.items() if mailbox_id not in taken}
    if wanted or shared:
        _place(tx, targets, wanted, shared, content_id, prepared.size, provenance)
    if len(targets) == 1 and not wanted and not shared:
        ((account, inbox),) = targets.items()
        messages.place(tx, account, inbox, content_id, prepared.size, provenance=provenance)
    elif targets:
        messages.place_many(tx, targets, content_id, prepared.size, provenance)
    return content_id, used, targets


def _place(
    tx: Tx,
    targets: dict[int, int],
    wanted: placement.Wanted,
    shared: AllShared,
    content_id: int,
    size: int,
    provenance: Provenance,
) -> None:
    """Lock everything that is filled, `targets` among it, and fill what has placements. Who may file with others no
    more by then has it in INBOX."""
    inboxes = {one.account_id: placement.inbox(tx, one.account_id) for some in shared.values() for one in some}
    placed = (mailbox_id for mailbox_id, _ in wanted)
    mailboxes.lock_all(tx, [*targets.values(), *shared, *inboxes.values(), *placed])
    filed, lost = placement.still_held(tx, shared)
    own = dict(wanted)
    for one in lost:
        own.setdefault((inboxes[one.account_id], one.account_id), one.flags)
    placement.place(tx, own, content_id, size, provenance)
    placement.place_shared(tx, filed, content_id, size, provenance)


def _told(accounts: Sequence[int], placements: Placements) -> tuple[list[int], Placements]:
    """Accounts that get the message in INBOX, and the placements of the others."""
    plain = [account for account in accounts if account not in placements]
    return plain, {account: placements[account] for account in accounts if account in placements}


def _post(tx: Tx, part: Part, post: Post, content_id: int, lifetime: int) -> None:
    list_posts.record(tx, post.posted, content_id, post.return_address, lifetime=lifetime, options=part.options)


def _count_returned(tx: Tx, came_back: CameBack) -> None:
    what = came_back.returned
    reason = list_posts.returned(tx, what, came_back.bounds)
    if reason is not None:
        log.info("a list sends to a member no more", member=what.departure.member_id, why=reason.value)


def _is_for_nobody(part: Part) -> bool:
    """True when nothing of it would be stored but a content that nothing refers to."""
    if part.targets or (part.post is not None and part.post.posted.outside) or part.holds or part.reports is not None:
        return False
    if part.archived is not None or part.digest is not None:
        return False
    return not any(part.placements.get(account, True) for account in part.accounts)
