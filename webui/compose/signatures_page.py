"""The page of signatures and models: named texts of the person's own, and models that a box's people share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.model.account.preferences import MAX_SIGNATURE
from mailserver.model.errors import Reason, Refused
from mailserver.store.mail.access import boxes
from mailserver.store.web import signatures
from mailserver.store.web.signatures import Model, Signature
from webui.compose import models
from webui.compose.addressing import identities
from webui.compose.addressing.identities import Identity
from webui.compose.message.message_form import MAX_SUBJECT, plain
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings


@dataclass(frozen=True, slots=True)
class HabitsPage:
    """Everything kept, each in a form of its own, and an empty form for one more."""

    frame: MailShell
    signatures: Sequence[Signature]
    models: Sequence[Model]
    identities: Sequence[Identity]
    holders: Mapping[int, str]
    """The functional boxes in whose name the person may write, by account: their addresses."""
    fault: str = ""


async def show_signatures(services: Services, visit: Visit) -> Response:
    """GET /reglages/ecriture."""
    return await _page(services, visit)


async def _page(services: Services, visit: Visit, fault: str = "", status: int = 200) -> Response:
    read = services.store.read
    page = HabitsPage(
        await surroundings(services, visit),
        await read(signatures.signatures, visit.account_id),
        await read(signatures.models, visit.account_id),
        [identity for identity in await identities.identities(services, visit) if not identity.behalf],
        {box: address for address, box in (await read(boxes.sendable, visit.account_id)).items()},
        fault,
    )
    return services.pages.answer(visit, "compose/habits.html", page, status)


async def save(services: Services, visit: Visit) -> Response:
    """POST /reglages/ecriture: keep or remove one signature or model."""
    try:
        await _save(services, visit)
    except Refused as refusal:
        if not (text := models.refused(visit, refusal.reason)):
            raise
        return await _page(services, visit, text, 422)
    return redirect(visit, f"{visit.base}/reglages/ecriture", **done("ecriture"))


async def _save(services: Services, visit: Visit) -> None:
    form, write = visit.form, services.store.write
    what, number = form.text("quoi"), form.number("numero")
    if form.text("faire") == "supprimer":
        remove = signatures.remove_model if what == "modele" else signatures.remove_signature
        await write(remove, visit.account_id, number)
        return
    name = " ".join(form.text("nom").split())[: signatures.MAX_NAME]
    text = form.text("texte").replace("\r\n", "\n").strip()
    if not name or not text:
        raise Refused(Reason.INVALID)
    if what == "modele":
        subject = " ".join(form.text("objet").split())[:MAX_SUBJECT]
        owner = form.number("proprietaire") or visit.account_id
        before = await services.store.read(signatures.models, visit.account_id)
        html = next((one.html for one in before if one.id == number), "")
        # What is changed here, where there is no editor, is plain from now on.
        same = plain(html).split() == text.split()
        await write(
            signatures.save_model, visit.account_id, Model(number, owner, name, subject, text, html if same else "")
        )
        return
    known = {identity.address for identity in await identities.identities(services, visit)}
    sender = form.text("de") if form.text("de") in known else ""
    purpose = form.text("usage") if form.text("usage") in signatures.PURPOSES else signatures.ANY
    wanted = Signature(number, name, text[:MAX_SIGNATURE], sender, purpose)
    await write(signatures.save_signature, visit.account_id, wanted)
