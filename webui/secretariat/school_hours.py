"""The quiet hours of a school's people: those of whoever chose none."""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver.calendars.school import quiet_hours
from mailserver.model.account.quiet_hours import Hours
from mailserver.store.people import school_hours
from mailserver.store.people.schools import School
from webui.page import quiet_choice
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings
from webui.secretariat.people import office_of, school_of


@dataclass(frozen=True, slots=True)
class HoursPage:
    """What a school decided, or may decide."""

    frame: MailShell
    school: School
    own: bool
    """The school has decided; else what the academy says holds."""
    hours: Hours
    academy: str
    """In words."""
    first: tuple[tuple[int, str], ...]
    last: tuple[tuple[int, str], ...]
    fault: str = ""


async def show(services: Services, visit: Visit, fault: str = "", uai: str = "") -> Response:
    """GET /secretariat/repos."""
    school = await school_of(office_of(services), visit, uai)
    decided = await services.store.read(school_hours.of, school.uai)
    usual = await services.store.read(quiet_hours.academy, services.settings)
    page = HoursPage(
        frame=await surroundings(services, visit),
        school=school,
        own=decided is not None,
        hours=decided or usual,
        academy=quiet_choice.sentence(visit, usual),
        first=quiet_choice.first_hours(visit),
        last=quiet_choice.last_hours(),
        fault=fault,
    )
    return services.pages.answer(visit, "secretariat/hours.html", page, 422 if fault else 200)


async def decide(services: Services, visit: Visit) -> Response:
    """POST /secretariat/repos: the school's own (`faire` = `choisir`), or those of the academy."""
    asked = visit.form.text("etablissement")[:8]
    school = await office_of(services).school(visit.principal, asked)
    hours = quiet_choice.posted(visit.form) if visit.form.text("faire") == "choisir" else None
    if hours is not None and not hours.valid:
        return await show(services, visit, quiet_choice.refusal(visit), asked)
    await services.store.write(school_hours.decide, visit.origin, school.uai, hours)
    return redirect(visit, "/secretariat/repos", etablissement=school.uai, **done("repos"))
