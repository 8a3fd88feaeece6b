"""The first page: what wants attention, the last day in figures, the queue, how the instance is, the brake."""

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.administration import overview
from mailserver.administration.overview import Facts
from mailserver.foundation.settings import Settings
from mailserver.model.clock import DAY, HOUR
from mailserver.model.identity import Population
from mailserver.operations.health.doctor import examine
from mailserver.operations.health.findings import Finding, Grade
from mailserver.store.account.jobs import JobState
from mailserver.store.queue.spool import HELD_UNTIL
from mailserver.store.queue.traces import Step
from mailserver.store.queue.waiting import Destination, State
from mailserver.store.upkeep.measures import ACCOUNTS, MAIL, QUEUE, Measure
from webui.admin.console_page import Top, moment, top
from webui.admin.imports_page import counted, is_lost, job_line
from webui.admin.monitoring.charts import hourly, hours
from webui.admin.monitoring.drawing import Chart, sparkline
from webui.admin.rules_page import population_words
from webui.admin.words.import_reasons import told
from webui.page.context import Services, Visit

WEEK = 7 * DAY
LATE_SECONDS = 4 * HOUR
"""Mail that has waited this long wants a look."""
FULL_PERCENT = 90
MAX_CONDITION = 40
"""Characters that are said of a part of the instance that is well."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something to look at, and the page where one does something about it."""

    grave: bool
    title: str
    text: str
    link: str
    action: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with what it counts, its last day as a line, and the page that says more."""

    title: str
    text: str
    note: str
    link: str
    points: str
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """How one part of the instance is."""

    name: str
    text: str
    grade: Grade
    link: str


@dataclass(frozen=True, slots=True)
class QueueRow:
    """What waits for one domain."""

    domain: str
    reason: str
    count: str
    due: str


@dataclass(frozen=True, slots=True)
class OverviewPage:
    """The first page of the console."""

    top: Top
    at: str
    alerts: tuple[Alert, ...]
    figures: tuple[Figure, ...]
    chart: Chart
    waiting: int
    queue: tuple[QueueRow, ...]
    conditions: tuple[Condition, ...]
    braked: tuple[str, ...]


async def show_overview(services: Services, visit: Visit) -> Response:
    """GET /admin."""
    now = int(visit.now)
    facts = await services.store.read(overview.facts, now - now % HOUR - WEEK - DAY)
    findings = await asyncio.to_thread(_findings, services.settings)
    disk = shutil.disk_usage(services.settings.data)
    braked = tuple(population_words(visit, Population(name)) for name in facts.braked)
    alerts = [*_store_alerts(visit, facts, braked), *_finding_alerts(visit, findings)]
    page = OverviewPage(
        top(visit, "accueil"),
        visit.language.long_date(visit.now),
        tuple(sorted(alerts, key=lambda one: not one.grave)),
        _figures(visit, facts),
        hourly(visit, facts.measured),
        facts.queue.rows,
        tuple(_queue_row(visit, one) for one in facts.destinations),
        (*_facts_as_conditions(visit, facts, disk.free, disk.total), *_conditions(visit, findings)),
        braked,
    )
    return services.pages.answer(visit, "admin/monitoring/overview.html", page)


def _findings(settings: Settings) -> list[Finding]:
    return list(examine(settings, dns_too=False))


# ---------------------------------------------------------------------- what wants attention


def _store_alerts(visit: Visit, facts: Facts, braked: Sequence[str]) -> Iterator[Alert]:
    _ = visit._
    if braked:
        text = _("%(who)s : rien ne part plus.") % {"who": ", ".join(braked)}
        yield Alert(True, _("Le frein d’urgence est serré."), text, "/admin/regles", _("Voir le frein"))
    if facts.phishing:
        said = visit.language.texts.ngettext(
            "%(n)s signalement attend une décision.", "%(n)s signalements attendent une décision.", facts.phishing
        )
        text = said % {"n": facts.phishing}
        yield Alert(False, _("Des messages sont signalés."), text, "/admin/signalements", _("Voir les signalements"))
    if _is_late(visit, facts.queue):
        text = _("Le plus ancien attend depuis %(since)s.") % {"since": since(visit, facts.queue.oldest)}
        yield Alert(False, _("La file d’attente s’allonge."), text, "/admin/file", _("Voir la file"))
    job = facts.job
    if job is not None and (job.state is JobState.FAILED or is_lost(visit, job)):
        line = job_line(visit, job)
        title = _("Le dernier travail d’import n’est pas allé au bout.")
        yield Alert(False, title, f"{line.words} – {line.state}.", f"/admin/travaux/{job.id}", _("Voir le travail"))


def _finding_alerts(visit: Visit, findings: Sequence[Finding]) -> Iterator[Alert]:
    """One for each subject that is not as it should be, the worst first."""
    say, _, ngettext = visit.language.say, visit._, visit.language.texts.ngettext
    for found in sorted(_by_subject(findings), key=lambda found: -_GRADES.index(found[0].grade)):
        first, more = found[0], sum(one.grade is not Grade.OK for one in found[1:])
        if first.grade is Grade.OK:
            continue
        about = say(first.about)
        title = _("%(about)s : %(text)s.") % {"about": f"{about[:1].upper()}{about[1:]}", "text": say(first.text)}
        others = ngettext("Et %(n)s autre point.", "Et %(n)s autres points.", more) % {"n": more} if more else ""
        about_lists = first.subject == "lists"
        link = "/admin/listes" if about_lists else "/admin/sante"
        action = _("Voir les listes") if about_lists else _("Voir la santé")
        text = " ".join(filter(None, (say(first.remedy), others)))
        yield Alert(first.grade is Grade.PROBLEM, title, text, link, action)


def _is_late(visit: Visit, queue: State) -> bool:
    return bool(queue.oldest) and visit.now - queue.oldest > LATE_SECONDS


# ---------------------------------------------------------------------- figures


def _figures(visit: Visit, facts: Facts) -> tuple[Figure, ...]:
    _, number, ngettext = visit._, visit.language.number, visit.language.texts.ngettext
    sums = {step: _sum(visit, facts.measured, step.value) for step in Step}
    queue = facts.queue
    waits = (
        _("le plus ancien : %(since)s") % {"since": since(visit, queue.oldest)} if queue.rows else _("Rien n’attend.")
    )
    if queue.held:
        held = ngettext("dont %(n)s retenu, %(rest)s", "dont %(n)s retenus, %(rest)s", queue.held)
        waits = held % {"n": number(queue.held), "rest": waits}
    delivered, failed = sums[Step.SENT], sums[Step.FAILED]
    share = _("%(n)s %% remis ailleurs") % {"n": number(100 * delivered // (delivered + failed or 1))}
    return (
        _counter(visit, facts, Step.RECEIVED, _("Reçus depuis 24 h"), _compared(visit, facts, Step.RECEIVED)),
        _counter(
            visit,
            facts,
            Step.SUBMITTED,
            _("Envoyés depuis 24 h"),
            share if delivered + failed else _compared(visit, facts, Step.SUBMITTED),
        ),
        Figure(
            _("File d’attente"),
            number(queue.rows),
            waits,
            "/admin/file",
            sparkline(_by_hour(visit, facts.measured, QUEUE)),
            _is_late(visit, queue),
        ),
        _counter(
            visit,
            facts,
            Step.FAILED,
            _("Remises en échec depuis 24 h"),
            ngettext("%(n)s différée", "%(n)s différées", sums[Step.DEFERRED]) % {"n": number(sums[Step.DEFERRED])},
        ),
    )


def _counter(visit: Visit, facts: Facts, step: Step, title: str, note: str) -> Figure:
    """A counter's last day; the link leads to where its steps are found one by one."""
    points = sparkline(_by_hour(visit, facts.measured, step.value))
    link = "/admin/suivi" if step is Step.FAILED else "/admin/mesures"
    return Figure(title, visit.language.number(_sum(visit, facts.measured, step.value)), note, link, points)


def _compared(visit: Visit, facts: Facts, step: Step) -> str:
    """How the last day compares with the same hours a week ago; empty where nothing was measured then."""
    _ = visit._
    then, now = _sum(visit, facts.measured, step.value, WEEK), _sum(visit, facts.measured, step.value)
    if not then:
        return _("rien de mesuré il y a une semaine")
    share = round(100 * (now - then) / then)
    if not share:
        return _("autant qu’il y a une semaine")
    text = _("%(n)s %% de plus qu’il y a une semaine") if share > 0 else _("%(n)s %% de moins qu’il y a une semaine")
    return text % {"n": visit.language.number(abs(share))}


def _sum(visit: Visit, measured: Sequence[Measure], name: str, back: int = 0) -> int:
    begin = hours(visit)[0].at - back
    return sum(one.count for one in measured if one.name == name and begin <= one.at < begin + DAY)


def _by_hour(visit: Visit, measured: Sequence[Measure], name: str) -> list[int]:
    """A value for each of the last 24 hours."""
    known = {one.at: one.count for one in measured if one.name == name}
    found = [known.get(slot.at, 0) for slot in hours(visit)]
    return found if any(found) else []


# ---------------------------------------------------------------------- the queue, and how things are


def _queue_row(visit: Visit, one: Destination) -> QueueRow:
    if one.due >= HELD_UNTIL:
        due = visit._("retenu")
    elif one.due <= visit.now:
        due = visit._("maintenant")
    else:
        due = visit._("dans %(time)s") % {"time": duration(visit, one.due - visit.now)}
    return QueueRow(one.domain, told(visit, one.error), visit.language.number(one.rows), due)


def _facts_as_conditions(visit: Visit, facts: Facts, free: int, total: int) -> Iterator[Condition]:
    _, language = visit._, visit.language
    room = _("%(free)s libres sur %(total)s") % {"free": language.size(free), "total": language.size(total)}
    full = total and 100 * (total - free) // total > FULL_PERCENT
    yield Condition(_("Disque"), room, Grade.WARNING if full else Grade.OK, "/admin/sante")
    mail = _last(facts.measured, MAIL)
    if mail is not None:
        said = language.texts.ngettext("%(size)s, %(n)s message", "%(size)s, %(n)s messages", mail.count)
        text = said % {"size": language.size(mail.octets), "n": language.number(mail.count)}
        yield Condition(_("Courrier conservé"), text, Grade.OK, "/admin/mesures")
    accounts = _last(facts.measured, ACCOUNTS)
    if accounts is not None:
        yield Condition(_("Comptes actifs"), language.number(accounts.count), Grade.OK, "/admin/comptes")
    if facts.run is None:
        yield Condition(_("Dernier import"), _("aucun"), Grade.OK, "/admin/import")
    else:
        done = ", ".join(
            f"{language.number(count)} {words.lower()}" for words, count in counted(visit, facts.run.counts)[:2]
        )
        text = ", ".join(filter(None, (moment(visit, facts.run.at), done)))
        yield Condition(_("Dernier import"), text, Grade.OK, "/admin/import")


def _last(measured: Sequence[Measure], name: str) -> Measure | None:
    return next((one for one in reversed(measured) if one.name == name), None)


def _conditions(visit: Visit, findings: Sequence[Finding]) -> Iterator[Condition]:
    """One for each subject, by its worst finding; where all is well and there is one thing to say, it is said."""
    say = visit.language.say
    for found in _by_subject(findings):
        worst, name = found[0], say(found[0].about)
        text = say(worst.text)
        if worst.grade is not Grade.OK:
            text = visit._("à corriger") if worst.grade is Grade.PROBLEM else visit._("à voir")
        elif len(found) > 1 or len(text) > MAX_CONDITION:
            text = visit._("bon")
        yield Condition(f"{name[:1].upper()}{name[1:]}", text, worst.grade, "/admin/sante")


def _by_subject(findings: Sequence[Finding]) -> list[list[Finding]]:
    """The findings of each subject, its worst first."""
    by_subject: dict[str, list[Finding]] = {}
    for one in findings:
        by_subject.setdefault(one.subject, []).append(one)
    return [sorted(found, key=lambda one: -_GRADES.index(one.grade)) for found in by_subject.values()]


_GRADES = (Grade.OK, Grade.WARNING, Grade.PROBLEM)


def since(visit: Visit, at: int) -> str:
    """How long ago: `22 min`, `3 h`, `2 j`."""
    return duration(visit, visit.now - at)


def duration(visit: Visit, seconds: float) -> str:
    """In the largest unit that it fills."""
    _ = visit._
    if seconds < HOUR:
        return _("%(n)s min") % {"n": max(1, int(seconds // 60))}
    if seconds < 2 * DAY:
        return _("%(n)s h") % {"n": int(seconds // HOUR)}
    return _("%(n)s j") % {"n": int(seconds // DAY)}
