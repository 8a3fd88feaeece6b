"""Tables and bars of what was measured, written between marks of the documents."""

import math
import os
import platform
from collections.abc import Mapping, Sequence
from html import escape

from tests.bench.peers.measuring import Figure, Measure

Figures = Mapping[str, Figure]
WIDTH, LINE, LABEL = 720, 22, 270
COLOURS = {"ours": "#2b5fab", "ours, PostgreSQL": "#7da3d6", "Postfix + Dovecot": "#8a8a8a"}
SCALE = {"1/8": 0.125, "1/4": 0.25, "1/2": 0.5, "1": 1, "2": 2, "4": 4, "8": 8}
TITLES = {
    "fr": ("mesure", "la nôtre, SQLite", "la nôtre, PostgreSQL", "Postfix + Dovecot", "SQLite contre eux"),
    "en": ("measure", "ours, SQLite", "ours, PostgreSQL", "Postfix + Dovecot", "SQLite to theirs"),
}


def machine() -> str:
    """What it was measured on."""
    with open("/proc/cpuinfo", encoding="utf-8") as told:
        models = {line.partition(":")[2].strip() for line in told if line.startswith("model name")}
    return f"{os.cpu_count()} × {', '.join(sorted(models)) or platform.machine()}"


def better(measure: Measure, ours: Figure, theirs: Figure) -> float:
    """How many times as good ours is: above 1 is better than theirs."""
    return ours.value / theirs.value if measure.is_rate else theirs.value / ours.value


def table(language: str, measures: Sequence[Measure], sides: Mapping[str, Figures]) -> str:
    """Markdown: value, and milliseconds of processor an operation in brackets."""
    rows = [f"| {' | '.join(TITLES[language])} |", f"| --- {'| ---: ' * 4}|"]
    for measure in measures:
        found = [figures.get(measure.name) for figures in sides.values()]
        if not any(found):
            continue
        ours, theirs = found[0], found[-1]
        ratio = _number(better(measure, ours, theirs), language) + " ×" if ours and theirs else "–"
        cells = [_cell(measure, figure, language) if figure else "–" for figure in found]
        label = measure.french if language == "fr" else measure.english
        rows.append(f"| {' | '.join((label, *cells, ratio))} |")
    return "\n".join(rows)


def bars(measures: Sequence[Measure], sides: Mapping[str, Figures]) -> str:
    """SVG: how many times as good each side is as Postfix and Dovecot, on a scale of powers of two."""
    *ours, last = sides
    lines, top = [], 30
    for measure in measures:
        theirs = sides[last].get(measure.name)
        ratios = {
            name: better(measure, one, theirs) for name in ours if theirs and (one := sides[name].get(measure.name))
        }
        if not ratios:
            continue
        lines.append(f'<text x="{LABEL - 8}" y="{top + 14}" text-anchor="end">{escape(measure.french)}</text>')
        for at, (name, ratio) in enumerate(ratios.items()):
            begin, end = sorted((_place(1), _place(ratio)))
            lines.append(
                f'<rect x="{begin:.1f}" y="{top + 2 + 9 * at}" width="{max(1.0, end - begin):.1f}" height="8" '
                f'fill="{COLOURS[name]}"><title>{escape(name)}: {ratio:.2f}</title></rect>'
            )
        top += LINE
    scale = "".join(
        f'<line x1="{_place(ratio):.1f}" y1="24" x2="{_place(ratio):.1f}" y2="{top}" stroke="#ccc"/>'
        f'<text x="{_place(ratio):.1f}" y="18" text-anchor="middle">{name}</text>'
        for name, ratio in SCALE.items()
    )
    legend = "".join(
        f'<rect x="{LABEL + 170 * at}" y="{top + 8}" width="12" height="8" fill="{COLOURS[name]}"/>'
        f'<text x="{LABEL + 17 + 170 * at}" y="{top + 16}">{escape(name)}</text>'
        for at, name in enumerate(ours)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top + 26}" font-family="sans-serif" '
        f'font-size="12" role="img" aria-label="× Postfix + Dovecot">'
        f'<rect width="100%" height="100%" fill="#fff"/>{scale}{"".join(lines)}{legend}</svg>\n'
    )


def _place(ratio: float) -> float:
    """Across, of a ratio between an eighth and eight."""
    power = min(3.0, max(-3.0, math.log2(ratio)))
    return LABEL + (WIDTH - LABEL - 20) * (power + 3) / 6


def _cell(measure: Measure, figure: Figure, language: str) -> str:
    unit = "/s" if measure.is_rate else "ms"
    return f"{_number(figure.value, language)} {unit} ({_number(figure.cpu, language)})"


def _number(value: float, language: str) -> str:
    text = f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    return text.replace(",", "\u202f").replace(".", ",") if language == "fr" else text
