"""Writing: what the buttons of a letter's form do.

Every POST first keeps the letter as a draft, so that nothing that follows can lose it; then it does what the button
said.
"""

from collections.abc import Sequence
from dataclasses import replace

from starlette.responses import Response

from mailserver.mime.writing.compose import Attachment
from mailserver.model.errors import Reason, Refused
from mailserver.store.mail import mailboxes
from mailserver.store.web import signatures as stored
from mailserver.store.web import webmail
from mailserver.store.web.webmail import compose_data
from webui.account.session import stash
from webui.compose import form_page, models, new_message, sending
from webui.compose.addressing import identities, recipient_remedies
from webui.compose.message import attached_files, drafts, message_form, quotation, signatures, versions
from webui.compose.message.drafts import keep, kept
from webui.compose.message.message_form import Letter, from_form
from webui.http.forms import positive
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect


async def write(services: Services, visit: Visit) -> Response:
    """GET /ecrire: a new letter, an answer (`repondre`, `tous`), or messages passed on (`transferer`, `joindre`).

    A panel that opens again names the letter's key (`cle`): what was kept meanwhile is the letter. Only our script can
    ask so; a link from elsewhere does not choose by which name a letter is sent.
    """
    key = visit.query("cle")[:64] if visit.fragment else ""
    if key and (found := await other_version(services, visit, Letter(key=key))):
        return await _go_on(services, visit, found)
    letter, original = await new_message.begin(services, visit)
    return await form_page.answer(services, visit, replace(letter, key=key or letter.key), original=original)


async def edit(services: Services, visit: Visit) -> Response:
    """GET /ecrire/{draft}: go on with a draft; with `cle`, with its latest version."""
    wanted = int(visit.request.path_params["draft"])
    latest = await other_version(services, visit, Letter(key=visit.query("cle")[:64]))
    return await _go_on(services, visit, latest or wanted)


async def _go_on(services: Services, visit: Visit, draft_id: int) -> Response:
    draft = await kept(services, visit, draft_id)
    letter = draft.letter
    if draft.authors:
        letter = replace(letter, sender=await identities.of_recipient(services, visit, list(draft.authors)))
    return await form_page.answer(services, visit, letter, draft.attachments)


async def post(services: Services, visit: Visit) -> Response:
    """POST /ecrire: keep the letter as a draft, then do what the button said."""
    action = visit.form.text("faire")
    answers = action in sending.ANSWERS
    sends = answers or action.partition(":")[0] in ("envoyer", "planifier")
    find = versions.locate_to_send if sends else versions.locate
    located = await find(services, visit, from_form(visit.form))
    if located is None:
        return await _conflict(services, visit, from_form(visit.form))
    before: Sequence[Attachment] = located.attachments
    if action.startswith("retirer:"):
        before = attached_files.without(before, action.removeprefix("retirer:"))
    letter, more = await _changed(services, visit, located.letter, action)
    try:
        added = await attached_files.added(services, visit, letter)
    except Refused:
        return await _gone(services, visit, letter, before)
    if located.moved:
        added = attached_files.new(added, before)
    attachments = attached_files.pruned(letter, [*before, *added, *more])
    if sum(len(attachment.octets) for attachment in attachments) > services.attachment_octets or visit.form.oversize:
        return await _too_big(services, visit, letter, before)
    try:
        letter = await (versions.keep if sends else keep)(services, visit, letter, attachments)
    except Refused as refusal:
        if refusal.reason is Reason.CONFLICT:
            return await _conflict(services, visit, letter)
        if refusal.reason is Reason.OVER_QUOTA:
            return await form_page.answer(services, visit, letter, before, faults=[_full(visit)], status=507)
        raise
    if sends:
        changed = attached_files.changed(visit, before) if located.moved else ""
        return await sending.send(services, visit, letter, attachments, asked=answers, question=changed)
    return await _act(services, visit, letter, attachments, action)


async def _changed(
    services: Services, visit: Visit, letter: Letter, action: str
) -> tuple[Letter, Sequence[Attachment]]:
    """The letter with what the button changes in it, and pictures that come with that."""
    if action in ("verifier", "apercu"):
        return await form_page.with_choices(services, visit, letter), ()
    if action in sending.ANSWERS:
        return sending.answered(letter, action), ()
    if recipient_remedies.is_remedy(action):
        return recipient_remedies.applied(letter, action), ()
    if action == "citer":
        return await quotation.imported(services, visit, letter)
    if action == "format:html" and not letter.html:
        return replace(letter, html=f"<div>{signatures.lines(letter.text)}</div>"), ()
    if action == "format:texte" and letter.html:
        return replace(letter, html="", text=message_form.plain(letter.html)), ()
    if action == "signature":
        desk = await services.store.read(compose_data.find, visit.account_id, visit.principal.role)
        wanted = visit.form.text("signe")
        return signatures.signed(visit, letter, desk.signatures, -1 if wanted == "-1" else positive(wanted)), ()
    if action.startswith("modele:"):
        number = positive(action.partition(":")[2])
        model = await services.store.read(stored.one_model, visit.account_id, number)
        return (models.inserted(letter, model) if model else letter), ()
    if action.startswith("modele-academie:"):
        return await models.academy(services, visit, letter, positive(action.partition(":")[2])), ()
    return letter, ()


async def _act(
    services: Services, visit: Visit, letter: Letter, attachments: Sequence[Attachment], action: str
) -> Response:
    """What the button wants done with a letter that is kept."""
    if action == "abandonner":
        return await _abandon(services, visit, letter)
    if action in ("verifier", "apercu") or recipient_remedies.is_remedy(action):
        return await form_page.checked(services, visit, letter, attachments, preview=action == "apercu")
    if action == "retenir":
        return await _keep_model(services, visit, letter, attachments)
    address = f"{visit.base}/ecrire/{letter.draft}"
    if action == "depuis":
        return redirect(visit, f"{address}/depuis")
    if action == "enregistrer":
        return redirect(visit, address, **done("brouillon"))
    attached = bool(visit.form.files) or action.startswith("retirer:")
    in_text = action.partition(":")[0] in ("citer", "signature", "modele", "modele-academie", "format")
    return redirect(visit, address, _at="pieces" if attached else "texte" if in_text else "a")


async def _keep_model(services: Services, visit: Visit, letter: Letter, attachments: Sequence[Attachment]) -> Response:
    """The letter's words become a model; the letter goes on."""
    desk = await services.store.read(compose_data.find, visit.account_id, visit.principal.role)
    try:
        await models.keep(services, visit, letter, desk)
    except Refused as refusal:
        if not (fault := models.refused(visit, refusal.reason)):
            raise
        return await form_page.answer(services, visit, letter, attachments, faults=[fault], status=422)
    return redirect(visit, f"{visit.base}/ecrire/{letter.draft}", **done("modele"))


async def _too_big(services: Services, visit: Visit, letter: Letter, before: Sequence[Attachment]) -> Response:
    fault = visit._("Les pièces jointes dépassent %(limit)s au total : elles n’ont pas été ajoutées.") % {
        "limit": visit.language.size(services.attachment_octets)
    }
    letter, full = await _kept_if_room(services, visit, letter, before)
    return await form_page.answer(services, visit, letter, before, faults=[fault, *full], status=413)


async def _gone(services: Services, visit: Visit, letter: Letter, before: Sequence[Attachment]) -> Response:
    """What was to be taken along is not to be had any more: the text is kept, and nothing is sent without it."""
    fault = visit._("Le message d’origine n’est plus accessible : ses pièces jointes n’ont pas été ajoutées.")
    letter, full = await _kept_if_room(services, visit, letter, before)
    return await form_page.answer(services, visit, letter, before, faults=[fault, *full], status=422)


async def _kept_if_room(
    services: Services, visit: Visit, letter: Letter, attachments: Sequence[Attachment]
) -> tuple[Letter, list[str]]:
    """The letter as a draft, and what is to be said where the mailbox is full: then the page alone has the text."""
    try:
        return await keep(services, visit, letter, attachments), []
    except Refused as refusal:
        if refusal.reason is not Reason.OVER_QUOTA:
            raise
    return letter, [_full(visit)]


def _full(visit: Visit) -> str:
    return visit._("Votre boîte est pleine : le brouillon n’a pas pu être enregistré.")


async def other_version(services: Services, visit: Visit, letter: Letter) -> int:
    """The draft that this letter has become elsewhere; 0: it is in the drafts no more."""
    if not letter.key:
        return 0
    mine = drafts.message_id(services, letter)
    return next(iter(await services.store.read(webmail.versions_of, visit.account_id, mine, 1)), 0)


async def resumed(services: Services, visit: Visit, letter: Letter) -> Letter:
    """A letter whose form did not hear that it is a draft already: the page was left while that was answered."""
    return letter if letter.draft else replace(letter, draft=await other_version(services, visit, letter))


async def _conflict(services: Services, visit: Visit, letter: Letter) -> Response:
    """The draft was sent, replaced or removed elsewhere: what was typed here is kept beside it, and not sent."""
    other = await other_version(services, visit, letter)
    letter, full = await _kept_if_room(services, visit, replace(letter, draft=0, key=""), ())
    if full:
        fault = visit._("Ce brouillon a été modifié, envoyé ou supprimé dans une autre fenêtre.")
        return await form_page.answer(services, visit, letter, faults=[fault, *full], other=other, status=409)
    fault = visit._(
        "Ce brouillon a été modifié, envoyé ou supprimé dans une autre fenêtre. Votre version est gardée à part, sans "
        "ses pièces jointes : vérifiez vos dossiers Brouillons et Envoyés avant de l’envoyer."
    )
    return await form_page.answer(services, visit, letter, faults=[fault], other=other, status=409)


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


async def restore(services: Services, visit: Visit, form: stash.Stashed) -> int:
    """Make a draft of text that was parked when the session ended; its id. Never sends it."""
    located = await versions.locate(services, visit, form.letter)
    if located is None:
        located = versions.Located(replace(form.letter, draft=0, key=""), ())
    return (await keep(services, visit, located.letter, located.attachments)).draft


async def given_back(services: Services, visit: Visit, form: stash.Stashed) -> Response:
    """The parked text in its form where it could not become a draft: nothing else has it now."""
    return await form_page.answer(services, visit, form.letter, faults=[_full(visit)], status=507)
