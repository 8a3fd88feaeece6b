"""What the scripts of accounts decide of one message."""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog

from mailserver.addressbook.books import AddressBooks
from mailserver.filters import sieve
from mailserver.filters.active import ActiveScripts
from mailserver.filters.host import GLOBAL, AccountHost, NeedsAccount, NoAccount
from mailserver.filters.owners import Owner, owner
from mailserver.filters.sieve import (
    Action,
    Exhausted,
    Facts,
    FileInto,
    Keep,
    Outcome,
    Redirect,
    RunError,
    Script,
    SieveError,
)
from mailserver.foundation.changes import Changes
from mailserver.foundation.in_step import in_step
from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.model.errors import Temporary
from mailserver.model.folding import fold_login
from mailserver.model.identity import Directory
from mailserver.policy.viewers import Sharing
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import access, blobs
from mailserver.store.mail.access import Viewer
from mailserver.texts.text import Text

log = structlog.get_logger("filters")

AT_ONCE = 20
"""Scripts that one thread runs before others get their turn."""

READ_AT_ONCE = 16
"""Scripts and owners that are asked for together: one after the other a list of thousands takes minutes."""

BUSY = 0.05
"""Seconds of the processor after which it is their turn all the same."""

QUICK = 3_000
"""Work of a script that the event loop does itself, on messages that it may read: some milliseconds at most; ten rules
ask for a hundred."""

PATIENCE = 20.0
"""Seconds of the processor for the scripts of all recipients, while whoever sends the message waits: once they are
over, no script has more than HURRY. A client that gives up sends the message again."""
HURRY = 0.1

MAX_MEMBERS = 16
"""Of a list that a message is redirected to (RFC 6134 section 2.4): mails that filters may make of one message."""


@dataclass(frozen=True, slots=True)
class Arriving:
    """A message at hand."""

    octets: bytes
    envelope_from: str
    environment: Mapping[str, str]
    spam: Mapping[int, int] = field(default_factory=dict)
    """How surely it is junk to an account, as RFC 5235 section 2.1 counts; an account that is missing was not told."""
    virus: int | None = None
    """As RFC 5235 section 3.3 counts; None: nobody looked."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the script of one account decided, or why it could not."""

    owner: Owner
    digest: bytes
    """The script's hash."""
    outcome: Outcome | None = None
    fault: Text | None = None
    line: int = 0
    """Where the fault stands; 0: it showed when the script ran."""
    viewer: Viewer | None = None
    """Who files it into mailboxes of others; None: the script does not."""


@dataclass(frozen=True, slots=True)
class _Ready:
    owner: Owner
    digest: bytes
    script: Script
    recipient: str
    viewer: Viewer


class _NeedsBody(Exception):
    """A script reads the body of a message that is too large for the event loop."""


class Filters:
    """The scripts of all accounts at delivery. One per worker."""

    def __init__(
        self, *, settings: Settings, store: Store, directory: Directory, clock: Clock, changes: Changes
    ) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock
        self._zone = ZoneInfo(settings.web.timezone)
        self._books = AddressBooks(store)
        self._folder = settings.directory / GLOBAL
        self._active = ActiveScripts(store=store, clock=clock, changes=changes)
        self._sharing = Sharing(directory=directory, store=store, changes=changes, clock=clock, domain=settings.domain)

    async def scripted(self, accounts: Collection[int]) -> list[int]:
        """Those of the accounts whose mail runs through a script. Raises Temporary."""
        active = await self._active.hashes()
        return [account for account in accounts if account in active] if active else []

    async def decide(self, message: Arriving, recipients: Mapping[int, str]) -> Sequence[Decision]:
        """What becomes of a message, by accounts and the addresses that led to them.

        An account that is missing from the answer has no script. Raises Temporary.
        """
        active = await self._active.hashes()
        decided: list[Decision] = []
        ready: list[_Ready] = []
        wanted = [(account, recipient) for account, recipient in recipients.items() if account in active]
        for start in range(0, len(wanted), READ_AT_ONCE):
            some = [self._readied(active[account], account, to) for account, to in wanted[start : start + READ_AT_ONCE]]
            for one in [await some[0]] if len(some) == 1 else await asyncio.gather(*some):
                if isinstance(one, Decision):
                    decided.append(one)
                elif one is not None:
                    ready.append(one)
        await in_step()
        quick = self._run_quickly(message, ready[0]) if len(ready) == 1 else None
        if quick is not None:
            decided.append(quick)
            ready.clear()
        done, spent = 0, 0.0
        while done < len(ready):
            seconds = None if spent < PATIENCE else HURRY
            found, took = await asyncio.to_thread(self._run_some, message, ready[done : done + AT_ONCE], seconds)
            decided += found
            done += len(found)
            spent += took
        return [await self._reaching(one) if _files_elsewhere(one) else one for one in decided]

    async def _reaching(self, decision: Decision) -> Decision:
        """With who it is that files into mailboxes of others, as lists of rights know them. Raises Temporary."""
        return replace(decision, viewer=await self._viewer(decision.owner))

    async def _viewer(self, whose: Owner) -> Viewer:
        if whose.person is None:
            return Viewer.of(whose.account_id, whose.address)
        return await self._sharing.viewer(whose.person)

    async def _readied(self, digest: bytes, account_id: int, recipient: str) -> "_Ready | Decision | None":
        """A script and whose it is; a decision where it cannot run; None: there is none by now. Raises Temporary."""
        script = await self._active.script(account_id, digest)
        if script is None:
            return None
        whose = await owner(self._directory, self._store, account_id, recipient)
        if whose is None:
            return None
        if isinstance(script, SieveError):
            return Decision(whose, digest, fault=script.text, line=script.line)
        # Who is in which group is asked only where the script names a mailbox of others.
        others = any(map(access.is_foreign, script.asks))
        viewer = await self._viewer(whose) if others else Viewer.of(account_id, _login(whose))
        return _Ready(whose, digest, script, recipient or whose.address, viewer)

    def _run_some(
        self, message: Arriving, ready: Sequence[_Ready], seconds: float | None
    ) -> tuple[list[Decision], float]:
        """What the first of them decide, at least one; how much of the processor it took."""
        start = time.thread_time()
        took = 0.0
        found: list[Decision] = []
        for one in ready:
            found.append(self._run_fully(message, one, seconds))
            took = time.thread_time() - start
            if took > BUSY:
                break
        return found, took

    def _run_quickly(self, message: Arriving, one: _Ready) -> Decision | None:
        """What a script decides that asks nothing of its account and is soon done, as most are: two switches between
        threads cost twenty times as much. None: it is none of these, and has done nothing.

        Of a large message, or one of many parts, it may look at the header.
        """
        if not blobs.has_quick_header(message.octets):
            return None
        has_body = blobs.is_quick(message.octets)
        try:
            return self._run(message, one, NoAccount(), None, QUICK, has_body=has_body)
        except (NeedsAccount, _NeedsBody, Exhausted):
            return None

    def _run_fully(self, message: Arriving, one: _Ready, seconds: float | None) -> Decision:
        host = AccountHost(self._store, self._books, one.viewer, self._folder)
        try:
            return self._run(message, one, host, seconds, None)
        except Exhausted as error:
            return Decision(one.owner, one.digest, fault=error.text)

    def _run(
        self,
        message: Arriving,
        one: _Ready,
        host: AccountHost | NoAccount,
        seconds: float | None,
        work: int | None,
        *,
        has_body: bool = True,
    ) -> Decision:
        facts = Facts.of(
            message.octets,
            now=datetime.fromtimestamp(self._clock.now(), self._zone),
            envelope_from=message.envelope_from,
            envelope_to=one.recipient,
            addresses=one.owner.addresses,
            spam=message.spam.get(one.owner.account_id),
            virus=message.virus,
            environment=message.environment,
        )
        if not has_body:
            facts = replace(facts, body=_refuse_body)
        try:
            return Decision(one.owner, one.digest, _named(sieve.run(one.script, facts, host, seconds, work), host))
        except (Exhausted, NeedsAccount, _NeedsBody):
            raise
        except RunError as error:
            return Decision(one.owner, one.digest, fault=error.text)
        except SieveError as error:
            return Decision(one.owner, one.digest, fault=error.text, line=error.line)
        except Temporary:
            raise
        except Exception:
            # One person's script must not stop a message that others wait for too.
            log.exception("filter failed", account=one.owner.account_id)
            return Decision(one.owner, one.digest, fault=Text("Le filtre a demandé trop de travail pour ce message."))


def _refuse_body(most: int) -> bytes:
    raise _NeedsBody


def _login(whose: Owner) -> str:
    return fold_login(whose.person.login) if whose.person is not None else whose.address


def _files_elsewhere(decision: Decision) -> bool:
    actions = decision.outcome.actions if decision.outcome is not None else ()
    return any(isinstance(action, FileInto) and access.is_foreign(action.mailbox) for action in actions)


def _named(outcome: Outcome, host: AccountHost | NoAccount) -> Outcome:
    """Mailboxes by name where they were meant by their object id (RFC 9042), and addresses where a list was meant.

    Raises RunError.
    """
    actions: list[Action] = []
    for action in outcome.actions:
        if isinstance(action, FileInto) and action.mailbox_id:
            actions.append(replace(action, mailbox=host.mailbox_by_id(action.mailbox_id) or action.mailbox))
        elif isinstance(action, Redirect) and (action.list or not action.address):
            actions += [replace(action, address=member, list="") for member in _members(action.list, host)]
        else:
            actions.append(action)
    states = {action.edited for action in actions if isinstance(action, Keep | FileInto)}
    return replace(outcome, actions=tuple(_once_each(actions, host) if len(states) > 1 else actions))


def _once_each(actions: Sequence[Action], host: AccountHost | NoAccount) -> list[Action]:
    """Of what is stored twice in one mailbox, by whatever name, the last: a changed message is the same one (RFC 5293
    section 7). What is stored unchanged delivery weeds out itself."""
    last: dict[str | Action, Action] = {}
    for action in actions:
        if isinstance(action, Keep):
            last["INBOX"] = action
        elif isinstance(action, FileInto):
            last[_mailbox(action, host)] = action
        else:
            last[action] = action
    return list(last.values())


def _mailbox(action: FileInto, host: AccountHost | NoAccount) -> str:
    by_use = host.special_use(action.special_use) if action.special_use else None
    if by_use is not None:
        return by_use
    return action.mailbox if action.create or host.mailbox_exists(action.mailbox) else "INBOX"


def _members(name: str, host: AccountHost | NoAccount) -> list[str]:
    """The addresses of a list that SMTP takes. Raises RunError where there are none: the message would be nowhere."""
    found = {sieve.checked_address(member) for member in host.members(name) or ()}
    members = sorted(address for address in found if address is not None)
    if not members:
        raise RunError(Text("La liste « {name} » n’existe pas, ou personne n’y est.", name=name[:60]))
    if len(members) > MAX_MEMBERS:
        said = Text("La liste « {name} » a plus de {most} adresses.", name=name[:60], most=MAX_MEMBERS)
        raise RunError(said)
    return members
