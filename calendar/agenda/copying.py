"""COPY of an item into another collection; MOVE of a collection within its home (RFC 4918 sections 9.8, 9.9)."""

import posixpath
from http import HTTPStatus
from urllib.parse import quote, unquote

from radicale import httputils, pathutils, types
from radicale.app.base import Access
from radicale.item import Item
from radicale.rights import BaseRights

from agenda.collection import Collection
from agenda.errors import Unmet
from agenda.storage import Storage
from mailserver.store.agenda import agendas
from mailserver.store.agenda.agenda_items import UidTaken


def copy(
    store: Storage, rights: BaseRights, environ: types.WSGIEnviron, base: str, path: str, user: str
) -> HTTPStatus | types.WSGIResponse:
    """Raises Unmet, UidTaken, Refused."""
    to_path = pathutils.sanitize_path(unquote(environ.get("HTTP_DESTINATION", "")))
    if not f"{to_path}/".startswith(f"{base}/"):
        return httputils.NOT_ALLOWED
    to_path = to_path.removeprefix(base)
    source, target = (Access(rights, user, set(), one) for one in (path, to_path))
    if not source.check("r") or not target.check("w"):
        return httputils.NOT_ALLOWED
    with store.acquire_lock("w", user):
        item = next(iter(store.discover(path)), None)
        if item is None:
            return httputils.NOT_FOUND
        there = next(iter(store.discover(to_path)), None)
        if not isinstance(item, Item) or (there is not None and not isinstance(there, Item)):
            return httputils.FORBIDDEN  # of collections there are no copies
        parent = next(iter(store.discover(pathutils.parent_path(to_path))), None)
        if parent is None:
            return httputils.CONFLICT
        assert isinstance(item.collection, Collection)
        if not isinstance(parent, Collection) or parent.tag != item.collection.tag:
            raise unfit(parent)
        if to_path == path or not target.check("w", item):
            return httputils.FORBIDDEN
        if there is not None and environ.get("HTTP_OVERWRITE") == "F":
            return httputils.PRECONDITION_FAILED
        if there is not None and there.uid != item.uid:
            raise UidTaken
        parent.upload(posixpath.basename(pathutils.strip_path(to_path)), item)
        return HTTPStatus.CREATED if there is None else HTTPStatus.NO_CONTENT


def unfit(parent: object) -> Unmet:
    """That what is sent there is of another kind than what a collection holds (RFC 4791 5.3.2.1, RFC 6352 6.3.2.1)."""
    of_cards = isinstance(parent, Collection) and parent.tag == agendas.ADDRESS_BOOK
    return Unmet("CR:supported-address-data" if of_cards else "C:supported-calendar-data")


def rename(
    store: Storage, rights: BaseRights, environ: types.WSGIEnviron, base: str, path: str, user: str
) -> types.WSGIResponse:
    """A collection keeps its items, their history and whom it is shared with. Raises Refused."""
    to_path = pathutils.sanitize_path(unquote(environ.get("HTTP_DESTINATION", "")))
    if not f"{to_path}/".startswith(f"{base}/"):
        return httputils.NOT_ALLOWED
    to_path = to_path.removeprefix(base)
    source, target = (Access(rights, user, set(), one) for one in (path, to_path))
    parts = pathutils.strip_path(to_path).split("/")
    if not source.check("w") or "d" in source.permissions or not target.check("w") or len(parts) != 2:
        return httputils.NOT_ALLOWED
    with store.acquire_lock("w", user):
        held = next(iter(store.discover(path)), None)
        if held is None:
            return httputils.NOT_FOUND
        if not isinstance(held, Collection):
            return httputils.FORBIDDEN  # a home stays where it is
        if next(iter(store.discover(to_path)), None) is not None:
            # Nobody loses a whole collection to the name of another.
            return httputils.PRECONDITION_FAILED if environ.get("HTTP_OVERWRITE") == "F" else httputils.FORBIDDEN
        held.rename(parts[1])
        return HTTPStatus.CREATED, {"Location": quote(unquote(environ["HTTP_DESTINATION"]))}, None, None
