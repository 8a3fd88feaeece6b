"""What a modify makes of an entry's attributes: pure, and all or nothing (RFC 4511 section 4.6, RFC 4525)."""

from collections.abc import Hashable, Iterable, Mapping, Sequence

from directory.schema import schema
from directory.schema.schema import AttributeType
from directory.server.faults import Fault
from directory.server.wire.messages import Code
from directory.server.wire.updates import Edit, Modification

Values = dict[str, tuple[str, ...]]
"""Attribute name, as the schema spells it, to values."""

MAX_INTEGER = 2**63 - 1


class Draft:
    """Attributes as they grow. Each attribute that is touched is indexed once, however many changes it has."""

    def __init__(self, held: Mapping[str, Sequence[str]]) -> None:
        self._held: Values = {name: tuple(values) for name, values in held.items()}
        self._indexed: dict[str, dict[Hashable, str]] = {}

    def values(self) -> Values:
        """What the entry holds now; attributes without values are gone."""
        touched = {name: tuple(index.values()) for name, index in self._indexed.items()}
        return {name: values for name, values in {**self._held, **touched}.items() if values}

    def apply(self, change: Modification) -> None:
        """Carry out one modification. Raises Fault."""
        known = attribute_type(change.attribute)
        index = self._index(known)
        given = _indexed(known, texts(known, change.values))
        match change.edit:
            case Edit.ADD:
                self.add(known, given)
            case Edit.DELETE:
                _delete(known, index, given)
            case Edit.REPLACE:
                self._indexed[known.name] = given
            case Edit.INCREMENT:
                self._indexed[known.name] = _incremented(known, index, given)

    def add(self, known: AttributeType, given: Mapping[Hashable, str]) -> None:
        """Raises Fault(ATTRIBUTE_OR_VALUE_EXISTS)."""
        if not given:
            raise Fault(Code.PROTOCOL_ERROR, f"{known.name}: no values to add")
        index = self._index(known)
        if not index.keys().isdisjoint(given):
            raise Fault(Code.ATTRIBUTE_OR_VALUE_EXISTS, f"{known.name}: a value exists already")
        index.update(given)

    def _index(self, known: AttributeType) -> dict[Hashable, str]:
        found = self._indexed.get(known.name)
        if found is None:
            found = {_key(known, value): value for value in self._held.get(known.name, ())}
            self._indexed[known.name] = found
        return found


def applied(held: Mapping[str, Sequence[str]], changes: Iterable[Modification]) -> Values:
    """The attributes after every modification, in their order. Raises Fault."""
    draft = Draft(held)
    for change in changes:
        draft.apply(change)
    return draft.values()


def gathered(attributes: Iterable[tuple[str, Sequence[bytes]]]) -> Values:
    """The attributes of a new entry (RFC 4511 section 4.7). Raises Fault."""
    draft = Draft({})
    seen: set[str] = set()
    for description, values in attributes:
        known = attribute_type(description)
        if known.name in seen:
            raise Fault(Code.ATTRIBUTE_OR_VALUE_EXISTS, f"{known.name}: given twice")
        seen.add(known.name)
        draft.add(known, _indexed(known, texts(known, values)))
    return draft.values()


def attribute_type(description: str) -> AttributeType:
    """The type that a client may write under this name. Raises Fault."""
    known = schema.attribute(description)
    if known is None or ";" in description:
        raise Fault(Code.UNDEFINED_ATTRIBUTE_TYPE, f"{description[:100]}: attribute type undefined")
    if known.operational:
        raise Fault(Code.CONSTRAINT_VIOLATION, f"{known.name}: no user modification allowed")
    return known


def texts(known: AttributeType, values: Sequence[bytes]) -> list[str]:
    """Values as text. Raises Fault(INVALID_ATTRIBUTE_SYNTAX)."""
    found = [schema.as_text(value) for value in values]
    for number, text in enumerate(found):
        if not _has_syntax(known, text):
            raise Fault(Code.INVALID_ATTRIBUTE_SYNTAX, f"{known.name}: value #{number} invalid per syntax")
    return found


def _has_syntax(known: AttributeType, text: str) -> bool:
    if known.syntax in schema.BINARY:
        return bool(text)
    # Octets that are not UTF-8 came through as surrogates; no NUL is text for anybody.
    is_text = not any("\ud800" <= char <= "\udfff" or char == "\0" for char in text)
    return is_text and (known.rule is None or known.rule.read(text) is not None)


def _key(known: AttributeType, value: str) -> Hashable:
    """What two equal values share; a value kept from before that has no such form is equal to itself."""
    key = schema.comparable(known, value)
    return value if key is None else key


def _indexed(known: AttributeType, values: Sequence[str]) -> dict[Hashable, str]:
    """Values by what makes them equal. Raises Fault(ATTRIBUTE_OR_VALUE_EXISTS) when two are."""
    index = {_key(known, value): value for value in values}
    if len(index) != len(values):
        raise Fault(Code.ATTRIBUTE_OR_VALUE_EXISTS, f"{known.name}: a value is given twice")
    return index


def _delete(known: AttributeType, index: dict[Hashable, str], given: Mapping[Hashable, str]) -> None:
    if not index:
        raise Fault(Code.NO_SUCH_ATTRIBUTE, f"{known.name}: no such attribute")
    if not given:
        index.clear()
    for key in given:
        if key not in index:
            raise Fault(Code.NO_SUCH_ATTRIBUTE, f"{known.name}: no such value")
        del index[key]


def _incremented(
    known: AttributeType, index: Mapping[Hashable, str], given: Mapping[Hashable, str]
) -> dict[Hashable, str]:
    """RFC 4525: every value of an integer attribute grows by the one that is given."""
    if known.syntax != schema.INTEGER:
        raise Fault(Code.CONSTRAINT_VIOLATION, f"{known.name}: not an integer, cannot be incremented")
    if len(given) != 1:
        raise Fault(Code.PROTOCOL_ERROR, f"{known.name}: an increment has one value")
    if not index:
        raise Fault(Code.NO_SUCH_ATTRIBUTE, f"{known.name}: no such attribute")
    step = int(next(iter(given.values())))
    sums = [int(value) + step for value in index.values()]
    if any(abs(value) > MAX_INTEGER for value in sums):
        raise Fault(Code.CONSTRAINT_VIOLATION, f"{known.name}: out of range")
    return {value: str(value) for value in sums}
