"""`Login`: the one way in for people."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import structlog

from mailserver.changes import Changes
from mailserver.clock import Clock
from mailserver.errors import Reason, Refused
from mailserver.folding import fold_login
from mailserver.identity import Directory, Principal, State
from mailserver.login import provisional, renewal, staying, throttle
from mailserver.login.choice import Choice
from mailserver.login.devices import (
    DEVICE_NEEDED,
    OTHER_SCOPE,
    REVOKED,
    SERVICES,
    Devices,
    candidate,
    opened_by,
    revoke_all,
)
from mailserver.login.factors import Factors, Proven
from mailserver.login.memory import CHECKED_SECONDS, Memory, Success
from mailserver.login.policy import Weakness
from mailserver.login.provisional import Claim, Proof
from mailserver.login.throttle import Attempt, Facts, Waits
from mailserver.login.turns import Turns
from mailserver.notices.house import house_of
from mailserver.proofs import Proofs
from mailserver.sasl import Secret
from mailserver.settings import Settings
from mailserver.store import accounts, audit, devices
from mailserver.store.accounts import Standing
from mailserver.store.audit import Action, Origin
from mailserver.store.notices import DIRECTORY
from mailserver.store.statements import Tx
from mailserver.store.transactions import Store

log = structlog.get_logger("login")

WEB = "web"
_WEB_ONLY = frozenset({WEB})
EVEN_SECONDS = 0.05
"""What a wrong NUMEN or code takes at least: no slow hash covers whether the login was known (enumeration by time)."""
WRONG = "Identifiant ou mot de passe incorrect / Wrong login or password"


class Login:
    """Proves who somebody is and whether they may enter. One per process."""

    def __init__(
        self, *, settings: Settings, store: Store, directory: Directory, clock: Clock, changes: Changes
    ) -> None:
        self._domains = frozenset(settings.domains)
        self._limits = settings.limits
        self._passwords = settings.passwords
        self._house = house_of(settings)
        self._store = store
        self._directory = directory
        self._clock = clock
        self._proofs = Proofs(settings.secret("hmac"))
        self.factors = Factors(settings=settings, store=store, clock=clock, proofs=self._proofs)
        self._choice = Choice(settings=settings, store=store, directory=directory, proofs=self._proofs)
        self.devices = Devices(store=store, clock=clock, proofs=self._proofs)
        self._memory = Memory(clock)
        self._waits = Waits(clock)
        self._turns = Turns()
        self._heard = 0
        changes.subscribe("account", DIRECTORY, self._hear)

    def _hear(self) -> None:
        """Somebody's account or entry moved: every success is looked at again before it counts."""
        self._heard += 1

    # ------------------------------------------------------------------ entering

    async def login(self, login: str, secret: Secret, peer: str, service: str) -> Principal:
        """The person, when login (identifier or any address) and secret match and the account may enter.

        Raises Refused(AUTHENTICATION | THROTTLED), and after a right secret only Refused(NOT_ACTIVATED |
        SUSPENDED | CLOSED | APP_PASSWORD | PASSWORD_EXPIRED); Temporary when directory or store cannot be asked. The
        web lets an expired password in: its pages lead to the choice of a new one (`renewal`). People log in there
        once, so each time is proven and on record.
        """
        if service == WEB:
            name, peer = fold_login(login), throttle.peer_name(peer)
            async with self._turn(name):
                return await self._prove(name, secret, peer, service, self._memory.token(peer, name, secret))
        return await self._proven(login, secret, peer, service)

    async def _proven(self, login: str, secret: Secret, peer: str, service: str, *, entering: bool = True) -> Principal:
        """The same from memory where it can be; not `entering`: somebody who is inside shows the password again."""
        name, peer = fold_login(login), throttle.peer_name(peer)
        token = self._memory.token(peer, name, secret)
        principal = await self._remembered(token, service)
        if principal is not None:
            return principal
        async with self._turn(name):
            # Whoever came just before may have proven the same.
            principal = await self._remembered(token, service)
            if principal is None:
                principal = await self._prove(name, secret, peer, service, token, entering=entering)
            return principal

    async def _remembered(self, token: bytes, service: str) -> Principal | None:
        """From memory, the account looked at again when there was news or two seconds have passed."""
        success = self._memory.get(token)
        if success is None or not success.opens(service) or self._waits.holds(success.account_key):
            return None
        now, heard = self._clock.monotonic(), self._heard
        if success.heard == heard and now - success.checked_at < CHECKED_SECONDS:
            return success.principal
        principal = await self._directory.by_account(success.principal.account_id)
        if (
            principal is None
            or principal.state is not State.ACTIVE
            or principal.login_version != success.principal.login_version
            or not await self._device_stands(success.principal)
        ):
            self._memory.drop(token)
            return None
        principal = replace(principal, device_id=success.principal.device_id)
        success.principal, success.checked_at, success.heard = principal, now, heard
        return principal

    async def _prove(
        self, name: str, secret: Secret, peer: str, service: str, token: bytes, *, entering: bool = True
    ) -> Principal:
        attempt, facts = await self._look(name, peer, service, self._device_hash(secret, service))
        self._pass(attempt, facts, is_random=facts.device is not None)
        heard = self._heard
        services: frozenset[str] | None = None
        if facts.device is not None:
            services = opened_by(facts.device.scopes)
            principal = await self._by_device(attempt, facts, facts.device.id, services)
        else:
            principal = await self._by_password(attempt, facts, name, secret)
            services = _WEB_ONLY if facts.factor_on or self._is_expired(facts.standing) else None
        # With a second factor the login is complete with the second step only.
        if entering and (not facts.factor_on or facts.device is not None):
            await self._store.write(throttle.succeeded, attempt, facts)
            log.info("login", account=attempt.account_id, service=service, peer=peer, device=principal.device_id)
        now = self._clock.monotonic()
        key = throttle.familiar_key(attempt) if facts.device is None else ""
        self._memory.put(token, Success(principal, key, now, now, heard, services))
        return principal

    def _device_hash(self, secret: Secret, service: str) -> bytes:
        """What to look for among app passwords; empty for what cannot be one, and at doors that take none."""
        letters = candidate(secret) if service in SERVICES else ""
        return self._proofs.device(letters) if letters else b""

    async def _by_device(self, attempt: Attempt, facts: Facts, device_id: int, services: frozenset[str]) -> Principal:
        """Who comes in with an app password: no slow hash, the secret is random. Raises Refused."""
        principal = await self._require(attempt.account_id)
        if principal.state is not State.ACTIVE:
            raise await self._refused(attempt, principal.state, facts.standing)
        if attempt.service not in services:
            raise await self._refused_here(attempt, OTHER_SCOPE)
        return replace(principal, device_id=device_id)

    async def _by_password(self, attempt: Attempt, facts: Facts, name: str, secret: Secret) -> Principal:
        """Who comes in with the chosen password. Raises Refused."""
        principal = await self._directory.authenticate(name, secret)
        if principal is None:
            claim = Claim(secret)
            if provisional.judge(facts.standing, claim, self._proofs, self._clock.now()) is Proof.NOTHING:
                raise await self._failed(attempt, facts)
            state = facts.standing.state if facts.standing else State.PENDING
            raise await self._refused(attempt, state, facts.standing)
        if principal.account_id != attempt.account_id:
            # Created or renamed between the two questions: what was asked about the account was another's.
            raise Refused(Reason.AUTHENTICATION, WRONG)
        if principal.state is not State.ACTIVE:
            raise await self._refused(attempt, principal.state, facts.standing)
        if facts.factor_on and attempt.service != WEB:
            raise await self._refused_here(attempt, DEVICE_NEEDED)
        if attempt.service != renewal.RENEWING and self._is_expired(facts.standing):
            await self._store.write(throttle.refused, attempt, Reason.PASSWORD_EXPIRED.value)
            log.info("login refused", account=attempt.account_id, service=attempt.service, why="expired")
            raise Refused(Reason.PASSWORD_EXPIRED, renewal.EXPIRED)
        return principal

    def _is_expired(self, standing: Standing | None) -> bool:
        """True when the chosen password has to be renewed; where somebody else's directory keeps it, never."""
        if standing is None or self._directory.read_only:
            return False
        return renewal.is_expired(self._passwords, standing.renewal, self._clock.now())

    async def _refused_here(self, attempt: Attempt, text: str) -> Refused:
        """The right secret at the wrong door."""
        await self._store.write(throttle.refused, attempt, Reason.APP_PASSWORD.value)
        log.info("login refused", account=attempt.account_id, service=attempt.service, why="app password")
        return Refused(Reason.APP_PASSWORD, text)

    # ------------------------------------------------------------------ second step, staying, leaving

    async def second_step(self, principal: Principal, answer: Secret, peer: str) -> Proven:
        """The code after the password, in the web: only now the person has logged in.

        Raises Refused(AUTHENTICATION | THROTTLED).
        """
        attempt = Attempt(principal.account_id, "", throttle.peer_name(peer), WEB)

        def enter(tx: Tx, how: str) -> None:
            throttle.succeeded(tx, attempt, throttle.look(tx, attempt), detail=how)

        proven = await self.factors.prove(attempt, answer, enter)
        log.info("login", account=attempt.account_id, service=WEB, peer=attempt.peer, second_step=True)
        return proven

    async def prove_again(self, principal: Principal, secret: Secret, answer: Secret | None, peer: str) -> None:
        """The chosen password, and a code where one is asked for, before a sensitive step in the web.

        Raises as `login` does; Refused(INVALID) when the password is right and the code is not.
        """
        proven = await self._proven(principal.login, secret, peer, WEB, entering=False)
        if proven.account_id != principal.account_id:
            raise Refused(Reason.AUTHENTICATION, WRONG)
        if answer is None:
            return
        try:
            await self.factors.prove(Attempt(principal.account_id, "", throttle.peer_name(peer), WEB), answer)
        except Refused as refused:
            raise refused if refused.reason is Reason.THROTTLED else Refused(Reason.INVALID, refused.text) from None

    async def log_out_everywhere(self, principal: Principal, origin: Origin) -> int:
        """Every session of the person is over at every door; the password stays. The account's new login version."""
        version = await self._store.write(_end_logins, origin, principal.account_id)
        self._hear()
        log.info("logged out everywhere", account=principal.account_id)
        return version

    async def stays(self, principal: Principal) -> None:
        """Ask whether who entered may still be in: at each door, when the account has moved.

        Raises Refused(SUSPENDED | CLOSED | NOT_ACTIVATED), AUTHENTICATION when password or rights have changed
        since, or the app password was revoked; Temporary.
        """
        standing = await self._store.read(accounts.get, principal.account_id)
        departure = staying.departure(self._house, principal, standing)
        if departure is not None:
            raise departure
        if not await self._device_stands(principal):
            raise Refused(Reason.AUTHENTICATION, REVOKED)

    async def _device_stands(self, principal: Principal) -> bool:
        """False once the app password that the person came in with was revoked."""
        device_id = principal.device_id
        return not device_id or await self._store.read(devices.exists, principal.account_id, device_id)

    # ------------------------------------------------------------------ passwords

    async def prove(
        self, login: str, proof: Secret, peer: str, service: str = WEB, birth_date: str = ""
    ) -> tuple[Principal, Proof]:
        """Whether NUMEN and birth date, or a one-time code, open the way to a first password; nothing is set yet.

        Proof.HALF: the NUMEN is right, and a birth date is known that was not told. Raises as `activate` does.
        """
        name, peer = fold_login(login), throttle.peer_name(peer)
        async with self._turn(name):
            attempt, _, proven = await self._claimed(name, Claim(proof, birth_date), peer, service)
            return await self._require(attempt.account_id), proven

    async def activate(
        self, login: str, proof: Secret, new_password: Secret, peer: str, service: str = WEB, birth_date: str = ""
    ) -> Principal:
        """Set the first password, or the one after a reset, on the proof of NUMEN and birth date or a one-time code.

        The birth date is needed with the NUMEN where one is known, and must be right whenever it is given. Raises
        Refused(AUTHENTICATION | THROTTLED | SUSPENDED | CLOSED | WEAK_PASSWORD), the last with every rule that the
        password breaks.
        """
        name, peer = fold_login(login), throttle.peer_name(peer)
        async with self._turn(name):
            began = self._clock.monotonic()
            attempt, facts, proven = await self._claimed(name, Claim(proof, birth_date), peer, service)
            if proven is not Proof.WHOLE:
                raise await self._failed_evenly(attempt, facts, began)
            return await self._choose(attempt, facts, new_password, Action.ACTIVATED)

    async def _claimed(self, name: str, claim: Claim, peer: str, service: str) -> tuple[Attempt, Facts, Proof]:
        began = self._clock.monotonic()
        attempt, facts = await self._look(name, peer, service)
        now = self._clock.now()
        proven = provisional.judge(facts.standing, claim, self._proofs, now)
        is_code = provisional.is_code(facts.standing, claim.secret, self._proofs, now)
        self._pass(attempt, facts, is_random=is_code and proven is Proof.WHOLE)
        if facts.standing is None or proven is Proof.NOTHING:
            raise await self._failed_evenly(attempt, facts, began)
        if facts.standing.state not in (State.PENDING, State.ACTIVE):
            raise await self._refused(attempt, facts.standing.state, facts.standing)
        return attempt, facts, proven

    async def prove_recovery(self, login: str, code: Secret, peer: str) -> Principal:
        """Whose forgotten password the code replaces; it stays good. Raises as `recover` does."""
        name, peer = fold_login(login), throttle.peer_name(peer)
        async with self._turn(name):
            attempt, _ = await self._recovering(name, code, peer)
            return await self._require(attempt.account_id)

    async def recover(self, login: str, code: Secret, new_password: Secret, peer: str) -> Principal:
        """Set a new password on the proof of a code sent to the private address. Every login so far is over.

        Raises Refused(AUTHENTICATION | THROTTLED | SUSPENDED | CLOSED | WEAK_PASSWORD).
        """
        name, peer = fold_login(login), throttle.peer_name(peer)
        async with self._turn(name):
            attempt, facts = await self._recovering(name, code, peer)
            return await self._choose(attempt, facts, new_password, Action.PASSWORD_SET, detail="recovery")

    async def _recovering(self, name: str, code: Secret, peer: str) -> tuple[Attempt, Facts]:
        began = self._clock.monotonic()
        attempt, facts = await self._look(name, peer, WEB)
        right = provisional.is_recovery(facts.standing, code, self._proofs, self._clock.now())
        self._pass(attempt, facts, is_random=right)
        if facts.standing is None or not right:
            raise await self._failed_evenly(attempt, facts, began)
        if facts.standing.state is not State.ACTIVE:
            raise await self._refused(attempt, facts.standing.state, facts.standing)
        return attempt, facts

    async def change_password(
        self, principal: Principal, old: Secret, new_password: Secret, peer: str, service: str = WEB
    ) -> Principal:
        """Replace one's own password. Raises as `login` does for the old one, Refused(WEAK_PASSWORD) for the new.

        The old one is not taken from memory: another worker may have replaced it a moment ago.
        """
        name, peer = fold_login(principal.login), throttle.peer_name(peer)
        token = self._memory.token(peer, name, old)
        async with self._turn(name):
            attempt, facts = await self._look(name, peer, service)
            proven = await self._prove(name, old, peer, service, token, entering=False)
            if proven.device_id or attempt.account_id != principal.account_id:  # an app password is no password
                raise Refused(Reason.AUTHENTICATION, WRONG)
            return await self._choose(attempt, facts, new_password, Action.PASSWORD_SET, old)

    async def weaknesses(self, principal: Principal, secret: Secret) -> tuple[Weakness, ...]:
        """The rules that a password breaks for this person."""
        return await self._choice.weaknesses(principal, secret)

    async def _choose(
        self,
        attempt: Attempt,
        facts: Facts,
        secret: Secret,
        action: Action,
        old: Secret | None = None,
        detail: str = "",
    ) -> Principal:
        principal = await self._require(attempt.account_id)
        await self._choice.check(principal, secret, old)
        version = facts.standing.login_version if facts.standing is not None else principal.login_version
        await self._choice.set(principal, version, secret, old)
        # The old password stands in memory: do not wait for the news of one's own change.
        self._hear()
        # Who proved themselves otherwise may have lost the account to somebody: no device of theirs stays.
        await self._store.write(_chosen, attempt, facts, action, detail, old is None)
        log.info("password chosen", account=attempt.account_id, service=attempt.service)
        return await self._require(attempt.account_id)

    async def _require(self, account_id: int) -> Principal:
        principal = await self._directory.by_account(account_id)
        if principal is None:
            raise Refused(Reason.AUTHENTICATION, WRONG)
        return principal

    # ------------------------------------------------------------------ shared

    @contextlib.asynccontextmanager
    async def _turn(self, name: str) -> AsyncIterator[None]:
        """One attempt at a time for one person, whichever of their names is used."""
        principal = await self._directory.find(name)
        async with self._turns.of(f"account {principal.account_id}" if principal is not None else name):
            yield

    async def _look(self, name: str, peer: str, service: str, device: bytes = b"") -> tuple[Attempt, Facts]:
        """Who it would be and what stands against them."""
        principal = await self._directory.find(name)
        account_id = principal.account_id if principal is not None else 0
        # Everybody's identifier is an address in our domains as well: both count together for nobody, too.
        local, _, domain = name.rpartition("@")
        counted = local if domain in self._domains else name
        attempt = Attempt(account_id, self._proofs.name(counted), peer, service)
        return attempt, await self._store.read(throttle.look, attempt, device)

    def _pass(self, attempt: Attempt, facts: Facts, *, is_random: bool = False) -> None:
        """Raises Refused(THROTTLED) while the account or the peer has to wait.

        `is_random`: a right secret that nobody guesses was given; strangers' wrong ones do not keep its owner out.
        """
        waiting = facts.blocked_until - int(self._clock.now())
        if waiting > 0 and not is_random:
            self._waits.note(facts.account_key, facts.blocked_until)
            account_id, service = attempt.account_id, attempt.service
            log.info("login throttled", account=account_id, service=service, peer=attempt.peer, seconds=waiting)
            raise throttle.too_many(waiting)

    async def _failed(self, attempt: Attempt, facts: Facts) -> Refused:
        waiting = await self._store.write(throttle.failed, attempt, facts, self._limits)
        if waiting:
            self._waits.note(facts.account_key, self._clock.now() + waiting)
        log.info("login failed", account=attempt.account_id, service=attempt.service, peer=attempt.peer)
        return Refused(Reason.AUTHENTICATION, WRONG)

    async def _failed_evenly(self, attempt: Attempt, facts: Facts, began: float) -> Refused:
        """The same for a proof that no slow hash was needed for."""
        refusal = await self._failed(attempt, facts)
        await asyncio.sleep(max(0.0, began + EVEN_SECONDS - self._clock.monotonic()))
        return refusal

    async def _refused(self, attempt: Attempt, state: State, standing: Standing | None) -> Refused:
        """The right secret, and an account that may not enter: the person is told why."""
        await self._store.write(throttle.refused, attempt, state.value)
        log.info("login refused", account=attempt.account_id, service=attempt.service, state=state.value)
        return staying.refusal(self._house, state, standing)


def _end_logins(tx: Tx, origin: Origin, account_id: int) -> int:
    version = accounts.end_logins(tx, account_id)
    audit.record(tx, origin, Action.SESSIONS_CLOSED, account_id)
    return version


def _chosen(tx: Tx, attempt: Attempt, facts: Facts, action: Action, detail: str, revokes: bool) -> None:
    if revokes:
        revoke_all(tx, throttle.origin(attempt), attempt.account_id)
    throttle.succeeded(tx, attempt, facts, action, detail)
