"""The page where rules are applied to what is in a folder already."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.filters.applying import AT_ONCE, Done
from mailserver.filters.sieve import SieveError
from mailserver.model.errors import Reason, Refused
from mailserver.store.mail import mailboxes, snooze
from mailserver.store.mail.mailboxes import INBOX, Mailbox
from webui.page.context import Services, Visit
from webui.page.shell import mail_shell
from webui.page.shell.mail_shell import ARCHIVE, Folder, MailShell, surroundings


@dataclass(frozen=True, slots=True)
class ApplyPage:
    """Which folder, and what became of the last one."""

    frame: MailShell
    folders: Sequence[Folder]
    count: int
    """Rules that are on."""
    done: Done | None
    undo: str
    """What the one move is taken back by; empty: there were several, or none."""
    fault: str = ""
    large: int = AT_ONCE


async def show_apply(services: Services, visit: Visit) -> Response:
    """GET /reglages/regles/appliquer."""
    return await _page(services, visit)


async def apply(services: Services, visit: Visit) -> Response:
    """POST /reglages/regles/appliquer: do it; with a large folder behind the answer."""
    kept = await services.filters.rules.read(visit.account_id)
    box_id = visit.form.number("dossier")
    boxes = await services.store.read(mailboxes.listing, visit.account_id)
    if not any(box.id == box_id and _is_sorted(box) for box in boxes):
        raise Refused(Reason.NO_SUCH_MAILBOX)
    try:
        await services.filters.applying.run(visit.account_id, box_id, kept.document)
    except SieveError:
        return await _page(services, visit, visit._("Vos règles ne peuvent pas être appliquées."), 422)
    except Refused as refusal:
        if refusal.reason is not Reason.CONFLICT:
            raise
        return await _page(services, visit, visit._("Vos règles sont déjà en train d’être appliquées."), 409)
    return await _page(services, visit)


def _is_sorted(box: Mailbox) -> bool:
    """Whether rules may be applied there: not to what was sent, thrown away, put off, or is junk."""
    return box.special_use in ("", ARCHIVE) and box.name != snooze.PLACE


async def _page(services: Services, visit: Visit, fault: str = "", status: int = 200) -> Response:
    boxes = await services.store.read(mailboxes.listing, visit.account_id)
    kept = await services.filters.rules.read(visit.account_id)
    folders = [mail_shell.folder(visit, box, 0) for box in boxes if _is_sorted(box)]
    inbox = next((box.id for box in boxes if box.name == INBOX), 0)
    folders.sort(key=lambda one: (one.id != inbox, one.path.casefold()))
    frame = await surroundings(services, visit)
    # Last, since it goes on meanwhile: the page is of one moment.
    done = services.filters.applying.state(visit.account_id)
    undo = next(iter(done.undo.values())).hex() if done is not None and done.ended and len(done.undo) == 1 else ""
    count = sum(not rule.off for rule in kept.document.rules)
    page = ApplyPage(frame, folders, count, done, undo, fault)
    return services.pages.answer(visit, "filters/apply.html", page, status)
