"""Criteria -> the messages of an account that meet them (RFC 3501 section 6.4.4).

What rows know (flags, dates, sizes: `row_tests`) is tested on rows; what texts know is asked of the account's index
segments first and of the texts themselves where the index cannot be sure. A content that nobody indexed
yet is read from its octets: an answer is the same before and after indexing, and as a search of every
decoded text would give it.

Texts compare folded (`mime.body.text.fold`): no case, no accents, any run of blanks one space. A header field is
one line; what is searched does not reach from one field into the next.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from typing import overload

from sqlalchemy import bindparam, select

from mailserver.model.budget import Budget
from mailserver.model.messages.criteria import (
    All,
    And,
    AttachmentNamed,
    Body,
    Criterion,
    Header,
    Not,
    Numbers,
    Or,
    Text,
    Uids,
    walk,
)
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.mail import mailboxes
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.mail.whole_mailboxes import states
from mailserver.store.octets.files import BlobFolder
from mailserver.store.schema.mail.messages import message
from mailserver.store.search.row_tests import CONTENT, UID, RowTests, Test
from mailserver.store.search.texts import Texts, Textual

SEARCH_SECONDS = 20.0
"""Of CPU for one search, but for reading what nobody has indexed yet: a thousand keys over a hundred thousand messages
would keep a thread for minutes."""
TESTED = 1000
"""Messages that are tested between two looks at the clock."""

_ROWS = Statement(
    select(
        message.c.uid,
        message.c.content_id,
        message.c.flags,
        message.c.modseq,
        message.c.internal_date,
        message.c.size,
        message.c.saved,
    )
    .where(message.c.mailbox_id == bindparam("mailbox"))
    .order_by(message.c.uid)
)
_BY_PAIRS = (All, And, Or, Not, Uids, Numbers, Header, Body, Text)
"""Criteria that ask rows for no more than UID and CONTENT."""
_PAIR_OCTETS = 16


def budget() -> Budget:
    """Of one search, made in the thread that runs it, and one where it runs twice (`read_slow_brief`)."""
    return Budget(SEARCH_SECONDS)


def search(tx: Tx, account_id: int, mailbox_id: int, criterion: Criterion, folder: BlobFolder) -> list[int]:
    """UIDs of the messages of a mailbox that meet a criterion, ascending. `folder`: where large octets are.

    Raises Refused(NO_SUCH_MAILBOX), Refused(LIMIT): it would take longer than SEARCH_SECONDS.
    """
    box = mailboxes.by_id(tx, account_id, mailbox_id)
    return among(tx, account_id, [box], criterion, folder)[box.id]


def among(
    tx: Tx,
    account_id: int,
    boxes: Sequence[Mailbox],
    criterion: Criterion,
    folder: BlobFolder,
    left: Budget | None = None,
) -> dict[int, list[int]]:
    """The same in these mailboxes of the account: mailbox id -> UIDs, nothing found or not. `left`: what a
    search may still take of which this is a part, or which has run before."""
    left = left or budget()
    terms = list(_conjuncts(criterion))
    costly = sorted(filter(_is_costly, terms), key=lambda term: not _leaves(term))
    cheap = [term for term in terms if not _is_costly(term)]
    read = _pairs if all(isinstance(term, _BY_PAIRS) for term in walk(criterion)) else _rows
    rows: dict[int, Sequence[Row]] = {}
    tests: dict[int, RowTests] = {}
    for box in boxes:
        here = read(tx, box)
        tests[box.id] = made = RowTests(tx, box, here)
        for term in cheap:
            here = _that_meet(made.test(term), here, left)
        rows[box.id] = here
    if costly:
        wanted = set().union(*map(_contents, rows.values()))
        leaves = [leaf for term in costly for leaf in _leaves(term)]
        hits = Texts(tx, account_id, folder, leaves, left).find(wanted)
        for mailbox_id, here in rows.items():
            made = tests[mailbox_id]
            made.hits = hits
            for term in costly:
                found = hits.get(term) if isinstance(term, Header | Body | Text) else None
                if found is None:
                    here = _that_meet(made.test(term), here, left)
                else:
                    here = _having(here, found)
            rows[mailbox_id] = here
    return {mailbox_id: [row[UID] for row in here] for mailbox_id, here in rows.items()}


def _that_meet(test: Test, rows: Sequence[Row], budget: Budget) -> list[Row]:
    """The rows that meet one term, which may be a tree of a thousand."""
    budget.check()
    if len(rows) <= TESTED:
        return list(filter(test, rows))
    kept: list[Row] = []
    for start in range(0, len(rows), TESTED):
        kept.extend(filter(test, rows[start : start + TESTED]))
        budget.check()
    return kept


def _conjuncts(criterion: Criterion) -> Iterator[Criterion]:
    """What must all hold."""
    if isinstance(criterion, And):
        for term in criterion.terms:
            yield from _conjuncts(term)
    else:
        yield criterion


def _is_costly(criterion: Criterion) -> bool:
    """Whether more than rows is asked for."""
    return any(isinstance(term, Header | Body | Text | AttachmentNamed) for term in walk(criterion))


def _rows(tx: Tx, box: Mailbox) -> Sequence[Row]:
    return tx.all(_ROWS, mailbox=box.id)


@dataclass(frozen=True, slots=True)
class _Pairs(Sequence[Row]):
    """Rows up to CONTENT, which are made when they are looked at."""

    uids: "array[int]"
    contents: "array[int]"

    def __len__(self) -> int:
        return len(self.uids)

    def __iter__(self) -> Iterator[Row]:
        return zip(self.uids, self.contents, strict=True)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        if isinstance(place, slice):
            return list(zip(self.uids[place], self.contents[place], strict=True))
        return self.uids[place], self.contents[place]


def _pairs(tx: Tx, box: Mailbox) -> Sequence[Row]:
    """Rows up to CONTENT. UIDs are only ever added at the end, and gone ones never come back: as long as the next
    one and the number of messages are the same, so are the rows."""
    state = (box.uidvalidity, box.uidnext, box.messages)
    known = tx.memory.get(("pairs", box.id))
    if known is not None and known[0] == state:
        return known[1]  # type: ignore[no-any-return]
    rows = _Pairs(*states.contents(tx, box))
    tx.memory.put(("pairs", box.id), (state, rows), _PAIR_OCTETS * len(rows))
    return rows


def _contents(rows: Sequence[Row]) -> Iterable[int]:
    return rows.contents if isinstance(rows, _Pairs) else [row[CONTENT] for row in rows]


def _having(rows: Sequence[Row], found: Set[int]) -> list[Row]:
    """The rows of these contents."""
    return [row for row in rows if row[CONTENT] in found] if found else []


def _leaves(criterion: Criterion) -> list[Textual]:
    """The criteria about texts in a tree, each once."""
    return list(dict.fromkeys(term for term in walk(criterion) if isinstance(term, Header | Body | Text)))
