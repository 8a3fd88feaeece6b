"""Properties that are not a client's to set: they say what is there (RFC 4918 section 15, RFC 4791 section 5.2)."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from radicale import xmlutils

_NAMES: Final = {
    "D": (
        "acl acl-restrictions alternate-URI-set creationdate current-user-principal current-user-privilege-set "
        "getcontentlength getcontenttype getetag getlastmodified group inherited-acl-set lockdiscovery owner "
        "principal-collection-set principal-URL quota-available-bytes quota-used-bytes supportedlock "
        "supported-method-set supported-privilege-set supported-report-set sync-token"
    ),
    "C": (
        "calendar-home-set calendar-user-address-set max-attendees-per-instance max-date-time max-instances "
        "max-resource-size min-date-time supported-calendar-component-set supported-calendar-data "
        "supported-collation-set"
    ),
    "CR": "addressbook-home-set max-resource-size supported-address-data supported-collation-set",
    "CS": "getctag",
}
PROTECTED: Final = frozenset(
    xmlutils.make_clark(f"{space}:{name}") for space, names in _NAMES.items() for name in names.split()
)
_SET, _REMOVE, _PROP = (xmlutils.make_clark(f"D:{name}") for name in ("set", "remove", "prop"))


def refusal(request: ET.Element | None, href: str) -> ET.Element | None:
    """The answer to a PROPPATCH that names a protected property, of which then nothing is done; else None."""
    named = dict.fromkeys(_named(request)) if request is not None else {}
    if PROTECTED.isdisjoint(named):
        return None
    multistatus = ET.Element(xmlutils.make_clark("D:multistatus"))
    response = ET.SubElement(multistatus, xmlutils.make_clark("D:response"))
    ET.SubElement(response, xmlutils.make_clark("D:href")).text = href
    for status, tags in (
        (HTTPStatus.FORBIDDEN, [tag for tag in named if tag in PROTECTED]),
        (HTTPStatus.FAILED_DEPENDENCY, [tag for tag in named if tag not in PROTECTED]),
    ):
        if not tags:
            continue
        state = ET.SubElement(response, xmlutils.make_clark("D:propstat"))
        prop = ET.SubElement(state, _PROP)
        for tag in tags:
            ET.SubElement(prop, tag)
        ET.SubElement(state, xmlutils.make_clark("D:status")).text = xmlutils.make_response(status)
        if status is HTTPStatus.FORBIDDEN:
            error = ET.SubElement(state, xmlutils.make_clark("D:error"))
            ET.SubElement(error, xmlutils.make_clark("D:cannot-modify-protected-property"))
    return multistatus


def _named(request: ET.Element) -> Iterator[str]:
    for act in request:
        if act.tag in (_SET, _REMOVE):
            for prop in act.iterfind(f"{_PROP}/*"):
                yield prop.tag
