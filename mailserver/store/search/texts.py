"""What texts know: which contents of an account meet criteria about headers and bodies.

Texts compare folded. A criterion is asked of the account's segments first; where those cannot be sure, or do not
reach, the texts are looked at: a header field in the header alone, the rest in the stored texts or, failing
them, in the octets. Before anything is decoded or folded, octets that cannot match are passed over.
"""

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

import structlog

from mailserver.mime.body import folded_fields
from mailserver.mime.body.text import MAX_TEXT, fold
from mailserver.model.budget import Budget
from mailserver.model.errors import Damaged
from mailserver.model.messages.criteria import Body, Header, Text
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import blobs
from mailserver.store.octets.files import BlobFolder
from mailserver.store.search import content_texts, segments
from mailserver.store.search.field_texts import FieldTexts
from mailserver.store.search.header_cache import KeptLines, lines_of
from mailserver.store.search.vocabulary import Fragment, fragments, is_exact

log = structlog.get_logger("store")

CHUNK = 500
"""Contents of one IN list."""
REMEMBERED = 1000
"""Headers that one search may remember; of more it remembers the field it looked at."""

Textual = Header | Body | Text

_NAME = re.compile(r"[!-9;-~]{1,1000}")


@dataclass(frozen=True, slots=True)
class Needle:
    """A criterion about texts, ready to be compared."""

    leaf: Textual
    text: bytes
    """Folded, in UTF-8 as the texts are."""
    field: str
    """For one header field: its name in lower case."""
    lines: re.Pattern[bytes] | None
    """Finds that field's values in a header in lower case, behind a line feed."""
    kept: bytes
    """What stands before its value in the lines that the scan keeps of a header; empty when it keeps none of it."""
    piece: bytes
    """The longest part of the text without blanks: a plain ASCII value without it cannot have the text."""
    parts: tuple[Fragment, ...]
    """What a vocabulary is asked for."""
    exact: bool
    """A vocabulary's answer is sure."""
    header: bool
    body: bool

    def looks_in(self, name: segments.Field) -> bool:
        """Whether the criterion is about the header, or the body."""
        return self.header if name == "header" else self.body

    def holds(self, header: bytes, body: bytes) -> bool:
        """Whether these folded texts meet the criterion (which is not about one field)."""
        return (self.header and self.text in header) or (self.body and self.text in body)

    def values(self, sent: "SentHeader") -> list[bytes]:
        """The folded values of the criterion's field in a header as it was sent."""
        assert self.lines is not None
        return [sent.value(*line.span(1)) for line in self.lines.finditer(sent.lower)]

    def holds_field(self, sent: "SentHeader") -> bool:
        """Whether a header as it was sent meets the criterion about one field."""
        if self.lines is None:
            return False
        for found in self.lines.finditer(sent.lower):
            start, end = found.span(1)
            if not self.text:
                return True
            value = sent.lower[start:end]
            plain = value.isascii() and b"=?" not in value and not folded_fields.is_tangled(value)
            if plain and self.piece not in value:
                continue
            if self.text in sent.value(start, end):
                return True
        return False


class SentHeader:
    """A header in octets behind a line feed; what was decoded of it is kept. For any thread."""

    __slots__ = ("_octets", "_values", "lower")

    def __init__(self, octets: bytes) -> None:
        self._octets = b"\n" + octets[:MAX_TEXT]
        self.lower = self._octets.lower()
        self._values: dict[int, bytes] = {}

    @property
    def octets(self) -> int:
        """The room it takes when all of it was decoded."""
        return 4 * len(self._octets) + 1000

    def value(self, start: int, end: int) -> bytes:
        """The folded value of the field whose value's octets are there."""
        known = self._values.get(start)
        if known is None:
            name = self.lower[self.lower.rfind(b"\n", 0, start) + 1 : start].rstrip(b" \t:")
            known = self._values[start] = folded_fields.value(name, self._octets[start:end])
        return known


def needle(leaf: Textual) -> Needle:
    """Prepare a criterion."""
    folded = fold(leaf.text)
    text = _utf8(folded)
    piece = _utf8(max(folded.split(), key=len, default=""))
    if isinstance(leaf, Header):
        name = leaf.field.strip().lower()
        parts = fragments(folded) or fragments(f"\n{name}:")
        lines, kept = None, b""  # no field has such a name
        if _NAME.fullmatch(name):
            octets = name.encode("ascii")
            lines = re.compile(rb"\n%b[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)" % re.escape(octets))
            kept = b"\n%b: " % octets if octets in folded_fields.KEPT else b""
        return Needle(leaf, text, name, lines, kept, piece, parts, exact=False, header=True, body=False)
    in_header = isinstance(leaf, Text)
    return Needle(leaf, text, "", None, b"", piece, fragments(folded), is_exact(folded), header=in_header, body=True)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")


class Texts:
    """Answers the textual criteria of one search for the contents of one account."""

    def __init__(self, tx: Tx, account_id: int, folder: BlobFolder, leaves: Sequence[Textual], budget: Budget) -> None:
        self._tx = tx
        self._account_id = account_id
        self._folder = folder
        self._budget = budget
        self._needles = [needle(leaf) for leaf in leaves]
        self._hits: dict[Textual, set[int]] = {leaf: set() for leaf in leaves}
        self._doubts: dict[Needle, set[int]] = {sought: set() for sought in self._needles}
        self._lines: list[KeptLines] | None = None

    def find(self, wanted: set[int]) -> dict[Textual, set[int]]:
        """For each criterion, which of these contents meet it. Raises Refused(LIMIT) when the time is used up."""
        for sought in self._needles:
            self._budget.check()
            self._doubts[sought] = self._beyond_memory(sought, wanted)
        unknown = set(wanted) if any(self._doubts.values()) else set()
        for segment in segments.documents(self._tx, self._account_id) if unknown else ():
            here = segment.contents & unknown
            if here:
                unknown -= here
                self._ask(segment, here)
        self._verify_fields([sought for sought in self._needles if isinstance(sought.leaf, Header)])
        self._verify_texts([sought for sought in self._needles if not isinstance(sought.leaf, Header)])
        return self._hits

    def _ask(self, segment: segments.Documents, here: Set[int]) -> None:
        """Ask one segment: what it is sure of is found, what it is not is to be looked at."""
        for sought in self._needles:
            self._budget.check()
            doubts = self._doubts[sought]
            asked = here & doubts
            if not asked:
                continue
            loose = segment.loose & asked
            try:
                found = self._found(segment, sought) & asked
            except Damaged as error:
                log.error("a segment of the index is damaged: its texts are read", why=error.fault)
                continue
            doubts -= asked
            if sought.exact:
                self._hits[sought.leaf] |= found - loose
                doubts |= loose
            else:
                doubts |= found | loose

    def _found(self, segment: segments.Documents, sought: Needle) -> set[int]:
        """Which contents of a segment have the words of a criterion. Raises Damaged."""
        found: set[int] = set()
        for name in segments.FIELDS:
            if sought.looks_in(name) and len(found) < len(segment.docs) - len(segment.loose):
                reader = segments.reader(self._tx, segment, name)
                found.update(map(segment.docs.__getitem__, reader.find(sought.parts)))
        return found

    def _verify_fields(self, needles: Sequence[Needle]) -> None:
        """Look at headers as they were sent, a batch at a time; never at a body."""
        for sought in needles:
            if len(self._doubts[sought]) > REMEMBERED:
                self._doubts[sought] = self._remember(sought, self._doubts[sought])
        doubtful = sorted(set().union(*(self._doubts[sought] for sought in needles)))
        memory = self._tx.memory
        unread = []
        for content_id in doubtful:
            known = memory.get(("sent header", content_id))
            if known is None:
                unread.append(content_id)
            else:
                self._compare_fields(needles, content_id, known)
                self._budget.check()
        for batch in _batches(unread):
            for content_id, frame in content_texts.headers(self._tx, batch):
                sent = SentHeader(_expanded(frame))
                memory.put(("sent header", content_id), sent, sent.octets)
                self._compare_fields(needles, content_id, sent)
                self._budget.check()

    def _beyond_memory(self, one: Needle, wanted: set[int]) -> set[int]:
        """The contents of which neither what is remembered of the field tells nor what the scan kept of it."""
        if not isinstance(one.leaf, Header):
            return set(wanted)
        if one.lines is None:
            return set()
        doubts = self._beyond_lines(one, wanted) if one.kept else set(wanted)
        known: FieldTexts | None = self._tx.memory.get(self._name(one)) if doubts else None
        return doubts if known is None else self._settle(one, doubts, known)

    def _beyond_lines(self, one: Needle, wanted: set[int]) -> set[int]:
        """Take what the kept lines tell; of which contents nothing was kept."""
        if self._lines is None:
            self._lines = lines_of(self._tx, self._account_id, wanted)
        doubts: set[int] = set()
        for part in self._lines:
            self._budget.check()
            self._hits[one.leaf].update(wanted.intersection(part.find(one.text, one.kept)))
            doubts |= part.without & wanted
        return doubts

    def _remember(self, one: Needle, doubts: set[int]) -> set[int]:
        """Remember the field's values of these contents, too, and settle them."""
        known: FieldTexts = self._tx.memory.get(self._name(one)) or FieldTexts()
        known = known.more(self._values(one, sorted(doubts)))
        self._tx.memory.put(self._name(one), known, known.octets)
        return self._settle(one, doubts, known)

    def _settle(self, one: Needle, doubts: set[int], known: FieldTexts) -> set[int]:
        """Take what the values of a field tell; of which contents they do not."""
        self._hits[one.leaf].update(doubts.intersection(known.find(one.text)))
        return doubts.difference(known.docs)

    def _name(self, one: Needle) -> tuple[str, int, str]:
        return ("field", self._account_id, one.field)

    def _values(self, one: Needle, content_ids: Sequence[int]) -> Iterator[tuple[int, Sequence[bytes]]]:
        """The folded values of a criterion's field in each of these contents."""
        for batch in _batches(content_ids):
            for content_id, frame in content_texts.headers(self._tx, batch):
                yield content_id, one.values(SentHeader(_expanded(frame)))

    def _compare_fields(self, needles: Sequence[Needle], content_id: int, sent: SentHeader) -> None:
        for sought in needles:
            if content_id in self._doubts[sought] and sought.holds_field(sent):
                self._hits[sought.leaf].add(content_id)

    def _verify_texts(self, needles: Sequence[Needle]) -> None:
        """Look at the texts of what is in doubt, a batch at a time."""
        with_header = any(sought.header for sought in needles)
        for batch in _batches(sorted(set().union(*(self._doubts[sought] for sought in needles)))):
            without = set(batch)
            for content_id, header, body in content_texts.stored_texts(self._tx, batch, header=with_header):
                without.discard(content_id)
                texts = content_texts.Texts(
                    content_id, _expanded(header) if header is not None else b"", _expanded(body)
                )
                self._compare(needles, texts)
            for source in content_texts.sources(self._tx, sorted(without)) if without else ():
                with self._budget.paused():  # nobody has indexed it yet
                    found = content_texts.extract(self._folder, source, header=with_header)
                self._compare(needles, found)

    def _compare(self, needles: Iterable[Needle], texts: content_texts.Texts) -> None:
        self._budget.check()
        for sought in needles:
            if texts.content_id in self._doubts[sought] and sought.holds(texts.header, texts.body):
                self._hits[sought.leaf].add(texts.content_id)


def _expanded(frame: bytes) -> bytes:
    """Nothing is found in what is damaged; the search goes on."""
    try:
        return blobs.expand(frame)
    except Damaged as error:
        log.error("a stored text is damaged: nothing is found in it", why=error.fault)
        return b""


def _batches(content_ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (content_ids[start : start + CHUNK] for start in range(0, len(content_ids), CHUNK))
