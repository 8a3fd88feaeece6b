"""PowerPoint presentations (.pptx): what their slides say, and their pictures."""

import posixpath
import zipfile
from collections.abc import Iterator
from typing import Any

from mailserver.previews import archives
from mailserver.previews.cell_values import Habits
from mailserver.previews.faults import Fault, Unreadable
from mailserver.previews.markup import MAX_PICTURES, Markup

MAX_SLIDES = 300
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_LINK = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
_TITLES = ("title", "ctrTitle")
_ON_EACH = ("sldNum", "dt", "ftr", "hdr")
"""Places of what stands on every slide: its number, the date."""


def write(octets: bytes, out: Markup, _habits: Habits) -> None:
    """Slide by slide, in the order they are shown in. Raises Unreadable."""
    with archives.opened(octets) as archive:
        start = archives.tree(archive, "ppt/presentation.xml")
        if start is None:
            raise Unreadable(Fault.BROKEN)
        names = _links(archive, "ppt/presentation.xml")
        slides = [names.get(slide.get(f"{_R}id", ""), "") for slide in start.iter(f"{_P}sldId")]
        out.cut = out.cut or len(slides) > MAX_SLIDES
        for number, name in enumerate(slides[:MAX_SLIDES], 1):
            slide = archives.tree(archive, name) if name and not out.full else None
            if slide is not None:
                _slide(archive, name, slide, number, out)


def _links(archive: zipfile.ZipFile, name: str) -> dict[str, str]:
    """What a member refers to, by the id it uses."""
    folder, file = posixpath.split(name)
    found = archives.tree(archive, f"{folder}/_rels/{file}.rels")
    if found is None:
        return {}
    return {
        one.get("Id", ""): posixpath.normpath(posixpath.join(folder, one.get("Target", ""))).lstrip("/")
        for one in found.iter(_LINK)
        if one.get("TargetMode") != "External"
    }


def _slide(archive: zipfile.ZipFile, name: str, slide: Any, number: int, out: Markup) -> None:
    links = _links(archive, name)
    out.raw("<section>")
    title, rest, said = "", [], []
    for shape in slide.iter(f"{_P}sp"):
        place = shape.find(f"{_P}nvSpPr/{_P}nvPr/{_P}ph")
        lines = list(_paragraphs(shape))
        if place is None or place.get("type") not in _ON_EACH:
            said += lines
        if place is not None and place.get("type") in _TITLES and not title:
            title = " ".join(line for _, line in lines)
        else:
            rest += lines
    out.raw("<h2>")
    out.text(f"{number}. {title}" if title else str(number))
    out.raw("</h2>")
    _lines(rest, out)
    for shape in slide.iter(f"{_A}tbl"):
        said += _paragraphs(shape)
        _table(shape, out)
    pictures = slide.find(f".//{_A}blip") is not None
    out.says_nothing("".join(text for _, text in said), pictures=pictures)
    for picture in slide.iter(f"{_A}blip"):
        target = links.get(picture.get(f"{_R}embed", ""), "")
        if target:
            out.picture(archives.read(archive, target, MAX_PICTURES))
    out.raw("</section>")


def _paragraphs(shape: Any) -> Iterator[tuple[int, str]]:
    """The lines of a shape, each with how far it is indented."""
    for paragraph in shape.iter(f"{_A}p"):
        text = "".join(run.text or "" for run in paragraph.iter(f"{_A}t")).strip()
        properties = paragraph.find(f"{_A}pPr")
        level = properties.get("lvl", "0") if properties is not None else "0"
        if text:
            yield int(level) if level.isascii() and level.isdigit() and len(level) < 2 else 0, text


def _lines(lines: list[tuple[int, str]], out: Markup) -> None:
    for level, text in lines:
        out.raw(f'<p style="margin-left: {2 * level}em">' if level else "<p>")
        out.text(text)
        out.raw("</p>")


def _table(shape: Any, out: Markup) -> None:
    out.raw('<table border="1">')
    for row in shape.iter(f"{_A}tr"):
        out.raw("<tr>")
        for cell in row.iter(f"{_A}tc"):
            out.raw("<td>")
            out.text(" ".join(line for _, line in _paragraphs(cell)))
            out.raw("</td>")
        out.raw("</tr>")
    out.raw("</table>")
