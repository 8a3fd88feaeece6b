"""What the browser reminds one of: the alarms of the next day, for the tab that watches the time."""

import asyncio
import datetime
import json

from starlette.responses import Response

from mailserver.calendars.own import reminders
from mailserver.calendars.own.reminders import Reminder
from mailserver.calendars.school.quiet_hours import PersonalHours
from webui.agenda import words
from webui.http import headers
from webui.page.agenda_links import item_id
from webui.page.agenda_turn import alone
from webui.page.context import Services, Visit

HOURS = 24
MISSED = datetime.timedelta(minutes=5)
"""What rang so recently is told, too: the browser may just have started."""


async def upcoming(services: Services, visit: Visit) -> Response:
    """GET /agenda/rappels: as JSON, what rings within a day, and what time it is here."""
    # In UTC: on the night when the hour changes, five minutes ago may be another hour on the person's clock.
    now = datetime.datetime.fromtimestamp(visit.now, datetime.UTC)
    start, end = now - MISSED, now + datetime.timedelta(hours=HOURS)
    async with alone(visit.account_id):
        rows = await services.store.read(reminders.rows, visit.account_id, start, end)
        found = await asyncio.to_thread(reminders.due, rows, start, end, words.zone_of(visit))
    hours = await services.quiet.of(visit.principal.uai, visit.preferences)
    told = {"now": visit.now, "reminders": [_told(visit, one, hours) for one in found]}
    fields = {**headers.page(visit.secure), "Content-Type": "application/json"}
    return Response(json.dumps(told, ensure_ascii=False), 200, fields)


def _told(visit: Visit, one: Reminder, hours: PersonalHours) -> dict[str, str | float]:
    event, language = one.event, visit.language
    item = item_id(event.collection_id, event.href)
    day = event.start.date()
    when = words.hour(language, event.start) if one.is_task else words.hours(language, event, day)
    if one.is_task and event.all_day:
        when = words.full_day(language, day)
    elif day != words.today(visit):
        when = f"{words.full_day(language, day)}, {when}"
    page = f"/agenda/taches/{item}" if one.is_task else f"/agenda/evenement/{item}"
    return {
        "id": f"{item}.{event.key}.{one.at.timestamp():.0f}",
        "at": one.at.timestamp(),
        "title": event.title or visit._("(sans titre)"),
        "text": _text(visit, one, when),
        "quiet": hours.holds(one.at.timestamp()),
        "href": page + (f"?le={event.key}" if event.key else ""),
    }


def _text(visit: Visit, one: Reminder, when: str) -> str:
    if one.is_task:
        return visit._("À faire : %(when)s") % {"when": when}
    return f"{when}, {one.event.place}" if one.event.place else when
