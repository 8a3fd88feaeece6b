"""A script that was compiled."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from mailserver.filters.sieve.limits import Limits

ANYWHERE = "*"

Steps = tuple[Callable[[Any], None], ...]
"""Commands, ready to run on a machine."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """What a script that comes before others keeps for itself: what it did counts with theirs, but is no contradiction
    of it."""

    first: date | None = None
    """From this day on it alone answers, whomever it answers; None: whoever wants to."""
    last: date | None = None
    """Until the end of this day; None: for ever."""

    def answers_alone(self, day: date) -> bool:
        """Whether no other script answers on a day."""
        return self.first is not None and self.first <= day and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a `vacation` says, as it stands in the script."""

    text: str
    mime: bool = False
    """`text` is a MIME entity with its header."""


@dataclass(frozen=True, slots=True)
class Script:
    """Ready to run, any number of times, in any thread."""

    steps: Steps
    extensions: frozenset[str]
    """What it requires."""
    limits: Limits
    depth: int = 0
    """Levels of its blocks and tests, at most."""
    includes: tuple[tuple[str, str], ...] = ()
    """Location and name of the scripts that it includes by constant names, optional ones among them."""
    asks: frozenset[str] = frozenset()
    """Names of mailboxes and lists that it asks its host for, as far as they are constant."""
    targets: frozenset[str] = frozenset()
    """Addresses that it may redirect to; `ANYWHERE`: one that is made, or looked up in a list, when it runs."""
    answers: tuple[Answer, ...] = ()
    """What it answers by itself, each once, as far as it is constant."""
    regexes: int = 0
    """Regular expressions that are kept with it."""
    size: int = 0
    """Octets of its source."""
    needs: tuple[tuple[str, str], ...] = ()
    """Those of `includes` without which it fails."""
    ahead: Ahead | None = None
    """The scripts that it includes are others, which come after it; None: they are a part of it (RFC 6609)."""
