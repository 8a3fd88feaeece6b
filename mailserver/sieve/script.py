"""A script that was compiled."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mailserver.sieve.limits import Limits

ANYWHERE = "*"

Steps = tuple[Callable[[Any], None], ...]
"""Commands, ready to run on a machine."""


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
    """Addresses and lists that it may redirect to; `ANYWHERE`: one that is made when it runs."""
    regexes: int = 0
    """Regular expressions that are kept with it."""
    size: int = 0
    """Octets of its source."""
