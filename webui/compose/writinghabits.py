"""The page of signatures and models: named texts of the person's own, and models that a box's people share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.errors import Reason, Refused
from mailserver.store import phrases
from mailserver.store.access import boxes
from mailserver.store.phrases import Model, Signature
from webui.announcing import done
from webui.compose import identities
from webui.compose.identities import Identity
from webui.compose.letters import MAX_SUBJECT
from webui.frame import Frame, surroundings
from webui.rendering import redirect
from webui.visit import Services, Visit

MAX_SIGNATURE = 2000
MAX_MODEL = 20_000


@dataclass(frozen=True, slots=True)
class HabitsPage:
    """Everything kept, each in a form of its own, and an empty form for one more."""

    frame: Frame
    signatures: Sequence[Signature]
    models: Sequence[Model]
    identities: Sequence[Identity]
    boxes: Mapping[str, int]
    fault: str = ""


async def show(services: Services, visit: Visit) -> Response:
    """GET /reglages/ecriture."""
    return await _page(services, visit)


async def _page(services: Services, visit: Visit, fault: str = "", status: int = 200) -> Response:
    read = services.store.read
    page = HabitsPage(
        await surroundings(services, visit),
        await read(phrases.signatures, visit.account_id),
        await read(phrases.models, visit.account_id),
        [one for one in await identities.identities(services, visit) if not one.behalf],
        await read(boxes.sendable, visit.account_id),
        fault,
    )
    return services.pages.answer(visit, "compose/habits.html", page, status)


async def save(services: Services, visit: Visit) -> Response:
    """POST /reglages/ecriture: keep or remove one signature or model."""
    try:
        await _save(services, visit)
    except Refused as refusal:
        texts = {
            Reason.INVALID: visit._("Donnez un nom et un texte."),
            Reason.LIMIT: visit._("Vous en avez déjà cent : supprimez-en d’abord."),
        }
        if refusal.reason not in texts:
            raise
        return await _page(services, visit, texts[refusal.reason], 422)
    return redirect(visit, f"{visit.base}/reglages/ecriture", **done("ecriture"))


async def _save(services: Services, visit: Visit) -> None:
    form, write = visit.form, services.store.write
    what, number = form.text("quoi"), form.number("numero")
    if form.text("faire") == "supprimer":
        remove = phrases.remove_model if what == "modele" else phrases.remove_signature
        await write(remove, visit.account_id, number)
        return
    name = " ".join(form.text("nom").split())[: phrases.MAX_NAME]
    text = form.text("texte").replace("\r\n", "\n").strip()
    if not name or not text:
        raise Refused(Reason.INVALID)
    if what == "modele":
        subject = " ".join(form.text("objet").split())[:MAX_SUBJECT]
        owner = form.number("proprietaire") or visit.account_id
        await write(phrases.save_model, visit.account_id, Model(number, owner, name, subject, text[:MAX_MODEL]))
        return
    known = {one.address for one in await identities.identities(services, visit)}
    sender = form.text("de") if form.text("de") in known else ""
    purpose = form.text("usage") if form.text("usage") in phrases.PURPOSES else phrases.ANY
    wanted = Signature(number, name, text[:MAX_SIGNATURE], sender, purpose)
    await write(phrases.save_signature, visit.account_id, wanted)
