"""Writing: new letters, answers, forwards; drafts; the checks before sending; sending.

Every POST first keeps the letter as a draft, so that nothing that follows can lose it; then it does what the button
said. A letter is sent from its draft, once.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog
from starlette.responses import Response

from mailserver.errors import Reason, Refused
from mailserver.mime.compose import Attachment
from mailserver.mime.headers import clean as clean_text
from mailserver.mime.replies import forward_subject, quote, reply
from mailserver.store import mailboxes, sessions, webmail
from webui import letters, parking, plaintext, reading
from webui.forms import positive
from webui.frame import DRAFTS, Frame, done, surround
from webui.letters import Enclosed, Letter, from_form, keep, kept, listed
from webui.recipients import Field, Question, look, merged, refusal_text
from webui.rendering import redirect
from webui.visit import Services, Visit

log = structlog.get_logger("webui")

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
class Original:
    """Attachments of a message that is being passed on, offered before the draft exists."""

    id: int
    pieces: Sequence[reading.Piece]
    whole: bool
    """Offer the whole message as one attachment."""


@dataclass(frozen=True, slots=True)
class ComposePage:
    """The form."""

    frame: Frame
    title: str
    letter: Letter
    enclosed: Sequence[Enclosed]
    original: Original | None
    questions: Sequence[tuple[str, Question]]
    """Field name and what is open in it."""
    faults: Sequence[str]
    limit: str
    """How much attachments may hold, and how much they do."""
    kept_at: str
    too_big: bool = False


@dataclass(frozen=True, slots=True)
class ConfirmPage:
    """Asks before a letter leaves."""

    frame: Frame
    letter: Letter
    doubts: Sequence[str]
    many: bool


# ---------------------------------------------------------------------- opening the form


async def write(services: Services, visit: Visit) -> Response:
    """GET /ecrire: a new letter, an answer (`repondre`, `tous`), or a message passed on (`transferer`, `joindre`)."""
    for name, make in _BEGINNINGS.items():
        source = positive(visit.query(name))
        if source:
            letter, original = await make(services, visit, source)
            return await _form(services, visit, letter, original=original)
    to = clean_text(visit.query("a"))[: letters.MAX_RECIPIENTS_TEXT]
    return await _form(services, visit, Letter(to=to, text=_signature(visit)))


async def edit(services: Services, visit: Visit) -> Response:
    """GET /ecrire/{draft}: go on with a draft."""
    draft = await kept(services, visit, int(visit.request.path_params["draft"]))
    return await _form(services, visit, draft.letter, draft.attachments)


async def _answer(services: Services, visit: Visit, source: int, *, everybody: bool) -> tuple[Letter, None]:
    octets, root = await letters.message(services, visit, source, upto=reading.TEXT_OCTETS)
    found = reply(octets, root, visit.principal.owns, everybody=everybody)
    found_text = plaintext.readable(octets, *plaintext.body_parts(root))[: plaintext.MAX_SHOWN]
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


async def _forward(services: Services, visit: Visit, source: int) -> tuple[Letter, Original]:
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
        plaintext.readable(octets, *plaintext.body_parts(root))[: plaintext.MAX_SHOWN],
    ]
    text = f"{_signature(visit)}\n\n" + "\n".join(shown)
    letter = Letter(subject=forward_subject(stored.subject), text=text, forwards=source)
    return letter, Original(source, reading.pieces(root), False)


async def _enclose(services: Services, visit: Visit, source: int) -> tuple[Letter, Original]:
    stored = await services.store.read(webmail.stored, visit.account_id, source)
    whole = reading.Piece("eml", f"{stored.subject or 'message'}.eml", "message/rfc822", stored.size)
    letter = Letter(subject=forward_subject(stored.subject), text=_signature(visit), forwards=source)
    return letter, Original(source, [whole], True)


_BEGINNINGS = {"repondre": _reply, "tous": _reply_all, "transferer": _forward, "joindre": _enclose}


def _people(shown: Sequence[reading.Person]) -> str:
    return ", ".join(f"{one.name} <{one.address}>" if one.name else one.address for one in shown)


def _signature(visit: Visit) -> str:
    signature = visit.preferences.signature.strip()
    return f"\n\n-- \n{signature}\n" if signature else ""


async def _form(
    services: Services,
    visit: Visit,
    letter: Letter,
    attachments: Sequence[Attachment] = (),
    *,
    original: Original | None = None,
    questions: Sequence[tuple[str, Question]] = (),
    faults: Sequence[str] = (),
    status: int = 200,
) -> Response:
    boxes = await services.store.read(mailboxes.listing, visit.account_id)
    current = next((box.id for box in boxes if box.special_use == DRAFTS), 0) if letter.draft else 0
    letter = letter if letter.key else replace(letter, key=services.keys.new_token())
    _ = visit._
    title = _("Répondre") if letter.answers else _("Transférer") if letter.forwards else _("Nouveau message")
    used = sum(len(one.octets) for one in attachments)
    limit = _("%(used)s sur %(limit)s") % {
        "used": visit.language.size(used),
        "limit": visit.language.size(services.attachment_octets),
    }
    enclosed = [Enclosed(str(place), one.name, len(one.octets)) for place, one in enumerate(attachments)]
    page = ComposePage(
        surround(visit, boxes, current),
        title,
        letter,
        enclosed,
        original,
        questions,
        faults,
        limit,
        visit.language.clock_time(visit.now) if letter.draft and visit.request.method == "POST" else "",
    )
    return services.pages.answer(visit, "mail/compose.html", page, status)


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
    if action == "verifier" or action.startswith("choisir:"):
        letter = await _with_choices(services, visit, letter)
    try:
        letter = await keep(services, visit, letter, attachments)
    except Refused as refusal:
        if refusal.reason is Reason.CONFLICT:
            return await _conflict(services, visit, letter)
        if refusal.reason is Reason.OVER_QUOTA:
            return await _form(
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
        return await send(services, visit, letter, attachments)
    if action == "verifier":
        return await _checked(services, visit, letter, attachments)
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
    return await _form(services, visit, letter, before, faults=[fault], status=413)


async def _conflict(services: Services, visit: Visit, letter: Letter) -> Response:
    """The draft was sent, replaced or removed elsewhere: what was typed here is kept beside it, and not sent."""
    letter = await keep(services, visit, replace(letter, draft=0, key=""), ())
    fault = visit._(
        "Ce brouillon a été modifié, envoyé ou supprimé dans une autre fenêtre. Votre version est gardée à part, sans "
        "ses pièces jointes : vérifiez vos dossiers Brouillons et Envoyés avant de l’envoyer."
    )
    return await _form(services, visit, letter, faults=[fault], status=409)


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


# ---------------------------------------------------------------------- recipients


async def _fields(services: Services, visit: Visit, letter: Letter) -> dict[str, Field]:
    return {
        "a": await look(services, visit, letter.to),
        "cc": await look(services, visit, letter.cc),
        "cci": await look(services, visit, letter.bcc),
    }


async def _with_choices(services: Services, visit: Visit, letter: Letter) -> Letter:
    """The letter with the people ticked on the page in place of what was typed for them."""
    fields = {"a": letter.to, "cc": letter.cc, "cci": letter.bcc}
    for chosen in visit.form.every("choix")[:50]:
        name, _, rest = chosen.partition(":")
        login, _, typed = rest.partition(":")
        principal = await services.directory.find(login)
        if name in fields and principal is not None and typed in fields[name]:
            fields[name] = fields[name].replace(typed, letters.listed([letters.author(principal)]), 1)
    return replace(letter, to=fields["a"], cc=fields["cc"], bcc=fields["cci"])


async def _checked(
    services: Services, visit: Visit, letter: Letter, attachments: Sequence[Attachment], status: int = 200
) -> Response:
    """The form again with every recipient recognised, or the questions that are left."""
    fields = await _fields(services, visit, letter)
    questions = [(name, question) for name, field in fields.items() for question in field.questions]
    shown = replace(letter, to=fields["a"].text, cc=fields["cc"].text, bcc=fields["cci"].text)
    faults = []
    if not any(field.people or field.questions for field in fields.values()):
        faults.append(visit._("Indiquez au moins un destinataire."))
        status = 422
    return await _form(services, visit, shown, attachments, questions=questions, faults=faults, status=status)


# ---------------------------------------------------------------------- sending


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
    fields = await _fields(services, visit, letter)
    if any(field.questions for field in fields.values()) or not any(field.people for field in fields.values()):
        return await _checked(services, visit, letter, attachments, 422)
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
        return await _form(services, visit, letter, attachments, faults=[fault], status=422)
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
    return await _form(services, visit, letter, attachments, faults=[fault], status=409)


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
    texts = {
        Reason.TOO_BIG: _("Le message est trop volumineux."),
        Reason.TOO_MANY_RECIPIENTS: _("Il y a trop de destinataires."),
        Reason.SUSPENDED: _("Votre compte ne peut pas envoyer de messages."),
        Reason.SENDER_NOT_OWNED: _("Vous ne pouvez pas écrire avec cette adresse."),
    }
    if refusal.reason in (Reason.NO_SUCH_RECIPIENT, Reason.OVER_QUOTA):
        return refusal_text(visit, refusal, refusal.text.partition(":")[0])
    return texts.get(refusal.reason, _("Le message n’a pas été envoyé. Votre brouillon est gardé."))


async def restore(services: Services, visit: Visit, form: parking.Parked) -> int:
    """Make a draft of text that was parked when the session ended; its id. Never sends it."""
    letter = form.letter
    before = await _stored_attachments(services, visit, letter)
    if before is None:
        letter, before = replace(letter, draft=0, key=""), []
    return (await keep(services, visit, letter, before)).draft
