"""A password that somebody chooses: judged by the profile's rules and by the last ones, then set.

What proves that somebody may choose is good once. Two who use it at once, at any two workers, are told apart by the
account's `login_version`, which every password moves: one of them sets the password that follows it. So does whatever
takes the account back from somebody meanwhile: while a password is judged and hashed, a thief would be slower than the
reset that is to end them, and what they had chosen would stand behind it.
"""

import asyncio
import hashlib

from mailserver.foundation.settings import Settings
from mailserver.login.passwords import policy, words
from mailserver.login.passwords.history import History
from mailserver.login.passwords.policy import Weakness, WeakPassword
from mailserver.model.credentials.proofs import Proofs
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Directory, Principal
from mailserver.store.account import accounts, idempotency
from mailserver.store.account.accounts import Marks
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.people import schools
from mailserver.texts.text import Text, both

SETTING_SECONDS = 60
"""Longest time between the claim to set a password and the password."""
SPENT = both(Text("Ce qui le permettait a déjà servi"))


class Choice:
    """Judges and sets. One per process."""

    def __init__(self, *, settings: Settings, store: Store, directory: Directory, proofs: Proofs) -> None:
        self._settings = settings.passwords
        self._store = store
        self._directory = directory
        self._proofs = proofs
        self._history = History(settings.passwords, store)

    async def weaknesses(self, principal: Principal, secret: Secret) -> tuple[Weakness, ...]:
        """The rules that a password breaks for this person, the last ones not looked at."""
        marks, school = await self._store.read(_facts, principal.account_id, principal.uai)
        profile = self._settings.profile
        return await asyncio.to_thread(
            policy.weaknesses, secret, principal, marks, self._proofs, profile=profile, school=school
        )

    async def check(self, principal: Principal, secret: Secret, old: Secret | None = None) -> None:
        """Raises Refused(WEAK_PASSWORD) with every rule that is broken, a line each. `old`: the one to be replaced."""
        broken = await self.weaknesses(principal, secret)
        if not broken and await self._is_former(principal, secret, old):
            broken = (Weakness.FORMER,)
        if broken:
            raise WeakPassword(broken)

    async def set(self, principal: Principal, version: int, secret: Secret, old: Secret | None = None) -> None:
        """Set what was checked, and remember it. Raises Refused(AUTHENTICATION) when the account has moved meanwhile.

        `version` is the account's login version when the person proved that they may choose.
        """
        account_id = principal.account_id
        claim = hashlib.sha256(f"password of {account_id} after {version}".encode()).digest()
        if not await self._store.write(_claim, claim, account_id, version):
            raise Refused(Reason.AUTHENTICATION, SPENT)
        try:
            if old is not None:
                standing = await self._store.read(accounts.get, account_id)
                password_set = standing.password_set if standing is not None else 0
                await self._history.keep_given(account_id, old, password_set)
            await self._directory.set_password(account_id, secret, version)
        except BaseException:
            await self._store.write(idempotency.release, claim, account_id)
            raise
        await self._history.keep(account_id, secret)

    async def _is_former(self, principal: Principal, secret: Secret, old: Secret | None) -> bool:
        if self._settings.profile != "academie":
            return False
        if old is not None and _plain(secret) == _plain(old):
            return True
        # The present one may have been given by the console: then only the directory knows it.
        if old is None and await self._directory.authenticate(principal.login, secret) is not None:
            return True
        return await self._history.holds(principal.account_id, secret)


def _plain(secret: Secret) -> str:
    """What a password differs in from the one it replaces: not by case, accents or blanks alone."""
    return "".join(words.plain(secret.reveal()).split())


def _claim(tx: Tx, claim: bytes, account_id: int, version: int) -> bool:
    """True for the one who is to set the password that follows this version of the account."""
    if accounts.require(tx, account_id).login_version != version:
        return False
    return idempotency.claim(tx, claim, account_id, SETTING_SECONDS)


def _facts(tx: Tx, account_id: int, uai: str) -> tuple[Marks, str]:
    """What a password is compared with: the person's hashes, the name of the school."""
    standing = accounts.get(tx, account_id)
    school = schools.get(tx, uai) if uai else None
    return (standing.marks if standing is not None else Marks()), (school.name if school is not None else "")
