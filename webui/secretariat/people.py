"""The secretariat's pages: its school's people, and the log of their letters and codes (`printing`).

Who may see which school is decided by `directory.people.secretariat`; nothing here trusts an address or a form.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from directory.people.secretariat import Logged, Member, Secretariat
from mailserver.model.folding import search_key
from mailserver.model.identity import Role, State
from mailserver.store.people.letters import Printing
from mailserver.store.people.schools import School
from mailserver.store.record.audit import Action
from webui.page.context import Services, Visit
from webui.page.paging import numbered
from webui.page.shell.mail_shell import MailShell, surroundings
from webui.page.words.role_labels import role_choices, role_words, state_words

PER_PAGE = 100


@dataclass(frozen=True, slots=True)
class Line:
    """A person in the list."""

    account_id: int
    name: str
    login: str
    role: str
    detail: str
    state: str
    waits: bool
    can_renew: bool
    printed: str
    seen: str
    """The day of the last connection."""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of a filter, with its words."""

    value: str
    text: str


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """A school's people, filtered."""

    frame: MailShell
    school: School
    schools: tuple[School, ...]
    lines: tuple[Line, ...]
    found: int
    waiting: int
    """How many of all that were found wait for a letter."""
    query: str
    role: str
    state: str
    detail: str
    roles: tuple[Choice, ...]
    states: tuple[Choice, ...]
    classes: tuple[str, ...]
    disciplines: tuple[str, ...]
    """And functions."""
    page: int
    pages: int
    last: str
    """Who printed the last letters, when and how many."""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class NoSchoolPage:
    """A secretariat that no school is known of."""

    frame: MailShell


@dataclass(frozen=True, slots=True)
class LogPage:
    """What was printed and given, by whom, for whom."""

    frame: MailShell
    school: School
    rows: tuple["LogRow", ...]


@dataclass(frozen=True, slots=True)
class LogRow:
    at: str
    actor: str
    what: str
    name: str
    login: str


async def school_of(office: Secretariat, visit: Visit, uai: str = "") -> School:
    """The school of the address; of whoever has one only, that one. Raises Refused(FORBIDDEN | NOT_FOUND)."""
    asked = uai or visit.query("etablissement")
    schools = await office.schools(visit.principal) if not asked else []
    return await office.school(visit.principal, schools[0].uai if len(schools) == 1 else asked)


# ---------------------------------------------------------------------- the list


async def show_people(services: Services, visit: Visit) -> Response:
    """GET /secretariat: the only school, or the one of the address."""
    return await people(services, visit, visit.query("etablissement"))


async def people(services: Services, visit: Visit, uai: str, fault: str = "") -> Response:
    office = office_of(services)
    schools = await office.schools(visit.principal)
    frame = await surroundings(services, visit)
    if not schools:
        return services.pages.answer(visit, "secretariat/none.html", NoSchoolPage(frame))
    school = await office.school(visit.principal, uai or schools[0].uai)
    members = await office.people(visit.principal, school.uai)
    wanted = Wanted(visit.query("q"), visit.query("role"), visit.query("etat"), visit.query("classe"))
    found = [member for member in members if wanted.takes(member)]
    part = numbered(visit, found, PER_PAGE)
    page = PeoplePage(
        frame=frame,
        school=school,
        schools=tuple(schools),
        lines=tuple(line(visit, one) for one in part.shown),
        found=len(found),
        waiting=sum(one.waits for one in found),
        query=wanted.text,
        role=wanted.role,
        state=wanted.state,
        detail=wanted.detail,
        roles=tuple(Choice(*choice) for choice in role_choices(visit)),
        states=tuple(
            Choice(state.value, state_words(visit, state)) for state in (State.PENDING, State.ACTIVE, State.SUSPENDED)
        ),
        classes=_details(members, pupils=True),
        disciplines=_details(members, pupils=False),
        page=part.number,
        pages=part.pages,
        last=_last(visit, await office.printings(visit.principal, school.uai)),
        fault=fault,
    )
    return services.pages.answer(visit, "secretariat/people.html", page, 422 if fault else 200)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filters of the list."""

    text: str
    role: str
    state: str
    detail: str

    def takes(self, member: Member) -> bool:
        person = member.principal
        key = search_key(f"{person.name} {person.login} {person.address}")
        return (
            all(search_key(word) in key for word in self.text.split()[:8])
            and self.role in ("", person.role.value)
            and self.state in ("", member.doorstep.state.value)
            and self.detail in ("", member.detail)
        )


def _details(members: Sequence[Member], *, pupils: bool) -> tuple[str, ...]:
    """What the people of a school are there: classes of its pupils, or disciplines and functions of the others."""
    here = (one for one in members if (one.principal.role is Role.PUPIL) is pupils)
    return tuple(sorted({one.detail for one in here if one.detail}))


def _last(visit: Visit, printings: Sequence[Printing]) -> str:
    """What is said of the last letters above the list; empty when there are none."""
    if not printings:
        return ""
    last = printings[0]
    text = visit.language.texts.ngettext(
        "Dernière impression : %(n)s lettre, le %(at)s, par %(who)s.",
        "Dernière impression : %(n)s lettres, le %(at)s, par %(who)s.",
        last.letters,
    )
    at = visit.language.long_date(last.at)
    return text % {"n": visit.language.number(last.letters), "at": at, "who": last.actor}


# ---------------------------------------------------------------------- the log


async def show_log(services: Services, visit: Visit) -> Response:
    """GET /secretariat/journal: the letters and codes of a school."""
    office = office_of(services)
    school = await school_of(office, visit)
    logged = await office.log(visit.principal, school.uai)
    rows = tuple(_row(visit, one) for one in logged)
    return services.pages.answer(
        visit, "secretariat/log.html", LogPage(await surroundings(services, visit), school, rows)
    )


def _row(visit: Visit, one: Logged) -> LogRow:
    _ = visit._
    what = {
        Action.LETTER_PRINTED: _("Lettre imprimée"),
        Action.CODE_ISSUED: _("Code donné"),
        Action.ACTIVATED: _("Compte activé"),
    }[one.entry.action]
    actor = _("la personne elle-même") if one.entry.actor == "self" else one.entry.actor
    return LogRow(moment(visit, one.entry.at), actor, what, one.person.name, one.person.login)


# ---------------------------------------------------------------------- shared


def office_of(services: Services) -> Secretariat:
    """The desk's service."""
    return Secretariat(
        settings=services.settings, directory=services.directory, store=services.store, clock=services.clock
    )


def line(visit: Visit, member: Member) -> Line:
    person, step = member.principal, member.doorstep
    return Line(
        account_id=person.account_id,
        name=person.name,
        login=person.login,
        role=role_words(visit, person.role),
        detail=member.detail,
        state=state_words(visit, step.state),
        waits=member.waits,
        can_renew=step.state is State.ACTIVE and member.may_be_opened and person.account_id != visit.account_id,
        printed=_numbers(visit, step.printed),
        seen=_numbers(visit, step.last_login),
        address=person.address,
    )


def moment(visit: Visit, seconds: int) -> str:
    """A day and an hour as tables have them."""
    return f"{_numbers(visit, seconds)} {visit.language.clock_time(seconds)}"


def _numbers(visit: Visit, seconds: int) -> str:
    """A day as a narrow column has it; empty for never."""
    return visit.language.day(seconds).strftime("%d/%m/%Y") if seconds else ""
