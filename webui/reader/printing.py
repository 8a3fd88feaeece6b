"""Chosen messages on one page for paper.

They are shown as text, as one message is: a frame is not broken across sheets and, without a script, no taller than its
style says, so formatted messages would be cut; and cleaned HTML in a page of ours would need style attributes, which
its policy refuses. Nothing remote is fetched, and nothing is marked as read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from starlette.responses import Response

from mailserver.mime import Part, unpack
from mailserver.model.errors import Refused
from mailserver.store.mail.access import Viewer
from mailserver.store.web import webmail
from mailserver.store.web.webmail import Chosen, handling
from webui.http.offload import computed
from webui.mail import actions
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.reader import message_parts, plain_text
from webui.reader.message_parts import Letterhead, Piece

MAX_MESSAGES = 50
MAX_READ = 32 * 1024 * 1024
"""Octets of messages that one page reads."""
MAX_TEXT = 2_000_000
"""Characters of one page."""


@dataclass(frozen=True, slots=True)
class Printed:
    """One message for paper."""

    head: Letterhead
    pieces: Sequence[Piece]
    body: Markup
    cut: bool


@dataclass(frozen=True, slots=True)
class PrintedPage:
    """Several, one sheet after the other."""

    back: str
    """The list it was asked for in."""
    letters: Sequence[Printed]
    left_out: int
    """Messages beyond what one page holds, or that went meanwhile."""
    more: bool
    """More were chosen than a page takes."""


async def gather(services: Services, visit: Visit) -> Response:
    """POST /dossier/{box}/imprimer: the page with what was chosen; it has an address of its own, to be loaded again."""
    box_id = int(visit.request.path_params["box"])
    viewer = await services.sharing.viewer(visit.principal)
    chosen = await actions.read_chosen(services, visit, viewer, box_id)
    if chosen is None:
        return redirect(visit, actions.return_address(visit, box_id), **done("rien"))
    lines = await services.store.read(handling.chosen_lines, viewer, box_id, chosen)
    ids, more = [line.id for line in lines[:MAX_MESSAGES]], len(lines) > MAX_MESSAGES
    address = f"{visit.base}/dossier/{box_id}/imprimer"
    return redirect(visit, address, m="-".join(map(str, ids)), plus=int(more), retour=visit.form.text("retour")[:500])


async def show_for_print(services: Services, visit: Visit) -> Response:
    """GET /dossier/{box}/imprimer?m=…: the messages of these numbers. Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN)."""
    box_id = int(visit.request.path_params["box"])
    viewer = await services.sharing.viewer(visit.principal)
    await services.store.read(handling.chosen_messages, viewer, box_id, Chosen())
    wanted = [int(one) for one in visit.query("m").split("-") if one.isdecimal() and len(one) < 19]
    letters: list[Printed] = []
    read = told = 0
    for number in wanted[:MAX_MESSAGES]:
        if read > MAX_READ or told > MAX_TEXT:
            break
        letter, octets = await _letter(services, visit, viewer, box_id, number)
        read += octets
        if letter is not None:
            told += len(letter.body)
            letters.append(letter)
    back = actions.list_address(visit, box_id, visit.query("retour"))
    page = PrintedPage(back, letters, len(wanted) - len(letters), visit.query("plus") == "1")
    return services.pages.answer(visit, "reader/print_several.html", page)


async def _letter(
    services: Services, visit: Visit, viewer: Viewer, box_id: int, number: int
) -> tuple[Printed | None, int]:
    """A message for paper (None: it is here no more), and how many octets were read for it."""
    try:
        found, _ = await services.store.read(handling.reached, viewer, box_id, number)
        folder = services.settings.data / "blobs"
        octets = await services.store.read(
            webmail.octets, found.box.account_id, number, folder, min(found.size, message_parts.TEXT_OCTETS)
        )
    except Refused:
        return None, 0
    root = unpack(found.parts)
    body, cut = await computed(plain_text.weight(root), _text, octets, root, f"{visit.base}/ecrire?a=")
    return Printed(message_parts.letterhead(octets, root, found), message_parts.pieces(root), body, cut), len(octets)


def _text(octets: bytes, root: Part, compose: str) -> tuple[Markup, bool]:
    text = plain_text.readable(octets, root)
    return plain_text.render(text, compose), len(text) > plain_text.MAX_SHOWN
