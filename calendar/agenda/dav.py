"""Radicale's application with our bounds before it, our errors around it and a few answers of our own."""

import io
import re
import traceback
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

import structlog
from radicale import config, httputils, pathutils, types, xmlutils
from radicale.app import Application

from agenda import documents, preconditions, protected, rights
from agenda.access import Authenticated
from agenda.collection import Collection, UnsupportedComponent
from agenda.documents import HREF
from agenda.filtering import UnsupportedCollation
from agenda.request_context import MAX_OCCURRENCES, VISIT, TooMuchWork
from agenda.storage import Storage
from mailserver.accounts.provision import provision
from mailserver.calendars import cleaning
from mailserver.model.clock import Clock
from mailserver.model.errors import BadSyntax, Reason, Refused, Temporary
from mailserver.store.agenda import agendas
from mailserver.store.agenda.agenda_items import MAX_ITEM_OCTETS, UidTaken
from mailserver.store.engine.transactions import Store
from mailserver.texts.text import Text, both

log = structlog.get_logger("dav")

MAX_BODY = 4 * 1024 * 1024
"""A whole calendar or address book put at once."""
MAX_ITEM_BODY = 2 * MAX_ITEM_OCTETS
"""One item: serialising may shorten it."""
ATTEMPTS = 3
"""Times a request runs when what it saw moved under it."""
OPTIONS_HEADERS: Final = {
    "Allow": "OPTIONS, GET, HEAD, PUT, DELETE, PROPFIND, PROPPATCH, MKCOL, MKCALENDAR, MOVE, REPORT",
    "DAV": "1, 3, calendar-access, addressbook, extended-mkcol",
}
"""Class 2 (LOCK) is not ours to promise."""
_CONDITIONAL: Final = ("GET", "HEAD", "PUT", "DELETE", "MOVE", "PROPPATCH")
_WELCOME = both(Text("Adresse CalDAV et CardDAV : indiquez-la à votre logiciel d'agenda ou de contacts.\n"), "")
_ADDRESS_SET, _LARGEST = (
    xmlutils.make_clark(f"C:{name}") for name in ("calendar-user-address-set", "max-resource-size")
)
_METHOD = re.compile(r"^METHOD[;:].*\r?\n", re.IGNORECASE | re.MULTILINE)


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


class Dav(Application):
    """The WSGI application. A `Visit` is set in the thread for each call."""

    def __init__(self, store: Store, clock: Clock, realm: str) -> None:
        super().__init__(configuration(store, realm))
        self._store = store
        self._clock = clock
        self._homes: set[int] = set()

    def do_OPTIONS(self, *request: object) -> types.WSGIResponse:
        return HTTPStatus.OK, dict(OPTIONS_HEADERS), None, None

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
        return self._guard(super().do_PUT, request, self._clean_body)

    def do_DELETE(self, *request: object) -> types.WSGIResponse:
        return self._guard(super().do_DELETE, request)

    def do_MOVE(self, *request: object) -> types.WSGIResponse:
        return self._guard(super().do_MOVE, request)

    def do_MKCOL(self, *request: object) -> types.WSGIResponse:
        return self._guard(super().do_MKCOL, request)

    def do_MKCALENDAR(self, *request: object) -> types.WSGIResponse:
        return self._guard(super().do_MKCALENDAR, request)

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

    def do_REPORT(self, *request: object) -> types.WSGIResponse:
        """Free and busy times are an object like others: with a UID (RFC 5545 section 3.6.4)."""
        status, headers, answer, asked = self._guard(super().do_REPORT, request)
        if isinstance(answer, str):
            answer = answer.replace("BEGIN:VFREEBUSY\r\n", f"BEGIN:VFREEBUSY\r\nUID:{uuid.uuid4()}\r\n", 1)
        return status, headers, answer, asked

    def _describe(self, *request: Any) -> types.WSGIResponse:
        """All properties are set, or none (RFC 4918 section 9.2): Radicale would take any name for one to keep."""
        environ, base, path, *_, info = request
        refused = protected.refusal(self._read_xml_request_body(environ, info), xmlutils.make_href(base, path))
        environ["wsgi.input"].seek(0)
        there = next(iter(self._storage.discover(path)), None)
        if refused is None or not isinstance(there, Collection):
            return super().do_PROPPATCH(*request)
        fields = {"Content-Type": f"text/xml; charset={self._encoding}"}
        return HTTPStatus.MULTI_STATUS, fields, self._xml_response(refused, info), None

    # ------------------------------------------------------------------ around every method

    def _guard(
        self,
        method: Callable[..., types.WSGIResponse],
        request: tuple[object, ...],
        prepare: Callable[[dict[str, Any], str], None] | None = None,
    ) -> types.WSGIResponse:
        """Run a method, again if what it saw moved, and turn what it raises into answers."""
        environ, path, info = request[0], str(request[2]), request[5]
        assert isinstance(environ, dict)
        assert isinstance(info, dict)
        try:
            self._provision()
            if prepare is not None:
                prepare(environ, path)
            status, headers, answer, asked = self._attempt(method, request)
            return status, _header_fields(dict(headers), of_text=isinstance(answer, str)), answer, asked
        except UidTaken:
            return self._webdav_error_response(HTTPStatus.CONFLICT, f"{_space(path)}:no-uid-conflict", info)
        except UnsupportedComponent:
            return self._webdav_error_response(HTTPStatus.FORBIDDEN, "C:supported-calendar-component", info)
        except documents.TooManyFilters as refused:
            space = "CR" if refused.of_cards else "C"
            return self._webdav_error_response(HTTPStatus.FORBIDDEN, f"{space}:supported-filter", info)
        except UnsupportedCollation as refused:
            space = "CR" if refused.of_cards else "C"
            return self._webdav_error_response(HTTPStatus.FORBIDDEN, f"{space}:supported-collation", info)
        except TooMuchWork:
            return self._webdav_error_response(
                HTTPStatus.INSUFFICIENT_STORAGE, "D:number-of-matches-within-limits", info
            )
        except documents.TooManyProperties as refused:
            return _text(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, refused.text)
        except BadSyntax as error:
            return _text(HTTPStatus.BAD_REQUEST, str(error))
        except Refused as refused:
            return self._refusal(refused, info)
        except Temporary as error:
            return _text(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        except Exception as error:  # noqa: BLE001 - a defect of ours: logged here, because Radicale's log is off
            if isinstance(error.__cause__, Refused):  # raised by an item, wrapped by Radicale
                return self._refusal(error.__cause__, info)
            # The message of the error may quote the request: its place says enough.
            places = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-6:]]
            log.error("request failed", method=environ["REQUEST_METHOD"], error=type(error).__name__, places=places)
            return httputils.INTERNAL_SERVER_ERROR

    def _attempt(self, method: Callable[..., types.WSGIResponse], request: tuple[object, ...]) -> types.WSGIResponse:
        """Radicale decides by what it sees; when that moved before the write, it looks and decides again.

        The last time, a request without a precondition overwrites whatever is there.
        """
        environ, path = request[0], str(request[2])
        assert isinstance(environ, dict)
        asked = environ.get(preconditions.MATCH, ""), environ.get(preconditions.NONE_MATCH, "")
        for attempt in range(ATTEMPTS):
            VISIT.get().overwrite = attempt == ATTEMPTS - 1 and not any(asked)
            try:
                verdict = self._condition(environ, path, asked)
                if verdict is not None:
                    return verdict
                return method(*request)
            except UidTaken:
                raise
            except Refused as refused:
                if refused.reason is not Reason.CONFLICT:
                    raise
                environ["wsgi.input"].seek(0)
        return httputils.PRECONDITION_FAILED

    def _condition(self, environ: dict[str, Any], path: str, asked: tuple[str, str]) -> types.WSGIResponse | None:
        """What the entity tags of a request say about an item; None: the method may go on.

        What is answered with 403 or 404 anyhow has no condition (RFC 9110 section 13.2.1).
        """
        method = environ["REQUEST_METHOD"]
        if not any(asked) or not _is_item(path) or method not in _CONDITIONAL:
            return None
        there = next(iter(self._storage.discover(path)), None)
        if there is None and method != "PUT":
            return None
        verdict = preconditions.judge(environ, asked, there.etag if there is not None else None)
        if verdict is None or (method not in preconditions.SAFE and not self._may_write(path)):
            return None
        return verdict, {"ETag": there.etag} if there is not None else {}, None, None

    def _may_write(self, path: str) -> bool:
        """Whether the person may put items where this one is."""
        return "w" in self._rights.authorization(VISIT.get().principal.login, set(), path.rpartition("/")[0])

    def _provision(self) -> None:
        """The first request may come before the first login or delivery gave the account its collections."""
        account_id = VISIT.get().principal.account_id
        if account_id in self._homes:
            return
        if not self._store.read_now(agendas.provisioned, account_id):
            self._store.write_now(provision, account_id)
        if len(self._homes) >= 10_000:
            self._homes.clear()
        self._homes.add(account_id)

    def _refusal(self, refused: Refused, info: dict[str, object]) -> types.WSGIResponse:
        match refused.reason:
            case Reason.TOO_BIG:
                return self._webdav_error_response(HTTPStatus.FORBIDDEN, "C:max-resource-size", info)
            case Reason.LIMIT:
                return _text(HTTPStatus.INSUFFICIENT_STORAGE, refused.text)
            case Reason.INVALID:
                return _text(HTTPStatus.BAD_REQUEST, refused.text)
            case Reason.NOT_FOUND:
                return httputils.NOT_FOUND
            case _:
                return _text(HTTPStatus.FORBIDDEN, refused.text)

    # ------------------------------------------------------------------ bodies

    def _clean_body(self, environ: dict[str, Any], path: str) -> None:
        """Replace the body of a PUT by what may be parsed."""
        octets = environ["wsgi.input"].read()
        if len(octets) > (MAX_ITEM_BODY if _is_item(path) else MAX_BODY):
            raise Refused(Reason.TOO_BIG, "The item is too big")
        # What is kept is no message to anybody (RFC 4791 section 4.1); the text is unfolded, a line is a property.
        text = _METHOD.sub("", cleaning.clean(octets, VISIT.get().budget)).encode()
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
        visit.expand = documents.take_expansion(root) if root is not None else None
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
        rights.tell_truly(xml_content)
        return super()._xml_response(xml_content, request_info)


def _header_fields(said: Mapping[str, str], *, of_text: bool) -> dict[str, str]:
    """What Radicale says in a header, set right: no locks (class 2), no empty entity tag, one charset."""
    fields = {name: value for name, value in said.items() if value}
    if "DAV" in fields:
        fields["DAV"] = OPTIONS_HEADERS["DAV"]
    if of_text and "Content-Type" in fields:  # Radicale adds the charset of a text
        fields["Content-Type"] = fields["Content-Type"].partition(";")[0]
    return fields


def _is_item(path: str) -> bool:
    return pathutils.strip_path(path).count("/") >= 2


def _space(path: str) -> str:
    """Which protocol's error names suit a path: the first look at its end is enough."""
    return "CR" if path.endswith(".vcf") else "C"


def _text(status: int, text: str) -> types.WSGIResponse:
    return status, {"Content-Type": "text/plain"}, text, None
