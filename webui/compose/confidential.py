"""What a letter gives away to the outside: the question before it leaves, and what mail programs sent and waits for the
yes of its author."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.model.errors import Reason, Refused
from mailserver.notices.mail.outgoing import KINDS
from mailserver.policy.dlp.detectors import Finding
from mailserver.store.queue.held import unconfirmed
from mailserver.store.queue.held.unconfirmed import Unconfirmed
from webui.compose.addressing.send_checks import Doubt, Doubts
from webui.compose.refusals import refused
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings
from webui.page.words import plain
from webui.page.words.became import after

MAX_RECIPIENTS = 20
"""That the page names of one letter."""


@dataclass(frozen=True, slots=True)
class Line:
    """A letter that waits."""

    letter: Unconfirmed
    subject: str
    recipients: str
    what: Sequence[str]
    until: str


@dataclass(frozen=True, slots=True)
class UnconfirmedPage:
    """All of them, or one."""

    frame: MailShell
    lines: Sequence[Line]
    found: Sequence[str] = ()
    """Of the one: what it gives away, masked, and where."""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Private(Doubts):
    """What is to be asked about what a letter gives away."""

    kinds: tuple[str, ...] = ()
    unread: int = 0
    """Documents that nobody could look into."""
    leaves: bool = False
    """Somebody outside gets it: otherwise nobody looked."""

    @property
    def codes(self) -> str:
        """Those of all its questions, as a form has them."""
        return ",".join(one.code for one in self.those)


async def question(services: Services, visit: Visit, recipients: Sequence[str], octets: bytes) -> Private:
    """What is to be asked about a letter to these. Raises Refused, Temporary."""
    route = await services.submission.routing.route(visit.principal, recipients)
    looked = await services.submission.confirmation.findings(visit.principal, route, octets)
    doubts = tuple(Doubt(_code(one), sentence(visit, one), "texte") for one in looked.found)
    return Private(doubts, kinds=looked.kinds, unread=len(looked.unread), leaves=looked.leaves)


def _code(finding: Finding) -> str:
    """By which the form says that this was asked: another number is another question."""
    said = f"{finding.kind}\n{finding.value}\n{finding.where}"
    return f"private {hashlib.sha256(said.encode()).hexdigest()[:16]}"


def sentence(visit: Visit, finding: Finding) -> str:
    """What was found, masked, and where."""
    _ = visit._
    values = {
        "what": KINDS[finding.kind].to(visit.language.code),
        "masked": finding.masked,
        "file": plain.line(finding.where, 100),
    }
    if finding.where:
        return (
            _("Le fichier « %(file)s » contient %(what)s : %(masked)s. Il part à l’extérieur de l’académie.") % values
        )
    return _("Votre message contient %(what)s : %(masked)s. Il part à l’extérieur de l’académie.") % values


async def show_all(services: Services, visit: Visit) -> Response:
    """GET /envois/a-confirmer."""
    waiting = await services.store.read(unconfirmed.listing, visit.account_id)
    return await _page(services, visit, waiting)


async def show(services: Services, visit: Visit) -> Response:
    """GET /envois/a-confirmer/{number}: one of them, with what it gives away."""
    return await _one(services, visit, await services.waiting.unconfirmed.get(visit.principal, _number(visit)))


async def decide(services: Services, visit: Visit) -> Response:
    """POST /envois/a-confirmer/{number}: it leaves (`envoyer`), or it does not (`renoncer`)."""
    number, wanted = _number(visit), visit.form.text("faire")
    try:
        if wanted == "envoyer":
            outcome = await services.waiting.unconfirmed.send(visit.principal, number, visit.origin)
            return after(visit, outcome)
        if wanted == "renoncer":
            await services.waiting.unconfirmed.drop(visit.principal, number, visit.origin)
            return redirect(visit, f"{visit.base}/envois/a-confirmer", **done("renonce"))
        return await show(services, visit)
    except Refused as refusal:
        if refusal.reason is Reason.NOT_FOUND:
            return redirect(visit, f"{visit.base}/envois/a-confirmer", **done("n-attend-plus"))
        one = await services.waiting.unconfirmed.get(visit.principal, number)
        return await _one(services, visit, one, refused(visit, refusal))


async def _one(services: Services, visit: Visit, one: Unconfirmed, fault: str = "") -> Response:
    looked = await services.waiting.unconfirmed.findings(visit.principal, one)
    said = [sentence(visit, each) for each in looked.found]
    nameless = visit._("(sans nom)")
    unread = visit._("Le fichier « %(file)s » n’a pas pu être lu.")
    said += [unread % {"file": name or nameless} for name in looked.unread]
    return await _page(services, visit, [one], said, fault)


async def _page(
    services: Services, visit: Visit, waiting: Sequence[Unconfirmed], found: Sequence[str] = (), fault: str = ""
) -> Response:
    lines = [_line(visit, one) for one in waiting]
    page = UnconfirmedPage(await surroundings(services, visit), lines, found, fault)
    return services.pages.answer(visit, "compose/unconfirmed.html", page, 422 if fault else 200)


def _line(visit: Visit, one: Unconfirmed) -> Line:
    named = ", ".join(one.addresses[:MAX_RECIPIENTS]) + (", …" if len(one.addresses) > MAX_RECIPIENTS else "")
    what = [KINDS[kind].to(visit.language.code) for kind in one.sent.kinds if kind in KINDS]
    return Line(one, plain.line(one.subject, 200), named, what, visit.language.long_date(one.sent.expires))


def _number(visit: Visit) -> int:
    return int(visit.request.path_params["number"])
