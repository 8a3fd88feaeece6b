"""One's own contacts and the latest correspondents, as lists."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.addressbook.books import Entry
from mailserver.addressbook.merging import Merged, merge
from mailserver.model.folding import search_key
from mailserver.store.web.webmail import correspondents
from webui.contacts.page_context import PAGE, Around, around, categories_of, groups_of, over
from webui.page.context import Services, Visit
from webui.page.shell.avatars import initials
from webui.page.shell.mail_shell import MailShell, query_string, surroundings

LATELY = 300
"""Messages of the inbox, and of those sent, that tell whom somebody has to do with."""
MAX_RECENT = 60
CHOICES = 500
"""Groups, and categories, to choose from."""


@dataclass(frozen=True, slots=True)
class Line:
    """A contact in the list."""

    entry: Entry
    initials: str
    members: int = 0
    books: tuple[str, ...] = ()
    """Where their cards stand, when that is not one book of one's own."""
    other_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContactsPage:
    """A page of contacts, in alphabetical order."""

    frame: MailShell
    around: Around
    lines: tuple[Line, ...]
    total: int
    found: int
    book: str
    query: str
    group: str
    """`g:` and a group's UID, or `c:` and a category."""
    groups: tuple[Entry, ...]
    categories: tuple[str, ...]
    everyone: str
    """The addresses of those found, to write to all of them; empty when there are too many."""
    next: str
    begins: bool


@dataclass(frozen=True, slots=True)
class Correspondent:
    """Somebody of the recent mail."""

    name: str
    address: str
    at: str
    written: bool
    entry: Entry | None
    initials: str


@dataclass(frozen=True, slots=True)
class RecentPage:
    """The latest correspondents."""

    frame: MailShell
    around: Around
    lines: tuple[Correspondent, ...]


MAX_TOGETHER = 50
"""Addresses that a link to write to all of them carries."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What a list is made from."""

    total: int
    merged: list[Merged]
    groups: tuple[Entry, ...]
    categories: tuple[str, ...]
    addresses: tuple[str, ...]


async def show_contacts(services: Services, visit: Visit) -> Response:
    """GET /contacts: filtered by book, group, category and words; a page begins behind the last one shown before."""
    name = visit.query("carnet")
    entries = await services.books.entries(visit.account_id, name)
    group, words = visit.query("groupe"), search_key(visit.query("q")).split()[:8]
    surrounding = await around(services, visit, "contacts")
    foreign = {book.name for book in surrounding.books if book.owner}
    found = await over(lambda: _find(entries, foreign, group, words), entries)
    after = (visit.query("ordre"), visit.query("dans"), visit.query("apres"))
    begins = not (after[2] or after[0])
    start = 0 if begins else bisect_right(found.merged, after, key=lambda one: one.key)
    shown = found.merged[start : start + PAGE]
    more = ""
    if len(found.merged) > start + PAGE:
        order, book, href = shown[-1].key
        more = query_string(carnet=name, groupe=group, q=visit.query("q"), ordre=order, dans=book, apres=href)
    page = ContactsPage(
        frame=await surroundings(services, visit),
        around=surrounding,
        lines=tuple(_line(one, surrounding) for one in shown),
        total=found.total,
        found=len(found.merged),
        book=name,
        query=visit.query("q"),
        group=group,
        groups=found.groups,
        categories=found.categories,
        everyone=", ".join(found.addresses) if group and 0 < len(found.addresses) <= MAX_TOGETHER else "",
        next=more,
        begins=begins,
    )
    return services.pages.answer(visit, "contacts/list.html", page)


def _find(entries: Sequence[Entry], foreign: set[str], group: str, words: Sequence[str]) -> _Found:
    """Who fits, and what else may be chosen."""
    groups, categories = groups_of(entries), categories_of(entries)
    everybody = merge(entries, foreign)
    kind, _, name = group.partition(":")
    members = {uid for one in groups if one.card.uid == name for uid in one.card.members} if kind == "g" else set()

    def belongs(entry: Entry) -> bool:
        if kind == "c":
            return name in entry.card.categories
        return kind != "g" or entry.card.uid in members

    def fits(one: Merged) -> bool:
        said = " ".join(entry.words for entry in one.entries)
        return any(map(belongs, one.entries)) and all(word in said for word in words)

    found = [one for one in everybody if fits(one)]
    addresses = dict.fromkeys(one.entry.card.emails[0].text for one in found if one.entry.card.emails)
    chosen = [one for one in groups[CHOICES:] if kind == "g" and one.card.uid == name][:1]
    also = (name,) if kind == "c" and name in categories[CHOICES:] else ()
    return _Found(
        len(everybody),
        found,
        (*groups[:CHOICES], *chosen),
        (*categories[:CHOICES], *also),
        tuple(addresses),
    )


def _line(one: Merged, surrounding: Around) -> Line:
    entry, titles = one.entry, {book.name: book for book in surrounding.books}
    homes = [titles[card.book] for card in one.entries if card.book in titles]
    alone = len(homes) == 1 and not homes[0].owner
    books = () if alone else tuple(dict.fromkeys(book.title for book in homes))
    return Line(entry, initials(entry.name), len(entry.card.members), books, one.other_names)


async def recent(services: Services, visit: Visit) -> Response:
    """GET /contacts/recents: whom the person wrote to or heard from lately, the latest first."""
    account_id = visit.account_id
    written = await services.store.read(correspondents.written_to, account_id, LATELY)
    heard = await services.store.read(correspondents.heard_from, account_id, LATELY)
    entries = await services.books.entries(account_id)
    known = await over(lambda: {email.text.casefold(): one for one in entries for email in one.card.emails}, entries)
    latest: dict[str, correspondents.Recent] = {}
    for one in sorted((*written, *heard), key=lambda one: -one.at):
        if not visit.principal.owns(one.address):
            latest.setdefault(one.address.casefold(), one)
    lines = []
    for key, one in list(latest.items())[:MAX_RECENT]:
        entry = known.get(key)
        name = entry.name if entry is not None else one.name
        at = visit.language.short_date(one.at, visit.now)
        lines.append(Correspondent(name, one.address, at, one.written, entry, initials(name or one.address)))
    page = RecentPage(await surroundings(services, visit), await around(services, visit, "recents"), tuple(lines))
    return services.pages.answer(visit, "contacts/recent.html", page)
