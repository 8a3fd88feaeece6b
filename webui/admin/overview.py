"""The first page: what wants attention, the queue, the last day, room and certificate, the last import."""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.administration import overview
from mailserver.foundation.settings import Settings
from mailserver.health.doctor import Finding, Grade, examine
from mailserver.model.clock import DAY
from mailserver.store.people.imports import Run
from mailserver.store.queue.traces import Step
from mailserver.store.queue.waiting import State
from mailserver.store.upkeep.measures import MAIL, Measure
from webui.admin.console_page import Top, moment, top
from webui.page.context import Services, Visit


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with what it counts, and the page that says more."""

    title: str
    text: str
    note: str
    link: str
    bad: bool = False


@dataclass(frozen=True, slots=True)
class OverviewPage:
    """The first page of the console."""

    top: Top
    figures: tuple[Figure, ...]
    findings: tuple[Finding, ...]
    """What is not as it should be."""
    at: str


async def show_overview(services: Services, visit: Visit) -> Response:
    """GET /admin."""
    facts = await services.store.read(overview.facts, int(visit.now) - DAY)
    findings = await asyncio.to_thread(_findings, services.settings)
    disk = shutil.disk_usage(services.settings.data)
    figures = (
        _queue(visit, facts.queue),
        *_traffic(visit, facts.measured),
        _mail(visit, facts.measured),
        _disk(visit, disk.used, disk.total, disk.free),
        _import(visit, facts.run),
        _brakes(visit, facts.braked),
    )
    bad = tuple(finding for finding in findings if finding.grade is not Grade.OK)
    page = OverviewPage(top(visit, "accueil"), figures, bad, visit.language.clock_time(visit.now))
    return services.pages.answer(visit, "admin/overview.html", page)


def _findings(settings: Settings) -> list[Finding]:
    return list(examine(settings, dns_too=False))


def _queue(visit: Visit, state: State) -> Figure:
    _, number = visit._, visit.language.number
    late = visit.now - state.oldest if state.oldest else 0
    if not state.rows:
        note = _("Rien n’attend.")
    elif state.held:
        note = _("retenus : %(held)s ; le plus ancien depuis le %(when)s") % {
            "held": number(state.held),
            "when": moment(visit, state.oldest),
        }
    else:
        note = _("le plus ancien depuis le %(when)s") % {"when": moment(visit, state.oldest)}
    return Figure(_("File d’attente"), number(state.rows), note, "/admin/file", late > 4 * 3600)


def _traffic(visit: Visit, day: Sequence[Measure]) -> tuple[Figure, ...]:
    _, number = visit._, visit.language.number
    sums = {step: sum(one.count for one in day if one.name == step.value) for step in Step}
    hours = _("depuis 24 heures")
    return (
        Figure(_("Reçus"), number(sums[Step.RECEIVED]), hours, "/admin/mesures"),
        Figure(_("Envoyés"), number(sums[Step.SUBMITTED]), hours, "/admin/mesures"),
        Figure(
            _("Remises en échec"),
            number(sums[Step.FAILED]),
            _("%(n)s différées depuis 24 heures") % {"n": number(sums[Step.DEFERRED])},
            "/admin/suivi",
        ),
    )


def _mail(visit: Visit, day: Sequence[Measure]) -> Figure:
    _, language = visit._, visit.language
    last = next((one for one in reversed(day) if one.name == MAIL), None)
    if last is None:
        return Figure(_("Courrier conservé"), "–", _("pas encore mesuré"), "/admin/mesures")
    note = _("%(n)s messages") % {"n": language.number(last.count)}
    return Figure(_("Courrier conservé"), language.size(last.octets), note, "/admin/mesures")


def _disk(visit: Visit, used: int, total: int, free: int) -> Figure:
    _, size = visit._, visit.language.size
    share = round(100 * used / total) if total else 0
    note = _("libres sur %(total)s") % {"total": size(total)}
    return Figure(_("Disque"), size(free), note, "/admin/sante", share > 90)


def _import(visit: Visit, run: Run | None) -> Figure:
    _ = visit._
    if run is None:
        return Figure(_("Dernier import"), "–", _("aucun import"), "/admin/import")
    return Figure(_("Dernier import"), f"n° {run.id}", moment(visit, run.at), "/admin/import")


def _brakes(visit: Visit, braked: tuple[str, ...]) -> Figure:
    _ = visit._
    if not braked:
        return Figure(_("Frein d’urgence"), _("desserré"), _("tout le monde peut envoyer"), "/admin/regles")
    return Figure(_("Frein d’urgence"), _("serré"), ", ".join(braked), "/admin/regles", bad=True)
