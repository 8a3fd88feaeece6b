"""Choosing a password: the first one, the one after a reset, in place of a forgotten or of one's own."""

from collections.abc import Awaitable, Callable

import structlog

from mailserver.login.attempts import throttle
from mailserver.login.attempts.throttle import Attempt, Facts
from mailserver.login.checks import WEB, WRONG, LoginChecks
from mailserver.login.devices import revoke_all
from mailserver.login.passwords import provisional
from mailserver.login.passwords.new_password import Choice
from mailserver.login.passwords.policy import Weakness
from mailserver.login.passwords.provisional import Claim, Proof
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import fold_login
from mailserver.model.identity import Principal, State
from mailserver.store.engine.statements import Tx
from mailserver.store.record.audit import Action
from mailserver.texts.causes import NOTHING, Cause

log = structlog.get_logger("login")

Show = Callable[[str, Secret, str, str], Awaitable[Principal]]
"""Folded login, password, peer and service: whoever is inside shows the password again, never from memory."""


class Choosing:
    """What leads to a new password. One per process."""

    def __init__(self, gate: LoginChecks, choice: Choice, show: Show) -> None:
        self._gate = gate
        self._choice = choice
        self._show = show

    async def prove(
        self, login: str, proof: Secret, peer: str, service: str = WEB, birth_date: str = ""
    ) -> tuple[Principal, Proof]:
        """Whether NUMEN and birth date, or a one-time code, open the way to a first password; nothing is set yet.

        Proof.HALF: the NUMEN is right, and a birth date is known that was not told. Raises as `activate` does.
        """
        name, peer = fold_login(login), throttle.peer_name(peer)
        async with self._gate.turn(name):
            attempt, _, proven = await self._claimed(name, Claim(proof, birth_date), peer, service)
            return await self._gate.require(attempt.account_id), proven

    async def activate(
        self, login: str, proof: Secret, new_password: Secret, peer: str, service: str = WEB, birth_date: str = ""
    ) -> Principal:
        """Set the first password, or the one after a reset, on the proof of NUMEN and birth date or a one-time code.

        The birth date is needed with the NUMEN where one is known, and must be right whenever it is given. Raises
        Refused(AUTHENTICATION | THROTTLED | SUSPENDED | CLOSED | WEAK_PASSWORD), the last with every rule that the
        password breaks.
        """
        name, peer = fold_login(login), throttle.peer_name(peer)
        async with self._gate.turn(name):
            began = self._gate.clock.monotonic()
            attempt, facts, proven = await self._claimed(name, Claim(proof, birth_date), peer, service)
            if proven is not Proof.WHOLE:
                raise await self._gate.failed_evenly(attempt, facts, began)
            return await self._choose(attempt, facts, new_password, Action.ACTIVATED)

    async def _claimed(self, name: str, claim: Claim, peer: str, service: str) -> tuple[Attempt, Facts, Proof]:
        began = self._gate.clock.monotonic()
        attempt, facts = await self._gate.look(name, peer, service)
        now = self._gate.clock.now()
        proven = provisional.judge(facts.standing, claim, self._gate.proofs, now)
        is_code = provisional.is_code(facts.standing, claim.secret, self._gate.proofs, now)
        self._gate.hold_back(attempt, facts, is_random=is_code and proven is Proof.WHOLE)
        if facts.standing is None or proven is Proof.NOTHING:
            raise await self._gate.failed_evenly(attempt, facts, began)
        if facts.standing.state not in (State.PENDING, State.ACTIVE):
            raise await self._gate.refused(attempt, facts.standing.state, facts.standing)
        return attempt, facts, proven

    async def prove_recovery(self, login: str, code: Secret, peer: str) -> Principal:
        """Whose forgotten password the code replaces; it stays good. Raises as `recover` does."""
        name, peer = fold_login(login), throttle.peer_name(peer)
        async with self._gate.turn(name):
            attempt, _ = await self._recovering(name, code, peer)
            return await self._gate.require(attempt.account_id)

    async def recover(self, login: str, code: Secret, new_password: Secret, peer: str) -> Principal:
        """Set a new password on the proof of a code sent to the private address. Every login so far is over.

        Raises Refused(AUTHENTICATION | THROTTLED | SUSPENDED | CLOSED | WEAK_PASSWORD).
        """
        name, peer = fold_login(login), throttle.peer_name(peer)
        async with self._gate.turn(name):
            attempt, facts = await self._recovering(name, code, peer)
            return await self._choose(
                attempt, facts, new_password, Action.PASSWORD_SET, detail=Cause("by-recovery-code")
            )

    async def _recovering(self, name: str, code: Secret, peer: str) -> tuple[Attempt, Facts]:
        began = self._gate.clock.monotonic()
        attempt, facts = await self._gate.look(name, peer, WEB)
        right = provisional.is_recovery(facts.standing, code, self._gate.proofs, self._gate.clock.now())
        self._gate.hold_back(attempt, facts, is_random=right)
        if facts.standing is None or not right:
            raise await self._gate.failed_evenly(attempt, facts, began)
        if facts.standing.state is not State.ACTIVE:
            raise await self._gate.refused(attempt, facts.standing.state, facts.standing)
        return attempt, facts

    async def change_password(
        self, principal: Principal, old: Secret, new_password: Secret, peer: str, service: str = WEB
    ) -> Principal:
        """Replace one's own password. Raises as `login` does for the old one, Refused(WEAK_PASSWORD) for the new.

        The old one is not taken from memory: another worker may have replaced it a moment ago.
        """
        name, peer = fold_login(principal.login), throttle.peer_name(peer)
        async with self._gate.turn(name):
            attempt, facts = await self._gate.look(name, peer, service)
            proven = await self._show(name, old, peer, service)
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
        detail: Cause = NOTHING,
    ) -> Principal:
        principal = await self._gate.require(attempt.account_id)
        await self._choice.check(principal, secret, old)
        version = facts.standing.login_version if facts.standing is not None else principal.login_version
        await self._choice.set(principal, version, secret, old)
        # The old password stands in memory: do not wait for the news of one's own change.
        self._gate.hear()
        # Who proved themselves otherwise may have lost the account to somebody: no device of theirs stays.
        await self._gate.store.write(_chosen, attempt, facts, action, detail, old is None)
        log.info("password chosen", account=attempt.account_id, service=attempt.service)
        return await self._gate.require(attempt.account_id)


def _chosen(tx: Tx, attempt: Attempt, facts: Facts, action: Action, detail: Cause, revokes: bool) -> None:
    if revokes:
        revoke_all(tx, throttle.origin(attempt), attempt.account_id)
    throttle.succeeded(tx, attempt, facts, action, detail)
