"""What a browser's notification says of messages that have just come: no more than the person chose to have shown.

The page asks for it when the stream (`event_stream`) has told it that the inbox grew. Browsers without an open page are
told by `mailserver.notices.push`.
"""

import json

from starlette.responses import Response

from mailserver.store.web.webmail import Line, arrivals
from mailserver.store.web.webmail.arrivals import MANY, Arrived
from webui.http import headers
from webui.http.forms import positive
from webui.page.context import Services, Visit
from webui.page.words import plain


async def tell(services: Services, visit: Visit) -> Response:
    """GET /flux/nouveaux?depuis={uid}: the unread messages of the inbox from this UID on, as JSON."""
    fields = {**headers.page(visit.secure), "Content-Type": "application/json"}
    told: list[dict[str, str | int]] = []
    if visit.preferences.desktop:
        those = arrivals.urgent if visit.quiet else arrivals.unread
        arrived = await services.store.read(those, visit.account_id, positive(visit.query("depuis")))
        told = _notices(visit, arrived)
    return Response(json.dumps(told, ensure_ascii=False), 200, fields)


def _notices(visit: Visit, arrived: Arrived) -> list[dict[str, str | int]]:
    """`titre`, `texte`, and the `message` it leads to (0: the list)."""
    _, shows, count, lines = visit._, visit.preferences.desktop_shows, arrived.count, arrived.lines
    if count and (not lines or shows == "nombre"):
        return [{"titre": _counted(visit, count), "texte": _why(visit), "message": 0}]
    return [
        {
            "titre": plain.line(line.sender, 100) or _("Nouveau message"),
            "texte": _text(visit, line, with_subject=shows == "objet"),
            "message": line.id,
        }
        for line in reversed(lines)
    ]


def _text(visit: Visit, line: Line, *, with_subject: bool) -> str:
    """What stands below who wrote."""
    subject = (plain.line(line.subject, 200) or visit._("(sans objet)")) if with_subject else ""
    return " ".join(filter(None, (_why(visit), subject)))


def _why(visit: Visit) -> str:
    return visit._("Urgent, malgré vos heures de repos.") if visit.quiet else ""


def _counted(visit: Visit, count: int) -> str:
    if count >= MANY:
        return visit._("%(n)s nouveaux messages ou plus") % {"n": MANY}
    return visit.language.texts.ngettext("%(n)s nouveau message", "%(n)s nouveaux messages", count) % {"n": count}
