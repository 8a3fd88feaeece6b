"""The life of an account, as consoles move it: created, given a code, suspended, resumed, closed.

Over the port, so that it holds for either directory; states and codes are the store's own facts. Every
step leaves an audit row with its actor.
"""

from dataclasses import dataclass

from mailserver.clock import Clock
from mailserver.errors import Reason, Refused
from mailserver.identity import Directory, NewPerson, Principal, State
from mailserver.proofs import CODE_SECONDS, Proofs, new_code
from mailserver.sasl import Secret
from mailserver.store import accounts, audit
from mailserver.store.accounts import Standing
from mailserver.store.audit import Action, Origin
from mailserver.store.statements import Tx
from mailserver.store.transactions import Store

RANDOM_PASSWORD_OCTETS = 32


@dataclass(frozen=True, slots=True)
class Account:
    """A person and what the service keeps about them."""

    principal: Principal
    standing: Standing


@dataclass(frozen=True, slots=True)
class Code:
    """A one-time code, told once: only its keyed hash is kept."""

    text: str
    expires: int


class Accounts:
    """What `mailserver account` and the administration do."""

    def __init__(self, *, directory: Directory, store: Store, proofs: Proofs, clock: Clock, origin: Origin) -> None:
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
        principal = await self._directory.add(person)
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

    async def suspend(self, login: str, reason: str, may_receive: bool) -> Account:
        """Nobody enters until `resume`; mail is refused unless it may keep coming."""
        account = await self.find(login)
        await self._store.write(_suspend, self._origin, account.principal.account_id, reason, may_receive)
        return await self._again(account)

    async def resume(self, login: str) -> Account:
        """Back to what it was before it was suspended or closed. Raises Refused(CONFLICT) if it was neither."""
        account = await self.find(login)
        await self._store.write(_resume, self._origin, account.principal.account_id)
        return await self._again(account)

    async def close(self, login: str, reason: str) -> Account:
        """For good, as far as the person can see; identifier and addresses are never issued again."""
        account = await self.find(login)
        await self._store.write(_close, self._origin, account.principal.account_id, reason)
        return await self._again(account)

    async def _again(self, account: Account) -> Account:
        """The account as it is after a change."""
        principal = await self._directory.by_account(account.principal.account_id)
        standing = await self._store.read(accounts.get, account.principal.account_id)
        return Account(principal or account.principal, standing or account.standing)

    async def _issue_code(self, account_id: int) -> Code:
        code = Code(new_code(self._clock), int(self._clock.now()) + CODE_SECONDS)
        await self._store.write(_set_code, self._origin, account_id, self._proofs.code(code.text), code.expires)
        return code

    async def _record(self, action: Action, account_id: int) -> None:
        await self._store.write(audit.record, self._origin, action, account_id)


def _set_code(tx: Tx, origin: Origin, account_id: int, hashed: bytes, expires: int) -> None:
    accounts.set_code(tx, account_id, hashed, expires)
    audit.record(tx, origin, Action.CODE_ISSUED, account_id)


def _suspend(tx: Tx, origin: Origin, account_id: int, reason: str, may_receive: bool) -> None:
    accounts.suspend(tx, account_id, reason, may_receive)
    audit.record(tx, origin, Action.SUSPENDED, account_id, reason)


def _resume(tx: Tx, origin: Origin, account_id: int) -> None:
    state = accounts.resume(tx, account_id)
    audit.record(tx, origin, Action.RESUMED, account_id, state.value)


def _close(tx: Tx, origin: Origin, account_id: int, reason: str) -> None:
    accounts.close(tx, account_id, reason)
    audit.record(tx, origin, Action.CLOSED, account_id, reason)
