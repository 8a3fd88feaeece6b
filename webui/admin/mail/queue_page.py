"""The outgoing queue: how long it is, what waits and for whom; try again, keep, let go, give up, throw away."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.model.address import parse
from mailserver.model.clock import DAY, HOUR
from mailserver.model.errors import BadSyntax
from mailserver.outbound.submission import queue_admin
from mailserver.outbound.submission.queue_admin import Act
from mailserver.store.queue import spool, waiting
from mailserver.store.queue.spool import HELD_UNTIL, Entry, Selection, selecting
from mailserver.store.queue.spool.selecting import Extent
from mailserver.store.queue.waiting import State
from mailserver.store.upkeep import measures
from webui.admin.access import origin
from webui.admin.console_page import Top, done, stamp, top
from webui.admin.mail import queue_charts
from webui.admin.monitoring.drawing import Chart
from webui.admin.words.import_reasons import told
from webui.http.forms import positive
from webui.page.context import Services, Visit
from webui.page.rendering import redirect

PER_PAGE = 100
MAX_CHOSEN = 250
DESTINATIONS = 20
AGES = (HOUR, 4 * HOUR, DAY, 2 * DAY)
UNITS = 40
"""Units of one post: so many rows at once that a page is still answered in seconds."""
ACTS = {
    "relancer": Act.RETRY,
    "retenir": Act.HOLD,
    "liberer": Act.RELEASE,
    "abandonner": Act.EXPIRE,
    "jeter": Act.CANCEL,
}
DANGEROUS = (Act.EXPIRE, Act.CANCEL)
_DONE = {
    Act.RETRY: "relance",
    Act.HOLD: "retenu",
    Act.RELEASE: "libere",
    Act.EXPIRE: "abandonne",
    Act.CANCEL: "jete",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the queue."""

    entry: Entry
    recipients: str
    queued: str
    due: str
    size: str
    answer: str


@dataclass(frozen=True, slots=True)
class Place:
    """What waits for one domain."""

    domain: str
    count: str
    oldest: str
    due: str
    answer: str


@dataclass(frozen=True, slots=True)
class Filter:
    """What of the queue is shown, as the form has it."""

    domain: str = ""
    sender: str = ""
    recipient: str = ""
    age: int = 0

    @property
    def selection(self) -> Selection:
        """The same for the store."""
        return Selection(self.recipient, self.domain, self.sender, self.age)

    @property
    def fields(self) -> dict[str, str]:
        """Of an address or a form that means the same."""
        age = str(self.age) if self.age else ""
        found = {"domaine": self.domain, "expediteur": self.sender, "destinataire": self.recipient, "age": age}
        return {name: text for name, text in found.items() if text}


@dataclass(frozen=True, slots=True)
class QueuePage:
    """A part of the queue."""

    top: Top
    state: State
    name: str
    filter: Filter
    ages: tuple[tuple[int, str], ...]
    extent: Extent | None
    """How much is chosen; None: nothing is."""
    lines: tuple[Line, ...]
    after: int
    places: tuple[Place, ...]
    week: bool
    charts: tuple[Chart, ...]


@dataclass(frozen=True, slots=True)
class DropPage:
    """Before rows are thrown away or given up."""

    top: Top
    verb: str
    """`jeter` or `abandonner`."""
    lines: tuple[Line, ...]
    count: int
    recipients: int
    filter: Filter
    fault: str


async def show_queue(services: Services, visit: Visit, fault: str = "") -> Response:
    """GET /admin/file."""
    store = services.store
    name = visit.query("nom").strip()[:40]
    shown = _filter(visit.query)
    after = 0
    extent = None
    if name:
        named = await store.read(spool.find, name, PER_PAGE + 1, positive(visit.query("apres")))
        entries, after = await store.read(spool.entries, named[:PER_PAGE]), _next(named)
    elif shown.selection.is_narrow:
        start = positive(visit.query("apres"))
        rows = await store.read(selecting.chosen, shown.selection, PER_PAGE + 1, start, busy=True)
        entries, after = await store.read(spool.entries, rows[:PER_PAGE]), _next(rows)
        extent = await store.read_slow(visit.account_id, selecting.extent, shown.selection)
    else:
        entries = await store.read(spool.show, PER_PAGE + 1, positive(visit.query("apres")))
        after = _next([entry.id for entry in entries])
    week = visit.query("duree") == "semaine"
    samples = await store.read(measures.since, (measures.SAMPLE,), queue_charts.begin(visit, week=week))
    page = QueuePage(
        top(visit, "file", fault),
        await store.read_slow(visit.account_id, waiting.state),
        name,
        shown,
        tuple((seconds, _age(visit, seconds)) for seconds in AGES),
        extent,
        tuple(_line(visit, entry) for entry in entries[:PER_PAGE]),
        after,
        tuple(_place(visit, one) for one in await store.read_slow(visit.account_id, waiting.by_domain, DESTINATIONS)),
        week,
        queue_charts.charts(visit, samples, week=week),
    )
    return services.pages.answer(visit, "admin/mail/queue.html", page, 422 if fault else 200)


def _next(rows: Sequence[int]) -> int:
    return rows[PER_PAGE - 1] if len(rows) > PER_PAGE else 0


async def act(services: Services, visit: Visit) -> Response:
    """POST /admin/file: the button says what; giving up and throwing away ask first."""
    form = visit.form
    word, _, confirmed = form.text("faire").partition(":")
    if word == "tout":
        return await _carry_out(services, visit, Act.RETRY, (), Filter())
    what = ACTS.get(word)
    meant = _filter(form.text)
    rows = form.numbers("envoi", MAX_CHOSEN)
    if what is None or not (rows or meant.selection.is_narrow):
        return await show_queue(services, visit, visit._("Cochez au moins un envoi."))
    if what in DANGEROUS:
        return await _ask(services, visit, word, rows, meant, confirmed=confirmed == "oui")
    return await _carry_out(services, visit, what, rows, meant)


async def _carry_out(services: Services, visit: Visit, what: Act, rows: Sequence[int], meant: Filter) -> Response:
    """The act on rows that are ticked, or on all that the filter means."""
    store = services.store
    if rows:
        unit = {
            Act.RETRY: queue_admin.retry,
            Act.HOLD: queue_admin.hold,
            Act.RELEASE: queue_admin.release,
            Act.EXPIRE: queue_admin.expire,
            Act.CANCEL: queue_admin.drop,
        }[what]
        count = await store.write(unit, origin(visit), rows)
    else:
        count = last = 0
        for _unit in range(UNITS):
            some, last = await store.write(queue_admin.act_on, origin(visit), what, meant.selection, last)
            count += some
            if not last:
                break
    return redirect(visit, "/admin/file", **done(_DONE[what], count))


async def _ask(
    services: Services, visit: Visit, word: str, rows: Sequence[int], meant: Filter, *, confirmed: bool
) -> Response:
    """The page that shows how many and asks to type it; then the act."""
    what = ACTS[word]
    if rows:
        entries = await services.store.read(spool.entries, rows)
        count, recipients = len(entries), sum(len(entry.recipients) for entry in entries)
        meant = Filter()
    else:
        found = await services.store.read(selecting.extent, queue_admin.meant(what, meant.selection))
        some = await services.store.read(selecting.chosen, meant.selection, PER_PAGE)
        entries, count, recipients = await services.store.read(spool.entries, some), found.rows, found.recipients
    fault = ""
    if confirmed:
        if visit.form.text("nombre").strip() == str(count) and count:
            return await _carry_out(services, visit, what, [entry.id for entry in entries] if rows else [], meant)
        fault = visit._("Ce n’est pas ce nombre. Rien n’a été changé.")
    lines = tuple(_line(visit, entry) for entry in entries)
    page = DropPage(top(visit, "file"), word, lines, count, recipients, meant, fault)
    return services.pages.answer(visit, "admin/mail/queue_drop.html", page, 422 if fault else 200)


def _filter(text: Callable[[str], str]) -> Filter:
    """What is asked for; a domain that is none finds nothing."""
    domain = text("domaine").strip()[:255]
    if domain:
        try:
            domain = parse(f"x@{domain}").domain
        except BadSyntax:
            domain = domain.lower()
    age = positive(text("age"))
    return Filter(
        domain,
        text("expediteur").strip()[:320],
        text("destinataire").strip()[:320],
        age if age in AGES else 0,
    )


def _age(visit: Visit, seconds: int) -> str:
    ngettext = visit.language.texts.ngettext
    if seconds % DAY:
        return ngettext("plus de %(n)s heure", "plus de %(n)s heures", seconds // HOUR) % {"n": seconds // HOUR}
    return ngettext("plus de %(n)s jour", "plus de %(n)s jours", seconds // DAY) % {"n": seconds // DAY}


def _place(visit: Visit, one: waiting.Destination) -> Place:
    due = visit._("retenu") if one.due >= HELD_UNTIL else stamp(visit, one.due)
    number = visit.language.number(one.rows)
    return Place(one.domain, number, stamp(visit, one.oldest), due, told(visit, one.error))


def _line(visit: Visit, entry: Entry) -> Line:
    _ = visit._
    if entry.error.name == spool.HELD.name:
        due = _("retenu")
    elif entry.error.name == spool.BRAKED.name:
        due = _("retenu par le frein")
    elif entry.sending:
        due = _("en cours d’envoi")
    else:
        due = stamp(visit, entry.due)
    shown = ", ".join(entry.recipients[:5]) + (" …" if len(entry.recipients) > 5 else "")
    kept = entry.error.name in (spool.HELD.name, spool.BRAKED.name)
    return Line(
        entry,
        shown,
        stamp(visit, entry.created),
        due,
        visit.language.size(entry.size),
        "" if kept else told(visit, entry.error),
    )
