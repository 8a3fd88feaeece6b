"""Passing a message on as it is: redirected to somebody (RFC 5322 section 3.6.6), or reported as phishing."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.mime.writing import compose
from mailserver.mime.writing.compose import Attachment, NewMessage
from mailserver.mime.writing.fields import Correspondent
from mailserver.mime.writing.replies import forward_subject
from mailserver.model.errors import Reason, Refused
from mailserver.model.rules import Denied
from mailserver.outbound.submission import became
from mailserver.outbound.submission.became import Became
from mailserver.outbound.submission.departure import Outcome
from mailserver.store.mail import mailboxes, required_tls
from mailserver.store.web import webmail
from mailserver.store.web.webmail import Stored
from webui.compose.addressing.recipients import Question, look, refusal_text, spoken
from webui.compose.message.message_form import MAX_RECIPIENTS_TEXT, author
from webui.http.offload import computed
from webui.page.context import Services, Visit
from webui.page.shell.mail_shell import DRAFTS, JUNK, SENT, UNDO_SECONDS, MailShell, surround
from webui.page.words import plain
from webui.page.words.became import after, parameter
from webui.reader import message_parts
from webui.reader.flash_texts import back

MAX_REDIRECTED = 20
"""Recipients of one redirection."""
_NOT_REPORTED = {Reason.LIMIT: "hameconnage-trop", Reason.CANNOT: "hameconnage-copie"}
"""What is said where IT does not hear of a message."""


@dataclass(frozen=True, slots=True)
class RedirectPage:
    """Asks whom a message goes to."""

    frame: MailShell
    message: Stored
    subject: str
    to: str
    as_it_is: bool
    """Else it goes within a letter of the reader's own."""
    require_tls: bool
    """It arrived to go over TLS alone, and does so again."""
    questions: Sequence[Question] = ()
    fault: str = ""


async def ask_redirect(services: Services, visit: Visit) -> Response:
    """GET /message/{id}/rediriger."""
    found, _ = await message_parts.load(services, visit, upto=0)
    if found.box.special_use == DRAFTS:
        raise Refused(Reason.CANNOT)
    return await _asked(services, visit, found, "")


async def _asked(
    services: Services, visit: Visit, found: Stored, to: str, questions: Sequence[Question] = (), fault: str = ""
) -> Response:
    around = surround(visit, found.boxes, found.box.id)
    bound = await _requires_tls(services, found)
    subject, as_it_is = plain.line(found.subject), found.provenance.delivered
    page = RedirectPage(around, found, subject, to, as_it_is, bound, questions, fault)
    return services.pages.answer(visit, "reader/redirect.html", page, 422 if questions or fault else 200)


async def send_on(services: Services, visit: Visit) -> Response:
    """POST /message/{id}/rediriger: a message that was received goes on, its author and text untouched; anything else
    goes within a letter of whoever sends it."""
    found, octets = await message_parts.load(services, visit)
    if found.box.special_use == DRAFTS:
        raise Refused(Reason.CANNOT)
    text = visit.form.text("a")[:MAX_RECIPIENTS_TEXT]
    try:
        field = await look(services, visit, text, limit=MAX_REDIRECTED)
    except Refused:
        fault = visit._("Il y a trop de destinataires.")
        return await _asked(services, visit, found, text[:1000], fault=fault)
    if field.questions or not field.people:
        fault = "" if field.questions else visit._("Indiquez au moins un destinataire.")
        return await _asked(services, visit, found, field.text, field.questions, fault)
    try:
        outcome = await _pass(services, visit, found, field.people, octets)
    except Denied as denied:
        return await _asked(services, visit, found, field.text, fault=spoken(visit, denied))
    except Refused as refusal:
        fault = refusal_text(visit, refusal, refusal.text.partition(":")[0])
        return await _asked(services, visit, found, field.text, fault=fault)
    if outcome.asks or outcome.mailing:
        return after(visit, outcome)
    return back(visit, found.id, found.box.id, "redirige", **parameter(became.of(outcome)), nonlus=len(outcome.unread))


async def _pass(
    services: Services, visit: Visit, found: Stored, people: Sequence[Correspondent], octets: bytes
) -> Outcome:
    """Raises as `Submission.submit`."""
    bound = await _requires_tls(services, found)
    if found.provenance.delivered:
        return await services.submission.resend(visit.principal, people, octets, found.provenance, require_tls=bound)
    subject = plain.line(found.subject, 200)
    octets = await message_parts.for_others(found, octets)
    message = NewMessage(
        author=author(visit.principal),
        date=services.clock.now(),
        message_id=compose.message_id(services.clock.token(12), services.settings.domain),
        to=tuple(people),
        subject=forward_subject(subject),
        text=visit._("Le message joint était dans ma boîte ; il est transmis tel que je l’ai."),
        attachments=(Attachment(f"{subject[:100] or 'message'}.eml", "message/rfc822", octets),),
        zone=visit.language.offset(visit.now),
    )
    letter = await computed(len(octets), compose.build, message)
    addresses = [person.address for person in people]
    own = visit.principal.address
    return await services.submission.submit(
        visit.principal, own, addresses, letter, save_to_sent=True, require_tls=bound
    )


async def _requires_tls(services: Services, found: Stored) -> bool:
    return await services.store.read(required_tls.any_of, [found.id])


async def report_phishing(services: Services, visit: Visit) -> Response:
    """POST /message/{id}/hameconnage: IT has it in the console, with what our doors found out of it, and it goes to
    junk here; the whole message also to whoever watches, where the settings name somebody."""
    to = services.settings.web.phishing
    found, octets = await message_parts.load(services, visit, upto=None if to else 0)
    if found.box.special_use in (SENT, DRAFTS):
        raise Refused(Reason.CANNOT)
    said = "hameconnage"
    try:
        await services.withdrawals.report(visit.account_id, found.id)
    except Refused as refusal:
        if refusal.reason not in _NOT_REPORTED:
            raise
        said = _NOT_REPORTED[refusal.reason]
    junk = await services.store.read(mailboxes.by_use, visit.account_id, JUNK)
    token = ""
    if junk is not None and junk.id != found.box.id:
        token = services.keys.new_token()
        undo = (services.keys.stored(token), UNDO_SECONDS)
        marks = (["$Junk", "$Phishing"], ["$NotJunk"])
        await services.store.write(webmail.move, visit.account_id, found.box.id, junk.id, [found.id], undo, marks)
    letter = await _tell_watch(services, visit, to, found, octets) if to else Became.LEFT
    if letter.is_lost:  # the console has it
        letter = Became.LEFT
    return back(visit, found.id, junk.id if junk else found.box.id, said, **parameter(letter), annuler=token)


async def _tell_watch(services: Services, visit: Visit, to: str, found: Stored, octets: bytes) -> Became:
    """The whole message, attached to a letter of the reader's; what became of it."""
    octets = await message_parts.for_others(found, octets)
    message = NewMessage(
        author=author(visit.principal),
        date=services.clock.now(),
        message_id=compose.message_id(services.clock.token(12), services.settings.domain),
        to=(Correspondent("", to),),
        subject=f"[hameçonnage] {plain.line(found.subject, 200)}",
        text=visit._("Ce message m’a paru être une tentative d’hameçonnage. Il est joint tel que je l’ai reçu."),
        attachments=(Attachment("message.eml", "message/rfc822", octets),),
        more=(("X-Phishing-Report", "1"),),
        zone=visit.language.offset(visit.now),
    )
    report = await computed(len(octets), compose.build, message)
    bound = await _requires_tls(services, found)
    own = visit.principal.address
    return await became.told(services.submission.submit(visit.principal, own, (to,), report, require_tls=bound))
