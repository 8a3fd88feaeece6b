"""A folder's messages, page by page, and what is done to the ones that are ticked."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.errors import BadSyntax, Reason, Refused
from mailserver.store import mailboxes, webmail
from mailserver.store.webmail import Edge, Line, Page
from webui import frame
from webui.forms import positive
from webui.frame import DRAFTS, UNDO_SECONDS, Folder, Frame, done, query_string, surround
from webui.rendering import redirect
from webui.visit import Services, Visit

MAX_TICKED = 150
"""More than the largest page holds."""


@dataclass(frozen=True, slots=True)
class BoxView:
    """Messages of one folder as `mail/rows.html` shows them."""

    id: int
    title: str
    icon: str
    use: str
    outgoing: bool
    open: str
    """Address before a message's id."""
    caption: str
    back: str
    """Where an action returns to: parameters of this page."""
    lines: Sequence[Line]
    targets: Sequence[Folder]


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of a folder."""

    frame: Frame
    box: BoxView
    unread: int
    newer: str
    older: str
    all: bool
    all_query: str
    taken: str
    emptiable: bool


def box_view(visit: Visit, around: Frame, folder: Folder, lines: Sequence[Line], caption: str, back: str) -> BoxView:
    """A folder's messages for `mail/rows.html`."""
    opening = f"{visit.base}/ecrire/" if folder.use == DRAFTS else f"{visit.base}/message/"
    targets = [other for other in around.folders if other.id != folder.id and other.use != DRAFTS]
    return BoxView(
        folder.id, folder.title, folder.icon, folder.use, folder.outgoing, opening, caption, back, lines, targets
    )


async def show(services: Services, visit: Visit) -> Response:
    """GET /dossier/{box}: a page of a folder; without a number INBOX."""
    box_id = int(visit.request.path_params.get("box", 0))
    before, after = _edge(visit.query("avant")), _edge(visit.query("apres"))
    size = visit.preferences.page_size
    found = await services.store.read(webmail.page, visit.account_id, box_id, size, before=before, after=after)
    if (before or after) and not found.lines:
        return redirect(visit, f"{visit.base}/dossier/{found.box.id}")
    return services.pages.answer(visit, "mail/list.html", list_page(visit, found))


def list_page(visit: Visit, found: Page) -> ListPage:
    """A page of messages with its links to newer and older ones."""
    around = surround(visit, found.boxes, found.box.id)
    folder = around.folder(found.box.id)
    lines, size = found.lines, visit.preferences.page_size
    first = _first_number(visit, found)
    here = query_string(avant=visit.query("avant"), apres=visit.query("apres"), rang=visit.query("rang"))
    newer = older = ""
    if lines and found.newer:
        rank = max(1, first - size)
        newer = query_string(apres=f"{lines[0].date}.{lines[0].uid}", rang=rank) if rank > 1 else "debut=1"
    if lines and found.older:
        older = query_string(avant=f"{lines[-1].date}.{lines[-1].uid}", rang=first + len(lines))
    every = visit.query("tout") == "1"
    return ListPage(
        around,
        box_view(visit, around, folder, lines, _caption(visit, found, first), here),
        found.box.unseen if folder.use != frame.TRASH else 0,
        newer,
        older,
        every,
        here if every else "&".join(filter(None, (here, "tout=1"))),
        visit._("Liste de %(time)s") % {"time": visit.language.clock_time(visit.now)},
        folder.use in (frame.TRASH, frame.JUNK) and found.box.messages > 0,
    )


def _caption(visit: Visit, found: Page, first: int) -> str:
    number = visit.language.number
    return visit._("Messages %(first)s à %(last)s sur %(total)s, du plus récent au plus ancien") % {
        "first": number(first),
        "last": number(min(found.box.messages, first + len(found.lines) - 1)),
        "total": number(found.box.messages),
    }


def _first_number(visit: Visit, found: Page) -> int:
    """Rank of the first message shown, for people only: the page itself is found by key."""
    if not found.newer:
        return 1
    return max(1, min(positive(visit.query("rang")) or 1, found.box.messages))


def _edge(text: str) -> Edge | None:
    """`date.uid`, the key of a message at the edge of a page."""
    date, _, uid = text.partition(".")
    return Edge(positive(date), positive(uid)) if positive(uid) else None


# ---------------------------------------------------------------------- acting on what is ticked


@dataclass(frozen=True, slots=True)
class ErasePage:
    """Asks before messages are removed for good."""

    frame: Frame
    folder: Folder
    lines: Sequence[Line]
    back: str
    count: int
    everything: bool = False


async def act(services: Services, visit: Visit) -> Response:
    """POST /dossier/{box}/agir: one of the buttons above a list, or below a message."""
    box_id = int(visit.request.path_params["box"])
    ids = visit.form.numbers("m", MAX_TICKED)
    action = visit.form.text("faire")
    address = _return_address(visit, box_id)
    if not ids:
        return redirect(visit, address, **done("rien"))
    if action == "effacer":
        return await _erase(services, visit, box_id, ids)
    if action in _FLAGS:
        mode, flags = _FLAGS[action]
        count = await services.store.write(webmail.flag, visit.account_id, box_id, ids, mode, flags)
        return redirect(visit, address, **done(action, count))
    target, marks = await _target(services, visit, action)
    if not target:
        return redirect(visit, address, **done("ou"))
    token = services.keys.new_token()
    undo = (services.keys.stored(token), UNDO_SECONDS)
    count = await services.store.write(webmail.move, visit.account_id, box_id, target, ids, undo, marks)
    return redirect(visit, address, **done(action, count, token if count else ""))


_FLAGS = {
    "lu": ("+", ("\\Seen",)),
    "nonlu": ("-", ("\\Seen",)),
    "suivre": ("+", ("\\Flagged",)),
    "plussuivre": ("-", ("\\Flagged",)),
}
_USES = {"supprimer": frame.TRASH, "archiver": frame.ARCHIVE, "indesirable": frame.JUNK}
Marks = tuple[Sequence[str], Sequence[str]]


async def _target(services: Services, visit: Visit, action: str) -> tuple[int, Marks]:
    """Where an action moves messages, and the flags it sets and clears; 0 when no folder was chosen.

    Raises BadSyntax for an unknown action.
    """
    if action == "deplacer":
        return visit.form.number("vers"), ((), ())
    if action == "desirable":
        inbox = await services.store.read(mailboxes.get, visit.account_id, mailboxes.INBOX)
        return inbox.id, (["$NotJunk"], ["$Junk"])
    if action not in _USES:
        raise BadSyntax("No such action")
    box = await services.store.read(mailboxes.by_use, visit.account_id, _USES[action])
    if box is None:
        raise Refused(Reason.NO_SUCH_MAILBOX)
    marks: Marks = (["$Junk"], ["$NotJunk"]) if action == "indesirable" else ((), ())
    return box.id, marks


async def _erase(services: Services, visit: Visit, box_id: int, ids: Sequence[int]) -> Response:
    """Remove for good, after a page that asks."""
    if visit.form.has("confirme"):
        count = await services.store.write(webmail.erase, visit.account_id, box_id, ids)
        return redirect(visit, _return_address(visit, box_id), **done("effacer", count))
    boxes = await services.store.read(mailboxes.listing, visit.account_id)
    _, lines = await services.store.read(webmail.summaries, visit.account_id, box_id, ids)
    around = surround(visit, boxes, box_id)
    page = ErasePage(around, around.folder(box_id), lines, visit.form.text("retour"), len(lines))
    return services.pages.answer(visit, "mail/erase.html", page)


async def ask_empty(services: Services, visit: Visit) -> Response:
    """GET /dossier/{box}/vider: asks before Trash or Junk is emptied."""
    box_id = int(visit.request.path_params["box"])
    boxes = await services.store.read(mailboxes.listing, visit.account_id)
    box = webmail.pick(boxes, box_id)
    around = surround(visit, boxes, box_id)
    folder = around.folder(box_id)
    _check_emptiable(folder)
    page = ErasePage(around, folder, (), "", box.messages, everything=True)
    return services.pages.answer(visit, "mail/erase.html", page)


async def empty(services: Services, visit: Visit) -> Response:
    """POST /dossier/{box}/vider: remove everything in Trash or Junk for good."""
    box_id = int(visit.request.path_params["box"])
    boxes = await services.store.read(mailboxes.listing, visit.account_id)
    webmail.pick(boxes, box_id)
    _check_emptiable(surround(visit, boxes, box_id).folder(box_id))
    count = await services.store.write(webmail.empty, visit.account_id, box_id)
    return redirect(visit, f"{visit.base}/dossier/{box_id}", **done("effacer", count))


def _check_emptiable(folder: Folder) -> None:
    if folder.use not in (frame.TRASH, frame.JUNK):
        raise Refused(Reason.CANNOT)


async def undo(services: Services, visit: Visit) -> Response:
    """POST /annuler: take the last move back."""
    token_hash = services.keys.stored(visit.form.text("jeton")[:100])
    try:
        box_id, count = await services.store.write(webmail.undo_move, visit.account_id, token_hash)
    except Refused:
        return redirect(visit, f"{visit.base}/", **done("tard"))
    return redirect(visit, f"{visit.base}/dossier/{box_id}", **done("annuler", count))


def _return_address(visit: Visit, box_id: int) -> str:
    """Back to where the form was: the same page of the folder, a search, or a message. Never elsewhere."""
    back = visit.form.text("retour")
    base = visit.base
    if back.startswith("recherche?"):
        return f"{base}/{_plain(back)}"
    if back.startswith("message/") and visit.form.text("faire") in ("suivre", "plussuivre"):
        return f"{base}/{_plain(back)}"
    if "=" in back and "/" not in back:
        return f"{base}/dossier/{box_id}?{_plain(back)}"
    return f"{base}/dossier/{box_id}"


def _plain(text: str) -> str:
    """Only what an address of ours may hold: a return address must not smuggle a header or another host."""
    return "".join(char for char in text[:500] if char.isascii() and (char.isalnum() or char in "?=&%.+-_/"))
