"""What never changes of the messages of a mailbox, column by column, kept in memory beside their UIDs.

Contents are immutable and a UID is never given twice, so a column only grows at its end and loses items: it is
never stale, and what is new is read when it is first asked for. The memory bounds how much is kept.
"""

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from mailserver.mime.header import sort_keys
from mailserver.mime.header.casemap import collate_all
from mailserver.mime.header.sort_keys import Role
from mailserver.mime.header.subjects import is_reply_or_forward
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import messages

PORTION = 8192
"""Messages whose values are read in one step, in which the engine works and no other thread waits for it."""


class Field(Enum):
    """A column: keys of SORT (RFC 5256, RFC 5957), and what THREAD needs beside them."""

    ARRIVAL = "ARRIVAL"
    SIZE = "SIZE"
    DATE = "DATE"
    """When it was sent, in seconds; when it came, if it does not say (RFC 5256 section 2.2)."""
    SUBJECT = "SUBJECT"
    """The base subject, collated, in UTF-8; so are names and addresses."""
    FROM = "FROM"
    TO = "TO"
    CC = "CC"
    DISPLAYFROM = "DISPLAYFROM"
    DISPLAYTO = "DISPLAYTO"
    LINKS = "LINKS"
    """Message ids as numbers: its own (0: none), then its references from the oldest."""
    REPLY = "REPLY"
    """The subject has a mark of a reply or forward."""


NUMBERS = frozenset({Field.ARRIVAL, Field.SIZE, Field.DATE})
_ROOM = 100
"""Octets of a value in a list, beside what it consists of."""


@dataclass(frozen=True, slots=True)
class _Source:
    """How a column is made of the store's, whole columns of them."""

    names: tuple[str, ...]
    make: Callable[..., Sequence[Any]]


@dataclass(frozen=True, slots=True)
class _Column:
    """Values by UID, ascending; None where the message was gone when it was looked for."""

    uids: "array[int]"
    values: list[Any]


def _links(own: Sequence[str], in_reply_to: Sequence[str], references: Sequence[str]) -> list[Sequence[int]]:
    return [
        _link(*ids) if ids[1] or ids[2] else (_number(ids[0]) if ids[0] else 0,)
        for ids in zip(own, in_reply_to, references, strict=True)
    ]


def _link(own: str, in_reply_to: str, references: str) -> "array[int]":
    """RFC 5256 BASE.6.4.THREAD: References, else the first id of In-Reply-To, which must look like one.

    Ids become the process's own keyed hashes of 64 bits: nobody can make two collide.
    """
    ids = [_number(message_id) for message_id in references.split()] if references else []
    if not ids and "@" in in_reply_to:
        ids = [_number(in_reply_to)]
    return array("q", [_number(own) if own else 0, *ids])


def _number(message_id: str) -> int:
    """Quoting in a message id says nothing (RFC 5256: ids are normalised)."""
    if '"' in message_id:
        message_id = message_id.replace('"', "").replace("\\", "")
    return hash(message_id) or 1


def _collated(texts: Iterable[str]) -> list[bytes]:
    """Texts as they compare; what is the same is made, and held, once."""
    texts = list(texts)
    distinct = list(dict.fromkeys(texts))
    made = dict(zip(distinct, collate_all(distinct), strict=True))
    return [made[text] for text in texts]


def _replies(subjects: Sequence[str]) -> list[bool]:
    return [subject != "" and is_reply_or_forward(subject) for subject in subjects]


def _as_they_are(values: Sequence[int]) -> Sequence[int]:
    return values


def _address(role: Role, read: Callable[[bytes, Role], str]) -> _Source:
    return _Source(("envelope",), lambda envelopes: _collated(read(envelope, role) for envelope in envelopes))


_SOURCES: dict[Field, _Source] = {
    Field.ARRIVAL: _Source(("internal_date",), _as_they_are),
    Field.SIZE: _Source(("size",), _as_they_are),
    Field.DATE: _Source(("date",), _as_they_are),
    Field.SUBJECT: _Source(("base_subject",), _collated),
    Field.FROM: _address(Role.FROM, sort_keys.mailbox),
    Field.TO: _address(Role.TO, sort_keys.mailbox),
    Field.CC: _address(Role.CC, sort_keys.mailbox),
    Field.DISPLAYFROM: _address(Role.FROM, sort_keys.display),
    Field.DISPLAYTO: _address(Role.TO, sort_keys.display),
    Field.LINKS: _Source(("message_id", "in_reply_to", "refs"), _links),
    Field.REPLY: _Source(("marked_subject",), _replies),
}


def columns(tx: Tx, account_id: int, mailbox_id: int, uids: "array[int]", fields: Sequence[Field]) -> list[list[Any]]:
    """The values of these fields for all messages of a mailbox, beside their UIDs; None where a message is gone.

    Raises Refused(NO_SUCH_MAILBOX).
    """
    held = {field: _held(tx, mailbox_id, field, uids) for field in fields}
    lacking = [field for field in fields if held[field].uids != uids]
    if lacking:
        known = min((held[field] for field in lacking), key=lambda column: len(column.uids))
        first = len(known.uids)
        rows = _read(tx, account_id, mailbox_id, uids[first:], lacking)
        for field in lacking:
            made = rows[field]
            column = held[field]
            values = column.values + made[len(column.uids) - first :]
            held[field] = _Column(uids, values)
            tx.memory.put(("column", mailbox_id, field), held[field], _octets(field, values))
    return [held[field].values for field in fields]


def _held(tx: Tx, mailbox_id: int, field: Field, uids: "array[int]") -> _Column:
    """What is remembered of a column, cut to the wanted UIDs: its UIDs are the first ones of `uids`."""
    known: _Column | None = tx.memory.get(("column", mailbox_id, field))
    if known is None or not uids:
        return _Column(array("I"), [])
    if known.uids == uids[: len(known.uids)]:
        return known
    by_uid = dict(zip(known.uids, known.values, strict=True))
    last = known.uids[-1]
    kept = array("I")
    values = []
    for uid in uids:
        if uid > last or uid not in by_uid:
            break
        kept.append(uid)
        values.append(by_uid[uid])
    return _Column(kept, values)


def _read(
    tx: Tx, account_id: int, mailbox_id: int, uids: "array[int]", fields: Sequence[Field]
) -> dict[Field, list[Any]]:
    """The values of several fields, in one pass over the rows."""
    names = list(dict.fromkeys(name for field in fields for name in _SOURCES[field].names))
    found: dict[Field, list[Any]] = {field: [] for field in fields}
    for start in range(0, len(uids), PORTION):
        wanted = uids[start : start + PORTION]
        there, values = messages.fetch_columns(tx, account_id, mailbox_id, names, wanted[0], wanted[-1])
        by_name = dict(zip(names, values, strict=True))
        for field, made in found.items():
            source = _SOURCES[field]
            made.extend(_beside(wanted, there, source.make(*[by_name[name] for name in source.names])))
    return found


def _beside(wanted: "array[int]", there: "array[int]", values: Sequence[Any]) -> Sequence[Any]:
    """Values of messages that are there, brought beside those that are wanted."""
    if there == wanted:
        return values
    by_uid = dict(zip(there, values, strict=True))
    return [by_uid.get(uid) for uid in wanted]


def _octets(field: Field, values: Sequence[Any]) -> int:
    """About the room that values take."""
    room = _ROOM * len(values)
    if field in NUMBERS or field is Field.REPLY:
        return room
    return room + (8 if field is Field.LINKS else 1) * sum(map(len, filter(None, values)))
