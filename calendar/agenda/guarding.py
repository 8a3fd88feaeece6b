"""Around every method: who has a home, what the request is conditional on, and what its errors are called.

Radicale decides by what it sees; what moved under it makes it look again.
"""

import functools
import traceback
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import structlog
from radicale import httputils, pathutils, types, xmlutils
from radicale.app import Application
from radicale.config import Configuration

from agenda import documents, if_header, preconditions
from agenda.collection import Collection
from agenda.documents import HREF
from agenda.errors import InvalidFilter, Unmet
from agenda.request_context import VISIT, TooMuchWork
from mailserver.accounts.provision import provision
from mailserver.model.errors import BadSyntax, Reason, Refused, Temporary
from mailserver.store.agenda import agendas
from mailserver.store.agenda.agenda_items import UidTaken
from mailserver.store.engine.transactions import Store

log = structlog.get_logger("dav")

ATTEMPTS = 3
"""Times a request runs when what it saw moved under it."""
CLASSES: Final = "1, 3, access-control, calendar-access, addressbook, extended-mkcol"
"""The DAV field; class 2 (LOCK) is not ours to promise."""
_ALLOWED: Final = ("OPTIONS", "GET", "HEAD", "PUT", "DELETE", "PROPFIND", "PROPPATCH", "COPY", "MOVE", "REPORT", "ACL")
_MAKING: Final = ("MKCOL", "MKCALENDAR")
"""Allowed only where nothing is yet (RFC 4918 section 9.3, RFC 4791 section 5.3.1)."""
METHODS: Final = frozenset({*_ALLOWED, *_MAKING})
_CONDITIONAL: Final = ("GET", "HEAD", "PUT", "DELETE", "COPY", "MOVE", "PROPPATCH")
_DEPTHS: Final = ("0", "1", "infinity")
_NEEDED: Final = {
    "PUT": "D:bind",
    "DELETE": "D:unbind",
    "COPY": "D:bind",
    "MOVE": "D:bind",
    "MKCOL": "D:bind",
    "MKCALENDAR": "D:bind",
    "PROPPATCH": "D:write-properties",
    "ACL": "D:write-acl",
}
"""The privilege that a method needs; others: to read."""


class Guarded(Application):
    """Radicale's application, whose methods run in `_guard`."""

    def __init__(self, settings: Configuration, store: Store) -> None:
        super().__init__(settings)
        self._store = store
        self._homes: set[int] = set()

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
            _check_depth(environ, path)
            if prepare is not None:
                prepare(environ, path)
            status, headers, answer, asked = self._attempt(method, request)
            if status == HTTPStatus.FORBIDDEN and answer == httputils.NOT_ALLOWED[2]:
                return self._missing_privilege(environ, str(request[1]), path, info)
            if status == HTTPStatus.CONFLICT and isinstance(answer, bytes) and b"no-uid-conflict" in answer:
                return self._uid_conflict(environ, str(request[1]), path, info)
            fields = _header_fields(dict(headers), of_text=isinstance(answer, str))
            if status == HTTPStatus.METHOD_NOT_ALLOWED:
                fields["Allow"] = self.allowed(path)
            return status, fields, answer, asked
        except UidTaken:
            return self._uid_conflict(environ, str(request[1]), path, info)
        except Unmet as unmet:
            return self._webdav_error_response(unmet.status, unmet.condition, info)
        except InvalidFilter as refused:
            return self._webdav_error_response(HTTPStatus.FORBIDDEN, refused.condition, info)
        except TooMuchWork:
            if environ["REQUEST_METHOD"] == "PROPFIND" and environ.get("HTTP_DEPTH") == "infinity":
                return self._webdav_error_response(HTTPStatus.FORBIDDEN, "D:propfind-finite-depth", info)
            return self._webdav_error_response(
                HTTPStatus.INSUFFICIENT_STORAGE, "D:number-of-matches-within-limits", info
            )
        except documents.TooManyProperties as refused:
            return _plain(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, refused.text)
        except BadSyntax as error:
            return _plain(HTTPStatus.BAD_REQUEST, str(error))
        except Refused as refused:
            return self._refusal(refused, path, info)
        except Temporary as error:
            return _plain(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        except Exception as error:  # noqa: BLE001 - a defect of ours: logged here, because Radicale's log is off
            if isinstance(error.__cause__, Unmet):
                return self._webdav_error_response(error.__cause__.status, error.__cause__.condition, info)
            if isinstance(error.__cause__, Refused):  # raised by an item, wrapped by Radicale
                return self._refusal(error.__cause__, path, info)
            # The message of the error may quote the request: its place says enough.
            places = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-6:]]
            log.error("request failed", method=environ["REQUEST_METHOD"], error=type(error).__name__, places=places)
            return httputils.INTERNAL_SERVER_ERROR

    def allowed(self, path: str) -> str:
        """The methods that what is there allows (RFC 9110 section 10.2.1); of others' trees nothing is told."""
        own = pathutils.strip_path(path).partition("/")[0] == VISIT.get().principal.login
        is_new = own and next(iter(self._storage.discover(path)), None) is None
        return ", ".join((*_ALLOWED, *_MAKING) if is_new else _ALLOWED)

    def _attempt(self, method: Callable[..., types.WSGIResponse], request: tuple[object, ...]) -> types.WSGIResponse:
        """Radicale decides by what it sees; when that moved before the write, it looks and decides again.

        The last time, a request without a precondition overwrites whatever is there.
        """
        environ, path = request[0], str(request[2])
        assert isinstance(environ, dict)
        asked = environ.get(preconditions.MATCH, ""), environ.get(preconditions.NONE_MATCH, "")
        state = if_header.parse(environ["HTTP_IF"]) if "HTTP_IF" in environ else []
        bound = any(asked) or bool(state) or preconditions.UNMODIFIED in environ or environ["HTTP_OVERWRITE"] == "F"
        for attempt in range(ATTEMPTS):
            VISIT.get().overwrite = attempt == ATTEMPTS - 1 and not bound
            try:
                if state and not self._holds(state, environ, path, str(request[1]), pinned=not any(asked)):
                    return httputils.PRECONDITION_FAILED
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
        item = is_item(path)
        dated = preconditions.MODIFIED in environ or preconditions.UNMODIFIED in environ
        if not (any(asked) or dated) or method not in _CONDITIONAL or not pathutils.strip_path(path).count("/"):
            return None
        there = next(iter(self._storage.discover(path)), None)
        if there is None and method != "PUT":
            return None
        verdict = preconditions.judge(environ, asked, there.etag if there is not None else None)
        if verdict is None and there is not None:
            verdict = preconditions.judge_dates(environ, asked, there.last_modified or "")
        if verdict is None or (method not in preconditions.SAFE and not self._may_write(path, is_item=item)):
            return None
        return verdict, {"ETag": there.etag} if there is not None else {}, None, None

    def _may_write(self, path: str, *, is_item: bool) -> bool:
        """Whether the person may put items where this one is, or describe this collection."""
        place = path.rpartition("/")[0] if is_item else path
        return "w" in self._rights.authorization(VISIT.get().principal.login, set(), place)

    def _holds(
        self, lists: list[if_header.Conditions], environ: dict[str, Any], path: str, base: str, *, pinned: bool
    ) -> bool:
        """Whether an If header holds; then what it was judged by is what is changed. Raises BadSyntax."""
        look = functools.cache(self._state)
        if not if_header.holds(lists, lambda one: look(_local(one, base) or path)):
            return False
        if pinned:
            _pin(environ, path, look(path)[0])
        return True

    def _state(self, path: str) -> if_header.State:
        """The entity tag and the tokens of what is at a path of ours."""
        there = next(iter(self._storage.discover(path)), None)
        if there is None:
            return "", frozenset()
        tokens = frozenset({there.sync()[0]}) if isinstance(there, Collection) else frozenset[str]()
        return there.etag, tokens

    def _missing_privilege(
        self, environ: dict[str, Any], base: str, path: str, info: dict[str, object]
    ) -> types.WSGIResponse:
        """RFC 3744 section 7.1.1: of a move or a copy, to take it from here, or to put it there."""
        method = environ["REQUEST_METHOD"]
        place, needed = path, _NEEDED.get(method, "D:read")
        if method in ("COPY", "MOVE"):
            reads = self._rights.authorization(VISIT.get().principal.login, set(), pathutils.parent_path(path))
            if self._may_write(path, is_item=is_item(path)) or (method == "COPY" and reads):
                place = _destination(environ, base)
            else:
                needed = "D:unbind" if method == "MOVE" else "D:read"
        error = xmlutils.webdav_error("D:need-privileges")
        resource = ET.SubElement(error[0], xmlutils.make_clark("D:resource"))
        ET.SubElement(resource, HREF).text = xmlutils.make_href(base, place)
        ET.SubElement(ET.SubElement(resource, xmlutils.make_clark("D:privilege")), xmlutils.make_clark(needed))
        return HTTPStatus.FORBIDDEN, self.xml_fields(), self._xml_response(error, info), None

    def _uid_conflict(
        self, environ: dict[str, Any], base: str, path: str, info: dict[str, object]
    ) -> types.WSGIResponse:
        """With the address of the item that has the UID, or of the one that has another: RFC 4791 section 5.3.2.1. Of a
        whole file it is in the file itself.
        """
        space, place = "CR" if of_cards(path) else "C", VISIT.get().holder
        if not place:
            place = _destination(environ, base) if environ["REQUEST_METHOD"] in ("COPY", "MOVE") else path
        error = xmlutils.webdav_error(f"{space}:no-uid-conflict")
        if is_item(place):
            ET.SubElement(error[0], HREF).text = xmlutils.make_href(base, place)
        return HTTPStatus.CONFLICT, self.xml_fields(), self._xml_response(error, info), None

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

    def _refusal(self, refused: Refused, path: str, info: dict[str, object]) -> types.WSGIResponse:
        match refused.reason:
            case Reason.TOO_BIG:
                space = "CR" if of_cards(path) else "C"
                return self._webdav_error_response(HTTPStatus.FORBIDDEN, f"{space}:max-resource-size", info)
            case Reason.LIMIT:
                return _plain(HTTPStatus.INSUFFICIENT_STORAGE, refused.text)
            case Reason.INVALID:
                return _plain(HTTPStatus.BAD_REQUEST, refused.text)
            case Reason.NOT_FOUND:
                return httputils.NOT_FOUND
            case _:
                return _plain(HTTPStatus.FORBIDDEN, refused.text)

    def xml_fields(self) -> dict[str, str]:
        """The header of an answer in XML."""
        return {"Content-Type": f"text/xml; charset={self._encoding}"}


def _pin(environ: dict[str, Any], path: str, tag: str) -> None:
    """Let nothing but what has this entity tag be changed; without one, nothing is there."""
    if is_item(path) and environ["REQUEST_METHOD"] in ("PUT", "DELETE"):
        if tag:
            environ[preconditions.MATCH] = tag
        elif environ["REQUEST_METHOD"] == "PUT":
            environ[preconditions.NONE_MATCH] = "*"


def _destination(environ: dict[str, Any], base: str) -> str:
    """The path below ours that something goes to."""
    return pathutils.sanitize_path(unquote(environ["HTTP_DESTINATION"]).removeprefix(base))


def _local(address: str, base: str) -> str:
    """The path of an address below ours. Raises BadSyntax for what is none."""
    try:
        path = unquote(urlsplit(address).path)
    except ValueError:
        raise BadSyntax("An If header with an address that is none") from None
    return pathutils.sanitize_path(path.removeprefix(base)) if path else ""


def _check_depth(environ: dict[str, Any], path: str) -> None:
    """How deep a method reaches (RFC 4918 section 10.2). Who asks for everything at once by name is refused, as section
    9.1 lets us; who says nothing, which means the same, gets it as long as it is not too much. Raises BadSyntax, Unmet.
    """
    said, method = environ.get("HTTP_DEPTH", "").lower(), environ["REQUEST_METHOD"]
    if said and said not in _DEPTHS:
        raise BadSyntax("Depth is 0, 1 or infinity")
    if method == "PROPFIND":
        if said == "infinity" and not is_item(path):
            raise Unmet("D:propfind-finite-depth")
        environ["HTTP_DEPTH"] = said or "infinity"
    if method in ("DELETE", "MOVE") and not is_item(path) and said not in ("", "infinity"):
        raise BadSyntax("A collection goes with all that is in it")
    if method == "COPY" and said == "1":
        raise BadSyntax("A copy is of one thing, or of all that is in it")


def _header_fields(said: Mapping[str, str], *, of_text: bool) -> dict[str, str]:
    """What Radicale says in a header, set right: no locks (class 2), no empty entity tag, one charset."""
    fields = {name: value for name, value in said.items() if value}
    if "DAV" in fields:
        fields["DAV"] = CLASSES
    if of_text and "Content-Type" in fields:  # Radicale adds the charset of a text
        fields["Content-Type"] = fields["Content-Type"].partition(";")[0]
    return fields


def is_item(path: str) -> bool:
    return pathutils.strip_path(path).count("/") >= 2


def of_cards(path: str) -> bool:
    """Which protocol's error names suit a path: by what holds it, or its end where nobody has looked yet."""
    whole = pathutils.strip_path(path)
    kind = VISIT.get().kinds.get(whole.rpartition("/")[0] if is_item(path) else whole)
    return kind == agendas.ADDRESS_BOOK if kind is not None else path.endswith(".vcf")


def _plain(status: int, text: str) -> types.WSGIResponse:
    return status, {"Content-Type": "text/plain"}, text, None
