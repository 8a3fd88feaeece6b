"""The folders themselves: create, rename, delete."""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver.errors import Reason, Refused
from mailserver.store import mailboxes, messages
from mailserver.store.mailboxes import SEPARATOR
from mailserver.store.transactions import Tx
from webui.frame import Folder, Frame, done, surround
from webui.rendering import redirect
from webui.visit import Services, Visit

MAX_TITLE = 100


@dataclass(frozen=True, slots=True)
class FoldersPage:
    """Every folder with what can be done to it."""

    frame: Frame
    rows: tuple["Row", ...]
    fault: str
    typed: str


@dataclass(frozen=True, slots=True)
class Row:
    """A folder with its figures."""

    folder: Folder
    messages: int
    octets: int


@dataclass(frozen=True, slots=True)
class FolderPage:
    """One folder, to rename or to delete."""

    frame: Frame
    folder: Folder
    messages: int
    children: bool
    fault: str
    typed: str


async def show(services: Services, visit: Visit, fault: str = "", typed: str = "") -> Response:
    """GET /dossiers: the list."""
    boxes = {box.id: box for box in await services.store.read(mailboxes.listing, visit.account_id)}
    around = surround(visit, list(boxes.values()))
    rows = tuple(Row(folder, boxes[folder.id].messages, boxes[folder.id].octets) for folder in around.folders)
    page = FoldersPage(around, rows, fault, typed)
    return services.pages.answer(visit, "mail/folders.html", page, 422 if fault else 200)


async def create(services: Services, visit: Visit) -> Response:
    """POST /dossiers: a new folder, at the top or inside another."""
    title = visit.form.text("nom").strip()[:MAX_TITLE]
    try:
        name = await _below(services, visit, visit.form.number("dans"), title)
        await services.store.write(_create, visit.account_id, name)
    except Refused as refusal:
        return await show(services, visit, _fault(visit, refusal), title)
    return redirect(visit, f"{visit.base}/dossiers", **done("cree"))


async def one(services: Services, visit: Visit, fault: str = "", typed: str = "") -> Response:
    """GET /dossier/{box}/modifier: one folder."""
    box_id = int(visit.request.path_params["box"])
    boxes = await services.store.read(mailboxes.listing, visit.account_id)
    box = next((box for box in boxes if box.id == box_id), None)
    if box is None:
        raise Refused(Reason.NO_SUCH_MAILBOX)
    around = surround(visit, boxes, box_id)
    folder = around.folder(box_id)
    if not folder.own:
        raise Refused(Reason.CANNOT)
    children = any(other.name.startswith(box.name + SEPARATOR) for other in boxes)
    page = FolderPage(around, folder, box.messages, children, fault, typed or folder.title)
    return services.pages.answer(visit, "mail/folder.html", page, 422 if fault else 200)


async def change(services: Services, visit: Visit) -> Response:
    """POST /dossier/{box}/modifier: rename, or delete with everything in it."""
    box_id = int(visit.request.path_params["box"])
    box = await services.store.read(mailboxes.by_id, visit.account_id, box_id)
    if box.special_use or box.name == mailboxes.INBOX:
        raise Refused(Reason.CANNOT)
    if visit.form.text("faire") == "supprimer":
        if not visit.form.has("confirme"):
            text = visit._("Cochez la case pour confirmer la suppression.")
            return await one(services, visit, text)
        await services.store.write(mailboxes.remove, visit.account_id, box.name)
        return redirect(visit, f"{visit.base}/dossiers", **done("dossier"))
    title = visit.form.text("nom").strip()[:MAX_TITLE]
    parent = box.name.rpartition(SEPARATOR)[0]
    try:
        _check_title(title)
        name = f"{parent}{SEPARATOR}{title}" if parent else title
        if name != box.name:
            await services.store.write(messages.rename, visit.account_id, box.name, name)
    except Refused as refusal:
        return await one(services, visit, _fault(visit, refusal), title)
    return redirect(visit, f"{visit.base}/dossiers", **done("renomme"))


async def _below(services: Services, visit: Visit, parent_id: int, title: str) -> str:
    _check_title(title)
    if not parent_id:
        return title
    parent = await services.store.read(mailboxes.by_id, visit.account_id, parent_id)
    return f"{parent.name}{SEPARATOR}{title}"


def _check_title(title: str) -> None:
    if not title or SEPARATOR in title:
        raise Refused(Reason.INVALID)


def _create(tx: Tx, account_id: int, name: str) -> None:
    """A folder made here is one the person wants to see in every program."""
    mailboxes.create(tx, account_id, name)
    mailboxes.subscribe(tx, account_id, name, True)


def _fault(visit: Visit, refusal: Refused) -> str:
    _ = visit._
    texts = {
        Reason.MAILBOX_EXISTS: _("Un dossier porte déjà ce nom."),
        Reason.INVALID: _("Donnez un nom d’une à cent lettres, sans barre oblique."),
        Reason.LIMIT: _("Vous avez trop de dossiers."),
    }
    if refusal.reason not in texts:
        raise refusal
    return texts[refusal.reason]
