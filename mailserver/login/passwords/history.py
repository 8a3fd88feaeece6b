"""The last passwords of a person may not come back (profile `academie`).

Each comparison is an argon2 of 20 ms: as many as the setting says, one after the other, in a thread of its own that
the logins of others never wait for.
"""

from directory.issuing.hashing import Passwords as Hasher
from mailserver.foundation.settings import Passwords
from mailserver.model.credentials.sasl import Secret
from mailserver.store.account import former_passwords
from mailserver.store.engine.transactions import Store, Tx

THREADS = 1


class History:
    """Keeps and compares. One per process."""

    def __init__(self, passwords: Passwords, store: Store) -> None:
        self._passwords = passwords
        self._store = store
        self._hasher = Hasher(THREADS)

    @property
    def _number(self) -> int:
        return self._passwords.history if self._passwords.profile == "academie" else 0

    def close(self) -> None:
        """Stop the thread."""
        self._hasher.close()

    async def holds(self, account_id: int, secret: Secret) -> bool:
        """True for one of the last passwords. Raises Temporary when too many wait."""
        if not self._number:
            return False
        for kept in await self._store.read(former_passwords.latest, account_id, self._number):
            if await self._hasher.verify(secret, kept):
                return True
        return False

    async def keep(self, account_id: int, secret: Secret) -> None:
        """Remember a password just chosen."""
        if self._number:
            password_hash = await self._hasher.hash(secret)
            await self._store.write(former_passwords.keep, account_id, password_hash, self._number)

    async def keep_given(self, account_id: int, secret: Secret, password_set: int) -> None:
        """Remember a password about to be replaced, if it was given (console, import) and not chosen through us."""
        if self._number and await self._store.read(_is_given, account_id, password_set):
            await self.keep(account_id, secret)


def _is_given(tx: Tx, account_id: int, password_set: int) -> bool:
    return former_passwords.newest(tx, account_id) < password_set
