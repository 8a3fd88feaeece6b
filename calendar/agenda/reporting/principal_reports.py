"""Reports over persons and over addresses in properties (RFC 3744 section 9, RFC 3253 section 3.8).

Nobody's tree is open to others, so the one person who is found here is whoever asks.
"""

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Final

from radicale import pathutils, types, xmlutils
from radicale.app.propfind import xml_propfind_response

from agenda.documents import HREF
from agenda.reporting.reports import Request
from agenda.request_context import VISIT
from agenda.storage import Storage
from mailserver.model.errors import BadSyntax
from mailserver.model.identity import Principal

MAX_DEPTH = 4
"""Addresses in properties of addresses."""

_D, _C = (f"{{{xmlutils.NAMESPACES[space]}}}" for space in ("D", "C"))
EXPAND, PROPERTIES, SEARCH, MATCH, OF_RIGHTS = (
    f"{_D}{name}"
    for name in (
        "expand-property",
        "principal-search-property-set",
        "principal-property-search",
        "principal-match",
        "acl-principal-prop-set",
    )
)
NAMES: Final = frozenset({EXPAND, PROPERTIES, SEARCH, MATCH, OF_RIGHTS})
_PROP: Final = f"{_D}prop"
_ADDRESSES: Final = f"{_C}calendar-user-address-set"
_SEARCHED: Final = ((f"{_D}displayname", "Full name"), (_ADDRESSES, "Calendar user address"))
_MATCHES: Final[dict[str, Callable[[str, str], bool]]] = {
    "equals": str.__eq__,
    "contains": str.__contains__,
    "starts-with": str.startswith,
    "ends-with": str.endswith,
}


def answer(request: Request, target: types.CollectionOrItem, store: Storage) -> tuple[HTTPStatus, ET.Element]:
    """Raises BadSyntax, Refused."""
    if request.depth not in ("", "0"):  # RFC 3744 sections 9.2 to 9.5
        raise BadSyntax("This report is of depth 0")
    if request.root.tag == PROPERTIES:
        return HTTPStatus.OK, _properties()
    multistatus = ET.Element(f"{_D}multistatus")
    match request.root.tag:
        case tag if tag == EXPAND:
            multistatus.append(_expanded(request, target, request.root, store, MAX_DEPTH))
        case tag if tag == SEARCH:
            found = _searched(request.root, VISIT.get().principal)
            multistatus.extend(list(_people(request, store)) if found else [])
        case tag if tag == MATCH:
            multistatus.extend(list(_matched(request, store)))
        case _:
            multistatus.extend(list(_people(request, store)))
    return HTTPStatus.MULTI_STATUS, multistatus


def _properties() -> ET.Element:
    """What persons are found by (RFC 3744 section 9.5)."""
    found = ET.Element(PROPERTIES)
    for name, text in _SEARCHED:
        one = ET.SubElement(found, f"{_D}principal-search-property")
        ET.SubElement(ET.SubElement(one, _PROP), name)
        described = ET.SubElement(one, f"{_D}description")
        described.text = text
        described.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
    return found


# ---------------------------------------------------------------------- persons


def _searched(root: ET.Element, person: Principal) -> bool:
    """Whether who asks is among those they seek (RFC 3744 section 9.4)."""
    held = {
        _SEARCHED[0][0]: (person.name,),
        _ADDRESSES: tuple(f"mailto:{address}" for address in (person.address, *person.aliases)),
    }
    asked = list(_conditions(root, held))
    if not asked:
        raise BadSyntax("Nobody is sought")
    return (any if root.get("test") == "anyof" else all)(asked)


def _conditions(root: ET.Element, held: dict[str, tuple[str, ...]]) -> Iterator[bool]:
    for search in root.iterfind(f"{_D}property-search"):
        wanted = search.find(f"{_D}match")
        compare = _MATCHES.get(wanted.get("match-type", "contains")) if wanted is not None else None
        if wanted is None or compare is None:
            raise BadSyntax("A search without what is to be found")
        sought = (wanted.text or "").casefold()
        for prop in search.iterfind(f"{_PROP}/*"):
            yield any(compare(value.casefold(), sought) for value in held.get(prop.tag, ()))


def _people(request: Request, store: Storage) -> Iterator[ET.Element]:
    for one in store.discover(f"/{request.user}/"):
        yield _described(request, one, _wanted(request.root))


def _matched(request: Request, store: Storage) -> Iterator[ET.Element]:
    """Who asks, if they are below the address; or what below it is theirs (RFC 3744 section 9.3)."""
    named = request.root.find(f"{_D}principal-property")
    if named is None:
        if f"/{request.user}/".startswith(pathutils.unstrip_path(pathutils.strip_path(request.path), True)):
            yield from _people(request, store)
        return
    mine = request.href(f"/{request.user}/")
    tags = [one.tag for one in named]
    for one in store.discover(request.path, "1"):
        VISIT.get().charge()
        held = xml_propfind_response(request.app, request.base, request.path, one, tags, request.user, "utf-8", 0)
        if any(href.text == mine for prop in held.iterfind(f"{_D}propstat/{_PROP}/*") for href in prop.iterfind(HREF)):
            yield _described(request, one, _wanted(request.root))


def _wanted(root: ET.Element) -> list[str]:
    return [one.tag for one in root.iterfind(f"{_PROP}/*")]


def _described(request: Request, one: types.CollectionOrItem, wanted: list[str]) -> ET.Element:
    path = pathutils.unstrip_path(one.path, True) if hasattr(one, "path") else request.path
    return xml_propfind_response(request.app, request.base, path, one, wanted, request.user, "utf-8", 0, write=True)


# ---------------------------------------------------------------------- addresses


def _expanded(
    request: Request, there: types.CollectionOrItem, asked: ET.Element, store: Storage, depth: int
) -> ET.Element:
    """A resource, with what stands behind the addresses in its properties in place of these."""
    VISIT.get().charge()
    inner = {f"{{{one.get('namespace', 'DAV:')}}}{one.get('name', '')}": one for one in asked.iterfind(f"{_D}property")}
    if any(tag.endswith("}") or tag.startswith("{}") for tag in inner):
        raise BadSyntax("A property without a name")
    response = _described(request, there, list(inner))
    for prop in response.iterfind(f"{_D}propstat/{_PROP}/*"):
        below = inner.get(prop.tag)
        if below is None or not len(below) or depth <= 0:
            continue
        for place, href in enumerate(list(prop)):
            found = _behind(request, href.text or "", store) if href.tag == HREF else None
            if found is not None:
                prop[place] = _expanded(request, found, below, store, depth - 1)
    return response


def _behind(request: Request, href: str, store: Storage) -> types.CollectionOrItem | None:
    """What an address of ours leads to, for whoever asks."""
    if not href.startswith(f"{request.base}/"):
        return None
    return next(iter(store.discover(pathutils.sanitize_path(href.removeprefix(request.base)))), None)
