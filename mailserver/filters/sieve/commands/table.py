"""Every command, test and extension there is."""

from types import ModuleType

from mailserver.filters.sieve.commands import (
    actions,
    body,
    control,
    dates,
    duplicate,
    editheader,
    environment,
    fcc,
    flags,
    include,
    logic,
    mailboxes,
    message_tests,
    mime,
    notify,
    rewriting,
    vacation,
    variables,
)
from mailserver.filters.sieve.compiling.specification import Action, TestOf
from mailserver.filters.sieve.matching.comparators import COMPARATORS

_FAMILIES: tuple[ModuleType, ...] = (
    actions, body, control, dates, duplicate, editheader, environment, fcc, flags, include, logic, mailboxes,
    message_tests, mime, notify, rewriting, vacation, variables,
)  # fmt: skip

ACTIONS: dict[str, Action] = {one.name: one for family in _FAMILIES for one in getattr(family, "ACTIONS", ())}
TESTS: dict[str, TestOf] = {one.name: one for family in _FAMILIES for one in getattr(family, "TESTS", ())}
EXTENSIONS: tuple[str, ...] = tuple(
    sorted(
        [
            *[name for family in _FAMILIES for name in getattr(family, "EXTENSIONS", ())],
            *[f"comparator-{name}" for name in COMPARATORS],
        ]
    )
)
"""What may be required, as ManageSieve announces it."""
