"""The If header: what a request says of the state of resources (RFC 4918 section 10.4, RFC 6578 section 5). Pure.

There are no locks, so no token of one is ever held; tokens that are known are those of the sync of a collection.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from mailserver.model.errors import BadSyntax

MAX_LENGTH = 8192
MAX_CONDITIONS = 100

_PIECE: Final = re.compile(r"""\s*(?:<([^<>\s]+)>|\[\s*((?:W/)?"[^"]*")\s*\]|(\()|(\))|([Nn][Oo][Tt])\b)\s*""")


@dataclass(frozen=True, slots=True)
class Condition:
    """An entity tag or a token that a resource has, or has not."""

    value: str
    is_tag: bool
    negated: bool


@dataclass(frozen=True, slots=True)
class Conditions:
    """Those of one list: all must hold."""

    resource: str
    """The address it is about; empty: the one of the request."""
    conditions: tuple[Condition, ...]


State = tuple[str, frozenset[str]]
"""The entity tag of a resource, empty when it is not there, and its tokens."""


def parse(header: str) -> list[Conditions]:
    """The lists of a header, of which one must hold. Raises BadSyntax."""
    if len(header) > MAX_LENGTH:
        raise BadSyntax("The If header is too long")
    found: list[Conditions] = []
    pieces = _pieces(header)
    resource, tagged = "", None
    counted = 0
    for address, _, opening, *_ in pieces:
        if address:
            if tagged is False or (tagged and found and found[-1].resource != resource):
                raise BadSyntax("An If header with and without addresses")
            resource, tagged = address, True
        elif opening:
            tagged = bool(tagged)
            conditions = tuple(_list(pieces))
            counted += len(conditions)
            if not conditions or counted > MAX_CONDITIONS:
                raise BadSyntax("An If header with an empty list, or too many conditions")
            found.append(Conditions(resource, conditions))
        else:
            raise BadSyntax("An If header that makes no sense")
    if not found or (resource and found[-1].resource != resource):
        raise BadSyntax("An If header without conditions")
    return found


def holds(lists: list[Conditions], state: Callable[[str], State]) -> bool:
    """Whether one of the lists holds; `state` knows resources by their address."""
    return any(all(_holds(one, *state(conditions.resource)) for one in conditions.conditions) for conditions in lists)


def _holds(condition: Condition, tag: str, tokens: frozenset[str]) -> bool:
    # A weak tag never holds: who changes something must have seen its octets.
    return (condition.value == tag if condition.is_tag else condition.value in tokens) != condition.negated


_Piece = tuple[str, str, str, str, str]


def _pieces(header: str) -> Iterator[_Piece]:
    at = 0
    while at < len(header):
        match = _PIECE.match(header, at)
        if match is None:
            raise BadSyntax("An If header that makes no sense")
        yield match[1] or "", match[2] or "", match[3] or "", match[4] or "", match[5] or ""
        at = match.end()


def _list(pieces: Iterator[_Piece]) -> Iterator[Condition]:
    negated = False
    for token, tag, opening, closing, negation in pieces:
        if closing and not negated:
            return
        if opening or closing or (negation and negated):
            break
        if negation:
            negated = True
        else:
            yield Condition(tag or token, bool(tag), negated)
            negated = False
    raise BadSyntax("A list of an If header that does not end")
