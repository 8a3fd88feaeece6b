"""Controls: the assertion (RFC 4528), and the entry before and after an update (RFC 4527)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from directory.server.wire import ber, filters
from directory.server.wire.filters import Filter
from directory.server.wire.messages import Control, Tag
from directory.server.wire.partial import attribute_rows
from mailserver.model.errors import BadSyntax

ASSERTION = "1.3.6.1.1.12"
PRE_READ = "1.3.6.1.1.13.1"
POST_READ = "1.3.6.1.1.13.2"

SERVED = {
    ASSERTION: frozenset({Tag.ADD, Tag.MODIFY, Tag.MODIFY_DN, Tag.DELETE, Tag.COMPARE, Tag.SEARCH}),
    PRE_READ: frozenset({Tag.MODIFY, Tag.MODIFY_DN, Tag.DELETE}),
    POST_READ: frozenset({Tag.ADD, Tag.MODIFY, Tag.MODIFY_DN}),
}
"""Which operations each control means something to."""

MAX_ATTRIBUTES = 256
"""Attribute names of a read control, as of a search."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the controls of one request ask for; None: nothing."""

    assertion: Filter | None = None
    before: tuple[str, ...] | None = None
    after: tuple[str, ...] | None = None


def wishes(controls: Sequence[Control], tag: Tag) -> Wishes:
    """Read the controls that mean something to the operation. Raises BadSyntax; each may come once."""
    assertion: Filter | None = None
    before: tuple[str, ...] | None = None
    after: tuple[str, ...] | None = None
    seen: set[str] = set()
    for control in controls:
        if tag not in SERVED.get(control.type, ()):
            continue
        if control.type in seen:
            raise BadSyntax("a control is given twice")
        seen.add(control.type)
        if control.value is None:
            raise BadSyntax("a control lacks its value")
        if control.type == ASSERTION:
            assertion = _assertion(control.value)
        elif control.type == PRE_READ:
            before = _selection(control.value)
        else:
            after = _selection(control.value)
    return Wishes(assertion, before, after)


def _assertion(value: bytes) -> Filter:
    reader = ber.Reader(value)
    wanted = filters.read(reader)
    reader.finish()
    return wanted


def _selection(value: bytes) -> tuple[str, ...]:
    outer = ber.Reader(value)
    reader = outer.inside()
    outer.finish()
    found: list[str] = []
    while reader:
        if len(found) == MAX_ATTRIBUTES:
            raise BadSyntax(f"more than {MAX_ATTRIBUTES} attributes")
        found.append(reader.text())
    return tuple(found)


def read_entry(kind: str, dn: str, attributes: Iterable[tuple[str, Sequence[str]]]) -> Control:
    """The response control that holds an entry (RFC 4527 section 3)."""
    return Control(kind, False, ber.sequence((ber.octets(dn), ber.element(ber.SEQUENCE, attribute_rows(attributes)))))
