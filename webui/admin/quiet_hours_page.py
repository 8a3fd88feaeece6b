"""The right to disconnect: the quiet hours of the academy's people, and which schools decided otherwise."""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver.administration.quiet_hours import decisions
from mailserver.calendars.school.quiet_hours import configured
from mailserver.model.account.quiet_hours import Hours
from mailserver.store.people import academy_hours
from webui.admin.access import origin
from webui.admin.console_page import Top, done, top
from webui.page import quiet_choice
from webui.page.context import Services, Visit
from webui.page.paging import numbered
from webui.page.rendering import redirect

PATH = "/admin/repos"
PER_PAGE = 100


@dataclass(frozen=True, slots=True)
class SchoolLine:
    """A school that decided."""

    uai: str
    name: str
    hours: str
    """In words."""


@dataclass(frozen=True, slots=True)
class HoursPage:
    """What the academy decided, or may decide."""

    top: Top
    own: bool
    """The academy has decided; else what the settings say holds."""
    hours: Hours
    settings: str
    """What they say, in words."""
    first: tuple[tuple[int, str], ...]
    last: tuple[tuple[int, str], ...]
    schools: tuple[SchoolLine, ...]
    page: int
    pages: int


async def show_hours(services: Services, visit: Visit, fault: str = "") -> Response:
    """GET /admin/repos."""
    found = await services.store.read(decisions)
    usual = configured(services.settings)
    part = numbered(visit, found.schools, PER_PAGE)
    page = HoursPage(
        top(visit, "repos", fault),
        found.academy is not None,
        found.academy or usual,
        quiet_choice.sentence(visit, usual),
        quiet_choice.first_hours(visit),
        quiet_choice.last_hours(),
        tuple(SchoolLine(one.uai, one.name, quiet_choice.sentence(visit, one.hours)) for one in part.shown),
        part.number,
        part.pages,
    )
    return services.pages.answer(visit, "admin/quiet_hours.html", page, 422 if fault else 200)


async def act(services: Services, visit: Visit) -> Response:
    """POST /admin/repos: the academy's own (`faire` = `choisir`), or those of the settings."""
    hours = quiet_choice.posted(visit.form) if visit.form.text("faire") == "choisir" else None
    if hours is not None and not hours.valid:
        return await show_hours(services, visit, quiet_choice.refusal(visit))
    await services.store.write(academy_hours.decide, origin(visit), hours)
    return redirect(visit, PATH, **done("repos"))
