"""What pages show of a mailing, in words: authors' and approvers' pages and the console's are made of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailserver.calendars.school import school_holidays
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Role
from mailserver.model.rules import Denied
from mailserver.model.sending.sending_limits import WEEKEND, is_quiet
from mailserver.outbound.mailings.decisions import reach_of, version_of
from mailserver.store.queue import mailings
from mailserver.store.queue.mailings import Mailing, State
from mailserver.store.queue.mailings.mailing_counts import Readers
from mailserver.store.record.audit import Origin
from mailserver.store.withdrawal import rows
from mailserver.texts import causes
from webui.compose.message.send_times import moment
from webui.mailings.authors import Author, authors_of
from webui.page.administrators import acting
from webui.page.context import Services, Visit
from webui.page.words import plain
from webui.page.words.crowds import Crowd, crowd

WATCH_SECONDS = 5
FURTHEST_DAYS = 130
"""Within which a better hour is looked for: the longest holidays are shorter."""
REASON = 200


@dataclass(frozen=True, slots=True)
class Shown:
    """One mailing."""

    id: int
    version: str
    """What an approval is of."""
    subject: str
    state: State
    words: str
    author: Author
    at: str
    crowd: Crowd
    due: str
    due_field: str
    expires: str
    decided: str
    actor: str
    reason: str
    total: int
    done: int
    reached: int
    queued: int
    started: bool
    share: int
    """Percent of the recipients who are settled."""
    taken: int
    marked: int
    """What the taking back has come to."""
    undone: bool
    """IT has undone it: who had it has it again."""
    caution: str
    """Why this is no good time for it; empty: it is."""
    calm: str
    """When a better one comes."""


@dataclass(frozen=True, slots=True)
class Acts:
    """What this reader may do about one."""

    decide: bool = False
    plan: bool = False
    stop: bool = False
    resume: bool = False
    take_back: bool = False
    readers: bool = False


async def shown(services: Services, visit: Visit, found: Sequence[Mailing]) -> list[Shown]:
    """Some of them in words. Raises Temporary."""
    authors = await authors_of(services, found)
    return [await _shown(services, visit, one, author) for one, author in zip(found, authors, strict=True)]


async def _shown(services: Services, visit: Visit, one: Mailing, author: Author) -> Shown:
    language = visit.language
    at = (one.due or int(visit.now)) if _is_to_leave(one) else 0
    calm = calm_from(services, visit, at) if at else 0
    act = await services.store.read(rows.get, one.withdrawal_id) if one.withdrawal_id > 0 else None
    due = datetime.fromtimestamp(one.due, language.zone).strftime("%Y-%m-%dT%H:%M") if one.due else ""
    return Shown(
        id=one.id,
        version=version_of(one),
        subject=plain.line(one.subject, 200),
        state=one.state,
        words=state_words(visit)[one.state],
        author=author,
        at=language.long_date(one.at),
        crowd=crowd(visit, reach_of(one), one.people, one.outside),
        due=language.long_date(one.due) if one.due else "",
        due_field=due,
        expires=language.long_date(one.expires) if one.state is State.WAITING else "",
        decided=language.long_date(one.decided) if one.decided else "",
        actor=one.actor,
        reason=plain.line(one.reason, REASON),
        total=one.total,
        done=one.done,
        reached=one.reached,
        queued=one.queued,
        started=bool(one.started),
        share=100 * one.done // one.total if one.total else 0,
        taken=act.taken if act is not None else 0,
        marked=act.marked if act is not None else 0,
        undone=act is not None and act.state in (rows.State.RESTORING, rows.State.RESTORED),
        caution=caution(services, visit, at) if at else "",
        calm=language.long_date(calm) if calm > at else "",
    )


def _is_to_leave(one: Mailing) -> bool:
    return not one.started and one.state in mailings.OPEN


def caution(services: Services, visit: Visit, at: int) -> str:
    """Why a moment is no good one: nights, week-ends and holidays are people's own."""
    when = datetime.fromtimestamp(at, visit.language.zone)
    if holidays := _holidays(services, visit, when):
        return visit._("Il partirait pendant les vacances (%(name)s).") % {"name": holidays}
    if is_quiet(when, services.settings.sending.night):
        return visit._("Il partirait la nuit ou pendant le week-end.")
    return ""


def calm_from(services: Services, visit: Visit, at: int) -> int:
    """The first full hour from a moment on that is a good one; the moment itself if it is, 0: that is far away.

    A mailing does not wait for it by itself: some are urgent, and who is told of mail in their own time is everybody's
    choice. Whoever decides is told, and offered this hour.
    """
    night, when = services.settings.sending.night, datetime.fromtimestamp(at, visit.language.zone)
    latest = when + timedelta(days=FURTHEST_DAYS)
    while when < latest:
        is_off = _holidays(services, visit, when) or when.weekday() in WEEKEND
        if not is_off and not is_quiet(when, night):
            return int(when.timestamp())
        when = when.replace(minute=0, second=0, fold=0)
        when = when.replace(hour=0) + timedelta(days=1) if is_off else when + timedelta(hours=1)
    return 0


def _holidays(services: Services, visit: Visit, when: datetime) -> str:
    return school_holidays.of(services.settings.directory).on(visit.preferences.school_zone, when.date())


async def acts_of(services: Services, visit: Visit, one: Mailing) -> Acts:
    """What this person may do about one that they may see. Raises Temporary."""
    person = visit.principal
    is_author, is_admin = person.account_id == one.account_id, acting(services, visit).role is Role.ADMIN
    approves = await services.mailings.may_approve(one, person)
    is_open = one.state in mailings.OPEN
    return Acts(
        decide=approves and one.state is State.WAITING,
        plan=is_open and not one.started,
        stop=one.state in (State.APPROVED, State.SENDING),
        # Neither does its author let go on what IT has stopped, nor anybody else what its author has.
        resume=one.state is State.STOPPED and (is_admin or one.actor == person.login),
        take_back=is_open or one.state in mailings.DELIVERED,
        readers=bool(one.started) and (is_author or is_admin),
    )


async def act(services: Services, visit: Visit, one: Mailing, acts: Acts, origin: Origin) -> str:
    """Do what the form asks for; the word for what was done, or "annuler": that has to be asked first.

    Raises Refused, Temporary.
    """
    form, wanted = visit.form, visit.form.text("faire")
    if wanted == "approuver" and acts.decide:
        await services.mailings.approve(one.id, form.text("version"), origin)
        return "mailing-approuve"
    if wanted == "refuser" and acts.decide:
        await services.mailings.refuse(one.id, origin, form.text("motif")[:REASON])
        return "mailing-refuse"
    if wanted == "programmer" and acts.plan:
        await services.mailings.plan(one.id, moment(visit, form.text("quand")) if form.text("quand") else 0, origin)
        return "mailing-programme"
    if wanted == "attendre" and acts.plan:
        at = calm_from(services, visit, one.due or int(visit.now))
        if not at:  # 0 would let it leave at once
            raise Refused(Reason.CONFLICT)
        await services.mailings.plan(one.id, at, origin)
        return "mailing-programme"
    if wanted == "arreter" and acts.stop:
        await services.mailings.stop(one.id, origin)
        return "mailing-arrete"
    if wanted == "reprendre" and acts.resume:
        await services.mailings.resume(one.id, origin)
        return "mailing-repris"
    if wanted == "annuler" and acts.take_back and one.started:
        return "annuler"
    if wanted in ("annuler", "annuler-oui") and acts.take_back:
        await services.mailings.take_back(one.id, origin)
        return "mailing-annule"
    raise Refused(Reason.CONFLICT)


def fault_words(visit: Visit, refusal: Refused) -> str:
    """Why an act was not done."""
    if isinstance(refusal, Denied):
        return visit.language.say(refusal.said)
    if refusal.reason is Reason.INVALID:
        return visit._("Indiquez une date et une heure à venir, dans l’année.")
    cause = causes.of(refusal)
    if cause.name == "mailing-changed":
        return visit._("Cet envoi a changé depuis que vous l’avez vu. Relisez à qui il va avant de l’approuver.")
    if refusal.reason is Reason.FORBIDDEN:
        return visit.language.say(cause)
    if refusal.reason is Reason.CONFLICT:
        return visit._("Ce n’est plus possible dans l’état où c’est à présent. Rien n’a été changé.")
    raise refusal


def state_words(visit: Visit) -> dict[State, str]:
    """Each state."""
    _ = visit._
    return {
        State.WAITING: _("attend un accord"),
        State.APPROVED: _("va partir"),
        State.SENDING: _("en cours d’envoi"),
        State.STOPPED: _("arrêté"),
        State.SENT: _("envoyé"),
        State.UNFINISHED: _("arrêté pour de bon"),
        State.REFUSED: _("refusé"),
        State.EXPIRED: _("abandonné sans réponse"),
        State.CANCELLED: _("annulé avant de partir"),
        State.WITHDRAWN: _("annulé, repris des boîtes"),
        State.FAILED: _("n’a pas pu partir"),
    }


def readers_total(readers: tuple[Readers, ...]) -> tuple[int, int]:
    """How many have it, and how many of them have read it."""
    return sum(one.people for one in readers), sum(one.read for one in readers)
