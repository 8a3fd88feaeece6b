"""Does an entry match a filter? Three answers: true, false, and undefined (RFC 4511 section 4.5.1.7).

A filter is compiled once for a search: attribute types are looked up and assertion values prepared
(RFC 4518) before the first entry is seen. Only the attributes that the viewer may read take part, so a
filter cannot be used to guess at the others.
"""

import unicodedata
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Protocol

from directory.schema import names, schema
from directory.schema.schema import AttributeType, Rule
from directory.server.wire import filters
from directory.server.wire.filters import Filter
from mailserver.model.unicode import normalize

Truth = bool | None
"""None: undefined."""


class Readable(Protocol):
    """An entry as its viewer may see it."""

    @property
    def dn(self) -> str:
        """Its distinguished name."""

    def values(self, attribute: str) -> Sequence[str]:
        """Values of an attribute by its principal name; empty when absent or hidden."""


Matcher = Callable[[Readable], Truth]


def compile_filter(wanted: Filter) -> Matcher:
    """The filter as a function of one entry."""
    match wanted:
        case filters.And(items):
            return _all([compile_filter(item) for item in items])
        case filters.Or(items):
            return _any([compile_filter(item) for item in items])
        case filters.Not(item):
            return _not(compile_filter(item))
        case filters.Present(description):
            return _present(description)
        case filters.Equality(description, value):
            return _equality(description, value)
        case filters.Approximate(description, value):
            return _approximate(description, value)
        case filters.GreaterOrEqual(description, value):
            return _ordering(description, value, 1)
        case filters.LessOrEqual(description, value):
            return _ordering(description, value, -1)
        case filters.Substrings():
            return _substrings(wanted)
        case filters.Extensible():
            return _extensible(wanted)


def always(entry: Readable) -> Truth:
    """True of everything: `(objectClass=*)`, and whoever looks at many need not ask."""
    return True


def _undefined(entry: Readable) -> Truth:
    return None


def _false(entry: Readable) -> Truth:
    return False


def _all(matchers: list[Matcher]) -> Matcher:
    """No items: true (RFC 4526)."""

    def matches(entry: Readable) -> Truth:
        result: Truth = True
        for matcher in matchers:
            truth = matcher(entry)
            if truth is False:
                return False
            if truth is None:
                result = None
        return result

    return matches


def _any(matchers: list[Matcher]) -> Matcher:
    """No items: false (RFC 4526)."""

    def matches(entry: Readable) -> Truth:
        result: Truth = False
        for matcher in matchers:
            truth = matcher(entry)
            if truth:
                return True
            if truth is None:
                result = None
        return result

    return matches


def _not(matcher: Matcher) -> Matcher:
    def matches(entry: Readable) -> Truth:
        truth = matcher(entry)
        return None if truth is None else not truth

    return matches


def decode(value: bytes) -> str | None:
    """An assertion value as text, or None: all our syntaxes are text."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _known(description: str) -> tuple[AttributeType | None, bool]:
    """The attribute type of a description, and whether it has options (no entry of ours has any)."""
    return schema.attribute(description), ";" in description


def _present(description: str) -> Matcher:
    known, options = _known(description)
    if known is None:
        return _undefined
    if options:
        return _false
    if known.name == "objectClass":
        return always
    members = [kind.name for kind in schema.kinds(known)]
    return lambda entry: any(entry.values(member) for member in members)


def _equality(description: str, value: bytes) -> Matcher:
    known, options = _known(description)
    text = decode(value)
    if known is None or known.rule is None or text is None:
        return _undefined
    return _equal_under(known, known.rule, text, options)


def _equal_under(known: AttributeType, rule: Rule, text: str, options: bool) -> Matcher:
    wanted = rule.read(text)
    if wanted is None:
        return _undefined
    if options:
        return _false
    read = rule.read
    members = [kind.name for kind in schema.kinds(known)]

    return _one_holds(members, lambda value: read(value) == wanted)


def _plain(text: str) -> str:
    """Folded, and without accents: what an approximate match of a French name should not stumble on."""
    decomposed = normalize("NFD", names.fold(text))
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _approximate(description: str, value: bytes) -> Matcher:
    """Equality that forgets accents for names; plain equality for anything else (RFC 4511: ours to choose)."""
    known, options = _known(description)
    text = decode(value)
    if known is None or text is None or known.rule is not schema.CASE_IGNORE:
        return _equality(description, value)
    if options:
        return _false
    wanted = _plain(text)
    members = [kind.name for kind in schema.kinds(known)]
    return lambda entry: any(_plain(value) == wanted for member in members for value in entry.values(member))


def _ordering(description: str, value: bytes, sign: int) -> Matcher:
    known, options = _known(description)
    text = decode(value)
    if known is None or known.rule is None or not known.ordering or text is None:
        return _undefined
    read = known.rule.read
    bound = read(text)
    if bound is None:
        return _undefined
    if options:
        return _false
    name = known.name

    def matches(entry: Readable) -> Truth:
        for value in entry.values(name):
            found = read(value)
            # The values of one attribute share a type, which the type checker cannot see.
            if found is not None and (found >= bound if sign > 0 else found <= bound):  # type: ignore[operator]
                return True
        return False

    return matches


def _substrings(wanted: filters.Substrings) -> Matcher:
    known, options = _known(wanted.attribute)
    if known is None or known.rule is None or not known.substrings:
        return _undefined
    pieces = [decode(piece) for piece in (wanted.initial, *wanted.any, wanted.final)]
    prepared = [_piece(known.rule, piece) for piece in pieces if piece is not None]
    if len(prepared) != len(pieces) or any(piece is None for piece in prepared):
        return _undefined
    initial, *middle, final = [piece or "" for piece in prepared]
    initial, final = initial.lstrip(" "), final.rstrip(" ")
    if options:
        return _false
    read = known.rule.read
    members = [kind.name for kind in schema.kinds(known)]

    if initial or final or len(middle) != 1:
        return _one_holds(members, lambda value: contains(str(read(value)), initial, middle, final))
    piece = middle[0]
    return _one_holds(members, lambda value: piece in str(read(value)))


def _one_holds(members: Sequence[str], holds: Callable[[str], bool]) -> Matcher:
    """True where one of the values of some attributes passes a test."""

    def matches(entry: Readable) -> Truth:
        for member in members:
            for value in entry.values(member):
                if holds(value):
                    return True
        return False

    return matches


def _piece(rule: Rule, text: str) -> str | None:
    """One piece prepared, with the spaces at its ends kept (RFC 4518 section 2.6.1)."""
    if rule is schema.CASE_IGNORE_IA5 and not text.isascii():
        return None
    if rule is schema.TELEPHONE_MATCH:
        return "" if not text else _telephone_piece(text)
    return names.prepare(text, fold_case=rule is not schema.CASE_EXACT)


def _telephone_piece(text: str) -> str | None:
    """Spaces and hyphens alone are in no number, for numbers are compared without them."""
    found = schema.TELEPHONE_MATCH.read(text)
    return None if found is None else str(found) or "\0"


def contains(text: str, initial: str, middle: Sequence[str], final: str) -> bool:
    """True when the pieces occur in this order without overlapping."""
    if not text.startswith(initial) or not text.endswith(final):
        return False
    at, end = len(initial), len(text) - len(final)
    for piece in middle:
        found = text.find(piece, at, end) if at <= end else -1
        if found < 0:
            return False
        at = found + len(piece)
    return at <= end


def _extensible(wanted: filters.Extensible) -> Matcher:
    """`attr:dn:rule:=value` (RFC 4511 section 4.5.1.7.7)."""
    text = decode(wanted.value)
    rule = schema.RULE_BY_NAME.get(wanted.rule.lower()) if wanted.rule else None
    known, options = _known(wanted.attribute) if wanted.attribute else (None, False)
    if text is None or (wanted.rule and rule is None) or (wanted.attribute and known is None):
        return _undefined
    if known is not None:
        applied = rule or known.rule
        # A rule applies to values of its own syntax only (RFC 4517 section 4.1).
        if applied is None or not _applies(applied, known):
            return _undefined
        in_entry = _equal_under(known, applied, text, options)
    else:
        assert rule is not None
        applied = rule
        in_entry = _any_attribute(rule, text)
    if not wanted.dn_attributes or in_entry is _undefined:
        return in_entry
    return _any([in_entry, _in_dn(known, applied, text)])


def _applies(rule: Rule, known: AttributeType) -> bool:
    strings = (schema.STRING, schema.IA5)
    return rule.syntax == known.syntax or (rule.syntax in strings and known.syntax in strings)


def _any_attribute(rule: Rule, text: str) -> Matcher:
    wanted = rule.read(text)
    if wanted is None:
        return _undefined
    members = [known.name for known in schema.ATTRIBUTES if _applies(rule, known) and known.rule is not None]

    def matches(entry: Readable) -> Truth:
        return any(rule.read(value) == wanted for member in members for value in entry.values(member))

    return matches


def _in_dn(known: AttributeType | None, rule: Rule, text: str) -> Matcher:
    wanted: Hashable = rule.read(text)
    members = None if known is None else {kind.name.lower() for kind in schema.kinds(known)}

    def values(entry: Readable) -> Iterator[str]:
        for relative in names.parse(entry.dn):
            for kind, value in relative:
                if members is None or kind in members:
                    yield value

    return lambda entry: any(rule.read(value) == wanted for value in values(entry))
