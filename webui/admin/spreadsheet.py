"""Tables to take away, as files that a spreadsheet opens."""

import csv
import io
from collections.abc import Iterable, Sequence

from starlette.responses import Response

from webui.http import headers
from webui.page.context import Visit


def plain_cell(cell: str) -> str:
    """A spreadsheet must not take what somebody wrote for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def download(visit: Visit, name: str, rows: Iterable[Sequence[str]]) -> Response:
    """The table as a spreadsheet of the reader's language opens it by itself: UTF-8 with its mark, semicolons in
    French."""
    out = io.StringIO(newline="")
    table = csv.writer(out, delimiter="," if visit.language.code == "en" else ";", lineterminator="\r\n")
    table.writerows([plain_cell(cell) for cell in row] for row in rows)
    fields = headers.page(visit.secure)
    fields["Content-Disposition"] = headers.disposition("attachment", name)
    octets = out.getvalue().encode("utf-8-sig", "replace")
    return Response(octets, headers=fields, media_type="text/csv; charset=utf-8")
