"""Who may write to whom, by population, and the emergency brake."""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import product

from starlette.responses import Response

from mailserver.administration import rules as rule_changes
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Population
from mailserver.model.rules import PRESETS, Rules
from mailserver.store.account import rules
from mailserver.store.record.audit import Origin
from webui.admin.access import origin
from webui.admin.console_page import Top, done, moment, top
from webui.page.context import Services, Visit
from webui.page.rendering import redirect

HOURS = (1, 4, 24)
"""How long a brake may be set to hold by itself; 0: until it is released."""


@dataclass(frozen=True, slots=True)
class BrakeRow:
    """A brake that is on."""

    population: str
    words: str
    since: str
    until: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class RulesPage:
    """The table and the brakes."""

    top: Top
    populations: tuple[tuple[str, str], ...]
    denied: frozenset[tuple[str, str]]
    brakes: tuple[BrakeRow, ...]
    presets: tuple[tuple[str, str], ...]
    hours: tuple[int, ...] = HOURS


async def show_rules(services: Services, visit: Visit, fault: str = "") -> Response:
    """GET /admin/regles."""
    now = await services.store.read(rules.load)
    _ = visit._
    told = {
        "open": _("Tout le monde écrit à tout le monde"),
        "pupils-inside": _("Les élèves et l’extérieur ne s’écrivent pas"),
        "pupils-supervised": _("Et les élèves n’écrivent qu’aux enseignants et aux personnels"),
        "inside": _("Rien ne sort, rien n’entre"),
    }
    page = RulesPage(
        top(visit, "regles", fault),
        tuple((one.value, population_words(visit, one)) for one in Population),
        frozenset((one.value, other.value) for one, other in now.denied),
        _brakes(visit, now),
        tuple((name, told.get(name, name)) for name in PRESETS),
    )
    return services.pages.answer(visit, "admin/rules.html", page, 422 if fault else 200)


async def act(services: Services, visit: Visit) -> Response:
    """POST /admin/regles: the button says what."""
    form, by = visit.form, origin(visit)
    match form.text("faire"):
        case "table":
            await services.store.write(rule_changes.set_table, by, _pairs(form.every("interdit")))
            return redirect(visit, "/admin/regles", **done("regles"))
        case "modele":
            name = form.text("modele")
            if name not in PRESETS:
                raise Refused(Reason.INVALID)
            await services.store.write(rules.set_table, by, name, PRESETS[name])
            return redirect(visit, "/admin/regles", **done("regles"))
        case "serrer":
            return await _brake(services, visit, by)
        case "desserrer":
            population = _population(form.text("population"))
            _was_on, count = await services.store.write(rule_changes.release, by, population)
            return redirect(visit, "/admin/regles", **done("desserre" if count else "desserre-rien", count))
        case _:
            raise Refused(Reason.INVALID)


async def _brake(services: Services, visit: Visit, by: Origin) -> Response:
    population = _population(visit.form.text("population"))
    if visit.form.text("confirme").strip().upper() != visit._("FREIN"):
        return await show_rules(services, visit, visit._("Pour serrer le frein, tapez le mot FREIN."))
    hours = visit.form.number("heures")
    until = int(visit.now) + min(hours, 24 * 30) * 3600 if hours else 0
    await services.store.write(rules.brake, by, population, until, visit.form.text("motif").strip()[:300])
    return redirect(visit, "/admin/regles", **done("frein"))


def _pairs(ticked: Collection[str]) -> frozenset[tuple[Population, Population]]:
    """Who may not write to whom, as the boxes of the table say it."""
    every = product(Population, Population)
    return frozenset((one, other) for one, other in every if f"{one.value}>{other.value}" in ticked)


def _population(text: str) -> Population:
    try:
        return Population(text)
    except ValueError:
        raise Refused(Reason.INVALID) from None


def _brakes(visit: Visit, now: Rules) -> tuple[BrakeRow, ...]:
    return tuple(
        BrakeRow(
            brake.population.value,
            population_words(visit, brake.population),
            moment(visit, brake.since),
            moment(visit, brake.until) if brake.until else visit._("jusqu’à ce qu’on le desserre"),
            brake.actor,
            brake.reason,
        )
        for brake in now.brakes.values()
    )


def population_words(visit: Visit, population: Population) -> str:
    """A population in the reader's language."""
    _ = visit._
    return {
        Population.PUPIL: _("Élèves"),
        Population.TEACHER: _("Enseignants"),
        Population.STAFF: _("Personnels"),
        Population.OUTSIDE: _("Extérieur"),
    }[population]
