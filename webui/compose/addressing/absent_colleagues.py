"""Colleagues whose quiet hours run while somebody writes to them: the letter can wait until these end."""

from collections.abc import Sequence
from datetime import datetime

from mailserver.model.identity import Population, Principal
from mailserver.store.account import stored_preferences
from mailserver.store.queue.outbox import FURTHEST
from webui.compose.addressing.send_checks import Doubt, Doubts
from webui.compose.message.send_times import FORM, SOONEST
from webui.page.context import Services, Visit

MOST = 10
"""Recipients of one letter that are looked at: what goes to more is no letter to a colleague."""


async def question(services: Services, visit: Visit, addresses: Sequence[str]) -> Doubts:
    """Whether the letter had better leave later; nothing where the academy does not propose it. Raises Temporary."""
    if not services.settings.quiet.propose or not 0 < len(addresses) <= MOST:
        return Doubts()
    ends: dict[str, datetime] = {}
    for address in addresses:
        person = await services.directory.find(address)
        if person is None or person.account_id == visit.account_id or not _is_colleague(visit.principal, person):
            continue
        chosen = await services.store.read(stored_preferences.preferences, person.account_id)
        end = (await services.quiet.of(person.uai, chosen)).end(visit.now)
        if end is not None:
            ends[person.name] = end
    if not ends:
        return Doubts()
    latest = max(ends.values()).astimezone(visit.language.zone)
    if not visit.now + SOONEST < latest.timestamp() <= visit.now + FURTHEST:
        return Doubts()
    when = visit.language.long_date(int(latest.timestamp()))
    text = visit._("Ce n’est pas l’heure de travail de %(names)s : votre message peut partir %(when)s.")
    label = visit._("Programmer : %(when)s") % {"when": when}
    said = text % {"names": ", ".join(sorted(ends)), "when": when}
    return Doubts((Doubt("quiet", said, remedy=f"planifier:{latest.strftime(FORM)}", label=label),))


def _is_colleague(author: Principal, person: Principal) -> bool:
    """Adults of the academy; when a pupil rests is told to nobody."""
    return Population.PUPIL not in (author.role.population, person.role.population)
