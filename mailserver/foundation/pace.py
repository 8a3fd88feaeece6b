"""How much one unit of a long work does, found out by how long the units before it took."""

UNIT_SECONDS = 0.03
"""What a unit should take: others who write wait for it."""
SHORTEST = 0.001
"""Less is not believed: it would be mostly luck."""


class Pace:
    """Of one kind of unit, on one machine, as busy as it is now.

    It begins with few, since nobody knows yet, doubles while units are short, and falls at once when one was long.
    """

    def __init__(self, fewest: int, first: int, most: int, seconds: float = UNIT_SECONDS) -> None:
        self._fewest = fewest
        self._most = most
        self._seconds = seconds
        self.size = first
        """Of the next unit."""

    def took(self, count: int, seconds: float) -> None:
        """A unit of so many took so long."""
        fitting = int(count * self._seconds / max(seconds, SHORTEST))
        # A part of a unit says little of a whole one: what each costs by itself is most of it.
        if 2 * count < self.size and fitting >= count:
            return
        self.size = max(self._fewest, min(self._most, 2 * self.size, fitting))
