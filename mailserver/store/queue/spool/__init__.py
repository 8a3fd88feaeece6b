"""The outgoing queue: enqueue, lease, settle; and what `mailserver queue` shows, retries and drops.

A row is leased by one worker at a time: the lease moves `due` into the near future, so a worker that dies
gives the row back by doing nothing. Whoever settles must still hold the lease; a worker that lost it
changes nothing.
"""

from mailserver.store.queue.spool.enqueue import enqueue, enqueue_each, new_name
from mailserver.store.queue.spool.leases import (
    HOLD,
    MOST_PUT_OFF,
    give_back,
    lease,
    next_due,
    octets,
    put_off,
    renew,
    small_octets,
)
from mailserver.store.queue.spool.operating import (
    HELD_UNTIL,
    bring_forward,
    drop,
    entries,
    error_of,
    find,
    release,
    release_unsigned,
    retry,
    show,
)
from mailserver.store.queue.spool.rows import (
    BRAKED,
    DEFAULT_NOTIFY,
    GIVEN_UP,
    HELD,
    LEASE,
    NEWS,
    RETRY_NEWS,
    UNSIGNED,
    Addressee,
    Entry,
    Leased,
    Notify,
    Options,
    Signing,
    Target,
    errors,
)
from mailserver.store.queue.spool.selecting import Selection
from mailserver.store.queue.spool.settling import LeftBehind, settle, settle_left_behind, settle_whole

__all__ = [
    "BRAKED",
    "DEFAULT_NOTIFY",
    "GIVEN_UP",
    "HELD",
    "HELD_UNTIL",
    "HOLD",
    "LEASE",
    "MOST_PUT_OFF",
    "NEWS",
    "RETRY_NEWS",
    "UNSIGNED",
    "Addressee",
    "Entry",
    "Leased",
    "LeftBehind",
    "Notify",
    "Options",
    "Selection",
    "Signing",
    "Target",
    "bring_forward",
    "drop",
    "enqueue",
    "enqueue_each",
    "entries",
    "error_of",
    "errors",
    "find",
    "give_back",
    "lease",
    "new_name",
    "next_due",
    "octets",
    "put_off",
    "release",
    "release_unsigned",
    "renew",
    "retry",
    "settle",
    "settle_left_behind",
    "settle_whole",
    "show",
    "small_octets",
]
