"""Radicale's application with our bounds before it, our errors around it and a few answers of our own."""

import io
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote

from radicale import config, httputils, pathutils, types, xmlutils
from radicale.app.base import Access
from radicale.item import Item

from agenda import bodies, copying, describing, documents, rights
from agenda.access import Authenticated
from agenda.collection import Collection, Folder
from agenda.documents import HREF
from agenda.errors import Unmet
from agenda.guarding import CLASSES, Guarded, is_item, of_cards
from agenda.properties import dead_properties, kinds, live_properties
from agenda.reporting import free_busy, principal_reports, reports, views
from agenda.request_context import MAX_OCCURRENCES, VISIT
from agenda.storage import Storage
from mailserver.calendars.icalendar import zones
from mailserver.calendars.icalendar.reading import as_sent
from mailserver.model.clock import Clock
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.store.agenda import agendas
from mailserver.store.agenda.agenda_items import MAX_ITEM_OCTETS
from mailserver.store.engine.transactions import Store
from mailserver.texts.text import Text, both

MAX_BODY = 4 * 1024 * 1024
"""A whole calendar or address book put at once."""
MAX_ITEM_BODY = 2 * MAX_ITEM_OCTETS
"""One item: serialising may shorten it."""
_WELCOME = both(Text("Adresse CalDAV et CardDAV : indiquez-la à votre logiciel d'agenda ou de contacts.\n"), "")
_ADDRESS_SET, _LARGEST = (
    xmlutils.make_clark(f"C:{name}") for name in ("calendar-user-address-set", "max-resource-size")
)
_FREE_BUSY, _PROP, _LIMITED = (
    xmlutils.make_clark("C:free-busy-query"),
    xmlutils.make_clark("D:prop"),
    (reports.SYNC, reports.CARD_QUERY),
)
_PROPFIND, *_PROPFINDS = (xmlutils.make_clark(f"D:{name}") for name in ("propfind", "prop", "allprop", "propname"))


def configuration(store: Store, realm: str) -> config.Configuration:
    """Radicale's settings: nothing of it reads a file, sleeps, caches or serves pages."""
    made = config.load()
    made.update(
        {
            "server": {
                "max_content_length": str(MAX_BODY),
                # The store measures items: its refusal is not taken for somebody else's change, as Radicale's 412 is.
                "max_resource_size": str(MAX_BODY),
                "delay_on_error": "0",
                # Counted when a body is cleaned; Radicale guesses, and takes no notice of INTERVAL.
                "max_vevent_rrule_occurrence": "0",
                "validate_path_value": "none",  # control characters are refused all the same
            },
            "auth": {"type": Authenticated, "delay": "0", "realm": realm},
            "rights": {"type": lambda own: rights.OwnTree(own, store)},
            "storage": {"type": lambda own: Storage(own, store)},
            "web": {"type": "none"},
            "reporting": {"max_expand_occurrence": str(MAX_OCCURRENCES)},
        },
        "mailserver",
    )
    return made


class Dav(Guarded):
    """The WSGI application. A `Visit` is set in the thread for each call."""

    def __init__(self, store: Store, clock: Clock, realm: str) -> None:
        super().__init__(configuration(store, realm), store)
        self._clock = clock

    def do_OPTIONS(self, *request: object) -> types.WSGIResponse:
        return self._guard(self._options, request)

    def _options(self, *request: Any) -> types.WSGIResponse:
        return HTTPStatus.OK, {"Allow": self.allowed(request[2]), "DAV": CLASSES}, None, None

    def do_GET(self, *request: object) -> types.WSGIResponse:
        path = str(request[2])
        if path == "/":
            return HTTPStatus.OK, {"Content-Type": "text/plain"}, _WELCOME, None
        if path.startswith("/."):  # pages and profiles of Radicale's own
            return httputils.NOT_FOUND
        return self._guard(super().do_GET, request)

    def do_HEAD(self, *request: object) -> types.WSGIResponse:
        return self.do_GET(*request)

    def do_POST(self, *request: object) -> types.WSGIResponse:
        return httputils.METHOD_NOT_ALLOWED

    def do_PUT(self, *request: object) -> types.WSGIResponse:
        """The entity tag is told only of what is stored as it was sent (RFC 4791 section 5.3.4)."""
        status, headers, answer, asked = self._guard(self._put, request, self._clean_body)
        if status < 300 and not VISIT.get().kept:
            headers = {name: value for name, value in dict(headers).items() if name != "ETag"}
        return status, headers, answer, asked

    def _put(self, *request: Any) -> types.WSGIResponse:
        environ, _, path, *_ = request
        if not is_item(path) and not path.endswith("/"):
            return httputils.FORBIDDEN  # a home holds collections alone, which are put whole with a slash
        made = super().do_PUT(*request)
        if made[0] != HTTPStatus.BAD_REQUEST or made[2] != httputils.BAD_REQUEST[2]:
            return made
        place = pathutils.parent_path(path) if is_item(path) else path
        parent = next(iter(self._storage.discover(place)), None)
        sent = "VADDRESSBOOK" if environ["wsgi.input"].getvalue()[:11].upper() == b"BEGIN:VCARD" else "VCALENDAR"
        if isinstance(parent, Collection) and parent.tag != sent:
            raise copying.unfit(parent)
        raise bodies.invalid(of_cards=of_cards(path))

    def do_DELETE(self, *request: object) -> types.WSGIResponse:
        status, headers, answer, asked = self._guard(super().do_DELETE, request)
        if status == HTTPStatus.OK:  # there is nothing to tell
            return HTTPStatus.NO_CONTENT, {}, None, asked
        return status, headers, answer, asked

    def do_MOVE(self, *request: object) -> types.WSGIResponse:
        return self._guard(self._move, request)

    def do_COPY(self, *request: object) -> types.WSGIResponse:
        return self._guard(self._copy, request)

    def do_MKCOL(self, *request: object) -> types.WSGIResponse:
        return self._guard(self._make, request)

    def do_MKCALENDAR(self, *request: object) -> types.WSGIResponse:
        return self._guard(self._make, request)

    def do_PROPFIND(self, *request: object) -> types.WSGIResponse:
        return self._guard(super().do_PROPFIND, request)

    def _collect_allowed_items(
        self, items: Iterable[types.CollectionOrItem], user: str, user_groups: set[str]
    ) -> Iterator[tuple[types.CollectionOrItem, str, str]]:
        """What a PROPFIND answers: each is counted before the answer is made."""
        for found in super()._collect_allowed_items(items, user, user_groups):
            VISIT.get().charge()
            yield found

    def do_PROPPATCH(self, *request: object) -> types.WSGIResponse:
        return self._guard(self._describe, request)

    def do_ACL(self, *request: object) -> types.WSGIResponse:
        return self._guard(self._set_rights, request)

    def do_REPORT(self, *request: object) -> types.WSGIResponse:
        return self._guard(self._report, request)

    def _report(self, *request: Any) -> types.WSGIResponse:
        environ, base, path, user, groups, info = request
        root = self._read_xml_request_body(environ, info)
        if root is None:
            raise BadSyntax("A report is asked for in a body")
        access = Access(self._rights, user, groups, path)
        there = next(iter(self._storage.discover(path)), None) if access.check("r") else None
        if there is None:
            return httputils.NOT_FOUND if access.check("r") else httputils.NOT_ALLOWED
        if not access.check("r", there):
            return httputils.NOT_ALLOWED
        asked = reports.Request(self, base, path, user, root, environ.get("HTTP_DEPTH", "").lower())
        status = HTTPStatus.MULTI_STATUS
        if root.tag == _FREE_BUSY:
            return self._free_busy(path, there, root)
        if root.tag in principal_reports.NAMES:
            assert isinstance(self._storage, Storage)
            status, answer = principal_reports.answer(asked, there, self._storage)
        else:
            answer = reports.answer(asked, there, self._home(path, there))
        return status, self.xml_fields(), self._xml_response(answer, info), None

    def _home(self, path: str, there: types.CollectionOrItem) -> list[Collection]:
        """The collections of a home; none of anything else."""
        if not isinstance(there, Folder) or not there.path:
            return []
        return [one for one in self._storage.discover(path, "1") if isinstance(one, Collection)]

    def _free_busy(self, path: str, there: types.CollectionOrItem, root: ET.Element) -> types.WSGIResponse:
        looked = [there] if isinstance(there, Collection) else self._home(path, there)
        calendars = [one for one in looked if one.tag == agendas.CALENDAR]
        if not calendars:
            raise Unmet("D:supported-report")
        fields = {"Content-Type": f"text/calendar; charset={self._encoding}"}
        return HTTPStatus.OK, fields, free_busy.text(calendars, root), None

    def _set_rights(self, *request: Any) -> types.WSGIResponse:
        """What there is of rights is protected (RFC 3744 section 8.1.1): people share in the web interface, which asks
        whom they mean, and tells these."""
        environ, _, path, user, groups, info = request
        access = Access(self._rights, user, groups, path)
        if not access.check("w"):
            return httputils.NOT_ALLOWED
        root = self._read_xml_request_body(environ, info)
        if root is None or root.tag != xmlutils.make_clark("D:acl"):
            raise BadSyntax("A list of rights is set by a body")
        if next(iter(self._storage.discover(path)), None) is None:
            return httputils.NOT_FOUND
        if len(root):
            raise Unmet("D:no-protected-ace-conflict")
        return HTTPStatus.OK, {}, None, None

    def _describe(self, *request: Any) -> types.WSGIResponse:
        _, _, path, user, groups, info = request
        access = Access(self._rights, user, groups, path)
        if "l" in access.permissions or not access.check("w"):
            return httputils.NOT_ALLOWED
        asked = self._request_to_describe(request)
        with self._storage.acquire_lock("w", user):
            there = next(iter(self._storage.discover(path)), None)
            if there is None:
                return httputils.NOT_FOUND
            if not access.check("w", there):
                return httputils.NOT_ALLOWED
            status, answer = describing.describe(asked, there)
        assert answer is not None
        return status, {**self.xml_fields(), "DAV": CLASSES}, self._xml_response(answer, info), None

    def _make(self, *request: Any) -> types.WSGIResponse:
        environ, _, path, user, groups, info = request
        if environ["REQUEST_METHOD"] == "MKCOL" and not _is_xml(environ):
            return describing.UNSUPPORTED
        asked = self._request_to_describe(request)
        with self._storage.acquire_lock("w", user):
            made = describing.make(asked, self._storage, Access(self._rights, user, groups, path))
        if len(made) != 2:
            return made
        status, answer = made
        if answer is None:
            return status, {"Cache-Control": "no-cache"}, None, None  # RFC 4791 section 5.3.1
        return status, self.xml_fields(), self._xml_response(answer, info), None

    def _request_to_describe(self, request: tuple[Any, ...]) -> describing.Request:
        environ, base, path, user, _, info = request
        root = self._read_xml_request_body(environ, info)
        return describing.Request(self, environ["REQUEST_METHOD"], base, path, user, root)

    def _move(self, *request: Any) -> types.WSGIResponse:
        environ, base, path, user, _, _ = request
        assert isinstance(self._storage, Storage)
        there = next(iter(self._storage.discover(path)), None)
        if isinstance(there, (Collection, Folder)):
            return copying.rename(self._storage, self._rights, environ, base, path, user)
        to_path = pathutils.sanitize_path(unquote(environ["HTTP_DESTINATION"])).removeprefix(base)
        if there is not None and to_path == path:  # RFC 4918 section 9.9.4
            return httputils.FORBIDDEN
        status, headers, answer, asked = super().do_MOVE(*request)
        if status == HTTPStatus.FORBIDDEN and answer == httputils.FORBIDDEN[2] and isinstance(there, Item):
            parent = next(iter(self._storage.discover(pathutils.parent_path(to_path))), None)
            held = there.collection
            if isinstance(parent, Collection) and held is not None and parent.tag != held.tag:
                raise copying.unfit(parent)
        return status, {**dict(headers), **_location(environ, status)}, answer, asked

    def _copy(self, *request: Any) -> types.WSGIResponse:
        environ, base, path, user, _, _ = request
        assert isinstance(self._storage, Storage)
        status = copying.copy(self._storage, self._rights, environ, base, path, user)
        return (status, _location(environ, status), None, None) if isinstance(status, HTTPStatus) else status

    # ------------------------------------------------------------------ bodies

    def _clean_body(self, environ: dict[str, Any], path: str) -> None:
        """Replace the body of a PUT by what may be parsed."""
        octets = environ["wsgi.input"].read()
        if len(octets) > (MAX_ITEM_BODY if is_item(path) else MAX_BODY):
            raise Refused(Reason.TOO_BIG, "The item is too big")
        visit = VISIT.get()
        text = bodies.cleaned(
            octets, environ["CONTENT_TYPE"], visit.budget, of_cards=of_cards(path), is_item=is_item(path)
        ).encode()
        visit.sent = as_sent(octets) if is_item(path) else ""
        environ["wsgi.input"] = io.BytesIO(text)
        environ["CONTENT_LENGTH"] = str(len(text))

    def _read_xml_request_body(
        self, environ: types.WSGIEnviron, request_info: "dict[str, object]"
    ) -> ET.Element | None:
        octets = httputils.read_raw_request_body(self.configuration, environ)
        year = 1970 + int(self._clock.now() // 31_556_952)
        root = documents.parse(octets, year)
        visit = VISIT.get()
        visit.work, visit.worked = documents.work(root), 0
        if root is not None and environ["REQUEST_METHOD"] == "PROPFIND":
            _keep_known(root)
        if root is not None and environ["REQUEST_METHOD"] == "REPORT":
            _note_report(root)
        return root

    def _xml_response(self, xml_content: ET.Element, request_info: "dict[str, object]") -> bytes:
        """Add the person's mail addresses where Radicale knows only the principal (RFC 6638 section 2.4.1), and say
        what they may do in collections of others."""
        principal = VISIT.get().principal
        for element in xml_content.iter(_ADDRESS_SET):
            for address in (principal.address, *principal.aliases):
                if len(element):  # a 404 stays empty
                    ET.SubElement(element, HREF).text = f"mailto:{address}"
        for element in xml_content.iter(_LARGEST):
            if element.text:
                element.text = str(MAX_ITEM_OCTETS)
        dead_properties.fill(xml_content)
        live_properties.fill_versions(xml_content)
        live_properties.fill_items(xml_content)
        kinds.fit(xml_content, VISIT.get().kinds)
        rights.tell_truly(xml_content)
        return super()._xml_response(xml_content, request_info)


def _location(environ: Mapping[str, Any], status: int) -> dict[str, str]:
    """Where what was made is."""
    return {"Location": quote(unquote(environ["HTTP_DESTINATION"]))} if status == HTTPStatus.CREATED else {}


def _is_xml(environ: Mapping[str, Any]) -> bool:
    """Whether a body, if there is one, says that it is XML."""
    said = environ["CONTENT_TYPE"]
    return not said or environ["CONTENT_LENGTH"] == "0" or said in ("text/xml", "application/xml")


def _keep_known(root: ET.Element) -> None:
    """Unknown elements are as if they were not there (RFC 4918 section 17). Raises BadSyntax."""
    known = [one for one in root if one.tag in _PROPFINDS]
    if root.tag != _PROPFIND or len(known) != 1:
        raise BadSyntax("PROPFIND asks for one of prop, allprop and propname")
    root[:] = known


def _note_report(root: ET.Element) -> None:
    """What a report says of each item, of their number and of times. Raises BadSyntax, Unmet."""
    visit = VISIT.get()
    for data in root.iterfind(f"{_PROP}/*"):
        if data.tag in (views.CALENDAR_DATA, views.ADDRESS_DATA):
            visit.view = views.asked(data)
    visit.limit = documents.limit(root) if root.tag in _LIMITED else 0
    zone = documents.timezone(root)
    if zone:
        try:
            visit.zone = zones.read(zone)
        except BadSyntax:
            raise Unmet("C:valid-calendar-data") from None
