"""The academy's directory: looked through by name, establishment, discipline and function, as far as one sees it."""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver.addressbook.books import Entry
from mailserver.addressbook.browsing import Person, Wanted
from mailserver.store.people.schools import School
from webui.contacts.page_context import PAGE, Around, around, over
from webui.http.forms import positive
from webui.page.context import Services, Visit
from webui.page.shell.avatars import initials
from webui.page.shell.mail_shell import MailShell, query_string, surroundings
from webui.page.words.role_labels import role_words

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody in the list."""

    person: Person
    role: str
    initials: str


@dataclass(frozen=True, slots=True)
class DirectoryPage:
    """A page of people."""

    frame: MailShell
    around: Around
    lines: tuple[Line, ...]
    wanted: Wanted
    ours: bool
    schools: tuple[School, ...]
    too_wide: bool
    disciplines: tuple[str, ...]
    functions: tuple[str, ...]
    letters: tuple[tuple[str, str], ...]
    """Each with the query that begins there."""
    next: str
    begins: bool


@dataclass(frozen=True, slots=True)
class PersonPage:
    """Somebody of the directory."""

    frame: MailShell
    around: Around
    person: Person
    role: str
    initials: str
    entry: Entry | None
    """Their card in one's own contacts."""
    organisation: str


async def show_directory(services: Services, visit: Visit) -> Response:
    """GET /contacts/annuaire."""
    wanted = Wanted(*(visit.query(name)[:100] for name in ("q", "etablissement", "discipline", "fonction")))
    after, letter = positive(visit.query("apres")), visit.query("lettre")[:1]
    found = await services.browsing.page(visit.principal, wanted, PAGE, after, letter)
    disciplines, functions = await services.browsing.terms()
    asked = {
        "q": wanted.text,
        "etablissement": wanted.school,
        "discipline": wanted.discipline,
        "fonction": wanted.function,
    }
    more = query_string(**asked, apres=found.people[-1].principal.account_id) if found.more and found.people else ""
    page = DirectoryPage(
        frame=await surroundings(services, visit),
        around=await around(services, visit, "annuaire"),
        lines=tuple(
            Line(person, role_words(visit, person.principal.role), initials(person.principal.name))
            for person in found.people
        ),
        wanted=wanted,
        ours=services.browsing.ours,
        schools=found.schools,
        too_wide=found.too_wide,
        disciplines=tuple(disciplines),
        functions=tuple(functions),
        letters=tuple((one, query_string(**asked, lettre=one.lower())) for one in LETTERS),
        next=more if services.browsing.ours else "",
        begins=not after and not letter,
    )
    return services.pages.answer(visit, "contacts/directory.html", page)


async def one(services: Services, visit: Visit) -> Response:
    """GET /contacts/annuaire/{address}."""
    person = await services.browsing.person(visit.principal, str(visit.request.path_params["address"]))
    addresses = {one.casefold() for one in (person.principal.address, *person.principal.aliases)}
    entries = await services.books.entries(visit.account_id)

    def known() -> Entry | None:
        found = (one for one in entries if any(email.text.casefold() in addresses for email in one.card.emails))
        return next(found, None)

    page = PersonPage(
        frame=await surroundings(services, visit),
        around=await around(services, visit, "annuaire"),
        person=person,
        role=role_words(visit, person.principal.role),
        initials=initials(person.principal.name),
        entry=await over(known, entries),
        organisation=next(iter(person.schools), services.settings.web.academy),
    )
    return services.pages.answer(visit, "contacts/person.html", page)
