"""Letters that wait: the page of those that are planned, calling one back, sending it now, another time for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import JSONResponse, Response

from mailserver.errors import Reason, Refused
from mailserver.store import mailboxes, outbox, webmail
from mailserver.store.outbox import Waiting
from webui import headers
from webui.announcing import departed, done
from webui.compose.sending import moment, refused
from webui.forms import positive
from webui.frame import Frame, surroundings
from webui.rendering import redirect
from webui.visit import Services, Visit


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

    frame: Frame
    lines: Sequence[Line]
    zone: str
    fault: str = ""


async def show(services: Services, visit: Visit) -> Response:
    """GET /envois."""
    return await _page(services, visit)


async def _page(services: Services, visit: Visit, fault: str = "", status: int = 200) -> Response:
    waiting = await services.store.read(outbox.listing, visit.account_id)
    lines = [Line(one, visit.language.long_date(one.due), _local(visit, one.due)) for one in waiting]
    page = DeparturesPage(await surroundings(services, visit), lines, visit.language.zone.key, fault)
    return services.pages.answer(visit, "mail/departures.html", page, status)


async def change(services: Services, visit: Visit) -> Response:
    """POST /envois/{number}: call it back (`annuler`), send it now (`maintenant`), another time (`planifier`)."""
    number, wanted = int(visit.request.path_params["number"]), visit.form.text("faire")
    try:
        if wanted == "planifier":
            await services.store.write(outbox.plan, visit.account_id, number, moment(visit, visit.form.text("quand")))
            return redirect(visit, f"{visit.base}/envois", **done("programme"))
        if wanted == "maintenant":
            await services.store.write(outbox.plan, visit.account_id, number, int(services.clock.now()))
            await services.outbox.depart(number)
            return redirect(visit, f"{visit.base}/", **done("envoye"))
        draft = await services.store.write(outbox.call_back, visit.account_id, number)
        return redirect(visit, f"{visit.base}/ecrire/{draft}", **done("rappele"))
    except Refused as refusal:
        if refusal.reason is Reason.NOT_FOUND:
            return redirect(visit, f"{visit.base}/", **done("parti"))
        return await _page(services, visit, refused(visit, refusal), 422)


async def state(services: Services, visit: Visit) -> Response:
    """GET /envois/{number}/etat: whether a letter still waits, has left or is a draft again; `fait`: as announced."""
    number, draft = int(visit.request.path_params["number"]), positive(visit.query("brouillon"))
    waiting = await services.store.read(outbox.get, visit.account_id, number)
    what, text = "attend", ""
    if waiting is None:
        boxes = await services.store.read(mailboxes.listing, visit.account_id)
        drafts = next((box for box in boxes if box.special_use == "\\Drafts"), None)
        back = drafts is not None and bool(
            await services.store.read(webmail.uids_of, visit.account_id, drafts.id, [draft] if draft else [])
        )
        what = "brouillon" if back else "parti"
        text = (
            visit._("Le message n’est pas parti : il est dans vos brouillons.")
            if back
            else departed(visit, visit.query("fait"))
        )
    answer = {"etat": what, "texte": text, "adresse": f"{visit.base}/ecrire/{draft}" if what == "brouillon" else ""}
    return JSONResponse(answer, headers=headers.page(visit.secure))


def _local(visit: Visit, at: int) -> str:
    return datetime.fromtimestamp(at, visit.language.zone).strftime("%Y-%m-%dT%H:%M")
