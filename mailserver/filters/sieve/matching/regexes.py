"""Regular expressions (draft-ietf-sieve-regex): POSIX extended ones, the leftmost and longest match, by RE2, whose time
is linear in the text whatever the expression. Back references are no part of them.

Linear still means the text times the size of the expression where RE2's automaton outgrows its memory, and several
times that where groups are wanted: so every search has a price before it is made.
"""

from functools import cache

import re2  # type: ignore[import-untyped]

from mailserver.filters.sieve.matching.comparators import Comparator

MAX_GROUPS = 31
"""Groups of one expression: as many as there are match variables."""

MAX_SIZE = 5_000
"""Instructions of RE2 that one expression may become: `.{0,500}` is 4,000."""


class BadExpression(Exception):
    """RE2 refuses an expression; its text says why, in English."""


class Expression:
    """A compiled one."""

    __slots__ = ("_capturing", "_plain", "_size")

    def __init__(self, text: str, comparator: Comparator, memory: int) -> None:
        try:
            self._plain = re2.compile(text, _options(comparator.caseless, memory, False))
            self._capturing = re2.compile(text, _options(comparator.caseless, memory, True))
        except (re2.error, UnicodeEncodeError) as error:
            raise BadExpression(_why(error)) from None
        self._size: int = self._capturing.programsize
        if self._capturing.groups > MAX_GROUPS or self._size > MAX_SIZE:
            raise BadExpression("too large")

    def cost(self, value: str) -> int:
        """What a search costs at most, in millionths of a second."""
        return 2 + len(value) * self._size // 500

    def matches(self, value: str) -> bool:
        """Whether it stands somewhere in the value."""
        return self._plain.search(value) is not None

    def capture(self, value: str) -> tuple[str, ...]:
        """The match and its groups, empty where one has no part in it. It costs four times as much."""
        found = self._capturing.search(value)
        return () if found is None else (found.group(), *[group or "" for group in found.groups()])


@cache
def _options(caseless: bool, memory: int, captures: bool) -> re2.Options:
    options = re2.Options()
    options.posix_syntax = True
    options.longest_match = True
    options.perl_classes = True
    options.word_boundary = True
    options.dot_nl = True
    options.log_errors = False
    options.case_sensitive = not caseless
    options.max_mem = memory
    options.never_capture = not captures
    return options


def _why(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(error)


_SPECIAL = {ord(one): f"\\{one}" for one in "\\.[](){}*+?^$|"}


def quote(text: str) -> str:
    """A text as an expression that only matches it (draft-ietf-sieve-regex section 4)."""
    return text.translate(_SPECIAL)
