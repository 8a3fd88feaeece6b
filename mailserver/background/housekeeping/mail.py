"""What time does to mail: what was put off comes back, muted conversations stay quiet."""

from mailserver.store.agenda import agenda_recovery
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import muting, snooze
from mailserver.store.mail.deleted import expiry, retention

CLEAR_UNITS = 200
WAKE_UNITS = 50
"""Units of one round: then the others have their turn."""


async def wake(store: Store) -> int:
    """Bring back the messages whose time has come; how many."""
    total = 0
    for _ in range(WAKE_UNITS):
        done = await store.write(snooze.wake)
        if not done:
            break
        total += done
    return total


async def clear(store: Store) -> int:
    """Remove what lies in a mailbox longer than its owner keeps messages there; how many units did something."""
    for count in range(CLEAR_UNITS):
        if not await store.write(retention.clear):
            return count
    return CLEAR_UNITS


async def let_go(store: Store, before: int) -> int:
    """Let go of what was removed before a moment and is kept no longer, messages and events; how many units did
    something."""
    for count in range(CLEAR_UNITS):
        if not (await store.write(expiry.let_go, before) or await store.write(agenda_recovery.let_go, before)):
            return count
    return CLEAR_UNITS


async def silence(store: Store) -> int:
    """Archive what came of muted conversations; how many messages."""
    accounts = await store.read(muting.behind)
    return sum([await store.write(muting.silence, account_id) for account_id in accounts])
