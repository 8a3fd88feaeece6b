"""Collections that are made and described: MKCALENDAR, MKCOL, PROPPATCH (RFC 4791 5.3.1, RFC 5689, RFC 4918 9.2)."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from radicale import httputils, pathutils, storage, types, xmlutils
from radicale.app.base import Access, ApplicationBase

from agenda.collection import Collection
from agenda.errors import Unmet
from agenda.properties import dead_properties
from agenda.properties.dead_properties import Change, Fault
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.store.agenda import agendas

_ROOTS: Final = {"PROPPATCH": "D:propertyupdate", "MKCOL": "D:mkcol", "MKCALENDAR": "C:mkcalendar"}
_TYPE: Final = xmlutils.make_clark("D:resourcetype")
UNSUPPORTED: Final[types.WSGIResponse] = (
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    {"Content-Type": "text/plain"},
    "This body is not understood.",
    None,
)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a path."""

    app: ApplicationBase
    method: str
    base: str
    path: str
    user: str
    root: ET.Element | None

    @property
    def understood(self) -> bool:
        return self.root is None or self.root.tag == xmlutils.make_clark(_ROOTS[self.method])


Reply = tuple[HTTPStatus, ET.Element | None]


def describe(request: Request, there: types.CollectionOrItem) -> Reply:
    """PROPPATCH: every property is changed, or none. Raises BadSyntax, Refused."""
    wanted = dead_properties.changes(request.root)
    if not wanted or not request.understood:
        raise BadSyntax("Nothing is to be changed")
    path = pathutils.unstrip_path(there.path, True) if isinstance(there, storage.BaseCollection) else request.path
    href = xmlutils.make_href(request.base, path)
    if isinstance(there, Collection):
        refused: Mapping[str, Fault] = dead_properties.faults(wanted, new=False)
        if not refused:
            refused = _written(there, wanted)
    else:  # items have what they say themselves, homes what the directory says
        refused = {change.tag: Fault(HTTPStatus.FORBIDDEN) for change in wanted}
    return HTTPStatus.MULTI_STATUS, dead_properties.answer("D:multistatus", href, wanted, refused)


def _written(collection: Collection, wanted: list[Change]) -> Mapping[str, Fault]:
    try:
        collection.change(wanted)
    except Refused as refused:
        if refused.reason is not Reason.LIMIT:
            raise
        return {change.tag: Fault(HTTPStatus.INSUFFICIENT_STORAGE) for change in wanted}
    return {}


def make(request: Request, store: storage.BaseStorage, access: Access) -> types.WSGIResponse | Reply:
    """MKCALENDAR and MKCOL: the collection with all its properties, or nothing. Raises Unmet, Refused."""
    if not access.permissions and not access.parent_permissions:
        return httputils.NOT_ALLOWED
    if not request.understood:
        return UNSUPPORTED
    wanted = dead_properties.changes(request.root)
    tag = agendas.CALENDAR if request.method == "MKCALENDAR" else _kind(wanted)
    refused = dead_properties.faults(wanted, new=True)
    if next(iter(store.discover(request.path)), None) is not None:
        if request.method == "MKCOL":  # RFC 4918 section 9.3.1
            return httputils.METHOD_NOT_ALLOWED
        raise Unmet("D:resource-must-be-null", HTTPStatus.CONFLICT)
    parent = next(iter(store.discover(pathutils.parent_path(request.path))), None)
    if parent is None:
        return httputils.CONFLICT
    if not isinstance(parent, storage.BaseCollection) or parent.tag or not access.check("w"):
        raise Unmet("C:calendar-collection-location-ok")
    if refused:
        root = "C:mkcalendar-response" if request.method == "MKCALENDAR" else "D:mkcol-response"
        return HTTPStatus.FORBIDDEN, dead_properties.answer(root, "", wanted, refused)
    store.create_collection(request.path, props={**dead_properties.changed({}, wanted), "tag": tag})
    return HTTPStatus.CREATED, None


def _kind(wanted: list[Change]) -> str:
    """Empty: neither a calendar nor an address book."""
    return next(
        (
            dead_properties.tag_of(change.element)
            for change in reversed(wanted)
            if change.tag == _TYPE and change.element is not None
        ),
        "",
    )
