"""Values of cells as people write them."""

import datetime
from dataclasses import dataclass

MAX_WHOLE = 10**15
"""A spreadsheet keeps fifteen digits."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How a language writes numbers and days."""

    point: str
    day: str
    yes: str
    no: str

    def number(self, value: float, shown_as: str = "") -> str:
        """A number, by the code of its cell as far as that says per cent or how many decimals."""
        pattern = shown_as.partition(";")[0].partition("[")[0] if not shown_as.startswith("[") else ""
        percent = "%" in pattern
        decimals = len(pattern.partition(".")[2].rstrip("% €\"'_-)").replace("#", "").rstrip())
        value = value * 100 if percent else value
        fixed = decimals <= 10 and ("0.0" in pattern or (percent and "0" in pattern))
        text = f"{value:.{decimals}f}" if fixed else _general(value)
        return text.replace(".", self.point) + (" %" if percent else "")

    def moment(self, value: datetime.datetime) -> str:
        """A day, with its time unless that is midnight."""
        day = value.strftime(self.day)
        return day if value.time() == datetime.time() else f"{day} {value:%H:%M}"


def _general(value: float) -> str:
    """A number without a form of its own; of a whole one all its digits: it may be one that names somebody."""
    is_whole = abs(value) < MAX_WHOLE and value == int(value)
    return str(int(value)) if is_whole else f"{value:.10g}"


HABITS = {"fr": Habits(",", "%d/%m/%Y", "VRAI", "FAUX"), "en": Habits(".", "%Y-%m-%d", "TRUE", "FALSE")}
