"""Letters that wait: the page of those that are planned, calling one back, sending it now, another time for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import JSONResponse, Response

from mailserver.model.errors import Reason, Refused
from mailserver.store.queue import outbox
from mailserver.store.queue.held import held_submissions, unconfirmed
from mailserver.store.queue.outbox import Fate, Waiting
from mailserver.store.web import webmail
from webui.compose.message.send_times import moment
from webui.compose.refusals import refused
from webui.http import headers
from webui.http.forms import positive
from webui.page.context import Services, Visit
from webui.page.flash import departed, done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings
from webui.page.words.became import after

LATELY = 15
"""Seconds since which a letter has left that was to leave now."""


@dataclass(frozen=True, slots=True)
class Line:
    """A letter that waits."""

    letter: Waiting
    when: str
    field: str
    """Its time as a form has it."""


@dataclass(frozen=True, slots=True)
class DeparturesPage:
    """All of them, the next first."""

    frame: MailShell
    lines: Sequence[Line]
    zone: str
    fault: str = ""


async def show_scheduled(services: Services, visit: Visit) -> Response:
    """GET /envois."""
    return await _page(services, visit)


async def _page(services: Services, visit: Visit, fault: str = "", status: int = 200) -> Response:
    waiting = await services.store.read(outbox.listing, visit.account_id)
    lines = [Line(one, visit.language.long_date(one.due), _local(visit, one.due)) for one in waiting]
    page = DeparturesPage(await surroundings(services, visit), lines, visit.language.zone.key, fault)
    return services.pages.answer(visit, "compose/departures.html", page, status)


async def change(services: Services, visit: Visit) -> Response:
    """POST /envois/{number}: call it back (`annuler`), send it now (`maintenant`), another time (`planifier`).

    Of two of these at once one is first: the other one's page says what that has made of the letter.
    """
    number, wanted = int(visit.request.path_params["number"]), visit.form.text("faire")
    waiting = await services.store.read(outbox.get, visit.account_id, number)
    if waiting is None:
        return redirect(visit, f"{visit.base}/", **done(await _ended(services, visit)))
    try:
        if wanted == "planifier":
            await services.store.write(outbox.plan, visit.account_id, number, moment(visit, visit.form.text("quand")))
            return redirect(visit, f"{visit.base}/envois", **done("programme"))
        if wanted == "maintenant":
            outcome = await services.waiting.outbox.depart_early(number, visit.account_id)
            return await _became(services, visit, waiting) if outcome is None else after(visit, outcome)
        draft = await services.store.write(outbox.call_back, visit.account_id, number)
        return redirect(visit, f"{visit.base}/ecrire/{draft}", **done("rappele"))
    except Refused as refusal:
        if refusal.reason is Reason.NOT_FOUND:
            return await _became(services, visit, waiting)
        return await _page(services, visit, refused(visit, refusal), 422)


async def _became(services: Services, visit: Visit, waiting: Waiting) -> Response:
    """What is told of a letter that somebody acted on: what has become of it, whoever was first."""
    fate = await services.store.read(outbox.fate, waiting)
    if fate is Fate.WAITS:
        fault = visit._("Ce message est en train de partir, ou n’a pas pu partir pour l’instant : il sera réessayé.")
        return await _page(services, visit, fault, 409)
    if fate is Fate.DRAFT:
        return redirect(visit, f"{visit.base}/ecrire/{waiting.draft_id}", **done("rappele"))
    if program := waiting.terms.program:
        asked = await services.store.read(unconfirmed.listing, visit.account_id)
        if any(one.sent.name == program.name for one in asked):
            return redirect(visit, f"{visit.base}/envois/a-confirmer")
    if visit.form.text("faire") != "maintenant":
        return redirect(visit, f"{visit.base}/", **done("parti"))
    return redirect(visit, f"{visit.base}/", **done("attend" if await _waits_for_it(services, visit) else "envoye"))


async def _waits_for_it(services: Services, visit: Visit) -> bool:
    """Whether something of one's own has just begun to wait for IT: what somebody else, or a worker, let go."""
    return await services.store.read(held_submissions.has_since, visit.account_id, int(visit.now) - LATELY)


async def _ended(services: Services, visit: Visit) -> str:
    """What is said of a letter that waited no more when the button was pressed, by the draft that its page names."""
    draft = visit.form.number("brouillon")
    if not draft:
        return "n-attend-plus"
    back = await services.store.read(webmail.is_draft, visit.account_id, draft)
    return "deja-rappele" if back else "parti"


async def state(services: Services, visit: Visit) -> Response:
    """GET /envois/{number}/etat: whether a letter still waits, has left or is a draft again; `fait`: as announced."""
    number, draft = int(visit.request.path_params["number"]), positive(visit.query("brouillon"))
    waiting = await services.store.read(outbox.get, visit.account_id, number)
    what, text = "attend", ""
    if waiting is None:
        back = bool(draft) and await services.store.read(webmail.is_draft, visit.account_id, draft)
        what = "brouillon" if back else "parti"
        announced = "attend" if not back and await _waits_for_it(services, visit) else visit.query("fait")
        text = (
            visit._("Le message n’est pas parti : il est dans vos brouillons.") if back else departed(visit, announced)
        )
    answer = {"etat": what, "texte": text, "adresse": f"{visit.base}/ecrire/{draft}" if what == "brouillon" else ""}
    return JSONResponse(answer, headers=headers.page(visit.secure))


def _local(visit: Visit, at: int) -> str:
    return datetime.fromtimestamp(at, visit.language.zone).strftime("%Y-%m-%dT%H:%M")
