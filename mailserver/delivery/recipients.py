"""Who gets mail for an address, and whether its sender may write to them."""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog

from directory.lists.rosters import OWNER_SUFFIXES, ROLE_ADDRESSES
from mailserver.delivery.envelope import UNPROVEN, Recipient
from mailserver.delivery.lists.list_members import ListMembers
from mailserver.delivery.lists.member_keys import is_return_address
from mailserver.delivery.lists.nested_lists import Walk, head_of
from mailserver.delivery.lists.reachable_members import Reachable, shielded
from mailserver.delivery.offloading import at_leisure
from mailserver.delivery.returned_reports import ReturnedReports
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Settings
from mailserver.model.clock import HOUR, Clock
from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import fold_login
from mailserver.model.identity import Directory, ListKind, Population, Principal, Role, Roster, State
from mailserver.model.reports import Kind
from mailserver.model.rules import Braked, Denied, Rules, Sender, Way, check, check_brake, sentences
from mailserver.policy.rules import mailings
from mailserver.policy.rules.policy_cache import PolicyCache
from mailserver.policy.rules.refused_copies import RefusedCopies
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import messages
from mailserver.store.mail.access import boxes
from mailserver.store.people.mailing_lists import outside_members
from mailserver.store.people.mailing_lists.lists import MAX_MEMBERS
from mailserver.store.queue import list_posts
from mailserver.store.record.notices import DIRECTORY
from mailserver.texts.text import both

log = structlog.get_logger("deliver")

CACHE_SECONDS = 2.0
"""How long an answer about a recipient is believed: a suspension is felt within seconds."""
CACHE_ENTRIES = 50_000


class Addressing:
    """Resolves recipients. One per worker."""

    def __init__(
        self, *, settings: Settings, store: Store, directory: Directory, clock: Clock, changes: Changes
    ) -> None:
        self._settings = settings
        self._store = store
        self._directory = directory
        self._clock = clock
        self._domains = frozenset(domain.casefold() for domain in settings.domains)
        self._zone = ZoneInfo(settings.web.timezone)
        self._answers: dict[str, tuple[float, Recipient | Refused | Sequence[Roster]]] = {}
        self.members = ListMembers(settings=settings, store=store, clock=clock)
        self._rulebook = PolicyCache(store=store, clock=clock, changes=changes)
        self._refused_copies = RefusedCopies(store=store, clock=clock, changes=changes)
        self._reachable = Reachable(store=store, clock=clock)
        self.returned = ReturnedReports(settings=settings, store=store, clock=clock)
        # A suspension, a new person or list counts for the next recipient, in every worker.
        changes.subscribe("account", DIRECTORY, self._answers.clear)

    def is_local(self, address: str) -> bool:
        """True when the address is in one of our domains, or has none (`postmaster`)."""
        _, at, domain = address.rpartition("@")
        return not at or domain.casefold() in self._domains

    async def role_of(self, account_id: int) -> Role | None:
        """Of who wrote a message; None: nobody of whom the directory knows. Raises Temporary."""
        found = await self._directory.by_account(account_id)
        return found.role if found is not None else None

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
            unknown = answer.reason is Reason.NO_SUCH_RECIPIENT
            if unknown and sender is not None and sender.is_report and (to := await self.returned.reverse(address)):
                return Recipient(address, (), (to,), is_return=True)
            if not unknown or not self.takes_reports(address, sender):
                raise Refused(answer.reason, answer.text)
            answer = Recipient(address, ())
        rules = await self._rulebook.rules()
        if not isinstance(answer, Recipient):
            found = await self._through(address, answer, sender, rules)
            if found.head is not None and 0 < found.head.max_size < size:
                raise sentences.TooLarge(found.head.max_size)
            if found.room is not None and size > found.room:
                raise Refused(Reason.OVER_QUOTA, "Mailbox has no room for a message of this size")
            return found
        if sender is not None and answer.population is not None:
            check(rules, sender, answer.population, answer.accounts[0], self._clock.now())
        elif sender is not None and not is_role(address):
            check_brake(rules, sender, self._clock.now())
            if answer.accounts or answer.remote:  # an address for reports may be nobody's
                answer = await self._owners_for(sender, answer, rules)
        if answer.room is not None and size > answer.room:
            raise Refused(Reason.OVER_QUOTA, "Mailbox has no room for a message of this size")
        return answer

    def takes_reports(self, address: str, sender: Sender | None) -> tuple[Kind, ...]:
        """Which reports of other servers are read that come to this address; of nobody who has logged in."""
        wanted = {Kind.DMARC: self._settings.reports.dmarc, Kind.TLS: self._settings.reports.tls}
        if sender is None or sender.account_id or not any(wanted.values()):
            return ()
        folded = fold_login(address)
        return tuple(kind for kind, where in wanted.items() if where and fold_login(where) == folded)

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
        if rules.brakes and not (given and all(is_role(one.address) for one in given)):
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
        if is_return_address(address):
            return await self._returning(address)
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

    async def _returning(self, address: str) -> Recipient:
        """Where a list's message comes back from a member: its owners get what is no report.

        Raises Refused(NO_SUCH_RECIPIENT): we did not write this address, or long ago.
        """
        departure = self.members.departure(address)
        name = await self.members.list_of(departure) if departure is not None else None
        if name is None:
            raise Refused(Reason.NO_SUCH_RECIPIENT, "No such recipient here")
        rosters = await self._directory.rosters(name)
        owners = await self._owned(address, rosters[0].owners) if rosters else Recipient(address, ())
        return replace(owners, returns=departure)

    async def _find(self, local: str, domain: str) -> Principal | None:
        """By the whole address; else without the detail behind `+` (RFC 5233)."""
        suffix = f"@{domain or self._settings.domain}"
        principal = await self._directory.find(local + suffix)
        base, plus, _ = local.partition("+")
        if principal is None and plus and base:
            principal = await self._directory.find(base + suffix)
        return principal

    async def _answers_for(self, principal: Principal) -> bool:
        """Whether a closed account still takes mail, to answer it (`mailserver.background.housekeeping`).

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
        return await self._store.read_apart(
            messages.room, principal.account_id, messages.Quota.of(self._settings.limits)
        )

    async def moderators(self, address: str) -> Recipient:
        """Who decides about the messages that a list holds, as its owners are now. Raises Refused, Temporary."""
        rosters = await self._rosters(address)
        if not rosters:
            raise Refused(Reason.NO_SUCH_RECIPIENT, "No such list")
        return await self._owned(head_of(rosters[0]).owner, rosters[0].owners)

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
        new = [roster.address for roster in rosters if roster.kind is ListKind.FUNCTION and not roster.box]
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
            walk = Walk(rosters, None)
            if rosters:
                walk.enter(rosters[0])
            people.update(walk.others if rosters else {owner: None})
            accounts.update(walk.accounts)
        named, remote = await self._individuals(address, people)
        accounts.update(named)
        if not accounts and not remote:
            return await self._role(address)
        return Recipient(address, tuple(accounts), tuple(remote))

    async def _owners_for(self, sender: Sender, owners: Recipient, rules: Rules) -> Recipient:
        """Those of a list's owners whom the sender may write to; the administrators where that is none of them."""
        remote = owners.remote if rules.allows(sender.population, Population.OUTSIDE) else ()
        accounts: dict[int, None] = {}
        with contextlib.suppress(Denied):  # somebody answers for every list
            accounts = await self._reachable.of(owners.address, owners.accounts, rules, sender)
        if not accounts and not remote:
            return replace(await self._role(owners.address), returns=owners.returns)
        return replace(owners, accounts=tuple(accounts), remote=remote)

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
        walk = Walk(rosters, sender)
        first = rosters[0]
        way = Way.OPEN if released else walk.way(first, "")
        if way is Way.CLOSED:
            if first.policy.ended:
                raise sentences.list_ended(datetime.fromtimestamp(first.policy.ended, self._zone).date())
            raise sentences.not_a_writer(first.policy.writers)
        if sender is not None and not released and first.policy.max_hourly:
            await self._check_rate(first, sender)
        if way is Way.HELD and (sender is None or not shielded(rules, sender.population)):
            return Recipient(address, (), head=head_of(first), held=(first,))
        await at_leisure(sum(len(roster.accounts) for roster in rosters), walk.enter, first)
        most = self._most(sender)
        if len(walk.accounts) > most:
            raise sentences.too_large(most)
        accounts, remote = await self._members(first, walk, rules, sender)
        gone = await self._store.read(outside_members.ended, first.address, list(remote)) if remote else set()
        remote = {address: None for address in remote if address not in gone}
        if way is Way.HELD:
            return Recipient(address, (), head=head_of(first), held=(first,))
        if first.box:  # its mail is its own: no copies, and no trace of a list
            quota = messages.Quota.of(self._settings.limits)
            return Recipient(address, (first.box,), room=await self._store.read(messages.room, first.box, quota))
        if not released and self._waits_for_owners(sender, len(accounts) + len(remote)):
            log.info("mail from outside to very many waits", list=first.address, count=len(accounts))
            return Recipient(address, (), head=head_of(first), held=(first,))
        if walk.closed:
            log.info("lists within a list left out", list=first.address, closed=walk.closed)
        if not accounts and not remote and not walk.held:
            raise Refused(Reason.NO_SUCH_RECIPIENT, "The list has no member who can receive")
        members = await at_leisure(len(accounts), tuple, accounts)
        return Recipient(address, members, tuple(remote), head=head_of(first), held=tuple(walk.held), ended=len(gone))

    async def _check_rate(self, first: Roster, sender: Sender) -> None:
        """Whether a list has sent on less than it may. Raises Denied; Braked for mail from outside, which waits."""
        most = first.policy.max_hourly
        if await self._store.read(list_posts.count_since, first.address, int(self._clock.now()) - HOUR) < most:
            return
        log.info("a list has sent on as much as it may", list=first.address, most=most)
        said = sentences.too_many_messages(most)
        if sender.account_id:
            raise Denied(said)
        raise Braked(both(said))

    def _most(self, sender: Sender | None) -> int:
        """People whom a list may bring a message of this sender to: what is no mailing is one transaction."""
        return mailings.MOST if sender and mailings.mark(self._settings, sender.population) else MAX_MEMBERS

    def _waits_for_owners(self, sender: Sender | None, people: int) -> bool:
        """Whether a message from outside comes to so many that the list's owners decide about it first."""
        is_outsider = sender is not None and not sender.account_id
        return is_outsider and mailings.is_mailing(self._settings, Population.OUTSIDE, people)

    async def _members(
        self, first: Roster, walk: Walk, rules: Rules, sender: Sender | None
    ) -> tuple[dict[int, None], dict[str, None]]:
        """Members whom the sender may write to: accounts, and addresses elsewhere. Raises Denied: nobody is left."""
        named, remote = await self._individuals(first.address, walk.others)
        everybody = walk.accounts | named if named else walk.accounts
        denied: Denied | None = None
        if remote and sender is not None and not rules.allows(sender.population, Population.OUTSIDE):
            log.info("list members outside left out", list=first.address, count=len(remote))
            denied, remote = sentences.may_not_write(sender.population, Population.OUTSIDE), {}
        accounts: dict[int, None] = {}
        try:
            accounts = await self._reachable.of(first.address, everybody, rules, sender)
        except Denied as refusal:
            denied = refusal
        if denied is not None and not accounts and not remote and not walk.held:
            raise denied
        return accounts, remote


def is_role(address: str) -> bool:
    return address.partition("@")[0].casefold() in ROLE_ADDRESSES


def key_of(recipient: Recipient) -> int | None:
    """The same of all addresses of one person or list; None: it is the same for everybody who asks, or nobody's."""
    if is_role(recipient.address) or not (recipient.accounts or recipient.remote or recipient.head):
        return None
    return hash((recipient.accounts, recipient.remote, recipient.head.address if recipient.head else ""))
