"""Logins by SCRAM: the same policy as for the password itself, without the password.

Verifiers exist of passwords that were set since the setting is on. The mechanism is announced only while every active
account has one: a client takes it for all accounts or none. App passwords have none: an account with a second factor is
told, as with its password, to use one, by PLAIN.
"""

import asyncio
import base64

import structlog

from mailserver.foundation.metrics import catalogue
from mailserver.foundation.verifiers import Verifiers
from mailserver.login.attempts import throttle
from mailserver.login.checks import LoginChecks
from mailserver.model.credentials.sasl_scram import Opening, Proof, Verifier, challenge, signature
from mailserver.model.errors import Temporary
from mailserver.model.folding import fold_login
from mailserver.model.identity import Principal
from mailserver.store.account import verifiers

log = structlog.get_logger("login")

PERIOD = 60.0
"""Seconds between two looks for accounts without a verifier, and only after news of the directory."""

NONCE_OCTETS = 18


class Scram:
    """One per process."""

    def __init__(self, gate: LoginChecks, kept: Verifiers | None) -> None:
        """`kept`: None where the settings do not want SCRAM."""
        self._gate = gate
        self._kept = kept
        self._lacking = 0
        """The account that was last seen without a verifier."""
        self.ready = False
        """Every active account has a verifier: the mechanism may be announced."""

    async def open(self) -> None:
        """Look before anybody is greeted: a client that knows SCRAM only is let in from the first moment on."""
        try:
            await self.look()
        except Temporary as error:
            log.warning("scram not announced yet", why=str(error))

    async def run(self) -> None:
        """Keep `ready` right until cancelled."""
        heard = -1
        while True:
            if heard != self._gate.heard:
                heard = self._gate.heard
                try:
                    await self.look()
                except Temporary:
                    heard = -1
            await asyncio.sleep(PERIOD)

    async def look(self) -> None:
        """Find out whether every active account has a verifier. Raises Temporary.

        While one lacks, it is looked at first: an answer in microseconds. The whole question goes once over the
        accounts, in a reader's thread: 0.35 s for 330,000.
        """
        if self._kept is None:
            return
        lacking = await self._gate.store.read(verifiers.lacking, self._lacking)
        if not lacking and self._lacking:
            lacking = await self._gate.store.read(verifiers.lacking)
        was, self.ready, self._lacking = self.ready, not lacking, lacking
        if was != self.ready:
            log.info("scram announced" if self.ready else "scram not announced", lacking=lacking)

    async def begin(self, opening: Opening) -> bytes:
        """What to answer (server-first-message); in the same form for who has no verifier, or is nobody.

        Raises Temporary.
        """
        attempt, _ = await self._gate.look(fold_login(opening.login), "", "")
        nonce = base64.b64encode(self._gate.clock.token(NONCE_OCTETS))
        return challenge(opening, nonce, await self._verifier(attempt.account_id, attempt.name))

    async def finish(self, opening: Opening, proof: Proof, peer: str, service: str) -> tuple[Principal, bytes]:
        """The person, and what proves the server to the client (server-final-message).

        Raises as `Login.login` does.
        """
        name, peer = fold_login(opening.login), throttle.peer_name(peer)
        gate = self._gate
        async with gate.turn(name):
            began = gate.clock.monotonic()
            attempt, facts = await gate.look(name, peer, service)
            gate.hold_back(attempt, facts)
            # Before the verifier: who proves a password that is replaced meanwhile has a login version that is over.
            found = await gate.directory.by_account(attempt.account_id)
            proven = signature(await self._verifier(attempt.account_id, attempt.name), proof)
            if proven is None or found is None:
                raise await gate.failed_evenly(attempt, facts, began)
            principal = await gate.welcome(attempt, facts, found)
            await gate.store.write(throttle.succeeded, attempt, facts)
            catalogue.LOGINS.add(service, "good")
            log.info("login", account=attempt.account_id, service=service, peer=peer, scram=True)
            return principal, proven

    async def _verifier(self, account_id: int, name: str) -> Verifier:
        assert self._kept is not None
        sealed = await self._gate.store.read(verifiers.get, account_id)
        feigned = self._kept.feigned(name)
        opened = self._kept.open(sealed or b"")
        if sealed and opened is None:
            log.error("a SCRAM verifier cannot be opened: it was sealed under another key", account=account_id)
        return opened or feigned
