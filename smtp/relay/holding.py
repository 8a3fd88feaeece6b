"""Which messages this relay may go on sending: those whose lease nobody else can have taken over, until it stops."""

from collections.abc import Collection, Iterable

from mailserver.model.clock import Clock


class Holding:
    """Leases of one relay, by their tokens."""

    def __init__(self, clock: Clock, seconds: int) -> None:
        """`seconds`: for how long one is taken or renewed."""
        self._clock = clock
        self._seconds = seconds
        self._until: dict[int, float] = {}
        """Until when no other worker can have taken it over, by the monotonic clock."""
        self._ending: set[int] = set()
        """Those whose messages have gone to their end, or nearly."""
        self.is_stopping = False
        """No message is sent to its end any more."""

    def lasting(self) -> float:
        """Until when a lease that is taken or renewed from now on lasts at least: leases are whole seconds."""
        return self._clock.monotonic() + self._seconds - min(1.0, self._seconds / 3)

    def take(self, leases: Iterable[int], until: float) -> None:
        """These were leased."""
        for lease in leases:
            self._until[lease] = until

    def renew(self, held: Iterable[int], kept: Collection[int], until: float) -> None:
        """Of those that were to be renewed, these were."""
        for lease in held:
            if lease in self._until:
                self._until[lease] = until if lease in kept else 0.0

    def drop(self, lease: int) -> None:
        """It is settled, or was given back."""
        self._until.pop(lease, None)
        self._ending.discard(lease)

    def is_late(self, lease: int) -> bool:
        """Whether it ends soon."""
        return self._until.get(lease, 0.0) < self._clock.monotonic() + self._seconds / 2

    def may_send(self, lease: int, ends: bool = False) -> bool:
        """Whether more of its message may go; `ends`: what may be the end of it."""
        may = not self.is_stopping and self._clock.monotonic() < self._until.get(lease, 0.0)
        if may and ends:
            self._ending.add(lease)
        return may

    def is_ending(self, lease: int) -> bool:
        """Whether the other server may have its message, whatever it has answered."""
        return lease in self._ending
