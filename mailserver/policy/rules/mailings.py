"""Which messages are mailings: one function for every door and path that sends to very many people."""

from collections.abc import Iterable

from mailserver.foundation.settings import Settings
from mailserver.model.identity import Population

MOST = 500_000
"""People of one mailing."""


def mark(settings: Settings, population: Population) -> int:
    """How many people make a message of this population a mailing; 0: no number does."""
    mailings = settings.mailings
    return {
        Population.PUPIL: mailings.pupils,
        Population.TEACHER: mailings.teachers,
        Population.STAFF: mailings.staff,
        Population.OUTSIDE: mailings.outside,
    }[population]


def is_mailing(settings: Settings, population: Population, people: int) -> bool:
    """Whether a message to so many people is one."""
    least = mark(settings, population)
    return bool(least) and people > least


def needs_approval(settings: Settings, people: int) -> bool:
    """Whether a mailing waits for a second person."""
    return people > settings.mailings.approval_above


def distinct(groups: Iterable[Iterable[int]]) -> set[int]:
    """Everybody, each once."""
    found: set[int] = set()
    for group in groups:
        found.update(group)
    return found
