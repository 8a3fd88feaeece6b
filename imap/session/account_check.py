"""Whether an account may stay logged in: asked when it moved, at most once in a while per account and worker."""

from mailserver.login import Login
from mailserver.model.clock import Clock
from mailserver.model.identity import Principal

PAUSE = 2.0
"""Seconds between two questions about one account: every message it gets is a movement too."""
MAX_ACCOUNTS = 10_000


class AccountCheck:
    """Remembers when each account was last found in order."""

    def __init__(self, login: Login, clock: Clock) -> None:
        self._login = login
        self._clock = clock
        self._checked: dict[tuple[int, int], float] = {}

    def due(self, principal: Principal) -> bool:
        """False while the last answer is recent: about this account, entered with this device's password."""
        return self._clock.monotonic() >= self._checked.get(_key(principal), 0.0) + PAUSE

    async def check(self, principal: Principal) -> None:
        """Nothing while the account is in order. Raises Refused with the sentence for its owner, Temporary."""
        await self._login.stays(principal)
        if len(self._checked) >= MAX_ACCOUNTS:
            self._checked.clear()
        self._checked[_key(principal)] = self._clock.monotonic()


def _key(principal: Principal) -> tuple[int, int]:
    return principal.account_id, principal.device_id
