"""Search: one field and a form that write the same words; what is found, folder by folder."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.store import mailboxes, webmail
from mailserver.store.mailboxes import Mailbox
from mailserver.store.webmail import Group
from webui.forms import positive
from webui.frame import Frame, query_string, surround
from webui.listing import BoxView, box_view
from webui.query import MAX_QUERY, compose, parse
from webui.visit import Services, Visit

GROUP_SIZE = 20
"""Messages of each folder when several are searched."""
MAX_SKIP = 5000
FORM_FIELDS = ("mots", "de", "à", "objet", "après", "avant", "a_pj", "nonlu")


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in one folder."""

    box: BoxView
    more: str
    """Parameters that show the rest; empty when all is shown."""
    rest: int


@dataclass(frozen=True, slots=True)
class SearchPage:
    """The form, and what was found."""

    frame: Frame
    query: str
    folder: int
    groups: Sequence[Found]
    summary: str
    searched: bool


async def show(services: Services, visit: Visit) -> Response:
    """GET /recherche: by the field (`q`), or by the form beside it."""
    typed = visit.query("q")[:MAX_QUERY] or compose(**{name: visit.query(name) for name in FORM_FIELDS})
    query = parse(typed)
    boxes = await services.store.read(mailboxes.listing, visit.account_id)
    around = surround(visit, boxes, query=typed)
    box_id = positive(visit.query("d")) or _named(around, query.folder)
    if query.is_empty:
        page = SearchPage(around, typed, box_id, (), "", False)
        return services.pages.answer(visit, "mail/search.html", page)
    skip = min(positive(visit.query("debut")), MAX_SKIP)
    size = visit.preferences.page_size if box_id else GROUP_SIZE
    blobs = services.settings.data / "blobs"
    found = await services.store.read(webmail.find, visit.account_id, query.criterion, blobs, box_id, size, skip)
    page = _page(visit, typed, box_id, skip, *found)
    return services.pages.answer(visit, "mail/search.html", page)


def _named(around: Frame, name: str) -> int:
    """The folder a search names, by the title people see or its path."""
    wanted = name.casefold()
    return next(
        (
            folder.id
            for folder in around.folders
            if wanted and wanted in (folder.title.casefold(), folder.path.casefold())
        ),
        0,
    )


def _page(
    visit: Visit, typed: str, box_id: int, skip: int, boxes: Sequence[Mailbox], groups: Sequence[Group]
) -> SearchPage:
    around = surround(visit, boxes, query=typed)
    order = {folder.id: place for place, folder in enumerate(around.folders)}
    total = sum(group.total for group in groups)
    views = []
    for group in sorted(groups, key=lambda one: order[one.box.id]):
        folder = around.folder(group.box.id)
        shown = skip + len(group.lines)
        rest = group.total - shown
        more = query_string(q=typed, d=group.box.id, debut=shown if box_id else 0) if rest > 0 else ""
        back = "recherche?" + query_string(q=typed, d=box_id, debut=skip)
        views.append(Found(box_view(visit, around, folder, group.lines, folder.path, back), more, rest))
    summary = visit.language.texts.ngettext("%(n)s message trouvé", "%(n)s messages trouvés", total)
    return SearchPage(around, typed, box_id, views, summary % {"n": visit.language.number(total)}, True)
