"""`Digests`: once a day, what lists sent on goes to the members who want one message a day.

A list's digest is made by one worker under a lease. Members with the same messages waiting get the same digest, some of
them a unit: each unit delivers and settles, so that whoever goes on after a crash begins where it ended.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from mailserver.delivery import list_copy
from mailserver.delivery.copies import Copy
from mailserver.delivery.deliver import Delivery
from mailserver.delivery.envelope import Envelope, Part
from mailserver.delivery.list_copy import Head
from mailserver.delivery.lists.digesting import MAX_OCTETS
from mailserver.delivery.lists.nested_lists import head_of
from mailserver.delivery.offloading import at_leisure
from mailserver.delivery.units import deliver_parts
from mailserver.foundation.metrics import catalogue
from mailserver.foundation.settings import Settings
from mailserver.mime.writing.trace_fields import return_path
from mailserver.model.clock import DAY, Clock
from mailserver.model.errors import Damaged, Refused, Temporary
from mailserver.model.identity import Archive, Roster
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.notices.house import house_of
from mailserver.notices.mail import digests
from mailserver.notices.mail.digests import Digest, Entry, Opening
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs
from mailserver.store.mail.messages import Quota
from mailserver.store.mail.posts import digest_posts
from mailserver.store.mail.posts.digest_posts import DigestPost
from mailserver.store.people.mailing_lists import lists, outside_members
from mailserver.store.people.mailing_lists.lists import ListEntry
from mailserver.store.people.search import selecting
from mailserver.store.queue import spool
from mailserver.store.queue.spool import Options, Signing

T = TypeVar("T", int, str)

log = structlog.get_logger("lists")

PERIOD = 60.0
UNIT = 500
"""People of one unit."""
MAX_MESSAGES = 100


@dataclass(frozen=True, slots=True)
class _Written:
    """A digest as it is sent, or a part of it."""

    octets: bytes
    subject: str
    posts: Sequence[int]
    """What is in it."""


class Digests:
    """One per worker."""

    def __init__(self, *, settings: Settings, store: Store, delivery: Delivery, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._delivery = delivery
        self._clock = clock
        self._folder = store.blobs
        self._house = house_of(settings)

    async def run(self) -> None:
        """Make what is due, in the background."""
        while True:
            await asyncio.sleep(PERIOD)
            await self.make()

    async def make(self) -> int:
        """The digests that are due; of how many lists."""
        made = 0
        for address in await self._store.read(digest_posts.due):
            if not await self._store.write(digest_posts.claim, address, self._store.worker):
                continue
            done: Sequence[int] = ()
            try:
                done = await self._of_list(address)
                made += 1
            except Refused as refusal:  # a message was taken back meanwhile: the next round looks again
                log.info("digest put off", list=address, why=refusal.reason.value)
            except Temporary:
                log.warning("digest put off", list=address)
            except Exception:  # what fails costs itself, and none of the lists that come after it
                catalogue.JOB_FAILURES.add()
                log.exception("digest failed", list=address)
            await self._store.write(digest_posts.release, address, self._store.worker, done)
        return made

    async def _of_list(self, address: str) -> Sequence[int]:
        """The messages that nobody waits for any more. Raises Refused(CONFLICT), Temporary."""
        about = await self._store.read(_about, address)
        posts = await self._store.read(digest_posts.pending, address)
        if about is None:
            await self._store.write(digest_posts.forget_list, address)
            return ()
        left_out: set[int] = set()
        people = sum(len(post.accounts) + len(post.outside) for post in posts)
        for some, accounts in await at_leisure(people, _alike, [(one, one.accounts) for one in posts]):
            async for digest in self._written(about, some, left_out):
                for start in range(0, len(accounts), UNIT):
                    await self._deliver(about.head, digest, accounts[start : start + UNIT])
        for some, members in await at_leisure(people, _alike, [(one, one.outside) for one in posts]):
            async for digest in self._written(about, some, left_out):
                for start in range(0, len(members), UNIT):
                    await self._send(about.head, digest, members[start : start + UNIT])
        log.info("digest", list=address, messages=len(posts))
        return [post.id for post in posts if post.id not in left_out]

    async def _written(
        self, about: "_About", posts: Sequence[DigestPost], left_out: set[int]
    ) -> AsyncIterator[_Written]:
        """A day's digest, in as many messages as it takes, one after the other: together they may be very large.
        `left_out` gets the messages that cannot be read. Raises Temporary."""
        head = about.head
        parts, made = list(_split(posts)), max(post.due for post in posts)
        for number, part in enumerate(parts, 1):
            entries = await self._entries(head, part)
            left_out.update({post.id for post in part} - {post.id for post, _ in entries})
            if not entries:
                continue
            numbers = [post.id for post, _ in entries]
            key = f"{head.address}\0" + " ".join(map(str, numbers))
            token = hashlib.blake2b(key.encode(), digest_size=12).digest()
            message_id = f"<{token.hex()}@{self._settings.domain}>"
            messages = [entry for _, entry in entries]
            what = Digest(head.address, head.name, made, number, len(parts), messages, message_id, about.opening(made))
            octets = await asyncio.to_thread(digests.write, self._house, what)
            yield _Written(octets, digests.subject(self._house, what), numbers)

    async def _entries(self, head: Head, posts: Sequence[DigestPost]) -> list[tuple[DigestPost, Entry]]:
        """What is in it. A message that is damaged in the storage waits for another day, and keeps none of the others.
        Raises Temporary."""
        entries, damaged = [], []
        for post in posts:
            try:
                octets = await self._store.read(spool.octets, post.content_id, self._folder)
            except Damaged:
                damaged.append(post.id)
                continue
            octets = octets[list_copy.after_return_path(octets) :]
            entries.append((post, Entry(post.subject, post.sender, octets)))
        if damaged:
            log.error("damaged messages are left out of a digest", list=head.address, count=len(damaged))
            await self._store.write(digest_posts.put_off, damaged)
        return entries

    async def _deliver(self, head: Head, digest: _Written, accounts: Sequence[int]) -> None:
        """To some people here, sorted by their filters as any message of the list. Raises Refused(CONFLICT),
        Temporary."""
        quota = Quota.of(self._settings.limits)
        takers = await self._store.read(selecting.taking_mail, accounts, quota)
        here = tuple(account for account in accounts if account in takers)
        provenance = Provenance(Door.SERVICE, through_list=True)
        parts: list[Part] = []
        if here:
            envelope = Envelope(head.bounces, (), name=spool.new_name(self._clock), door=Door.SERVICE)
            octets = list_copy.top(head) + list_copy.fields(head) + digest.octets
            part = Part(await self._delivery.prepare(octets), head.bounces, here, provenance=provenance)
            parts = await self._delivery.parts_of(Copy(part, octets, envelope, {}))
        await self._commit(head, parts, digest.posts, accounts=accounts)

    async def _send(self, head: Head, digest: _Written, members: Sequence[str]) -> None:
        """To some members outside, each under an address of their own. Raises Refused(CONFLICT), Temporary."""
        gone = await self._store.read(outside_members.ended, head.address, members)
        left = tuple(member for member in members if member not in gone)
        provenance = Provenance(Door.SERVICE, through_list=True)
        parts: list[Part] = []
        if left:
            octets = return_path(head.bounces) + list_copy.fields(head, leaves=True) + digest.octets
            options = Options(spool.new_name(self._clock), signing=Signing.DKIM)
            post = self._delivery.members.digest(head, options.name, digest.subject, left)
            prepared = await self._delivery.prepare(octets)
            parts.append(Part(prepared, head.bounces, options=options, provenance=provenance, post=post))
        await self._commit(head, parts, digest.posts, outside=members)

    async def _commit(
        self,
        head: Head,
        parts: Sequence[Part],
        numbers: Sequence[int],
        accounts: Collection[int] = (),
        outside: Collection[str] = (),
    ) -> None:
        lifetime = self._settings.outbound.lifetime
        async with self._delivery.discarding(*(part.prepared for part in parts)):
            waiting = _Settled(head.address, self._store.worker, numbers, accounts, outside)
            unused = await self._store.write(_settle, parts, waiting, lifetime)
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._folder, file)


@dataclass(frozen=True, slots=True)
class _Settled:
    """Who has which messages of a list with this unit."""

    list: str
    worker: int
    posts: Sequence[int]
    accounts: Collection[int]
    outside: Collection[str]


def _settle(tx: Tx, parts: Sequence[Part], they: _Settled, lifetime: int) -> list[str]:
    """They have it, and wait no more: both or neither."""
    digest_posts.settle(tx, they.list, they.worker, they.posts, they.accounts, they.outside)
    return deliver_parts(tx, parts, {}, lifetime)[1] if parts else []


@dataclass(frozen=True, slots=True)
class _About:
    """A list whose digest is made."""

    head: Head
    entry: ListEntry

    def opening(self, made: int) -> Opening | None:
        """What members are told of its archive: that it was opened to more people since the digest of yesterday."""
        entry = self.entry
        if entry.archive not in (Archive.MEMBERS, Archive.ACADEMY) or not made - DAY <= entry.archive_opened <= made:
            return None
        return Opening(entry.archive_opened, entry.archive is Archive.ACADEMY, entry.archive_older)


def _about(tx: Tx, address: str) -> _About | None:
    entry = lists.get(tx, address)
    if entry is None:
        return None
    return _About(head_of(Roster(entry.address, entry.name, policy=lists.policy(tx, entry))), entry)


def _alike(waiting: Sequence[tuple[DigestPost, Sequence[T]]]) -> list[tuple[list[DigestPost], list[T]]]:
    """Who waits for the same messages, together.

    Messages with the same people have the same sequence of them (`DigestPost`): each is gone through once.
    """
    kinds = {id(members): members for _, members in waiting}
    bit_of = {key: 1 << place for place, key in enumerate(kinds)}
    bits: dict[T, int] = {}
    for key, members in kinds.items():
        bit = bit_of[key]
        for member in members:
            bits[member] = bits.get(member, 0) | bit
    groups: dict[int, list[T]] = {}
    for member, mine in bits.items():
        groups.setdefault(mine, []).append(member)
    return [
        ([post for post, theirs in waiting if bit_of[id(theirs)] & mine], sorted(members))
        for mine, members in groups.items()
    ]


def _split(posts: Sequence[DigestPost]) -> Iterator[list[DigestPost]]:
    """As many as fit into one message."""
    some: list[DigestPost] = []
    octets = 0
    for post in posts:
        if some and (len(some) >= MAX_MESSAGES or octets + post.size > MAX_OCTETS):
            yield some
            some, octets = [], 0
        some.append(post)
        octets += post.size
    if some:
        yield some
