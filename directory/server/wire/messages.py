"""LDAP messages as frozen values: requests from the wire, responses to it (RFC 4511 section 4)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from directory.server.wire import ber, filters, updates
from directory.server.wire.partial import attribute_rows
from directory.server.wire.updates import Add, Delete, Modify, Rename
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import BadSyntax

MAX_ID = 2**31 - 1
MAX_CONTROLS = 16
MAX_ATTRIBUTES = 256
"""Attribute names in one search request."""

NOTICE_OF_DISCONNECTION = "1.3.6.1.4.1.1466.20036"
START_TLS = "1.3.6.1.4.1.1466.20037"
WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"
PASSWORD_MODIFY = "1.3.6.1.4.1.4203.1.11.1"  # noqa: S105 - an object identifier
PAGED_RESULTS = "1.2.840.113556.1.4.319"


class Code(IntEnum):
    """Result codes that we answer (RFC 4511 appendix A, RFC 4528)."""

    SUCCESS = 0
    OPERATIONS_ERROR = 1
    PROTOCOL_ERROR = 2
    TIME_LIMIT_EXCEEDED = 3
    SIZE_LIMIT_EXCEEDED = 4
    COMPARE_FALSE = 5
    COMPARE_TRUE = 6
    AUTH_METHOD_NOT_SUPPORTED = 7
    ADMIN_LIMIT_EXCEEDED = 11
    UNAVAILABLE_CRITICAL_EXTENSION = 12
    CONFIDENTIALITY_REQUIRED = 13
    NO_SUCH_ATTRIBUTE = 16
    UNDEFINED_ATTRIBUTE_TYPE = 17
    INAPPROPRIATE_MATCHING = 18
    CONSTRAINT_VIOLATION = 19
    ATTRIBUTE_OR_VALUE_EXISTS = 20
    INVALID_ATTRIBUTE_SYNTAX = 21
    NO_SUCH_OBJECT = 32
    INVALID_DN_SYNTAX = 34
    INVALID_CREDENTIALS = 49
    INSUFFICIENT_ACCESS_RIGHTS = 50
    BUSY = 51
    UNAVAILABLE = 52
    UNWILLING_TO_PERFORM = 53
    NAMING_VIOLATION = 64
    OBJECT_CLASS_VIOLATION = 65
    NOT_ALLOWED_ON_NON_LEAF = 66
    NOT_ALLOWED_ON_RDN = 67
    ENTRY_ALREADY_EXISTS = 68
    OBJECT_CLASS_MODS_PROHIBITED = 69
    OTHER = 80
    ASSERTION_FAILED = 122


class Tag(IntEnum):
    """Identifier octets of the protocol operations."""

    BIND = 0x60
    BIND_RESPONSE = 0x61
    UNBIND = 0x42
    SEARCH = 0x63
    SEARCH_ENTRY = 0x64
    SEARCH_DONE = 0x65
    MODIFY = 0x66
    MODIFY_RESPONSE = 0x67
    ADD = 0x68
    ADD_RESPONSE = 0x69
    DELETE = 0x4A
    DELETE_RESPONSE = 0x6B
    MODIFY_DN = 0x6C
    MODIFY_DN_RESPONSE = 0x6D
    COMPARE = 0x6E
    COMPARE_RESPONSE = 0x6F
    ABANDON = 0x50
    EXTENDED = 0x77
    EXTENDED_RESPONSE = 0x78


RESPONSES = {
    Tag.BIND: Tag.BIND_RESPONSE,
    Tag.SEARCH: Tag.SEARCH_DONE,
    Tag.MODIFY: Tag.MODIFY_RESPONSE,
    Tag.ADD: Tag.ADD_RESPONSE,
    Tag.DELETE: Tag.DELETE_RESPONSE,
    Tag.MODIFY_DN: Tag.MODIFY_DN_RESPONSE,
    Tag.COMPARE: Tag.COMPARE_RESPONSE,
    Tag.EXTENDED: Tag.EXTENDED_RESPONSE,
}
"""The response that ends each operation; UNBIND and ABANDON have none."""


class Scope(IntEnum):
    BASE = 0
    ONE = 1
    SUBTREE = 2


@dataclass(frozen=True, slots=True)
class Control:
    type: str
    critical: bool
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Bind:
    """`secret` is None for anything but a simple bind; `mechanism` then names the SASL mechanism."""

    version: int
    name: str
    secret: Secret | None
    mechanism: str


@dataclass(frozen=True, slots=True)
class Unbind:
    pass


@dataclass(frozen=True, slots=True)
class Search:
    base: str
    scope: Scope
    size_limit: int
    time_limit: int
    types_only: bool
    filter: filters.Filter
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    entry: str
    attribute: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Abandon:
    message_id: int


@dataclass(frozen=True, slots=True)
class Extended:
    name: str
    value: bytes | None


Operation = Bind | Unbind | Search | Compare | Abandon | Extended | updates.Update


@dataclass(frozen=True, slots=True)
class Request:
    id: int
    tag: Tag
    operation: Operation
    controls: tuple[Control, ...] = ()


class Malformed(Exception):
    """The envelope is sound but the operation in it is not: it gets protocolError, and life goes on."""

    def __init__(self, message_id: int, tag: Tag, text: str) -> None:
        super().__init__(text)
        self.message_id = message_id
        self.tag = tag
        self.text = text


def decode(octets: bytes) -> Request:
    """Read one LDAPMessage.

    Raises Malformed when only the operation is wrong, BadSyntax when the session must end
    (RFC 4511 section 4.1.1).
    """
    message = ber.Reader(octets).inside()
    identity = message.integer()
    if not 0 < identity <= MAX_ID:
        raise BadSyntax("unusable message id")
    try:
        tag = Tag(message.tag())
        read = _OPERATIONS[tag]
    except (ValueError, KeyError):
        raise BadSyntax("unknown operation") from None
    _, operation = message.enter()
    controls = _controls(message.inside(0xA0)) if message.tag() == 0xA0 else ()
    # Further elements of the envelope are room for extension (RFC 4511 section 4): ignored.
    try:
        return Request(identity, tag, read(tag, operation), controls)
    except BadSyntax as error:
        if tag not in RESPONSES:
            raise
        raise Malformed(identity, tag, str(error)) from None


def _controls(reader: ber.Reader) -> tuple[Control, ...]:
    controls: list[Control] = []
    while reader:
        if len(controls) == MAX_CONTROLS:
            raise BadSyntax(f"more than {MAX_CONTROLS} controls")
        inside = reader.inside()
        kind = inside.text()
        critical = inside.boolean() if inside.tag() == ber.BOOLEAN else False
        value = inside.octets() if inside.tag() == ber.OCTETS else None
        inside.finish()
        controls.append(Control(kind, critical, value))
    return tuple(controls)


def _bind(tag: Tag, reader: ber.Reader) -> Bind:
    version, name = reader.integer(), reader.text()
    if reader.tag() == 0x80:
        bind = Bind(version, name, Secret(reader.text(0x80)), "")
    else:
        bind = Bind(version, name, None, reader.inside(0xA3).text())
    reader.finish()
    return bind


def _search(tag: Tag, reader: ber.Reader) -> Search:
    base = reader.text()
    scope = reader.integer(ber.ENUMERATED)
    if scope not in (0, 1, 2):
        raise BadSyntax("unknown scope")
    if reader.integer(ber.ENUMERATED) not in (0, 1, 2, 3):
        raise BadSyntax("unknown alias dereferencing")  # We have no aliases: the wish is granted.
    size_limit, time_limit = reader.integer(), reader.integer()
    if not (0 <= size_limit <= MAX_ID and 0 <= time_limit <= MAX_ID):
        raise BadSyntax("unusable limit")
    types_only = reader.boolean()
    wanted = filters.read(reader)
    names = reader.inside()
    attributes: list[str] = []
    while names:
        if len(attributes) == MAX_ATTRIBUTES:
            raise BadSyntax(f"more than {MAX_ATTRIBUTES} attributes")
        attributes.append(names.text())
    reader.finish()
    return Search(base, Scope(scope), size_limit, time_limit, types_only, wanted, tuple(attributes))


def _compare(tag: Tag, reader: ber.Reader) -> Compare:
    entry, assertion = reader.text(), reader.inside()
    compare = Compare(entry, assertion.text(), assertion.octets())
    assertion.finish()
    reader.finish()
    return compare


def _extended(tag: Tag, reader: ber.Reader) -> Extended:
    name = reader.text(0x80)
    value = reader.octets(0x81) if reader.tag() == 0x81 else None
    reader.finish()
    return Extended(name, value)


def _add(tag: Tag, reader: ber.Reader) -> Add:
    return updates.read_add(reader)


def _modify(tag: Tag, reader: ber.Reader) -> Modify:
    return updates.read_modify(reader)


def _rename(tag: Tag, reader: ber.Reader) -> Rename:
    return updates.read_rename(reader)


def _delete(tag: Tag, reader: ber.Reader) -> Delete:
    return updates.read_delete(reader)


def _unbind(tag: Tag, reader: ber.Reader) -> Unbind:
    return Unbind()


def _abandon(tag: Tag, reader: ber.Reader) -> Abandon:
    """The message id is the whole content."""
    value = reader.rest()
    if not 1 <= len(value) <= 4:
        raise BadSyntax("unusable message id")
    return Abandon(int.from_bytes(value, "big"))


_OPERATIONS: dict[Tag, Callable[[Tag, ber.Reader], Operation]] = {
    Tag.BIND: _bind,
    Tag.UNBIND: _unbind,
    Tag.SEARCH: _search,
    Tag.COMPARE: _compare,
    Tag.ABANDON: _abandon,
    Tag.EXTENDED: _extended,
    Tag.ADD: _add,
    Tag.MODIFY: _modify,
    Tag.MODIFY_DN: _rename,
    Tag.DELETE: _delete,
}


def _message(message_id: int, operation: bytes, controls: Iterable[Control] = ()) -> bytes:
    parts = [ber.integer(message_id), operation]
    encoded = [_control(control) for control in controls]
    if encoded:
        parts.append(ber.sequence(encoded, 0xA0))
    return ber.sequence(parts)


def _control(control: Control) -> bytes:
    parts = [ber.octets(control.type)]
    if control.critical:
        parts.append(ber.boolean(True))
    if control.value is not None:
        parts.append(ber.octets(control.value))
    return ber.sequence(parts)


def _result(code: Code, matched: str, text: str) -> list[bytes]:
    return [ber.integer(code, ber.ENUMERATED), ber.octets(matched), ber.octets(text)]


def result(
    message_id: int, tag: Tag, code: Code, text: str = "", matched: str = "", controls: Iterable[Control] = ()
) -> bytes:
    """A response that is a bare LDAPResult."""
    return _message(message_id, ber.sequence(_result(code, matched, text), tag), controls)


def extended(message_id: int, code: Code, text: str = "", name: str = "", value: bytes | None = None) -> bytes:
    """An ExtendedResponse (RFC 4511 section 4.12)."""
    parts = _result(code, "", text)
    if name:
        parts.append(ber.octets(name, 0x8A))
    if value is not None:
        parts.append(ber.octets(value, 0x8B))
    return _message(message_id, ber.sequence(parts, Tag.EXTENDED_RESPONSE))


def disconnection(code: Code, text: str) -> bytes:
    """Notice of Disconnection (RFC 4511 section 4.4.1)."""
    return extended(0, code, text, NOTICE_OF_DISCONNECTION)


def entry(message_id: int, dn: str, attributes: Iterable[tuple[str, Sequence[str]]]) -> bytes:
    """A SearchResultEntry (RFC 4511 section 4.5.2)."""
    return entry_of_rows(ber.integer(message_id), dn, attribute_rows(attributes))


def entry_of_rows(number: bytes, dn: str, rows: bytes) -> bytes:
    """The same from the message's number and the PartialAttributes, both as they are written."""
    name = ber.short_text(dn)
    held = len(rows)
    inner = ber.head(ber.SEQUENCE, held)
    size = len(name) + len(inner) + held
    operation = ber.head(Tag.SEARCH_ENTRY, size)
    message = ber.head(ber.SEQUENCE, len(number) + len(operation) + size)
    return b"".join((message, number, operation, name, inner, rows))


@dataclass(frozen=True, slots=True)
class Page:
    """Value of the paged results control: the size wanted (or estimated) and the cookie (RFC 2696)."""

    size: int
    cookie: bytes

    @classmethod
    def read(cls, value: bytes | None) -> "Page":
        """Raises BadSyntax."""
        reader = ber.Reader(value or b"").inside()
        page = cls(reader.integer(), reader.octets())
        reader.finish()
        if not 0 <= page.size <= MAX_ID:
            raise BadSyntax("unusable page size")
        return page

    def control(self) -> Control:
        value = ber.sequence((ber.integer(self.size), ber.octets(self.cookie)))
        return Control(PAGED_RESULTS, False, value)
