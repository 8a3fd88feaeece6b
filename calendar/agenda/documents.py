"""XML of requests, bounded before it is built (RFC 4918 section 20.6: denial of service by XML)."""

import datetime
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from urllib.parse import urlsplit
from xml.parsers import expat

from radicale import xmlutils

from mailserver.model.errors import BadSyntax, Reason, Refused

MAX_OCTETS = 1024 * 1024
MAX_DEPTH = 32
MAX_ELEMENTS = 25_000
"""A multiget of a whole collection, and some room."""
MAX_OTHERS = 1000
"""The same without hrefs: what asks for something of each item, and what wraps it."""
MAX_PROPERTIES = 100
"""Properties of one request; clients ask for 40 at most."""
MAX_FILTERS = 100
"""Conditions of one query, those within others too."""
WHOLE = 10
"""Properties that `allprop` and `propname` stand for when a request's work is counted."""
MAX_YEARS_AHEAD = 100
"""A range that starts later is refused, one that ends later ends there: an endless rule would be walked as far
(RFC 4791 section 5.2.7)."""
MAX_EXPANSION = datetime.timedelta(days=5 * 366)

_STAMP = "%Y%m%dT%H%M%SZ"
_RANGES = frozenset(
    xmlutils.make_clark(f"C:{name}") for name in ("time-range", "expand", "limit-recurrence-set", "limit-freebusy-set")
)
_EXPAND = xmlutils.make_clark("C:expand")
_FREE_BUSY = xmlutils.make_clark("C:free-busy-query")
_TIME_RANGE = xmlutils.make_clark("C:time-range")
_COMP = xmlutils.make_clark("C:comp")
_PROP = xmlutils.make_clark("D:prop")
HREF = xmlutils.make_clark("D:href")
_WHOLE = frozenset(xmlutils.make_clark(f"D:{name}") for name in ("allprop", "propname"))
_CALENDAR_FILTERS, _CARD_FILTERS = (
    frozenset(
        xmlutils.make_clark(f"{space}:{name}")
        for name in ("comp-filter", "prop-filter", "param-filter", "text-match", "time-range", "is-not-defined")
    )
    for space in ("C", "CR")
)


class TooManyProperties(Refused):
    """More properties than a request may name."""

    def __init__(self) -> None:
        super().__init__(Reason.TOO_BIG, "The request names too many properties")


class TooManyFilters(Refused):
    """A query with more conditions than are tested (RFC 4791 section 7.8, RFC 6352 section 8.6: supported-filter)."""

    def __init__(self, *, of_cards: bool) -> None:
        super().__init__(Reason.FORBIDDEN, "The filter has too many conditions")
        self.of_cards = of_cards


def parse(octets: bytes, year: int) -> ET.Element | None:
    """The document, None for an empty body. Raises BadSyntax, Refused(TOO_BIG | INVALID)."""
    if not octets.strip():
        return None
    if len(octets) > MAX_OCTETS:
        raise Refused(Reason.TOO_BIG, "The XML is too long")
    _measure(octets)
    try:
        root = ET.fromstring(octets)  # noqa: S314 - without a DTD there are no entities to expand
    except (ET.ParseError, ValueError, LookupError):  # LookupError: an encoding nobody knows
        raise BadSyntax("The body is not well-formed XML") from None
    _check(root, year)
    return root


def work(root: ET.Element | None) -> int:
    """What a request asks of each item: properties and conditions; at least 1. No body: all properties."""
    if root is None:
        return WHOLE
    asked = sum(len(element) for element in root.iter(_PROP))
    asked += sum(element.tag in _CALENDAR_FILTERS or element.tag in _CARD_FILTERS for element in root.iter())
    return max(1, asked + (WHOLE if any(child.tag in _WHOLE for child in root) else 0))


def take_expansion(root: ET.Element) -> tuple[datetime.datetime, datetime.datetime] | None:
    """The span whose occurrences are asked for instead of series (RFC 4791 section 9.6.5), taken out of the request.

    Radicale then answers whole items, and items expand themselves.
    """
    span = None
    for parent in list(root.iter()):
        for child in parent.findall(_EXPAND):
            ends = dict(_stamps(child))
            span = ends["start"], ends["end"]
            parent.remove(child)
    return span


def _measure(octets: bytes) -> None:
    """Walk the document without building it: depth, number of elements, no DTD (entity expansion)."""
    depth = elements = 0

    def start(_name: str, _attributes: dict[str, str]) -> None:
        nonlocal depth, elements
        depth += 1
        elements += 1
        if depth > MAX_DEPTH or elements > MAX_ELEMENTS:
            raise Refused(Reason.TOO_BIG, "The XML is too deep or has too many elements")

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def doctype(*_: object) -> None:
        raise BadSyntax("A document type is not accepted")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(octets, True)
    except (expat.ExpatError, ValueError, LookupError):
        raise BadSyntax("The body is not well-formed XML") from None


def _check(root: ET.Element, year: int) -> None:
    if len(root) == 0:
        raise BadSyntax("The root element is empty")
    _check_counts(root)
    for element in root.iter():
        if not element.tag.startswith("{"):
            raise BadSyntax("An element without namespace")
        if element.tag == HREF:
            element.text = _address(element.text or "")
        if element.tag in _RANGES:
            _check_range(element, year)
        if element.tag == _COMP and not element.get("name"):
            raise BadSyntax("comp without a name")
    if root.tag == _FREE_BUSY and root.find(_TIME_RANGE) is None:
        raise BadSyntax("free-busy-query without time-range")


def _check_counts(root: ET.Element) -> None:
    """Properties named twice count, and are answered, once."""
    properties = conditions = others = 0
    for element in root.iter():
        others += element.tag != HREF
        conditions += element.tag in _CALENDAR_FILTERS or element.tag in _CARD_FILTERS
        if element.tag == _PROP:
            _drop_repeated(element)
            properties += len(element)
    if properties > MAX_PROPERTIES:
        raise TooManyProperties
    if conditions > MAX_FILTERS:
        raise TooManyFilters(of_cards=any(element.tag in _CARD_FILTERS for element in root.iter()))
    if others > MAX_OTHERS:
        raise Refused(Reason.TOO_BIG, "The XML is too deep or has too many elements")


def _drop_repeated(prop: ET.Element) -> None:
    """Keep the last of the properties with one name."""
    named = {element.tag: element for element in prop}
    if len(named) < len(prop):
        prop[:] = named.values()


def _address(text: str) -> str:
    """An address that Radicale can take apart; what is none names nothing."""
    try:
        urlsplit(text)
    except ValueError:
        return ""
    return text


def _check_range(element: ET.Element, year: int) -> None:
    try:
        ends = dict(_stamps(element))
    except ValueError:
        raise BadSyntax("A time range must be in UTC, like 20260901T000000Z") from None
    start, end = ends.get("start"), ends.get("end")
    if start is not None and end is not None and end <= start:
        raise BadSyntax("A time range ends after its start")  # RFC 4791 section 9.9
    last = datetime.datetime(year + MAX_YEARS_AHEAD, 12, 31, tzinfo=datetime.UTC)
    if start is not None and start > last:
        raise Refused(Reason.INVALID, "The time range starts too far in the future")
    if end is None or end > last:
        element.set("end", last.strftime(_STAMP))
    if element.tag == _EXPAND:
        if start is None or end is None:
            raise BadSyntax("expand needs start and end")
        if end - start > MAX_EXPANSION:
            raise Refused(Reason.INVALID, "The range to expand is too long")


def _stamps(element: ET.Element) -> Iterator[tuple[str, datetime.datetime]]:
    for name in ("start", "end"):
        value = element.get(name)
        if value:
            yield name, datetime.datetime.strptime(value, _STAMP).replace(tzinfo=datetime.UTC)
