"""What became of messages: found by sender, recipient or identifier within some days. Envelopes only."""

import datetime
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.administration import audit_access
from mailserver.model.clock import DAY
from mailserver.store.queue import traces
from mailserver.store.queue.traces import Step, Traced, Wanted
from webui.admin.access import origin
from webui.admin.console_page import Top, begin_of, day_of, stamp, top
from webui.admin.words.import_reasons import told
from webui.http.forms import positive
from webui.page.context import Services, Visit

PER_PAGE = 100


@dataclass(frozen=True, slots=True)
class Line:
    """A step of a message."""

    traced: Traced
    at: str
    step: str
    recipients: str
    size: str
    answer: str


@dataclass(frozen=True, slots=True)
class TracePage:
    """The form, and what was found."""

    top: Top
    sender: str
    recipient: str
    name: str
    since: str
    until: str
    days: int
    asked: bool
    lines: tuple[Line, ...]
    next_at: int
    next_id: int


async def show_traces(services: Services, visit: Visit) -> Response:
    """GET /admin/suivi. That somebody looked is on record."""
    asked = any(visit.query(name) for name in ("de", "a", "nom", "chercher"))
    today = visit.language.day(visit.now)
    since = day_of(visit.query("depuis")) or today - datetime.timedelta(days=1)
    until = day_of(visit.query("jusqua")) or today
    wanted = Wanted(
        begin_of(visit, since),
        begin_of(visit, until) + DAY,
        visit.query("de").strip()[:320],
        visit.query("a").strip()[:320],
        visit.query("nom").strip()[:32],
    )
    found = traces.Found(())
    if asked:
        before = (positive(visit.query("moment")), positive(visit.query("rang")))
        if before == (0, 0):
            await services.store.write(audit_access.record_search, origin(visit), wanted)
        found = await services.store.read(traces.find, wanted, PER_PAGE, before)
    page = TracePage(
        top(visit, "suivi"),
        wanted.sender,
        wanted.recipient,
        wanted.name,
        since.isoformat(),
        until.isoformat(),
        services.settings.audit.trace_days,
        asked,
        tuple(_line(visit, row) for row in found.rows),
        found.at,
        found.id,
    )
    return services.pages.answer(visit, "admin/trace.html", page)


def _line(visit: Visit, one: Traced) -> Line:
    _ = visit._
    step = {
        Step.RECEIVED: _("Reçu et déposé"),
        Step.SUBMITTED: _("Envoyé"),
        Step.HELD: _("Retenu"),
        Step.DROPPED: _("Non envoyé"),
        Step.SENT: _("Remis ailleurs"),
        Step.DEFERRED: _("Différé"),
        Step.FAILED: _("En échec"),
        Step.FILTERED: _("Filtré"),
        Step.REFUSED: _("Refusé : message retiré"),
    }[one.step]
    named = ", ".join(one.recipients[:5])
    left = one.count - min(5, len(one.recipients))
    if left > 0:
        named += " " + visit.language.texts.ngettext("et %(n)s autre", "et %(n)s autres", left) % {"n": left}
    size = visit.language.size(one.size) if one.size else "–"
    return Line(one, stamp(visit, one.at), step, named, size, told(visit, one.detail))
