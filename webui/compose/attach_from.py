"""Attachments from another message: messages that have some, newest first or found by a search; tick, and go on.

One's own messages, and those in mailboxes of others that one may read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.mime import Part
from mailserver.mime.writing.compose import Attachment
from mailserver.model.errors import Refused
from mailserver.model.messages.criteria import And, HasAttachment
from mailserver.store.web import webmail
from mailserver.store.web.webmail import Line, Scope
from webui.compose import form_page
from webui.compose.message import attached_files, sources
from webui.compose.message.drafts import Kept, keep, kept
from webui.compose.message.message_form import Letter
from webui.compose.writing import other_version
from webui.http.forms import positive
from webui.mail.search.query import MAX_QUERY, parse
from webui.page.context import Services, Visit
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import Folder, MailShell, surround
from webui.reader import message_parts

MAX_MESSAGES = 20
"""Of each folder that are looked at, and in all that are shown."""
SECONDS = 2.0
"""For the search."""


@dataclass(frozen=True, slots=True)
class Lender:
    """A message with attachments."""

    name: str
    """The mailbox of others it is in (0: one's own) and its id, as the form says them."""
    subject: str
    sender: str
    date: str
    place: str
    """The mailbox, where it is of others."""
    pieces: Sequence[message_parts.Piece]


@dataclass(frozen=True, slots=True)
class BorrowPage:
    """The search and what it found."""

    frame: MailShell
    draft: int
    key: str
    """By which the draft is found when its number has changed meanwhile."""
    query: str
    lenders: Sequence[Lender]


async def show_messages(services: Services, visit: Visit) -> Response:
    """GET /ecrire/{draft}/depuis?q=."""
    draft = await _draft(services, visit, visit.query("cle"))
    typed = visit.query("q")[:MAX_QUERY]
    criterion = And((HasAttachment(), parse(typed, zone=visit.language.zone).criterion))
    viewer = await services.sharing.viewer(visit.principal)
    until = services.clock.monotonic() + SECONDS
    found = await services.store.read_slow(
        visit.account_id,
        webmail.find,
        viewer,
        Scope.EVERYWHERE,
        criterion,
        MAX_MESSAGES,
        lambda: services.clock.monotonic() > until,
        folder=services.store.blobs,
    )
    lines = sorted((line for group in found.groups for line in group.lines), key=lambda line: line.date, reverse=True)
    around = surround(visit, found.boxes, shared=found.shared, needed={group.box.id for group in found.groups})
    lenders: dict[int, Lender] = {}
    for line in lines:
        if line.id != draft.letter.draft and line.id not in lenders and len(lenders) < MAX_MESSAGES:
            lender = await _lender(services, visit, line, around.folder(line.mailbox_id))
            if lender is not None:
                lenders[line.id] = lender
    page = BorrowPage(around, draft.letter.draft, draft.letter.key, typed, list(lenders.values()))
    return services.pages.answer(visit, "compose/borrow.html", page)


async def _draft(services: Services, visit: Visit, key: str) -> Kept:
    """The draft of the address, or what it has become. Raises Refused(NOT_FOUND)."""
    number = int(visit.request.path_params["draft"])
    if not await services.store.read(webmail.is_draft, visit.account_id, number):
        number = await other_version(services, visit, Letter(key=key[:64])) or number
    return await kept(services, visit, number)


async def _lender(services: Services, visit: Visit, line: Line, folder: Folder) -> Lender | None:
    box = folder.id if folder.foreign else 0
    try:
        source = await sources.message(services, visit, line.id, box, upto=0)
    except Refused:
        return None  # it was removed meanwhile
    date = visit.language.short_date(line.date, visit.now)
    place = folder.path if folder.foreign else ""
    return Lender(f"{box}:{line.id}", line.subject, line.sender, date, place, _pieces(source.root))


def _pieces(root: Part) -> Sequence[message_parts.Piece]:
    """Its attachments, and an invitation that is an alternative to its text; not the pictures of a signature."""
    invitations = [part for part in message_parts.within(root) if part.type == "text/calendar"]
    return message_parts.pieces_of([*root.attachments(), *invitations])


async def take(services: Services, visit: Visit) -> Response:
    """POST /ecrire/{draft}/depuis: the ticked attachments (`prendre`, `box:message:number`) join the draft."""
    draft = await _draft(services, visit, visit.form.text("cle"))
    wanted: dict[tuple[int, int], list[str]] = {}
    for ticked in visit.form.every("prendre")[: attached_files.MAX_TAKEN]:
        box, _, rest = ticked.partition(":")
        source, _, number = rest.partition(":")
        wanted.setdefault((positive(box), positive(source)), []).append(number)
    added: list[Attachment] = []
    for (box_id, message), numbers in wanted.items():
        try:
            added += await attached_files.taken(services, visit, message, numbers, box_id)
        except Refused:
            continue  # it was removed meanwhile
    attachments = [*draft.attachments, *added]
    if sum(len(attachment.octets) for attachment in attachments) > services.attachment_octets:
        fault = visit._("Les pièces jointes dépassent %(limit)s au total : elles n’ont pas été ajoutées.") % {
            "limit": visit.language.size(services.attachment_octets)
        }
        return await form_page.answer(services, visit, draft.letter, draft.attachments, faults=[fault], status=413)
    letter = await keep(services, visit, draft.letter, attachments)
    return redirect(visit, f"{visit.base}/ecrire/{letter.draft}", _at="pieces")
