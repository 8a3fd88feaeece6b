"""Messages in which a virus was found: deliver them after all, or throw them away."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.model.errors import Refused
from mailserver.store.queue.held import infected
from mailserver.store.queue.held.infected import Held
from webui.admin.access import origin
from webui.admin.console_page import stamp
from webui.admin.mail.held_messages import Kind, State
from webui.page.context import Services, Visit

MAX_NAMED = 5
"""Addresses that a fault names."""


@dataclass(frozen=True, slots=True)
class Line:
    """A message that is held."""

    held: Held
    recipients: str
    since: str
    until: str
    size: str


async def _waiting(services: Services, after: int, limit: int) -> Sequence[Held]:
    return await services.store.read(infected.waiting, after, limit)


async def _get(services: Services, number: int) -> Held | None:
    return await services.store.read(infected.get, number)


async def _state(services: Services) -> State:
    return State(bool(services.settings.junk.clamd))


async def _release(services: Services, visit: Visit, found: Sequence[Held]) -> tuple[int, str]:
    count = 0
    left: list[str] = []
    for one in found:
        try:
            left += (await services.waiting.infected.release(one.id, origin(visit))).left
        except Refused:
            continue
        count += 1
    faults = [_undone(visit)] if count < len(found) else []
    if left:
        who = ", ".join(left[:MAX_NAMED]) + (" …" if len(left) > MAX_NAMED else "")
        faults.append(visit._("Pas remis, et toujours retenus pour : %(who)s.") % {"who": who})
    return count, " ".join(faults)


async def _drop(services: Services, visit: Visit, found: Sequence[Held]) -> tuple[int, str]:
    count = 0
    for one in found:
        try:
            await services.waiting.infected.delete(one.id, origin(visit))
        except Refused:
            continue
        count += 1
    return count, _undone(visit) if count < len(found) else ""


def _undone(visit: Visit) -> str:
    return visit._("Certains messages n’ont pas pu l’être : déjà traités, ou plus aucun destinataire.")


def _line(visit: Visit, one: Held) -> Line:
    shown = ", ".join(one.recipients[:5]) + (" …" if len(one.recipients) > 5 else "")
    return Line(one, shown, stamp(visit, one.held), stamp(visit, one.expires), visit.language.size(one.size))


PAGE = Kind(
    path="/admin/virus",
    tab="virus",
    template="admin/mail/infected.html",
    asks="admin/mail/infected_decide.html",
    releases="remettre",
    waiting=_waiting,
    get=_get,
    number=lambda one: one.id,
    line=_line,
    state=_state,
    release=_release,
    drop=_drop,
    said=("remis", "virus-supprime"),
)
