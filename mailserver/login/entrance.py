"""`Login`: the one way in for people."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog

from mailserver.changes import Changes
from mailserver.clock import Clock
from mailserver.errors import Reason, Refused
from mailserver.folding import fold_login
from mailserver.identity import Directory, Principal, State
from mailserver.login import policy, staying, throttle
from mailserver.login.memory import CHECKED_SECONDS, Memory, Success
from mailserver.login.policy import Weakness
from mailserver.login.throttle import Attempt, Facts, Waits
from mailserver.notices.house import house_of
from mailserver.proofs import Proofs, parse_date, same
from mailserver.sasl import Secret
from mailserver.settings import Settings
from mailserver.store import accounts
from mailserver.store.accounts import Standing
from mailserver.store.audit import Action
from mailserver.store.notices import DIRECTORY
from mailserver.store.transactions import Store

log = structlog.get_logger("login")

WRONG = "Identifiant ou mot de passe incorrect / Wrong login or password"


class Login:
    """Proves who somebody is and whether they may enter. One per process."""

    def __init__(
        self, *, settings: Settings, store: Store, directory: Directory, clock: Clock, changes: Changes
    ) -> None:
        self._limits = settings.limits
        self._house = house_of(settings)
        self._store = store
        self._directory = directory
        self._clock = clock
        self._proofs = Proofs(settings.secret("hmac"))
        self._memory = Memory(clock)
        self._waits = Waits(clock)
        self._turns: dict[str, _Turn] = {}
        self._heard = 0
        changes.subscribe("account", DIRECTORY, self._hear)

    def _hear(self) -> None:
        """Somebody's account or entry moved: every success is looked at again before it counts."""
        self._heard += 1

    # ------------------------------------------------------------------ entering

    async def login(self, login: str, secret: Secret, peer: str, service: str) -> Principal:
        """The person, when login (identifier or any address) and secret match and the account may enter.

        Raises Refused(AUTHENTICATION | THROTTLED), and after a right secret only Refused(NOT_ACTIVATED |
        SUSPENDED | CLOSED); Temporary when directory or store cannot be asked.
        """
        name, peer = fold_login(login), throttle.peer_name(peer)
        token = self._memory.token(peer, name, secret)
        principal = await self._remembered(token)
        if principal is not None:
            return principal
        async with self._turn(name):
            # Whoever came just before may have proven the same.
            principal = await self._remembered(token)
            if principal is None:
                principal = await self._prove(name, secret, peer, service, token)
            return principal

    async def _remembered(self, token: bytes) -> Principal | None:
        """From memory, the account looked at again when there was news or two seconds have passed."""
        success = self._memory.get(token)
        if success is None or self._waits.holds(success.account_key):
            return None
        now, heard = self._clock.monotonic(), self._heard
        if success.heard == heard and now - success.checked_at < CHECKED_SECONDS:
            return success.principal
        principal = await self._directory.by_account(success.principal.account_id)
        if (
            principal is None
            or principal.state is not State.ACTIVE
            or principal.login_version != success.principal.login_version
        ):
            self._memory.drop(token)
            return None
        success.principal, success.checked_at, success.heard = principal, now, heard
        return principal

    async def _prove(self, name: str, secret: Secret, peer: str, service: str, token: bytes) -> Principal:
        attempt, facts = await self._open(name, peer, service)
        heard = self._heard
        principal = await self._directory.authenticate(name, secret)
        if principal is None:
            if not self._is_provisional(facts.standing, secret):
                raise await self._failed(attempt, facts)
            state = facts.standing.state if facts.standing else State.PENDING
            raise await self._refused(attempt, state, facts.standing)
        if principal.account_id != attempt.account_id:
            # Created or renamed between the two questions: what was asked about the account was another's.
            raise Refused(Reason.AUTHENTICATION, WRONG)
        if principal.state is not State.ACTIVE:
            raise await self._refused(attempt, principal.state, facts.standing)
        await self._store.write(throttle.succeeded, attempt, facts)
        log.info("login", account=attempt.account_id, service=service, peer=peer)
        now = self._clock.monotonic()
        self._memory.put(token, Success(principal, throttle.familiar_key(attempt), now, now, heard))
        return principal

    async def stays(self, principal: Principal) -> None:
        """Ask whether who entered may still be in: at each door, when the account has moved.

        Raises Refused(SUSPENDED | CLOSED | NOT_ACTIVATED), AUTHENTICATION when password or rights have changed
        since; Temporary.
        """
        standing = await self._store.read(accounts.get, principal.account_id)
        departure = staying.departure(self._house, principal, standing)
        if departure is not None:
            raise departure

    # ------------------------------------------------------------------ passwords

    async def activate(
        self, login: str, proof: Secret, new_password: Secret, peer: str, service: str = "web", birth_date: str = ""
    ) -> Principal:
        """Set the first password, or the one after a reset, on the proof of a NUMEN or a one-time code.

        A birth date that is given must be right where one is known. Raises Refused(AUTHENTICATION | THROTTLED |
        SUSPENDED | CLOSED | WEAK_PASSWORD), the last with every rule that the password breaks.
        """
        name, peer = fold_login(login), throttle.peer_name(peer)
        async with self._turn(name):
            attempt, facts = await self._open(name, peer, service)
            standing = facts.standing
            right = self._is_provisional(standing, proof) and self._is_birth_date(standing, birth_date)
            if standing is None or not right:
                raise await self._failed(attempt, facts)
            if standing.state not in (State.PENDING, State.ACTIVE):
                raise await self._refused(attempt, standing.state, standing)
            return await self._choose(attempt, facts, new_password, Action.ACTIVATED)

    async def change_password(
        self, principal: Principal, old: Secret, new_password: Secret, peer: str, service: str = "web"
    ) -> Principal:
        """Replace one's own password. Raises as `login` does for the old one, Refused(WEAK_PASSWORD) for the new."""
        await self.login(principal.login, old, peer, service)
        attempt, facts = await self._open(principal.login, throttle.peer_name(peer), service)
        if attempt.account_id != principal.account_id:
            raise Refused(Reason.AUTHENTICATION, WRONG)
        return await self._choose(attempt, facts, new_password, Action.PASSWORD_SET)

    async def weaknesses(self, principal: Principal, secret: Secret) -> tuple[Weakness, ...]:
        """The rules that a password breaks for this person."""
        standing = await self._store.read(accounts.get, principal.account_id)
        marks = standing.marks if standing is not None else accounts.Marks()
        return await asyncio.to_thread(policy.weaknesses, secret, principal, marks, self._proofs)

    async def _choose(self, attempt: Attempt, facts: Facts, secret: Secret, action: Action) -> Principal:
        principal = await self._require(attempt.account_id)
        broken = await self.weaknesses(principal, secret)
        if broken:
            raise Refused(Reason.WEAK_PASSWORD, "\n".join(weakness.value for weakness in broken))
        await self._directory.set_password(attempt.account_id, secret)
        # The old password stands in memory: do not wait for the news of one's own change.
        self._hear()
        await self._store.write(throttle.succeeded, attempt, facts, action)
        log.info("password chosen", account=attempt.account_id, service=attempt.service)
        return await self._require(attempt.account_id)

    async def _require(self, account_id: int) -> Principal:
        principal = await self._directory.by_account(account_id)
        if principal is None:
            raise Refused(Reason.AUTHENTICATION, WRONG)
        return principal

    # ------------------------------------------------------------------ shared

    async def _open(self, name: str, peer: str, service: str) -> tuple[Attempt, Facts]:
        """Who it would be and what stands against them. Raises Refused(THROTTLED)."""
        principal = await self._directory.find(name)
        account_id = principal.account_id if principal is not None else 0
        attempt = Attempt(account_id, self._proofs.name(name), peer, service)
        facts = await self._store.read(throttle.look, attempt)
        waiting = facts.blocked_until - int(self._clock.now())
        if waiting > 0:
            self._waits.note(facts.account_key, facts.blocked_until)
            log.info("login throttled", account=account_id, service=service, peer=peer, seconds=waiting)
            raise Refused(
                Reason.THROTTLED,
                f"Trop d'essais, attendez {waiting} secondes / Too many attempts, wait {waiting} seconds",
            )
        return attempt, facts

    async def _failed(self, attempt: Attempt, facts: Facts) -> Refused:
        waiting = await self._store.write(throttle.failed, attempt, facts, self._limits)
        if waiting:
            self._waits.note(facts.account_key, self._clock.now() + waiting)
        log.info("login failed", account=attempt.account_id, service=attempt.service, peer=attempt.peer)
        return Refused(Reason.AUTHENTICATION, WRONG)

    async def _refused(self, attempt: Attempt, state: State, standing: Standing | None) -> Refused:
        """The right secret, and an account that may not enter: the person is told why."""
        await self._store.write(throttle.refused, attempt, state.value)
        log.info("login refused", account=attempt.account_id, service=attempt.service, state=state.value)
        return staying.refusal(self._house, state, standing)

    def _is_provisional(self, standing: Standing | None, secret: Secret) -> bool:
        """True for the NUMEN of an account never activated, and for a one-time code that has not expired."""
        text = secret.reveal()
        numen, code = self._proofs.numen(text), self._proofs.code(text)
        if standing is None:
            return False
        by_numen = same(standing.marks.numen, numen) and standing.activated == 0
        return by_numen or (same(standing.code, code) and standing.code_expires > self._clock.now())

    def _is_birth_date(self, standing: Standing | None, birth_date: str) -> bool:
        """True when no date is given, none is known, or they agree."""
        hashed = self._proofs.birth_date(parse_date(birth_date))
        if standing is None:
            return False
        return not birth_date or standing.marks.birth_date is None or same(standing.marks.birth_date, hashed)

    @contextlib.asynccontextmanager
    async def _turn(self, name: str) -> AsyncIterator[None]:
        """One attempt at a time for one login: a burst of guesses meets the count of the one before."""
        turn = self._turns.setdefault(name, _Turn())
        turn.users += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[name]


class _Turn:
    """A queue of attempts for one login."""

    __slots__ = ("lock", "users")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0
