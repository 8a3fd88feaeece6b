"""XML of requests, bounded before it is built (RFC 4918 section 20.6: denial of service by XML)."""

import datetime
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from urllib.parse import urlsplit
from xml.parsers import expat

from radicale import xmlutils

from agenda.errors import InvalidFilter, Unmet
from agenda.request_context import TooMuchWork
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
_LIMITS = tuple(
    f"{xmlutils.make_clark(f'{space}:limit')}/{xmlutils.make_clark(f'{space}:nresults')}" for space in ("D", "CR")
)
_EMPTY = (xmlutils.make_clark("D:principal-search-property-set"), xmlutils.make_clark("D:acl"))
"""What may stand without anything in it."""
_ZONE = xmlutils.make_clark("C:timezone")
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


def limit(root: ET.Element) -> int:
    """How many matches a client wants at most (RFC 5323 section 5.17, RFC 6352 section 10.6); 0: it does not say.

    Raises BadSyntax.
    """
    for path in _LIMITS:
        said = root.findtext(path)
        if said is not None:
            number = said.strip()
            if not (number.isascii() and number.isdigit()) or len(number) > 9 or not int(number):
                raise BadSyntax("nresults is a number from 1 on")
            return int(number)
    return 0


def timezone(root: ET.Element) -> str:
    """The zone that a query names for times without one (RFC 4791 section 9.8); empty: none."""
    return root.findtext(_ZONE, "")


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
    if len(root) == 0 and root.tag not in _EMPTY:
        raise BadSyntax("The root element is empty")
    _check_counts(root)
    for element in root.iter():
        if not element.tag.startswith("{"):
            raise BadSyntax("An element without namespace")
        if element.tag == HREF:
            element.text = _address(element.text or "")
        if element.tag in _RANGES:
            _check_range(element, year, root.tag != _FREE_BUSY)
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
        of_cards = any(element.tag in _CARD_FILTERS for element in root.iter())
        raise Unmet("CR:supported-filter" if of_cards else "C:supported-filter")
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


def _check_range(element: ET.Element, year: int, of_query: bool) -> None:
    fault = InvalidFilter if of_query and element.tag == _TIME_RANGE else BadSyntax
    try:
        ends = dict(_stamps(element))
    except ValueError:
        raise fault("A time range must be in UTC, like 20260901T000000Z") from None
    start, end = ends.get("start"), ends.get("end")
    if start is not None and end is not None and end <= start:
        raise fault("A time range ends after its start")  # RFC 4791 section 9.9
    if element.tag != _TIME_RANGE and (start is None or end is None):
        raise fault("This range needs start and end")
    if start is None and end is None:
        raise BadSyntax("A time range without start and end")
    last = datetime.datetime(year + MAX_YEARS_AHEAD, 12, 31, tzinfo=datetime.UTC)
    if start is not None and start > last:
        raise Refused(Reason.INVALID, "The time range starts too far in the future")
    if end is None or end > last:
        element.set("end", last.strftime(_STAMP))
    if element.tag == _EXPAND and start is not None and end is not None and end - start > MAX_EXPANSION:
        raise TooMuchWork


def _stamps(element: ET.Element) -> Iterator[tuple[str, datetime.datetime]]:
    for name in ("start", "end"):
        value = element.get(name)
        if value:
            yield name, datetime.datetime.strptime(value, _STAMP).replace(tzinfo=datetime.UTC)
