"""What one process remembers of rows that never change, so that asking again costs nothing.

A key names its row for ever (a database never gives segment and content ids twice), or its value brings what shows
that it still holds; so no change invalidates anything, and a snapshot of any age may read it. What does is another
server in the place of the first, which lacks what that committed last, and gives its numbers again: then everything is
forgotten (`clear`, upon `lost`).
"""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

LIMIT = 96 * 1024 * 1024
"""Octets remembered at most, by what callers say of their values."""
ENTRY = 1024
"""Octets that each value is taken to have besides, for itself and its key: a million of nothing take room, too."""


class Memory:
    """Values by key, the least recently used out first. For any thread."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()
        self._octets = 0

    @property
    def octets(self) -> int:
        """What is held now."""
        return self._octets

    def get(self, key: Hashable) -> Any:
        """The value, or None."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()
            self._octets = 0

    def put(self, key: Hashable, value: Any, octets: int) -> None:
        """Remember a value of about that size; one that would push out more than half of the rest is not kept."""
        octets += ENTRY
        with self._lock:
            before = self._values.pop(key, None)
            if before is not None:
                self._octets -= before[1]
            if octets > self._limit // 2:
                return
            self._values[key] = (value, octets)
            self._octets += octets
            while self._octets > self._limit:
                _, (_, freed) = self._values.popitem(last=False)
                self._octets -= freed
