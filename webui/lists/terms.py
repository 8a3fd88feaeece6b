"""Where answers to a list go and until when it takes messages, as the forms of owners and of the console have it; and
what an owner is told when another was quicker."""

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from mailserver.model import days
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.model.identity import Answers, ListKind
from mailserver.store.people.mailing_lists.lists import ListEntry
from webui.page.context import Services, Visit

NUMBER = "not a number"
"""The text of a refusal of a limit that is none."""
LAST_DAY = "last day: "
"""Begins the text of a refusal of something that is no day."""
MAX_NAMED = 20
"""Members that a sentence names."""


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


def limits(entry: ListEntry, may_leave: bool, as_list: bool, max_size: str, max_hourly: str) -> dict[str, Any]:
    """What a form says of them, as fields of a `ListChange`; nothing for a functional box. Raises Refused(INVALID)."""
    if entry.kind is ListKind.FUNCTION:
        return {}
    return {
        "may_leave": may_leave if entry.kind is ListKind.MANUAL else None,
        "as_list": as_list,
        "max_size": _whole(max_size) * 1024,
        "max_hourly": _whole(max_hourly),
    }


def changed_meanwhile(visit: Visit, stored: str, typed: str) -> str:
    """Another owner changed the list while the form was open, or a member left: what a second click would undo."""
    text = visit._(
        "Cette liste a changé pendant que vous l’écriviez : un propriétaire l’a modifiée, ou un membre est parti."
    )
    return _would_undo(visit, text, set(stored.split()), set(typed.split()))


def changed_elsewhere(visit: Visit, stored: Iterable[str], typed: Iterable[str]) -> str:
    """The same of one's own list, which another window changed."""
    text = visit._("Cette liste a changé dans une autre fenêtre ou sur un autre appareil pendant que vous l’écriviez.")
    return _would_undo(visit, text, set(stored), set(typed))


def _would_undo(visit: Visit, text: str, held: set[str], wanted: set[str]) -> str:
    _ = visit._
    said = [text, _("Enregistrer encore une fois la rend comme elle est écrite ici.")]
    if missing := sorted(held - wanted):
        said.append(_("Membres enregistrés, absents ici : %(names)s.") % {"names": _some(missing)})
    if unknown := sorted(wanted - held):
        said.append(_("Membres écrits ici, pas enregistrés : %(names)s.") % {"names": _some(unknown)})
    return " ".join(said)


def _some(names: list[str]) -> str:
    return ", ".join(names[:MAX_NAMED]) + (", …" if len(names) > MAX_NAMED else "")


def _whole(text: str) -> int:
    """A number of a field; empty: 0. Raises Refused(INVALID)."""
    if not text:
        return 0
    if not text.isascii() or not text.isdigit():
        raise Refused(Reason.INVALID, NUMBER)
    return int(text)


def _zone(services: Services) -> ZoneInfo:
    """The house's: a list ends for everybody at the same time."""
    return ZoneInfo(services.settings.web.timezone)
