"""Writing: new letters, answers, forwards, their drafts and attachments.

Every POST first keeps the letter as a draft, so that nothing that follows can lose it; then it does what the button
said.
"""

from collections.abc import Sequence
from dataclasses import replace

from starlette.responses import Response

from mailserver.errors import Reason, Refused
from mailserver.mime.compose import Attachment
from mailserver.mime.headers import clean as clean_text
from mailserver.mime.replies import forward_subject, quote, reply
from mailserver.store import mailboxes, webmail
from webui import letterpage, letters, parking, plaintext, reading, sending
from webui.effort import computed
from webui.forms import positive
from webui.frame import done
from webui.letters import Letter, from_form, keep, kept, listed
from webui.rendering import redirect
from webui.visit import Services, Visit

# ---------------------------------------------------------------------- opening the form


async def write(services: Services, visit: Visit) -> Response:
    """GET /ecrire: a new letter, an answer (`repondre`, `tous`), or a message passed on (`transferer`, `joindre`)."""
    for name, make in _BEGINNINGS.items():
        source = positive(visit.query(name))
        if source:
            letter, original = await make(services, visit, source)
            return await letterpage.answer(services, visit, letter, original=original)
    to = clean_text(visit.query("a"))[: letters.MAX_RECIPIENTS_TEXT]
    return await letterpage.answer(services, visit, Letter(to=to, text=_signature(visit)))


async def edit(services: Services, visit: Visit) -> Response:
    """GET /ecrire/{draft}: go on with a draft."""
    draft = await kept(services, visit, int(visit.request.path_params["draft"]))
    return await letterpage.answer(services, visit, draft.letter, draft.attachments)


async def _answer(services: Services, visit: Visit, source: int, *, everybody: bool) -> tuple[Letter, None]:
    octets, root = await letters.message(services, visit, source, upto=reading.TEXT_OCTETS)
    found = reply(octets, root, visit.principal.owns, everybody=everybody)
    found_text = (await computed(plaintext.weight(root), plaintext.readable, octets, root))[: plaintext.MAX_SHOWN]
    stored = await services.store.read(webmail.stored, visit.account_id, source)
    intro = visit._("Le %(date)s, %(sender)s a écrit :") % {
        "date": visit.language.long_date(stored.sent_at or stored.date),
        "sender": stored.sender or stored.sender_address,
    }
    quoted = f"{intro}\n{quote(found_text)}"
    signature = _signature(visit)
    text = f"{quoted}\n{signature}" if visit.preferences.answer_below else f"{signature}\n\n{quoted}"
    letter = Letter(to=listed(found.to), cc=listed(found.cc), subject=found.subject, text=text, answers=source)
    return letter, None


async def _reply(services: Services, visit: Visit, source: int) -> tuple[Letter, None]:
    return await _answer(services, visit, source, everybody=False)


async def _reply_all(services: Services, visit: Visit, source: int) -> tuple[Letter, None]:
    return await _answer(services, visit, source, everybody=True)


async def _forward(services: Services, visit: Visit, source: int) -> tuple[Letter, letterpage.Original]:
    octets, root = await letters.message(services, visit, source, upto=reading.TEXT_OCTETS)
    stored = await services.store.read(webmail.stored, visit.account_id, source)
    head = reading.letterhead(octets, root, stored)
    _ = visit._
    shown = [
        _("---------- Message transféré ----------"),
        _("De : %(value)s") % {"value": _people(head.sender)},
        _("Date : %(value)s") % {"value": visit.language.long_date(head.date)},
        _("Objet : %(value)s") % {"value": head.subject},
        _("À : %(value)s") % {"value": _people(head.to)},
        "",
        (await computed(plaintext.weight(root), plaintext.readable, octets, root))[: plaintext.MAX_SHOWN],
    ]
    text = f"{_signature(visit)}\n\n" + "\n".join(shown)
    letter = Letter(subject=forward_subject(stored.subject), text=text, forwards=source)
    return letter, letterpage.Original(source, reading.pieces(root), False)


async def _enclose(services: Services, visit: Visit, source: int) -> tuple[Letter, letterpage.Original]:
    stored = await services.store.read(webmail.stored, visit.account_id, source)
    whole = reading.Piece("eml", f"{stored.subject or 'message'}.eml", "message/rfc822", stored.size)
    letter = Letter(subject=forward_subject(stored.subject), text=_signature(visit), forwards=source)
    return letter, letterpage.Original(source, [whole], True)


_BEGINNINGS = {"repondre": _reply, "tous": _reply_all, "transferer": _forward, "joindre": _enclose}


def _people(shown: Sequence[reading.Person]) -> str:
    return ", ".join(f"{one.name} <{one.address}>" if one.name else one.address for one in shown)


def _signature(visit: Visit) -> str:
    signature = visit.preferences.signature.strip()
    return f"\n\n-- \n{signature}\n" if signature else ""


# ---------------------------------------------------------------------- what the buttons do


async def post(services: Services, visit: Visit) -> Response:
    """POST /ecrire: keep the letter as a draft, then do what the button said."""
    letter = from_form(visit.form)
    action = visit.form.text("faire")
    before = await _stored_attachments(services, visit, letter)
    if before is None:
        return await _conflict(services, visit, letter)
    if action.startswith("retirer:"):
        gone = action.removeprefix("retirer:")
        before = [one for place, one in enumerate(before) if str(place) != gone]
    attachments = [*before, *await _new_attachments(services, visit, letter)]
    if sum(len(one.octets) for one in attachments) > services.attachment_octets or visit.form.oversize:
        return await _too_big(services, visit, letter, before)
    if action == "verifier":
        letter = await letterpage.with_choices(services, visit, letter)
    try:
        letter = await keep(services, visit, letter, attachments)
    except Refused as refusal:
        if refusal.reason is Reason.CONFLICT:
            return await _conflict(services, visit, letter)
        if refusal.reason is Reason.OVER_QUOTA:
            return await letterpage.answer(
                services,
                visit,
                letter,
                before,
                faults=[visit._("Votre boîte est pleine : le brouillon n’a pas pu être enregistré.")],
                status=507,
            )
        raise
    if action == "abandonner":
        return await _abandon(services, visit, letter)
    if action == "envoyer":
        return await sending.send(services, visit, letter, attachments)
    if action == "verifier":
        return await letterpage.checked(services, visit, letter, attachments)
    address = f"{visit.base}/ecrire/{letter.draft}"
    if action == "enregistrer":
        return redirect(visit, address, **done("brouillon"))
    return redirect(visit, address, _at="pieces" if visit.form.files or action.startswith("retirer:") else "a")


async def _stored_attachments(services: Services, visit: Visit, letter: Letter) -> list[Attachment] | None:
    """What the draft holds already; None when the draft is not there any more."""
    if not letter.draft:
        return []
    try:
        return list((await kept(services, visit, letter.draft)).attachments)
    except Refused:
        return None


async def _new_attachments(services: Services, visit: Visit, letter: Letter) -> list[Attachment]:
    """Files that came with the form, and pieces of the message that is passed on."""
    found = []
    for file in visit.form.files:
        name = clean_text(file.filename or "").replace("\\", "/").rpartition("/")[2][: letters.MAX_NAME]
        found.append(
            Attachment(name or "piece-jointe", file.content_type or "application/octet-stream", await file.read())
        )
    wanted = set(visit.form.every("reprise")[:100])
    if wanted and letter.forwards:
        octets, root = await letters.message(services, visit, letter.forwards)
        if "eml" in wanted:
            subject = root.header(octets, "Subject") or "message"
            found.append(Attachment(f"{subject[:100]}.eml", "message/rfc822", octets))
        found += [
            Attachment(part.filename or f"piece-{part.number}", part.type, part.content(octets))
            for part in root.attachments()
            if part.number in wanted
        ]
    return found


async def _too_big(services: Services, visit: Visit, letter: Letter, before: Sequence[Attachment]) -> Response:
    fault = visit._("Les pièces jointes dépassent %(limit)s au total : elles n’ont pas été ajoutées.") % {
        "limit": visit.language.size(services.attachment_octets)
    }
    letter = await keep(services, visit, letter, before)
    return await letterpage.answer(services, visit, letter, before, faults=[fault], status=413)


async def _conflict(services: Services, visit: Visit, letter: Letter) -> Response:
    """The draft was sent, replaced or removed elsewhere: what was typed here is kept beside it, and not sent."""
    letter = await keep(services, visit, replace(letter, draft=0, key=""), ())
    fault = visit._(
        "Ce brouillon a été modifié, envoyé ou supprimé dans une autre fenêtre. Votre version est gardée à part, sans "
        "ses pièces jointes : vérifiez vos dossiers Brouillons et Envoyés avant de l’envoyer."
    )
    return await letterpage.answer(services, visit, letter, faults=[fault], status=409)


async def _abandon(services: Services, visit: Visit, letter: Letter) -> Response:
    boxes = await services.store.read(mailboxes.listing, visit.account_id)
    drafts = await services.store.write(webmail.drafts, visit.account_id)
    trash = next((box for box in boxes if box.special_use == "\\Trash"), None)
    if trash is None:
        await services.store.write(webmail.erase, visit.account_id, drafts.id, [letter.draft])
        return redirect(visit, f"{visit.base}/", **done("abandon"))
    token = services.keys.new_token()
    undo = (services.keys.stored(token), 300)
    await services.store.write(webmail.move, visit.account_id, drafts.id, trash.id, [letter.draft], undo)
    return redirect(visit, f"{visit.base}/", **done("abandon", 1, token))


async def restore(services: Services, visit: Visit, form: parking.Parked) -> int:
    """Make a draft of text that was parked when the session ended; its id. Never sends it."""
    letter = form.letter
    before = await _stored_attachments(services, visit, letter)
    if before is None:
        letter, before = replace(letter, draft=0, key=""), []
    return (await keep(services, visit, letter, before)).draft
