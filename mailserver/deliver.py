"""Every recipient here: who gets a message, whether its sender may write to them, and its one durable delivery.

`resolve` answers at RCPT time, from the directory through a short cache; it also decides about quota, rules between
populations and lists' policies, so that whatever was accepted at RCPT is delivered: no half-failed transaction needs a
report. `deliver` stores the content once and one appearance per account, as one unit.

A list is a transaction of its own within that unit: its members get the list's copy (`mailserver.circular`), reports
about its remote members go to its owners. What a moderated list holds back is stored once, too.
"""

import asyncio
import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace

import structlog

from mailserver import circular
from mailserver.changes import Changes
from mailserver.circular import Head
from mailserver.clock import Clock
from mailserver.errors import Reason, Refused, Temporary
from mailserver.identity import Directory, ListKind, Population, Principal, Roster, State, Writers
from mailserver.mime.tracing import return_path
from mailserver.notices import house, moderation
from mailserver.provision import provision
from mailserver.rulebook import Rulebook
from mailserver.rules import Denied, Passage, Rules, Sender, Way, check, check_brake, passage, sentences
from mailserver.settings import Settings
from mailserver.store import accounts, blobs, held, messages, spool
from mailserver.store.access import boxes
from mailserver.store.held import Hold
from mailserver.store.notices import DIRECTORY
from mailserver.store.spool import Options, Target
from mailserver.store.transactions import Store, Tx, Uncertain

log = structlog.get_logger("deliver")

CACHE_SECONDS = 2.0
"""How long an answer about a recipient is believed: a suspension is felt within seconds."""
CACHE_ENTRIES = 50_000
INBOX_ENTRIES = 200_000
ROLE_ADDRESSES = ("postmaster", "abuse")
"""Delivered to the administrators (RFC 2142)."""
OWNER_SUFFIXES = ("-bounces", "-owner")
"""Behind a list's name: its owners."""
MAX_MEMBERS = 50_000
"""People that one message to a list may come to: they are one transaction."""
DAY = 86400
TOLD = 20
"""Messages waiting for a list's owners about which they are told one by one."""
KEY_OCTETS = 20
UNPROVEN = "-"
"""Stands for an address of ours that somebody outside claims; it is nobody's."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """An accepted recipient and where it leads."""

    address: str
    accounts: tuple[int, ...]
    remote: tuple[str, ...] = ()
    """List members elsewhere: the queue takes them."""
    room: int | None = None
    """Octets one person's quota still allows; None: no limit, or a list."""
    population: Population | None = None
    """Of one person; None: the rules between populations do not ask."""
    head: Head | None = None
    """A list: its members get the list's copy."""
    held: tuple[Roster, ...] = ()
    """Moderated lists that keep the message for their owners."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """RFC 5321 envelope of an accepted message."""

    reverse_path: str
    """Empty for a report."""
    recipients: tuple[Recipient, ...]
    sender: Sender | None = None
    """None: the service itself."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What was stored."""

    content_id: int
    accounts: int


PLAIN = Options()
_OPTIONS = {population: Options(population=population.value) for population in Population}


@dataclass(frozen=True, slots=True)
class Part:
    """One copy of a message, and who gets it."""

    prepared: blobs.Prepared
    reverse_path: str
    accounts: tuple[int, ...] = ()
    targets: tuple[Target | str, ...] = ()
    options: Options = PLAIN
    holds: tuple[Hold, ...] = ()
    only_if_held: str = ""
    """A notice to the owners of this list: not placed where so many wait already that nobody is told of each."""


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
        self._quota = messages.Quota.of(settings.limits)
        self._answers: dict[str, tuple[float, Recipient | Refused | Sequence[Roster]]] = {}
        self._inboxes: dict[int, int] = {}
        self._rulebook = Rulebook(store=store, clock=clock, changes=changes)
        self._house = house.house_of(settings)
        self._key = b""
        # A suspension, a new person or list counts for the next recipient, in every worker.
        changes.subscribe("account", DIRECTORY, self._answers.clear)

    def is_local(self, address: str) -> bool:
        """True when the address is in one of our domains, or has none (`postmaster`)."""
        _, at, domain = address.rpartition("@")
        return not at or domain.casefold() in self._domains

    def outsider(self, reverse_path: str) -> Sender:
        """Whoever came without a login. That they claim to be one of ours counts for nothing."""
        return Sender.outside(UNPROVEN if reverse_path and self.is_local(reverse_path) else reverse_path)

    # ------------------------------------------------------------------ who gets it

    async def resolve(self, address: str, size: int = 0, sender: Sender | None = None) -> Recipient:
        """Who gets mail for this address. `size`: octets announced for the message; `sender` None: the service.

        Raises Refused(RELAY_DENIED | NO_SUCH_RECIPIENT | SUSPENDED | OVER_QUOTA), Denied, Temporary.
        """
        answer = await self._answer(address)
        if isinstance(answer, Refused):
            raise Refused(answer.reason, answer.text)
        rules = await self._rulebook.rules()
        if not isinstance(answer, Recipient):
            found = await self._through(address, answer, sender, rules)
            if found.room is not None and size > found.room:
                raise Refused(Reason.OVER_QUOTA, "Mailbox has no room for a message of this size")
            return found
        if sender is not None and answer.population is not None:
            check(rules, sender, answer.population, answer.accounts[0], self._clock.now())
        elif sender is not None and not _is_role(address):
            check_brake(rules, sender, self._clock.now())
        if answer.room is not None and size > answer.room:
            raise Refused(Reason.OVER_QUOTA, "Mailbox has no room for a message of this size")
        return answer

    async def check_outside(self, sender: Sender | None) -> None:
        """May this sender write to somebody elsewhere? Raises Denied, Temporary."""
        if sender is not None:
            check(await self._rulebook.rules(), sender, Population.OUTSIDE, 0, self._clock.now())

    async def check_brake(self, sender: Sender | None, recipients: Iterable[Recipient] = ()) -> None:
        """The message is whole: may its sender still send? Raises Denied, Temporary.

        `postmaster@` and `abuse@` alone stay open.
        """
        if sender is None:
            return
        rules = await self._rulebook.rules()
        given = tuple(recipients)
        if rules.brakes and not (given and all(_is_role(one.address) for one in given)):
            check_brake(rules, sender, self._clock.now())

    async def released(self, address: str, sender: Sender | None) -> Recipient:
        """A list's members, for a message that one of its owners has let pass.

        Lists within it still have their own policies. Raises Refused(NO_SUCH_RECIPIENT), Denied, Temporary.
        """
        answer = await self._answer(address)
        if isinstance(answer, Refused):
            raise Refused(answer.reason, answer.text)
        if isinstance(answer, Recipient):
            raise Refused(Reason.NO_SUCH_RECIPIENT, "No such list")
        return await self._through(address, answer, sender, await self._rulebook.rules(), released=True)

    async def _answer(self, address: str) -> Recipient | Refused | Sequence[Roster]:
        """What is known of an address, whoever asks."""
        now = self._clock.monotonic()
        key = address.casefold()
        known = self._answers.get(key)
        if known is not None and known[0] >= now:
            return known[1]
        answer: Recipient | Refused | Sequence[Roster]
        try:
            answer = await self._look_up(address)
        except Refused as refusal:
            answer = refusal
        if len(self._answers) >= CACHE_ENTRIES:
            self._answers.clear()
        self._answers[key] = (now + CACHE_SECONDS, answer)
        return answer

    async def _look_up(self, address: str) -> Recipient | Sequence[Roster]:
        if not self.is_local(address):
            raise Refused(Reason.RELAY_DENIED, "Relay access denied")
        local, _, domain = address.rpartition("@") if "@" in address else (address, "", "")
        if local.casefold() in ROLE_ADDRESSES:
            return await self._role(address)
        principal = await self._find(local, domain)
        if principal is not None:
            room = await self._room(principal, answers=await self._answers_for(principal))
            return Recipient(address, (principal.account_id,), room=room, population=principal.role.population)
        rosters = await self._rosters(address)
        if rosters:
            return rosters
        owners = await self._owners(local, domain)
        if owners is None:
            raise Refused(Reason.NO_SUCH_RECIPIENT, "No such recipient here")
        return await self._owned(address, owners)

    async def _find(self, local: str, domain: str) -> Principal | None:
        """By the whole address; else without the detail behind `+` (RFC 5233)."""
        suffix = f"@{domain or self._settings.domain}"
        principal = await self._directory.find(local + suffix)
        base, plus, _ = local.partition("+")
        if principal is None and plus and base:
            principal = await self._directory.find(base + suffix)
        return principal

    async def _answers_for(self, principal: Principal) -> bool:
        """Whether a closed account still takes mail, to answer it (`mailserver.caretaker`).

        Once it no longer does it is as unknown as if it had never been (550 5.1.1): 5.2.1 would tell a stranger that
        somebody was here, and nobody waits for a mailbox to open again.
        """
        if principal.state is not State.CLOSED:
            return False
        standing = await self._store.read(accounts.get, principal.account_id)
        return standing is not None and standing.reply_until > self._clock.now()

    async def _room(self, principal: Principal, *, answers: bool = False) -> int | None:
        """Octets this account can still take, None: any. Raises Refused when it cannot take mail now."""
        if principal.state is State.CLOSED and not answers:
            raise Refused(Reason.NO_SUCH_RECIPIENT, "No such recipient here")
        if principal.state is State.SUSPENDED and not principal.may_receive:
            raise Refused(Reason.SUSPENDED, "This account is suspended")
        return await self._store.read(messages.room, principal.account_id, self._quota)

    async def _role(self, address: str) -> Recipient:
        admins = await self._directory.administrators()
        accounts = tuple(admin.account_id for admin in admins if admin.state is not State.CLOSED)
        if not accounts:
            raise Refused(Reason.NO_SUCH_RECIPIENT, "No such recipient here")
        return Recipient(address, accounts)

    # ------------------------------------------------------------------ lists

    async def _owners(self, local: str, domain: str) -> tuple[str, ...] | None:
        """The owners behind `LIST-owner` and `LIST-bounces`; None: there is no such list."""
        for suffix in OWNER_SUFFIXES:
            base = local[: -len(suffix)]
            if base and local.casefold().endswith(suffix):
                rosters = await self._directory.rosters(f"{base}@{domain or self._settings.domain}")
                return rosters[0].owners if rosters else None
        return None

    async def _rosters(self, address: str) -> Sequence[Roster]:
        """A list and those within it; a functional box that never got mail gets its mailboxes now."""
        rosters = await self._directory.rosters(address)
        new = [one.address for one in rosters if one.kind is ListKind.FUNCTION and not one.box]
        for one in new:
            await self._store.write(boxes.ensure, one)
        return await self._directory.rosters(address) if new else rosters

    async def _owned(self, address: str, owners: Sequence[str]) -> Recipient:
        """A list's owners; the administrators where it has none that can receive.

        An owner that is a list itself (a functional box mostly) stands for its members.
        """
        people: dict[str, None] = {}
        accounts: dict[int, None] = {}
        for owner in owners:
            rosters = await self._rosters(owner) if self.is_local(owner) else ()
            walk = _Walk(rosters, None)
            if rosters:
                walk.enter(rosters[0])
            people.update(walk.others if rosters else {owner: None})
            accounts.update(walk.accounts)
        named, remote = await self._individuals(address, people)
        accounts.update(named)
        if not accounts and not remote:
            return await self._role(address)
        return Recipient(address, tuple(accounts), tuple(remote))

    async def _individuals(self, address: str, members: Iterable[str]) -> tuple[dict[int, None], dict[str, None]]:
        """Addresses one by one: accounts that can take mail, and addresses elsewhere. Who cannot is logged."""
        accounts: dict[int, None] = {}
        remote: dict[str, None] = {}
        for member in members:
            if not self.is_local(member):
                remote[member] = None
                continue
            local, _, domain = member.rpartition("@")
            try:
                if local.casefold() in ROLE_ADDRESSES:
                    accounts.update(dict.fromkeys((await self._role(member)).accounts))
                    continue
                principal = await self._find(local, domain)
                if principal is None:
                    log.warning("list has an unknown member", list=address)
                    continue
                await self._room(principal)
            except Refused as refusal:
                log.info("list member left out", list=address, why=refusal.reason.value)
                continue
            accounts[principal.account_id] = None
        return accounts, remote

    async def _through(
        self, address: str, rosters: Sequence[Roster], sender: Sender | None, rules: Rules, *, released: bool = False
    ) -> Recipient:
        """Whom a list brings a message to, and which moderated lists hold it. Raises Refused, Denied, Temporary."""
        now = self._clock.now()
        if sender is not None:
            check_brake(rules, sender, now)
            if sender.is_report:
                raise sentences.no_reports()
        walk = _Walk(rosters, sender)
        first = rosters[0]
        if not released and walk.way(first, "") is Way.CLOSED:
            raise sentences.not_a_writer(first.policy.writers)
        if not released and walk.way(first, "") is Way.HELD:
            return Recipient(address, (), head=_head(first), held=(first,))
        if first.box:  # its mail is its own: no copies, and no trace of a list
            return Recipient(address, (first.box,), room=await self._store.read(messages.room, first.box, self._quota))
        walk.enter(first)
        if len(walk.accounts) > MAX_MEMBERS:
            raise sentences.too_large(MAX_MEMBERS)
        accounts, remote = await self._individuals(first.address, walk.others)
        if remote and sender is not None and not rules.allows(sender.population, Population.OUTSIDE):
            log.info("list members outside left out", list=first.address, count=len(remote))
            if not accounts and not walk.accounts:
                check(rules, sender, Population.OUTSIDE, 0, now)
            remote = {}
        if walk.closed:
            log.info("lists within a list left out", list=first.address, closed=walk.closed)
        everybody = walk.accounts | accounts
        if not everybody and not remote and not walk.held:
            raise Refused(Reason.NO_SUCH_RECIPIENT, "The list has no member who can receive")
        return Recipient(address, tuple(everybody), tuple(remote), head=_head(first), held=tuple(walk.held))

    # ------------------------------------------------------------------ delivering

    async def deliver(self, envelope: Envelope, octets: bytes) -> Delivered:
        """Store the message for every recipient, as one unit; returns after the commit is on disk.

        `octets` is the message with its trace fields. Raises Refused(LOOP), Denied, Temporary.
        """
        await self.check_brake(envelope.sender, envelope.recipients)
        options = _OPTIONS[envelope.sender.population] if envelope.sender else PLAIN
        parts = await self.parts(envelope, octets, options)
        alone = [part.accounts[0] for part in parts if len(part.accounts) == 1]
        known = {account: self._inboxes[account] for account in alone if account in self._inboxes}
        async with self.discarding(*(part.prepared for part in parts)):
            content_id, unused, targets = await self._store.write(
                deliver_parts, parts, known, self._settings.outbound.lifetime
            )
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._folder, file)
        if len(self._inboxes) > INBOX_ENTRIES:
            self._inboxes.clear()
        self._inboxes.update((account, targets[account]) for account in alone if account in targets)
        return Delivered(content_id, sum(len(part.accounts) for part in parts))

    async def parts(
        self, envelope: Envelope, octets: bytes, options: Options, targets: Sequence[Target] = ()
    ) -> list[Part]:
        """The copies a message becomes: what its direct recipients get, then each list's own.

        `targets`: direct recipients elsewhere. Nobody gets two copies. Raises Refused(LOOP), Temporary.
        """
        direct = [one for one in envelope.recipients if one.head is None]
        lists = list({one.head.address: one for one in envelope.recipients if one.head is not None}.values())
        if lists:
            passed = [one for one in lists if one.head and circular.has_passed(one.head.address, octets)]
            if passed and len(passed) == len(lists) and not direct and not targets:
                raise Refused(Reason.LOOP, "The message has been through this list: it runs in a circle")
            lists = [one for one in lists if one not in passed]
        accounts = dict.fromkeys(sorted({account for one in direct for account in one.accounts}))
        elsewhere: dict[str, Target | str] = {address: address for one in direct for address in one.remote}
        elsewhere.update((target.address, target) for target in targets)
        holding = list({roster.address: roster for one in lists for roster in one.held}.values())
        holds, keys = self._holds(envelope, holding) if holding else ((), [])
        parts: list[Part] = []
        if accounts or elsewhere or holds or not lists:
            prepared = await self.prepare(octets)
            reached = tuple(elsewhere.values())
            parts.append(Part(prepared, envelope.reverse_path, tuple(accounts), reached, options, holds))
            for roster, key in zip(holding, keys, strict=True):
                parts.append(await self._notice(roster, key, prepared))
        for one in lists:
            assert one.head is not None
            members = tuple(each for each in one.accounts if each not in accounts) if accounts else one.accounts
            remote = tuple(address for address in one.remote if address not in elsewhere)
            if not members and not remote:
                continue
            accounts.update(dict.fromkeys(members))
            elsewhere.update(dict.fromkeys(remote, ""))
            await asyncio.sleep(0)  # a copy of a large message is as much as the loop should wait for at once
            copy = await self.prepare(circular.copy(one.head, octets))
            plain = replace(options, ret="", envid="")
            parts.append(Part(copy, one.head.bounces, members, remote, plain))
        return parts

    def _holds(self, envelope: Envelope, holding: Sequence[Roster]) -> tuple[tuple[Hold, ...], list[str]]:
        """The rows of what moderated lists keep, and what each owners' link carries."""
        sender = envelope.sender or Sender(Population.STAFF)
        expires = int(self._clock.now()) + self._settings.lists.moderation_days * DAY
        keys = [self._clock.token(KEY_OCTETS).hex() for _ in holding]
        holds = tuple(
            Hold(
                roster.address,
                envelope.reverse_path,
                sender.account_id,
                sender.population,
                expires,
                self.moderation_token(key),
            )
            for roster, key in zip(holding, keys, strict=True)
        )
        return holds, keys

    def moderation_token(self, key: str) -> bytes:
        """What the store keeps of a moderation link."""
        if not self._key:
            self._key = self._settings.secret("hmac")
        return hmac.digest(self._key, f"moderation\0{key[:100]}".encode("utf-8", "replace"), hashlib.sha256)

    async def _notice(self, roster: Roster, key: str, waiting: blobs.Prepared) -> Part:
        """The mail that tells a list's owners of a message that waits."""
        head = _head(roster)
        now = self._clock.now()
        what = moderation.Waiting(
            roster.address,
            roster.name,
            waiting.scan.sender,
            waiting.scan.subject,
            int(now) + self._settings.lists.moderation_days * DAY,
            key,
        )
        octets = moderation.waiting(self._house, what, head.owner, token=self._clock.token(12), now=now)
        owners = await self._owned(head.owner, roster.owners)
        whole = return_path("") + octets
        return Part(await self.prepare(whole), "", owners.accounts, owners.remote, only_if_held=roster.address)

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


class _Walk:
    """Through a list and the lists within it, each once, as their policies let a sender."""

    def __init__(self, rosters: Sequence[Roster], sender: Sender | None) -> None:
        self._rosters = {roster.address: roster for roster in rosters}
        self._sender = sender
        self._entered: set[str] = set()
        self.accounts: dict[int, None] = {}
        self.others: dict[str, None] = {}
        self.held: list[Roster] = []
        self.closed = 0

    def way(self, roster: Roster, via: str) -> Way:
        """What the policy of one list says."""
        sender = self._sender
        is_member = sender is not None and roster.policy.writers is Writers.MEMBERS and self._contains(roster, sender)
        return passage(Passage(roster.policy, roster.owners, is_member, via), sender)

    def _contains(self, roster: Roster, sender: Sender) -> bool:
        """Members of lists within a list are its members. What is claimed from outside counts for those outside."""
        seen: set[str] = set()
        below = [roster]
        while below:
            one = below.pop()
            if one.address in seen:
                continue
            seen.add(one.address)
            if sender.account_id and (sender.account_id in one.accounts or sender.account_id in one.absent):
                return True
            if any(member in sender.addresses or member == sender.claimed for member in one.others):
                return True
            below += [self._rosters[inner] for inner in one.inner if inner in self._rosters]
        return False

    def enter(self, roster: Roster) -> None:
        """Take a list's members, and those of the lists within it whose policies allow."""
        if roster.address in self._entered:
            return
        self._entered.add(roster.address)
        if roster.box:
            self.accounts[roster.box] = None
            return
        self.accounts.update(dict.fromkeys(roster.accounts))
        self.others.update(dict.fromkeys(roster.others))
        for address in roster.inner:
            inner = self._rosters.get(address)
            if inner is None or inner.address in self._entered:
                continue
            match self.way(inner, roster.address):
                case Way.OPEN:
                    self.enter(inner)
                case Way.HELD:
                    self._entered.add(inner.address)
                    self.held.append(inner)
                case Way.CLOSED:
                    self.closed += 1


def _head(roster: Roster) -> Head:
    return Head(roster.address, roster.name, roster.policy.writers is Writers.OWNERS)


def _is_role(address: str) -> bool:
    return address.partition("@")[0].casefold() in ROLE_ADDRESSES


def deliver_parts(
    tx: Tx, parts: Sequence[Part], known: dict[int, int], lifetime: int
) -> tuple[int, list[str], dict[int, int]]:
    """Every copy of a message, what lists hold of it, and the notices to their owners.

    Returns the first content's id, the files that turned out not to be needed, and the INBOX of each account.
    """
    first = 0
    unused: list[str] = []
    targets: dict[int, int] = {}
    crowded: set[str] = set()
    for part in parts:
        file = part.prepared.file
        if part.only_if_held in crowded:
            unused += [file] if file is not None else []
            continue
        inboxes = {account: known[account] for account in part.accounts if account in known}
        content_id, used, placed = deliver_unit(tx, part.prepared, part.accounts, inboxes, "", (), lifetime)
        first = first or content_id
        unused += [file] if file is not None and not used else []
        targets.update(placed)
        if part.targets:
            spool.enqueue(tx, content_id, part.reverse_path, part.targets, lifetime=lifetime, options=part.options)
        for hold in part.holds:
            if held.hold(tx, content_id, hold) >= TOLD:
                crowded.add(hold.list)
    return first, unused, targets


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


__all__ = [
    "UNPROVEN",
    "Delivered",
    "Delivery",
    "Denied",
    "Envelope",
    "Part",
    "Recipient",
    "deliver_parts",
    "deliver_unit",
]
