"""What people reported as phishing, by campaign: who reported it, what our doors found out about its sender, what was
decided."""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver.store.withdrawal import reports
from mailserver.store.withdrawal.reports import Campaign, Report, State, Variant
from webui.admin.access import origin
from webui.admin.console_page import Top, done, sender_proof, stamp, top
from webui.http.forms import positive
from webui.page.context import Services, Visit
from webui.page.rendering import redirect
from webui.page.words import plain

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
class VariantLine:
    """One of the different messages of a campaign."""

    report: int
    message_id: str
    last: str
    count: int
    state: str


@dataclass(frozen=True, slots=True)
class CampaignPage:
    """One campaign."""

    top: Top
    line: Line
    report: int
    """The newest, which the first way to take it back is about."""
    message_id: str
    same: Reach
    alike: Reach | None
    """None: a message without an author or a subject has no campaign."""
    variants: tuple[VariantLine, ...]
    """The different messages of the campaign; each is taken back by itself."""
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
    return services.pages.answer(visit, "admin/mail/phishing.html", page)


async def show_campaign(services: Services, visit: Visit) -> Response:
    """GET /admin/signalements/campagne?c=…. Raises Refused(NOT_FOUND)."""
    found, each = await services.store.read(reports.campaign, reports.key(visit.query("c")))
    newest = found.newest
    reach = await services.withdrawals.preview(newest.content_id, alike=True, likeness=newest.likeness)
    variants = await services.store.read(reports.variants, found.key)
    page = CampaignPage(
        top(visit, "signalements"),
        _line(visit, found),
        newest.id,
        plain.line(newest.likeness.facts.message_id, 200),
        Reach(reach.same.messages, reach.same.accounts),
        Reach(reach.reached.messages, reach.reached.accounts) if newest.likeness.facts.campaign else None,
        tuple(_variant(visit, one) for one in variants),
        tuple([await _reporter(services, visit, one) for one in each[:NAMED]]),
        max(0, found.count - NAMED),
        found.new,
    )
    return services.pages.answer(visit, "admin/mail/phishing_campaign.html", page)


async def act(services: Services, visit: Visit) -> Response:
    """POST /admin/signalements: nothing is wrong with a campaign. Raises Refused(NOT_FOUND)."""
    count = await services.store.write(reports.dismiss, origin(visit), reports.key(visit.form.text("c")))
    return redirect(visit, PATH, **done("signalements-classes", count))


async def _reporter(services: Services, visit: Visit, one: Report) -> Reporter:
    principal = await services.directory.by_account(one.account_id)
    name = principal.name if principal is not None else "–"
    return Reporter(one.account_id, name, stamp(visit, one.at), _state_words(visit, one.state))


def _variant(visit: Visit, one: Variant) -> VariantLine:
    newest = one.newest
    said = plain.line(newest.likeness.facts.message_id, 100)
    return VariantLine(newest.id, said, stamp(visit, newest.at), one.count, _state_words(visit, newest.state))


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
        sender_proof(visit, one.newest.likeness.came),
        _state_words(visit, State.NEW if one.new else one.newest.state),
    )


def _state_words(visit: Visit, state: State) -> str:
    _ = visit._
    words = {State.NEW: _("à décider"), State.WITHDRAWN: _("retiré"), State.DISMISSED: _("sans danger")}
    return words[state]
