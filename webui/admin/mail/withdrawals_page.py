"""Messages that were taken back from every mailbox: what an act would do, its beginning, its undoing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from starlette.responses import Response

from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.likeness import Likeness
from mailserver.outbound.withdrawal.service import Preview
from mailserver.store.withdrawal import finding, reports, rows
from mailserver.store.withdrawal.rows import REFUSED_DAYS, State, Withdrawal
from webui.admin.access import origin
from webui.admin.console_page import Top, done, sender_proof, stamp, top
from webui.http.forms import positive
from webui.page.context import Services, Visit
from webui.page.rendering import redirect
from webui.page.words import plain

PATH = "/admin/retraits"
NEW = f"{PATH}/nouveau"
PER_PAGE = 50
REFUSED_BY_DEFAULT = 7
ALIKE = "campagne"
MAX_ID = 1000


@dataclass(frozen=True, slots=True)
class Line:
    """One act."""

    id: int
    at: str
    actor: str
    sender: str
    subject: str
    scope: str
    state: str
    taken: int
    refused: int
    refused_until: str
    """Empty: further copies come in."""
    until: str
    undoable: bool


@dataclass(frozen=True, slots=True)
class WithdrawalsPage:
    """A part of the acts, the newest first; `asked`: the one that somebody wants to undo."""

    top: Top
    lines: tuple[Line, ...]
    before: int
    asked: Line | None = None
    refusing: int = 0


@dataclass(frozen=True, slots=True)
class SampleLine:
    """One of the messages that are meant."""

    sender: str
    subject: str
    sent: str
    accounts: int
    proof: str
    """What was found out about who sent it."""


@dataclass(frozen=True, slots=True)
class VariantLine:
    """One of the messages that were sent under the Message-ID."""

    message: int
    sender: str
    subject: str
    proof: str


@dataclass(frozen=True, slots=True)
class NewPage:
    """What an act would do, before it is done."""

    top: Top
    query: str
    """The Message-ID that was looked for."""
    message: int = 0
    campaign: str = ""
    report: int = 0
    alike: bool = False
    messages: int = 0
    accounts: int = 0
    removed: int = 0
    """Those that their readers have removed and could still bring back."""
    kept: int = 0
    """What lists have of it: in archives, for digests, for their owners."""
    samples: tuple[SampleLine, ...] = ()
    days: tuple[tuple[str, str], ...] = ()
    chosen: str = ""
    fault: str = ""
    variants: tuple[VariantLine, ...] = ()
    """One of these is to be chosen."""
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """Which message a page is about: one that was reported, or one of a Message-ID that was typed."""

    campaign: str
    report: int
    query: str
    message: int
    alike: bool


async def show_withdrawals(services: Services, visit: Visit, asked: Line | None = None, fault: str = "") -> Response:
    """GET /admin/retraits."""
    found = await services.store.read(rows.listing, positive(visit.query("avant")), PER_PAGE + 1)
    before = found[PER_PAGE - 1].id if len(found) > PER_PAGE else 0
    lines = tuple(_line(visit, one) for one in found[:PER_PAGE])
    refusing = len(await services.store.read(rows.refusing))
    page = WithdrawalsPage(top(visit, "retraits", fault), lines, before, asked, refusing)
    return services.pages.answer(visit, "admin/mail/withdrawals.html", page, 422 if fault else 200)


async def act(services: Services, visit: Visit) -> Response:
    """POST /admin/retraits: undo an act, which asks first, or let further copies in. Raises Refused(NOT_FOUND)."""
    number = positive(visit.form.text("retrait"))
    what, _, confirmed = visit.form.text("faire").partition("-")
    try:
        if what == "admettre":
            await services.store.write(rows.stop_refusing, origin(visit), number)
            return redirect(visit, PATH, **done("copies-admises"))
        found = await services.store.read(rows.get, number)
        if confirmed and visit.form.text("nombre").strip() == str(found.taken):
            await services.withdrawals.undo(number, origin(visit))
            return redirect(visit, PATH, **done("retrait-annule"))
    except Refused as refusal:
        if refusal.reason is not Reason.CONFLICT:
            raise
        return await show_withdrawals(services, visit, fault=visit._("Ce n’est plus possible. Rien n’a été changé."))
    fault = visit._("Ce n’est pas ce nombre. Rien n’a été fait.") if confirmed else ""
    return await show_withdrawals(services, visit, _line(visit, found), fault)


async def ask(services: Services, visit: Visit) -> Response:
    """GET /admin/retraits/nouveau: of a report, or a Message-ID. Raises Refused(NOT_FOUND)."""
    asked = _asked(visit.query)
    if not asked.campaign:
        found = await services.withdrawals.variants(visit.account_id, asked.query) if asked.query else []
        if len(found) == 1:
            asked = replace(asked, message=found[0][0])
        if asked.message not in [content_id for content_id, _ in found]:
            return _to_choose(services, visit, asked, found)
    asked, preview = await _preview(services, asked)
    if not asked.campaign:
        await services.withdrawals.shown(preview, origin(visit))
    return services.pages.answer(visit, "admin/mail/withdrawal_new.html", _new(visit, preview, asked))


def _asked(field: Callable[[str], str]) -> Asked:
    numbers = positive(field("r")), positive(field("message"))
    return Asked(field("c"), numbers[0], field("id").strip()[:MAX_ID], numbers[1], field("portee") == ALIKE)


def _to_choose(services: Services, visit: Visit, asked: Asked, found: Sequence[tuple[int, Likeness]]) -> Response:
    """Nothing by this Message-ID, or more than one message."""
    fault = visit._("Aucun message enregistré ne porte cet identifiant.") if asked.query and not found else ""
    variants = tuple(
        VariantLine(
            content_id,
            plain.line(one.facts.sender, 100),
            plain.line(one.facts.subject, 120),
            sender_proof(visit, one.came),
        )
        for content_id, one in found
    )
    page = NewPage(top(visit, "retraits"), asked.query, alike=asked.alike, fault=fault, variants=variants)
    return services.pages.answer(visit, "admin/mail/withdrawal_new.html", page, 422 if fault else 200)


async def begin(services: Services, visit: Visit) -> Response:
    """POST /admin/retraits/nouveau: begin, once the number that was shown is typed. Raises Refused(NOT_FOUND)."""
    form = visit.form
    asked = _asked(form.text)
    if not asked.campaign:
        found = await services.withdrawals.variants(visit.account_id, asked.query)
        if asked.message not in [content_id for content_id, _ in found]:
            raise Refused(Reason.NOT_FOUND, "No such message")
    asked, preview = await _preview(services, asked)
    shown, days, fault = form.text("vus").strip(), form.text("jours"), ""
    if days not in map(str, REFUSED_DAYS):
        fault = visit._("Choisissez pendant combien de temps les nouvelles copies sont refusées. Rien n’a été fait.")
    elif not shown or form.text("nombre").strip() != shown:
        fault = visit._("Ce n’est pas ce nombre. Rien n’a été fait.")
    if fault:
        page = _new(visit, preview, asked, days, fault)
        return services.pages.answer(visit, "admin/mail/withdrawal_new.html", page, 422)
    # While a wave comes in there are more from one second to the next: what was shown is what was agreed to.
    await services.withdrawals.begin(preview, int(days), origin(visit))
    return redirect(visit, PATH, **done("retrait"))


async def _preview(services: Services, asked: Asked) -> tuple[Asked, Preview]:
    """What is asked about, its report named: a newer one of the campaign may be of another message."""
    if not asked.campaign:
        return asked, await services.withdrawals.preview(asked.message, alike=asked.alike)
    key = reports.key(asked.campaign)
    if asked.report:
        one = await services.store.read(reports.get, key, asked.report)
    else:
        one = (await services.store.read(reports.campaign, key))[0].newest
    preview = await services.withdrawals.preview(one.content_id, alike=asked.alike, likeness=one.likeness)
    return replace(asked, report=one.id), preview


def _new(
    visit: Visit, preview: Preview, asked: Asked, chosen: str = str(REFUSED_BY_DEFAULT), fault: str = ""
) -> NewPage:
    return NewPage(
        top(visit, "retraits"),
        asked.query,
        0 if asked.campaign else preview.content_id,
        asked.campaign,
        asked.report,
        preview.likeness.alike,
        preview.reached.messages,
        preview.reached.accounts,
        preview.reached.removed,
        preview.reached.kept,
        tuple(_sample(visit, one) for one in preview.samples),
        tuple(_choices(visit, REFUSED_DAYS)),
        chosen,
        fault,
        complete=preview.complete,
    )


def _choices(visit: Visit, days: Sequence[int]) -> list[tuple[str, str]]:
    said = visit.language.texts.ngettext
    return [
        (str(one), said("%(n)s jour", "%(n)s jours", one) % {"n": one} if one else visit._("pas du tout"))
        for one in days
    ]


def _sample(visit: Visit, one: finding.Sample) -> SampleLine:
    return SampleLine(
        plain.line(one.sender, 100),
        plain.line(one.subject, 120),
        stamp(visit, one.sent_at),
        one.accounts,
        sender_proof(visit, one.came),
    )


def _line(visit: Visit, one: Withdrawal) -> Line:
    facts, now = one.likeness.facts, int(visit.now)
    undoable = one.can_be_undone(now)
    return Line(
        one.id,
        stamp(visit, one.at),
        one.actor,
        plain.line(facts.sender, 100),
        plain.line(facts.subject, 120),
        visit._("toute la campagne") if one.likeness.alike else visit._("le même message"),
        _state_words(visit, one),
        one.taken,
        one.refused,
        stamp(visit, one.refused_until) if one.refuses(now) else "",
        stamp(visit, one.expires) if undoable else "",
        undoable,
    )


def _state_words(visit: Visit, one: Withdrawal) -> str:
    _ = visit._
    words = {
        State.TAKING: _("retiré") if one.swept else _("en cours"),
        State.TAKEN: _("retiré"),
        State.RESTORING: _("retour en cours"),
        State.RESTORED: _("revenu dans les boîtes"),
        State.ENDED: _("retiré pour de bon"),
    }
    return words[one.state]
