"""A forgotten password: questions, a code to the private address, a new password. And a forgotten identifier.

Whoever asks learns nothing, by content or by time: the answer is given before anything about the account is looked
at, and what follows happens later, apart, after a wait that nobody can foresee. The owner is not disturbed by
questions either: the old password works, nothing is logged out, and questions are counted apart from logins. Only
the code, once used, changes anything: then every session is over, and both the mailbox and the private address hear
of it.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field

import structlog

from mailserver.foundation.settings import Limits, Settings
from mailserver.login.attempts import throttle
from mailserver.login.attempts.throttle import PEER_WAIT, Attempt
from mailserver.login.checks import WEB
from mailserver.login.passwords.provisional import NOBODY
from mailserver.login.security_notices import MESSAGE_ID_OCTETS, Post, SecurityNotices
from mailserver.login.service import Login
from mailserver.model.clock import HOUR, Clock
from mailserver.model.credentials.proofs import Proofs, new_code, parse_date, same
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Refused, Temporary
from mailserver.model.folding import fold_login
from mailserver.model.identity import Directory, Principal, State
from mailserver.notices.accounts import passwords
from mailserver.notices.accounts.passwords import Owner
from mailserver.notices.house import House, house_for, house_of
from mailserver.store.account import accounts, login_failures, recoveries, sessions
from mailserver.store.account.accounts import Mark, Standing
from mailserver.store.engine.statements import Tx
from mailserver.store.engine.transactions import Store
from mailserver.store.record import audit
from mailserver.store.record.audit import Action
from mailserver.texts.causes import NOTHING, Cause

log = structlog.get_logger("recovery")

CODES_AN_HOUR = 3
"""Codes that one account is sent: somebody who knows the answers must not fill the owner's private mailbox."""
UNDER_WAY = 200
"""Questions that may wait for their answer."""
LONGEST_DELAY = 2.0
"""Seconds before a question is looked at, at most: whoever asks cannot time what follows either."""


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody says of themselves."""

    login: str
    """Empty: this is what was forgotten, and is sent instead of a code."""
    birth_date: str = field(repr=False)
    number: Secret
    """NUMEN or INE."""


_SENT = frozenset(("code-sent", "identifier-sent"))


@dataclass(frozen=True, slots=True)
class _Fresh:
    """The code that is kept if everything is right."""

    hashed: bytes
    expires: int


class Recovery:
    """One per process."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        directory: Directory,
        login: Login,
        clock: Clock,
        post: Post,
        longest_delay: float = LONGEST_DELAY,
    ) -> None:
        self._settings = settings
        self._house = house_of(settings)
        self._store = store
        self._directory = directory
        self._login = login
        self._clock = clock
        self._proofs = Proofs(settings.secret("hmac"))
        self._post = post
        self._telling = SecurityNotices(settings=settings, store=store, clock=clock, post=post)
        self._longest_delay = longest_delay
        self._under_way: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    # ------------------------------------------------------------------ asking

    async def ask(self, question: Question, peer: str) -> None:
        """Take a question; nothing comes back whatever is true.

        Raises Refused(THROTTLED) for a peer address that asks too much, Temporary when too many wait.
        """
        peer = throttle.peer_name(peer)
        waiting = await self._store.write(_count_peer, peer, self._settings.limits) if peer else 0
        if waiting:
            raise throttle.TooManyAttempts(waiting)
        if len(self._under_way) >= UNDER_WAY:
            raise Temporary("Too many questions at once")
        task = asyncio.create_task(self._look_into(question, peer), name="recovery")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def settle(self) -> None:
        """Wait until every question taken so far has been looked into."""
        await asyncio.gather(*self._under_way)

    async def close(self, grace: float) -> None:
        """Look into what is under way now, not later: whoever asked was told that a code comes. `grace` in seconds."""
        self._closing.set()
        if not self._under_way:
            return
        _, late = await asyncio.wait(self._under_way, timeout=grace)
        if late:
            log.warning("questions were not looked into", count=len(late))

    async def _look_into(self, question: Question, peer: str) -> None:
        try:
            delay = self._longest_delay * int.from_bytes(self._clock.token(2)) / 0xFFFF
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._closing.wait()
            await self._answer(question, peer)
        except (Refused, Temporary) as error:
            log.warning("recovery failed", why=str(error))
        except Exception:
            log.exception("recovery failed")

    async def _answer(self, question: Question, peer: str) -> None:
        """Judge, and send a code, or the identifier, when everything is right."""
        if not question.login:
            await self._remind(question, peer)
            return
        if self._directory.read_only:
            return
        name = fold_login(question.login)
        principal = await self._directory.find(name)
        account_id = principal.account_id if principal is not None else 0
        attempt = Attempt(account_id, self._proofs.name(name), peer, WEB)
        code = new_code(self._clock)
        minutes = self._settings.accounts.recovery_minutes
        fresh = _Fresh(self._proofs.recovery(code), int(self._clock.now()) + minutes * 60)
        address = await self._store.write(_judge, attempt, question, self._proofs, fresh, self._settings.limits)
        log.info("recovery asked", account=account_id, peer=peer, sent=bool(address))
        if address:
            token = self._clock.token(MESSAGE_ID_OCTETS)
            now = self._clock.now()
            house = await house_for(self._store, self._house, account_id)
            await self._post(address, passwords.forgotten(house, address, code, minutes, token=token, now=now))

    async def _remind(self, question: Question, peer: str) -> None:
        """Send the identifier to the private address of whom the number and the birth date are."""
        limits = self._settings.limits
        account_id = await self._store.read(_whose, question, self._proofs)
        name = self._proofs.name(question.number.reveal())
        attempt = Attempt(account_id, name, peer, WEB)
        address = await self._store.write(_judge, attempt, question, self._proofs, None, limits)
        log.info("identifier asked", account=account_id, peer=peer, sent=bool(address))
        person = await self._directory.by_account(account_id) if address else None
        if person is not None:
            owner = Owner(person.name, person.login, person.address)
            token, now = self._clock.token(MESSAGE_ID_OCTETS), self._clock.now()
            house = await house_for(self._store, self._house, account_id)
            await self._post(address, passwords.identifier(house, owner, address, token=token, now=now))

    # ------------------------------------------------------------------ using the code

    async def prove(self, login: str, code: Secret, peer: str) -> Principal:
        """Whose password the code replaces. Raises as `recover` does."""
        return await self._login.choosing.prove_recovery(login, code, peer)

    async def recover(self, login: str, code: Secret, new_password: Secret, peer: str) -> Principal:
        """The new password is set, every session is over, and the owner is told.

        Raises Refused(AUTHENTICATION | THROTTLED | SUSPENDED | CLOSED | WEAK_PASSWORD).
        """
        principal = await self._login.choosing.recover(login, code, new_password, peer)
        await self._store.write(sessions.close_all, principal.account_id)
        log.info("password recovered", account=principal.account_id)
        await self._telling.tell(principal, _recovered)
        return principal


def _recovered(house: House, owner: Owner, to: str, token: bytes, now: float) -> bytes:
    return passwords.recovered(house, owner, to, token=token, now=now)


def _count_peer(tx: Tx, peer: str, limits: Limits) -> int:
    """Count a question of a peer address; the seconds it has to wait first."""
    keys = {f"recovery {key}": times for key, times in throttle.peer_keys(peer).items()}
    known = login_failures.get(tx, tuple(keys))
    blocked_until = max((one.blocked_until for one in known.values()), default=0)
    if blocked_until > tx.now:
        return blocked_until - tx.now
    for key, times in keys.items():
        asked = login_failures.count(tx, key, limits.login_window)
        waiting = throttle.wait(asked, limits.login_failures * times, PEER_WAIT)
        if waiting:
            login_failures.block(tx, key, waiting)
    return 0


def _whose(tx: Tx, question: Question, proofs: Proofs) -> int:
    """The account that a NUMEN or INE belongs to; 0 for nobody's."""
    number = question.number.reveal()
    found = accounts.by_mark(tx, Mark.NUMEN, proofs.numen(number)), accounts.by_mark(tx, Mark.INE, proofs.ine(number))
    return next(filter(None, found), 0)


def _judge(tx: Tx, attempt: Attempt, question: Question, proofs: Proofs, fresh: _Fresh | None, limits: Limits) -> str:
    """The private address to send to, or nothing; a code is kept then. Everything leaves an audit row."""
    account_id = attempt.account_id
    accounts.lock(tx, account_id)  # each meets the count of those before
    key = f"recovery account {account_id}" if account_id else f"recovery name {attempt.name}"
    if login_failures.is_familiar(tx, account_id, attempt.peer):
        key += f" from {attempt.peer}"
    standing = accounts.get(tx, account_id)
    is_right = _is_right(standing, question, proofs)
    known = login_failures.get(tx, (key,)).get(key)
    if known is not None and known.blocked_until > tx.now:
        outcome = Cause("too-many-questions")
    elif standing is None or not is_right:
        outcome = Cause("recovery-wrong")
        waiting = throttle.wait(
            login_failures.count(tx, key, limits.login_window), limits.login_failures, limits.login_window
        )
        if waiting:
            login_failures.block(tx, key, waiting)
    else:
        login_failures.forget(tx, key)
        outcome = _obstacle(tx, standing)
        if not outcome:
            if fresh is not None:
                recoveries.set_code(tx, account_id, fresh.hashed, fresh.expires)
            outcome = Cause("code-sent" if fresh is not None else "identifier-sent")
    audit.record(tx, throttle.origin(attempt), Action.RECOVERY_ASKED, account_id, outcome)
    return standing.recovery_address if standing is not None and outcome.name in _SENT else ""


def _is_right(standing: Standing | None, question: Question, proofs: Proofs) -> bool:
    """Birth date and NUMEN or INE are known and the same."""
    marks = standing.marks if standing is not None else NOBODY
    number = question.number.reveal()
    is_numen, is_ine = same(marks.numen, proofs.numen(number)), same(marks.ine, proofs.ine(number))
    is_born = same(marks.birth_date, proofs.birth_date(parse_date(question.birth_date)))
    return is_born and (is_numen or is_ine)


def _obstacle(tx: Tx, standing: Standing) -> Cause:
    """Why somebody who answered everything gets no code all the same."""
    if standing.state is not State.ACTIVE:
        return Cause("state", state=(standing.state.value,))
    if not standing.recovery_address:
        return Cause("no-private-address")
    key = f"recovery codes {standing.id}"
    sent = login_failures.get(tx, (key,)).get(key)
    if sent is not None and sent.failures >= CODES_AN_HOUR and sent.last > tx.now - HOUR:
        return Cause("too-many-codes")
    login_failures.count(tx, key, HOUR)
    return NOTHING
