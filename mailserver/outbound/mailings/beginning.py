"""`Beginning`: who gets a mailing is found anew when its time has come, and kept."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import structlog

from mailserver.delivery import UNPROVEN, Delivery, Envelope, Part, Recipient, deliver_parts
from mailserver.delivery.copies import Copy
from mailserver.delivery.offloading import at_leisure
from mailserver.foundation.pace import Pace
from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.model.errors import Refused
from mailserver.model.identity import Directory, State
from mailserver.model.rules import Denied, Sender
from mailserver.notices.mail import mailings as notices
from mailserver.outbound.mailings.authors import Authors, looked_at
from mailserver.outbound.mailings.decisions import Mailings
from mailserver.outbound.mailings.delivering import PAUSE
from mailserver.outbound.submission.holding_notices import HoldingNotices
from mailserver.outbound.submission.routing import Rerouted, Routing
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs
from mailserver.store.mail import messages as stored_messages
from mailserver.store.queue import list_posts, traces
from mailserver.store.queue.held import moderation_queue
from mailserver.store.queue.mailings import Mailing, mailing_batches
from mailserver.store.queue.mailings.mailing_batches import Sharing
from mailserver.store.queue.spool import Target
from mailserver.store.queue.traces import Step, Trace
from mailserver.texts.text import Text

log = structlog.get_logger("mailings")

FEWEST, MOST = 20, 100
"""Rows of a thousand recipients that one unit keeps."""


class Beginning:
    """One per worker."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        directory: Directory,
        delivery: Delivery,
        mailings: Mailings,
        authors: Authors,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._store = store
        self._directory = directory
        self._delivery = delivery
        self._decides = mailings
        self._authors = authors
        self._routing = Routing(settings=settings, store=store, delivery=delivery)
        self._notices = HoldingNotices(settings=settings, store=store, delivery=delivery, clock=clock)
        self._folder = store.blobs

    async def begin(self, one: Mailing) -> bool:
        """Who gets it is found anew and kept; False: nobody can, or it waits for a second person.

        Raises Refused(CONFLICT), Temporary.
        """
        try:
            to, sender = await self._routed(one)
            octets = await self._decides.octets(one)
            envelope = Envelope(
                one.reverse_path,
                tuple(to.local),
                sender,
                name=one.options.name,
                door=one.came.door,
                results=looked_at(one),
                found=one.options.results,
                require_tls=one.options.require_tls,
                cleared=bool(one.cleared),
            )
            await self._delivery.guard.check(envelope, octets, to.remote)
            if await self._decides.ask_again(one, to):
                return False
            copies = await self._delivery.copies(envelope, octets, one.options, to.remote)
        except Refused as refusal:
            await self._decides.fail(one, refusal.said if isinstance(refusal, Denied) else notices.NOBODY)
            return False
        going = [copy for copy in copies if _goes_in_batches(copy.part)]
        shares = [await at_leisure(len(copy.part.accounts), _share, at, copy) for at, copy in enumerate(going)]
        recipients = sum(len(share.accounts) + len(share.targets) for share in shares)
        rows = await at_leisure(recipients, mailing_batches.rows_of, one.id, shares)
        waiting = [_waiting(copy) for copy in copies if copy.part.holds or _goes_whole(copy.part)]
        parts = waiting + await self._told(one, to)
        kept, lifetime = [copy.part.prepared for copy in copies], self._settings.outbound.lifetime
        named = (copy.part.prepared.scan.message_id for copy in copies if not _is_of_list(copy.part))
        step = Trace(
            *(Step.SUBMITTED, one.options.name, one.reverse_path),
            [target.address for target in one.targets if target.address not in to.left],
            *(one.size, one.account_id),
            message_id=next(named, ""),
        )
        try:
            async with self._delivery.discarding(*kept, *(part.prepared for part in parts)):
                longest = await self._keep(one, rows)
                unused, took = await self._store.write_timed(
                    _start, one, self._store.worker, going, recipients, parts, step, lifetime
                )
        except moderation_queue.Full as full:  # nobody has it, and later its author may try again
            await self._decides.fail(one, notices.full(full.list))
            return False
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._folder, file)
        log.info("mailing begun", mailing=one.id, recipients=recipients, unit_ms=round(1000 * max(took, longest)))
        return True

    async def _keep(self, one: Mailing, rows: Sequence[dict[str, Any]]) -> float:
        """Who is to get it is kept, some rows at a time; for how many seconds a unit held the writer at most.

        Raises Refused(CONFLICT), Temporary.
        """
        pace, begin, longest = Pace(FEWEST, FEWEST, MOST), 0, 0.0
        while begin < len(rows):
            some = rows[begin : begin + pace.size]
            _, took = await self._store.write_timed(mailing_batches.keep, one.id, self._store.worker, some)
            pace.took(len(some), took)
            begin, longest = begin + len(some), max(longest, took)
            await asyncio.sleep(PAUSE)
        return longest

    async def _routed(self, one: Mailing) -> tuple[Rerouted, Sender]:
        """Who gets it as of now: rules, lists and their policies are asked again.

        Raises Refused: nobody, or its author may no longer send; Temporary.
        """
        author = await self._authors.of(one)
        if one.account_id and (author is None or author.state is not State.ACTIVE):
            raise Denied(Text("le compte de son auteur ne peut plus envoyer de messages."))
        if author is None:
            sender = self._delivery.outsider(one.reverse_path or UNPROVEN)
            local = [await self._delivery.released(address, sender) for address in one.released]
            found = Rerouted(local=local)
        else:
            sender = Sender.person(author)
            released = [await self._delivery.released(address, sender) for address in one.released]
            rest = [target for target in one.targets if target.address not in one.released]
            found = await self._routing.again(author, rest) if rest else Rerouted()
            found.local += released
            found.local = [await self._let_pass(one, recipient, sender) for recipient in found.local]
        return found, sender

    async def _let_pass(self, one: Mailing, recipient: Recipient, sender: Sender) -> Recipient:
        """A moderated list whose owner has approved the mailing does not ask them again."""
        if not recipient.held or recipient.head is None or not one.approver:
            return recipient
        owners = (await self._delivery.moderators(recipient.head.address)).accounts
        for account in owners:
            owner = await self._directory.by_account(account)
            if owner is not None and owner.login == one.approver:
                return await self._delivery.released(recipient.head.address, sender)
        return recipient

    async def _told(self, one: Mailing, to: Rerouted) -> list[Part]:
        """To its author: not everybody can get it."""
        author = await self._authors.of(one) if to.left else None
        return await self._notices.partly(author, one.subject, to.left) if author is not None else []


def _share(number: int, copy: Copy) -> Sharing:
    """Who gets a copy, in the order of accounts, and what led to each."""
    if copy.part.post is not None:
        return Sharing(number, (), (), [Target(address) for address in copy.part.post.posted.outside])
    accounts = sorted(copy.part.accounts)
    addresses = [copy.led.get(account, "") for account in accounts] if copy.led else []
    targets = [one if isinstance(one, Target) else Target(one) for one in copy.part.targets]
    return Sharing(number, accounts, addresses, targets)


def _is_of_list(part: Part) -> bool:
    """What no recipient of the message itself gets: a notice to owners, what a list keeps or posts elsewhere."""
    return bool(part.only_if_held) or part.post is not None or part.archived is not None or part.digest is not None


def _goes_in_batches(part: Part) -> bool:
    """What has recipients, of whom each unit serves some."""
    if part.post is not None:
        return bool(part.post.posted.outside)
    return not _is_of_list(part) and bool(part.accounts or part.targets)


def _goes_whole(part: Part) -> bool:
    """What the first unit does with it, and nothing afterwards."""
    return _is_of_list(part) and not _goes_in_batches(part)


def _waiting(copy: Copy) -> Part:
    """What moderated lists keep of it, and the mail to their owners."""
    if _is_of_list(copy.part):
        return copy.part
    return replace(copy.part, accounts=(), targets=())


def _start(
    tx: Tx,
    one: Mailing,
    worker: int,
    copies: Sequence[Copy],
    recipients: int,
    parts: Sequence[Part],
    step: Trace,
    lifetime: int,
) -> list[str]:
    """The copies are stored, it goes to their recipients, and what moderated lists hold waits: all or nothing."""
    kept: list[mailing_batches.Copy] = []
    unused: list[str] = []
    for copy in copies:
        content_id, used = stored_messages.store_content(tx, copy.part.prepared)
        if copy.part.prepared.file is not None and not used:
            unused.append(copy.part.prepared.file)
        came, post = copy.part.provenance, copy.part.post
        post_id = list_posts.begin(tx, post.posted) if post is not None else 0
        said = copy.part.reverse_path, came.through_list, int(came.signs)
        kept.append(mailing_batches.Copy(len(kept), content_id, *said, post_id))
    mailing_batches.start(tx, one.id, worker, kept, recipients)
    traces.record(tx, step)
    left = deliver_parts(tx, parts, {}, lifetime)[1] if parts else []
    used_files = {copy.part.prepared.file for copy in copies} - set(unused)
    return list(dict.fromkeys([*unused, *(file for file in left if file not in used_files)]))
