"""Messages that wait since their author sent too much: let them leave, or do not send them; who sends most."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.model.errors import Refused
from mailserver.model.rules import Denied
from mailserver.model.rules.sentences import exceeded
from mailserver.model.sending.sending_limits import LONGEST, Course, Judged, Mark
from mailserver.notices.mail import sending
from mailserver.store.queue import sent_counts
from mailserver.store.queue.held import held_submissions
from mailserver.store.queue.held.held_submissions import Held
from webui.admin.access import origin
from webui.admin.console_page import stamp
from webui.admin.mail.held_messages import Kind, Sender, State
from webui.page.context import Services, Visit

MOST = 10
"""Accounts that are shown as those that send most."""
MAX_SAID = 3
"""Reasons that are told at once."""


@dataclass(frozen=True, slots=True)
class Line:
    """A message that waits."""

    held: Held
    recipients: str
    why: str
    since: str
    until: str


async def _waiting(services: Services, after: int, limit: int) -> Sequence[Held]:
    return await services.store.read(held_submissions.waiting, after, limit)


async def _get(services: Services, number: int) -> Held | None:
    return await services.store.read(held_submissions.get, number)


async def _state(services: Services) -> State:
    since = int(services.clock.now()) - LONGEST
    senders = tuple(Sender(*one) for one in await services.store.read(sent_counts.busiest, since, MOST))
    return State(services.settings.sending.limits, senders)


async def _release(services: Services, visit: Visit, found: Sequence[Held]) -> tuple[int, str]:
    count = 0
    denied: dict[str, None] = {}
    for one in found:
        try:
            await services.waiting.submissions.release(one.id, origin(visit))
        except Denied as why:
            denied[visit.language.say(why.said)] = None
            continue
        except Refused:
            continue
        count += 1
    if count == len(found):
        return count, ""
    fault = visit._(
        "Certains messages n’ont pas pu partir : déjà traités, auteur suspendu, ou plus aucun destinataire."
    )
    return count, " ".join([fault, *list(denied)[:MAX_SAID]])


async def _drop(services: Services, visit: Visit, found: Sequence[Held]) -> tuple[int, str]:
    return await services.waiting.submissions.drop([one.id for one in found], origin(visit)), ""


def _line(visit: Visit, one: Held) -> Line:
    addresses = [target.address for target in one.targets]
    shown = ", ".join(addresses[:3])
    if len(addresses) > 3:
        left = len(addresses) - 3
        shown += " " + visit.language.texts.ngettext("et %(n)s autre", "et %(n)s autres", left) % {"n": left}
    judged = Judged(Course.HOLD, one.what, Mark(one.seconds, one.mark, one.mark), one.counted)
    why = visit.language.say(exceeded(judged, one.mark))
    return Line(one, shown, why, stamp(visit, one.held), stamp(visit, one.expires))


PAGE = Kind(
    path=sending.PAGE,
    tab="retenus",
    template="admin/mail/held_submissions.html",
    asks="admin/mail/held_submissions_decide.html",
    releases="envoyer",
    waiting=_waiting,
    get=_get,
    number=lambda one: one.id,
    line=_line,
    state=_state,
    release=_release,
    drop=_drop,
    said=("envoi-parti", "envoi-supprime"),
)
