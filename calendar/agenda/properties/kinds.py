"""What is answered of each resource by what it is: Radicale asks some properties of everything alike.

Which reports it takes (RFC 3253 section 3.1.5), properties that are of calendars alone (RFC 4791 section 5.2), and
that a response says something at all (RFC 4918 section 14.24).
"""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from radicale import xmlutils

from agenda.documents import HREF
from mailserver.store.agenda import agendas

_MULTISTATUS, _RESPONSE, _STATE, _STATUS, _PROP, _KNOWN, _REPORT_OF, _REPORT = (
    xmlutils.make_clark(f"D:{name}")
    for name in (
        *("multistatus", "response", "propstat", "status", "prop"),
        *("supported-report-set", "supported-report", "report"),
    )
)
_OF_CALENDARS: Final = tuple(
    xmlutils.make_clark(f"C:{name}") for name in ("supported-calendar-component-set", "max-resource-size")
)
_EVERYWHERE: Final = ("D:principal-match", "D:acl-principal-prop-set")
_QUERIES: Final = {
    agendas.CALENDAR: ("C:calendar-query", "C:calendar-multiget"),
    agendas.ADDRESS_BOOK: ("CR:addressbook-query", "CR:addressbook-multiget"),
}
_OF_HOMES: Final = (*_QUERIES[agendas.CALENDAR], "C:free-busy-query", *_QUERIES[agendas.ADDRESS_BOOK])


def fit(answer: ET.Element, kinds: Mapping[str, str]) -> None:
    """Set right what a multistatus says, for collections of these kinds (by path), what is in them, and homes."""
    if answer.tag != _MULTISTATUS:
        return
    for response in answer.iter(_RESPONSE):
        href = response.findtext(HREF, "")
        parts = unquote(urlsplit(href).path).strip("/").split("/")[1:]  # below the door
        is_item = not href.endswith("/") and len(parts) > 2
        kind = kinds.get("/".join(parts[:-1] if is_item else parts), "")
        for known in response.iterfind(f"{_STATE}/{_PROP}/{_KNOWN}"):
            _fill_reports(known, _reports(len(parts), kind, is_item=is_item))
        if is_item or kind != agendas.CALENDAR:
            _take_back(response)
        if len(response) == 1:
            _state(response, 200)


def _reports(depth: int, kind: str, *, is_item: bool) -> tuple[str, ...]:
    """Those that Radicale does not name."""
    if is_item:
        return (*_QUERIES.get(kind, ()), *_EVERYWHERE)
    return (*_OF_HOMES, *_EVERYWHERE) if depth == 1 else _EVERYWHERE


def _fill_reports(known: ET.Element, names: tuple[str, ...]) -> None:
    if len(known):  # where it is named only, or not there, it stays empty
        for name in names:
            report = ET.SubElement(ET.SubElement(known, _REPORT_OF), _REPORT)
            ET.SubElement(report, xmlutils.make_clark(name))


def _take_back(response: ET.Element) -> None:
    """What is of calendars alone is not found anywhere else."""
    for state in list(response.iterfind(_STATE)):
        if " 200 " not in state.findtext(_STATUS, ""):
            continue
        for found in [one for one in state[0] if one.tag in _OF_CALENDARS]:
            state[0].remove(found)
            is_name = found.tag == _OF_CALENDARS[1] and not found.text  # of `propname`
            if not is_name:
                ET.SubElement(_state(response, 404), found.tag)
        if not len(state[0]):
            response.remove(state)


def _state(response: ET.Element, status: int) -> ET.Element:
    """The `prop` of the propstat with this status."""
    for state in response.iterfind(_STATE):
        if f" {status} " in state.findtext(_STATUS, ""):
            return state[0]
    state = ET.SubElement(response, _STATE)
    prop = ET.SubElement(state, _PROP)
    ET.SubElement(state, _STATUS).text = xmlutils.make_response(status)
    return prop
