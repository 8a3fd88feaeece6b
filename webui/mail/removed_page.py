"""The page of what was removed for good: found for some days, chosen, and brought back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from starlette.responses import Response

from mailserver.accounts.removed_items import RemovedItem
from mailserver.accounts.removed_mail import BroughtBack
from mailserver.model.clock import DAY
from mailserver.model.errors import Reason, Refused
from mailserver.store.mail.deleted.removed_messages import START, Kept, Position, Wanted
from mailserver.store.mail.mailboxes import INBOX, SEPARATOR
from webui.http.forms import positive
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, inbox_title, query_string, special_title, surroundings

SHOWN = 50
MAX_WORDS = 200
SINCE = (1, 7, 30)


@dataclass(frozen=True, slots=True)
class Line:
    """One removed message."""

    kept: Kept
    folder: str


@dataclass(frozen=True, slots=True)
class ItemLine:
    """One deleted event, task or contact."""

    kept: RemovedItem
    kind: str


@dataclass(frozen=True, slots=True)
class RemovedPage:
    """What was found, and what was asked."""

    frame: MailShell
    lines: Sequence[Line]
    days: int
    since: Sequence[int]
    asked: dict[str, str | int]
    """The fields of the search, as an address has them."""
    searched: bool
    shared: bool
    """There are mailboxes of others to look in."""
    here: str
    following: str
    items: Sequence[ItemLine]
    following_items: str
    fault: str = ""


async def show_removed(services: Services, visit: Visit) -> Response:
    """GET /recuperer."""
    return await _page(services, visit)


async def bring_back(services: Services, visit: Visit) -> Response:
    """POST /recuperer: what was chosen, or whatever the search finds."""
    form, action = visit.form, visit.form.text("faire")
    if action == "elements":
        return await _bring_items_back(services, visit)
    viewer = await services.sharing.viewer(visit.principal)
    apart = action == "apart"
    if action == "tout":
        back = await services.removed.bring_all_back(viewer, visit.origin, _wanted(services, visit))
    elif chosen := form.numbers("m", SHOWN):
        try:
            back = await services.removed.bring_back(viewer, visit.origin, list(chosen), apart=apart)
        except Refused as refusal:
            if refusal.reason not in (Reason.NOT_FOUND, Reason.CONFLICT):
                raise
            fault = visit._("Ces messages ne sont plus ici : ils ont été remis, ou ne sont plus gardés.")
            return await _page(services, visit, fault, 409)
    else:
        return await _page(services, visit, visit._("Cochez au moins un message."), 422)
    if back.full:
        return await _page(services, visit, _full(visit, back), 409)
    return redirect(visit, f"{visit.base}/recuperer", **_asked(visit), **done("recuperes", back.count))


async def _bring_items_back(services: Services, visit: Visit) -> Response:
    """Events, tasks and contacts that were chosen."""
    chosen = list(visit.form.numbers("e", SHOWN))
    if not chosen:
        return await _page(services, visit, visit._("Cochez au moins un élément."), 422)
    try:
        back = await services.removed_items.bring_back(visit.account_id, visit.origin, chosen)
    except Refused as refusal:
        if refusal.reason is not Reason.NOT_FOUND:
            raise
        fault = visit._("Ces éléments ne sont plus ici : ils ont été remis, ou ne sont plus gardés.")
        return await _page(services, visit, fault, 409)
    if back.full:
        fault = visit._("Rien n’est remis : vos agendas et carnets sont pleins. Supprimez d’abord d’autres éléments.")
        return await _page(services, visit, fault, 409)
    return redirect(visit, f"{visit.base}/recuperer", **done("elements-recuperes", back.count))


def _full(visit: Visit, back: BroughtBack) -> str:
    if not back.count:
        return visit._("Rien n’est remis : la boîte n’a plus assez de place. Supprimez d’abord d’autres messages.")
    told = visit.language.texts.ngettext(
        "%(n)s message est remis, puis la boîte n’a plus eu assez de place.",
        "%(n)s messages sont remis, puis la boîte n’a plus eu assez de place.",
        back.count,
    )
    return told % {"n": visit.language.number(back.count)}


def _asked(visit: Visit) -> dict[str, str | int]:
    """The search, as the address of the page says it."""
    words: dict[str, str | int] = {name: visit.query(name).strip()[:MAX_WORDS] for name in ("de", "objet")}
    days = positive(visit.query("depuis"))
    shared = int(visit.query("partage") == "1")
    day = _day(visit.query("recu"))
    return words | {"depuis": days if days in SINCE else 0, "recu": day.isoformat() if day else "", "partage": shared}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _wanted(services: Services, visit: Visit) -> Wanted:
    asked = _asked(visit)
    day, since = _day(str(asked["recu"])), int(asked["depuis"])
    written = (0, 0)
    if day is not None and 1970 < day.year < 2200:
        zone = visit.language.zone
        starts = [int(datetime.combine(one, time(), zone).timestamp()) for one in (day, day + timedelta(days=1))]
        written = (max(0, starts[0]), max(0, starts[1]))
    return replace(
        services.removed.wanted(),
        sender=str(asked["de"]),
        subject=str(asked["objet"]),
        since=int(visit.now) - since * DAY if since else 0,
        written=written,
        foreign=bool(asked["partage"]),
    )


def _folder(visit: Visit, kept: Kept) -> str:
    """The mailbox that a message was in, as its reader knows it."""
    if kept.folder == INBOX:
        return inbox_title(visit.language)
    if kept.special_use and SEPARATOR not in kept.folder:
        return special_title(visit.language, kept.special_use)
    return " › ".join(kept.folder.split(SEPARATOR))


def _position(text: str) -> Position:
    """Where the list goes on, as the address of its next page says it."""
    removal, _, message = text.partition("-")
    return (positive(removal), positive(message)) if positive(removal) else START


def _kind(visit: Visit, one: RemovedItem) -> str:
    if not one.component:
        return visit._("Contact")
    return visit._("Tâche") if one.component == "VTODO" else visit._("Événement")


async def _page(services: Services, visit: Visit, fault: str = "", status: int = 200) -> Response:
    viewer = await services.sharing.viewer(visit.principal)
    asked, wanted = _asked(visit), _wanted(services, visit)
    found = await services.removed.find(viewer, wanted, SHOWN, _position(visit.query("avant")))
    items = await services.removed_items.find(visit.account_id, SHOWN + 1, positive(visit.query("avant-e")))
    frame = await surroundings(services, visit)
    page = RemovedPage(
        frame,
        [Line(kept, _folder(visit, kept)) for kept in found.messages],
        services.removed.days,
        [days for days in SINCE if days <= services.removed.days],
        asked,
        any(asked.values()),
        bool(frame.shared),
        query_string(**asked),
        query_string(**asked, avant="{}-{}".format(*found.more)) if found.more else "",
        [ItemLine(one, _kind(visit, one)) for one in items[:SHOWN]],
        query_string(**{"avant-e": items[SHOWN - 1].id}) if len(items) > SHOWN else "",
        fault,
    )
    return services.pages.answer(visit, "mail/removed.html", page, status)
