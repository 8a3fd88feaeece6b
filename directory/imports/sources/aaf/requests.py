"""Octets of an AAF file -> requests: a push parser over expat, without input or output of its own.

The DTD of the ministry (`ficAlimMENESR.dtd`) is small: a root that holds `addRequest`, `modifyRequest` and
`deleteRequest`; each with `operationalAttributes`, `identifier` and `attributes` or `modifications`.

An export is a hostile file like any other. expat fetches nothing by itself; the document type may be named,
and its element declarations are passed over, but a declared entity ends the file (billion laughs, external
entities), and one that is used without being declared refuses its record. Every count and length is bounded
before it is kept, and so is what lies between two records, so a token that never ends is not read again and again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from xml.parsers import expat

from mailserver.mime.body.text import unescape
from mailserver.model.errors import BadSyntax
from mailserver.model.unicode import normalize
from mailserver.texts.causes import Cause

ROOT = "ficAlimMENESR"
MAX_RECORD = 4 << 20
"""Octets of one record; the largest there are, schools with all their groups, take some 100 KiB."""
MAX_VALUE = 65_536
"""Characters of one value."""
MAX_VALUES = 20_000
"""Values of one record, over all its attributes."""
MAX_NAME = 128
MAX_DEPTH = 16
BLOCK = 1 << 16
"""Octets given to expat at a time: what the bound of a record is precise to."""


class Verb(StrEnum):
    """What a request asks for."""

    ADD = "addRequest"
    MODIFY = "modifyRequest"
    DELETE = "deleteRequest"


@dataclass(frozen=True, slots=True)
class Request:
    """A record as it stands in the file. An attribute that is there without a value has an empty tuple."""

    verb: Verb
    category: str
    """`Eleve`, `PersEducNat`, `EtabEducNat` …: the value of the operational attribute."""
    id: str
    values: Mapping[str, tuple[str, ...]]
    line: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record of the wrong shape: well-formed, but not what the DTD allows, or beyond a bound."""

    line: int
    reason: Cause
    category: str = ""
    id: str = ""
    """Whom it is about, as far as could be read."""


_VERBS = frozenset(verb.value for verb in Verb)
_PARENTS: Mapping[str, frozenset[str]] = {
    "operationalAttributes": _VERBS,
    "identifier": _VERBS,
    "attributes": frozenset({Verb.ADD.value}),
    "modifications": frozenset({Verb.MODIFY.value}),
    "attr": frozenset({"operationalAttributes", "attributes"}),
    "modification": frozenset({"modifications"}),
    "id": frozenset({"identifier"}),
    "value": frozenset({"attr", "modification"}),
}
"""Where each element may stand, as the DTD says."""


class RequestReader:
    """One file. `feed` octets as they come; `close` at the end. Both raise BadSyntax when the file is not AAF."""

    def __init__(self) -> None:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._entity
        parser.SkippedEntityHandler = self._skipped
        self._parser = parser
        self._ready: list[Request | Unreadable] = []
        self._open: list[str] = []
        self._since = 0
        self._clear()

    def feed(self, octets: bytes) -> list[Request | Unreadable]:
        """The records that end in these octets."""
        for start in range(0, len(octets), BLOCK):
            block = octets[start : start + BLOCK]
            self._since += len(block)
            self._parse(block, False)
            if self._since > MAX_RECORD + BLOCK:
                raise self._broken(Cause("record-too-long", most=MAX_RECORD))
        ready, self._ready = self._ready, []
        return ready

    def close(self) -> list[Request | Unreadable]:
        """The end of the file. Raises BadSyntax when the file breaks off."""
        self._parse(b"", True)
        ready, self._ready = self._ready, []
        return ready

    def _parse(self, block: bytes, last: bool) -> None:
        try:
            self._parser.Parse(block, last)
        except expat.ExpatError as error:
            raise self._broken(Cause("not-xml", error=expat.ErrorString(error.code)), error.lineno) from None
        except (LookupError, UnicodeError, ValueError) as error:
            # An encoding that Python does not know, or that has more than one octet a character.
            raise self._broken(Cause("not-xml", error=str(error))) from None

    def _clear(self) -> None:
        """Ready for the next record."""
        self._line = 0
        self._id = self._category = ""
        self._fault: Cause | None = None
        self._values: dict[str, list[str]] = {}
        self._count = 0
        self._current: list[str] | None = None
        self._pieces: list[str] | None = None
        self._length = 0

    # ------------------------------------------------------------------ what expat calls

    def _doctype(self, name: str, system_id: str | None, public_id: str | None, has_internal_subset: bool) -> None:
        if name != ROOT:
            raise BadSyntax(Cause("not-aaf-type", name=name[:MAX_NAME]))

    def _entity(self, name: str, *declaration: object) -> None:
        # Billion laughs and external entities: nobody needs one here.
        raise self._broken(Cause("declares-entity", name=name[:MAX_NAME]))

    def _skipped(self, name: str, is_parameter_entity: bool) -> None:
        if not is_parameter_entity:
            self._refuse(Cause("unknown-entity", name=name[:MAX_NAME]))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        depth = len(self._open)
        if depth >= MAX_DEPTH:
            raise self._broken(Cause("too-deep", most=MAX_DEPTH))
        self._open.append(name)
        if depth == 0:
            if name != ROOT:
                raise BadSyntax(Cause("not-aaf-root", name=name[:MAX_NAME]))
        elif depth == 1:
            self._line = self._parser.CurrentLineNumber
            if name not in _VERBS:
                self._refuse(Cause("unknown-request", name=name[:MAX_NAME]))
        elif self._open[-2] not in _PARENTS.get(name, ()):
            self._refuse(Cause("misplaced", name=name[:MAX_NAME], around=self._open[-2][:MAX_NAME]))
        elif name in ("value", "id"):
            self._pieces, self._length = [], 0
        elif name in ("attr", "modification"):
            self._attribute(attributes)

    def _attribute(self, attributes: Mapping[str, str]) -> None:
        name = attributes.get("name", "")
        operation = attributes.get("operation", "replace")
        if not 0 < len(name) <= MAX_NAME:
            self._refuse(Cause("no-attribute-name"))
        elif operation != "replace":
            self._refuse(Cause("unknown-operation", field=name, operation=operation[:MAX_NAME]))
        else:
            self._current = self._values.setdefault(name, [])

    def _text(self, text: str) -> None:
        if self._pieces is None:
            return
        self._length += len(text)
        if self._length > MAX_VALUE:
            self._refuse(Cause("value-too-long", most=MAX_VALUE))
            self._pieces = None
        else:
            self._pieces.append(text)

    def _end(self, name: str) -> None:
        self._open.pop()
        depth = len(self._open)
        if depth == 1:
            self._ready.append(self._finished(name))
            self._since = 0
            self._clear()
        elif self._pieces is not None and name in ("value", "id"):
            self._keep(name, clean("".join(self._pieces)))
            self._pieces = None

    def _keep(self, name: str, text: str) -> None:
        self._count += 1
        if self._count > MAX_VALUES:
            self._refuse(Cause("too-many-values", most=MAX_VALUES))
        elif name == "id":
            self._id = text
        elif self._open[2] == "operationalAttributes":
            self._category = text
            # `categoriePersonne` itself is no attribute of the person.
            self._values = {}
        elif text and self._current is not None:
            self._current.append(text)

    def _broken(self, why: Cause, line: int = 0) -> BadSyntax:
        """The file cannot be read on from this line."""
        return BadSyntax(Cause("at-line", line=line or self._parser.CurrentLineNumber, why=why))

    def _refuse(self, reason: Cause) -> None:
        """The first thing that is wrong with the record is the one to tell."""
        self._fault = self._fault or reason

    def _finished(self, name: str) -> Request | Unreadable:
        if not self._fault and not self._category:
            self._refuse(Cause("no-category"))
        if not self._fault and not self._id:
            self._refuse(Cause("no-identifier"))
        if self._fault:
            return Unreadable(self._line, self._fault, self._category, self._id)
        values = {attribute: tuple(found) for attribute, found in self._values.items()}
        return Request(Verb(name), self._category, self._id, values, self._line)


def clean(text: str) -> str:
    """One line, composed characters, and what exports escape twice (`L&amp;apos;ISLE`) unescaped once more."""
    if "&" in text:
        text = unescape(text)
    text = " ".join(text.split())
    return text if text.isascii() else normalize("NFC", text)
