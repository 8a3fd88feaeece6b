"""Attributes of entries as octets (RFC 4511 section 4.1.7). Pure."""

import functools
from collections.abc import Iterable, Sequence

from directory.server.wire import ber


def attribute_rows(attributes: Iterable[tuple[str, Sequence[str]]]) -> bytes:
    """PartialAttributes, one after another (RFC 4511 section 4.1.7)."""
    return b"".join(
        [
            common_row(name, tuple(values)) if name in COMMON else attribute_row(name, values)
            for name, values in attributes
        ]
    )


COMMON = frozenset(
    {
        *("objectClass", "employeeType", "acadUAI", "acadDiscipline", "acadState", "o", "acadClass", "acadGroup"),
        *("acadFunction", "acadDisciplineCode", "acadPost", "eduPersonAffiliation", "eduPersonPrimaryAffiliation"),
        *("eduPersonScopedAffiliation", "supannCivilite", "supannListeRouge", "supannEtablissement"),
        *("supannEntiteAffectation", "supannEntiteAffectationPrincipale", "givenName"),
        *("structuralObjectClass", "hasSubordinates", "subschemaSubentry", "createTimestamp", "modifyTimestamp"),
    }
)
"""Attributes of which thousands of entries have the same few values: encoded once."""


@functools.lru_cache(maxsize=1024)
def _type(name: str) -> bytes:
    return ber.short_text(name)


_ROW, _SET, _OCTETS = ([bytes((tag, length)) for length in range(128)] for tag in (ber.SEQUENCE, ber.SET, ber.OCTETS))


@functools.lru_cache(maxsize=1024)
def heads(name: str) -> tuple[bytes, ...]:
    """What comes before the one value of an attribute, by the octets of the value; longer ones are not here."""
    kind = _type(name)
    sizes = range(max(0, 128 - len(kind) - 4))
    return tuple([b"".join((_ROW[len(kind) + size + 4], kind, _SET[size + 2], _OCTETS[size])) for size in sizes])


def attribute_row(name: str, values: Sequence[str]) -> bytes:
    """A PartialAttribute: its type and the set of its values."""
    if len(values) == 1:
        table, value = heads(name), values[0].encode("utf-8", "surrogateescape")
        if len(value) < len(table):
            # The commonest row by far, without a function call for every element.
            return table[len(value)] + value
    kind, octets = _type(name), [value.encode("utf-8", "surrogateescape") for value in values]
    size = sum(map(len, octets)) + 2 * len(octets)
    if size + len(kind) + 2 < 128:
        parts = [_ROW[size + len(kind) + 2], kind, _SET[size]]
        for value in octets:
            parts += (_OCTETS[len(value)], value)
        return b"".join(parts)
    return ber.sequence((kind, ber.sequence(map(ber.octets, octets), ber.SET)))


@functools.lru_cache(maxsize=32_768)
def common_row(name: str, values: tuple[str, ...]) -> bytes:
    """The same, remembered."""
    return attribute_row(name, values)
