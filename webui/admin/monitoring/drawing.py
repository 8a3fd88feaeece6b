"""How charts are drawn: a scale of round values, bars and lines as SVG attributes.

What is placed is placed in percent of its surface, so that words beside it keep the size of the page's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

STEPS = 4
"""Lines above the ground, at most."""
SPARK_HEIGHT = 32
EDGE = 0.02
"""Share of the width within which a word begins at its bar."""
LABELS = 8
"""Words under a chart, at most."""


@dataclass(frozen=True, slots=True)
class Slot:
    """An hour, a day or a month of a chart, and what was measured in it: a value for each of its series."""

    at: int
    when: str
    short: str
    """Its word under the chart; empty: none."""
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """What one colour of the bars stands for."""

    name: str
    summary: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the scale."""

    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; `series` counts from 0."""

    series: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Label:
    """A word under the bars; `minor` where there is little room for words."""

    x: float
    anchor: str
    """Which part of the word stands there: its middle, or its beginning at the scale."""
    text: str
    minor: bool


@dataclass(frozen=True, slots=True)
class Row:
    """The same as words: when, and the values."""

    when: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of one measure, or of several side by side."""

    key: str
    title: str
    unit: str
    series: tuple[Series, ...]
    spoken: str
    """What it shows, in a sentence."""
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    labels: tuple[Label, ...]
    rows: tuple[Row, ...]

    @property
    def is_empty(self) -> bool:
        return not self.bars


@dataclass(frozen=True, slots=True)
class Measured:
    """What a chart is about."""

    key: str
    title: str
    unit: str
    series: tuple[Series, ...]
    octets: bool = False
    """Its values are octets: round in powers of 1024."""


def chart(about: Measured, slots: Sequence[Slot], text: Callable[[int], str], spoken: str) -> Chart:
    """`text` writes a value; `spoken` has `%(low)s`, `%(high)s` and `%(when)s`."""
    highest = max((value for slot in slots for value in slot.values), default=0)
    scale = steps_up_to(highest, octets=about.octets)
    totals = [(max(slot.values), slot.when) for slot in slots]
    high, when = max(totals, key=lambda one: one[0], default=(0, ""))
    low = min((value for value, _ in totals), default=0)
    return Chart(
        about.key,
        about.title,
        about.unit,
        about.series,
        spoken % {"low": text(low), "high": text(high), "when": when},
        _bars(slots, scale[-1]) if highest else (),
        tuple(Tick(_percent(1 - value / scale[-1]), text(value)) for value in scale),
        _labels(slots),
        tuple(Row(slot.when, tuple(map(text, slot.values))) for slot in slots),
    )


def steps_up_to(highest: int, *, octets: bool = False) -> tuple[int, ...]:
    """Round values from 0 up to `highest` or a little above it."""
    unit = 1
    while octets and highest >= unit * 1024:
        unit *= 1024
    wanted = max(1.0 if unit == 1 else 0.0, highest / unit / STEPS)
    power = 1.0
    while power * 10 <= wanted:
        power *= 10
    while power > wanted:
        power /= 10
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= wanted)
    count = max(1, -(-highest // max(1, int(step * unit))))
    return tuple(int(place * step * unit) for place in range(count + 1))


def sparkline(values: Sequence[int]) -> str:
    """Points of a line on a surface of 100 by `SPARK_HEIGHT`; empty where there is nothing to see."""
    highest = max(values, default=0)
    if len(values) < 2 or not highest:
        return ""
    room, step = SPARK_HEIGHT - 3, 100 / (len(values) - 1)
    return " ".join(
        f"{place * step:.1f},{SPARK_HEIGHT - value / highest * room:.1f}" for place, value in enumerate(values)
    )


def thinned(slots: Sequence[Slot]) -> list[Slot]:
    """With words under some of them only, so that there is room for each."""
    every = -(-sum(bool(slot.short) for slot in slots) // LABELS) or 1
    kept, seen = [], 0
    for slot in slots:
        seen += bool(slot.short)
        kept.append(slot if slot.short and (seen - 1) % every == 0 else replace(slot, short=""))
    return kept


def _bars(slots: Sequence[Slot], top: int) -> tuple[Bar, ...]:
    step = 1 / len(slots)
    count = len(slots[0].values)
    width = step * (0.76 if len(slots) > 1 else 0.2) / count
    bars = []
    for place, slot in enumerate(slots):
        left = (place + 0.5) * step - width * count / 2
        for series, value in enumerate(slot.values):
            if value:
                height = max(0.004, value / top)
                x = left + series * width
                bars.append(Bar(series, _percent(x), _percent(1 - height), _percent(width * 0.94), _percent(height)))
    return tuple(bars)


def _labels(slots: Sequence[Slot]) -> tuple[Label, ...]:
    named = [(place, slot.short) for place, slot in enumerate(slots) if slot.short]
    step = 1 / max(1, len(slots))
    return tuple(
        Label(
            _percent((place + 0.5) * step), "middle" if place * step > EDGE else "start", short, minor=bool(number % 2)
        )
        for number, (place, short) in enumerate(named)
    )


def _percent(share: float) -> float:
    return round(100 * share, 2)
