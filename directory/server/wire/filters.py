"""Search filters as frozen values, read from the wire (RFC 4511 section 4.5.1.7).

Nesting and the number of items are bounded while reading, so that no filter can exhaust the stack or
buy an unbounded amount of work for each entry.
"""

from dataclasses import dataclass

from directory.server.wire import ber
from mailserver.model.errors import BadSyntax

MAX_DEPTH = 16
"""Nested AND, OR and NOT. Address books use three or four."""
MAX_ITEMS = 256
"""Nodes of one filter, pieces of substrings included: the work that each entry may cost."""


@dataclass(frozen=True, slots=True)
class And:
    items: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Or:
    items: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Not:
    item: "Filter"


@dataclass(frozen=True, slots=True)
class Equality:
    attribute: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Substrings:
    """`initial*any*any*final`; initial and final are empty when absent."""

    attribute: str
    initial: bytes
    any: tuple[bytes, ...]
    final: bytes


@dataclass(frozen=True, slots=True)
class GreaterOrEqual:
    attribute: str
    value: bytes


@dataclass(frozen=True, slots=True)
class LessOrEqual:
    attribute: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Present:
    attribute: str


@dataclass(frozen=True, slots=True)
class Approximate:
    attribute: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Extensible:
    """`attribute:dn:rule:=value`; an empty attribute means every attribute the rule applies to."""

    rule: str
    attribute: str
    value: bytes
    dn_attributes: bool


Filter = And | Or | Not | Equality | Substrings | GreaterOrEqual | LessOrEqual | Present | Approximate | Extensible

_AND, _OR, _NOT = 0xA0, 0xA1, 0xA2
_SUBSTRINGS, _PRESENT, _EXTENSIBLE = 0xA4, 0x87, 0xA9
_INITIAL, _ANY, _FINAL = 0x80, 0x81, 0x82
_ASSERTIONS: dict[int, type[Equality | GreaterOrEqual | LessOrEqual | Approximate]] = {
    0xA3: Equality,
    0xA5: GreaterOrEqual,
    0xA6: LessOrEqual,
    0xA8: Approximate,
}


def read(reader: ber.Reader) -> Filter:
    """Read the filter that comes next. Raises BadSyntax."""
    return _Parser().filter(reader, 0)


class _Parser:
    """Counts the items of one filter while it is read."""

    def __init__(self) -> None:
        self._items = 0

    def _count(self) -> None:
        self._items += 1
        if self._items > MAX_ITEMS:
            raise BadSyntax(f"filter of more than {MAX_ITEMS} items")

    def filter(self, reader: ber.Reader, depth: int) -> Filter:
        self._count()
        if depth > MAX_DEPTH:
            raise BadSyntax(f"filter nested more than {MAX_DEPTH} deep")
        tag = reader.tag()
        if tag == _PRESENT:
            return Present(reader.text(_PRESENT))
        tag, inside = reader.enter()
        if tag in (_AND, _OR):
            items: list[Filter] = []
            while inside:
                items.append(self.filter(inside, depth + 1))
            return And(tuple(items)) if tag == _AND else Or(tuple(items))
        if tag == _NOT:
            negated = Not(self.filter(inside, depth + 1))
            inside.finish()
            return negated
        if tag in _ASSERTIONS:
            assertion = _ASSERTIONS[tag](inside.text(), inside.octets())
            inside.finish()
            return assertion
        if tag == _SUBSTRINGS:
            return self._substrings(inside)
        if tag == _EXTENSIBLE:
            return _extensible(inside)
        raise BadSyntax("unknown kind of filter")

    def _substrings(self, inside: ber.Reader) -> Substrings:
        attribute = inside.text()
        pieces = inside.inside()
        inside.finish()
        initial, middle, final = b"", [], b""
        first = True
        while pieces:
            self._count()
            tag, value = pieces.element()
            if not value:
                raise BadSyntax("empty piece of a substring filter")
            if final or (tag == _INITIAL and not first):
                raise BadSyntax("pieces of a substring filter out of order")
            if tag == _INITIAL:
                initial = value
            elif tag == _ANY:
                middle.append(value)
            elif tag == _FINAL:
                final = value
            else:
                raise BadSyntax("unknown piece of a substring filter")
            first = False
        if first:
            raise BadSyntax("substring filter without pieces")
        return Substrings(attribute, initial, tuple(middle), final)


def _extensible(inside: ber.Reader) -> Extensible:
    rule = inside.text(0x81) if inside.tag() == 0x81 else ""
    attribute = inside.text(0x82) if inside.tag() == 0x82 else ""
    value = inside.octets(0x83)
    dn_attributes = inside.boolean(0x84) if inside.tag() == 0x84 else False
    inside.finish()
    if not rule and not attribute:
        raise BadSyntax("extensible filter with neither rule nor attribute")
    return Extensible(rule, attribute, value, dn_attributes)
