"""Every incoming recipient: who gets a message that arrives here, and its one durable delivery.

`resolve` answers at RCPT time, from the directory through a short cache; it also decides about quota, so
that whatever was accepted at RCPT is delivered: no half-failed transaction needs a report. `deliver` stores
the content once and one appearance per account, as one unit.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

import structlog

from mailserver.changes import Changes
from mailserver.clock import Clock
from mailserver.errors import Reason, Refused, Temporary
from mailserver.identity import Directory, Principal, State
from mailserver.provision import provision
from mailserver.settings import Settings
from mailserver.store import blobs, messages, spool
from mailserver.store.notices import DIRECTORY
from mailserver.store.transactions import Store, Tx, Uncertain

log = structlog.get_logger("deliver")

CACHE_SECONDS = 2.0
"""How long an answer about a recipient is believed: a suspension is felt within seconds."""
CACHE_ENTRIES = 50_000
INBOX_ENTRIES = 200_000
ROLE_ADDRESSES = ("postmaster", "abuse")
"""Delivered to the administrators (RFC 2142)."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """An accepted recipient and where it leads."""

    address: str
    accounts: tuple[int, ...]
    remote: tuple[str, ...] = ()
    """List members elsewhere: the queue takes them."""
    room: int | None = None
    """Octets one person's quota still allows; None: no limit, or a list."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """RFC 5321 envelope of an accepted message."""

    reverse_path: str
    """Empty for a report."""
    recipients: tuple[Recipient, ...]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What was stored."""

    content_id: int
    accounts: int


class Delivery:
    """Resolves and delivers. One per worker."""

    def __init__(
        self, *, settings: Settings, store: Store, directory: Directory, clock: Clock, changes: Changes
    ) -> None:
        self._settings = settings
        self._store = store
        self._directory = directory
        self._clock = clock
        self._domains = frozenset(domain.casefold() for domain in settings.domains)
        self._folder = settings.data / "blobs"
        self._answers: dict[str, tuple[float, Recipient | Refused]] = {}
        self._inboxes: dict[int, int] = {}
        # A suspension, a new person or list counts for the next recipient, in every worker.
        changes.subscribe("account", DIRECTORY, self._answers.clear)

    def is_local(self, address: str) -> bool:
        """True when the address is in one of our domains, or has none (`postmaster`)."""
        _, at, domain = address.rpartition("@")
        return not at or domain.casefold() in self._domains

    async def resolve(self, address: str, size: int = 0) -> Recipient:
        """Who gets mail for this address. `size`: octets announced for the message.

        Raises Refused(RELAY_DENIED | NO_SUCH_RECIPIENT | SUSPENDED | OVER_QUOTA), Temporary.
        """
        now = self._clock.monotonic()
        key = address.casefold()
        known = self._answers.get(key)
        if known is None or known[0] < now:
            answer: Recipient | Refused
            try:
                answer = await self._look_up(address)
            except Refused as refusal:
                answer = refusal
            if len(self._answers) >= CACHE_ENTRIES:
                self._answers.clear()
            self._answers[key] = (now + CACHE_SECONDS, answer)
        else:
            answer = known[1]
        if isinstance(answer, Refused):
            raise Refused(answer.reason, answer.text)
        if answer.room is not None and size > answer.room:
            raise Refused(Reason.OVER_QUOTA, "Mailbox has no room for a message of this size")
        return answer

    async def _look_up(self, address: str) -> Recipient:
        if not self.is_local(address):
            raise Refused(Reason.RELAY_DENIED, "Relay access denied")
        local, _, domain = address.rpartition("@") if "@" in address else (address, "", "")
        if local.casefold() in ROLE_ADDRESSES:
            return await self._role(address)
        principal = await self._find(local, domain)
        if principal is not None:
            return Recipient(address, (principal.account_id,), room=await self._room(principal))
        mailing_list = await self._directory.expand(address)
        if mailing_list is None:
            raise Refused(Reason.NO_SUCH_RECIPIENT, "No such recipient here")
        return await self._members(address, mailing_list.members)

    async def _find(self, local: str, domain: str) -> Principal | None:
        """By the whole address; else without the detail behind `+` (RFC 5233)."""
        suffix = f"@{domain or self._settings.domain}"
        principal = await self._directory.find(local + suffix)
        base, plus, _ = local.partition("+")
        if principal is None and plus and base:
            principal = await self._directory.find(base + suffix)
        return principal

    async def _room(self, principal: Principal) -> int | None:
        """Octets this account can still take, None: any. Raises Refused when it cannot take mail now."""
        if principal.state is State.CLOSED:
            raise Refused(Reason.NO_SUCH_RECIPIENT, "No such recipient here")
        if principal.state is State.SUSPENDED and not principal.may_receive:
            raise Refused(Reason.SUSPENDED, "This account is suspended")
        if not principal.quota_bytes:
            return None
        used, _ = await self._store.read(messages.usage, principal.account_id)
        if used >= principal.quota_bytes:
            raise Refused(Reason.OVER_QUOTA, "Mailbox is full")
        return principal.quota_bytes - used

    async def _role(self, address: str) -> Recipient:
        admins = await self._directory.administrators()
        accounts = tuple(admin.account_id for admin in admins if admin.state is not State.CLOSED)
        if not accounts:
            raise Refused(Reason.NO_SUCH_RECIPIENT, "No such recipient here")
        return Recipient(address, accounts)

    async def _members(self, address: str, members: Sequence[str]) -> Recipient:
        """A list's members that can take mail; one that cannot is logged and left out."""
        accounts: dict[int, None] = {}
        remote: dict[str, None] = {}
        for member in members:
            if not self.is_local(member):
                remote[member] = None
                continue
            local, _, domain = member.rpartition("@")
            principal = await self._find(local, domain)
            if principal is None:
                log.warning("list has an unknown member", list=address)
                continue
            try:
                await self._room(principal)
            except Refused as refusal:
                log.info("list member left out", list=address, account=principal.account_id, why=refusal.reason.value)
                continue
            accounts[principal.account_id] = None
        if not accounts and not remote:
            raise Refused(Reason.NO_SUCH_RECIPIENT, "The list has no member who can receive")
        return Recipient(address, tuple(accounts), tuple(remote))

    async def deliver(self, envelope: Envelope, octets: bytes) -> Delivered:
        """Store the message for every recipient, as one unit; returns after the commit is on disk.

        `octets` is the message with its trace fields. Raises Temporary.
        """
        prepared = await self.prepare(octets)
        accounts = sorted({account for one in envelope.recipients for account in one.accounts})
        remote = list(dict.fromkeys(address for one in envelope.recipients for address in one.remote))
        known = {account: self._inboxes[account] for account in accounts if account in self._inboxes}
        lifetime = self._settings.outbound.lifetime
        async with self.discarding(prepared):
            content_id, used, targets = await self._store.write(
                deliver_unit, prepared, accounts, known, envelope.reverse_path, remote, lifetime
            )
        if prepared.file is not None and not used:
            await asyncio.to_thread(blobs.remove_file, self._folder, prepared.file)
        if len(self._inboxes) > INBOX_ENTRIES:
            self._inboxes.clear()
        self._inboxes.update(targets)
        return Delivered(content_id, len(accounts))

    @contextlib.asynccontextmanager
    async def discarding(self, *prepared: blobs.Prepared | None) -> AsyncIterator[None]:
        """Remove the files of messages whose unit certainly failed: a full disk must not fill up with leavings.

        After any other end (the caller is gone, the outcome unknown) the collector finds out.
        """
        try:
            yield
        except Uncertain:
            raise
        except (Refused, Temporary):
            for one in prepared:
                if one is not None and one.file is not None:
                    await asyncio.to_thread(blobs.remove_file, self._folder, one.file)
            raise

    async def prepare(self, octets: bytes) -> blobs.Prepared:
        """Scan and compress a message, off the loop when that takes long. Raises Temporary."""
        if blobs.is_quick(octets):
            return blobs.prepare(octets, self._folder)
        return await asyncio.to_thread(blobs.prepare, octets, self._folder)


def deliver_unit(
    tx: Tx,
    prepared: blobs.Prepared,
    accounts: Sequence[int],
    known: dict[int, int],
    reverse_path: str,
    remote: Iterable[str],
    lifetime: int,
) -> tuple[int, bool, dict[int, int]]:
    """One content, one appearance in each account's INBOX, one queue row per remote domain.

    Returns the content's id, whether `prepared` became it, and the INBOX of each account.
    """
    content_id, used = messages.store_content(tx, prepared)
    if len(accounts) == 1 and accounts[0] in known:
        messages.place(tx, accounts[0], known[accounts[0]], content_id, prepared.size)
        targets = known
    else:
        targets = messages.inboxes(tx, accounts)
        for account_id in accounts:
            if account_id not in targets:
                provision(tx, account_id)
                targets.update(messages.inboxes(tx, [account_id]))
            if account_id not in targets:  # nothing may be acknowledged that nobody gets
                raise Temporary("An account has no INBOX")
        messages.place_many(tx, targets, content_id, prepared.size)
    remote = tuple(remote)
    if remote:
        spool.enqueue(tx, content_id, reverse_path, remote, lifetime=lifetime)
    return content_id, used, targets
