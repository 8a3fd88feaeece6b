"""Messages of a mailbox in another order than that of their UIDs: sorted, or in threads (RFC 5256).

Callers name messages by their places in an array of UIDs (all of the mailbox). Ranks and results are remembered:
they depend on nothing but the UIDs.
"""

from array import array
from collections.abc import Callable, Sequence
from typing import Any

from mailserver.model.messages import threads
from mailserver.model.messages.threads import Forest
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import mailboxes
from mailserver.store.mail.whole_mailboxes.columns import NUMBERS, Field, columns

Keys = Sequence[tuple[Field, bool]]
"""Fields in the order of their weight, and whether each is to descend."""

_PORTION = 4096
_GONE = 0xFFFF_FFFF
"""The rank of a message that is no more."""


def sort(
    tx: Tx, account_id: int, mailbox_id: int, uids: "array[int]", places: "array[int]", keys: Keys
) -> "array[int]":
    """Ascending places in sorted order, those of messages that are gone left out.

    Messages that compare equal keep the order of the mailbox, whatever descends (RFC 5256 BASE.6.4.SORT). Raises
    Refused(NO_SUCH_MAILBOX).
    """
    mailboxes.check(tx, account_id, mailbox_id)
    name = ("sorted", mailbox_id, tuple(keys))
    known = tx.memory.get(name)
    if known is not None and known[0] == uids and known[1] == places:
        return known[2]  # type: ignore[no-any-return]
    order: list[int] = list(places)
    for field, descending in reversed(keys):
        numbers, gone = _numbers(tx, account_id, mailbox_id, uids, field)
        order = [place for place in order if numbers[place] != gone]
        _sort(order, numbers.__getitem__, descending)
    made = array("I", order)
    tx.memory.put(name, (uids, places, made), 12 * len(uids))
    return made


def _numbers(
    tx: Tx, account_id: int, mailbox_id: int, uids: "array[int]", field: Field
) -> tuple[Sequence[int], int | None]:
    """For every message a number, which compare as the values of the field do; and what stands for one of a message
    that is no more."""
    if field not in NUMBERS:
        return _ranks(tx, account_id, mailbox_id, uids, field), _GONE
    (values,) = columns(tx, account_id, mailbox_id, uids, (field,))
    return values, None


def _ranks(tx: Tx, account_id: int, mailbox_id: int, uids: "array[int]", field: Field) -> "array[int]":
    """The places of values among all of the field; of texts they compare faster than the texts."""
    name = ("ranks", mailbox_id, field)
    known = tx.memory.get(name)
    if known is not None and known[0] == uids:
        return known[1]  # type: ignore[no-any-return]
    (values,) = columns(tx, account_id, mailbox_id, uids, (field,))
    distinct = {value for value in values if value is not None}
    ascending = list(distinct)
    _sort(ascending)
    numbers: dict[Any, int] = {value: number for number, value in enumerate(ascending)}
    numbers[None] = _GONE
    ranks = array("I", map(numbers.__getitem__, values))
    tx.memory.put(name, (uids, ranks), 8 * len(uids))
    return ranks


def _sort(items: list[Any], key: Callable[[Any], Any] | None = None, descending: bool = False) -> None:
    """`list.sort` by portions first: one sort is one step in C, in which no other thread runs, and of sorted runs only
    the merging is left."""
    for start in range(0, len(items), _PORTION):
        items[start : start + _PORTION] = sorted(items[start : start + _PORTION], key=key, reverse=descending)
    items.sort(key=key, reverse=descending)


Algorithm = Callable[[Tx, int, int, "array[int]", "array[int]"], tuple["array[int]", Forest]]


def by_references(
    tx: Tx, account_id: int, mailbox_id: int, uids: "array[int]", places: "array[int]"
) -> tuple["array[int]", Forest]:
    """The places of messages that are still there, and their threads by what they refer to; the forest's messages
    are numbered as these places are. Raises Refused(NO_SUCH_MAILBOX)."""
    fields = (Field.LINKS, Field.DATE, Field.SUBJECT, Field.REPLY)
    known, (links, dates, subjects, replies) = _of(tx, account_id, mailbox_id, uids, places, fields)
    return known, threads.by_references(links, dates, subjects, replies)


def by_subject(
    tx: Tx, account_id: int, mailbox_id: int, uids: "array[int]", places: "array[int]"
) -> tuple["array[int]", Forest]:
    """The same by their base subjects."""
    known, (dates, subjects) = _of(tx, account_id, mailbox_id, uids, places, (Field.DATE, Field.SUBJECT))
    return known, threads.by_subject(dates, subjects)


def _of(
    tx: Tx, account_id: int, mailbox_id: int, uids: "array[int]", places: "array[int]", fields: Sequence[Field]
) -> tuple["array[int]", list[list[Any]]]:
    """The columns of some messages; those that are gone are left out."""
    mailboxes.check(tx, account_id, mailbox_id)
    every = columns(tx, account_id, mailbox_id, uids, fields)
    known = array("I", [place for place in places if every[0][place] is not None])
    if len(known) == len(uids):
        return known, every
    return known, [[values[place] for place in known] for values in every]
