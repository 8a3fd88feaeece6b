"""Search: one field and a form that write the same words; what is found, folder by folder, with the words marked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup
from starlette.responses import Response

from mailserver.model.errors import Refused
from mailserver.model.folding import strip_marks
from mailserver.store.mail.access import Viewer
from mailserver.store.web import searches, webmail
from mailserver.store.web.searches import EVERYWHERE, OTHERS, Search
from mailserver.store.web.webmail import Edge, Found, Group, Scope
from webui.http.forms import positive
from webui.mail.labels import keywords
from webui.mail.search.highlight import mark
from webui.mail.search.query import FORM, MAX_QUERY, Query, compose, described, parse
from webui.mail.simple_list import BoxView, box_view
from webui.mail.views import of_search
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, query_string, surround, surroundings

GROUP_SIZE = 20
"""Messages of each folder when several are searched."""
SECONDS = 2.0
"""After which a search says what it has found and where it can go on."""
AROUND = 70
"""Characters shown on either side of a word."""
MAX_UNSEARCHED = 50
"""Folders offered one by one where the time did not last."""
SCOPES = {0: Scope.OWN, OTHERS: Scope.OTHERS, EVERYWHERE: Scope.EVERYWHERE}


@dataclass(frozen=True, slots=True)
class Marked:
    """What a line shows with the words marked."""

    subject: Markup
    people: Markup
    excerpt: Markup


@dataclass(frozen=True, slots=True)
class Results:
    """What was found in one folder."""

    box: BoxView
    total: int
    marked: Mapping[int, Marked]
    more: str
    """Parameters that show the rest; empty when all is shown."""
    further: str
    """Parameters that search what was not searched; empty when all was."""
    about: str
    """Parameters of the address of a message: where it lies, and that it was found here."""


@dataclass(frozen=True, slots=True)
class SearchPage:
    """The form, and what was found."""

    frame: MailShell
    query: str
    folder: int
    """Where it is searched: a mailbox, or one of `SCOPES`."""
    form: Mapping[str, str]
    results: Sequence[Results] = ()
    summary: str = ""
    unsearched: Sequence[tuple[str, str]] = ()
    """Folders there was no time for: title, and the parameters that search them."""
    searched: bool = False
    first: bool = True
    recent: Sequence[Search] = field(default=())
    saved: Search | None = None
    """This search, when it was saved."""
    here: str = ""
    """Parameters of this page."""
    scopes: Sequence[tuple[str, str, bool]] = ()
    """Where the same words may be looked for: title, parameters, whether it is there."""


async def show_results(services: Services, visit: Visit) -> Response:
    """GET /recherche: by the field (`q`), or by the form beside it."""
    typed = _typed(visit)
    query = parse(typed, keywords(visit), visit.language.zone)
    around = await surroundings(services, visit, query=typed)
    box_id = where(visit.query("d")) or _named(around, query.folder)
    recent = await services.store.read(searches.recent, visit.account_id) if visit.preferences.remember_searches else ()
    if query.is_empty or visit.query("guide"):
        page = SearchPage(around, typed, box_id, described(typed), recent=recent)
        return services.pages.answer(visit, "mail/search.html", page)
    before, below = edge(visit.query("avant")), positive(visit.query("sous"))
    viewer = await services.sharing.viewer(visit.principal)
    page_size = visit.preferences.page_size
    found = await find(services, viewer, query, box_id, page_size, before, below, SECONDS)
    first = before is None and not below
    if first and visit.preferences.remember_searches:
        await services.store.write(searches.made, visit.account_id, typed, box_id)
    excerpts = await _excerpts(services, viewer, query, found)
    unsearched = found.unsearched[:MAX_UNSEARCHED]
    around = surroundings_of(visit, found, typed)
    page = SearchPage(
        around,
        typed,
        box_id,
        described(typed),
        [_results(visit, around, typed, box_id, group, query, excerpts) for group in in_order(around, found)],
        _summary(visit, found),
        [(around.folder(box.id).path, query_string(q=typed, d=box.id)) for box in unsearched],
        searched=True,
        first=first,
        recent=recent,
        saved=next((search for search in visit.searches if (search.words, search.mailbox_id) == (typed, box_id)), None),
        here=_here(visit, typed, box_id),
        scopes=_scopes(visit, around, typed, box_id),
    )
    return services.pages.answer(visit, "mail/search.html", page)


def _here(visit: Visit, typed: str, box_id: int) -> str:
    return query_string(q=typed, d=box_id, avant=visit.query("avant"), sous=visit.query("sous"))


def _scopes(visit: Visit, around: MailShell, typed: str, box_id: int) -> list[tuple[str, str, bool]]:
    _ = visit._
    offered = [(0, _("Mes dossiers") if around.shared else _("Tous les dossiers"))]
    if around.shared:
        offered += [(OTHERS, _("Boîtes partagées")), (EVERYWHERE, _("Partout"))]
    if box_id > 0:
        offered.append((box_id, around.folder(box_id).path))
    return [(title, query_string(q=typed, d=scope), scope == box_id) for scope, title in offered]


def where(text: str) -> int:
    """The mailbox or the scope that an address or a form names; 0: one's own folders."""
    scopes = {str(scope): scope for scope in SCOPES}
    return scopes.get(text) or positive(text)


def _typed(visit: Visit) -> str:
    return visit.query("q")[:MAX_QUERY].strip() or compose({name: visit.query(name) for name in FORM})


def _named(around: MailShell, name: str) -> int:
    """The folder a search names, by the title people see or its path."""
    wanted = _folded(name)
    named = (folder for folder in around.all_folders if wanted in (_folded(folder.title), _folded(folder.path)))
    return next((folder.id for folder in named), 0) if wanted else 0


def _folded(name: str) -> str:
    return strip_marks(name).casefold().strip()


def edge(text: str) -> Edge | None:
    """`date.uid`, the key of the last message of the page before."""
    date, _, uid = text.partition(".")
    return Edge(positive(date), positive(uid)) if positive(uid) else None


async def find(
    services: Services,
    viewer: Viewer,
    query: Query,
    box_id: int,
    size: int,
    before: Edge | None,
    below: int,
    seconds: float,
) -> Found:
    """Ask the store, in the threads of what takes long; after some seconds for what there is by then."""
    store, clock = services.store, services.clock
    until = clock.monotonic() + seconds

    def enough() -> bool:
        return clock.monotonic() > until

    if box_id in SCOPES:
        return await store.read_slow(
            viewer.account_id,
            webmail.find,
            viewer,
            SCOPES[box_id],
            query.criterion,
            GROUP_SIZE,
            enough,
            folder=store.blobs,
        )
    return await store.read_slow(
        viewer.account_id,
        webmail.find_in,
        viewer,
        box_id,
        query.criterion,
        size,
        enough,
        folder=store.blobs,
        before=before,
        below=below,
    )


async def _excerpts(services: Services, viewer: Viewer, query: Query, found: Found) -> Mapping[int, str]:
    shown = [line for group in found.groups for line in group.lines]
    if not query.words or not shown:
        return {}
    store = services.store
    return await store.read_slow(
        viewer.account_id, webmail.excerpts, viewer, shown, query.words, AROUND, folder=store.blobs
    )


def surroundings_of(visit: Visit, found: Found, typed: str) -> MailShell:
    """The frame of a page that shows what was found."""
    named = {box.id for box in (*(group.box for group in found.groups), *found.unsearched[:MAX_UNSEARCHED])}
    return surround(visit, found.boxes, query=typed, shared=found.shared, needed=named)


def in_order(around: MailShell, found: Found) -> list[Group]:
    """What was found in each folder, in the order of the folders."""
    order = {folder.id: place for place, folder in enumerate(around.all_folders)}
    groups = [group for group in found.groups if group.box.id in order]
    return sorted(groups, key=lambda group: order[group.box.id])


def _results(
    visit: Visit, around: MailShell, typed: str, box_id: int, group: Group, query: Query, excerpts: Mapping[int, str]
) -> Results:
    folder = around.folder(group.box.id)
    back = "recherche?" + _here(visit, typed, box_id)
    marked = {}
    for line in group.lines:
        people = (line.recipients if folder.outgoing else line.sender) or "—"
        excerpt = excerpts.get(line.id, line.preview)
        marked[line.id] = Marked(
            mark(line.subject, query.words), mark(people, query.words), mark(excerpt, query.words, 2 * AROUND)
        )
    more = further = ""
    if group.older:
        last = group.lines[-1]
        more = query_string(q=typed, d=group.box.id, avant=f"{last.date}.{last.uid}", sous=visit.query("sous"))
    elif group.reached:
        further = query_string(q=typed, d=group.box.id, sous=group.reached)
    view = box_view(visit, around, folder, group.lines, folder.path, back)
    about = query_string(d=folder.id, vue=of_search(back))
    return Results(view, group.total, marked, more, further, about)


def _summary(visit: Visit, found: Found) -> str:
    total = sum(group.total for group in found.groups)
    text = visit.language.texts.ngettext("%(n)s message trouvé", "%(n)s messages trouvés", total)
    return text % {"n": visit.language.number(total)}


# ---------------------------------------------------------------------- searches that are kept


async def keep(services: Services, visit: Visit) -> Response:
    """POST /recherche/garder: save this search beside the folders, or forget one, or all the last ones."""
    form, account = visit.form, visit.account_id
    typed, box_id = form.text("q")[:MAX_QUERY].strip(), where(form.text("d"))
    back = f"{visit.base}/recherche"
    if form.has("oublier"):
        await services.store.write(searches.forget, account, form.number("oublier"))
        return redirect(visit, back, q=typed, d=box_id, **done("recherche-oubliee"))
    if form.has("effacer"):
        await services.store.write(searches.forget_recent, account)
        return redirect(visit, back, **done("recherches-effacees"))
    try:
        await services.store.write(searches.save, account, form.text("nom") or typed[:60], typed, box_id)
    except Refused:
        return redirect(visit, back, q=typed, d=box_id, **done("recherche-refusee"))
    return redirect(visit, back, q=typed, d=box_id, **done("recherche-gardee"))
