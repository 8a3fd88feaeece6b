"""The state of a whole mailbox as arrays: what a session that selects it holds, and what a search begins with.

Where nearly all messages are alike, the engine looks for the others. Else SQLite joins a column to one text
(`store.engine.column_concat`); where that says the same of all messages nothing of it is parsed, and UIDs without gaps
are not even read.
"""

from array import array
from collections.abc import Iterable, Sequence
from itertools import pairwise
from operator import add
from statistics import mode
from typing import TypeAlias

from sqlalchemy import BigInteger, ColumnElement, bindparam, or_, select

from mailserver.store.engine.column_concat import in_order, numbers, numbers_of, same
from mailserver.store.engine.statements import ManyStatement, Row, Statement, Tx
from mailserver.store.mail import messages
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.schema.mail.messages import message

Columns: TypeAlias = "tuple[array[int], array[int], array[int]]"
"""UIDs, ascending; flags and mod-sequences beside them."""
Pairs: TypeAlias = "tuple[array[int], array[int]]"
"""UIDs, ascending; the contents beside them."""

_HERE = message.c.mailbox_id == bindparam("box")
_FIRST = Statement(select(message.c.uid).where(_HERE).order_by(message.c.uid).limit(1))
_LAST = Statement(select(message.c.uid).where(_HERE).order_by(message.c.uid.desc()).limit(1))
_SOME = ManyStatement(select(message.c.uid, message.c.flags, message.c.modseq).where(_HERE), message.c.uid)
_ODD = Statement(
    select(message.c.uid, message.c.flags, message.c.modseq)
    .where(
        _HERE,
        or_(
            message.c.flags != bindparam("mask"),
            message.c.modseq - message.c.uid * bindparam("step", type_=BigInteger)
            != bindparam("more", type_=BigInteger),
        ),
    )
    .limit(bindparam("most"))
)
_FEW = 32
"""Unlike the others is at most so small a part of messages that are nearly all alike."""
_SAMPLES = 8
"""Pairs of neighbours that are looked at to learn what nearly all are like."""
_PAIRS = Statement(select(message.c.uid, message.c.content_id).where(_HERE).order_by(message.c.uid))


class _Texts:
    """Columns of a mailbox, by UID, each as one text; once without the UIDs, once with them behind."""

    def __init__(self, *columns: ColumnElement[int]) -> None:
        named = [column.label(f"column{place}") for place, column in enumerate((*columns, message.c.uid))]
        self._dense, self._sparse = (
            Statement(
                select(*map(numbers_of, in_order(select(*some).where(_HERE).order_by(message.c.uid)).subquery().c))
            )
            for some in (named[:-1], named)
        )

    def read(self, tx: Tx, box: Mailbox, first: int, last: int) -> tuple[Sequence[int], Row]:
        """The UIDs, of which the first and the last one are known, and the texts."""
        if last - first + 1 == box.messages:
            row = tx.one(self._dense, box=box.id)
            assert row is not None
            return range(first, last + 1), row
        row = tx.one(self._sparse, box=box.id)
        assert row is not None
        return numbers(row[-1]), row[:-1]


_STATES = _Texts(message.c.flags, message.c.modseq - message.c.uid)
_CONTENTS = _Texts(message.c.content_id - message.c.uid)


def read(tx: Tx, box: Mailbox) -> Columns:
    """Everything in a mailbox. Not scoped: the caller has opened it."""
    if tx.dialect != "sqlite":
        rows = messages.state(tx, box.id)
        uids, flags, modseqs = zip(*rows, strict=True) if rows else ((), (), ())
        return array("I", uids), array("Q", flags), array("Q", modseqs)
    first, last = tx.one(_FIRST, box=box.id), tx.one(_LAST, box=box.id)
    if first is None or last is None:
        return array("I"), array("Q"), array("Q")
    alike = _alike(tx, box, first[0]) if last[0] - first[0] + 1 == box.messages else None
    if alike is not None:
        return alike
    known, texts = _STATES.read(tx, box, first[0], last[0])
    return array("I", known), _flags(texts[0], len(known)), array("Q", _beyond(texts[1], known))


def _alike(tx: Tx, box: Mailbox, first: int) -> "Columns | None":
    """The same of a mailbox without gaps where nearly all messages have the same flags, and one mod-sequence (they
    were changed together) or mod-sequences in a row (they came one after the other); None of every other mailbox."""
    count = box.messages
    pairs = [first + count * place // _SAMPLES for place in range(_SAMPLES)]
    some = sorted(_SOME.rows(tx, [*pairs, *[uid + 1 for uid in pairs]], box=box.id))
    mask = mode(row[1] for row in some)
    step = mode(int(one[2] != other[2]) for one, other in pairwise(some)) if len(some) > 1 else 0
    more = mode(row[2] - row[0] * step for row in some)
    most = count // _FEW
    odd = tx.all(_ODD, box=box.id, mask=mask, step=step, more=more, most=most + 1)
    if len(odd) > most:
        return None
    flags = array("Q", (mask,)) * count
    modseqs = array("q", range(first + more, first + more + count)) if step else array("q", (more,)) * count
    for uid, other, modseq in odd:
        flags[uid - first], modseqs[uid - first] = other, modseq
    return array("I", range(first, first + count)), flags, array("Q", modseqs.tobytes())


def contents(tx: Tx, box: Mailbox) -> Pairs:
    """What each message of a mailbox contains. Not scoped either."""
    if tx.dialect != "sqlite":
        rows = tx.all(_PAIRS, box=box.id)
        uids, ids = zip(*rows, strict=True) if rows else ((), ())
        return array("I", uids), array("q", ids)
    first, last = tx.one(_FIRST, box=box.id), tx.one(_LAST, box=box.id)
    if first is None or last is None:
        return array("I"), array("q")
    known, texts = _CONTENTS.read(tx, box, first[0], last[0])
    return array("I", known), array("q", _beyond(texts[0], known))


def _flags(text: str, count: int) -> "array[int]":
    flags = same(text, count)
    return array("Q", numbers(text)) if flags is None else array("Q", (flags,)) * count


def _beyond(text: str, uids: Sequence[int]) -> Iterable[int]:
    """Numbers of which a text says what they are more than the UIDs beside them."""
    more = same(text, len(uids))
    if more is None:
        return map(add, numbers(text), uids)
    if isinstance(uids, range):
        return range(uids.start + more, uids.stop + more)
    return map(more.__add__, uids)
