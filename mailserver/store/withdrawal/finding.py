"""Which stored messages an act of taking back means: by Message-ID, by what follows the header, by campaign.

Indexes find the first and the last. The same body in other messages is looked for among the contents that were stored
around the one that was pointed at, where a wave is. All of it takes a second or two at most: `Store.read_slow`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import ColumnElement, and_, bindparam, distinct, func, select

from mailserver.model.clock import DAY
from mailserver.model.errors import Damaged, Reason, Refused
from mailserver.model.messages import objectids
from mailserver.model.messages.likeness import Facts, Likeness, body_hash
from mailserver.model.messages.provenance import DELIVERED, Door
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.mail import blobs
from mailserver.store.schema.mail import blob, content, mailbox, message

MAX_CONTENTS = 60_000
"""Contents of one act; a message of one content has one for all who got it."""
NEAR = 50_000
"""Contents stored before and after, among which the same body is looked for."""
CAMPAIGN_DAYS = 30
"""A campaign is what came lately: a sender with a subject that comes each month is not taken back for years."""
IN_LIST = 500
SHOWN = 50

_FACTS = (
    *(content.c.id, content.c.message_id, content.c.sender_address, content.c.base_subject),
    (content.c.size - content.c.header_size).label("body_size"),
)
_ONE = Statement(select(*_FACTS).where(content.c.id == bindparam("content")))
_BODY = Statement(select(blob.c.octets, blob.c.file).where(blob.c.content_id == bindparam("content")))
_SAME_ID = Statement(
    select(*_FACTS)
    .where(content.c.thread == bindparam("thread"), content.c.message_id == bindparam("message_id"))
    .order_by(content.c.id)
    .limit(MAX_CONTENTS)
)
_THREAD = Statement(select(content.c.thread).where(content.c.id == bindparam("content")))
_SAME_SIZE = Statement(
    select(*_FACTS)
    .where(
        content.c.id.between(bindparam("low"), bindparam("high")),
        content.c.size - content.c.header_size == bindparam("body_size"),
    )
    .order_by(content.c.id)
    .limit(MAX_CONTENTS)
)
_OF_SENDER = Statement(
    select(*_FACTS)
    .where(content.c.sender_address.in_([bindparam("spelled"), bindparam("folded")]))
    .order_by(content.c.id.desc())
    .limit(MAX_CONTENTS)
)
_NAMED = Statement(
    select(content.c.id).where(content.c.message_id == bindparam("message_id")).order_by(content.c.id).limit(SHOWN)
)


_HELD = Statement(
    select(content.c.id)
    .join(message, message.c.content_id == content.c.id)
    .join(mailbox, mailbox.c.id == message.c.mailbox_id)
    .where(
        content.c.thread == bindparam("thread"),
        content.c.message_id == bindparam("message_id"),
        mailbox.c.account_id == bindparam("account"),
    )
    .order_by(content.c.id.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Found:
    """The contents an act means. The two have nothing in common."""

    same: tuple[int, ...]
    alike: tuple[int, ...] = ()
    """Of the campaign only: of these, what a door of ours took in the last days."""


@dataclass(frozen=True, slots=True)
class Reached:
    """How far messages went."""

    messages: int
    accounts: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One of the contents, as a preview shows it."""

    content_id: int
    sender: str
    subject: str
    sent_at: int
    messages: int
    accounts: int


def likeness_of(tx: Tx, content_id: int, folder: Path, *, alike: bool) -> Likeness:
    """What other messages are compared with. Raises Refused(NOT_FOUND | DAMAGED), Temporary."""
    row = tx.one(_ONE, content=content_id)
    if row is None:
        raise Refused(Reason.NOT_FOUND, "No such message")
    return Likeness(_facts(row), _hash(tx, content_id, folder), alike)


def held_by(tx: Tx, account_id: int, message_id: str, thread: int) -> int:
    """The newest content with this Message-ID in a mailbox of the account. Raises Refused(NOT_FOUND)."""
    row = tx.one(_HELD, account=account_id, message_id=message_id, thread=thread)
    if row is None:
        raise Refused(Reason.NOT_FOUND, "No such message")
    return int(row[0])


def named(tx: Tx, message_id: str) -> list[int]:
    """Contents with this Message-ID, the oldest first. Nothing but the whole table knows where answers are."""
    written = message_id.strip()
    wanted = written if written.startswith("<") else f"<{written}>"
    return [row[0] for row in tx.all(_NAMED, message_id=wanted)] if written.strip("<>") else []


def find(tx: Tx, content_id: int, likeness: Likeness, folder: Path) -> Found:
    """The contents that are meant. `content_id`: the one that was pointed at; it may be gone."""
    same = {content_id: None}
    others = {row[0]: row for row in _candidates(tx, content_id, likeness)}
    for number, row in others.items():
        if number not in same and likeness.is_same(_facts(row), partial(_hash, tx, number, folder)):
            same[number] = None
    if not likeness.alike:
        return Found(tuple(same))
    spelled = likeness.facts.sender
    rows = tx.all(_OF_SENDER, spelled=spelled, folded=spelled.casefold())
    alike = [row[0] for row in rows if row[0] not in same and likeness.is_alike(_facts(row))]
    return Found(tuple(same), tuple(alike))


def _candidates(tx: Tx, content_id: int, likeness: Likeness) -> Iterator[Row]:
    facts = likeness.facts
    if facts.message_id:
        threads = {objectids.thread_number(facts.message_id)}
        threads.update(row[0] for row in tx.all(_THREAD, content=content_id))
        for thread in threads:
            yield from tx.all(_SAME_ID, thread=thread, message_id=facts.message_id)
    if facts.body_size:
        low, high = content_id - NEAR, content_id + NEAR
        yield from tx.all(_SAME_SIZE, low=low, high=high, body_size=facts.body_size)


def _facts(row: Row) -> Facts:
    return Facts(*row[1:])


def _hash(tx: Tx, content_id: int, folder: Path) -> bytes:
    """Of a stored body; of one that cannot be read, something that no other has."""
    row = tx.one(_BODY, content=content_id)
    try:
        return body_hash(blobs.read_body(folder, *row)) if row is not None else b""
    except Damaged:
        return b""


# ---------------------------------------------------------------------- appearances


def meant(tx: Tx, content_ids: Sequence[int], *, only_alike: bool) -> ColumnElement[bool]:
    """Which appearances of some contents are meant: never the author's own copy of what they sent."""
    here = message.c.content_id.in_(content_ids)
    if not only_alike:
        return and_(here, message.c.door != int(Door.KEPT))
    doors = sorted(int(door) for door in DELIVERED - {Door.SERVICE})
    since = tx.now - CAMPAIGN_DAYS * DAY
    return and_(here, message.c.door.in_(doors), message.c.internal_date >= since)


def reached(tx: Tx, found: Found) -> Reached:
    """How many messages are meant, and of how many people."""
    count, people = 0, set[int]()
    for part, only_alike in portions(found):
        rows = tx.execute(
            select(mailbox.c.account_id, func.count().label("held"))
            .join_from(message, mailbox, mailbox.c.id == message.c.mailbox_id)
            .where(meant(tx, part, only_alike=only_alike))
            .group_by(mailbox.c.account_id)
        ).all()
        count += sum(row.held for row in rows)
        people.update(row.account_id for row in rows)
    return Reached(count, len(people))


def portions(found: Found) -> Iterator[tuple[Sequence[int], bool]]:
    """The contents in lists that a statement can take; whether they are only alike."""
    for numbers, only_alike in ((found.same, False), (found.alike, True)):
        for start in range(0, len(numbers), IN_LIST):
            yield numbers[start : start + IN_LIST], only_alike


def samples(tx: Tx, found: Found) -> list[Sample]:
    """Some of the contents with how far each went, the widest spread first of those that were looked at."""
    shown: list[Sample] = []
    for numbers, only_alike in ((found.same[:SHOWN], False), (found.alike[:SHOWN], True)):
        if not numbers:
            continue
        rows = tx.execute(
            select(
                *(content.c.id, content.c.sender, content.c.subject, content.c.sent_at),
                *(func.count(), func.count(distinct(mailbox.c.account_id))),
            )
            .join_from(message, mailbox, mailbox.c.id == message.c.mailbox_id)
            .join(content, content.c.id == message.c.content_id)
            .where(meant(tx, numbers, only_alike=only_alike))
            .group_by(content.c.id, content.c.sender, content.c.subject, content.c.sent_at)
        )
        shown += [Sample(*tuple(row)) for row in rows]
    return sorted(shown, key=lambda one: (-one.messages, one.content_id))[:SHOWN]
