"""The private address through which a person gets back in: proposed, confirmed with a code sent there, removed.

It lies outside our own domains, or a forgotten password could not be helped. The address before it is told, so
that somebody who guessed a password cannot take the account over unnoticed.
"""

import structlog

from mailserver.foundation.settings import Settings
from mailserver.login.attempts import throttle
from mailserver.login.checks import WEB
from mailserver.login.security_notices import MESSAGE_ID_OCTETS, Post
from mailserver.model import address
from mailserver.model.clock import HOUR, Clock
from mailserver.model.credentials.proofs import Proofs, new_code, same
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import BadSyntax, Reason, Refused, Temporary
from mailserver.model.identity import Principal
from mailserver.notices.accounts import passwords
from mailserver.notices.accounts.passwords import Owner
from mailserver.notices.house import house_for, house_of
from mailserver.store.account import accounts, login_failures, recoveries
from mailserver.store.account.recoveries import Pending
from mailserver.store.engine.statements import Tx
from mailserver.store.engine.transactions import Store
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.texts.causes import Cause
from mailserver.texts.text import Text, both

log = structlog.get_logger("recovery")

CODES_AN_HOUR = 5
"""Codes that one person may have sent to addresses, which may be strangers'."""
WRONG_LIMIT = 5
WRONG_CODE = both(Text("Ce code n’est pas le bon"))


class PrivateAddresses:
    """One per process."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock, post: Post) -> None:
        self._domains = settings.domains
        self._accounts = settings.accounts
        self._house = house_of(settings)
        self._store = store
        self._clock = clock
        self._proofs = Proofs(settings.secret("hmac"))
        self._post = post

    async def current(self, principal: Principal) -> tuple[str, Pending | None]:
        """The confirmed address, and the one that waits to be confirmed."""
        return await self._store.read(_current, principal.account_id)

    async def propose(self, principal: Principal, text: str) -> str:
        """Send a code to an address; the address as it will be kept. The caller has asked for the password.

        Raises Refused(INVALID) for what is no address, FORBIDDEN for one of our own, LIMIT for too many codes;
        AUTHENTICATION, as all of these do, when every login of theirs has ended since the principal was read: whoever
        takes an account back finds no address that was asked for before.
        """
        wanted = self._checked(text)
        code = new_code(self._clock)
        minutes = self._accounts.recovery_minutes
        expires = int(self._clock.now()) + minutes * 60
        await self._store.write(_propose, principal, wanted, self._proofs.confirmation(code), expires)
        token, now = self._clock.token(MESSAGE_ID_OCTETS), self._clock.now()
        letter = passwords.confirmation(self._house, wanted, code, minutes, token=token, now=now)
        await self._post(wanted, letter)
        log.info("private address proposed", account=principal.account_id)
        return wanted

    async def confirm(self, principal: Principal, code: Secret, peer: str) -> str:
        """Keep the address that the code was sent to; the address.

        Raises Refused(AUTHENTICATION) for a wrong code, NOT_FOUND when nothing waits, THROTTLED.
        """
        origin = Origin("self", WEB, throttle.peer_name(peer))
        hashed = self._proofs.confirmation(code.reveal())
        confirmed = await self._store.write(_confirm, origin, principal, hashed)
        if isinstance(confirmed, int):
            raise throttle.TooManyAttempts(confirmed) if confirmed else Refused(Reason.AUTHENTICATION, WRONG_CODE)
        now, before = confirmed
        log.info("private address set", account=principal.account_id)
        if before and before != now:
            await self._tell(principal, before, removed=False)
        return now

    async def remove(self, principal: Principal, peer: str) -> None:
        """No private address any more, and none that waits. The caller has asked for the password."""
        origin = Origin("self", WEB, throttle.peer_name(peer))
        before = await self._store.write(_remove, origin, principal)
        if before:
            await self._tell(principal, before, removed=True)

    async def _tell(self, principal: Principal, before: str, *, removed: bool) -> None:
        owner = Owner(principal.name, principal.login, principal.address)
        token, now = self._clock.token(MESSAGE_ID_OCTETS), self._clock.now()
        try:
            house = await house_for(self._store, self._house, principal.account_id)
            await self._post(before, passwords.readdressed(house, owner, before, removed, token=token, now=now))
        except (Refused, Temporary) as error:
            log.warning("former private address not told", account=principal.account_id, why=str(error))

    def _checked(self, text: str) -> str:
        try:
            parsed = address.parse(text.strip())
        except BadSyntax:
            raise Refused(Reason.INVALID, "not an address") from None
        if "." not in parsed.domain or parsed.domain.startswith("["):
            raise Refused(Reason.INVALID, "not an address")
        if any(parsed.domain == domain or parsed.domain.endswith(f".{domain}") for domain in self._domains):
            raise Refused(Reason.FORBIDDEN, "an address of our own")
        return str(parsed)


def _current(tx: Tx, account_id: int) -> tuple[str, Pending | None]:
    return recoveries.address(tx, account_id), recoveries.pending(tx, account_id)


def _still_in(tx: Tx, person: Principal) -> int:
    """Their account, which nobody takes back from them before this unit ends. Raises Refused(AUTHENTICATION)."""
    accounts.require_version(tx, person.account_id, person.login_version)
    return person.account_id


def _propose(tx: Tx, person: Principal, wanted: str, hashed: bytes, expires: int) -> None:
    account_id = _still_in(tx, person)
    key = f"confirmations {account_id}"
    sent = login_failures.get(tx, (key,)).get(key)
    if sent is not None and sent.failures >= CODES_AN_HOUR and sent.last > tx.now - HOUR:
        raise Refused(Reason.LIMIT, "too many codes")
    login_failures.count(tx, key, HOUR)
    recoveries.propose(tx, account_id, wanted, hashed, expires)


def _confirm(tx: Tx, origin: Origin, person: Principal, hashed: bytes) -> tuple[str, str] | int:
    """The address now and the one before; or the seconds to wait first; or 0 for a wrong code, which is counted."""
    account_id = _still_in(tx, person)
    key = f"confirmation {account_id}"
    known = login_failures.get(tx, (key,)).get(key)
    if known is not None and known.blocked_until > tx.now:
        return known.blocked_until - tx.now
    waiting = recoveries.pending(tx, account_id)
    if waiting is None:
        raise Refused(Reason.NOT_FOUND, "no address waits to be confirmed")
    if not same(waiting.code, hashed):
        seconds = throttle.wait(login_failures.count(tx, key, HOUR), WRONG_LIMIT, HOUR)
        if seconds:
            login_failures.block(tx, key, seconds)
        return 0
    login_failures.forget(tx, key)
    before = recoveries.set_address(tx, account_id, waiting.address)
    audit.record(tx, origin, Action.RECOVERY_SET, account_id)
    return waiting.address, before


def _remove(tx: Tx, origin: Origin, person: Principal) -> str:
    account_id = _still_in(tx, person)
    before = recoveries.set_address(tx, account_id, "")
    if before:
        audit.record(tx, origin, Action.RECOVERY_SET, account_id, Cause("recovery-removed"))
    return before
