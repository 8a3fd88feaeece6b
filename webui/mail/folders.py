"""The folders themselves: create, rename, move, colour, follow, mark read, empty, delete.

INBOX and the folders of special use keep their names and cannot be deleted.
"""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver.model.account.preferences import TAG_COLOURS
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.store.mail import mailboxes
from mailserver.store.mail.access import Viewer
from mailserver.store.mail.deleted import retention
from mailserver.store.mail.mailboxes import SEPARATOR, Mailbox
from mailserver.store.web import webmail
from mailserver.store.web.webmail import Chosen, View, folders, handling
from webui.http import headers
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import Folder, MailShell, surround

MAX_TITLE = 100


@dataclass(frozen=True, slots=True)
class FoldersPage:
    """Every folder with what can be done to it."""

    frame: MailShell
    rows: tuple["Row", ...]
    fault: str
    typed: str


@dataclass(frozen=True, slots=True)
class Row:
    """A folder with its figures."""

    folder: Folder
    messages: int
    octets: int
    followed: bool
    """Programs that ask for subscribed folders show it."""
    shared: int
    """How many others have rights in it."""
    kept: str
    """How long messages stay; empty: for ever."""


@dataclass(frozen=True, slots=True)
class FolderPage:
    """One folder and everything that can be done to it."""

    frame: MailShell
    folder: Folder
    messages: int
    unread: int
    octets: int
    next_uid: int
    """What is done with all of them is done with those that are there now."""
    children: bool
    followed: bool
    places: tuple[Folder, ...]
    """Folders it can be moved into."""
    parent: int
    colours: tuple[tuple[str, str], ...]
    keeping: "Keeping | None"
    """None where messages always stay."""
    fault: str
    typed: str


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long messages stay."""

    days: int
    """0: for ever."""
    choices: tuple[tuple[int, str], ...]
    asked: int = 0
    """Messages that go at once when this is confirmed."""


async def show_folders(services: Services, visit: Visit, fault: str = "", typed: str = "") -> Response:
    """GET /dossiers: the list."""
    found = await services.store.read(folders.overview, visit.account_id)
    named = dict(_times(visit))
    boxes, kept = {box.id: box for box in found.boxes}, found.kept_days
    around = surround(visit, found.boxes)
    rows = tuple(
        Row(
            folder,
            boxes[folder.id].messages,
            boxes[folder.id].octets,
            boxes[folder.id].name in found.followed,
            found.shared.get(folder.id, 0),
            named.get(kept[folder.id], "") if folder.id in kept else "",
        )
        for folder in around.folders
        if folder.id in boxes
    )
    page = FoldersPage(around, rows, fault, typed)
    return services.pages.answer(visit, "mail/folders.html", page, 422 if fault else 200)


async def fold(services: Services, visit: Visit) -> Response:
    """POST /dossiers/replier: what the column of folders folds away, as the script of the page tells."""
    box_id, folded = visit.form.number("dossier"), visit.form.has("plie")
    await services.store.write(folders.fold, visit.account_id, box_id, folded)
    return Response(status_code=204, headers=headers.page(visit.secure))


async def create(services: Services, visit: Visit) -> Response:
    """POST /dossiers: a new folder, at the top or inside another."""
    title = visit.form.text("nom").strip()[:MAX_TITLE]
    try:
        name = await _below(services, visit, visit.form.number("dans"), title)
        await services.store.write(folders.create, visit.account_id, name)
    except Refused as refusal:
        return await show_folders(services, visit, _fault(visit, refusal), title)
    return redirect(visit, f"{visit.base}/dossiers", **done("cree"))


async def one(
    services: Services, visit: Visit, fault: str = "", typed: str = "", asked: tuple[int, int] | None = None
) -> Response:
    """GET /dossier/{box}/modifier: one folder. `asked`: days to be confirmed, and how many messages would go."""
    box_id = int(visit.request.path_params["box"])
    found = await services.store.read(folders.overview, visit.account_id)
    box = webmail.pick(found.boxes, box_id)
    around = surround(visit, found.boxes, box_id)
    folder = around.folder(box_id)
    names = {box.id: box.name for box in found.boxes}
    inside = box.name + SEPARATOR
    places = tuple(
        other
        for other in around.folders
        if other.own and other.id in names and other.id != box_id and not names[other.id].startswith(inside)
    )
    above = box.name.rpartition(SEPARATOR)[0]
    page = FolderPage(
        around,
        folder,
        box.messages,
        box.unseen,
        box.octets,
        box.uidnext,
        any(name.startswith(inside) for name in names.values()),
        box.name in found.followed,
        places,
        next((other for other, name in names.items() if name == above), 0) if above else 0,
        colours(visit),
        _keeping(visit, asked or (found.kept_days.get(box_id, 0), 0)) if retention.may_end(box) else None,
        fault,
        typed or folder.title,
    )
    return services.pages.answer(visit, "mail/folder.html", page, 422 if fault else 200)


def colours(visit: Visit) -> tuple[tuple[str, str], ...]:
    """Every colour with its name."""
    _ = visit._
    named = (
        _("rouge"),
        _("orange"),
        _("jaune"),
        _("vert"),
        _("turquoise"),
        _("bleu"),
        _("violet"),
        _("rose"),
        _("brun"),
        _("gris"),
    )
    return tuple(zip(TAG_COLOURS, named, strict=True))


async def change(services: Services, visit: Visit) -> Response:
    """POST /dossier/{box}/modifier: whichever of the page's buttons."""
    box_id = int(visit.request.path_params["box"])
    box = await services.store.read(mailboxes.by_id, visit.account_id, box_id)
    own = not box.special_use and box.name != mailboxes.INBOX
    match visit.form.text("faire"):
        case "renommer" if own:
            return await _rename(services, visit, box)
        case "supprimer" if own:
            return await _remove(services, visit, box)
        case "vider":
            return await _empty(services, visit, box)
        case "lu":
            return await _mark_read(services, visit, box)
        case "garder":
            return await _keep(services, visit, box)
        case "conserver":
            return await _retain(services, visit, box)
        case "renommer" | "supprimer":
            raise Refused(Reason.CANNOT)
    raise BadSyntax("No such action")


async def _rename(services: Services, visit: Visit, box: Mailbox) -> Response:
    """A new name, a new place, or both."""
    title = visit.form.text("nom").strip()[:MAX_TITLE]
    try:
        name = await _below(services, visit, visit.form.number("dans"), title)
        if name != box.name:
            await services.store.write(folders.rename, visit.account_id, box.name, name)
    except Refused as refusal:
        return await one(services, visit, _fault(visit, refusal), title)
    return redirect(visit, f"{visit.base}/dossiers", **done("renomme"))


async def _remove(services: Services, visit: Visit, box: Mailbox) -> Response:
    if not visit.form.has("confirme"):
        return await one(services, visit, visit._("Cochez la case pour confirmer la suppression."))
    if visit.form.number("avant") not in (0, box.uidnext):
        return await one(services, visit, visit._("Des messages sont arrivés dans ce dossier entre-temps."))
    await services.store.write(mailboxes.remove, visit.account_id, box.name)
    return redirect(visit, f"{visit.base}/dossiers", **done("dossier"))


async def _empty(services: Services, visit: Visit, box: Mailbox) -> Response:
    """Everything in the folder is removed for good, unit by unit."""
    if not visit.form.has("confirme"):
        return await one(services, visit, visit._("Cochez la case pour confirmer la suppression."))
    viewer, count, last = Viewer(visit.account_id), 0, 0
    chosen = Chosen(everything=View(before=visit.form.number("avant")))
    while True:
        step = await services.store.write(handling.wipe, viewer, box.id, chosen, last)
        count += step.count
        last = step.last
        if not last:
            return redirect(visit, f"{visit.base}/dossiers", **done("effacer", count))


async def _mark_read(services: Services, visit: Visit, box: Mailbox) -> Response:
    viewer, count, last = Viewer(visit.account_id), 0, 0
    chosen = Chosen(everything=View(unseen=True, before=visit.form.number("avant")))
    while True:
        step = await services.store.write(handling.mark, viewer, box.id, chosen, last, "+", ("\\Seen",))
        count += step.count
        last = step.last
        if not last:
            return redirect(visit, f"{visit.base}/dossier/{box.id}", **done("dossier-lu", count))


async def _keep(services: Services, visit: Visit, box: Mailbox) -> Response:
    """Colour, and whether other programs show it."""
    followed, colour = visit.form.has("suivi"), visit.form.text("couleur")
    await services.store.write(folders.change_settings, visit.account_id, box, followed, colour)
    return redirect(visit, f"{visit.base}/dossier/{box.id}/modifier", **done("reglages"))


def _keeping(visit: Visit, asked: tuple[int, int]) -> Keeping:
    return Keeping(asked[0], _times(visit), asked[1])


def _times(visit: Visit) -> tuple[tuple[int, str], ...]:
    """How long messages may be kept, with names."""
    ngettext = visit.language.texts.ngettext
    named = []
    for days in retention.DAYS:
        if days < 365:
            text, count = ngettext("%(n)s jour", "%(n)s jours", days), days
        else:
            text, count = ngettext("%(n)s an", "%(n)s ans", days // 365), days // 365
        named.append((days, text % {"n": count}))
    return ((0, visit._("toujours")), *named)


async def _retain(services: Services, visit: Visit, box: Mailbox) -> Response:
    """How long messages stay; what is older already goes only when that was confirmed."""
    days = visit.form.number("jours")
    older = await services.store.read(retention.older, box.id, days) if days else 0
    if older and not visit.form.has("confirme"):
        fault = visit._("Rien n’est encore changé : confirmez l’effacement des messages plus anciens.")
        return await one(services, visit, fault, asked=(days, older))
    await services.store.write(retention.keep, visit.account_id, box.id, days)
    return redirect(visit, f"{visit.base}/dossier/{box.id}/modifier", **done("reglages"))


async def _below(services: Services, visit: Visit, parent_id: int, title: str) -> str:
    _check_title(title)
    if not parent_id:
        return title
    parent = await services.store.read(mailboxes.by_id, visit.account_id, parent_id)
    return f"{parent.name}{SEPARATOR}{title}"


def _check_title(title: str) -> None:
    if not title or SEPARATOR in title:
        raise Refused(Reason.INVALID)


def _fault(visit: Visit, refusal: Refused) -> str:
    _ = visit._
    texts = {
        Reason.MAILBOX_EXISTS: _("Un dossier porte déjà ce nom."),
        Reason.CANNOT: _("Un dossier ne peut pas aller dans un dossier qu’il contient."),
        Reason.INVALID: _("Donnez un nom d’une à cent lettres, sans barre oblique."),
        Reason.LIMIT: _("Vous avez trop de dossiers."),
    }
    if refusal.reason not in texts:
        raise refusal
    return texts[refusal.reason]
