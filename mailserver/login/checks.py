"""What every way in shares: whose turn it is, what stands against them, what follows from right and wrong."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog

from mailserver.foundation.metrics import catalogue
from mailserver.foundation.settings import Settings
from mailserver.login import session_validity
from mailserver.login.attempts import throttle
from mailserver.login.attempts.attempt_lock import AttemptLock
from mailserver.login.attempts.throttle import Attempt, Facts, Waits
from mailserver.login.devices import DEVICE_NEEDED
from mailserver.login.passwords import provisional, renewal
from mailserver.login.passwords.provisional import Claim, Proof
from mailserver.model.clock import Clock
from mailserver.model.credentials.proofs import Proofs
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Directory, Principal, State
from mailserver.notices.house import house_of
from mailserver.store.account.accounts import Standing
from mailserver.store.engine.transactions import Store
from mailserver.texts.causes import Cause
from mailserver.texts.text import Text, both_in_ascii

log = structlog.get_logger("login")

WEB = "web"
EVEN_SECONDS = 0.05
"""What a wrong NUMEN or code takes at least: no slow hash covers whether the login was known (enumeration by time)."""
WRONG = both_in_ascii(Text("Identifiant ou mot de passe incorrect"))


class LoginChecks:
    """Policy of all logins. One per process."""

    def __init__(self, *, settings: Settings, store: Store, directory: Directory, clock: Clock) -> None:
        self.store = store
        self.directory = directory
        self.clock = clock
        self.proofs = Proofs(settings.secret("hmac"))
        self.house = house_of(settings)
        self.waits = Waits(clock)
        self.heard = 0
        self._domains = frozenset(settings.domains)
        self._limits = settings.limits
        self._passwords = settings.passwords
        self._turns = AttemptLock()

    def hear(self) -> None:
        """Somebody's account or entry moved: every success is looked at again before it counts."""
        self.heard += 1

    @contextlib.asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """One attempt at a time for one person, whichever of their names is used."""
        principal = await self.directory.find(name)
        async with self._turns.of(f"account {principal.account_id}" if principal is not None else name):
            yield

    async def look(self, name: str, peer: str, service: str, device: bytes = b"") -> tuple[Attempt, Facts]:
        """Who it would be and what stands against them."""
        principal = await self.directory.find(name)
        account_id = principal.account_id if principal is not None else 0
        # Everybody's identifier is an address in our domains as well: both count together for nobody, too.
        local, _, domain = name.rpartition("@")
        counted = local if domain in self._domains else name
        attempt = Attempt(account_id, self.proofs.name(counted), peer, service)
        return attempt, await self.store.read(throttle.look, attempt, device)

    def hold_back(self, attempt: Attempt, facts: Facts, *, is_random: bool = False) -> None:
        """Raises Refused(THROTTLED) while the account or the peer has to wait.

        `is_random`: a right secret that nobody guesses was given; strangers' wrong ones do not keep its owner out.
        """
        waiting = facts.blocked_until - int(self.clock.now())
        if waiting > 0 and not is_random:
            self.waits.note(facts.account_key, facts.blocked_until)
            account_id, service = attempt.account_id, attempt.service
            catalogue.LOGINS.add(service, "throttled")
            log.info("login throttled", account=account_id, service=service, peer=attempt.peer, seconds=waiting)
            raise throttle.TooManyAttempts(waiting)

    async def failed(self, attempt: Attempt, facts: Facts) -> Refused:
        """Count a wrong guess; what its maker is told."""
        waiting = await self.store.write(throttle.failed, attempt, facts, self._limits)
        if waiting:
            self.waits.note(facts.account_key, self.clock.now() + waiting)
        catalogue.LOGINS.add(attempt.service, "bad")
        log.info("login failed", account=attempt.account_id, service=attempt.service, peer=attempt.peer)
        return Refused(Reason.AUTHENTICATION, WRONG)

    async def failed_evenly(self, attempt: Attempt, facts: Facts, began: float) -> Refused:
        """The same for a proof that no slow hash was needed for."""
        refusal = await self.failed(attempt, facts)
        await asyncio.sleep(max(0.0, began + EVEN_SECONDS - self.clock.monotonic()))
        return refusal

    async def refused(self, attempt: Attempt, state: State, standing: Standing | None) -> Refused:
        """The right secret, and an account that may not enter: the person is told why."""
        await self.store.write(throttle.refused, attempt, Cause("state", state=(state.value,)))
        catalogue.LOGINS.add(attempt.service, "refused")
        log.info("login refused", account=attempt.account_id, service=attempt.service, state=state.value)
        return session_validity.refusal(self.house, state, standing)

    async def by_password(self, attempt: Attempt, facts: Facts, name: str, secret: Secret) -> Principal:
        """Who comes in with the chosen password. Raises Refused."""
        principal = await self.directory.authenticate(name, secret)
        if principal is None:
            claim = Claim(secret)
            if provisional.judge(facts.standing, claim, self.proofs, self.clock.now()) is Proof.NOTHING:
                raise await self.failed(attempt, facts)
            state = facts.standing.state if facts.standing else State.PENDING
            raise await self.refused(attempt, state, facts.standing)
        if principal.account_id != attempt.account_id:
            # Created or renamed between the two questions: what was asked about the account was another's.
            raise Refused(Reason.AUTHENTICATION, WRONG)
        return await self.welcome(attempt, facts, principal)

    async def welcome(self, attempt: Attempt, facts: Facts, principal: Principal) -> Principal:
        """Who has proven the chosen password, if the account may enter here. Raises Refused."""
        if principal.state is not State.ACTIVE:
            raise await self.refused(attempt, principal.state, facts.standing)
        if facts.factor_on and attempt.service != WEB:
            raise await self.refused_here(attempt, DEVICE_NEEDED)
        if attempt.service != renewal.RENEWING and self.is_expired(facts.standing):
            await self.store.write(throttle.refused, attempt, Cause("password-expired"))
            catalogue.LOGINS.add(attempt.service, "refused")
            log.info("login refused", account=attempt.account_id, service=attempt.service, why="expired")
            raise Refused(Reason.PASSWORD_EXPIRED, renewal.EXPIRED)
        return principal

    def is_expired(self, standing: Standing | None) -> bool:
        """True when the chosen password has to be renewed; where somebody else's directory keeps it, never."""
        if standing is None or self.directory.read_only:
            return False
        return renewal.is_expired(self._passwords, standing.renewal, self.clock.now())

    async def refused_here(self, attempt: Attempt, text: str) -> Refused:
        """The right secret at the wrong door."""
        await self.store.write(throttle.refused, attempt, Cause("app-password-needed"))
        catalogue.LOGINS.add(attempt.service, "refused")
        log.info("login refused", account=attempt.account_id, service=attempt.service, why="app password")
        return Refused(Reason.APP_PASSWORD, text)

    async def require(self, account_id: int) -> Principal:
        """Who that is now. Raises Refused(AUTHENTICATION) when they are gone."""
        principal = await self.directory.by_account(account_id)
        if principal is None:
            raise Refused(Reason.AUTHENTICATION, WRONG)
        return principal
