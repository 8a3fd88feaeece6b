"""Sending a letter: the questions before it leaves, its one departure, what its author is told.

A letter that leaves goes from Drafts to the outbox in one unit (`store.queue.outbox.hold`), which the second press of a
button, or a second window, finds done. It waits there to be called back, or for its time; without either it
leaves at once.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from starlette.responses import Response

from mailserver.mime.writing.compose import Attachment
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.outbound.submission import confirmation
from mailserver.store.account import idempotency
from mailserver.store.mail import blobs, messages
from mailserver.store.mail.access import boxes
from mailserver.store.mail.blobs import Prepared
from mailserver.store.queue import mailings, outbox
from mailserver.store.queue.held import held_submissions
from mailserver.store.queue.outbox import Terms
from mailserver.store.queue.spool import Notify
from mailserver.store.web import webmail
from webui.compose import confidential, form_page
from webui.compose.addressing import absent_colleagues, identities, recipient_remedies
from webui.compose.addressing.recipients import Field, merged
from webui.compose.addressing.send_checks import Doubt, Doubts, doubts, mailing
from webui.compose.message import attached_files, drafts, quotation, versions
from webui.compose.message.drafts import kept
from webui.compose.message.message_form import USUAL, Letter, from_form, listed
from webui.compose.message.send_times import moment
from webui.compose.message.versions import Located
from webui.compose.refusals import refused
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings
from webui.page.words.crowds import Crowd

MAX_ASKED = 4000
"""Characters of the codes that a form says were asked."""
TWICE_SECONDS = 5.0
"""How long the second press of a button waits for what the first one does."""


@dataclass(frozen=True, slots=True)
class ConfirmPage:
    """Asks before a letter leaves."""

    frame: MailShell
    letter: Letter
    doubts: Sequence[Doubt]
    many: bool
    when: str
    """The planned time as the form has it; empty: now."""
    files: int
    """Attachments that the letter has."""
    private: str
    """The codes of what it gives away, that the answer confirms."""
    crowd: Crowd | None = None
    """Whom it goes to, where it is a mailing."""


async def confirm(services: Services, visit: Visit) -> Response:
    """POST /ecrire/{draft}/envoyer: the answer of the page that asked. It carries the whole letter, so that what
    was asked about leaves, whatever has become of its draft meanwhile."""
    number = int(visit.request.path_params["draft"])
    if visit.form.has("cle"):
        posted = replace(from_form(visit.form), draft=number)
        located = await versions.locate_to_send(services, visit, posted)
    else:
        draft = await kept(services, visit, number)
        located = Located(draft.letter, draft.attachments)
    letter, choice = located.letter, visit.form.text("faire")
    is_remedy = recipient_remedies.is_remedy(choice)
    letter = recipient_remedies.applied(letter, choice) if is_remedy else answered(letter, choice)
    try:
        letter = await versions.keep(services, visit, letter, located.attachments)
    except Refused as refusal:
        if refusal.reason is not Reason.OVER_QUOTA:
            raise
        fault = visit._("Votre boîte est pleine : le brouillon n’a pas pu être enregistré.")
        return await form_page.answer(services, visit, letter, located.attachments, faults=[fault], status=507)
    if is_remedy:
        return await form_page.checked(services, visit, letter, located.attachments)
    changed = attached_files.changed(visit, located.attachments) if located.moved else ""
    return await send(services, visit, letter, located.attachments, asked=True, question=changed)


ANSWERS = ("quand-meme", "cci", "separes")
"""What is answered to the questions: send it as it is, everybody hidden, one copy for each."""


def answered(letter: Letter, choice: str) -> Letter:
    """The letter as the answer to the questions wants it."""
    if choice == "cci":
        everybody = ", ".join(filter(None, (letter.to, letter.cc, letter.bcc)))
        return replace(letter, to="", cc="", bcc=everybody)
    return replace(letter, apart=True) if choice == "separes" else letter


async def send(
    services: Services,
    visit: Visit,
    letter: Letter,
    attachments: Sequence[Attachment],
    *,
    asked: bool = False,
    question: str = "",
) -> Response:
    """Send a letter that is kept as a draft, unless something about it must be asked or put right first.

    `question`: one more thing to ask, also when all others are answered (`asked`).
    """
    try:
        when = planned(visit)
        due = moment(visit, when) if when else 0
        fields = await form_page.fields_of(services, visit, letter)
        found = Doubts() if asked else await doubts(services, visit, letter, fields, attachments)
        found = found.unless(visit.form.text("vus")[:MAX_ASKED])
        if any(field.questions for field in fields.values()) or not any(field.people for field in fields.values()):
            return await form_page.checked(services, visit, letter, attachments, 422, doubts=found.those)
        if question:
            found = replace(found, those=(*found.those, Doubt("files", question, "piece")))
        terms, octets = await _prepared(services, visit, letter, attachments, fields)
        private = await confidential.question(services, visit, terms.recipients, octets)
        if private.unless(visit.form.text("confies")[:MAX_ASKED]).those:
            found = replace(found, those=(*found.those, *private.those))
        if not due and not asked and not letter.alert:
            wait = await absent_colleagues.question(services, visit, terms.recipients)
            found = replace(found, those=(*found.those, *wait.unless(visit.form.text("vus")[:MAX_ASKED]).those))
        if found.those:
            return await _ask(services, visit, letter, attachments, found, private.codes)
        ready = _Ready(replace(terms, looked_at=private.leaves), octets, private.kinds, private.unread)
        return await _hold(services, visit, letter, attachments, ready, due)
    except Refused as refusal:
        fault = refused(visit, refusal)
        return await form_page.answer(services, visit, letter, attachments, faults=[fault], status=422)


async def _ask(
    services: Services,
    visit: Visit,
    letter: Letter,
    attachments: Sequence[Attachment],
    found: Doubts,
    private: str = "",
) -> Response:
    """The page that asks, once for all; its form is the whole letter."""
    files = len(form_page.enclosed(attachments))
    frame, when = await surroundings(services, visit), planned(visit)
    page = ConfirmPage(frame, letter, found.those, found.many, when, files, private, found.crowd)
    return services.pages.answer(visit, "compose/confirm.html", page)


def planned(visit: Visit) -> str:
    """The time that the form wants the letter to leave at, as it has it; empty: now.

    It is that of a button (`planifier:…`), of the field (`planifier`), or of the question that was answered (`prevu`).
    """
    action, _, when = visit.form.text("faire").partition(":")
    if action == "planifier":
        return when or visit.form.text("quand") or "none"
    return visit.form.text("prevu")


async def _hold(
    services: Services,
    visit: Visit,
    letter: Letter,
    attachments: Sequence[Attachment],
    ready: "_Ready",
    due: int,
) -> Response:
    """Take the letter out of the drafts; it leaves now, in a moment, or at its time. Raises Refused, Temporary."""
    undo = visit.preferences.undo_send
    if not letter.apart and await mailing(services, visit, ready.terms.recipients) is not None:
        # It is handed in at once, so that somebody can approve it; its own page stops it, and says when it leaves.
        ready, due, undo = replace(ready, terms=replace(ready.terms, due=due)), 0, 0
    final = await services.delivery.prepare(ready.octets)
    at = due or int(services.clock.now()) + undo
    async with services.delivery.discarding(final):
        letter, number, used = await _taken(services, visit, letter, attachments, final, ready, at, planned=bool(due))
    if not used and final.file is not None:
        await asyncio.to_thread(blobs.remove_file, services.store.blobs, final.file)
    if not number:
        return await _sent_already(services, visit, letter, attachments)
    other = {"autre": 1} if await versions.diverge(services, visit, letter) else {}
    other |= {"nonlus": ready.unread} if ready.unread else {}
    if due:
        return redirect(visit, f"{visit.base}/envois", **done("programme"), **other)
    if undo:
        said = done(await _with_copy(services, visit, letter, "part"), undo)
        home = await _home(services, visit, letter)
        return redirect(visit, home, **said, **other, envoi=number, brouillon=letter.draft)
    await services.waiting.outbox.depart(number, tell=False)
    return await _sent_already(services, visit, letter, attachments, other)


async def _taken(
    services: Services,
    visit: Visit,
    letter: Letter,
    attachments: Sequence[Attachment],
    final: Prepared,
    ready: "_Ready",
    at: int,
    *,
    planned: bool,
) -> tuple[Letter, int, bool]:
    """The letter out of the drafts, its number in the outbox (0: it has left by this form already), whether its file
    is used. A save of the same draft that was faster is overtaken: what its author sends, leaves.

    Raises Refused(LIMIT | OVER_QUOTA | TOO_BIG), Temporary.
    """
    quota, mine = messages.Quota.of(services.settings.limits), claim(services, letter)
    for _ in range(versions.TRIES):
        try:
            held = await services.store.write(
                confirmation.let_wait, visit.origin, ready.confirmed, visit.account_id, mine, letter.draft, final,
                ready.terms, at, quota, planned=planned,
            )  # fmt: skip
        except Refused as refusal:
            if refusal.reason is not Reason.CONFLICT:
                raise
            return letter, 0, False
        if held is not None:
            return letter, *held
        letter = (await versions.locate_to_send(services, visit, letter)).letter
        letter = await versions.keep(services, visit, letter, attachments)
    raise Temporary("The draft is being changed elsewhere")


@dataclass(frozen=True, slots=True)
class _Ready:
    """A letter as it leaves."""

    terms: Terms
    octets: bytes
    confirmed: tuple[str, ...]
    """What it gives away to the outside, by its kinds: its author was asked."""
    unread: int = 0
    """Documents that nobody could look into."""


async def _prepared(
    services: Services, visit: Visit, letter: Letter, attachments: Sequence[Attachment], fields: dict[str, Field]
) -> tuple[Terms, bytes]:
    """How the letter leaves, and its octets without their date. Raises Refused."""
    shown = {name: listed(field.people) for name, field in fields.items()}
    final = replace(letter, to=shown["a"], cc=shown["cc"], bcc=shown["cci"])
    sender = await identities.correspondent(services, visit, letter)
    quoted = await quotation.quoted(services, visit, letter)
    if quoted is None and letter.source and (letter.box or not letter.answers):  # what is passed on would be empty
        raise Refused(Reason.NOT_FOUND, "the original")
    octets = await drafts.written(services, visit, final, attachments, sender, quoted, draft=False)
    if len(octets) > services.settings.limits.message_size:
        raise Refused(Reason.TOO_BIG)
    terms = Terms(
        reverse_path=sender.address,
        recipients=tuple(merged(list(fields.values()))),
        apart=letter.apart,
        copy_box=letter.copy,
        notify=int(Notify.SUCCESS | Notify.FAILURE | Notify.DELAY) if letter.delivery else 0,
        answers=letter.answers,
        forwards=letter.forwards,
        box=letter.box,
        version=versions.fingerprint(services, letter, attachments).hex(),
        require_tls=letter.require_tls,
    )
    # The date is the first field, on a line of its own: it is written when the letter leaves.
    return terms, octets.partition(b"\r\n")[2]


def claim(services: Services, letter: Letter) -> bytes:
    """By which the store knows that a letter has left."""
    return services.keys.stored(f"sent {letter.key}")


async def _sent_already(
    services: Services,
    visit: Visit,
    letter: Letter,
    attachments: Sequence[Attachment],
    other: Mapping[str, int] = MappingProxyType({}),
) -> Response:
    """The letter is on its way, or the button was pressed twice: wait for it, and say what became of it.

    What has left may be another version of it: then nobody is told that this one did.
    """
    version = versions.fingerprint(services, letter, attachments)
    deadline = services.clock.monotonic() + TWICE_SECONDS
    mine = claim(services, letter)
    while True:
        waiting = await services.store.read(outbox.of_letter, visit.account_id, mine)
        if waiting is None or waiting.due > services.clock.now() or services.clock.monotonic() > deadline:
            break
        await asyncio.sleep(0.1)
    if waiting is not None and waiting.terms.version not in ("", version.hex()):
        return await _ask_again(services, visit, letter, attachments)
    if waiting is not None:
        await _forget_copy(services, visit, letter)
        left = max(1, waiting.due - int(services.clock.now()))
        if waiting.planned:
            return redirect(visit, f"{visit.base}/envois", **done("programme"), **other)
        said = done(await _with_copy(services, visit, letter, "part"), left)
        home = await _home(services, visit, letter)
        return redirect(visit, home, **said, **other, envoi=waiting.id, brouillon=waiting.draft_id)
    if await services.store.read(idempotency.finished, mine, visit.account_id):
        if await services.store.read(idempotency.finished, version, visit.account_id) is None:
            return await _ask_again(services, visit, letter, attachments)
        await _forget_copy(services, visit, letter)
        since = int(services.clock.now() - TWICE_SECONDS)
        if as_mailing := await services.store.read(mailings.newest, visit.account_id, since):
            return redirect(visit, f"{visit.base}/envois-en-nombre/{as_mailing}", **done("mailing"), **other)
        waits = await services.store.read(held_submissions.has_since, visit.account_id, since)
        said = done("attend" if waits else await _with_copy(services, visit, letter, "envoye"))
        return redirect(visit, await _home(services, visit, letter), **said, **other)
    fault = visit._("Le message n’a pas été envoyé. Votre brouillon est gardé.")
    return await form_page.answer(services, visit, letter, attachments, faults=[fault], status=409)


async def _ask_again(services: Services, visit: Visit, letter: Letter, attachments: Sequence[Attachment]) -> Response:
    """Another version of this letter has left: this one is a letter of its own, if its author wants it sent, too."""
    letter = replace(letter, key=services.keys.new_token())
    letter = await versions.keep(services, visit, letter, attachments)
    text = visit._("Une autre version de ce message est déjà partie, ou attend de partir. Celle-ci ne l’est pas.")
    return await _ask(services, visit, letter, attachments, Doubts((Doubt("version", text),)))


async def _home(services: Services, visit: Visit, letter: Letter) -> str:
    """Where one is when a letter has gone: in the mailbox of others that it was begun in, else at one's own."""
    try:
        await identities.answering(services, visit, letter.box)
    except Refused:
        return f"{visit.base}/"
    return f"{visit.base}/dossier/{letter.box}" if letter.box else f"{visit.base}/"


async def _with_copy(services: Services, visit: Visit, letter: Letter, word: str) -> str:
    """What is announced: in the name of a functional box, also where the copy is."""
    viewer = await services.sharing.viewer(visit.principal)
    keeps = (await services.store.read(boxes.copies, viewer)).get(letter.sender)
    if keeps is None or letter.copy != USUAL:
        return word
    return f"{word}-boite" if keeps else f"{word}-soi"


async def _forget_copy(services: Services, visit: Visit, letter: Letter) -> None:
    """The second press kept the letter as a draft again before it saw that it was sent."""
    drafts = await services.store.write(webmail.drafts, visit.account_id)
    await services.store.write(webmail.erase, visit.account_id, drafts.id, [letter.draft])
