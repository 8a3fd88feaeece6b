"""Sending a letter: the questions before it leaves, its one departure, what its author is told.

A letter is sent from its draft, once: its key is claimed in the store first, so that a button pressed twice, or in two
windows, sends one message.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.responses import Response

from mailserver.errors import Reason, Refused
from mailserver.mime.compose import Attachment
from mailserver.rules import Denied
from mailserver.store import mailboxes, sessions, webmail
from webui import letterpage, letters
from webui.frame import Frame, done, surround
from webui.letters import Letter, kept, listed
from webui.recipients import Field, merged, refusal_text, spoken
from webui.rendering import redirect
from webui.visit import Services, Visit

MANY_RECIPIENTS = 10
"""Personal addresses that everybody would see: above this the page asks."""
SENDING_SECONDS = 120
"""After this a sending that nobody finished may be tried again."""
TWICE_SECONDS = 5.0
"""How long the second press of a button waits for what the first one does."""
_ANNOUNCED = re.compile(
    r"ci[- ]joint|pi[eè]ces?[- ]jointes?|ci[- ]annex|en annexe|vous trouverez joint|attached|enclosed|attachment",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ConfirmPage:
    """Asks before a letter leaves."""

    frame: Frame
    letter: Letter
    doubts: Sequence[str]
    many: bool


async def confirm(services: Services, visit: Visit) -> Response:
    """POST /ecrire/{draft}/envoyer: the answer of the page that asked."""
    draft = await kept(services, visit, int(visit.request.path_params["draft"]))
    letter = draft.letter
    if visit.form.text("faire") == "cci":
        letter = replace(letter, to="", cc="", bcc=", ".join(filter(None, (letter.to, letter.cc, letter.bcc))))
    return await send(services, visit, letter, draft.attachments, asked=True)


async def send(
    services: Services, visit: Visit, letter: Letter, attachments: Sequence[Attachment], *, asked: bool = False
) -> Response:
    """Send a letter that is kept as a draft, unless something about it must be asked or put right first."""
    fields = await letterpage.fields_of(services, visit, letter)
    if any(field.questions for field in fields.values()) or not any(field.people for field in fields.values()):
        return await letterpage.checked(services, visit, letter, attachments, 422)
    doubts, many = _doubts(visit, letter, fields, attachments)
    if doubts and not asked:
        boxes = await services.store.read(mailboxes.listing, visit.account_id)
        page = ConfirmPage(surround(visit, boxes), letter, doubts, many)
        return services.pages.answer(visit, "mail/confirm.html", page)
    shown = {name: listed(field.people) for name, field in fields.items()}
    letter = replace(letter, to=shown["a"], cc=shown["cc"], bcc=shown["cci"])
    claim = services.keys.stored(f"sent {letter.key}")
    if not await services.store.write(sessions.claim, claim, visit.account_id, SENDING_SECONDS):
        return await _sent_already(services, visit, letter, attachments, claim)
    try:
        octets = await letters.written(services, visit, letter, attachments, draft=False)
        await services.submission.submit(
            visit.principal, visit.principal.address, merged(list(fields.values())), octets, save_to_sent=True
        )
    except BaseException as error:
        await services.store.write(sessions.release, claim, visit.account_id)
        if not isinstance(error, Refused):
            raise
        fault = _refusal(visit, error)
        return await letterpage.answer(services, visit, letter, attachments, faults=[fault], status=422)
    await services.store.write(
        webmail.letter_sent, visit.account_id, claim, letter.draft, letter.answers, letter.forwards
    )
    return redirect(visit, f"{visit.base}/", **done("envoye"))


async def _sent_already(
    services: Services, visit: Visit, letter: Letter, attachments: Sequence[Attachment], claim: bytes
) -> Response:
    """The button was pressed twice: wait for the first press, and say what became of it."""
    deadline = services.clock.monotonic() + TWICE_SECONDS
    while (state := await services.store.read(sessions.finished, claim, visit.account_id)) is False:
        if services.clock.monotonic() > deadline:
            break
        await asyncio.sleep(0.1)
    if state:
        drafts = await services.store.write(webmail.drafts, visit.account_id)
        await services.store.write(webmail.erase, visit.account_id, drafts.id, [letter.draft])
        return redirect(visit, f"{visit.base}/", **done("envoye"))
    fault = visit._(
        "Cet envoi est déjà en cours. Attendez une minute, puis regardez dans Envoyés avant de recommencer."
    )
    return await letterpage.answer(services, visit, letter, attachments, faults=[fault], status=409)


def _doubts(
    visit: Visit, letter: Letter, fields: dict[str, Field], attachments: Sequence[Attachment]
) -> tuple[list[str], bool]:
    """What a colleague would ask before the letter leaves; True when many would see each other's addresses."""
    _ = visit._
    doubts = []
    if not letter.subject:
        doubts.append(_("Votre message n’a pas d’objet."))
    own = "\n".join(line for line in letter.text.split("\n") if not line.startswith(">"))
    if not attachments and _ANNOUNCED.search(own):
        doubts.append(_("Votre message annonce une pièce jointe, mais il n’y en a pas."))
    visible = len(fields["a"].people) + len(fields["cc"].people)
    many = visible > MANY_RECIPIENTS
    if many:
        doubts.append(_("%(n)s destinataires verront l’adresse de tous les autres.") % {"n": visible})
    return doubts, many


def _refusal(visit: Visit, refusal: Refused) -> str:
    _ = visit._
    if isinstance(refusal, Denied):
        return spoken(visit, refusal)
    texts = {
        Reason.TOO_BIG: _("Le message est trop volumineux."),
        Reason.TOO_MANY_RECIPIENTS: _("Il y a trop de destinataires."),
        Reason.SUSPENDED: _("Votre compte ne peut pas envoyer de messages."),
        Reason.SENDER_NOT_OWNED: _("Vous ne pouvez pas écrire avec cette adresse."),
    }
    if refusal.reason in (Reason.NO_SUCH_RECIPIENT, Reason.OVER_QUOTA):
        return refusal_text(visit, refusal, refusal.text.partition(":")[0])
    return texts.get(refusal.reason, _("Le message n’a pas été envoyé. Votre brouillon est gardé."))
