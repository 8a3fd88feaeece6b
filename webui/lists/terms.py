"""Where answers to a list go and until when it takes messages, as the forms of owners and of the console have it."""

from zoneinfo import ZoneInfo

from mailserver.model import days
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.model.identity import Answers
from mailserver.store.people.lists import ListEntry
from webui.page.context import Services, Visit

LAST_DAY = "last day: "
"""Begins the text of a refusal of something that is no day."""


def answer_choices(visit: Visit) -> tuple[tuple[str, str], ...]:
    """For a list of choices: value and words."""
    _ = visit._
    return (
        (Answers.AUTHOR.value, _("à l’auteur du message")),
        (Answers.LIST.value, _("à la liste")),
        (Answers.OWNERS.value, _("à ses propriétaires")),
    )


def last_day(services: Services, entry: ListEntry) -> str:
    """As a date field holds it; empty: none."""
    return days.last(entry.ends, _zone(services))


def end(services: Services, day: str) -> int:
    """When the last day of a date field is over; 0: there is none. Raises Refused(INVALID)."""
    try:
        return days.over(day, _zone(services))
    except BadSyntax as error:
        raise Refused(Reason.INVALID, f"{LAST_DAY}{error}") from None


def _zone(services: Services) -> ZoneInfo:
    """The house's: a list ends for everybody at the same time."""
    return ZoneInfo(services.settings.web.timezone)
