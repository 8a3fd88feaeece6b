"""Attachments from another message: messages that have some, newest first or found by a search; tick, and go on."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.criteria import And, HasAttachment
from mailserver.errors import Refused
from mailserver.mime import unpack
from mailserver.mime.compose import Attachment
from mailserver.store import webmail
from mailserver.store.access import Viewer
from mailserver.store.webmail import Scope
from webui.compose import enclosing, letterpage
from webui.compose.drafts import keep, kept
from webui.forms import positive
from webui.frame import Frame, surround
from webui.mail.query import MAX_QUERY, parse
from webui.reader import reading
from webui.rendering import redirect
from webui.visit import Services, Visit

MAX_MESSAGES = 20
"""Of each folder that are looked at, and in all that are shown."""
SECONDS = 2.0
"""For the search."""


@dataclass(frozen=True, slots=True)
class Lender:
    """A message with attachments."""

    id: int
    subject: str
    sender: str
    date: str
    pieces: Sequence[reading.Piece]


@dataclass(frozen=True, slots=True)
class BorrowPage:
    """The search and what it found."""

    frame: Frame
    draft: int
    query: str
    lenders: Sequence[Lender]


async def show(services: Services, visit: Visit) -> Response:
    """GET /ecrire/{draft}/depuis?q=."""
    draft = int(visit.request.path_params["draft"])
    typed = visit.query("q")[:MAX_QUERY]
    criterion = And((HasAttachment(), parse(typed).criterion))
    until = services.clock.monotonic() + SECONDS
    found = await services.store.ponder(
        visit.account_id,
        webmail.find,
        Viewer(visit.account_id),
        Scope.OWN,
        criterion,
        MAX_MESSAGES,
        lambda: services.clock.monotonic() > until,
        folder=services.store.blobs,
    )
    lines = sorted((line for group in found.groups for line in group.lines), key=lambda line: line.date, reverse=True)
    lenders: dict[int, Lender] = {}
    for line in lines:
        if line.id != draft and line.id not in lenders and len(lenders) < MAX_MESSAGES:
            stored = await services.store.read(webmail.stored, visit.account_id, line.id)
            pieces = reading.pieces(unpack(stored.parts))
            date = visit.language.short_date(line.date, visit.now)
            lenders[line.id] = Lender(line.id, line.subject, line.sender, date, pieces)
    page = BorrowPage(surround(visit, found.boxes), draft, typed, list(lenders.values()))
    return services.pages.answer(visit, "mail/borrow.html", page)


async def take(services: Services, visit: Visit) -> Response:
    """POST /ecrire/{draft}/depuis: the ticked attachments (`piece`, `message:number`) join the draft."""
    draft = await kept(services, visit, int(visit.request.path_params["draft"]))
    wanted: dict[int, list[str]] = {}
    for ticked in visit.form.every("prendre")[: enclosing.MAX_TAKEN]:
        source, _, number = ticked.partition(":")
        wanted.setdefault(positive(source), []).append(number)
    added: list[Attachment] = []
    for message, numbers in wanted.items():
        try:
            added += await enclosing.taken(services, visit, message, numbers)
        except Refused:
            continue  # it was removed meanwhile
    attachments = [*draft.attachments, *added]
    if sum(len(one.octets) for one in attachments) > services.attachment_octets:
        fault = visit._("Les pièces jointes dépassent %(limit)s au total : elles n’ont pas été ajoutées.") % {
            "limit": visit.language.size(services.attachment_octets)
        }
        return await letterpage.answer(services, visit, draft.letter, draft.attachments, faults=[fault], status=413)
    letter = await keep(services, visit, draft.letter, attachments)
    return redirect(visit, f"{visit.base}/ecrire/{letter.draft}", _at="pieces")
