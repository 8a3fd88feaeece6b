"""What a running script may ask of its account. It runs in a thread of its own, so that it may read the store."""

from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path

from mailserver.addressbook.books import AddressBooks
from mailserver.filters.active import compiled_or_fault
from mailserver.filters.sieve import Script, SieveError
from mailserver.model.errors import Refused
from mailserver.model.messages import objectids
from mailserver.store.account import filter_memory, filters
from mailserver.store.account.filter_memory import Kind
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import access, mailboxes
from mailserver.store.mail.access import Viewer, annotations
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.people.mailing_lists import personal_lists

GLOBAL = "sieve"
"""Folder of the instance with scripts that everybody may include, `NAME.sieve`."""
MAX_GLOBAL = 256 * 1024
"""Octets of one of them."""

ADDRESS_BOOK = frozenset((":addrbook:default", "urn:ietf:params:sieve:addrbook:default"))
"""The one external list whose name a standard gives (RFC 6134 section 2.5)."""


class NeedsAccount(Exception):
    """A script asks something of its account."""


class NoAccount:
    """In place of an account: whatever a script asks, it needs one (NeedsAccount)."""

    def mailbox_exists(self, name: str) -> bool:
        raise NeedsAccount

    def special_use(self, use: str) -> str | None:
        raise NeedsAccount

    def in_list(self, name: str, value: str) -> bool | None:
        raise NeedsAccount

    def members(self, name: str) -> Collection[str] | None:
        raise NeedsAccount

    def script(self, location: str, name: str) -> Script | None:
        raise NeedsAccount

    def seen(self, handle: str, seconds: int, last: bool) -> bool:
        raise NeedsAccount

    def mailbox_by_id(self, object_id: str) -> str | None:
        raise NeedsAccount

    def metadata(self, mailbox: str | None, annotation: str) -> str | None:
        raise NeedsAccount


class AccountHost:
    """One account during one run."""

    def __init__(self, store: Store, books: AddressBooks, viewer: Viewer, folder: Path) -> None:
        self._store = store
        self._books = books
        self._viewer = viewer
        self._account_id = viewer.account_id
        self._folder = folder
        self._lists: dict[str, Collection[str] | None] = {}
        self._scripts: dict[tuple[str, str], Script | SieveError | None] = {}
        self._annotations: dict[str, Mapping[str, str]] = {}

    @cached_property
    def _boxes(self) -> Mapping[str, Mailbox]:
        return {box.name: box for box in self._store.read_now(mailboxes.listing, self._account_id)}

    def mailbox_exists(self, name: str) -> bool:
        if not access.is_foreign(name):
            return mailboxes.canonical(name) in self._boxes
        try:
            self._store.read_now(access.find, self._viewer, name, "i")
        except Refused:
            return False
        return True

    def special_use(self, use: str) -> str | None:
        wanted = use.casefold()
        return next((box.name for box in self._boxes.values() if box.special_use.casefold() == wanted), None)

    def in_list(self, name: str, value: str) -> bool | None:
        members = self.members(name)
        return None if members is None else value.casefold() in members

    def members(self, name: str) -> Collection[str] | None:
        """The addresses of an external list, folded: those of the address book, or of a list of the account's own."""
        if name in ADDRESS_BOOK:
            return self._contacts
        if name not in self._lists:
            found = self._store.read_now(personal_lists.members_of, self._account_id, personal_lists.key_of(name))
            self._lists[name] = None if found is None else frozenset(member.casefold() for member in found)
        return self._lists[name]

    @cached_property
    def _contacts(self) -> Collection[str]:
        entries = self._store.read_now(self._books.entries_of, self._account_id, own=True)
        return frozenset(email.text.casefold() for entry in entries for email in entry.card.emails)

    def script(self, location: str, name: str) -> Script | None:
        key = (location, name)
        if key not in self._scripts:
            source = self._global(name) if location == "global" else self._personal(name)
            self._scripts[key] = None if source is None else compiled_or_fault(source)
        compiled = self._scripts[key]
        if isinstance(compiled, SieveError):
            raise compiled
        return compiled

    def _personal(self, name: str) -> bytes | None:
        if not is_storable(name):
            return None
        try:
            return self._store.read_now(filters.octets, self._account_id, name)
        except Refused:
            return None

    def _global(self, name: str) -> bytes | None:
        path = self._folder / f"{name}.sieve"
        if path.parent != self._folder or name.startswith("."):
            return None
        try:
            with path.open("rb") as file:
                source = file.read(MAX_GLOBAL + 1)
        except (OSError, ValueError):
            return None
        return source if len(source) <= MAX_GLOBAL else None

    def seen(self, handle: str, seconds: int, last: bool) -> bool:
        key = filter_memory.key_of(handle)
        return self._store.read_now(filter_memory.seen, self._account_id, Kind.DUPLICATE, key)

    def mailbox_by_id(self, object_id: str) -> str | None:
        boxes = self._boxes.values()
        return next((box.name for box in boxes if objectids.mailbox_id(box.uidvalidity) == object_id), None)

    def metadata(self, mailbox: str | None, annotation: str) -> str | None:
        name = "" if mailbox is None else mailbox
        if name not in self._annotations:
            self._annotations[name] = self._of_mailbox(name)
        return self._annotations[name].get(annotation.casefold())

    def _of_mailbox(self, name: str) -> Mapping[str, str]:
        if not is_storable(name):
            return {}
        try:
            found = self._store.read_now(annotations.get, Viewer(self._account_id), name)
        except Refused:
            return {}
        return {key.casefold(): value.decode("utf-8", "replace") for key, value in found.items()}


def is_storable(name: str) -> bool:
    """Whether a database takes this text: PostgreSQL has no NUL in its texts, and none has half a character."""
    return "\0" not in name and not any("\ud800" <= character <= "\udfff" for character in name)
