"""Schools: all of them with how many people each has, and the sheet of one with its lists and boxes."""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver.administration import schools as school_counts
from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import search_key
from mailserver.model.identity import ListKind, Role
from mailserver.store.people import schools
from mailserver.store.people.mailing_lists import lists
from mailserver.store.people.mailing_lists.lists import ListEntry
from mailserver.store.people.schools import School
from webui.admin.console_page import Top, top
from webui.page.context import Services, Visit
from webui.page.paging import numbered
from webui.page.words.role_labels import role_words

PER_PAGE = 100


@dataclass(frozen=True, slots=True)
class Line:
    """A school in the list."""

    school: School
    people: int
    pupils: int
    lists: int


@dataclass(frozen=True, slots=True)
class PlacesPage:
    """Schools that were found."""

    top: Top
    query: str
    lines: tuple[Line, ...]
    found: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class PlacePage:
    """One school."""

    top: Top
    school: School
    counts: tuple[tuple[str, str, int], ...]
    """Population, its words, how many."""
    lists: tuple[ListEntry, ...]
    boxes: tuple[ListEntry, ...]


async def show_schools(services: Services, visit: Visit) -> Response:
    """GET /admin/etablissements."""
    query = visit.query("q").strip()[:100]
    known = await services.store.read(school_counts.listing)
    wanted = [search_key(word) for word in query.split()[:6]]
    found = [school for school in known.schools if all(word in _key(school) for word in wanted)]
    part = numbered(visit, found, PER_PAGE)
    lines = tuple(
        Line(
            one,
            sum(known.people.get(one.uai, {}).values()),
            known.people.get(one.uai, {}).get(Role.PUPIL, 0),
            known.lists.get(one.uai, 0),
        )
        for one in part.shown
    )
    page = PlacesPage(top(visit, "etablissements"), query, lines, len(found), part.number, part.pages)
    return services.pages.answer(visit, "admin/directory/places.html", page)


async def one(services: Services, visit: Visit) -> Response:
    """GET /admin/etablissements/{uai}. Raises Refused(NOT_FOUND)."""
    uai = str(visit.request.path_params["uai"])[:8].upper()
    school = await services.store.read(schools.get, uai)
    if school is None:
        raise Refused(Reason.NOT_FOUND)
    here = (await services.store.read(school_counts.listing)).people.get(uai, {})
    entries = [entry for entry in await services.store.read(lists.listing) if entry.uai == uai]
    page = PlacePage(
        top(visit, "etablissements"),
        school,
        tuple((role.value, role_words(visit, role), here[role]) for role in Role if role in here),
        tuple(entry for entry in entries if entry.kind is not ListKind.FUNCTION),
        tuple(entry for entry in entries if entry.kind is ListKind.FUNCTION),
    )
    return services.pages.answer(visit, "admin/directory/place.html", page)


def _key(school: School) -> str:
    return search_key(f"{school.uai} {school.name} {school.town} {school.kind}")
