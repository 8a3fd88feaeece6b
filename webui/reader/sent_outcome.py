"""What became of a message that the reader sent, for each of those they wrote to."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.model.clock import DAY
from mailserver.model.messages.provenance import Door
from mailserver.outbound.submission import outcomes
from mailserver.outbound.submission.outcomes import Fate, Fates, State
from mailserver.store.web.webmail import Stored
from mailserver.texts import delivery_reasons
from webui.page.context import Services, Visit
from webui.page.shell.mail_shell import SENT
from webui.page.words import plain

SHOWN = 50
MAX_WORDS = 500
"""Characters of another server's answer that are shown."""
_ARRIVED = (State.DELIVERED, State.LISTED)
_WAITS = (State.QUEUED, State.DEFERRED, State.HELD, State.OWNERS)


@dataclass(frozen=True, slots=True)
class Line:
    """One recipient."""

    address: str
    text: str
    words: str
    """What the other server said, as it said it."""
    server: str
    failed: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is told."""

    summary: str
    lines: tuple[Line, ...]
    more: int
    """Recipients of whom nothing more is on record."""
    alarming: bool
    """Somebody does not get it."""


async def of(services: Services, visit: Visit, found: Stored) -> Outcome | None:
    """What to say below a message that its reader sent; None: nothing."""
    kept = found.provenance.door is Door.KEPT and found.provenance.account_id == visit.account_id
    if not kept and found.box.special_use != SENT:
        return None
    domains = frozenset(domain.lower() for domain in services.settings.domains)
    fates = await services.store.read(outcomes.of, visit.account_id, found.message_id, domains)
    if fates is not None:
        return _told(visit, fates)
    days = services.settings.audit.trace_days
    if not kept or visit.now - found.date < days * DAY:
        return None
    text = visit._("Ce qu’il est devenu n’est plus connu : c’est gardé %(n)s jours.") % {"n": days}
    return Outcome(text, (), 0, alarming=False)


def _told(visit: Visit, fates: Fates) -> Outcome:
    lines = tuple(_line(visit, fate) for fate in sorted(fates.known, key=_urgency)[:SHOWN])
    more = fates.more + max(0, len(fates.known) - SHOWN)
    failed = any(fate.state in (State.FAILED, State.DROPPED) for fate in fates.known)
    return Outcome(_summary(visit, fates.known), lines, more, alarming=failed)


def _urgency(fate: Fate) -> int:
    """What asks something of the reader stands first."""
    return 0 if fate.state in (State.FAILED, State.DROPPED) else 1 if fate.state in _WAITS else 2


def _summary(visit: Visit, known: Sequence[Fate]) -> str:
    ngettext = visit.language.texts.ngettext
    arrived = sum(fate.state in _ARRIVED for fate in known)
    waits = sum(fate.state in _WAITS for fate in known)
    failed = sum(fate.state in (State.FAILED, State.DROPPED) for fate in known)
    parts = []
    if failed:
        parts.append(ngettext("%(n)s non remis", "%(n)s non remis", failed) % {"n": failed})
    if waits:
        parts.append(ngettext("%(n)s en attente", "%(n)s en attente", waits) % {"n": waits})
    if arrived:
        parts.append(ngettext("%(n)s remis", "%(n)s remis", arrived) % {"n": arrived})
    return visit._("Envoi : %(parts)s") % {"parts": ", ".join(parts) or visit._("terminé")}


def _line(visit: Visit, fate: Fate) -> Line:
    tells = fate.state in (State.DEFERRED, State.FAILED)
    words = plain.line(visit.language.say(fate.said), MAX_WORDS) if tells else ""
    failed = fate.state in (State.FAILED, State.DROPPED)
    return Line(plain.line(fate.recipient, 320), _sentence(visit, fate), words, plain.line(fate.server, 255), failed)


def _sentence(visit: Visit, fate: Fate) -> str:
    _ = visit._
    when = _when(visit, fate.at)
    match fate.state:
        case State.DELIVERED:
            return _("remis, %(when)s") % {"when": when}
        case State.LISTED:
            return _("remis à la liste, %(when)s") % {"when": when}
        case State.OWNERS:
            return _("attend la décision des responsables de la liste")
        case State.HELD:
            return _("retenu : il n’est pas encore parti")
        case State.DROPPED:
            return _("n’est pas parti : il a été écarté, %(when)s") % {"when": when}
        case State.OVER:
            return _("n’attend plus ; le détail n’est pas connu")
        case State.QUEUED:
            return _("en attente de départ")
    reason = delivery_reasons.explain(fate.status, fate.said)
    why = visit.language.say(reason.why)
    if fate.state is State.FAILED:
        return _("non remis, %(when)s. %(why)s %(advice)s") % {
            "when": when,
            "why": why,
            "advice": visit.language.say(reason.advice),
        }
    if not fate.due:
        return _("en attente. %(why)s") % {"why": why}
    return _("en attente. %(why)s Nouvel essai : %(when)s") % {"why": why, "when": _when(visit, fate.due)}


def _when(visit: Visit, at: int) -> str:
    """Today the hour alone."""
    if visit.language.day(at) == visit.language.day(visit.now):
        return visit._("à %(time)s") % {"time": visit.language.clock_time(at)}
    return visit.language.brief_date(at, visit.now)
