"""A task made from any page: of its own, or about a letter, which it leads to."""

import asyncio
import datetime

from mailserver.calendars import tasks
from mailserver.calendars.icalendar import reading
from mailserver.calendars.own import own_tasks
from mailserver.calendars.tasks import TaskDraft
from webui.http.forms import positive
from webui.page.context import Services, Visit

LETTER = "/m/message/"


async def make(services: Services, visit: Visit, draft: TaskDraft) -> int:
    """Store it among the person's own tasks; the id of the list it is in. Raises BadSyntax, Refused(LIMIT …)."""
    uid = services.clock.token(16).hex()
    now = datetime.datetime.fromtimestamp(int(visit.now), datetime.UTC)
    text = tasks.create(draft, uid, now)
    item = await asyncio.to_thread(reading.read, f"{uid}.ics", text)
    return await services.store.write(own_tasks.put, visit.account_id, item)


def address_of(services: Services, message_id: int) -> str:
    """What a task about a letter is linked to: its page, by the number that it keeps in every folder."""
    listen = services.settings.listen
    port = f":{listen.https}" if listen.https != 443 else ""
    return f"https://{services.settings.name}{port}{LETTER}{message_id}"


def letter_of(services: Services, link: str) -> int:
    """The letter that a link of ours leads to, 0 for none. Whoever writes in a list links what they like, also what
    is no address."""
    number = positive(link.rpartition("/")[2])
    return number if number and link == address_of(services, number) else 0
