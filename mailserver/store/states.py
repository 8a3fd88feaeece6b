"""The state of a whole mailbox as arrays: what a session that selects it holds, and what a search begins with.

SQLite joins a column to one text (`store.joined`). Where the text says the same of all messages nothing of it is
parsed, and UIDs without gaps are not even read.
"""

from array import array
from collections.abc import Iterable, Sequence
from operator import add
from typing import TypeAlias

from sqlalchemy import ColumnElement, bindparam, select

from mailserver.store import messages
from mailserver.store.joined import in_order, numbers, numbers_of, same
from mailserver.store.mailboxes import Mailbox
from mailserver.store.schema.mail import message
from mailserver.store.statements import Row, Statement, Tx

Columns: TypeAlias = "tuple[array[int], array[int], array[int]]"
"""UIDs, ascending; flags and mod-sequences beside them."""
Pairs: TypeAlias = "tuple[array[int], array[int]]"
"""UIDs, ascending; the contents beside them."""

_HERE = message.c.mailbox_id == bindparam("box")
_FIRST = Statement(select(message.c.uid).where(_HERE).order_by(message.c.uid).limit(1))
_LAST = Statement(select(message.c.uid).where(_HERE).order_by(message.c.uid.desc()).limit(1))
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

    def read(self, tx: Tx, box: Mailbox) -> tuple[Sequence[int], Row]:
        """The UIDs and the texts; no texts of an empty mailbox."""
        first, last = tx.one(_FIRST, box=box.id), tx.one(_LAST, box=box.id)
        if first is None or last is None:
            return (), ()
        if last[0] - first[0] + 1 == box.messages:
            row = tx.one(self._dense, box=box.id)
            assert row is not None
            return range(first[0], last[0] + 1), row
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
    known, texts = _STATES.read(tx, box)
    if not texts:
        return array("I"), array("Q"), array("Q")
    return array("I", known), _flags(texts[0], len(known)), array("Q", _beyond(texts[1], known))


def contents(tx: Tx, box: Mailbox) -> Pairs:
    """What each message of a mailbox contains. Not scoped either."""
    if tx.dialect != "sqlite":
        rows = tx.all(_PAIRS, box=box.id)
        uids, ids = zip(*rows, strict=True) if rows else ((), ())
        return array("I", uids), array("q", ids)
    known, texts = _CONTENTS.read(tx, box)
    return array("I", known), array("q", _beyond(texts[0], known) if texts else ())


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
