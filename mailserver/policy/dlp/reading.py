"""All that is text in a letter, and the documents that a process of its own reads. Pure, and bounded."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.mime.body import parser, structure
from mailserver.mime.body.structure import Part
from mailserver.mime.body.text import MAX_TEXT, html_to_text, readable
from mailserver.mime.header import headers
from mailserver.previews import kinds

MAX_DOCUMENTS = 4
MAX_DOCUMENT = 4 * 1024 * 1024
"""Encoded octets of one that is read."""
ZIP = "zip"
MAX_SAVED = 1
"""Saved messages within each other."""
MAX_SAVED_OCTETS = 64 * 1024 * 1024
"""Of all saved messages of a letter, encoded: some may claim to hold each other without being one in the other."""
MAX_NAME = 100
MAX_NAMES = 50
"""Names of files that are looked at."""
_TYPES = {
    "application/pdf": "pdf",
    **{
        f"application/vnd.openxmlformats-officedocument.{name}": kind
        for name, kind in (
            ("wordprocessingml.document", "docx"),
            ("spreadsheetml.sheet", "xlsx"),
            ("presentationml.presentation", "pptx"),
        )
    },
    **dict.fromkeys(("application/zip", "application/x-zip-compressed"), ZIP),
    **dict.fromkeys(("application/rtf", "text/rtf"), "rtf"),
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    **{f"application/vnd.oasis.opendocument.{name}": "odf" for name in ("text", "spreadsheet", "presentation")},
}
"""The same for files that have no name, or one without such an ending."""
_UNSEEN = ("audio/", "video/", "font/", "image/")
"""Types of files of which nothing is said. In a picture something may be written, but photographs leave every day: what
is said each time nobody reads any more, where it matters either."""


@dataclass(frozen=True, slots=True)
class Document:
    """An attached file that a program of its own reads."""

    kind: str
    name: str
    octets: bytes


@dataclass(frozen=True, slots=True)
class Read:
    """What a letter says."""

    texts: Sequence[tuple[str, str]]
    """The name of the file and what stands in it; no name: the letter itself."""
    documents: Sequence[Document]
    left: Sequence[str]
    """Names of documents that are too many or too large to be read, of text of which not all was, and of files that
    nobody here can read."""


def read(octets: bytes) -> Read:
    """Look a letter through, attached messages included."""
    reading = _Reading()
    reading.message(octets, "")
    return Read(reading.texts, reading.documents, reading.left)


class _Reading:
    """What is found so far, in a letter and in the messages that are saved in it."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []
        self.documents: list[Document] = []
        self.left: list[str] = []
        self._room = MAX_TEXT
        self._saved_room = MAX_SAVED_OCTETS

    def message(self, octets: bytes, saved_as: str, depth: int = 0) -> None:
        """The letter, or a message in it that is a file of this name."""
        root = structure.build(parser.parse(octets))
        self.texts += ((saved_as, headers.clean(one.header(octets, "Subject"))) for one in root.messages())
        for part in root.leaves():
            name = name_of(part) or saved_as
            if part.filename and len(self.texts) < MAX_NAMES:
                self.texts.append((name, name))
            if _is_saved_message(part):
                if depth < MAX_SAVED and part.size <= self._saved_room:
                    self._saved_room -= part.size
                    self.message(part.content(octets), name, depth + 1)
                else:
                    self.left.append(name)
            else:
                self._part(part, octets, name)

    def _part(self, part: Part, octets: bytes, name: str) -> None:
        if kind := _kind(part):
            if len(self.documents) < MAX_DOCUMENTS and part.size <= MAX_DOCUMENT:
                document = part.content(octets, MAX_DOCUMENT)
                kind = kinds.kind_of_old(kind, document) if kind in kinds.OLD else kind
                self.documents.append(Document(kind, name, document))
            else:
                self.left.append(name)
        elif _is_text(part):
            if part.size > self._room:
                self.left.append(name)
            if size := min(part.size, self._room):
                self._room -= size
                self.texts.append((name, _text(part, octets, size)))
        elif part.size and _is_unread(part):
            self.left.append(name)


def name_of(part: Part) -> str:
    """What a file is called."""
    return headers.clean(part.filename)[:MAX_NAME]


def _is_saved_message(part: Part) -> bool:
    """Whether a part is a message that its program attached as a file, so that it is not one of the parts here."""
    return part.type in ("message/rfc822", "message/global") or kinds.ending(part.filename) == kinds.MESSAGE


def _kind(part: Part) -> str:
    """How a document is read; empty for other files."""
    ending = kinds.ending(part.filename)
    if ending in kinds.TEXTS:
        return ""
    known = kinds.DOCUMENTS.get(ending) or kinds.OLD.get(ending) or (ZIP if ending == ZIP else "")
    return known or _TYPES.get(part.type, "")


def _is_text(part: Part) -> bool:
    return part.type.startswith(("text/", "message/")) or kinds.ending(part.filename) in kinds.TEXTS


def _is_unread(part: Part) -> bool:
    """Whether a part that nobody here can read is one that its author is told of: an archive, a document of another
    kind. Not what signs the letter."""
    return part.is_attachment and not part.type.startswith(_UNSEEN)


def _text(part: Part, octets: bytes, size: int) -> str:
    if part.type.startswith("text/") and (part.charset or part.type != "text/plain"):
        return readable(part, part.text(octets, size))
    text = kinds.decoded(part.content(octets, size))
    return html_to_text(text) if kinds.ending(part.filename) in ("htm", "html") else text
