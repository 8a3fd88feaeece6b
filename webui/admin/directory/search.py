"""One search in all of the console: accounts, schools, lists and boxes. What is the only one found opens at once."""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver.model.folding import search_key
from mailserver.model.identity import ListKind
from mailserver.store.people import schools
from mailserver.store.people.mailing_lists import lists
from mailserver.store.people.mailing_lists.lists import ListEntry
from mailserver.store.people.schools import School
from webui.admin.console_page import Top, top
from webui.admin.directory import people
from webui.page.context import Services, Visit
from webui.page.rendering import redirect

SHOWN = 10
"""Of each kind; their own pages have all."""
MAX_WORDS = 6


@dataclass(frozen=True, slots=True)
class SearchPage:
    """What was found."""

    top: Top
    query: str
    people: tuple[people.Line, ...]
    schools: tuple[School, ...]
    entries: tuple[tuple[ListEntry, str], ...]
    """Lists and boxes, with where each has its sheet."""
    more: tuple[tuple[str, str], ...]
    """Of which kind there is more than is shown: its words, and the address of all of them."""


async def show_search(services: Services, visit: Visit) -> Response:
    """GET /admin/recherche."""
    query = visit.query("q").strip()[:200]
    if not query:
        return redirect(visit, "/admin/comptes")
    _ = visit._
    found = await people.search(services, visit, query)
    wanted = [search_key(word) for word in query.split()[:MAX_WORDS]]
    places = [
        one
        for one in await services.store.read(schools.listing)
        if _has(f"{one.uai} {one.name} {one.town} {one.kind}", wanted)
    ]
    known = [] if services.settings.ldap is not None else await services.store.read(lists.listing)
    entries = [(one, _sheet(one)) for one in known if _has(f"{one.address} {one.name} {one.uai}", wanted)]
    links = [
        *(f"/admin/comptes/{one.account_id}" for one in found),
        *(f"/admin/etablissements/{one.uai}" for one in places),
        *(link for _one, link in entries),
    ]
    if len(links) == 1:
        return redirect(visit, links[0])
    more = (
        (_("Tous les comptes trouvés"), "/admin/comptes", len(found)),
        (_("Tous les établissements trouvés"), "/admin/etablissements", len(places)),
        (_("Toutes les listes trouvées"), "/admin/listes", len(entries)),
    )
    page = SearchPage(
        top(visit, "", query=query),
        query,
        tuple(found[:SHOWN]),
        tuple(places[:SHOWN]),
        tuple(entries[:SHOWN]),
        tuple((words, address) for words, address, count in more if count > SHOWN),
    )
    return services.pages.answer(visit, "admin/directory/search.html", page)


def _has(text: str, words: list[str]) -> bool:
    key = search_key(text)
    return all(word in key for word in words)


def _sheet(entry: ListEntry) -> str:
    return f"/admin/{'boites' if entry.kind is ListKind.FUNCTION else 'listes'}/{entry.address}"
