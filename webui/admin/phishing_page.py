"""What people reported as phishing, by campaign: who reported it, what our doors found out about its sender, what was
decided."""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.withdrawal import reports
from mailserver.store.withdrawal.reports import Campaign, Report, State
from webui.admin.access import origin
from webui.admin.console_page import Top, done, stamp, top
from webui.http.forms import positive
from webui.page import plain
from webui.page.context import Services, Visit
from webui.page.rendering import redirect

PATH = "/admin/signalements"
CAMPAIGN = f"{PATH}/campagne"
PER_PAGE = 50
NAMED = 20
"""Reporters who are named."""
DECIDED = "decides"


@dataclass(frozen=True, slots=True)
class Line:
    """A campaign in the list."""

    key: str
    sender: str
    subject: str
    people: int
    count: int
    first: str
    last: str
    authentication: str
    state: str


@dataclass(frozen=True, slots=True)
class CampaignsPage:
    """A part of the campaigns: those that wait for a decision, or the others."""

    top: Top
    lines: tuple[Line, ...]
    decided: bool
    before: int


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who reported a message, and when."""

    account_id: int
    name: str
    at: str
    state: str


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the message went, or all of its campaign."""

    messages: int
    accounts: int


@dataclass(frozen=True, slots=True)
class CampaignPage:
    """One campaign."""

    top: Top
    line: Line
    message_id: str
    same: Reach
    alike: Reach | None
    """None: a message without an author or a subject has no campaign."""
    reporters: tuple[Reporter, ...]
    more: int
    waiting: int


async def show_campaigns(services: Services, visit: Visit) -> Response:
    """GET /admin/signalements."""
    decided = visit.query("etat") == DECIDED
    found = await services.store.read(
        reports.campaigns, decided=decided, before=positive(visit.query("avant")), limit=PER_PAGE + 1
    )
    before = found[PER_PAGE - 1].newest.id if len(found) > PER_PAGE else 0
    lines = tuple(_line(visit, one) for one in found[:PER_PAGE])
    page = CampaignsPage(top(visit, "signalements"), lines, decided, before)
    return services.pages.answer(visit, "admin/phishing.html", page)


async def show_campaign(services: Services, visit: Visit) -> Response:
    """GET /admin/signalements/campagne?c=…. Raises Refused(NOT_FOUND)."""
    found, each = await services.store.read(reports.campaign, reports.key(visit.query("c")))
    newest = found.newest
    same = await services.withdrawals.preview(newest.content_id, alike=False, likeness=newest.likeness)
    alike = None
    if newest.likeness.facts.campaign:
        wide = await services.withdrawals.preview(newest.content_id, alike=True, likeness=newest.likeness)
        alike = Reach(wide.reached.messages, wide.reached.accounts)
    page = CampaignPage(
        top(visit, "signalements"),
        _line(visit, found),
        plain.line(newest.likeness.facts.message_id, 200),
        Reach(same.reached.messages, same.reached.accounts),
        alike,
        tuple([await _reporter(services, visit, one) for one in each[:NAMED]]),
        max(0, found.count - NAMED),
        found.new,
    )
    return services.pages.answer(visit, "admin/phishing_campaign.html", page)


async def act(services: Services, visit: Visit) -> Response:
    """POST /admin/signalements: nothing is wrong with a campaign. Raises Refused(NOT_FOUND)."""
    count = await services.store.write(reports.dismiss, origin(visit), reports.key(visit.form.text("c")))
    return redirect(visit, PATH, **done("signalements-classes", count))


async def _reporter(services: Services, visit: Visit, one: Report) -> Reporter:
    principal = await services.directory.by_account(one.account_id)
    name = principal.name if principal is not None else "–"
    return Reporter(one.account_id, name, stamp(visit, one.at), _state_words(visit, one.state))


def _line(visit: Visit, one: Campaign) -> Line:
    facts = one.newest.likeness.facts
    return Line(
        one.key.hex(),
        plain.line(facts.sender, 100),
        plain.line(facts.subject, 120),
        one.people,
        one.count,
        stamp(visit, one.first),
        stamp(visit, one.last),
        _authentication(visit, one.newest.provenance),
        _state_words(visit, State.NEW if one.new else one.newest.state),
    )


def _authentication(visit: Visit, came: Provenance) -> str:
    """What was found out about who sent it: names of protocols and their results stand in every language."""
    if came.door in (Door.SUBMISSION, Door.RESENT):
        return visit._("envoyé par un compte d’ici")
    if not came.results.checked:
        return visit._("pas vérifié")
    results = came.results
    said = (("SPF", results.spf), ("DKIM", results.dkim), ("DMARC", results.dmarc))
    return ", ".join(f"{name} {outcome.name.lower().replace('_', ' ')}" for name, outcome in said)


def _state_words(visit: Visit, state: State) -> str:
    _ = visit._
    words = {State.NEW: _("à décider"), State.WITHDRAWN: _("retiré"), State.DISMISSED: _("sans danger")}
    return words[state]
