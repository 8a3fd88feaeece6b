"""A folder's messages in the simplified interface, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.store.web.webmail import Edge, Line, Page, mailbox_pages
from mailserver.store.web.webmail.mailbox_pages import MessagesPage
from webui.http.forms import positive
from webui.mail import message_list
from webui.mail.allowed_actions import offered, opening
from webui.page.context import COMPLETE, Services, Visit
from webui.page.rendering import redirect
from webui.page.shell import mail_shell
from webui.page.shell.mail_shell import Folder, MailShell, query_string, surround


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
    offers: frozenset[str]
    """What may be done (`webui.mail.allowed_actions`)."""


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of a folder."""

    frame: MailShell
    box: BoxView
    unread: int
    counted: str
    """How many are unread, of how many."""
    newer: str
    older: str
    all: bool
    all_query: str
    taken: str
    emptiable: bool


def box_view(
    visit: Visit, around: MailShell, folder: Folder, lines: Sequence[Line], caption: str, back: str
) -> BoxView:
    """A folder's messages for `mail/rows.html`."""
    return BoxView(
        folder.id,
        folder.title,
        folder.icon,
        folder.use,
        folder.outgoing,
        opening(visit, folder),
        caption,
        back,
        lines,
        around.targets(folder),
        offered(around, folder),
    )


async def show_simple_list(services: Services, visit: Visit) -> Response:
    """GET /dossier/{box}: a page of a folder; without a number INBOX."""
    if visit.interface == COMPLETE:
        return await message_list.show_message_list(services, visit)
    box_id = int(visit.request.path_params.get("box", 0))
    before, after = _edge(visit.query("avant")), _edge(visit.query("apres"))
    size = visit.preferences.page_size
    viewer = await services.sharing.viewer(visit.principal)
    found = await services.store.read(mailbox_pages.messages, viewer, box_id, size, before, after)
    if (before or after) and not found.page.lines:
        return redirect(visit, f"{visit.base}/dossier/{found.page.box.id}")
    return services.pages.answer(visit, "mail/list.html", _page(visit, found))


def _page(visit: Visit, listed: MessagesPage) -> ListPage:
    """A page of messages with its links to newer and older ones."""
    found, opened = listed.page, listed.opened
    around = surround(visit, opened.boxes, found.box.id, shared=opened.shared)
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
        found.box.unseen if folder.use != mail_shell.TRASH else 0,
        _counted(visit, folder, found),
        newer,
        older,
        every,
        here if every else "&".join(filter(None, (here, "tout=1"))),
        visit._("Liste de %(time)s") % {"time": visit.language.clock_time(visit.now)},
        not folder.foreign and folder.use in (mail_shell.TRASH, mail_shell.JUNK) and found.box.messages > 0,
    )


def _counted(visit: Visit, folder: Folder, found: Page) -> str:
    total = visit.language.number(found.box.messages)
    if folder.use in (mail_shell.TRASH, mail_shell.DRAFTS, mail_shell.SENT) or not found.box.unseen:
        return visit.language.texts.ngettext("%(n)s message", "%(n)s messages", found.box.messages) % {"n": total}
    unread = visit.language.texts.ngettext(
        "%(n)s non lu sur %(total)s", "%(n)s non lus sur %(total)s", found.box.unseen
    )
    return unread % {"n": visit.language.number(found.box.unseen), "total": total}


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
