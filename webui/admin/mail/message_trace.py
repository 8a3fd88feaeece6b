"""What became of messages: found by sender, recipient, identifier or Message-ID within some days. Envelopes only."""

import datetime
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.administration import audit_access
from mailserver.store.queue import spool, traces
from mailserver.store.queue.spool import Entry
from mailserver.store.queue.traces import Step, Traced, Wanted
from webui.admin.access import origin
from webui.admin.console_page import Top, begin_of, day_of, end_of, stamp, top
from webui.admin.words.import_reasons import told
from webui.http.forms import positive
from webui.page.context import Services, Visit

PER_PAGE = 100
MAX_MESSAGE_ID = 1000


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
class Waiting:
    """A row of the queue that a message still has."""

    recipients: str
    due: str
    answer: str


@dataclass(frozen=True, slots=True)
class TracePage:
    """The form, and what was found."""

    top: Top
    sender: str
    recipient: str
    name: str
    message_id: str
    since: str
    until: str
    days: int
    asked: bool
    lines: tuple[Line, ...]
    waiting: tuple[Waiting, ...]
    next_at: int
    next_id: int


async def show_traces(services: Services, visit: Visit) -> Response:
    """GET /admin/suivi. That somebody looked is on record."""
    asked = any(visit.query(name) for name in ("de", "a", "nom", "mid", "chercher"))
    days = services.settings.audit.trace_days
    wanted, since, until = _wanted(visit, days)
    found, waiting = traces.Found(()), list[Entry]()
    if asked:
        before = (positive(visit.query("moment")), positive(visit.query("rang")))
        # Each page of what was found: whoever begins with the second has looked, too.
        await services.store.write(audit_access.record_search, origin(visit), wanted)
        # A look goes through a million messages: nobody else's page waits for it.
        found = await services.store.read_slow(visit.principal.account_id, traces.find, wanted, PER_PAGE, before)
    if wanted.name:
        rows = await services.store.read(spool.find, wanted.name, PER_PAGE)
        waiting = await services.store.read(spool.entries, rows)
    page = TracePage(
        top(visit, "suivi"),
        wanted.sender,
        wanted.recipient,
        wanted.name,
        wanted.message_id,
        since.isoformat(),
        until.isoformat(),
        days,
        asked,
        # The way of one message is read from its beginning.
        tuple(_line(visit, row) for row in (reversed(found.rows) if wanted.name else found.rows)),
        tuple(_waiting(visit, entry) for entry in waiting),
        found.at,
        found.id,
    )
    return services.pages.answer(visit, "admin/mail/trace.html", page)


def _wanted(visit: Visit, days: int) -> tuple[Wanted, datetime.date, datetime.date]:
    """What is asked for; of one message all that is kept, unless days are named."""
    name, message_id = visit.query("nom").strip()[:32], visit.query("mid").strip()[:MAX_MESSAGE_ID]
    today = visit.language.day(visit.now)
    back = days if name or message_id else 1
    since = day_of(visit.query("depuis")) or today - datetime.timedelta(days=back)
    until = day_of(visit.query("jusqua")) or today
    sender, recipient = visit.query("de").strip()[:320], visit.query("a").strip()[:320]
    span = begin_of(visit, since), end_of(visit, until)
    return Wanted(*span, sender, recipient, name, message_id), since, until


def _waiting(visit: Visit, entry: Entry) -> Waiting:
    _ = visit._
    is_kept = entry.error.name in (spool.HELD.name, spool.BRAKED.name)
    due = _("retenu") if is_kept else _("en cours d’envoi") if entry.sending else stamp(visit, entry.due)
    shown = ", ".join(entry.recipients[:5]) + (" …" if len(entry.recipients) > 5 else "")
    return Waiting(shown, due, told(visit, entry.error))


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
