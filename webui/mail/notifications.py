"""What a browser's notification says of messages that have just come: no more than the person chose to have shown.

The page asks for it when the stream (`flux`) has told it that the inbox grew. Browsers without an open page are told by
`mailserver.push`.
"""

import json

from starlette.responses import Response

from mailserver.store.mail import urgent_letters
from mailserver.store.web.webmail import Line, mailbox_pages
from webui.http import headers
from webui.http.forms import positive
from webui.page import plain
from webui.page.context import Services, Visit

LOOKED_AT = 20
"""The newest messages that are looked at, however many came."""
ONE_BY_ONE = 3
"""Up to so many have a notification each; more are counted in one."""


async def tell(services: Services, visit: Visit) -> Response:
    """GET /flux/nouveaux?depuis={uid}: the unread messages of the inbox from this UID on, as JSON."""
    fields = {**headers.page(visit.secure), "Content-Type": "application/json"}
    told: list[dict[str, str | int]] = []
    if visit.preferences.desktop:
        lines = await services.store.read(
            mailbox_pages.arrived, visit.account_id, positive(visit.query("depuis")), LOOKED_AT
        )
        if visit.quiet:
            urgent = await services.store.read(urgent_letters.among, [line.id for line in lines])
            lines = [line for line in lines if line.id in urgent]
        told = _notices(visit, lines)
    return Response(json.dumps(told, ensure_ascii=False), 200, fields)


def _notices(visit: Visit, lines: list[Line]) -> list[dict[str, str | int]]:
    """`titre`, `texte`, and the `message` it leads to (0: the list)."""
    _, shows = visit._, visit.preferences.desktop_shows
    if len(lines) > ONE_BY_ONE or (lines and shows == "nombre"):
        count = visit.language.texts.ngettext("%(n)s nouveau message", "%(n)s nouveaux messages", len(lines))
        return [{"titre": count % {"n": len(lines)}, "texte": "", "message": 0}]
    return [
        {
            "titre": plain.line(line.sender, 100) or _("Nouveau message"),
            "texte": _text(visit, line, with_subject=shows == "objet"),
            "message": line.id,
        }
        for line in reversed(lines)
    ]


def _text(visit: Visit, line: Line, *, with_subject: bool) -> str:
    """What stands below who wrote; in quiet hours nothing is told that is not urgent."""
    why = visit._("Urgent, malgré vos heures de repos.") if visit.quiet else ""
    subject = (plain.line(line.subject, 200) or visit._("(sans objet)")) if with_subject else ""
    return " ".join(filter(None, (why, subject)))
