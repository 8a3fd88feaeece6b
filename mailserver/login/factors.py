"""The second factor of the web interface: a code generator (TOTP, RFC 6238) and the printed codes that stand in for it.

The generator's secret is kept sealed under a key outside the database, recovery codes as keyed hashes. A code
is taken once, within a step of the clock each way; wrong ones are counted in the store for all workers, apart
from wrong passwords: whoever gets here has the password.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from passlib.exc import TokenError  # type: ignore[import-untyped]
from passlib.totp import TOTP  # type: ignore[import-untyped]

from mailserver.foundation.metrics import catalogue
from mailserver.foundation.settings import Settings
from mailserver.login.attempts import throttle
from mailserver.login.attempts.throttle import Attempt
from mailserver.model.clock import Clock
from mailserver.model.credentials.proofs import Proofs, new_code
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal
from mailserver.store.account import accounts, factors, login_failures
from mailserver.store.account.factors import Factor
from mailserver.store.engine.statements import Tx
from mailserver.store.engine.transactions import Store
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.texts.causes import Cause
from mailserver.texts.text import Text, both

log = structlog.get_logger("login")

SECRET_OCTETS = 20
"""RFC 4226 section 4: 160 bits are recommended."""
STEP = 30
"""Seconds of a time step; a neighbouring step's code is taken, too (RFC 6238 section 5.2)."""
SEALING_COST = 0
"""Rounds (as a power of two) that stretch the sealing key. It is 256 random bits: stretching adds nothing."""
RECOVERY_CODES = 10
MAX_ANSWER = 40
WRONG_LIMIT = 5
"""Wrong codes before waiting. Three of a million are right at any time."""
WRONG_WINDOW = 86400
"""Wrong codes are forgotten after a day, or after a right one."""
LONGEST_WAIT = 3600

WRONG = both(Text("Code incorrect ou déjà utilisé"))

_DIGITS = re.compile(r"\d{6}")
_BETWEEN = re.compile(r"[\s-]+")


@dataclass(frozen=True, slots=True)
class Setup:
    """What a person copies into the generator: the secret, and the address that a QR code carries."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FactorState:
    """Whether a person has a second factor."""

    since: int
    """0: none."""
    codes_left: int
    required: bool
    """The person's role needs one."""

    @property
    def is_on(self) -> bool:
        return self.since > 0


@dataclass(frozen=True, slots=True)
class Proven:
    """A right answer."""

    by_recovery_code: bool
    codes_left: int


@dataclass(frozen=True, slots=True)
class _Answer:
    """What an answer claims to be: the code of a time step, or a recovery code; nothing if it can be neither."""

    counter: int = 0
    hashed: bytes = b""


class Factors:
    """What the login and the account pages do with second factors. One per process."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock, proofs: Proofs) -> None:
        self._store = store
        self._clock = clock
        self._proofs = proofs
        self._settings = settings
        key = hmac.digest(settings.secret("hmac"), b"totp secrets", hashlib.sha256).hex()
        self._generator = TOTP.using(secrets={"1": key}, encrypt_cost=SEALING_COST)

    def required(self, principal: Principal) -> bool:
        """True when the person's role needs a second factor in the web interface."""
        return principal.role.value in self._settings.passwords.second_factor

    async def is_on(self, account_id: int) -> bool:
        """True when the person's password alone does not open the web interface."""
        return await self._store.read(factors.is_on, account_id)

    async def state(self, principal: Principal) -> FactorState:
        """What the account page shows."""
        factor, left = await self._store.read(_state, principal.account_id)
        return FactorState(factor.confirmed if factor is not None else 0, left, self.required(principal))

    # ------------------------------------------------------------------ setting up

    async def begin(self, principal: Principal) -> Setup:
        """A new secret, which counts once `confirm` has seen a code of it. Raises Refused(CONFLICT) when one is on."""
        generator = self._generator(key=self._clock.token(SECRET_OCTETS), format="raw")
        if not await self._store.write(factors.begin, principal.account_id, generator.to_json(encrypt=True)):
            raise Refused(Reason.CONFLICT, "a second factor is on already")
        return self._setup(generator, principal)

    async def waiting(self, principal: Principal) -> Setup | None:
        """The secret that waits for its first code."""
        factor = await self._store.read(factors.get, principal.account_id)
        if factor is None or factor.confirmed:
            return None
        return self._setup(self._generator.from_json(factor.sealed), principal)

    def _setup(self, generator: TOTP, principal: Principal) -> Setup:
        issuer = self._settings.web.academy.replace(":", " ")
        return Setup(str(generator.pretty_key()), str(generator.to_uri(label=principal.address, issuer=issuer)))

    async def confirm(self, principal: Principal, answer: Secret, origin: Origin) -> tuple[str, ...]:
        """Switch on: the generator shows the right code. The recovery codes, which are told once.

        Every session and login that the password alone opened is over. Raises Refused(AUTHENTICATION | CONFLICT).
        """
        factor = await self._store.read(factors.get, principal.account_id)
        if factor is None or factor.confirmed:
            raise Refused(Reason.CONFLICT, "no second factor is being set up")
        counter = self._claim(factor, answer).counter
        if not counter:
            raise Refused(Reason.AUTHENTICATION, WRONG)
        codes, hashes = self._new_codes()
        if not await self._store.write(_confirm, origin, principal, factor.sealed, counter, hashes):
            raise Refused(Reason.CONFLICT, "another secret is being set up")
        log.info("second factor on", account=principal.account_id)
        return codes

    async def new_codes(self, principal: Principal, origin: Origin) -> tuple[str, ...]:
        """New recovery codes, told once; those before are dead. Raises Refused(CONFLICT) when no factor is on."""
        codes, hashes = self._new_codes()
        if not await self._store.write(_renew_codes, origin, principal, hashes):
            raise Refused(Reason.CONFLICT, "no second factor is on")
        return codes

    async def remove(self, account_id: int, origin: Origin) -> bool:
        """Switch off, for a person who proved both factors, or by IT; False when there was none."""
        removed = await self._store.write(_remove, origin, account_id)
        if removed:
            log.info("second factor removed", account=account_id, service=origin.service)
        return removed

    def _new_codes(self) -> tuple[tuple[str, ...], tuple[bytes, ...]]:
        codes = tuple(new_code(self._clock) for _ in range(RECOVERY_CODES))
        return codes, tuple(map(self._proofs.spare, codes))

    # ------------------------------------------------------------------ proving

    async def prove(self, attempt: Attempt, answer: Secret, then: Callable[[Tx, Cause], None] | None = None) -> Proven:
        """Take a code or a recovery code; `then` is done in the same unit, told how the person proved themselves.

        Raises Refused(AUTHENTICATION | THROTTLED).
        """
        factor = await self._store.read(factors.get, attempt.account_id)
        claimed = self._claim(factor, answer) if factor is not None else _Answer()
        taken = await self._store.write(_take, attempt, claimed, then)
        if isinstance(taken, Proven):
            return taken
        if taken > 0:
            raise throttle.TooManyAttempts(taken)
        catalogue.LOGINS.add(attempt.service, "bad")
        log.info("second factor failed", account=attempt.account_id, service=attempt.service, peer=attempt.peer)
        raise Refused(Reason.AUTHENTICATION, WRONG)

    def _claim(self, factor: Factor, answer: Secret) -> _Answer:
        text = _BETWEEN.sub("", answer.reveal()[:MAX_ANSWER])
        if not _DIGITS.fullmatch(text):
            return _Answer(hashed=self._proofs.spare(text))
        try:
            # A code of the last step that was taken, or before it, raises, too; the store has the last word.
            match = self._generator.from_json(factor.sealed).match(
                text, time=int(self._clock.now()), window=STEP, last_counter=factor.last_counter or None
            )
        except TokenError:
            return _Answer()
        return _Answer(counter=int(match.counter))


def _state(tx: Tx, account_id: int) -> tuple[Factor | None, int]:
    return factors.get(tx, account_id), factors.codes_left(tx, account_id)


def _confirm(tx: Tx, origin: Origin, person: Principal, sealed: str, counter: int, hashes: tuple[bytes, ...]) -> bool:
    account_id = person.account_id
    if accounts.require(tx, account_id).login_version != person.login_version:
        return False  # every login has ended meanwhile: nobody is locked out by whoever was in before
    if not factors.confirm(tx, account_id, sealed, counter):
        return False
    factors.set_codes(tx, account_id, hashes)
    accounts.end_logins(tx, account_id)
    audit.record(tx, origin, Action.FACTOR_SET, account_id)
    return True


def _renew_codes(tx: Tx, origin: Origin, person: Principal, hashes: tuple[bytes, ...]) -> bool:
    account_id = person.account_id
    if accounts.require(tx, account_id).login_version != person.login_version:
        return False  # as above: who was in before has no codes that others do not know of
    if not factors.is_on(tx, account_id):
        return False
    factors.set_codes(tx, account_id, hashes)
    audit.record(tx, origin, Action.RECOVERY_CODES, account_id)
    return True


def _remove(tx: Tx, origin: Origin, account_id: int) -> bool:
    if not factors.remove(tx, account_id):
        return False
    audit.record(tx, origin, Action.FACTOR_REMOVED, account_id)
    return True


def _take(tx: Tx, attempt: Attempt, claimed: _Answer, then: Callable[[Tx, Cause], None] | None) -> "Proven | int":
    """One answer: what it proved; or the seconds to wait first; or 0 for a wrong one, which is counted."""
    accounts.lock(tx, attempt.account_id)  # however many guess at once, each meets the count of those before
    familiar = login_failures.is_familiar(tx, attempt.account_id, attempt.peer)
    key = f"code {attempt.account_id}" + (f" from {attempt.peer}" if familiar else "")
    known = login_failures.get(tx, (key,)).get(key)
    if known is not None and known.blocked_until > tx.now:
        return known.blocked_until - tx.now
    right = bool(claimed.counter) and factors.take(tx, attempt.account_id, claimed.counter)
    spare = bool(claimed.hashed) and factors.take_code(tx, attempt.account_id, claimed.hashed)
    if not (right or spare):
        waiting = throttle.wait(login_failures.count(tx, key, WRONG_WINDOW), WRONG_LIMIT, LONGEST_WAIT)
        if waiting:
            login_failures.block(tx, key, waiting)
        audit.record(tx, throttle.origin(attempt), Action.LOGIN_FAILED, attempt.account_id, Cause("one-time-code"))
        return 0
    login_failures.forget(tx, key)
    if then is not None:
        then(tx, Cause("recovery-code" if spare else "one-time-code"))
    return Proven(spare, factors.codes_left(tx, attempt.account_id))
