"""The lines that the scan keeps of headers (`mime.body.folded_fields.KEPT`) of an account's contents, end to end in
memory.

They are read in one go, for all fields that people search by, and searched at the speed of memory. Contents never
change, so what is held is only ever added to. A content whose lines were not kept is told apart: its header is to be
read.
"""

import json
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import LargeBinary, Select, String, bindparam, column, func, literal, select

from mailserver.store.engine.column_concat import END, in_order, texts_of
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.mail.messages import content
from mailserver.store.search import content_texts

PORTION = 4096
"""Contents that are read, and searched, in one step: no other thread runs while a text is searched."""
FEW = 200
"""So few contents are read sooner than an account's lines are looked through."""
REMEMBERED = 1000
"""More contents than that are remembered; fewer, too, where the database is a server."""
_OCTETS = 16
"""Of the room that one content takes beside its lines."""


@dataclass(frozen=True, slots=True)
class KeptLines:
    """The lines of some contents: each line `name: value` between line feeds, END between contents."""

    docs: "array[int]"
    packed: bytes
    without: frozenset[int]
    """Contents whose lines were not kept."""

    @property
    def octets(self) -> int:
        """The room it takes."""
        return len(self.packed) + _OCTETS * len(self.docs)

    def find(self, text: bytes, before: bytes) -> Iterator[int]:
        """The contents that have this text in the value that stands behind `before`, a line feed and a field's name;
        those that have any value, when it is empty."""
        if b"\n" in text or END in text:
            return
        packed, docs = self.packed, self.docs
        number = counted = 0
        at = packed.find(text or before)
        while at >= 0:
            line = packed.rfind(b"\n", 0, at) if text else at
            value = line + len(before)
            if not packed.startswith(before, line):
                at = packed.find(before, at)
                if at >= 0:
                    at = packed.find(text, at + len(before))
            elif text and at < value:  # in the name
                at = packed.find(text, value)
            else:
                number += packed.count(END, counted, at)
                yield docs[number]
                counted = packed.find(END, at)
                at = packed.find(text or before, counted) if counted >= 0 else -1


def lines_of(tx: Tx, account_id: int, wanted: set[int]) -> list[KeptLines]:
    """The lines of at least these contents, which the account holds."""
    if not wanted:
        return []
    if tx.dialect != "sqlite" and len(wanted) <= REMEMBERED:
        return [_lines_of_mailbox(tx, account_id, wanted)]
    if len(wanted) <= FEW:
        return [_read(tx, sorted(wanted))]
    name = ("kept lines", account_id)
    held: tuple[KeptLines, ...] = tx.memory.get(name) or ()
    lacking = sorted(wanted.difference(*[part.docs for part in held]))
    fresh = [_read(tx, lacking[start : start + PORTION]) for start in range(0, len(lacking), PORTION)]
    if len(lacking) > REMEMBERED:
        tx.memory.put(name, (*held, *fresh), sum(part.octets for part in (*held, *fresh)))
    return [*held, *fresh]


def _lines_of_mailbox(tx: Tx, account_id: int, wanted: set[int]) -> KeptLines:
    """The lines of a small mailbox's contents, where the database is a server: each row that it sends costs as much as
    looking through a hundred. The mailbox is known by the oldest of them; what came since is read and put behind.
    """
    name = ("kept lines of a mailbox", account_id, min(wanted))
    held: KeptLines | None = tx.memory.get(name)
    if held is not None and len(held.docs) > 2 * len(wanted):
        held = None  # most of it has gone
    lacking = sorted(wanted.difference(held.docs) if held is not None else wanted)
    if held is not None and not lacking:
        return held
    found = _read(tx, lacking)
    if held is not None:
        found = KeptLines(held.docs + found.docs, held.packed + END + found.packed, held.without | found.without)
    tx.memory.put(name, found, found.octets)
    return found


_asked = func.json_each(bindparam("ids", type_=String)).table_valued(column("value"))


def _joined(contents: Select[Any]) -> Statement:
    """The lines of some contents as one text, how many have none, and how many contents there are."""
    lines = func.coalesce(content.c.search_fields, literal(b"", LargeBinary)).label("lines")
    found = in_order(contents.add_columns(lines, content.c.search_fields.is_(None).label("none"))).subquery()
    return Statement(select(texts_of(found.c.lines), func.sum(found.c.none), func.count()).select_from(found))


_NAMED = _joined(select().select_from(_asked.outerjoin(content, content.c.id == _asked.c.value)))
_RANGE = _joined(select().where(content.c.id.between(bindparam("first"), bindparam("last"))).order_by(content.c.id))


def _read(tx: Tx, content_ids: Sequence[int]) -> KeptLines:
    """The lines of these contents, ascending."""
    if tx.dialect == "sqlite":
        first, last, count = content_ids[0], content_ids[-1], len(content_ids)
        dense = last - first + 1 == count
        row = tx.one(_RANGE, first=first, last=last) if dense else tx.one(_NAMED, ids=json.dumps(content_ids))
        assert row is not None
        packed, none, found = row
        if found == count and packed.count(END) == count - 1:
            return KeptLines(array("q", content_ids), packed, _without(content_ids, packed) if none else frozenset())
    by_id = {
        content_id: lines
        for content_id, lines in content_texts.kept_fields(tx, content_ids)
        if lines and END not in lines
    }
    packed = END.join([by_id.get(content_id, b"") for content_id in content_ids])
    return KeptLines(array("q", content_ids), packed, _without(content_ids, packed))


def _without(content_ids: Sequence[int], packed: bytes) -> frozenset[int]:
    """Where nothing was kept; where no field has a value, a line feed stands."""
    parts = zip(content_ids, packed.split(END), strict=True)
    return frozenset(content_id for content_id, lines in parts if not lines)
