"""The outgoing queue over a day or a week: how long it was, and how old its oldest message, drawn on the server."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from mailserver.model.clock import DAY, HOUR
from mailserver.store.upkeep.measures import Measure
from webui.admin.monitoring.drawing import Chart, Measured, Series, Slot, chart, thinned
from webui.page.context import Visit

DAY_SLOT, WEEK_SLOT = HOUR // 2, 3 * HOUR


def begin(visit: Visit, *, week: bool) -> int:
    """When the charts begin."""
    return slots(visit, week=week)[0].at


def slots(visit: Visit, *, week: bool) -> list[Slot]:
    """The last 24 hours by the half hour, or seven days by three hours."""
    width, span = (WEEK_SLOT, 7 * DAY) if week else (DAY_SLOT, DAY)
    last = int(visit.now) - int(visit.now) % width
    return thinned([_slot(visit, at, week=week) for at in range(last - span + width, last + 1, width)])


def _slot(visit: Visit, at: int, *, week: bool) -> Slot:
    when = datetime.fromtimestamp(at, visit.language.zone)
    if week:
        short = f"{when.day}/{when.month:02}" if when.hour < WEEK_SLOT // HOUR else ""
    else:
        short = visit._("%(hour)s h") % {"hour": when.hour} if when.hour % 3 == 0 and not when.minute else ""
    return Slot(at, when.strftime("%d/%m/%Y %H:%M"), short, ())


def charts(visit: Visit, samples: Sequence[Measure], *, week: bool) -> tuple[Chart, Chart]:
    """The length, and the age in minutes; of each slot the highest value."""
    _ = visit._
    number = visit.language.number
    empty = slots(visit, week=week)
    length = _filled(empty, [(one.at, one.count) for one in samples])
    age = _filled(empty, [(one.at, one.octets // 60) for one in samples])
    spoken = _("De %(low)s à %(high)s, le plus haut : %(when)s.")
    now = samples[-1] if samples else None
    about = (
        ("longueur", _("Envois qui attendent"), _("envois"), now.count if now else None, length),
        ("age", _("Âge du plus ancien"), _("minutes"), now.octets // 60 if now else None, age),
    )
    made = [
        chart(
            Measured(key, title, unit, (Series(_("à présent"), number(last) if last is not None else "–"),)),
            filled,
            number,
            spoken,
        )
        for key, title, unit, last, filled in about
    ]
    return made[0], made[1]


def _filled(empty: Sequence[Slot], points: Sequence[tuple[int, int]]) -> list[Slot]:
    begins = [slot.at for slot in empty]
    highest = [0] * len(empty)
    for at, value in points:
        place = bisect_right(begins, at) - 1
        if place >= 0:
            highest[place] = max(highest[place], value)
    return [replace(slot, values=(value,)) for slot, value in zip(empty, highest, strict=True)]
