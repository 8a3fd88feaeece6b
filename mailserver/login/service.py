"""`Login`: the one way in for people."""

from dataclasses import replace

import structlog

from mailserver.foundation.changes import Changes
from mailserver.foundation.metrics import catalogue
from mailserver.foundation.settings import Settings
from mailserver.foundation.verifiers import Verifiers
from mailserver.login import session_validity
from mailserver.login.attempts import throttle
from mailserver.login.attempts.success_cache import CHECKED_SECONDS, Memory, Success
from mailserver.login.attempts.throttle import Attempt, Facts
from mailserver.login.checks import WEB, WRONG, LoginChecks
from mailserver.login.devices import OTHER_SCOPE, REVOKED, SERVICES, Devices, candidate, opened_by
from mailserver.login.factors import Factors, Proven
from mailserver.login.password_change import Choosing
from mailserver.login.passwords.new_password import Choice
from mailserver.login.scram import Scram
from mailserver.model.clock import Clock
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import fold_login
from mailserver.model.identity import Directory, Principal, State
from mailserver.store.account import accounts, devices, sessions
from mailserver.store.engine.statements import Tx
from mailserver.store.engine.transactions import Store
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.record.notices import DIRECTORY
from mailserver.texts.causes import Cause

log = structlog.get_logger("login")

_WEB_ONLY = frozenset({WEB})
MAX_AGENT = 300


class Login:
    """Proves who somebody is and whether they may enter. One per process."""

    def __init__(
        self, *, settings: Settings, store: Store, directory: Directory, clock: Clock, changes: Changes
    ) -> None:
        self._gate = gate = LoginChecks(settings=settings, store=store, directory=directory, clock=clock)
        self._store = store
        self._directory = directory
        self._clock = clock
        self._memory = Memory(clock)
        self.factors = Factors(settings=settings, store=store, clock=clock, proofs=gate.proofs)
        self.devices = Devices(store=store, clock=clock, proofs=gate.proofs)
        choice = Choice(settings=settings, store=store, directory=directory, proofs=gate.proofs)
        self.choosing = Choosing(gate, choice, self._show)
        self.scram = Scram(gate, Verifiers.wanted(settings))
        changes.subscribe("account", DIRECTORY, gate.hear)

    # ------------------------------------------------------------------ entering

    async def login(self, login: str, secret: Secret, peer: str, service: str, agent: str = "") -> Principal:
        """The person, when login (identifier or any address) and secret match and the account may enter.

        Raises Refused(AUTHENTICATION | THROTTLED), and after a right secret only Refused(NOT_ACTIVATED |
        SUSPENDED | CLOSED | APP_PASSWORD | PASSWORD_EXPIRED); Temporary when directory or store cannot be asked. The
        web lets an expired password in: its pages lead to the choice of a new one (`renewal`). People log in there
        once, so each time is proven and on record. `agent`: what their browser says of itself.
        """
        if service == WEB:
            name, peer = fold_login(login), throttle.peer_name(peer)
            async with self._gate.turn(name):
                token = self._memory.token(peer, name, secret)
                return await self._prove(name, secret, peer, service, token, agent=agent)
        principal = await self._proven(login, secret, peer, service)
        catalogue.LOGINS.add(service, "good")
        return principal

    async def _proven(self, login: str, secret: Secret, peer: str, service: str, *, entering: bool = True) -> Principal:
        """The same from memory where it can be; not `entering`: somebody who is inside shows the password again."""
        name, peer = fold_login(login), throttle.peer_name(peer)
        token = self._memory.token(peer, name, secret)
        principal = await self._remembered(token, service)
        if principal is not None:
            return principal
        async with self._gate.turn(name):
            # Whoever came just before may have proven the same.
            principal = await self._remembered(token, service)
            if principal is None:
                principal = await self._prove(name, secret, peer, service, token, entering=entering)
            return principal

    async def _remembered(self, token: bytes, service: str) -> Principal | None:
        """From memory, the account looked at again when there was news or two seconds have passed."""
        success = self._memory.get(token)
        if success is None or not success.opens(service) or self._gate.waits.holds(success.account_key):
            return None
        now, heard = self._clock.monotonic(), self._gate.heard
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
        self,
        name: str,
        secret: Secret,
        peer: str,
        service: str,
        token: bytes,
        *,
        entering: bool = True,
        agent: str = "",
    ) -> Principal:
        attempt, facts = await self._gate.look(name, peer, service, self._device_hash(secret, service))
        attempt = replace(attempt, agent=agent[:MAX_AGENT])
        self._gate.hold_back(attempt, facts, is_random=facts.device is not None)
        heard = self._gate.heard
        services: frozenset[str] | None = None
        if facts.device is not None:
            services = opened_by(facts.device.scopes)
            principal = await self._by_device(attempt, facts, facts.device.id, services)
        else:
            principal = await self._gate.by_password(attempt, facts, name, secret)
            services = _WEB_ONLY if facts.factor_on or self._gate.is_expired(facts.standing) else None
        # With a second factor the login is complete with the second step only.
        if entering and (not facts.factor_on or facts.device is not None):
            await self._store.write(throttle.succeeded, attempt, facts)
            if service == WEB:
                catalogue.LOGINS.add(WEB, "good")
            log.info("login", account=attempt.account_id, service=service, peer=peer, device=principal.device_id)
        now = self._clock.monotonic()
        key = throttle.familiar_key(attempt) if facts.device is None else ""
        self._memory.put(token, Success(principal, key, now, now, heard, services))
        return principal

    async def _show(self, name: str, secret: Secret, peer: str, service: str) -> Principal:
        """Whoever is inside shows the password again; another worker may have replaced it a moment ago."""
        return await self._prove(name, secret, peer, service, self._memory.token(peer, name, secret), entering=False)

    def _device_hash(self, secret: Secret, service: str) -> bytes:
        """What to look for among app passwords; empty for what cannot be one, and at doors that take none."""
        letters = candidate(secret) if service in SERVICES else ""
        return self._gate.proofs.device(letters) if letters else b""

    async def _by_device(self, attempt: Attempt, facts: Facts, device_id: int, services: frozenset[str]) -> Principal:
        """Who comes in with an app password: no slow hash, the secret is random. Raises Refused."""
        principal = await self._gate.require(attempt.account_id)
        if principal.state is not State.ACTIVE:
            raise await self._gate.refused(attempt, principal.state, facts.standing)
        if attempt.service not in services:
            raise await self._gate.refused_here(attempt, OTHER_SCOPE)
        return replace(principal, device_id=device_id)

    # ------------------------------------------------------------------ second step, staying, leaving

    async def second_step(self, principal: Principal, answer: Secret, peer: str, agent: str = "") -> Proven:
        """The code after the password, in the web: only now the person has logged in.

        Raises Refused(AUTHENTICATION | THROTTLED).
        """
        attempt = Attempt(principal.account_id, "", throttle.peer_name(peer), WEB, agent[:MAX_AGENT])

        def enter(tx: Tx, how: Cause) -> None:
            throttle.succeeded(tx, attempt, throttle.look(tx, attempt), detail=how)

        proven = await self.factors.prove(attempt, answer, enter)
        catalogue.LOGINS.add(WEB, "good")
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
        self._gate.hear()
        log.info("logged out everywhere", account=principal.account_id)
        return version

    async def close_session(self, account_id: int, token_hash: bytes, origin: Origin) -> None:
        """One of a person's sessions of the web is over; what they entered elsewhere stays."""
        await self._store.write(_close_session, origin, account_id, token_hash)

    async def stays(self, principal: Principal) -> None:
        """Ask whether who entered may still be in: at each door, when the account has moved.

        Raises Refused(SUSPENDED | CLOSED | NOT_ACTIVATED), AUTHENTICATION when password or rights have changed
        since, or the app password was revoked; Temporary.
        """
        standing = await self._store.read_apart(accounts.get, principal.account_id)
        departure = session_validity.departure(self._gate.house, principal, standing)
        if departure is not None:
            raise departure
        if not await self._device_stands(principal):
            raise Refused(Reason.AUTHENTICATION, REVOKED)

    async def _device_stands(self, principal: Principal) -> bool:
        """False once the app password that the person came in with was revoked."""
        device_id = principal.device_id
        return not device_id or await self._store.read(devices.exists, principal.account_id, device_id)


def _close_session(tx: Tx, origin: Origin, account_id: int, token_hash: bytes) -> None:
    sessions.close_one(tx, account_id, token_hash)
    audit.record(tx, origin, Action.SESSIONS_CLOSED, account_id, Cause("one-session"))


def _end_logins(tx: Tx, origin: Origin, account_id: int) -> int:
    version = accounts.end_logins(tx, account_id)
    audit.record(tx, origin, Action.SESSIONS_CLOSED, account_id)
    return version
