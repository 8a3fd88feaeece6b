"""Tables: those of workbooks, and those that are text (.csv)."""

import csv
import io
import itertools
from collections.abc import Iterable, Sequence

from mailserver.previews.cell_values import Habits
from mailserver.previews.markup import Markup

MAX_SHEETS = 20
MAX_ROWS = 1000
MAX_COLUMNS = 60
_SAMPLE = 4096


def write(octets: bytes, out: Markup, _habits: Habits) -> None:
    """A table of text in UTF-8; semicolons, commas or tabs between its fields."""
    text = octets.decode("utf-8", "replace").removeprefix("\ufeff")
    sample = text[:_SAMPLE]
    between = max(";,\t", key=sample.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=between, strict=False)
    table(out, "", ([(value, _is_number(value)) for value in row] for row in rows))


def _is_number(value: str) -> bool:
    bare = value.strip().replace(",", "").replace(".", "").replace("\u202f", "").replace(" ", "").lstrip("+-")
    return bare.isascii() and bare.isdigit() and len(bare) < 16


def table(out: Markup, title: str, rows: Iterable[Sequence[tuple[str, bool]]]) -> None:
    """One table of rows of texts, each with whether it is a number; rows and columns without any are left out at the
    end."""
    taken: list[Sequence[tuple[str, bool]]] = []
    for row in itertools.islice(rows, MAX_ROWS + 1):
        taken.append(row[:MAX_COLUMNS])
        out.cut = out.cut or any(text for text, _ in row[MAX_COLUMNS:])
    if len(taken) > MAX_ROWS:
        out.cut = True
        taken.pop()
    while taken and not any(text for text, _ in taken[-1]):
        taken.pop()
    width = max((at + 1 for row in taken for at, (text, _) in enumerate(row) if text), default=0)
    if title:
        out.raw("<h2>")
        out.text(title)
        out.raw("</h2>")
    out.raw('<table border="1">')
    for row in taken:
        if out.full or not out.takes_cells(width):
            out.cut = True
            break
        out.raw("<tr>")
        for text, is_number in [*row, *[("", False)] * (width - len(row))][:width]:
            out.raw('<td align="right">' if is_number else "<td>")
            out.text(text)
            out.raw("</td>")
        out.raw("</tr>")
    out.raw("</table>")
