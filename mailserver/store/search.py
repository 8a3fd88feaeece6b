"""Criteria -> the messages of an account that meet them (RFC 3501 section 6.4.4).

What rows know (flags, dates, sizes) is tested on rows; what texts know is asked of the account's index
segments first and of the texts themselves where the index cannot be sure. A content that nobody indexed
yet is read from its octets: an answer is the same before and after indexing, and as a search of every
decoded text would give it.

Texts compare folded (`mime.text.fold`): no case, no accents, any run of blanks one space. A header field is
one line; what is searched does not reach from one field into the next.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from sqlalchemy import bindparam, select

from mailserver.criteria import (
    STAR,
    All,
    And,
    Body,
    Criterion,
    Flag,
    HasAttachment,
    Header,
    Larger,
    ModSeq,
    Not,
    Numbers,
    Or,
    Received,
    Recent,
    Relation,
    Sent,
    Smaller,
    Text,
    Uids,
    walk,
)
from mailserver.mime import dates
from mailserver.mime.text import fold
from mailserver.store import blobs, index, mailboxes
from mailserver.store.flags import known_mask
from mailserver.store.mailboxes import Mailbox
from mailserver.store.schema.mail import content, message
from mailserver.store.statements import Row, Statement, Tx
from mailserver.store.vocabulary import Fragment, Reader, fragments, is_exact

CHUNK = 500
"""Contents of one IN list."""

_EPOCH = date(1970, 1, 1).toordinal()
_SENT = re.compile(rb'\("((?:[^"\\]++|\\.)*+)"')

Textual = Header | Body | Text

_ROWS = Statement(
    select(
        message.c.uid,
        message.c.content_id,
        message.c.flags,
        message.c.modseq,
        message.c.internal_date,
        message.c.size,
    )
    .where(message.c.mailbox_id == bindparam("mailbox"))
    .order_by(message.c.uid)
)
_FACTS = Statement(
    select(content.c.id, content.c.sent_at, content.c.attachments)
    .join(message, message.c.content_id == content.c.id)
    .where(message.c.mailbox_id == bindparam("mailbox"))
)
UID, CONTENT, FLAGS, MODSEQ, DATE, SIZE = range(6)


def search(tx: Tx, account_id: int, mailbox_id: int, criterion: Criterion, folder: Path) -> list[int]:
    """UIDs of the messages of a mailbox that meet a criterion, ascending. `folder`: where large octets are.

    Raises Refused(NO_SUCH_MAILBOX).
    """
    box = mailboxes.by_id(tx, account_id, mailbox_id)
    return _search(tx, account_id, [box], criterion, folder)[box.id]


def everywhere(tx: Tx, account_id: int, criterion: Criterion, folder: Path) -> dict[int, list[int]]:
    """The same in every mailbox of the account: mailbox id -> UIDs, only where something was found."""
    found = _search(tx, account_id, mailboxes.listing(tx, account_id), criterion, folder)
    return {mailbox_id: uids for mailbox_id, uids in found.items() if uids}


def _search(
    tx: Tx, account_id: int, boxes: Sequence[Mailbox], criterion: Criterion, folder: Path
) -> dict[int, list[int]]:
    terms = criterion.terms if isinstance(criterion, And) else (criterion,)
    cheap = [term for term in terms if not _leaves(term)]
    costly = [term for term in terms if _leaves(term)]
    rows: dict[int, list[Row]] = {}
    tests: dict[int, _Tests] = {}
    for box in boxes:
        here = tx.all(_ROWS, mailbox=box.id)
        tests[box.id] = made = _Tests(tx, box, here)
        for term in cheap:
            here = list(filter(made.test(term), here))
        rows[box.id] = here
    if costly:
        wanted = {row[CONTENT] for here in rows.values() for row in here}
        leaves = [leaf for term in costly for leaf in _leaves(term)]
        hits = _Texts(tx, account_id, folder, leaves).find(wanted)
        for mailbox_id, here in rows.items():
            made = tests[mailbox_id]
            made.hits = hits
            for term in costly:
                here = list(filter(made.test(term), here))
            rows[mailbox_id] = here
    return {mailbox_id: [row[UID] for row in here] for mailbox_id, here in rows.items()}


def _leaves(criterion: Criterion) -> list[Textual]:
    """The criteria about texts in a tree, each once."""
    return list(dict.fromkeys(one for one in walk(criterion) if isinstance(one, Header | Body | Text)))


# ---------------------------------------------------------------------- what rows know

Test = Callable[[Row], bool]


@dataclass(slots=True)
class _Tests:
    """Criteria as tests of the rows of one mailbox."""

    tx: Tx
    box: Mailbox
    rows: Sequence[Row]
    hits: dict[Textual, set[int]] = field(default_factory=dict)
    _facts: dict[int, tuple[int, int]] | None = None

    def test(self, criterion: Criterion) -> Test:
        match criterion:
            case All():
                return lambda row: True
            case And(terms):
                tests = [self.test(term) for term in terms]
                return lambda row: all(test(row) for test in tests)
            case Or(terms):
                tests = [self.test(term) for term in terms]
                return lambda row: any(test(row) for test in tests)
            case Not(term):
                inner = self.test(term)
                return lambda row: not inner(row)
            case Header() | Body() | Text():
                found = self.hits[criterion]
                return lambda row: row[CONTENT] in found
            case Received(relation, day):
                return self._received(relation, day)
            case Sent(relation, day):
                return self._sent(relation, day)
            case _:
                return self._plain(criterion)

    def _plain(self, criterion: Criterion) -> Test:
        match criterion:
            case Flag(name):
                mask, _ = known_mask((name,), mailboxes.keywords(self.tx, self.box.id))
                return lambda row: bool(row[FLAGS] & mask)
            case Larger(octets):
                return lambda row: row[SIZE] > octets
            case Smaller(octets):
                return lambda row: row[SIZE] < octets
            case ModSeq(value):
                return lambda row: row[MODSEQ] >= value
            case Recent():
                return lambda row: row[UID] >= self.box.recent
            case Uids(ranges):
                last = self.rows[-1][UID] if self.rows else 0
                return _within(UID, ranges, last)
            case Numbers(ranges):
                numbers = {row[UID]: number for number, row in enumerate(self.rows, 1)}
                inside = _within(0, ranges, len(self.rows))
                return lambda row: inside((numbers[row[UID]],))
            case HasAttachment():
                facts = self.facts
                return lambda row: facts[row[CONTENT]][1] > 0
        raise AssertionError(criterion)

    @property
    def facts(self) -> dict[int, tuple[int, int]]:
        """(sent at, attachments) of every content of the mailbox."""
        if self._facts is None:
            rows = self.tx.all(_FACTS, mailbox=self.box.id)
            self._facts = {content_id: (sent_at, attachments) for content_id, sent_at, attachments in rows}
        return self._facts

    def _received(self, relation: Relation, day: date) -> Test:
        start = (day.toordinal() - _EPOCH) * 86400
        match relation:
            case Relation.BEFORE:
                return lambda row: row[DATE] < start
            case Relation.SINCE:
                return lambda row: row[DATE] >= start
            case Relation.ON:
                return lambda row: start <= row[DATE] < start + 86400

    def _sent(self, relation: Relation, day: date) -> Test:
        """By the day as the sender wrote it. The instant tells it but for a day either way; only where
        that matters the field is read. A message without a date was sent when it came."""
        wanted = day.toordinal()
        facts = self.facts
        days: dict[int, int] = {}
        unsure = []
        for row in self.rows:
            instant = facts[row[CONTENT]][0] or row[DATE]
            days[row[CONTENT]] = instant // 86400 + _EPOCH
            if facts[row[CONTENT]][0] and abs(days[row[CONTENT]] - wanted) <= 1:
                unsure.append(row[CONTENT])
        for start in range(0, len(unsure), CHUNK):
            envelopes = select(content.c.id, content.c.envelope).where(content.c.id.in_(unsure[start : start + CHUNK]))
            for content_id, envelope in map(tuple, self.tx.execute(envelopes)):
                moment = _written(envelope)
                if moment is not None:
                    days[content_id] = moment.day
        match relation:
            case Relation.BEFORE:
                return lambda row: days[row[CONTENT]] < wanted
            case Relation.SINCE:
                return lambda row: days[row[CONTENT]] >= wanted
            case Relation.ON:
                return lambda row: days[row[CONTENT]] == wanted


def _within(place: int, ranges: Sequence[tuple[int, int]], last: int) -> Test:
    """A test that a row's number is in one of the ranges, STAR being the last one."""
    spans = [sorted((last if low == STAR else low, last if high == STAR else high)) for low, high in ranges]
    if len(spans) > 20:
        numbers = _Spans(spans)
        return lambda row: row[place] in numbers
    return lambda row: any(low <= row[place] <= high for low, high in spans)


class _Spans:
    """Many ranges, sorted and joined, so that each test is one bisection."""

    def __init__(self, spans: Sequence[Sequence[int]]) -> None:
        self._lows: list[int] = []
        self._highs: list[int] = []
        for low, high in sorted((low, high) for low, high in spans):
            if self._highs and low <= self._highs[-1] + 1:
                self._highs[-1] = max(self._highs[-1], high)
            else:
                self._lows.append(low)
                self._highs.append(high)

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._lows, number) - 1
        return place >= 0 and number <= self._highs[place]


def _written(envelope: bytes) -> dates.Moment | None:
    """The moment in the Date field, which is an ENVELOPE's first string."""
    found = _SENT.match(envelope)
    return dates.parse(found.group(1).decode("ascii")) if found else None


# ---------------------------------------------------------------------- what texts know


@dataclass(frozen=True, slots=True)
class _Needle:
    """A criterion about texts, ready to be compared."""

    leaf: Textual
    text: bytes
    """Folded, in UTF-8 as the texts are."""
    prefix: bytes
    """For one header field: what its line begins with."""
    parts: tuple[Fragment, ...]
    """What a vocabulary is asked for."""
    exact: bool
    """A vocabulary's answer is sure."""
    header: bool
    body: bool

    def looks_in(self, name: index.Field) -> bool:
        """Whether the criterion is about the header, or the body."""
        return self.header if name == "header" else self.body

    def holds(self, header: bytes, body: bytes) -> bool:
        """Whether these folded texts meet the criterion."""
        if self.prefix:
            return any(self.text in line for line in self._lines(header))
        return (self.header and self.text in header) or (self.body and self.text in body)

    def _lines(self, header: bytes) -> Iterator[bytes]:
        at = header.find(self.prefix)
        while at >= 0:
            start = at + len(self.prefix)
            end = header.find(b"\n", start)
            yield header[start:end].removeprefix(b" ")
            at = header.find(self.prefix, end)


def _needle(leaf: Textual) -> _Needle:
    folded = fold(leaf.text)
    if isinstance(leaf, Header):
        prefix = f"\n{leaf.field.strip().lower()}:"
        parts = fragments(folded) or fragments(prefix)
        return _Needle(leaf, _utf8(folded), _utf8(prefix), parts, exact=False, header=True, body=False)
    exact = is_exact(folded)
    return _Needle(leaf, _utf8(folded), b"", fragments(folded), exact, header=isinstance(leaf, Text), body=True)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")


class _Texts:
    """Answers the textual criteria of one search for the contents of one account."""

    def __init__(self, tx: Tx, account_id: int, folder: Path, leaves: Sequence[Textual]) -> None:
        self._tx = tx
        self._account_id = account_id
        self._folder = folder
        self._needles = [_needle(leaf) for leaf in leaves]
        self._hits: dict[Textual, set[int]] = {leaf: set() for leaf in leaves}
        self._doubts: dict[int, list[_Needle]] = {}

    def find(self, wanted: set[int]) -> dict[Textual, set[int]]:
        """For each criterion, which of these contents meet it."""
        unknown = set(wanted)
        for segment_id, docs in index.documents(self._tx, self._account_id):
            here = unknown.intersection(docs)
            if here:
                unknown -= here
                self._ask(segment_id, docs, here)
        for content_id in unknown:
            self._doubts[content_id] = self._needles
        self._verify()
        return self._hits

    def _ask(self, segment_id: int, docs: Sequence[int], here: set[int]) -> None:
        """Ask one segment: what it is sure of is found, what it is not is to be looked at."""
        loose = {docs[number] for number in index.loose(self._tx, segment_id)} & here
        readers = {
            name: Reader(index.words(self._tx, segment_id, name), len(docs))
            for name in index.FIELDS
            if any(needle.looks_in(name) for needle in self._needles)
        }
        for needle in self._needles:
            found: set[int] = set()
            for name, reader in readers.items():
                if needle.looks_in(name):
                    found.update(docs[number] for number in reader.find(needle.parts))
            found &= here
            if needle.exact:
                self._hits[needle.leaf] |= found - loose
                found = loose
            for content_id in found | loose:
                self._doubts.setdefault(content_id, []).append(needle)

    def _verify(self) -> None:
        """Look at the texts of what is in doubt, a batch at a time."""
        doubtful = sorted(self._doubts)
        body = any(needle.body for needles in self._doubts.values() for needle in needles)
        for start in range(0, len(doubtful), CHUNK):
            batch = doubtful[start : start + CHUNK]
            without = set(batch)
            for content_id, header, frame in index.stored_texts(self._tx, batch, body=body):
                without.discard(content_id)
                self._compare(content_id, blobs.expand(header), blobs.expand(frame) if frame is not None else b"")
            for source in index.sources(self._tx, sorted(without)) if without else ():
                texts = index.extract(self._folder, source)
                self._compare(texts.content_id, texts.header, texts.body)

    def _compare(self, content_id: int, header: bytes, body: bytes) -> None:
        for needle in self._doubts[content_id]:
            if needle.holds(header, body):
                self._hits[needle.leaf].add(content_id)
