"""A CalDAV client beside the pages: what is in somebody's agenda and in their list of tasks, as the server gives it."""

from collections.abc import Iterator
from typing import Any, cast

import icalendar
from caldav import DAVClient

from mailserver.model.identity import Principal
from tests.webui.house import PASSWORD, House

FRAME = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//autre//client//FR
{zone}BEGIN:{kind}
UID:{uid}
DTSTAMP:20260901T080000Z
{says}SUMMARY:{title}
{more}END:{kind}
END:VCALENDAR
"""


def written(kind: str, uid: str, title: str, more: str = "", says: str = "", zone: str = "") -> str:
    """A component as another client writes it: `says` before its title, `more` after it, each a line or several."""
    made = FRAME.format(kind=kind, uid=uid, title=title, more=more, says=says, zone=zone)
    return made.replace("\n", "\r\n")


class Client:
    """A CalDAV client of one person."""

    def __init__(self, house: House, person: Principal) -> None:
        self.http = cast(Any, DAVClient)(url=f"{house.url}/dav/", username=person.login, password=PASSWORD)
        shelves = self.http.principal().calendars()
        self.agenda, self.list = (next(one for one in shelves if name in str(one.url)) for name in ("agenda", "taches"))

    def events(self) -> list[icalendar.Event]:
        """Every VEVENT of the agenda."""
        return list(components(self.agenda.events(), "VEVENT"))

    def one(self, title: str) -> Any:
        return next(event for event in self.events() if str(event["SUMMARY"]) == title)

    def tasks(self) -> dict[str, Any]:
        """Every VTODO that stands for itself, by its title."""
        found = components(self.list.todos(include_completed=True), "VTODO")
        return {str(task["SUMMARY"]): task for task in found if "RECURRENCE-ID" not in task}


def components(items: Any, kind: str) -> Iterator[Any]:
    """Those of one kind in what a server gave."""
    for item in items:
        yield from cast(Any, icalendar.Calendar.from_ical(item.data)).walk(kind)
