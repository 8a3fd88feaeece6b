"""What a fault is: one snippet of the code and what stands in its place."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


class Lost(Exception):
    """The snippet of a fault does not stand in the code exactly once: the fault says nothing any more."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault by its name; `why` says what goes wrong with it."""

    name: str
    why: str
    file: str
    """From the root of the checkout."""
    old: str
    new: str
    tests: Sequence[str]
    """What is to catch it: files of tests, or single tests as pytest names them."""

    def applied(self, source: str) -> str:
        """The file with the fault in it. Raises Lost."""
        count = source.count(self.old)
        if count != 1:
            raise Lost(f"{self.name}: its snippet stands {count} times in {self.file}")
        return source.replace(self.old, self.new)
