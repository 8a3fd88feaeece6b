"""Letters of first connection for many at once: by class or discipline, what was printed, how far their readers are."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from directory.people.secretariat import Member
from mailserver.model.identity import Role
from mailserver.store.people.letters import Printing
from mailserver.store.people.schools import School
from webui.page.context import Services, Visit
from webui.page.shell.mail_shell import MailShell, surroundings
from webui.page.words.role_labels import role_words
from webui.secretariat.people import moment, office_of, school_of

MAX_GROUPS = 500
"""Boxes of the page."""


@dataclass(frozen=True, slots=True)
class Group:
    """A class, or the people of a discipline or function."""

    key: str
    """What its box posts."""
    role: str
    name: str
    people: int
    waiting: int
    """Whose account is not activated."""
    without: int
    """Of these, who has no letter whose code is still good."""


@dataclass(frozen=True, slots=True)
class PrintingRow:
    """A document of letters."""

    batch: str
    at: str
    actor: str
    letters: int
    done: int
    """Whose reader has activated the account."""
    waiting: int


@dataclass(frozen=True, slots=True)
class LettersPage:
    """Groups to print for, and what was printed."""

    frame: MailShell
    school: School
    groups: tuple[Group, ...]
    people: int
    waiting: int
    without: int
    printings: tuple[PrintingRow, ...]
    fault: str = ""

    @property
    def activated(self) -> int:
        return self.people - self.waiting

    @property
    def out(self) -> int:
        """Who has a letter and has not used it yet."""
        return self.waiting - self.without


async def show_letters(services: Services, visit: Visit) -> Response:
    """GET /secretariat/lettres."""
    return await letters(services, visit)


async def letters(services: Services, visit: Visit, uai: str = "", fault: str = "") -> Response:
    """The page, also for whoever asked for what cannot be printed."""
    office = office_of(services)
    school = await school_of(office, visit, uai)
    members = await office.people(visit.principal, school.uai)
    able = [one for one in members if one.may_be_opened]
    groups = _groups(services, visit, able)
    printings = await office.printings(visit.principal, school.uai)
    page = LettersPage(
        await surroundings(services, visit),
        school,
        tuple(one for one in groups if one.waiting)[:MAX_GROUPS],
        len(able),
        sum(one.waiting for one in groups),
        sum(one.without for one in groups),
        tuple(_row(visit, one) for one in printings),
        fault,
    )
    return services.pages.answer(visit, "secretariat/letters.html", page, 422 if fault else 200)


def group_of(member: Member) -> str:
    """The group of the page that somebody is in."""
    return f"{member.principal.role.value}|{member.detail}"


def _groups(services: Services, visit: Visit, members: Sequence[Member]) -> list[Group]:
    """Classes first, then the rest; within each by name."""
    now = services.clock.now()
    by_key: dict[str, list[Member]] = {}
    for one in members:
        by_key.setdefault(group_of(one), []).append(one)
    found = []
    for key, people in by_key.items():
        first = people[0]
        waiting = [one for one in people if one.waits]
        without = sum(not one.doorstep.has_letter(now) for one in waiting)
        role = role_words(visit, first.principal.role)
        found.append(Group(key, role, first.detail or visit._("sans précision"), len(people), len(waiting), without))
    return sorted(found, key=lambda one: (not one.key.startswith(Role.PUPIL.value), one.role, one.name))


def _row(visit: Visit, one: Printing) -> PrintingRow:
    at = moment(visit, one.at)
    return PrintingRow(one.batch, at, one.actor, one.letters, one.letters - one.waiting, one.waiting)
