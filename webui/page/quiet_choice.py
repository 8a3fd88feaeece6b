"""Quiet hours as somebody is shown them, with who decided them, and as forms have them."""

from collections.abc import Mapping

from mailserver.calendars.school.quiet_hours import PersonalHours
from mailserver.model.account.preferences import Preferences
from mailserver.model.account.quiet_hours import FIRST_HOURS, LAST_HOURS, NEVER, Hours, Source
from mailserver.store.people import schools
from webui.http.forms import Form
from webui.page.context import Services, Visit

CODE = "repos"
"""The section of the settings."""
FIELDS = ("quiet_from", "quiet_to", "quiet_weekends", "quiet_holidays")


def first_hours(visit: Visit) -> tuple[tuple[int, str], ...]:
    """When they may begin."""
    return ((NEVER, visit._("à aucune heure")), *((hour, f"{hour:02}:00") for hour in FIRST_HOURS))


def last_hours() -> tuple[tuple[int, str], ...]:
    """When they may end."""
    return tuple((hour, f"{hour:02}:00") for hour in LAST_HOURS)


async def shown(services: Services, visit: Visit) -> tuple[str, dict[str, object]]:
    """What holds for the reader and who decided so, in a sentence, and as the form has it. Raises Temporary."""
    held = await services.quiet.of(visit.principal.uai, visit.preferences)
    hours = held.hours
    values: dict[str, object] = {
        "quiet_own": held.source is Source.OWN,
        **dict(zip(FIELDS, (hours.begins, hours.ends, hours.weekends, hours.holidays), strict=True)),
    }
    return await _why(services, visit, held), values


async def _why(services: Services, visit: Visit, held: PersonalHours) -> str:
    source, hours = await services.quiet.inherited(visit.principal.uai)
    who = visit._("l’académie")
    if source is Source.SCHOOL:
        school = await services.store.read(schools.get, visit.principal.uai)
        who = (school.name or school.uai) if school is not None else visit.principal.uai
    text = visit._("Choisies par %(who)s : %(what)s.")
    if held.source is Source.OWN:
        text = visit._("Vous avez choisi les vôtres. Sinon vaudraient celles que %(who)s a choisies : %(what)s.")
    return text % {"who": who, "what": sentence(visit, hours)}


def sentence(visit: Visit, hours: Hours) -> str:
    """Hours in words."""
    _ = visit._
    if hours.begins == NEVER:
        said = [_("aucune nuit")]
    else:
        said = [_("de %(first)s à %(last)s") % {"first": f"{hours.begins:02}:00", "last": f"{hours.ends:02}:00"}]
    said += [_("les samedis et dimanches")] * hours.weekends + [_("les congés scolaires")] * hours.holidays
    return ", ".join(said)


def changes(posted: Mapping[str, object]) -> dict[str, object]:
    """What is kept of what was posted: whoever follows their school or the academy keeps no hours of their own."""
    if posted["quiet_own"] is True:
        return dict(posted)
    usual = Preferences()
    return {"quiet_own": False, **{name: getattr(usual, name) for name in FIELDS}}


def posted(form: Form) -> Hours:
    """Hours of a form; some that nobody may choose are not `valid`."""
    begins = NEVER if form.text(FIELDS[0]) == str(NEVER) else form.number(FIELDS[0])
    return Hours(begins, form.number(FIELDS[1]), form.has(FIELDS[2]), form.has(FIELDS[3]))


def refusal(visit: Visit) -> str:
    """What is said of those."""
    return visit._("Choisissez le début et la fin parmi les heures proposées.")
