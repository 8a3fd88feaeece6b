"""What a browser's notification says of messages that have just come: no more than the person chose to have shown.

The page asks for it when the stream (`flux`) has told it that the inbox grew. Browsers without an open page are told by
`mailserver.push`.
"""

import json

from starlette.responses import Response

from mailserver.calendars.quiet_hours import QuietHours
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
    lines: list[Line] = []
    if visit.preferences.desktop and not QuietHours(services.settings).holds(visit.preferences, visit.now):
        lines = await services.store.read(
            mailbox_pages.arrived, visit.account_id, positive(visit.query("depuis")), LOOKED_AT
        )
    return Response(json.dumps(_notices(visit, lines), ensure_ascii=False), 200, fields)


def _notices(visit: Visit, lines: list[Line]) -> list[dict[str, str | int]]:
    """`titre`, `texte`, and the `message` it leads to (0: the list)."""
    _, shows = visit._, visit.preferences.desktop_shows
    if len(lines) > ONE_BY_ONE or (lines and shows == "nombre"):
        count = visit.language.texts.ngettext("%(n)s nouveau message", "%(n)s nouveaux messages", len(lines))
        return [{"titre": count % {"n": len(lines)}, "texte": "", "message": 0}]
    return [
        {
            "titre": plain.line(line.sender, 100) or _("Nouveau message"),
            "texte": (plain.line(line.subject, 200) or _("(sans objet)")) if shows == "objet" else "",
            "message": line.id,
        }
        for line in reversed(lines)
    ]
