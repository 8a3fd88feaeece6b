"""Announcements that a person has read and closes: remembered by account, so closed in every interface."""

import re

from starlette.responses import Response

from mailserver.model.errors import Reason, Refused
from mailserver.store.account import bulletins
from webui.page.context import Services, Visit
from webui.page.rendering import redirect

_PAGE = re.compile(r"/(?!/)[!-\[\]-~]{0,999}")
"""An address of ours as it stands in a link: no other host, nothing that a browser reads otherwise."""


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
