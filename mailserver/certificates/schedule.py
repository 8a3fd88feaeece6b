"""When a certificate is renewed, and when after a failure another attempt is made."""

from collections.abc import Collection

from mailserver.foundation.tls import Pair
from mailserver.model.clock import DAY, HOUR
from mailserver.store.upkeep.certificates import Obtained

PAUSES = (HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR)
"""Until the next attempt, after each failure in turn; then as the last."""
LEFT_PART = 3
"""With a third of its life left a certificate is renewed."""
LAST_PART = 5
"""With a fifth of it at the latest, whenever the authority would want it."""
JITTER_PART = 60
"""By so small a part of its life, and of a pause by a fifth, times differ from one instance to another."""
ASK_SECONDS = 6 * HOUR
"""Between two questions when the authority wants a renewal, where it says nothing else (RFC 9773 section 4.3.3);"""
LEAST_ASK_SECONDS, MOST_ASK_SECONDS = 60, DAY
"""and whatever it says."""


def renewal(pair: Pair, chance: float) -> int:
    """When one that was just obtained is renewed; `chance` is between 0 and 1."""
    life = (pair.ends - pair.begins).total_seconds()
    return int(pair.ends.timestamp() - life / LEFT_PART - chance * life / JITTER_PART)


def latest(pair: Pair) -> int:
    """The last moment for it."""
    return int(pair.ends.timestamp() - (pair.ends - pair.begins).total_seconds() / LAST_PART)


def pause(failures: int, chance: float) -> int:
    """Seconds until the attempt after so many failures."""
    seconds = PAUSES[min(failures, len(PAUSES)) - 1] if failures else 0
    return int(seconds * (0.9 + chance / 5))


def is_wanted(held: Obtained, current: Pair | None, names: Collection[str], now: float) -> bool:
    """Whether a new certificate is wanted: there is none, its time has come, or it has not all the names."""
    if not held.number or current is None or now >= min(held.renew, latest(current)):
        return True
    return not current.names.issuperset(names)


def asked_early(again: float) -> int:
    """How long ago the question counts as put, so that the next one comes when the authority wants it."""
    return ASK_SECONDS - int(min(max(again, LEAST_ASK_SECONDS), MOST_ASK_SECONDS))


def is_to_be_asked(held: Obtained, now: float) -> bool:
    """Whether the authority should be asked when it wants a renewal."""
    return bool(held.number) and now - held.asked >= ASK_SECONDS
