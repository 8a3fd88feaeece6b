"""The secretariat's other pages: the school's functional boxes and their hand-over, its lists, who came and who left.

Who may see which school, and who may hand a box over, is decided by `directory.people.secretariat`.
"""

import datetime
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from starlette.responses import Response

from directory.lists.handover import Box
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Role, State
from mailserver.store.people.letters import Course
from mailserver.store.people.mailing_lists.lists import ListEntry
from mailserver.store.people.schools import School
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings
from webui.page.words.role_labels import role_words
from webui.secretariat.people import Choice, office_of, school_of

MAX_CHOICES = 1000
"""People a box may be given to, in one list of choices."""
MAX_REMOVED = 50
MAX_MOVES = 500
USUAL_DAYS = 30


@dataclass(frozen=True, slots=True)
class BoxesPage:
    """The boxes and lists of a school."""

    frame: MailShell
    school: School
    boxes: tuple[Box, ...]
    lists: tuple[ListEntry, ...]
    people: tuple[Choice, ...]
    """Who may be given a box."""
    words: dict[str, str]
    fault: str = ""


@dataclass(frozen=True, slots=True)
class MoveRow:
    """Somebody who came or left."""

    name: str
    login: str
    role: str
    what: str
    at: str


@dataclass(frozen=True, slots=True)
class MovesPage:
    """Who came and who left."""

    frame: MailShell
    school: School
    since: str
    """ISO date."""
    rows: tuple[MoveRow, ...]
    more: bool


async def boxes(services: Services, visit: Visit, fault: str = "", uai: str = "") -> Response:
    """GET /secretariat/boites."""
    _, office = visit._, office_of(services)
    school = await school_of(office, visit, uai)
    found, others = await office.boxes(visit.principal, school.uai)
    people: tuple[Choice, ...] = ()
    if any(box.may_hand_over for box in found):
        members = await office.people(visit.principal, school.uai)
        able = [member for member in members if member.principal.role is not Role.PUPIL and member.may_be_opened]
        able = [one for one in able if one.principal.state is not State.SUSPENDED][:MAX_CHOICES]
        people = tuple(
            Choice(str(one.principal.account_id), f"{one.principal.name} ({one.principal.login})") for one in able
        )
    words = {"read": _("lire"), "write": _("traiter"), "send": _("écrire en son nom"), "manage": _("gérer")}
    page = BoxesPage(await surroundings(services, visit), school, tuple(found), tuple(others), people, words, fault)
    return services.pages.answer(visit, "secretariat/boxes.html", page, 422 if fault else 200)


async def hand_over(services: Services, visit: Visit) -> Response:
    """POST /secretariat/boites: a box gets another holder, loses some, or both."""
    form, _ = visit.form, visit._
    uai = form.text("etablissement")[:8]
    account_id = form.number("personne")
    removed = form.every("retirer")[:MAX_REMOVED]
    if not account_id and not removed:
        return await boxes(services, visit, _("Choisissez qui recevra la boîte, ou qui ne la tient plus."), uai)
    try:
        place = (uai, form.text("boite")[:320])
        await office_of(services).hand_over(visit.principal, place, (account_id, removed), visit.origin)
    except Refused as refusal:
        if refusal.reason is not Reason.INVALID:
            raise
        return await boxes(services, visit, _("Quelqu’un doit tenir la boîte : choisissez d’abord qui la reçoit."), uai)
    return redirect(visit, "/secretariat/boites", etablissement=uai, **done("boite-remise"))


async def moves(services: Services, visit: Visit) -> Response:
    """GET /secretariat/mouvements?depuis=2026-09-01."""
    office = office_of(services)
    school = await school_of(office, visit)
    zone = ZoneInfo(services.settings.web.timezone)
    try:
        day = datetime.date.fromisoformat(visit.query("depuis")[:10])
    except ValueError:
        day = datetime.datetime.fromtimestamp(visit.now, zone).date() - datetime.timedelta(days=USUAL_DAYS)
    day = max(day, datetime.date(1980, 1, 1))
    since = datetime.datetime.combine(day, datetime.time(), zone).timestamp()
    found = await office.moves(visit.principal, school.uai, since)
    _ = visit._
    words = {Course.CAME: _("arrivée"), Course.LEFT: _("départ"), Course.LEAVES: _("départ prévu")}
    rows = tuple(
        MoveRow(
            one.person.name,
            one.person.login,
            role_words(visit, one.person.role),
            words[one.moved.course],
            visit.language.plain_date(one.moved.at),
        )
        for one in found[:MAX_MOVES]
    )
    page = MovesPage(await surroundings(services, visit), school, day.isoformat(), rows, len(found) > MAX_MOVES)
    return services.pages.answer(visit, "secretariat/moves.html", page)
