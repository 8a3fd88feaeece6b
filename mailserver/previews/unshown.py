"""What office documents say where no page of ours shows it: headers and footers, remarks, notes of a talk, what was
deleted but is kept, numbers as they are and not as their column shows them. For what a letter gives away.

All text of all members, one after another, as it comes: nothing is known of where it stands. What holds files of its
own, or cannot be read, makes the answer one that was cut.
"""

import re
import zipfile

import defusedxml.ElementTree

from mailserver.mime.body.text import html_to_text
from mailserver.previews import archives, readers
from mailserver.previews.cell_values import Habits
from mailserver.previews.faults import Unreadable
from mailserver.previews.kinds import DOCUMENTS, MESSAGE, OLD, TEXTS, ending
from mailserver.previews.markup import Markup

MAX_MEMBER = 8 * 1024 * 1024
"""Octets of one that is parsed."""
_WORDS = re.compile(r"(word|ppt|xl|docProps)/.*\.xml|(.*/)?(content|styles|meta)\.xml")
_EMBEDDED = re.compile(r".*/embeddings/.+|Object [0-9]+")
"""Objects of other programs; what LibreOffice made itself is a folder of that name."""
_PICTURE = re.compile(r"(word|ppt|xl)/media/.+|Pictures/.+")
_SHEET_NAME = re.compile(r"<h2>[^<]*</h2>")
MAX_EMBEDDED = 10
"""Documents in a document that are read; not what is in those."""
_FILES = (TEXTS | {*DOCUMENTS, *OLD, MESSAGE, "mht", "mhtml"}) - {"xml"}
_OPEN = "{urn:oasis:names:tc:opendocument:xmlns:"
_VALUE = f"{_OPEN}office:1.0}}value"
_CHART_VALUE = "{http://schemas.openxmlformats.org/drawingml/2006/chart}v"
_SAYS = frozenset(
    (
        *("t", "delText", "text", "title", "subject", "description", "keywords", "lpwstr"),
        *("oddHeader", "oddFooter", "evenHeader", "evenFooter", "firstHeader", "firstFooter"),
    )
)
"""Elements of Microsoft's formats that hold text; of OpenDocument all do."""
_RUNS = frozenset(("t", "delText", "span", "a"))
"""Those that may stand in the middle of a word."""
_KEPT = frozenset(("s", "n"))
"""Values that a pivot table keeps of the sheet it was made from."""
_BREAKS = frozenset(("p", "br", "cr", "tab", "si", "is", "comment", "cm", "pt"))
"""Other elements that end one."""
MANY_DIGITS = 10**10
"""From here on a number is written as it is."""


def write_document(kind: str, octets: bytes, out: Markup, habits: Habits) -> None:
    """A document as it is shown, and what is not shown of it. Raises Unreadable."""
    _document(kind, octets, out, habits, MAX_EMBEDDED)


def _document(kind: str, octets: bytes, out: Markup, habits: Habits, left: int) -> None:
    start = out.pieces
    readers.reader(readers.DOCUMENTS[kind])(octets, out, habits)
    if kind == "pdf":  # whose reader writes all of it
        return
    shown = out.finish(start)
    text = html_to_text(_SHEET_NAME.sub("", shown) if kind in ("xlsx", "odf") and "<p" not in shown else shown)
    out.says_nothing(text, pictures=_members(octets, out, habits, left))


def _members(octets: bytes, out: Markup, habits: Habits, left: int) -> bool:
    """Whether there are pictures among them."""
    pictures = False
    with archives.opened(octets) as archive:
        for name in archive.namelist():
            pictures = pictures or _PICTURE.fullmatch(name) is not None
            if _WORDS.fullmatch(name):
                out.lines(_words(archive, name, out, habits))
            elif ending(name) in DOCUMENTS and left:
                left -= 1
                _embedded(archive, name, out, habits)
            elif _EMBEDDED.fullmatch(name) or ending(name) in _FILES:
                out.cut = True
    return pictures


def _words(archive: zipfile.ZipFile, name: str, out: Markup, habits: Habits) -> str:
    text = _Text(habits)
    try:
        parser = defusedxml.ElementTree.DefusedXMLParser(target=text, forbid_dtd=True)
        parser.feed(archives.read(archive, name, MAX_MEMBER))
        parser.close()
    except (Unreadable, SyntaxError, ValueError):  # defusedxml's refusals are ValueErrors
        out.cut = True
    return "".join(text.pieces)


def _embedded(archive: zipfile.ZipFile, name: str, out: Markup, habits: Habits) -> None:
    """A document in the document: the table that a diagram is drawn from, mostly."""
    kind = DOCUMENTS[ending(name)]
    try:
        octets = archives.read(archive, name)
        _document(kind, octets, out, habits, 0)
    except Exception:  # noqa: BLE001 - whatever a reader trips over is the file's fault, and costs nothing else
        out.cut = True


class _Text:
    """Takes what the parser finds."""

    def __init__(self, habits: Habits) -> None:
        self.pieces: list[str] = []
        self._habits = habits
        self._said: list[bool] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        name = tag.rpartition("}")[2]
        is_open = tag.startswith(_OPEN)
        self._said.append(is_open or name in _SAYS or tag == _CHART_VALUE)
        if name in _BREAKS or (self._said[-1] and name not in _RUNS):
            self.pieces.append("\n")
        if value := attributes.get(_VALUE):
            self._number(value)
        if name in _KEPT and (kept := attributes.get("v")):
            self.pieces.append(f"\n{kept}\n")
            self._number(kept)

    def end(self, tag: str) -> None:
        """An element ends."""
        self._said.pop()
        if tag.rpartition("}")[2] == "p":
            self.pieces.append("\n")

    def data(self, text: str) -> None:
        """Characters of the innermost element."""
        if self._said and self._said[-1]:
            self.pieces.append(text)

    def close(self) -> None:
        """The end."""

    def _number(self, value: str) -> None:
        try:
            number = float(value)
        except ValueError:
            return
        if abs(number) >= MANY_DIGITS:
            self.pieces.append(f"\n{self._habits.number(number)}\n")
