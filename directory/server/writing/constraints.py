"""Does an entry obey the schema? Object classes, required and allowed attributes, names (RFC 4512 section 2)."""

from collections.abc import Mapping, Sequence

from directory.schema import names, schema
from directory.schema.schema import ObjectClass
from directory.server.faults import Fault
from directory.server.wire.messages import Code
from directory.server.writing.modifying import Draft, Values, attribute_type, texts

Attributes = Mapping[str, Sequence[str]]

_CLASSES = {spelling.lower(): known for known in schema.CLASSES for spelling in (known.oid, known.name)}


def object_classes(attributes: Attributes) -> dict[str, ObjectClass]:
    """Every class of an entry, superclasses included, by name. Raises Fault."""
    found: dict[str, ObjectClass] = {}
    for number, value in enumerate(attributes.get("objectClass", ())):
        known = _CLASSES.get(value.strip().lower())
        if known is None:
            raise Fault(Code.INVALID_ATTRIBUTE_SYNTAX, f"objectClass: value #{number} invalid per syntax")
        while known is not None:
            found[known.name] = known
            known = _CLASSES.get(known.superior.lower()) if known.superior else None
    return found


def structural_class(classes: Mapping[str, ObjectClass]) -> str:
    """The one structural class that the others lead up to (RFC 4512 section 2.4.2). Raises Fault."""
    structural = {name: known for name, known in classes.items() if known.kind == "STRUCTURAL"}
    superiors = {known.superior for known in structural.values()}
    lowest = [name for name in structural if name not in superiors]
    if not lowest:
        raise Fault(Code.OBJECT_CLASS_VIOLATION, "no structural object class provided")
    if len(lowest) > 1:
        raise Fault(Code.OBJECT_CLASS_VIOLATION, f"invalid structural object class chain ({'/'.join(lowest)})")
    return lowest[0]


def check(attributes: Attributes) -> None:
    """Raises Fault when the entry breaks the schema."""
    if not attributes.get("objectClass"):
        raise Fault(Code.OBJECT_CLASS_VIOLATION, "no objectClass attribute")
    classes = object_classes(attributes)
    structural_class(classes)
    for known in classes.values():
        missing = next((name for name in known.must if not attributes.get(_name(name))), None)
        if missing is not None:
            raise Fault(Code.OBJECT_CLASS_VIOLATION, f"object class '{known.name}' requires attribute '{missing}'")
    allowed = {_name(name) for known in classes.values() for name in (*known.must, *known.may)}
    for name, values in attributes.items():
        kind = schema.BY_NAME[name.lower()]
        if kind.single and len(values) > 1:
            raise Fault(Code.CONSTRAINT_VIOLATION, f"{name}: multiple values provided")
        if name not in allowed and not kind.operational:
            raise Fault(Code.OBJECT_CLASS_VIOLATION, f"attribute '{name}' not allowed")


def check_naming(rdn: Sequence[names.Ava], attributes: Attributes) -> None:
    """The values that name an entry are among its attributes. Raises Fault(NOT_ALLOWED_ON_RDN)."""
    for kind, value in rdn:
        known = schema.attribute(kind)
        if known is None or _key(known, value) not in {_key(known, held) for held in attributes.get(known.name, ())}:
            raise Fault(Code.NOT_ALLOWED_ON_RDN, f"{kind}: this value names the entry")


def with_naming(rdn: Sequence[names.Ava], attributes: Attributes) -> Values:
    """The attributes with those that the relative name says, as RFC 4511 section 4.7 allows. Raises Fault."""
    draft = Draft(attributes)
    held = draft.values()
    for kind, value in rdn:
        known = attribute_type(kind)
        (text,) = texts(known, [value.encode("utf-8", "surrogatepass")])
        if _key(known, text) not in {_key(known, value) for value in held.get(known.name, ())}:
            draft.add(known, {_key(known, text): text})
    return draft.values()


def without(rdn: Sequence[names.Ava], attributes: Attributes) -> Values:
    """The attributes without the values of a relative name (deleteoldrdn)."""
    left = {name: tuple(values) for name, values in attributes.items()}
    for kind, value in rdn:
        known = schema.attribute(kind)
        if known is None:
            continue
        gone = _key(known, value)
        left[known.name] = tuple(value for value in left.get(known.name, ()) if _key(known, value) != gone)
    return {name: values for name, values in left.items() if values}


def _name(spelling: str) -> str:
    """The principal name of an attribute type that a class mentions."""
    return schema.BY_NAME[spelling.lower()].name


def _key(known: schema.AttributeType, value: str) -> object:
    key = schema.comparable(known, value)
    return value if key is None else key
