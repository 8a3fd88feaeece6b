"""Messages for paper: one, its conversation, or those that were chosen in a list.

They are a document of their own, not a page around frames: a frame is not broken across sheets. A formatted message
brings its styles along, which our pages refuse, so the document has the policy of a message's body: nothing in it runs,
nothing is sent from it. Nothing remote is fetched unless the reader sees it already, and nothing is marked as read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from starlette.responses import Response

from mailserver.mime import Part, unpack
from mailserver.model.errors import Refused
from mailserver.store.mail.access import Viewer
from mailserver.store.web import webmail
from mailserver.store.web.webmail import Chosen, Stored, handling
from webui.http import headers
from webui.http.offload import computed
from webui.mail import views
from webui.mail.after_action import return_address
from webui.mail.chosen_messages import read_chosen
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import surroundings
from webui.reader import message_parts
from webui.reader.content import html_view, images, plain_text
from webui.reader.message_parts import Letterhead, Piece
from webui.reader.place import place

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
    attached: int
    body: Markup
    formatted: bool
    cut: bool


@dataclass(frozen=True, slots=True)
class PrintedPage:
    """One message or several."""

    back: str
    """Where it was asked for."""
    letters: Sequence[Printed]
    left_out: int = 0
    """Messages beyond what one page holds, or that went meanwhile."""
    more: bool = False
    """More were chosen than a page takes."""
    together: bool = False
    """They are a conversation: one below the other, not on a sheet each."""
    single: bool = False
    """One message, read on a page that it leads back to."""
    whole: str = ""
    """The address of its conversation for paper; empty: it has none, or this is it."""


# ---------------------------------------------------------------------- one, and its conversation


async def show_message_for_print(services: Services, visit: Visit) -> Response:
    """GET /message/{id}/imprimer: the message, with `fil=1` its conversation; `forme` and `images=1` as it is read."""
    found, octets = await message_parts.load(services, visit, upto=message_parts.TEXT_OCTETS)
    here = place(visit, found).here
    ids = await _conversation(services, visit, found)
    if visit.query("fil") == "1" and len(ids) > 1:
        letters = await _letters(services, visit, ids[:MAX_MESSAGES], shown=found.id)
        left_out = len(ids) - len(letters)
        page = PrintedPage(here, letters, left_out, len(ids) > MAX_MESSAGES, together=True, single=True)
    else:
        letter = await _printed(services, visit, found, octets, remote=visit.query("images") == "1")
        whole = f"{here}/imprimer?{visit.request.url.query}&fil=1" if len(ids) > 1 else ""
        page = PrintedPage(here, [letter], single=True, whole=whole)
    return services.pages.answer(visit, "reader/print.html", page, policy=headers.PRINT_POLICY)


async def _conversation(services: Services, visit: Visit, found: Stored) -> list[tuple[int, int]]:
    """Mailbox and id of its messages, the oldest first; the message alone where its reader has no conversations."""
    alone = [(found.box.id, found.id)]
    if not visit.preferences.conversations:
        return alone
    frame = await surroundings(services, visit, found.box.id)
    folders = [one.id for one in frame.all_folders if one.owner == found.box.account_id and "r" in one.rights]
    listed = await services.store.read(
        webmail.conversation, found.box.account_id, found.box.id, found.uid, found.thread, folders
    )
    rows = {line.id: (line.date, line.uid, line.mailbox_id) for line in listed.lines}
    rows[found.id] = (found.date, found.uid, found.box.id)
    return [(rows[one][2], one) for one in sorted(rows, key=lambda one: rows[one][:2])]


# ---------------------------------------------------------------------- those chosen in a list


async def gather(services: Services, visit: Visit) -> Response:
    """POST /dossier/{box}/imprimer: the page with what was chosen; it has an address of its own, to be loaded again."""
    box_id = int(visit.request.path_params["box"])
    viewer = await services.sharing.viewer(visit.principal)
    chosen = await read_chosen(services, visit, viewer, box_id)
    if chosen is None:
        return redirect(visit, return_address(visit, box_id), **done("rien"))
    lines = await services.store.read(handling.chosen_lines, viewer, box_id, chosen)
    ids, more = [line.id for line in lines[:MAX_MESSAGES]], len(lines) > MAX_MESSAGES
    address = f"{visit.base}/dossier/{box_id}/imprimer"
    return redirect(visit, address, m="-".join(map(str, ids)), plus=int(more), retour=visit.form.text("retour")[:500])


async def show_for_print(services: Services, visit: Visit) -> Response:
    """GET /dossier/{box}/imprimer?m=…: the messages of these numbers. Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN)."""
    box_id = int(visit.request.path_params["box"])
    viewer = await services.sharing.viewer(visit.principal)
    await services.store.read(handling.chosen_messages, viewer, box_id, Chosen())
    wanted = [(box_id, int(one)) for one in visit.query("m").split("-") if one.isdecimal() and len(one) < 19]
    letters = await _letters(services, visit, wanted[:MAX_MESSAGES])
    back = views.list_address(visit, box_id, visit.query("retour"))
    page = PrintedPage(back, letters, len(wanted) - len(letters), visit.query("plus") == "1")
    return services.pages.answer(visit, "reader/print.html", page, policy=headers.PRINT_POLICY)


# ---------------------------------------------------------------------- reading them


async def _letters(
    services: Services, visit: Visit, wanted: Sequence[tuple[int, int]], shown: int = 0
) -> list[Printed]:
    """Messages for paper, as many as one page holds; the remote pictures of the one that is `shown` are as asked."""
    viewer = await services.sharing.viewer(visit.principal)
    letters: list[Printed] = []
    read = told = 0
    for box_id, number in wanted:
        if read > MAX_READ or told > MAX_TEXT:
            break
        remote = number == shown and visit.query("images") == "1"
        letter, octets = await _reached(services, visit, viewer, box_id, number, remote=remote)
        read += octets
        if letter is not None:
            told += len(letter.body)
            letters.append(letter)
    return letters


async def _reached(
    services: Services, visit: Visit, viewer: Viewer, box_id: int, number: int, *, remote: bool
) -> tuple[Printed | None, int]:
    """A message for paper (None: it is here no more), and how many octets were read for it."""
    try:
        found, _ = await services.store.read(handling.reached, viewer, box_id, number)
        folder = services.store.blobs
        octets = await services.store.read(
            webmail.octets, found.box.account_id, number, folder, min(found.size, message_parts.TEXT_OCTETS)
        )
    except Refused:
        return None, 0
    return await _printed(services, visit, found, octets, remote=remote), len(octets)


async def _printed(services: Services, visit: Visit, found: Stored, octets: bytes, *, remote: bool) -> Printed:
    root = unpack(found.parts)
    _, formatted = plain_text.body_parts(root)
    wanted = visit.query("forme") or ("1" if visit.preferences.formatted else "0")
    files = root.attachments()
    if formatted and wanted == "1":
        pictures = images.signed(services, visit) if remote else html_view.nowhere
        served, shown = message_parts.inline_of(visit, found, root), set[str]()

        def inline(name: str) -> str:
            shown.add(name)
            return served(name)

        mark = await message_parts.link_marks(services, visit, found, octets)
        body, cut = await computed(plain_text.weight(root), _formatted, octets, formatted, inline, pictures, mark)
        files = [*files, *message_parts.unshown(root, shown)]
    else:
        formatted = []
        body, cut = await computed(plain_text.weight(root), _text, octets, root, f"{visit.base}/ecrire?a=")
    head = message_parts.letterhead(octets, root, found)
    return Printed(head, message_parts.pieces_of(files), len(files), body, bool(formatted), cut)


def _text(octets: bytes, root: Part, compose: str) -> tuple[Markup, bool]:
    text = plain_text.readable(octets, root)
    return plain_text.render(text, compose), len(text) > plain_text.MAX_SHOWN or plain_text.reach(root) > len(octets)


def _formatted(
    octets: bytes,
    parts: Sequence[Part],
    inline: html_view.Addresses,
    remote: html_view.Addresses,
    mark: Callable[[html_view.Lie], str],
) -> tuple[Markup, bool]:
    cut = len(html_view.source_of(octets, parts)) > html_view.MAX_OCTETS or parts[-1].end > len(octets)
    cleaned = html_view.marked(html_view.clean_parts(octets, parts, inline, remote).html, mark)
    return Markup(cleaned), cut  # noqa: S704 - the sanitiser wrote it
