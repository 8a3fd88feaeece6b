"""Excel workbooks (.xlsx)."""

import datetime
import io
import warnings
from typing import Any

import openpyxl

from mailserver.previews import archives
from mailserver.previews.cell_values import Habits
from mailserver.previews.markup import Markup
from mailserver.previews.tables import MAX_COLUMNS, MAX_ROWS, MAX_SHEETS, table


def write(octets: bytes, out: Markup, habits: Habits) -> None:
    """The sheets of a workbook, one table each. Raises Unreadable."""
    archives.opened(octets).close()
    with warnings.catch_warnings(action="ignore"):  # what it leaves out: drawings, rules, extensions
        book = openpyxl.load_workbook(io.BytesIO(octets), read_only=True, data_only=True, keep_links=False)
    sheets = book.worksheets
    out.cut = out.cut or len(sheets) > MAX_SHEETS
    for sheet in sheets[:MAX_SHEETS]:
        if sheet.sheet_state != "visible" and not out.everything:
            out.cut = True
            continue
        rows = sheet.iter_rows(max_row=MAX_ROWS + 1, max_col=MAX_COLUMNS + 1)
        with warnings.catch_warnings(action="ignore"):
            table(out, sheet.title if len(sheets) > 1 else "", ([_shown(cell, habits) for cell in row] for row in rows))


def _shown(cell: Any, habits: Habits) -> tuple[str, bool]:
    """What a cell says, and whether it is a number."""
    value = cell.value
    match value:
        case None:
            return "", False
        case bool():
            return habits.yes if value else habits.no, False
        case int() | float():
            return habits.number(value, str(cell.number_format or "")), True
        case datetime.datetime():
            return habits.moment(value), True
        case datetime.date():
            return value.strftime(habits.day), True
        case datetime.time():
            return value.strftime("%H:%M"), True
    return str(value), False
