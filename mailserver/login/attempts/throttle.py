"""Guessing is slowed down per account and per peer address, by counts that all workers share.

After the setting's number of wrong guesses each further one doubles the wait. The account's wait grows to
the whole window. A peer's ends at a minute, and begins ten times later: a school of a thousand pupils
comes from one address. A peer from which the account logged in within the month is counted apart, so that
strangers cannot keep its owner out. What comes from one /48 of IPv6 counts together as well. Loopback peers
(the web interface, tests) count per account only.
"""

from dataclasses import dataclass

from mailserver.accounts.provision import provision
from mailserver.foundation.network.peers import counted, counts
from mailserver.foundation.settings import Limits
from mailserver.login.attempts import places
from mailserver.model.account.programs import WEB
from mailserver.model.clock import Clock
from mailserver.model.errors import Reason, Refused
from mailserver.store.account import accounts, devices, factors, login_failures
from mailserver.store.account.accounts import Standing
from mailserver.store.account.devices import Device
from mailserver.store.engine.statements import Tx
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.texts.causes import NOTHING, Cause
from mailserver.texts.text import Text, both_in_ascii

FIRST_WAIT = 5
"""Seconds after the first guess too many."""
PEER_FACTOR = 10
"""A peer may guess wrong this many times as often as an account."""
PEER_WAIT = 60
"""Longest wait of a peer address: its neighbours wait too."""
MAX_PEER = 64
MAX_WAITS = 20_000
"""Waits remembered in this process."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who is to be let in, from where. `account_id` 0: an unknown login, counted by `name`."""

    account_id: int
    name: str
    peer: str
    service: str
    agent: str = ""
    """What a browser says of itself."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the store knows before anything is proven."""

    standing: Standing | None
    account_key: str
    peer_keys: dict[str, int]
    """Of the peer, and how often as an account it may guess wrong (`peer_keys`)."""
    blocked_until: int
    device: Device | None = None
    """The app password that was given, when it is one of this account's."""
    factor_on: bool = False
    """The chosen password opens only the web, and there only with a code."""


def peer_name(peer: str) -> str:
    """The name under which guesses from there are counted; empty for loopback."""
    return counted(peer)[:MAX_PEER]


def peer_keys(peer: str) -> dict[str, int]:
    """Where the wrong guesses of a peer (`peer_name`) are counted, and how many times as often as an account each may
    guess wrong. None for loopback."""
    return {f"peer {name}": PEER_FACTOR * times for name, times in counts(peer)}


def wait(failures: int, limit: int, longest: int) -> int:
    """Seconds to wait after this many wrong guesses."""
    if failures < limit:
        return 0
    return min(FIRST_WAIT << min(failures - limit, 16), longest)


def familiar_key(attempt: Attempt) -> str:
    """Where the wrong guesses of a peer that the account knows are counted."""
    return f"account {attempt.account_id} from {attempt.peer}"


def look(tx: Tx, attempt: Attempt, device: bytes = b"") -> Facts:
    """The same questions whether or not the login is known (enumeration by time). `device`: hash of an app password."""
    familiar = login_failures.is_familiar(tx, attempt.account_id, attempt.peer)
    stranger_key = f"account {attempt.account_id}" if attempt.account_id else f"name {attempt.name}"
    account_key = familiar_key(attempt) if familiar else stranger_key
    from_peer = peer_keys(attempt.peer)
    known = login_failures.get(tx, (account_key, *from_peer))
    blocked_until = max((one.blocked_until for one in known.values()), default=0)
    return Facts(
        accounts.get(tx, attempt.account_id),
        account_key,
        from_peer,
        blocked_until,
        devices.by_hash(tx, attempt.account_id, device) if device else None,
        factors.is_on(tx, attempt.account_id),
    )


def failed(tx: Tx, attempt: Attempt, facts: Facts, limits: Limits) -> int:
    """Count a wrong guess; how long its account must wait now."""
    window, limit = limits.login_window, limits.login_failures
    waiting = wait(login_failures.count(tx, facts.account_key, window), limit, window)
    if waiting:
        login_failures.block(tx, facts.account_key, waiting)
    for key, times in facts.peer_keys.items():
        from_peer = wait(login_failures.count(tx, key, window), limit * times, PEER_WAIT)
        if from_peer:
            login_failures.block(tx, key, from_peer)
    audit.record(tx, origin(attempt), Action.LOGIN_FAILED, attempt.account_id)
    return waiting


def succeeded(tx: Tx, attempt: Attempt, facts: Facts, action: Action = Action.LOGIN, detail: Cause = NOTHING) -> None:
    """Everything that follows from a right password."""
    login_failures.forget(tx, facts.account_key)
    login_failures.meet(tx, attempt.account_id, attempt.peer)
    accounts.logged_in(tx, attempt.account_id)
    if attempt.service != WEB or attempt.agent:
        places.entered(tx, attempt.account_id, attempt.peer, attempt.service, attempt.agent)
    provision(tx, attempt.account_id)
    if facts.device is not None:
        devices.used(tx, facts.device.id, attempt.peer)
        detail = Cause("device", id=facts.device.id, name=facts.device.name)
    audit.record(tx, origin(attempt), action, attempt.account_id, detail)


def refused(tx: Tx, attempt: Attempt, why: Cause) -> None:
    """The right secret of an account that may not enter."""
    audit.record(tx, origin(attempt), Action.LOGIN_REFUSED, attempt.account_id, why)


def keys(account_id: int) -> tuple[str, str]:
    """Where the wrong passwords and codes of strangers at an account are counted."""
    return f"account {account_id}", f"code {account_id}"


def unlock(tx: Tx, origin: Origin, account_id: int) -> int:
    """Forget the wrong guesses at an account, from wherever they came; how many kinds there were."""
    forgotten = login_failures.forget_all(tx, keys(account_id))
    audit.record(tx, origin, Action.UNLOCKED, account_id)
    return forgotten


def origin(attempt: Attempt) -> Origin:
    return Origin("self", attempt.service, attempt.peer)


class TooManyAttempts(Refused):
    """Somebody must wait."""

    def __init__(self, seconds: int) -> None:
        text = both_in_ascii(Text("Trop d’essais, attendez {seconds} secondes", seconds=seconds))
        super().__init__(Reason.THROTTLED, text)
        self.seconds = seconds


class Waits:
    """Waits this process has seen: they also hold for successes answered from memory.

    Otherwise a throttled guesser could go on against a password that its owner used within the minute.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def note(self, key: str, until: float) -> None:
        """Remember that a key waits."""
        if len(self._until) >= MAX_WAITS:
            now = self._clock.now()
            self._until = {key: until for key, until in self._until.items() if until > now}
            if len(self._until) >= MAX_WAITS:
                self._until.clear()
        self._until[key] = until

    def holds(self, key: str) -> bool:
        """True while the key must wait."""
        return bool(self._until) and self._until.get(key, 0.0) > self._clock.now()
