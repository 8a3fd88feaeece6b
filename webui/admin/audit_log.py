"""The record of who did what: filtered, taken away as CSV, its chain of seals verified."""

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from starlette.responses import Response, StreamingResponse

from mailserver.administration import audit_access
from mailserver.background.audit_sealing import verify
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Event, Wanted
from mailserver.texts import causes
from webui.admin.access import origin
from webui.admin.console_page import Top, begin_of, day_of, end_of, top
from webui.admin.directory.person import HistoryRow, action_words, row
from webui.admin.spreadsheet import plain_cell
from webui.admin.words.import_reasons import told
from webui.http import headers
from webui.http.forms import positive
from webui.page.context import Services, Visit

PER_PAGE = 100
MAX_ROWS = 100_000
"""Of one file."""
CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Line:
    """A row with whom it is about."""

    row: HistoryRow
    account_id: int
    login: str


@dataclass(frozen=True, slots=True)
class LogPage:
    """Rows that were found."""

    top: Top
    form: dict[str, str]
    actions: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]
    before: int
    unknown: bool
    """Nobody has the identifier that was asked for."""


@dataclass(frozen=True, slots=True)
class VerdictPage:
    """What verifying the chain found."""

    top: Top
    rows: int
    seal: str
    broken_at: int
    why: str
    waiting: bool


async def show_audit_log(services: Services, visit: Visit) -> Response:
    """GET /admin/journal."""
    wanted, unknown = await _wanted(services, visit)
    rows = [] if unknown else await services.store.read(audit.find, wanted, PER_PAGE + 1)
    shown = rows[:PER_PAGE]
    logins = {}
    for account_id in {one.account_id for one in shown if one.account_id}:
        principal = await services.directory.by_account(account_id)
        logins[account_id] = principal.login if principal is not None else f"n° {account_id}"
    lines = tuple(Line(row(visit, one), one.account_id, logins.get(one.account_id, "")) for one in shown)
    page = LogPage(
        top(visit, "journal"),
        {name: visit.query(name) for name in ("compte", "acte", "auteur", "depuis", "jusqua")},
        tuple((action.value, action_words(visit, action)) for action in Action),
        lines,
        shown[-1].id if len(rows) > PER_PAGE else 0,
        unknown,
    )
    return services.pages.answer(visit, "admin/log.html", page)


async def _wanted(services: Services, visit: Visit) -> tuple[Wanted, bool]:
    """What the address asks for; True: of somebody who is unknown."""
    name = visit.query("compte").strip()
    account_id, unknown = None, False
    if name:
        principal = await services.directory.find(name)
        account_id, unknown = (principal.account_id, False) if principal is not None else (None, True)
    known = {action.value for action in Action}
    action = Action(visit.query("acte")) if visit.query("acte") in known else None
    since, until = day_of(visit.query("depuis")), day_of(visit.query("jusqua"))
    return Wanted(
        account_id,
        action,
        visit.query("auteur").strip(),
        begin_of(visit, since) if since else 0,
        end_of(visit, until) if until else 0,
        positive(visit.query("avant")),
    ), unknown


async def export(services: Services, visit: Visit) -> Response:
    """POST /admin/journal/export: what the filters find, as CSV. That it was taken away is on record."""
    wanted, unknown = await _wanted(services, visit)
    await services.store.write(audit_access.record_export, origin(visit))
    fields = headers.page(visit.secure)
    fields["Content-Disposition"] = headers.disposition("attachment", "journal.csv")
    rows = _none() if unknown else _rows(services, visit, wanted)
    return StreamingResponse(rows, headers=fields, media_type="text/csv; charset=utf-8")


async def _none() -> AsyncIterator[bytes]:
    yield _csv([])


async def _rows(services: Services, visit: Visit, wanted: Wanted) -> AsyncIterator[bytes]:
    yield _csv([("id", "at", "actor", "action", "account", "service", "peer", "detail", "code", "parameters")])
    sent = 0
    while sent < MAX_ROWS:
        events = await services.store.read(audit.find, wanted, CHUNK)
        if not events:
            return
        yield _csv([_cells(visit, event) for event in events])
        sent += len(events)
        wanted = replace(wanted, before=events[-1].id)


def _cells(visit: Visit, one: Event) -> tuple[str, ...]:
    """A row with its sentence in the reader's language, and what it is made of, for programs."""
    what = (told(visit, one.detail), one.detail.name, causes.parameters(one.detail)) if one.detail else ("", "", "")
    cells = (
        str(one.id),
        causes.utc(one.at),
        one.actor,
        one.action.value,
        str(one.account_id),
        one.service,
        one.peer,
        *what,
    )
    return tuple(plain_cell(cell) for cell in cells)


def _csv(rows: list[tuple[str, ...]]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()


async def check(services: Services, visit: Visit) -> Response:
    """POST /admin/journal/verifier: every seal is computed again."""
    await services.store.write(audit_access.record_verification, origin(visit))
    end, fault, waiting = await verify(services.settings, services.store)
    page = VerdictPage(
        top(visit, "journal"),
        end.link,
        end.seal.hex(),
        fault.link if fault is not None else 0,
        told(visit, fault.why) if fault is not None else "",
        waiting,
    )
    return services.pages.answer(visit, "admin/log_verdict.html", page)
