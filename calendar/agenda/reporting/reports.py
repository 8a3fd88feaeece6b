"""Reports over the items of a collection (RFC 4791 section 7, RFC 6352 section 8, RFC 6578 section 3).

Which items: the store and `filtering`; what is shown of them: `views`; properties beyond those that every client asks
for: Radicale.
"""

import posixpath
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

import radicale.item
from radicale import pathutils, types, xmlutils
from radicale.app.base import ApplicationBase
from radicale.app.propfind import xml_propfind_response
from radicale.storage import BaseCollection

from agenda.collection import Collection
from agenda.documents import HREF
from agenda.errors import Unmet
from agenda.reporting import views
from agenda.request_context import VISIT
from mailserver.model.errors import BadSyntax
from mailserver.store.agenda import agendas

_D, _C, _CR = (f"{{{xmlutils.NAMESPACES[space]}}}" for space in ("D", "C", "CR"))
SYNC, QUERY, CARD_QUERY = f"{_D}sync-collection", f"{_C}calendar-query", f"{_CR}addressbook-query"
MULTIGETS: Final = (f"{_C}calendar-multiget", f"{_CR}addressbook-multiget")
_KINDS: Final = {
    SYNC: (agendas.CALENDAR, agendas.ADDRESS_BOOK),
    QUERY: (agendas.CALENDAR,),
    MULTIGETS[0]: (agendas.CALENDAR,),
    CARD_QUERY: (agendas.ADDRESS_BOOK,),
    MULTIGETS[1]: (agendas.ADDRESS_BOOK,),
}
"""Of which collections each report is."""
_OF_HOMES: Final = (QUERY, CARD_QUERY, *MULTIGETS)
"""Reports that look into all collections of a home, too."""
_DATA: Final = {agendas.CALENDAR: views.CALENDAR_DATA, agendas.ADDRESS_BOOK: views.ADDRESS_DATA}
_PROP, _ALL, _NAMES = (f"{_D}{name}" for name in ("prop", "allprop", "propname"))
_TAG, _TYPE = f"{_D}getetag", f"{_D}getcontenttype"


@dataclass(frozen=True, slots=True)
class Request:
    """A report as it was asked."""

    app: ApplicationBase
    base: str
    path: str
    user: str
    root: ET.Element
    depth: str
    """Empty: the client does not say."""

    def href(self, path: str) -> str:
        return xmlutils.make_href(self.base, path)


def answer(request: Request, target: types.CollectionOrItem, home: Sequence[Collection] = ()) -> ET.Element:
    """The multistatus of a report on a collection or an item, or on a home with these collections.

    Raises Unmet, InvalidFilter, Refused.
    """
    tag, multistatus = request.root.tag, ET.Element(f"{_D}multistatus")
    for collection in _reached(request, target, home):
        if tag == SYNC:
            found = _synced(request, collection, multistatus)
        elif tag in MULTIGETS:
            found = _named(collection, _names(request, collection, multistatus), multistatus, request)
        else:
            found = _matching(request, collection, target)
        for item in found:
            multistatus.append(_shown(request, collection, item))
        if VISIT.get().truncated:
            break
    if tag in MULTIGETS and home:
        _note_strangers(request, home, multistatus)
    if VISIT.get().truncated:
        multistatus.append(_more(request))
    # The token stands behind what was read.
    multistatus[:] = sorted(multistatus, key=lambda one: one.tag == f"{_D}sync-token")
    return multistatus


def _reached(request: Request, target: types.CollectionOrItem, home: Sequence[Collection]) -> Sequence[Collection]:
    """The collections that a report looks into. Raises Unmet."""
    tag = request.root.tag
    kinds = _KINDS.get(tag, ())
    if home and tag in _OF_HOMES:
        return [one for one in home if one.tag in kinds]
    collection = target if isinstance(target, BaseCollection) else target.collection
    if (
        not isinstance(collection, Collection)
        or collection.tag not in kinds
        or (tag == SYNC and target is not collection)
    ):
        raise Unmet("D:supported-report")
    return [collection]


# ---------------------------------------------------------------------- which items


def _synced(request: Request, collection: Collection, multistatus: ET.Element) -> Iterator[radicale.item.Item]:
    root = request.root
    level = root.findtext(f"{_D}sync-level", "").strip()
    if (level or request.depth) not in ("1", "infinity", "infinite", ""):
        raise BadSyntax("sync-level is 1 or infinite")
    try:
        token, names = collection.sync(root.findtext(f"{_D}sync-token", "").strip())
    except ValueError:
        raise Unmet("D:valid-sync-token") from None
    ET.SubElement(multistatus, f"{_D}sync-token").text = token
    return _named(collection, names, multistatus, request)


def _names(request: Request, collection: Collection, multistatus: ET.Element) -> Iterator[str]:
    """The names of the items whose addresses are asked for; 404 for those that are elsewhere."""
    for address in _addresses(request):
        name = _name(request, address, collection)
        if name:
            yield name
        elif pathutils.strip_path(request.path).count("/"):  # of a home, others may have it
            multistatus.append(_absent(address))


def _addresses(request: Request) -> list[str]:
    """What a multiget asks for: each is answered (RFC 4791 section 7.9)."""
    return list(filter(None, dict.fromkeys((one.text or "").strip() for one in request.root.iterfind(HREF))))


def _name(request: Request, address: str, collection: Collection) -> str:
    """That of an item, by an address of ours however it is encoded; empty: it is elsewhere."""
    path = pathutils.sanitize_path(unquote(urlsplit(address).path))
    if not path.startswith(f"{request.base}/"):
        return ""
    try:
        return pathutils.name_from_path(path.removeprefix(request.base), collection)
    except ValueError:
        return ""


def _note_strangers(request: Request, home: Sequence[Collection], multistatus: ET.Element) -> None:
    """404 for addresses that are in none of the collections of a home."""
    fitting = [one for one in home if one.tag in _KINDS[request.root.tag]]
    for address in _addresses(request):
        if not any(_name(request, address, one) for one in fitting):
            multistatus.append(_absent(address))


def _named(
    collection: Collection, names: Iterable[str], multistatus: ET.Element, request: Request
) -> Iterator[radicale.item.Item]:
    for name, item in collection.get_multi(names):
        if item is not None:
            yield item
        else:
            path = pathutils.unstrip_path(posixpath.join(collection.path, name))
            multistatus.append(_absent(request.href(path)))


def _matching(request: Request, collection: Collection, target: types.CollectionOrItem) -> Iterator[radicale.item.Item]:
    filters = [*request.root.iterfind(f"{_C}filter"), *request.root.iterfind(f"{_CR}filter")]
    if isinstance(target, BaseCollection):
        if request.depth != "0":  # of the collection itself there is nothing to tell
            yield from (item for item, _ in collection.get_filtered(filters))
    elif collection.meets(target, filters):
        yield target


# ---------------------------------------------------------------------- what is shown of each


def _shown(request: Request, collection: Collection, item: radicale.item.Item) -> ET.Element:
    path = pathutils.unstrip_path(posixpath.join(collection.path, item.href or ""))
    wanted = request.root.find(_PROP)
    found: list[ET.Element] = []
    others: list[str] = []
    for prop in wanted if wanted is not None else ():
        made = ET.Element(prop.tag)
        if prop.tag == _TAG:
            made.text = item.etag
        elif prop.tag == _DATA[collection.tag]:
            made.text = item.serialize()
        elif prop.tag == _TYPE:
            made.text = xmlutils.get_content_type(item, "utf-8")
        else:
            others.append(prop.tag)
            continue
        found.append(made)
    response = ET.Element(f"{_D}response")
    ET.SubElement(response, HREF).text = request.href(path)
    if found:
        _state(response, 200).extend(found)
    every, names = (request.root.find(tag) is not None for tag in (_ALL, _NAMES))
    if others or every or names:
        more = xml_propfind_response(
            request.app,
            request.base,
            path,
            item,
            others,
            request.user,
            "utf-8",
            max_resource_size=0,
            write=collection.reach.writable,
            allprop=every,
            propname=names,
        )
        for state in more.iterfind(f"{_D}propstat"):
            _merge(response, state)
    if len(response) == 1:
        ET.SubElement(response, f"{_D}status").text = xmlutils.make_response(200)
    return response


def _state(response: ET.Element, status: int) -> ET.Element:
    """The `prop` of a new propstat."""
    state = ET.SubElement(response, f"{_D}propstat")
    prop = ET.SubElement(state, _PROP)
    ET.SubElement(state, f"{_D}status").text = xmlutils.make_response(status)
    return prop


def _merge(response: ET.Element, state: ET.Element) -> None:
    """One propstat for each status."""
    for known in response.iterfind(f"{_D}propstat"):
        if known.findtext(f"{_D}status") == state.findtext(f"{_D}status"):
            known[0].extend(state[0])
            return
    response.append(state)


def _absent(href: str) -> ET.Element:
    response = ET.Element(f"{_D}response")
    ET.SubElement(response, HREF).text = href
    ET.SubElement(response, f"{_D}status").text = xmlutils.make_response(404)
    return response


def _more(request: Request) -> ET.Element:
    """That there is more than was wanted (RFC 6578 section 3.6, RFC 6352 section 8.6.2)."""
    response = ET.Element(f"{_D}response")
    ET.SubElement(response, HREF).text = request.href(request.path)
    ET.SubElement(response, f"{_D}status").text = xmlutils.make_response(507)
    ET.SubElement(ET.SubElement(response, f"{_D}error"), f"{_D}number-of-matches-within-limits")
    return response
