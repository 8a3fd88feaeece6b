"""LibreOffice's formats (.odt, .ods, .odp): OpenDocument, part 3 of ISO/IEC 26300.

No library that is kept up writes them as HTML; what is read here is the part that a look needs: text with its
emphasis, headings, lists, tables, pictures, slides.
"""

import zipfile
from collections.abc import Callable
from typing import Any

from mailserver.mime.body.text import html_to_text
from mailserver.previews import archives
from mailserver.previews.cell_values import Habits
from mailserver.previews.faults import Fault, Unreadable
from mailserver.previews.markup import MAX_PICTURES, Markup
from mailserver.previews.tables import MAX_COLUMNS, MAX_ROWS, MAX_SHEETS, table

MAX_DEPTH = 40
"""Of elements within each other; what lies deeper is left out."""
MAX_SPACES = 100


def _ns(name: str) -> str:
    return f"{{urn:oasis:names:tc:opendocument:xmlns:{name}:1.0}}"


_OFFICE, _TEXT, _TABLE, _DRAW, _STYLE = _ns("office"), _ns("text"), _ns("table"), _ns("drawing"), _ns("style")
_FO, _PRESENTATION = _ns("xsl-fo-compatible"), _ns("presentation")
_HREF = "{http://www.w3.org/1999/xlink}href"
_UNSEEN = {
    f"{_TEXT}tracked-changes", f"{_TEXT}sequence-decls", f"{_TEXT}variable-decls", f"{_OFFICE}forms",
    f"{_OFFICE}annotation", f"{_PRESENTATION}notes", f"{_TABLE}shapes", f"{_TABLE}covered-table-cell",
    "{http://www.w3.org/2000/svg}title", "{http://www.w3.org/2000/svg}desc",
    "{urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0}title",
    "{urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0}desc",
}  # fmt: skip
Style = tuple[str, ...]
"""Tags that a style of text stands for."""


def write(octets: bytes, out: Markup, habits: Habits) -> None:
    """A document, a workbook or a presentation, by what is in it. Raises Unreadable."""
    with archives.opened(octets) as archive:
        if b"encryption-data" in archives.read(archive, "META-INF/manifest.xml"):
            raise Unreadable(Fault.ENCRYPTED)
        content = archives.tree(archive, "content.xml")
        body = content.find(f"{_OFFICE}body") if content is not None else None
        if body is None or not len(body):
            raise Unreadable(Fault.BROKEN)
        if body[0].tag == f"{_OFFICE}spreadsheet":
            _sheets(body[0], out, habits)
            return
        common = archives.tree(archive, "styles.xml")
        _Writer(archive, _styles(common) | _styles(content), _ordered(content), out).inside(body[0], 0)


# ---------------------------------------------------------------------- styles


def _styles(root: Any) -> dict[str, Style]:
    """The styles of text that are more than plain, by name."""
    found: dict[str, Style] = {}
    for style in root.iter(f"{_STYLE}style") if root is not None else ():
        properties = style.find(f"{_STYLE}text-properties")
        tags = list(found.get(style.get(f"{_STYLE}parent-style-name", ""), ()))
        if properties is not None and style.get(f"{_STYLE}family") == "text":
            tags += _tags(properties)
        if tags:
            found[style.get(f"{_STYLE}name", "")] = tuple(dict.fromkeys(tags))
    return found


def _tags(properties: Any) -> list[str]:
    tags = []
    if properties.get(f"{_FO}font-weight") in ("bold", "600", "700", "800", "900"):
        tags.append("b")
    if properties.get(f"{_FO}font-style") in ("italic", "oblique"):
        tags.append("i")
    if properties.get(f"{_STYLE}text-underline-style", "none") != "none":
        tags.append("u")
    if properties.get(f"{_STYLE}text-line-through-style", "none") != "none":
        tags.append("s")
    position = properties.get(f"{_STYLE}text-position", "")
    if position.startswith(("super", "sub")):
        tags.append("sup" if position.startswith("super") else "sub")
    return tags


def _ordered(root: Any) -> set[str]:
    """The names of lists that are numbered on their first level."""
    return {
        style.get(f"{_STYLE}name", "")
        for style in root.iter(f"{_TEXT}list-style")
        if len(style) and style[0].tag == f"{_TEXT}list-level-style-number"
    }


# ---------------------------------------------------------------------- text


class _Writer:
    """Walks a document."""

    def __init__(self, archive: zipfile.ZipFile, styles: dict[str, Style], ordered: set[str], out: Markup) -> None:
        self._archive = archive
        self._styles = styles
        self._numbered = ordered
        self._out = out
        self._slide = 0
        self._kinds: dict[str, Callable[[Any, int], None]] = {
            f"{_TEXT}p": lambda one, depth: self._wrapped("p", one, depth),
            f"{_TEXT}h": self._heading,
            f"{_TEXT}span": self._span,
            f"{_TEXT}a": self._link,
            f"{_TEXT}list": self._list,
            f"{_TEXT}list-item": lambda one, depth: self._wrapped("li", one, depth),
            f"{_TEXT}list-header": lambda one, depth: self._wrapped("li", one, depth),
            f"{_TEXT}line-break": lambda _one, _depth: self._out.raw("<br>"),
            f"{_TEXT}tab": lambda _one, _depth: self._out.text("\u2003"),
            f"{_TEXT}s": self._spaces,
            f"{_TEXT}note": self._note,
            f"{_TABLE}table": self._table,
            f"{_TABLE}table-row": lambda one, depth: self._wrapped("tr", one, depth),
            f"{_TABLE}table-cell": self._cell,
            f"{_DRAW}image": self._image,
            f"{_DRAW}page": self._page,
        }

    def inside(self, node: Any, depth: int) -> None:
        """The text of an element, and the elements in it."""
        if node.text and not _is_structure(node):
            self._out.text(node.text)
        for child in node:
            if self._out.full:
                self._out.cut = True
                return
            if child.tag not in _UNSEEN and depth < MAX_DEPTH:
                self._kinds.get(child.tag, self.inside)(child, depth + 1)
            if child.tail and not _is_structure(node):
                self._out.text(child.tail)

    def _wrapped(self, tag: str, node: Any, depth: int, attributes: str = "") -> None:
        self._out.raw(f"<{tag}{attributes}>")
        self.inside(node, depth)
        self._out.raw(f"</{tag}>")

    def _heading(self, node: Any, depth: int) -> None:
        level = _count(node, f"{_TEXT}outline-level", 6)
        self._wrapped(f"h{level}", node, depth)

    def _span(self, node: Any, depth: int) -> None:
        tags = self._styles.get(node.get(f"{_TEXT}style-name", ""), ())
        for tag in tags:
            self._out.raw(f"<{tag}>")
        self.inside(node, depth)
        for tag in reversed(tags):
            self._out.raw(f"</{tag}>")

    def _link(self, node: Any, depth: int) -> None:
        address = node.get(_HREF, "")
        quoted = address.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
        self._wrapped("a", node, depth, f' href="{quoted}"')

    def _list(self, node: Any, depth: int) -> None:
        self._wrapped("ol" if node.get(f"{_TEXT}style-name", "") in self._numbered else "ul", node, depth)

    def _spaces(self, node: Any, _depth: int) -> None:
        self._out.text("\u00a0" * _count(node, f"{_TEXT}c", MAX_SPACES))

    def _note(self, node: Any, depth: int) -> None:
        body = node.find(f"{_TEXT}note-body")
        if body is not None:
            self._out.raw("<small> [")
            self.inside(body, depth)
            self._out.raw("] </small>")

    def _table(self, node: Any, depth: int) -> None:
        self._wrapped("table", node, depth, ' border="1"')

    def _cell(self, node: Any, depth: int) -> None:
        spans = (("colspan", f"{_TABLE}number-columns-spanned"), ("rowspan", f"{_TABLE}number-rows-spanned"))
        wide = "".join(f' {name}="{n}"' for name, key in spans if (n := _count(node, key, MAX_ROWS)) > 1)
        self._wrapped("td", node, depth, wide)

    def _image(self, node: Any, _depth: int) -> None:
        name = node.get(_HREF, "").removeprefix("./")
        if name.startswith("Pictures/"):
            self._out.picture(archives.read(self._archive, name, MAX_PICTURES))

    def _page(self, node: Any, depth: int) -> None:
        self._slide += 1
        self._out.raw("<section><h2>")
        self._out.text(f"{self._slide}")
        self._out.raw("</h2>")
        before = self._out.pieces
        self.inside(node, depth)
        if self._out.everything:
            pictures = any(one.find(f".//{_DRAW}image") is not None for one in node if one.tag not in _UNSEEN)
            self._out.says_nothing(html_to_text(self._out.finish(before)), pictures=pictures)
        self._out.raw("</section>")


def _is_structure(node: Any) -> bool:
    """True for an element whose own text is only the indentation of its file."""
    return not str(node.tag).startswith((f"{_TEXT}p", f"{_TEXT}h", f"{_TEXT}span", f"{_TEXT}a")) and len(node) > 0


def _count(node: Any, name: str, most: int) -> int:
    """A number from 1 on that an attribute gives."""
    value = node.get(name, "1")
    return max(1, min(int(value), most)) if value.isascii() and value.isdigit() and len(value) < 8 else 1


# ---------------------------------------------------------------------- workbooks


def _sheets(body: Any, out: Markup, habits: Habits) -> None:
    found = body.findall(f"{_TABLE}table")
    out.cut = out.cut or len(found) > MAX_SHEETS
    for sheet in found[:MAX_SHEETS]:
        table(out, sheet.get(f"{_TABLE}name", "") if len(found) > 1 else "", _rows(sheet, out, habits))


def _rows(sheet: Any, out: Markup, habits: Habits) -> list[list[tuple[str, bool]]]:
    rows: list[list[tuple[str, bool]]] = []
    for row in sheet.iter(f"{_TABLE}table-row"):
        cells: list[tuple[str, bool]] = []
        for cell in row:
            if cell.tag not in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
                continue
            shown = _value(cell, habits)
            most = MAX_COLUMNS + 1 - len(cells)
            times = min(_count(cell, f"{_TABLE}number-columns-repeated", MAX_COLUMNS), most)
            cells += [shown] * max(times, 0)
        while cells and not cells[-1][0]:
            cells.pop()
        times = _count(row, f"{_TABLE}number-rows-repeated", MAX_ROWS)
        if not cells and times > 1 and len(rows) + times > MAX_ROWS:  # the empty rest of a sheet
            break
        rows += [cells] * min(times, MAX_ROWS + 1 - len(rows))
        if len(rows) > MAX_ROWS:
            out.cut = True
            break
    return rows


def _value(cell: Any, habits: Habits) -> tuple[str, bool]:
    """What a cell says: as LibreOffice wrote it, else its value."""
    kind = cell.get(f"{_OFFICE}value-type", "")
    is_number = kind in ("float", "percentage", "currency", "date", "time")
    lines = ["".join(line.itertext()) for line in cell.findall(f"{_TEXT}p")]
    if lines:
        return "\n".join(lines), is_number
    value = cell.get(f"{_OFFICE}value", "")
    try:
        return (habits.number(float(value)), True) if value else ("", False)
    except ValueError:
        return value, False
