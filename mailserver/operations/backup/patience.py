"""Object storage that is away for a while: what a backup or a restore asks of it is asked again."""

import time
from collections.abc import Callable
from typing import TypeVar

from mailserver.model.errors import NoRoom, Temporary

T = TypeVar("T")

OUTAGE_SECONDS = 600.0
"""How long it may be away before the command gives up."""
PAUSE_SECONDS = 1.0
THREADS = 8
"""Files that are under way at once: each waits for the storage most of its time."""


def patiently(work: Callable[[], T]) -> T:
    """What `work` gives, once the storage does its work. Raises Temporary when it does not for long, and whatever else
    `work` raises."""
    deadline = time.monotonic() + OUTAGE_SECONDS
    while True:
        try:
            return work()
        except NoRoom:
            raise
        except Temporary:
            if time.monotonic() >= deadline:
                raise
        time.sleep(PAUSE_SECONDS)
