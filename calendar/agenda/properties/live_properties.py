"""What a collection says of itself that Radicale does not know (RFC 3744 section 5, RFC 4791 7.5.1, RFC 6352 6.2)."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from radicale import xmlutils

from agenda.documents import HREF
from agenda.properties.dead_properties import Rich
from mailserver.addressbook import versions
from mailserver.calendars.icalendar import cleaning
from mailserver.calendars.icalendar.reading import MAX_OCCURRENCES
from mailserver.store.agenda import agendas
from mailserver.store.agenda.agenda_items import MAX_ITEM_OCTETS

if TYPE_CHECKING:
    from radicale.storage import BaseCollection

COLLATIONS: Final = ("i;ascii-casemap", "i;octet", "i;unicode-casemap")

_RESPONSE, _STATE, _STATUS, _PROP = (
    xmlutils.make_clark(f"D:{name}") for name in ("response", "propstat", "status", "prop")
)
_PRIVILEGES: Final = (
    ("D:read", "Read anything", ("C:read-free-busy", "D:read-current-user-privilege-set", "D:read-acl")),
    ("D:write", "Write anything", ("D:write-content", "D:write-properties", "D:bind", "D:unbind")),
)


def of(collection: "BaseCollection", name: str) -> Rich | None:
    """A property by its prefixed name; None: the collection has no such."""
    if name in _EVERYWHERE:
        return Rich.of(_EVERYWHERE[name](ET.Element(xmlutils.make_clark(name))))
    made = _MADE.get(name)
    element = made(collection, ET.Element(xmlutils.make_clark(name))) if made is not None else None
    return Rich.of(element) if element is not None else None


def fill_versions(answer: ET.Element) -> None:
    """The versions of vCard that are taken and given: more than Radicale knows of."""
    for element in answer.iter(xmlutils.make_clark("CR:supported-address-data")):
        if len(element):
            element[:] = []
            for version in versions.KNOWN:
                _child(element, "CR:address-data-type", **{"content-type": "text/vcard", "version": version})


def fill_items(answer: ET.Element) -> None:
    """Rights of items, which are those of their collection (RFC 3744 section 5): Radicale knows none."""
    for response in answer.iterfind(_RESPONSE):
        if response.findtext(HREF, "").endswith("/"):
            continue
        for state in list(response.iterfind(_STATE)):
            prop = state[0]
            known = [one for one in prop if one.tag in _OF_ITEMS] if "404" in state.findtext(_STATUS, "") else []
            if not known:
                continue
            for one in known:
                prop.remove(one)
                _OF_ITEMS[one.tag](one)
            if not len(prop):
                response.remove(state)
            found = next((other for other in response.iterfind(_STATE) if "200" in other.findtext(_STATUS, "")), None)
            if found is None:
                found = ET.SubElement(response, _STATE)
                ET.SubElement(found, _PROP)
                ET.SubElement(found, _STATUS).text = xmlutils.make_response(200)
            found[0].extend(known)


def _child(parent: ET.Element, name: str, text: str = "", **attributes: str) -> ET.Element:
    made = ET.SubElement(parent, xmlutils.make_clark(name), attributes)
    made.text = text or None
    return made


def _of_principals(collection: "BaseCollection", element: ET.Element) -> ET.Element | None:
    return element if collection.is_principal else None


def _of(tag: str, fill: Callable[[ET.Element], object]) -> "Callable[[BaseCollection, ET.Element], ET.Element | None]":
    def made(collection: "BaseCollection", element: ET.Element) -> ET.Element | None:
        if collection.tag != tag:
            return None
        fill(element)
        return element

    return made


def _collations(space: str) -> Callable[[ET.Element], object]:
    def fill(element: ET.Element) -> None:
        for name in COLLATIONS:
            _child(element, f"{space}:supported-collation", name)

    return fill


def _privileges(element: ET.Element) -> ET.Element:
    whole = _privilege(element, "D:all", "Any operation")
    for name, text, parts in _PRIVILEGES:
        held = _privilege(whole, name, text)
        for part in parts:
            _privilege(held, part, part.partition(":")[2])
    return element


def _privilege(parent: ET.Element, name: str, text: str) -> ET.Element:
    made = _child(parent, "D:supported-privilege")
    _child(_child(made, "D:privilege"), name)
    _child(made, "D:description", text).set("{http://www.w3.org/XML/1998/namespace}lang", "en")
    return made


def _rights(element: ET.Element) -> ET.Element:
    """The owner may do everything. What others may, the owner says in the web interface, and this does not repeat."""
    entry = _child(element, "D:ace")
    _child(_child(_child(entry, "D:principal"), "D:property"), "D:owner")
    _child(_child(_child(entry, "D:grant"), "D:privilege"), "D:all")
    _child(entry, "D:protected")
    return element


def _restrictions(element: ET.Element) -> ET.Element:
    _child(element, "D:grant-only")
    _child(element, "D:no-invert")
    _child(_child(_child(element, "D:required-principal"), "D:property"), "D:owner")
    return element


def _nothing(element: ET.Element) -> ET.Element:
    return element


def _calendar_data(element: ET.Element) -> None:
    _child(element, "C:calendar-data", **{"content-type": "text/calendar", "version": "2.0"})


def _said(text: str) -> Callable[[ET.Element], object]:
    def fill(element: ET.Element) -> None:
        element.text = text

    return fill


def _largest(element: ET.Element) -> None:
    element.text = str(MAX_ITEM_OCTETS)


_EVERYWHERE: Final[dict[str, Callable[[ET.Element], ET.Element]]] = {
    "D:supported-privilege-set": _privileges,
    "D:acl": _rights,
    "D:acl-restrictions": _restrictions,
    "D:inherited-acl-set": _nothing,
    "D:group": _nothing,
    "D:supportedlock": _nothing,
    "D:lockdiscovery": _nothing,
}
_OF_ITEMS: Final = {xmlutils.make_clark(name): fill for name, fill in _EVERYWHERE.items()}
_MADE: Final[dict[str, "Callable[[BaseCollection, ET.Element], ET.Element | None]"]] = {
    "D:alternate-URI-set": _of_principals,
    "D:group-member-set": _of_principals,
    "D:group-membership": _of_principals,
    "C:supported-collation-set": _of(agendas.CALENDAR, _collations("C")),
    "C:supported-calendar-data": _of(agendas.CALENDAR, _calendar_data),
    "C:min-date-time": _of(agendas.CALENDAR, _said(cleaning.EARLIEST)),
    "C:max-date-time": _of(agendas.CALENDAR, _said(cleaning.LATEST)),
    "C:max-instances": _of(agendas.CALENDAR, _said(str(MAX_OCCURRENCES))),  # of a series that says how many
    "CR:supported-collation-set": _of(agendas.ADDRESS_BOOK, _collations("CR")),
    "CR:max-resource-size": _of(agendas.ADDRESS_BOOK, _largest),
}
