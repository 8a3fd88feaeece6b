"""Another time for an invitation: the form that proposes one, and when the event is now (RFC 5546 section 3.2.7)."""

import datetime
from dataclasses import dataclass

from mailserver.calendars import occurrences
from mailserver.calendars.invited import invitations
from mailserver.calendars.invited.invitations import Invitation, Method, Proposal
from webui.page.context import Visit

YEARS = range(1970, 2100)


@dataclass(frozen=True, slots=True)
class Slot:
    """A time as the fields of the form hold it, on the reader's clock."""

    all_day: bool
    day: str
    last_day: str
    begins: str
    ends: str


def offered(visit: Visit, invitation: Invitation) -> Slot | None:
    """What the form begins with; None where nothing can be proposed: of a series there is no single time."""
    if invitation.method is not Method.REQUEST or (invitation.recurs and not invitation.single):
        return None
    if not invitation.organizer.address or visit.principal.owns(invitation.organizer.address):
        return None
    if not isinstance(invitation.start, datetime.datetime):
        last = max(invitation.end - datetime.timedelta(days=1), invitation.start)
        return Slot(True, invitation.start.isoformat(), last.isoformat(), "", "")
    start = occurrences.moment(invitation.start, visit.language.zone)
    end = occurrences.moment(invitation.end, visit.language.zone)
    return Slot(False, f"{start:%Y-%m-%d}", "", f"{start:%H:%M}", f"{end:%H:%M}")


def proposed(visit: Visit, invitation: Invitation) -> Proposal | None:
    """What was typed; None when it is no time. An end before the beginning is the next day's."""
    form = visit.form
    comment = form.text("message").strip()[: invitations.MAX_COMMENT]
    try:
        day = datetime.date.fromisoformat(form.text("jour"))
        if not isinstance(invitation.start, datetime.datetime):
            last = datetime.date.fromisoformat(form.text("dernier_jour") or form.text("jour"))
            following = last + datetime.timedelta(days=1)
            return Proposal(day, following, comment) if day <= last and _is_near(day, following) else None
        begins, ends = (datetime.time.fromisoformat(form.text(name)[:5]) for name in ("debut", "fin"))
    except (ValueError, OverflowError):
        return None
    start = datetime.datetime.combine(day, begins, visit.language.zone)
    end = datetime.datetime.combine(day, ends, visit.language.zone)
    if ends < begins:
        end += datetime.timedelta(days=1)
    if ends == begins or not _is_near(day, end):
        return None
    return Proposal(start.astimezone(datetime.UTC), end.astimezone(datetime.UTC), comment)


def _is_near(start: datetime.date, end: datetime.date) -> bool:
    return start.year in YEARS and end.year in YEARS


def planned(visit: Visit, times: tuple[datetime.date, datetime.date] | None) -> str:
    """When the event in the agenda is, in words; empty when it does not say."""
    if times is None:
        return ""
    start, end = (occurrences.moment(one, visit.language.zone) for one in times)
    return visit.language.span(start, end, all_day=not isinstance(times[0], datetime.datetime))
