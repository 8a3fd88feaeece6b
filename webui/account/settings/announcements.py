"""Announcements that a person has read and closes: remembered by account, so closed in every interface. Those that were
closed are on a page of their own, from where they come back."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.model.errors import Reason, Refused
from mailserver.store.account import bulletins
from mailserver.store.account.bulletins import Bulletin
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings

_PAGE = re.compile(r"/(?!/)[!-\[\]-~]{0,999}")
"""An address of ours as it stands in a link: no other host, nothing that a browser reads otherwise."""


@dataclass(frozen=True, slots=True)
class AnnouncementsPage:
    """What somebody has closed and still holds; the others stand above every page."""

    frame: MailShell
    closed: Sequence[Bulletin]
    reopens: bool
    """Nothing is changed while the service is read-only."""


async def show_closed(services: Services, visit: Visit) -> Response:
    """GET /annonces of either interface."""
    board = services.board.announcements(visit.now)
    shown = {one.id for one in visit.unread(board)}
    closed = [one for one in board if one.id not in shown]
    reopens = services.board.maintenance(visit.now) is None
    page = AnnouncementsPage(await surroundings(services, visit), closed, reopens)
    return services.pages.answer(visit, "account/settings/announcements.html", page)


async def reopen(services: Services, visit: Visit) -> Response:
    """POST /annonces/{bulletin}/rouvrir: it stands above every page again."""
    number = int(visit.request.path_params["bulletin"])
    await services.store.write(bulletins.reopen, visit.account_id, number)
    return redirect(visit, f"{visit.base}/annonces", **done("annonce-rouverte"))


async def close(services: Services, visit: Visit) -> Response:
    """POST /annonces/{bulletin}/fermer. One that was revised or withdrawn meanwhile is left as it is, and seen so."""
    number = int(visit.request.path_params["bulletin"])
    try:
        await services.store.write(bulletins.close, visit.account_id, number, visit.form.number("ecrite"))
    except Refused as refusal:
        if refusal.reason is not Reason.NOT_FOUND:
            raise
    return redirect(visit, _back(visit))


def _back(visit: Visit) -> str:
    """The page where the form was, or the first one."""
    wanted = visit.form.text("retour")
    return wanted if _PAGE.fullmatch(wanted) else f"{visit.base}/"
