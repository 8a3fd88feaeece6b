"""Where the contacts are in the addresses of either interface, and what every page of theirs has."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar
from urllib.parse import quote

from mailserver.addressbook.books import Book, Entry
from mailserver.addressbook.card import CELL, FAX, HOME, WORK
from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import search_key
from webui.granting import people_of
from webui.http.offload import computed
from webui.page.context import SIMPLE, Services, Visit

PAGE = 50
"""Contacts or people on one page."""
BESIDE = 60
"""Groups, and categories, beside them."""


ENTRY_WORK = 256
"""Octets of a text that take as long to read as one contact takes to be looked at."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Around:
    """The frame of a page of contacts."""

    home: str
    """Prefix of their addresses."""
    tab: str
    """Which of the tabs is open."""
    books: tuple[Book, ...] = ()
    groups: tuple[Entry, ...] = ()
    categories: tuple[str, ...] = ()
    book: str = ""
    """What the list is narrowed to."""
    group: str = ""

    @property
    def writable(self) -> tuple[Book, ...]:
        """The books that contacts can be put into."""
        return tuple(book for book in self.books if book.writable)

    def titled(self, book: Book) -> Book:
        """The same book, with whose it is in its title."""
        return next((one for one in self.books if one.id == book.id), book)


def home(visit: Visit) -> str:
    """The prefix of the contacts' addresses: the complete interface has them at the top."""
    return "/s/contacts" if visit.interface == SIMPLE else "/contacts"


def address_of(visit: Visit, book: str, href: str) -> str:
    """The address of a card's page."""
    return f"{home(visit)}/fiche/{quote(book, safe='')}/{quote(href, safe='')}"


async def around(services: Services, visit: Visit, tab: str) -> Around:
    """The tabs, the books, and the groups and categories of what is in them."""
    books = await books_of(services, visit)
    entries = await services.books.entries(visit.account_id)
    groups, categories = await over(lambda: (groups_of(entries), categories_of(entries)), entries)
    return Around(
        home(visit),
        tab,
        tuple(books),
        tuple(groups[:BESIDE]),
        categories[:BESIDE],
        visit.query("carnet") if tab == "contacts" else "",
        visit.query("groupe") if tab == "contacts" else "",
    )


async def books_of(services: Services, visit: Visit) -> list[Book]:
    """The books of the person, own ones first; the title of what is shared says by whom."""
    books = await services.books.books(visit.account_id)
    people = await people_of(services, (book.owner for book in books))
    names = {login: principal.name for login, principal in people.items()}
    return [
        replace(book, title=f"{book.title} ({names.get(book.owner, book.owner)})") if book.owner else book
        for book in books
    ]


async def book_to_fill(services: Services, visit: Visit, asked: str) -> Book:
    """The book that was chosen among those one may write in, the first of them otherwise. Raises Refused(NOT_FOUND)."""
    books = [one for one in await books_of(services, visit) if one.writable]
    found = next((book for book in books if book.name == asked), books[0] if books else None)
    if found is None:
        raise Refused(Reason.NOT_FOUND)
    return found


def kinds(visit: Visit) -> tuple[tuple[str, str], ...]:
    """What an address, number or place may be for, in words."""
    _ = visit._
    return (("", _("autre")), (WORK, _("travail")), (HOME, _("domicile")), (CELL, _("mobile")), (FAX, _("fax")))


async def over(function: Callable[[], T], entries: Sequence[Entry]) -> T:
    """What a function makes of contacts: somebody may have fifty thousand."""
    return await computed(len(entries) * ENTRY_WORK, function)


def categories_of(entries: Sequence[Entry]) -> tuple[str, ...]:
    """All categories of cards, in alphabetical order."""
    return tuple(sorted({name for entry in entries for name in entry.card.categories}, key=search_key))


def groups_of(entries: Sequence[Entry]) -> list[Entry]:
    """The groups among cards."""
    return [entry for entry in entries if entry.card.is_group]
