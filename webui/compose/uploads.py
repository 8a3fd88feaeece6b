"""What the form's script asks for while somebody writes: keep the text, add one file, show a picture.

Answers are JSON. The form without its script does the same by its buttons.
"""

from collections.abc import Sequence
from dataclasses import replace

from starlette.responses import JSONResponse, Response

from mailserver.mime.writing.compose import Attachment
from mailserver.model.errors import Reason, Refused
from webui.compose import form_page, writing
from webui.compose.message import attached_files, drafts, message_form, sources, versions
from webui.compose.message.drafts import keep, kept
from webui.compose.message.message_form import Letter, from_form
from webui.http import headers
from webui.http.offload import computed
from webui.page import large_files
from webui.page.context import Services, Visit
from webui.reader import message_parts

OFTEN, SELDOM = 10, 60
"""Seconds between two saves of a draft, and of one with heavy attachments: a draft is one message, rewritten whole."""
HEAVY = 1024 * 1024
"""Octets of attachments from which on a draft is saved seldom."""
MAX_CID = 200


async def save(services: Services, visit: Visit) -> Response:
    """POST /ecrire/garder: the text as it is now; 409 with the other version when the draft moved meanwhile."""
    posted = from_form(visit.form)
    letter = await writing.resumed(services, visit, posted)
    again = letter.draft != posted.draft
    located = await versions.locate(services, visit, letter)
    try:
        if located is None:
            raise Refused(Reason.CONFLICT)
        letter, again = located.letter, again or located.moved
        before = attached_files.without(located.attachments, visit.form.text("retirer") or "none")
        again = again and bool(before)  # by the form that did not hear of it
        taken = [] if again else await _taken(services, visit, letter, before)
        attachments = attached_files.pruned(letter, [*before, *taken])
        letter = await keep(services, visit, letter, attachments)
        return _kept(visit, services, letter, attachments, taken=again or bool(taken))
    except Refused as refusal:
        return await _refusal(services, visit, letter, refusal)


async def _taken(services: Services, visit: Visit, letter: Letter, before: Sequence[Attachment]) -> list[Attachment]:
    """Files ticked of a message that is passed on: from the first save on they are the draft's, which opens again
    without the message. What is not to be had, or too much, stays with the form, which says so when it is sent."""
    try:
        taken = await attached_files.added(services, visit, letter)
    except Refused:
        return []
    size = sum(len(one.octets) for one in (*before, *taken))
    return taken if size <= services.attachment_octets else []


async def add(services: Services, visit: Visit) -> Response:
    """POST /ecrire/piece: one file more for the draft; with `cid`, a picture for its text."""
    wanted = Letter(draft=visit.form.number("brouillon"), key=visit.form.text("cle")[:64])
    wanted = await writing.resumed(services, visit, wanted)
    content_id = "".join(
        char for char in visit.form.text("cid")[:MAX_CID] if char.isascii() and (char.isalnum() or char in "-.@")
    )
    try:
        before = await kept(services, visit, wanted.draft) if wanted.draft else drafts.Kept(wanted, ())
        if visit.form.oversize or not visit.form.files:
            raise Refused(Reason.TOO_BIG)
        added = [await attached_files.uploaded(file, content_id) for file in visit.form.files[:1]]
        attachments = [*before.attachments, *added]
        letter = replace(before.letter, key=before.letter.key or wanted.key)
        return _kept(visit, services, await keep(services, visit, letter, attachments), attachments)
    except Refused as refusal:
        if refusal.reason is Reason.NOT_FOUND:
            refusal = Refused(Reason.CONFLICT)
        return await _refusal(services, visit, wanted, refusal)


def _kept(
    visit: Visit, services: Services, letter: Letter, attachments: list[Attachment], *, taken: bool = False
) -> Response:
    room = form_page.room(services, visit, attachments)
    answer = {
        "brouillon": letter.draft,
        "cle": letter.key,
        "texte": visit._("Enregistré à %(at)s") % {"at": visit.language.clock_time(visit.now)},
        "attendre": SELDOM if room.used > HEAVY else OFTEN,
        "place": room.text,
        "occupe": room.used,
        "repris": taken,
        "pieces": [
            {"numero": one.number, "nom": one.name, "taille": visit.language.size(one.octets)}
            for one in form_page.enclosed(attachments)
        ],
    }
    return JSONResponse(answer, headers=headers.page(visit.secure))


async def _refusal(services: Services, visit: Visit, letter: Letter, refusal: Refused) -> Response:
    _ = visit._
    texts = {
        Reason.CONFLICT: (409, _("Ce brouillon a été modifié, envoyé ou supprimé dans une autre fenêtre.")),
        Reason.OVER_QUOTA: (507, _("Votre boîte est pleine : le brouillon n’a pas pu être enregistré.")),
        Reason.TOO_BIG: (
            413,
            _("Les pièces jointes dépassent %(limit)s au total : elles n’ont pas été ajoutées.")
            % {"limit": visit.language.size(services.attachment_octets)},
        ),
    }
    if refusal.reason not in texts:
        raise refusal
    status, text = texts[refusal.reason]
    answer: dict[str, str | int] = {"texte": text}
    if refusal.reason is Reason.CONFLICT:
        other = await writing.other_version(services, visit, letter)
        if other:
            theirs = (await kept(services, visit, other)).letter
            shown = message_form.plain(theirs.html) if theirs.html else theirs.text
            answer |= {"autre": other, "autre_objet": theirs.subject, "autre_texte": shown}
            answer |= {"autre_a": theirs.to, "autre_cc": theirs.cc, "autre_cci": theirs.bcc}
    return JSONResponse(answer, status, headers=headers.page(visit.secure))


async def picture(services: Services, visit: Visit) -> Response:
    """GET /ecrire/{draft}/image?cid=: a picture that the text of a draft shows."""
    wanted = visit.query("cid")
    source = await sources.message(services, visit, int(visit.request.path_params["draft"]))
    part = next((one for one in source.root.walk() if wanted and one.content_id == wanted and one.number), None)
    if part is None or part.type not in headers.INLINE_TYPES or part.size > 2 * message_parts.INLINE_OCTETS:
        raise Refused(Reason.NOT_FOUND)
    content = await computed(part.size, part.content, source.octets)
    if not content:
        raise Refused(Reason.NOT_FOUND)
    return await large_files.send(services, visit, content, headers.shown_image(visit.secure, part.type))
