"""The page of signatures and models: named texts of the person's own, and models that a box's people share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

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
    typed_signature: Signature | None = None
    """What was typed and is not kept; one of id 0 is to be new."""
    typed_model: Model | None = None
    """The same of a model."""


async def show_signatures(services: Services, visit: Visit) -> Response:
    """GET /reglages/ecriture."""
    return await _page(services, visit)


async def _page(
    services: Services, visit: Visit, fault: str = "", typed: Signature | Model | None = None, status: int = 200
) -> Response:
    read = services.store.read
    page = HabitsPage(
        await surroundings(services, visit),
        await read(signatures.signatures, visit.account_id),
        await read(signatures.models, visit.account_id),
        [identity for identity in await identities.identities(services, visit) if not identity.behalf],
        {box: address for address, box in (await read(boxes.sendable, visit.account_id)).items()},
        fault,
        typed if isinstance(typed, Signature) else None,
        typed if isinstance(typed, Model) else None,
    )
    return services.pages.answer(visit, "compose/habits.html", page, status)


async def save(services: Services, visit: Visit) -> Response:
    """POST /reglages/ecriture: keep or remove one signature or model."""
    wanted = None if visit.form.text("faire") == "supprimer" else await _wanted(services, visit)
    try:
        await _save(services, visit, wanted)
    except Refused as refusal:
        seen = visit.form.has("etat") and refusal.reason is Reason.NOT_FOUND
        if seen and wanted is not None and await _is_gone(services, visit, wanted):
            text = visit._("Ce texte a été supprimé entre-temps. Enregistrez de nouveau pour le garder.")
            return await _page(services, visit, text, replace(wanted, id=0), 422)
        if not (text := _refused(visit, refusal.reason)):
            raise
        return await _page(services, visit, text, wanted, 422)
    return redirect(visit, f"{visit.base}/reglages/ecriture", **done("ecriture"))


def _refused(visit: Visit, reason: Reason) -> str:
    if reason is not Reason.CONFLICT:
        return models.refused(visit, reason)
    if visit.form.text("faire") == "supprimer":
        return visit._("Ce texte a changé entre-temps dans une autre fenêtre : relisez-le avant de le supprimer.")
    return visit._("Ce texte a changé entre-temps dans une autre fenêtre. Enregistrez de nouveau pour le remplacer.")


async def _is_gone(services: Services, visit: Visit, wanted: Signature | Model) -> bool:
    listing = signatures.models if isinstance(wanted, Model) else signatures.signatures
    found: Sequence[Signature | Model] = await services.store.read(listing, visit.account_id)
    return all(one.id != wanted.id for one in found)


async def _save(services: Services, visit: Visit, wanted: Signature | Model | None) -> None:
    form, write, seen = visit.form, services.store.write, visit.form.text("etat")[:64]
    if wanted is None:
        remove = signatures.remove_model if form.text("quoi") == "modele" else signatures.remove_signature
        await write(remove, visit.account_id, form.number("numero"), seen)
    elif not wanted.name or not wanted.text:
        raise Refused(Reason.INVALID)
    elif isinstance(wanted, Model):
        await write(signatures.save_model, visit.account_id, wanted, seen)
    else:
        await write(signatures.save_signature, visit.account_id, wanted, seen)


async def _wanted(services: Services, visit: Visit) -> Signature | Model:
    """What the form says."""
    form, number = visit.form, visit.form.number("numero")
    name = " ".join(form.text("nom").split())[: signatures.MAX_NAME]
    text = form.text("texte").replace("\r\n", "\n").strip()
    if form.text("quoi") == "modele":
        subject = " ".join(form.text("objet").split())[:MAX_SUBJECT]
        owner = form.number("proprietaire") or visit.account_id
        before = await services.store.read(signatures.models, visit.account_id)
        html = next((one.html for one in before if one.id == number), "")
        # What is changed here, where there is no editor, is plain from now on.
        same = plain(html).split() == text.split()
        return Model(number, owner, name, subject, text, html if same else "")
    known = {identity.address for identity in await identities.identities(services, visit)}
    sender = form.text("de") if form.text("de") in known else ""
    purpose = form.text("usage") if form.text("usage") in signatures.PURPOSES else signatures.ANY
    return Signature(number, name, text[:MAX_SIGNATURE], sender, purpose)
