"""Regular expressions (draft-ietf-sieve-regex): POSIX extended ones, the leftmost and longest match, by RE2, whose time
is linear in the text whatever the expression. Back references are no part of them."""

from functools import cache

import re2  # type: ignore[import-untyped]

from mailserver.sieve.matching.comparators import Comparator


class BadExpression(Exception):
    """RE2 refuses an expression; its text says why, in English."""


class Expression:
    """A compiled one."""

    __slots__ = ("_compiled",)

    def __init__(self, text: str, comparator: Comparator, memory: int) -> None:
        try:
            self._compiled = re2.compile(text, _options(comparator.caseless, memory))
        except (re2.error, UnicodeEncodeError) as error:
            raise BadExpression(_why(error)) from None

    def search(self, value: str) -> tuple[str, ...] | None:
        """The match and its groups, empty where one has no part in it; None when there is no match."""
        found = self._compiled.search(value)
        if found is None:
            return None
        return (found.group(), *[group or "" for group in found.groups()])


@cache
def _options(caseless: bool, memory: int) -> re2.Options:
    options = re2.Options()
    options.posix_syntax = True
    options.longest_match = True
    options.perl_classes = True
    options.word_boundary = True
    options.dot_nl = True
    options.log_errors = False
    options.case_sensitive = not caseless
    options.max_mem = memory
    return options


def _why(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(error)


_SPECIAL = {ord(one): f"\\{one}" for one in "\\.[](){}*+?^$|"}


def quote(text: str) -> str:
    """A text as an expression that only matches it (draft-ietf-sieve-regex section 4)."""
    return text.translate(_SPECIAL)
