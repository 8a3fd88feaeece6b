"""What rows know: criteria about flags, dates, sizes, numbers and identifiers, as tests of the rows of one mailbox.

What texts know is in `texts`; a criterion about them is tested here by the contents that were found there.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo

from sqlalchemy import bindparam, select

from mailserver.mime.body.structure import unpack
from mailserver.mime.body.text import fold
from mailserver.mime.header import dates
from mailserver.model.messages import objectids
from mailserver.model.messages.criteria import (
    STAR,
    All,
    And,
    AttachmentNamed,
    Body,
    Criterion,
    EmailId,
    Flag,
    HasAttachment,
    Header,
    Larger,
    ModSeq,
    Not,
    Numbers,
    Older,
    Or,
    Received,
    Recent,
    Relation,
    Saved,
    Sent,
    Smaller,
    Text,
    ThreadId,
    Uids,
    Younger,
)
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.mail import mailboxes
from mailserver.store.mail.flags import known_mask
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.schema.mail.messages import content, message
from mailserver.store.search.texts import CHUNK, Textual

_EPOCH = date(1970, 1, 1).toordinal()
_DAY = timedelta(days=1)
_SENT = re.compile(rb'\("((?:[^"\\]++|\\.)*+)"')

_FACTS = Statement(
    select(content.c.id, content.c.sent_at, content.c.attachments)
    .join(message, message.c.content_id == content.c.id)
    .where(message.c.mailbox_id == bindparam("mailbox"))
)
_BY_HASH = Statement(select(content.c.id).where(content.c.hash.between(bindparam("low"), bindparam("high"))))
_PARTS = Statement(select(content.c.parts).where(content.c.id == bindparam("content")))
_THREADS = Statement(
    select(content.c.id, content.c.refs, content.c.in_reply_to, content.c.message_id)
    .join(message, message.c.content_id == content.c.id)
    .where(message.c.mailbox_id == bindparam("mailbox"))
)
UID, CONTENT, FLAGS, MODSEQ, DATE, SIZE, SAVED = range(7)
"""Places in a row that is tested."""

Test = Callable[[Row], bool]


@dataclass(slots=True)
class RowTests:
    """Criteria as tests of the rows of one mailbox."""

    tx: Tx
    box: Mailbox
    rows: Sequence[Row]
    hits: dict[Textual, set[int]] = field(default_factory=dict)
    _facts: dict[int, tuple[int, int]] | None = None
    _days: "_Days | None" = None

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
            case Received(relation, day, zone):
                return self._came(DATE, relation, day, zone)
            case Saved(relation, day):
                return self._came(SAVED, relation, day)
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
            case Older(seconds):
                latest = self.tx.now - seconds
                return lambda row: row[DATE] <= latest
            case Younger(seconds):
                earliest = self.tx.now - seconds
                return lambda row: row[DATE] >= earliest
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
            case AttachmentNamed(text):
                wanted = fold(text)
                return lambda row: any(wanted in name for name in self._names(row[CONTENT]))
            case EmailId() | ThreadId():
                contents = self._identified(criterion)
                return lambda row: row[CONTENT] in contents
        raise AssertionError(criterion)

    @property
    def facts(self) -> dict[int, tuple[int, int]]:
        """(sent at, attachments) of every content of the mailbox."""
        if self._facts is None:
            rows = self.tx.all(_FACTS, mailbox=self.box.id)
            self._facts = {content_id: (sent_at, attachments) for content_id, sent_at, attachments in rows}
        return self._facts

    def _identified(self, criterion: EmailId | ThreadId) -> frozenset[int]:
        """The contents with an object identifier; of a thread those of the mailbox."""
        if isinstance(criterion, EmailId):
            hashes = objectids.content_hashes(criterion.value)
            if hashes is None:
                return frozenset()
            return frozenset(row[0] for row in self.tx.all(_BY_HASH, low=hashes[0], high=hashes[1]))
        rows = self.tx.all(_THREADS, mailbox=self.box.id)
        return frozenset(row[0] for row in rows if objectids.thread_id(row[1] or row[2] or row[3]) == criterion.value)

    def _names(self, content_id: int) -> list[str]:
        """The names of a content's attachments, folded. Asked for one at a time: other criteria left few."""
        row = self.tx.one(_PARTS, content=content_id)
        return [fold(part.filename) for part in unpack(row[0]).attachments() if part.filename] if row else []

    def _came(self, column: int, relation: Relation, day: date, zone: tzinfo | None = None) -> Test:
        """By the day, in UTC or another zone, of one of the message's two dates."""
        start = _midnight(day, zone)
        end = _midnight(day + _DAY, zone) if day < date.max else start + 86400
        match relation:
            case Relation.BEFORE:
                return lambda row: row[column] < start
            case Relation.SINCE:
                return lambda row: row[column] >= start
            case Relation.ON:
                return lambda row: start <= row[column] < end

    def _sent(self, relation: Relation, day: date) -> Test:
        """By the day as the sender wrote it."""
        if self._days is None:
            self._days = _Days(self.tx, self.rows, self.facts)
        wanted = day.toordinal()
        days = self._days.around(wanted)
        match relation:
            case Relation.BEFORE:
                return lambda row: days[row[CONTENT]] < wanted
            case Relation.SINCE:
                return lambda row: days[row[CONTENT]] >= wanted
            case Relation.ON:
                return lambda row: days[row[CONTENT]] == wanted


def _midnight(day: date, zone: tzinfo | None) -> int:
    """When a day begins, in seconds since the epoch."""
    offset = datetime.combine(day, time(), zone).utcoffset() if zone is not None else None
    return (day.toordinal() - _EPOCH) * 86400 - int(offset.total_seconds() if offset else 0)


class _Days:
    """The days on which the contents of a mailbox were sent, as their senders wrote them.

    The instant tells it but for a day either way; only where that matters the field is read, once for all terms of a
    search. A message without a date was sent when it came.
    """

    def __init__(self, tx: Tx, rows: Sequence[Row], facts: Mapping[int, tuple[int, int]]) -> None:
        self._tx = tx
        self._days: dict[int, int] = {}
        self._unread: dict[int, set[int]] = {}
        """The contents whose field was not read, by the day of their instant."""
        for row in rows:
            sent = facts[row[CONTENT]][0]
            day = self._days[row[CONTENT]] = (sent or row[DATE]) // 86400 + _EPOCH
            if sent:
                self._unread.setdefault(day, set()).add(row[CONTENT])

    def around(self, wanted: int) -> Mapping[int, int]:
        """The day of each content, certain as far as it may be this one."""
        unsure = sorted(set().union(*(self._unread.pop(day, ()) for day in range(wanted - 1, wanted + 2))))
        for start in range(0, len(unsure), CHUNK):
            envelopes = select(content.c.id, content.c.envelope).where(content.c.id.in_(unsure[start : start + CHUNK]))
            for content_id, envelope in map(tuple, self._tx.execute(envelopes)):
                moment = _written(envelope)
                if moment is not None:
                    self._days[content_id] = moment.day
        return self._days


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
