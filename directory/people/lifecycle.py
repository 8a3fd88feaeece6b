"""The life of an account, as consoles move it: created, given a code, suspended, resumed, closed, restored, erased.

Over the port, so that it holds for either directory; states and codes are the store's own facts. Every
step leaves an audit row with its actor, in the same unit. What is planned is carried out by
`mailserver.background.housekeeping`.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from mailserver.foundation.settings import Accounts as Terms
from mailserver.model.clock import DAY, Clock
from mailserver.model.credentials.proofs import Proofs, new_code
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import fold_login
from mailserver.model.identity import Directory, NewPerson, PersonChange, Principal, State
from mailserver.store.account import accounts
from mailserver.store.account.accounts import NO_FAREWELL, Farewell, Standing
from mailserver.store.engine.statements import Tx
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import messages
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.upkeep import erasure
from mailserver.texts.causes import Cause, plain

RANDOM_PASSWORD_OCTETS = 32
MAX_TEXT = 4000
"""Characters of a reason and of a closed account's answer."""
PAUSE = 0.005
"""Seconds between two units of an erasure: others write meanwhile."""

_TERMS = Terms()


@dataclass(frozen=True, slots=True)
class Account:
    """A person and what the service keeps about them."""

    principal: Principal
    standing: Standing


@dataclass(frozen=True, slots=True)
class Code:
    """A one-time code, told once: only its keyed hash is kept."""

    text: str = field(repr=False)
    expires: int


class Accounts:
    """What `mailserver account` and the administration do."""

    def __init__(
        self,
        *,
        directory: Directory,
        store: Store,
        proofs: Proofs,
        clock: Clock,
        origin: Origin,
        terms: Terms = _TERMS,
    ) -> None:
        self._code_seconds = terms.code_days * DAY
        self._directory = directory
        self._store = store
        self._proofs = proofs
        self._clock = clock
        self._origin = origin

    async def find(self, login: str) -> Account:
        """An account by identifier or any address. Raises Refused(NOT_FOUND)."""
        principal = await self._directory.find(login)
        standing = await self._store.read(accounts.get, principal.account_id) if principal is not None else None
        if principal is None or standing is None:
            raise Refused(Reason.NOT_FOUND, f"{login}: no such account")
        return Account(principal, standing)

    async def create(self, person: NewPerson) -> tuple[Account, Code]:
        """A new person who waits for activation, and the code that activates. Raises as `Directory.add`."""
        principal = await self._directory.add(person, self._origin)
        code = await self._issue_code(principal.account_id)
        return await self.find(principal.login), code

    async def reset(self, login: str) -> Code:
        """A new one-time code; the password and every code before it are dead. Raises Refused(CONFLICT) if closed.

        An account that was never activated keeps its NUMEN as the other way in.
        """
        account = await self.find(login)
        if account.standing.state is State.CLOSED:
            raise Refused(Reason.CONFLICT, f"{account.principal.login}: the account is closed")
        account_id = account.principal.account_id
        if account.standing.password_set or State.ACTIVE in (account.standing.state, account.standing.state_before):
            # The port has no "no password": one that nobody knows is as good.
            unknown = Secret(self._clock.token(RANDOM_PASSWORD_OCTETS).hex())
            await self._directory.set_password(account_id, unknown)
            await self._store.write(accounts.password_withdrawn, account_id)
        return await self._issue_code(account_id)

    async def set_password(self, login: str, secret: Secret) -> Account:
        """A password as the console gives it; a waiting account is active. Raises Refused(INVALID | CONFLICT)."""
        if not secret.reveal():
            raise Refused(Reason.INVALID, "an empty password")
        account = await self.find(login)
        if account.standing.state is State.CLOSED:
            raise Refused(Reason.CONFLICT, f"{account.principal.login}: the account is closed")
        await self._directory.set_password(account.principal.account_id, secret)
        await self._record(Action.PASSWORD_SET, account.principal.account_id)
        return await self.find(login)

    async def suspend(self, login: str, reason: str, may_receive: bool, *, start: int = 0, until: int = 0) -> Account:
        """Nobody enters until `resume` or until `until`; mail is refused unless it may keep coming.

        A `start` to come is planned. Raises Refused(CONFLICT | INVALID).
        """
        account = await self.find(login)
        _check_text(reason)
        account_id = account.principal.account_id
        await self._store.write(_suspend, self._origin, account_id, reason, may_receive, start, until)
        return await self._again(account)

    async def resume(self, login: str) -> Account:
        """Back to what it was before it was suspended or closed. Raises Refused(CONFLICT) if it was neither."""
        account = await self.find(login)
        await self._store.write(_resume, self._origin, account.principal.account_id)
        return await self._again(account)

    async def plan_closing(self, login: str, close_at: int, reason: str, farewell: Farewell | None = None) -> Account:
        """Closed by itself on that day, its owner told before. Raises Refused(CONFLICT | INVALID)."""
        account = await self.find(login)
        _check_text(reason, farewell.auto_reply if farewell else "")
        if close_at <= self._clock.now():
            raise Refused(Reason.INVALID, "the day of the closing is past")
        await self._store.write(plan_closing, self._origin, account.principal.account_id, close_at, reason, farewell)
        return await self._again(account)

    async def cancel_closing(self, login: str) -> Account:
        """The account stays. Raises Refused(CONFLICT) when no closing is planned."""
        account = await self.find(login)
        if not await self._store.write(cancel_closing, self._origin, account.principal.account_id):
            raise Refused(Reason.CONFLICT, f"{account.principal.login}: no closing is planned")
        return await self._again(account)

    async def close(self, login: str, reason: str, farewell: Farewell = NO_FAREWELL) -> Account:
        """For good, as far as the person can see; identifier and addresses are never issued again."""
        account = await self.find(login)
        _check_text(reason, farewell.auto_reply)
        await self._store.write(close, self._origin, account.principal.account_id, reason, farewell)
        return await self._again(account)

    async def restore(self, login: str) -> Account:
        """A closed account, as it was. Raises Refused(CONFLICT) when it is not closed, or erased."""
        account = await self.find(login)
        await self._store.write(_restore, self._origin, account.principal.account_id)
        return await self._again(account)

    async def erase(self, login: str, progress: Callable[[], None] = lambda: None) -> Standing:
        """Everything a closed account holds is gone for ever; what was interrupted goes on.

        Raises Refused(CONFLICT) when it is not closed, or erased already.
        """
        standing = await self._by_login(login)
        if standing.erased and not standing.erase_at:
            raise Refused(Reason.CONFLICT, f"{standing.login}: the account is erased")
        while not await erase(self._store, self._directory, self._origin, standing.id, progress=progress):
            pass
        return await self._store.read(accounts.get, standing.id) or standing

    async def exported(self, login: str) -> Account:
        """An account whose holdings its caller is about to read (`mailserver.accounts.data_export`); the audit says
        so.
        """
        account = await self.find(login)
        await self._record(Action.EXPORTED, account.principal.account_id)
        return account

    async def set_quota(self, login: str, quota: int) -> Account:
        """Octets of mail; 0: none, -1: the setting's."""
        account = await self.find(login)
        await self._store.write(_set_quota, self._origin, account.principal.account_id, quota)
        return await self._again(account)

    async def set_message_quota(self, login: str, count: int) -> Account:
        """How many messages; 0: any number, -1: the setting's."""
        account = await self.find(login)
        await self._store.write(_set_message_quota, self._origin, account.principal.account_id, count)
        return await self._again(account)

    async def change(self, login: str, change: PersonChange) -> Account:
        """Names, population, school, whether address books show the person. Raises as `Directory.change`."""
        account = await self.find(login)
        principal = await self._directory.change(account.principal.account_id, change, self._origin)
        return await self._again(Account(principal, account.standing))

    async def _by_login(self, login: str) -> Standing:
        """An account whose entry may be gone already: an erasure can be interrupted just then."""
        with contextlib.suppress(Refused):
            return (await self.find(login)).standing
        standing = await self._store.read(accounts.by_login, fold_login(login))
        if standing is None:
            raise Refused(Reason.NOT_FOUND, f"{login}: no such account")
        return standing

    async def _again(self, account: Account) -> Account:
        """The account as it is after a change."""
        principal = await self._directory.by_account(account.principal.account_id)
        standing = await self._store.read(accounts.get, account.principal.account_id)
        return Account(principal or account.principal, standing or account.standing)

    async def _issue_code(self, account_id: int) -> Code:
        code = Code(new_code(self._clock), int(self._clock.now()) + self._code_seconds)
        await self._store.write(_set_code, self._origin, account_id, self._proofs.code(code.text), code.expires)
        return code

    async def _record(self, action: Action, account_id: int) -> None:
        await self._store.write(audit.record, self._origin, action, account_id)


def _set_code(tx: Tx, origin: Origin, account_id: int, hashed: bytes, expires: int) -> None:
    accounts.set_code(tx, account_id, hashed, expires)
    audit.record(tx, origin, Action.CODE_ISSUED, account_id)


def _suspend(tx: Tx, origin: Origin, account_id: int, reason: str, may_receive: bool, start: int, until: int) -> None:
    standing = accounts.suspend(tx, account_id, reason, may_receive, start=start, until=until)
    audit.record(tx, origin, Action.SUSPENDED, account_id, _span(standing.suspend_from, standing.suspend_until, reason))


def _span(start: int, end: int, reason: str) -> Cause:
    if start and end:
        return Cause("suspended-span", start=start, end=end, reason=reason)
    if start:
        return Cause("suspended-from", start=start, reason=reason)
    return Cause("suspended-until", end=end, reason=reason) if end else plain(reason)


def _resume(tx: Tx, origin: Origin, account_id: int) -> None:
    state = accounts.resume(tx, account_id)
    audit.record(tx, origin, Action.RESUMED, account_id, Cause("state", state=(state.value,)))


def _restore(tx: Tx, origin: Origin, account_id: int) -> None:
    state = accounts.restore(tx, account_id)
    audit.record(tx, origin, Action.RESUMED, account_id, Cause("state", state=(state.value,)))


def _set_quota(tx: Tx, origin: Origin, account_id: int, quota: int) -> None:
    accounts.set_quota(tx, account_id, quota)
    audit.record(tx, origin, Action.QUOTA_SET, account_id, Cause("quota", octets=quota))


def _set_message_quota(tx: Tx, origin: Origin, account_id: int, count: int) -> None:
    messages.set_message_quota(tx, account_id, count)
    audit.record(tx, origin, Action.QUOTA_SET, account_id, Cause("quota-messages", count=count))


# ---------------------------------------------------------------------- closing and erasing, for the housekeeper too


def farewell(
    terms: Terms, closed: int, *, reply: str = "", replies: bool = True, grace_days: int | None = None
) -> Farewell:
    """What becomes of an account closed at a time: as the settings say where nothing else is said."""
    grace = terms.grace_days if grace_days is None else grace_days
    reply_until = closed + terms.reply_days * DAY if replies and terms.reply_days else 0
    erase_at = closed + grace * DAY
    return Farewell(min(reply_until, erase_at), erase_at, reply)


def plan_closing(
    tx: Tx, origin: Origin, account_id: int, close_at: int, reason: str, farewell: Farewell | None = None
) -> bool:
    """A unit: a closing to come; False when just that was planned."""
    planned = accounts.plan_closing(tx, account_id, close_at, reason, farewell)
    if planned:
        audit.record(tx, origin, Action.CLOSING_PLANNED, account_id, Cause("planned", end=close_at, reason=reason))
    return planned


def cancel_closing(tx: Tx, origin: Origin, account_id: int) -> bool:
    """A unit: no closing to come; False when none was planned."""
    cancelled = accounts.cancel_closing(tx, account_id)
    if cancelled:
        audit.record(tx, origin, Action.CLOSING_CANCELLED, account_id)
    return cancelled


def close(tx: Tx, origin: Origin, account_id: int, reason: str, farewell: Farewell) -> None:
    """A unit: closed."""
    accounts.close(tx, account_id, reason, farewell)
    audit.record(tx, origin, Action.CLOSED, account_id, plain(reason))


async def erase(
    store: Store,
    directory: Directory,
    origin: Origin,
    account_id: int,
    *,
    planned: bool = False,
    units: int | None = None,
    progress: Callable[[], None] = lambda: None,
) -> bool:
    """Erase a closed account in bounded units; False when `units` of them did not suffice.

    Interrupted anywhere, whoever calls it next goes on. Where two are at it and one has ended, the other one touches
    nothing more: a backup may have brought the account back. `planned`: since its day has come. Raises
    Refused(CONFLICT) unless the account is closed, and that day has come.
    """
    await store.write(accounts.begin_erasure, account_id, planned=planned)
    done = 0
    while await store.write(_step, account_id):
        done += 1
        progress()
        if units is not None and done >= units:
            return False
        await asyncio.sleep(PAUSE)
    try:
        await directory.remove(account_id)
    except Refused as refusal:
        if refusal.reason is not Reason.READ_ONLY_DIRECTORY:  # its owner removes the entry
            raise
    return await store.write(_finish_erasure, origin, account_id)


def _step(tx: Tx, account_id: int) -> bool:
    return accounts.require(tx, account_id).is_being_erased and erasure.step(tx, account_id)


def _finish_erasure(tx: Tx, origin: Origin, account_id: int) -> bool:
    """False when something came in meanwhile: a delivery that was under way when the erasure began."""
    if not accounts.require(tx, account_id).is_being_erased:
        return True
    if erasure.step(tx, account_id):
        return False
    erasure.finish(tx, account_id)
    audit.record(tx, origin, Action.ERASED, account_id)
    return True


def _check_text(*texts: str) -> None:
    if any(len(text) > MAX_TEXT for text in texts):
        raise Refused(Reason.INVALID, f"a text has at most {MAX_TEXT} characters")
