"""Parts of an item: the components and properties that a report asks for (RFC 4791 section 9.6, RFC 6352 section 10.4).

Works on lines; what is not left out comes out as it was stored, folded anew.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from radicale import xmlutils

from mailserver.addressbook.contentlines import fold

_FOLDED: Final = re.compile(r"\r?\n[ \t]")
_NAME: Final = re.compile(r"(?:[^.;:\s]+\.)?([^.;:\s]+)")
_COMPONENT, _PROPERTY, _ALL_PROPERTIES, _ALL_COMPONENTS = (
    xmlutils.make_clark(f"C:{name}") for name in ("comp", "prop", "allprop", "allcomp")
)
_ALWAYS: Final = ("BEGIN", "END", "VERSION", "UID")
"""Of a contact: without these it is none that a client could tell from others."""


@dataclass(slots=True)
class Part:
    """A component as it stands in a text: its lines and the components in it, in their order."""

    name: str
    content: "list[str | Part]" = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        yield f"BEGIN:{self.name}"
        for one in self.content:
            if isinstance(one, Part):
                yield from one.lines()
            else:
                yield one
        yield f"END:{self.name}"


def calendar(text: str, asked: ET.Element) -> str:
    """What a `comp` element leaves of an iCalendar object."""
    whole = read(text)
    if whole.name == asked.get("name", "").upper():
        _choose(whole, asked)
    return write(whole)


def without(text: str, kept: Callable[[str, int], bool]) -> str:
    """The object without some of its components, by their kind and their place among those of their kind."""
    whole, counted = read(text), dict[str, int]()
    content: list[str | Part] = []
    for one in whole.content:
        if isinstance(one, Part):
            place = counted.setdefault(one.name, 0)
            counted[one.name] += 1
            if not kept(one.name, place):
                continue
        content.append(one)
    whole.content = content
    return write(whole)


def card(text: str, asked: list[ET.Element]) -> str:
    """What a list of `prop` elements leaves of a vCard."""
    wanted = {one.get("name", "").upper(): one.get("novalue") == "yes" for one in asked}
    lines = (_valued(line, wanted.get(_name(line), False)) for line in _lines(text) if _is_wanted(line, wanted))
    return "".join(f"{fold(line)}\r\n" for line in lines)


def read(text: str) -> Part:
    """The outermost component. A text that was judged when it was stored has one."""
    top = Part("")
    stack = [top]
    for line in _lines(text):
        mark, _, name = line.partition(":")
        match mark.upper():
            case "BEGIN":
                made = Part(name.strip().upper())
                stack[-1].content.append(made)
                stack.append(made)
            case "END" if len(stack) > 1:
                stack.pop()
            case _:
                stack[-1].content.append(line)
    return next((one for one in top.content if isinstance(one, Part)), top)


def write(whole: Part) -> str:
    return "".join(f"{fold(line)}\r\n" for line in whole.lines())


def _choose(part: Part, asked: ET.Element) -> None:
    if not len(asked):
        return
    properties = {one.get("name", "").upper(): one.get("novalue") == "yes" for one in asked.iterfind(_PROPERTY)}
    components = {one.get("name", "").upper(): one for one in asked.iterfind(_COMPONENT)}
    every = asked.find(_ALL_PROPERTIES) is not None, asked.find(_ALL_COMPONENTS) is not None
    content: list[str | Part] = []
    for one in part.content:
        if isinstance(one, Part):
            if one.name in components:
                _choose(one, components[one.name])
            elif not every[1]:
                continue
            content.append(one)
        elif every[0] or _name(one) in properties:
            content.append(_valued(one, properties.get(_name(one), False)))
    part.content = content


def _is_wanted(line: str, wanted: dict[str, bool]) -> bool:
    """A contact's property by its name, with its group or without (RFC 6352 section 10.4.2)."""
    grouped = line.partition(":")[0].partition(";")[0].upper()
    return _name(line) in _ALWAYS or _name(line) in wanted or grouped in wanted


def _valued(line: str, is_empty: bool) -> str:
    """The property without its value, where that is what is asked for."""
    if not is_empty:
        return line
    quoted = False
    for at, sign in enumerate(line):
        quoted ^= sign == '"'
        if sign == ":" and not quoted:
            return line[: at + 1]
    return line


def _name(line: str) -> str:
    match = _NAME.match(line)
    return match[1].upper() if match is not None else ""


def _lines(text: str) -> Iterator[str]:
    for line in _FOLDED.sub("", text).split("\n"):
        if line.strip():
            yield line.removesuffix("\r")
