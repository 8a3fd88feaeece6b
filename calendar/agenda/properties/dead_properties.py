"""Properties that clients set on a collection, kept as they were sent (RFC 4918 section 4.3).

A text is kept as a text, under the name that Radicale knows it by. What is more than a text (elements, attributes, a
language) is kept as XML besides, and counts as long as its text is the one that is kept: who renames a collection
elsewhere knows nothing of it.
"""

import copy
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from radicale import xmlutils

from agenda.properties.protected import PROTECTED
from mailserver.calendars.icalendar import zones
from mailserver.calendars.icalendar.recurrence import KINDS
from mailserver.model.errors import BadSyntax
from mailserver.store.agenda.agendas import COMPONENTS

ZONE: Final = "C:calendar-timezone"
_AS_XML: Final = "xml:"
"""Before the name of what is kept as XML: no other name begins like that."""
_LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_SET, _REMOVE, _PROP, _TYPE, _PROTECTED, _ERROR = (
    xmlutils.make_clark(f"D:{name}")
    for name in ("set", "remove", "prop", "resourcetype", "cannot-modify-protected-property", "error")
)
_COMPONENTS, _COMPONENT, _ZONE = (xmlutils.make_clark(name) for name in (COMPONENTS, "C:comp", ZONE))
_TAGS: Final = {
    xmlutils.make_clark(name): tag
    for name, tag in (("C:calendar", "VCALENDAR"), ("CR:addressbook", "VADDRESSBOOK"), ("CS:subscribed", "VSUBSCRIBED"))
}


class Rich(str):
    """The text of a property that is more than a text."""

    element: ET.Element

    @classmethod
    def of(cls, element: ET.Element) -> "Rich":
        made = cls(_text(element))
        made.element = element
        return made


@dataclass(frozen=True, slots=True)
class Change:
    """One property that is set, or removed (`element` is empty then)."""

    tag: str
    element: ET.Element | None


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a property is not changed."""

    status: HTTPStatus
    condition: str = ""


def plain(props: Mapping[str, str]) -> dict[str, str]:
    """The properties of a collection as texts; those that are more are `Rich`."""
    shown = {name: value for name, value in props.items() if not name.startswith(_AS_XML)}
    for name, value in props.items():
        if not name.startswith(_AS_XML):
            continue
        human, element = xmlutils.make_human_tag(name.removeprefix(_AS_XML)), ET.fromstring(value)  # noqa: S314 - ours
        rich = Rich.of(element)
        if shown.get(human) == rich:
            shown[human] = rich
    return shown


def fill(answer: ET.Element) -> None:
    """Put what is more than a text where Radicale has put the text."""
    for shown in answer.iter():
        if isinstance(shown.text, Rich):
            kept = shown.text.element
            shown.text, shown[:] = kept.text, list(kept)
            shown.attrib.update(kept.attrib)


def changes(request: ET.Element | None) -> list[Change]:
    """What a PROPPATCH, MKCOL or MKCALENDAR asks for, in its order; languages reach into what they stand around."""
    return list(_changes(request)) if request is not None else []


def _changes(request: ET.Element) -> Iterator[Change]:
    for act in request:
        if act.tag not in (_SET, _REMOVE):
            continue
        for prop in act.iterfind(_PROP):
            language = next((one.get(_LANGUAGE) for one in (prop, act, request) if one.get(_LANGUAGE)), None)
            for element in prop:
                made = copy.deepcopy(element)
                made.tail = None
                if language is not None and _LANGUAGE not in made.attrib:
                    made.set(_LANGUAGE, language)
                yield Change(made.tag, made if act.tag == _SET else None)


def faults(wanted: list[Change], *, new: bool) -> dict[str, Fault]:
    """What cannot be changed, by name; of a new collection its kind and components can be."""
    found = {}
    for change in wanted:
        fault = _of_new(change) if new and change.tag in (_TYPE, _COMPONENTS) else _fault(change)
        if fault is not None:
            found[change.tag] = fault
    return found


def _of_new(change: Change) -> Fault | None:
    if change.element is None:
        return Fault(HTTPStatus.FORBIDDEN, "D:cannot-modify-protected-property")
    if change.tag == _TYPE:
        return None if tag_of(change.element) else Fault(HTTPStatus.FORBIDDEN, "D:valid-resourcetype")
    if all(name in KINDS for name in _components(change.element)):
        return None
    return Fault(HTTPStatus.FORBIDDEN, "C:supported-calendar-component")


def _fault(change: Change) -> Fault | None:
    if change.tag in PROTECTED or change.tag == _TYPE:
        return Fault(HTTPStatus.FORBIDDEN, "D:cannot-modify-protected-property")
    if change.tag == _ZONE and change.element is not None:
        try:
            zones.read(_text(change.element))
        except BadSyntax:
            return Fault(HTTPStatus.FORBIDDEN, "C:valid-calendar-data")
    return None


def tag_of(kind: ET.Element) -> str:
    """Radicale's name for a `resourcetype`; empty: nothing that can be made here."""
    return next((_TAGS[one.tag] for one in kind if one.tag in _TAGS), "")


def changed(props: Mapping[str, str], wanted: list[Change]) -> dict[str, str]:
    """The properties after these changes."""
    after = dict(props)
    for change in wanted:
        human = xmlutils.make_human_tag(change.tag)
        after.pop(human, None)
        after.pop(f"{_AS_XML}{change.tag}", None)
        element = change.element
        if element is None or change.tag == _TYPE:
            continue
        if change.tag == _COMPONENTS:
            after[human] = ",".join(dict.fromkeys(_components(element)))
            continue
        after[human] = _text(element)
        if len(element) or element.attrib:
            after[f"{_AS_XML}{change.tag}"] = ET.tostring(element, "unicode")
    return after


def answer(root: str, href: str, wanted: list[Change], refused: Mapping[str, Fault]) -> ET.Element:
    """What became of each property: all are changed, or none (RFC 4918 section 9.2, RFC 5689 section 3)."""
    top = ET.Element(xmlutils.make_clark(root))
    holder = top
    if href:
        holder = ET.SubElement(top, xmlutils.make_clark("D:response"))
        ET.SubElement(holder, xmlutils.make_clark("D:href")).text = href
    spared = Fault(HTTPStatus.FAILED_DEPENDENCY if refused else HTTPStatus.OK)
    by_fault: dict[Fault, list[str]] = {}
    for tag in dict.fromkeys(change.tag for change in wanted):
        by_fault.setdefault(refused.get(tag, spared), []).append(tag)
    for fault, tags in by_fault.items():
        state = ET.SubElement(holder, xmlutils.make_clark("D:propstat"))
        prop = ET.SubElement(state, _PROP)
        for tag in tags:
            ET.SubElement(prop, tag)
        ET.SubElement(state, xmlutils.make_clark("D:status")).text = xmlutils.make_response(fault.status)
        if fault.condition:
            ET.SubElement(ET.SubElement(state, _ERROR), xmlutils.make_clark(fault.condition))
    return top


def _text(element: ET.Element) -> str:
    return "".join(element.itertext())


def _components(element: ET.Element) -> list[str]:
    return [one.get("name", "").upper() for one in element.iterfind(_COMPONENT)]
