"""What lists and their members outside have to do with each other: copies that leave, and what comes back.

The store keeps one copy for all of them; what differs is written when it is sent: a way out of their own, which our
signature covers (RFC 8058 section 4). Each is sent it under a return address of their own (VERP), so that
what comes back says by itself who it was for and which message it was.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog

from mailserver.delivery import list_copy
from mailserver.delivery.envelope import CameBack, Envelope, Part, Post, Recipient
from mailserver.delivery.list_copy import Head
from mailserver.delivery.lists import outside_copy
from mailserver.delivery.lists.member_keys import MemberKeys
from mailserver.delivery.lists.outside_copy import Authorship
from mailserver.foundation.settings import Settings
from mailserver.mime.body import bounces
from mailserver.mime.body.bounces import Bounce, Nature
from mailserver.mime.header import headers
from mailserver.mime.header.addresses import parse, people
from mailserver.model.clock import Clock
from mailserver.model.identity import Archive
from mailserver.model.messages.provenance import Door
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs
from mailserver.store.people.mailing_lists import outside_members
from mailserver.store.people.mailing_lists.outside_members import Bounds, OutsideMember
from mailserver.store.queue import list_posts
from mailserver.store.queue.list_posts import Departure, Posted, Returned

log = structlog.get_logger("lists")

PATH = "/abonnement"
"""Of a member's page."""
MAX_FIELD = 4096
"""Octets of a field that are read for the owners' page."""
QUICK = 4 * 1024
"""Octets of a report that the event loop may read itself."""


class ListMembers:
    """One per worker."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._domains = frozenset(domain.casefold() for domain in settings.domains)
        self._made: MemberKeys | None = None

    @property
    def _keys(self) -> MemberKeys:
        if self._made is None:
            self._made = MemberKeys(self._settings.secret("hmac"))
        return self._made

    @property
    def bounds(self) -> Bounds:
        """When a list stops sending to an address."""
        terms = self._settings.lists
        return Bounds(terms.bounces, terms.bounce_days, terms.bounce_soft_days)

    # ------------------------------------------------------------------ what leaves

    def copy(self, envelope: Envelope, head: Head, octets: bytes) -> bytes:
        """The list's copy for members outside."""
        by_us = envelope.sender is None or bool(envelope.sender.account_id)
        proven = by_us and envelope.door is not Door.RESENT  # who passes something on did not write it
        return outside_copy.copy(head, octets, Authorship(proven, envelope.results, self._domains))

    def post(self, envelope: Envelope, one: Recipient, octets: bytes, members: int, outside: tuple[str, ...]) -> Post:
        """What goes on record of a list's message. `octets`: what it was sent; `members`: how many here get it."""
        assert one.head is not None
        sender = envelope.sender
        author, subject = _about(octets)
        posted = Posted(
            one.head.address,
            envelope.name,
            sender.account_id if sender is not None else 0,
            author,
            subject,
            members,
            outside,
            one.ended,
            one.head.may_leave,
        )
        return Post(posted, self.return_addresses(one.head.address))

    def digest(self, head: Head, name: str, subject: str, outside: tuple[str, ...]) -> Post:
        """What goes on record of a list's digest for members outside."""
        posted = Posted(head.address, name, 0, head.name, subject, 0, outside, 0, head.may_leave)
        return Post(posted, self.return_addresses(head.address))

    def return_addresses(self, address: str) -> Callable[[Departure], str]:
        """Of a list: under which one its message leaves for a member."""
        return lambda departure: self._keys.return_address(address, departure)

    def departure(self, reverse_path: str) -> Departure | None:
        """Which list's message for whom it is that leaves under this address; None: none."""
        return self._keys.read_return(reverse_path)

    async def finish(self, departure: Departure, octets: bytes) -> bytes:
        """The stored copy, without Return-Path, as it leaves for this member. Raises Temporary."""
        found = await self._store.read(list_posts.leaving, departure)
        way = b""
        page = f"{self._settings.public_url}{PATH}/{self._keys.link(departure.member_id)}"
        if found is not None and found.archive in (Archive.MEMBERS, Archive.ACADEMY):
            way += list_copy.archive(f"{page}/archives")
        if found is not None and found.may_leave:
            way += list_copy.unsubscribe(Head(found.list, ""), page)
            way += b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        await asyncio.sleep(0)  # a copy of a large message is as much as the loop should wait for at once
        return way + octets

    def attempted(self, departure: Departure, taken: bool, status: str, said: str) -> Callable[[Tx], None]:
        """What goes on record when a member's server has taken a message, or it is given up."""
        if taken:
            return lambda tx: list_posts.took(tx, departure)
        what = _returned(departure, bounces.judge(status, said))
        bounds = self.bounds

        def given_up(tx: Tx) -> None:
            list_posts.returned(tx, what, bounds)

        return given_up

    # ------------------------------------------------------------------ what comes back

    async def list_of(self, departure: Departure) -> str | None:
        """The list whose message came back; None: nothing is known of it any more. Raises Temporary."""
        found = await self._store.read(list_posts.leaving, departure)
        return found.list if found is not None else None

    async def read_returned(
        self, envelope: Envelope, octets: bytes, prepared: blobs.Prepared
    ) -> tuple[Envelope, list[Part]]:
        """What came back is counted, and comes to nobody; neither does the answer of a program."""
        read = bounces.read
        bounce = read(octets) if len(octets) <= QUICK else await asyncio.to_thread(read, octets)
        log.info("came back to a list", id=envelope.name, nature=bounce.nature.value, status=bounce.status)
        if bounce.nature is Nature.OTHER:
            return envelope, []
        recipients = tuple(
            replace(one, accounts=(), remote=()) if one.returns is not None else one for one in envelope.recipients
        )
        departures = dict.fromkeys(one.returns for one in envelope.recipients if one.returns is not None)
        parts = [
            Part(prepared, "", came_back=CameBack(_returned(departure, bounce), self.bounds))
            for departure in departures
            if bounce.is_bounce
        ]
        return replace(envelope, recipients=recipients), parts

    # ------------------------------------------------------------------ a member's own page

    async def find(self, key: str) -> OutsideMember | None:
        """Whose page a key opens; None: nobody's. Raises Temporary."""
        number = self._keys.read_link(key)
        return await self._store.read(outside_members.get, number) if number is not None else None

    async def leave(self, key: str) -> OutsideMember | None:
        """Send them nothing any more. Raises Temporary."""
        found = await self.find(key)
        if found is not None and await self._store.write(outside_members.leave, found.id):
            log.info("left a list", list=found.list, member=found.id)
        return found

    async def resume(self, key: str) -> OutsideMember | None:
        """Send to them again. Raises Temporary."""
        found = await self.find(key)
        if found is not None and await self._store.write(outside_members.resume, found.id):
            log.info("came back to a list by themselves", list=found.list, member=found.id)
        return found


def _about(octets: bytes) -> tuple[str, str]:
    """Who wrote a message and what it is about, for its list's owners."""
    end = octets.find(b"\r\n\r\n", 0, list_copy.MAX_HEADER)
    end = end + 2 if end >= 0 else min(len(octets), list_copy.MAX_HEADER)
    authors = people(parse(headers.first(octets, 0, end, "from")[:MAX_FIELD]))
    field = next(headers.named(octets, 0, end, "subject"), None)
    subject = headers.decode(octets[field.value : min(field.end, field.value + MAX_FIELD)]) if field else ""
    return (authors[0].label if authors else ""), " ".join(subject.split())


def _returned(departure: Departure, bounce: Bounce) -> Returned:
    counts = bounce.nature in (Nature.HARD, Nature.SOFT)
    return Returned(departure, bounce.nature is Nature.HARD, bounce.status, bounce.said, counts)
