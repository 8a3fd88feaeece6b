"""Which stored messages an act of taking back means: by Message-ID, by what follows the header, by campaign; always of
one origin, as the columns of their appearances say it (`mailserver.model.messages.likeness`).

Indexes find the first and the last. The same body in other messages, and other spellings of the author's address, are
looked for among the contents that were stored around the one that was pointed at, where a wave is. All of it takes a
second or two at most: `Store.read_slow`.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, distinct, false, func, or_, select

from mailserver.model.clock import DAY
from mailserver.model.errors import Damaged, Reason, Refused
from mailserver.model.messages import objectids
from mailserver.model.messages.authentication import Alignment
from mailserver.model.messages.likeness import Facts, Likeness, Proof, SentBy, body_hash
from mailserver.model.messages.provenance import DELIVERED, UNKNOWN, Door, Provenance
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.mail import blobs, deletions
from mailserver.store.octets.files import BlobFolder
from mailserver.store.schema.mail.deletions import deleted_content, deleted_message
from mailserver.store.schema.mail.messages import blob, content, mailbox, message
from mailserver.store.schema.mail.withdrawal import phishing_report, withdrawn
from mailserver.store.withdrawal import kept_by_lists

MAX_CONTENTS = 60_000
"""Contents of one act; a message of one content has one for all who got it."""
NEAR = 50_000
"""Contents stored before and after, among which the same body is looked for."""
CAMPAIGN_DAYS = 30
"""A campaign is what came lately: a sender with a subject that comes each month is not taken back for years."""
LOOKING_SECONDS, TAKING_SECONDS = 3.0, 60.0
"""How long bodies are compared for a page, and for an act: a program sends many letters of one size."""
IN_LIST = 500
SHOWN = 50

_IS_DELIVERED = or_(*(message.c.door == int(door) for door in sorted(DELIVERED)))
_WAS_DELIVERED = or_(*(deleted_message.c.door == int(door) for door in sorted(DELIVERED)))
_removed = deleted_content.join(deleted_message, deleted_message.c.id == deleted_content.c.message_id)
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
    .where(content.c.sender_address == bindparam("spelled"))
    .order_by(content.c.id.desc())
    .limit(MAX_CONTENTS)
)
_SPELLED = Statement(
    select(*_FACTS)
    .where(
        content.c.id.between(bindparam("low"), bindparam("high")),
        func.lower(content.c.sender_address) == bindparam("folded"),
    )
    .limit(MAX_CONTENTS)
)
_REPORTED = Statement(
    select(phishing_report.c.sender)
    .where(func.lower(phishing_report.c.sender) == bindparam("folded"))
    .distinct()
    .limit(SHOWN)
)
_NAMED = Statement(
    select(content.c.id)
    .where(content.c.message_id == bindparam("message_id"))
    .where(
        or_(
            select(message.c.content_id).where(message.c.content_id == content.c.id, _IS_DELIVERED).exists(),
            select(deleted_content.c.content_id)
            .select_from(_removed)
            .where(deleted_content.c.content_id == content.c.id, _WAS_DELIVERED)
            .exists(),
            kept_by_lists.has(content.c.id),
        )
    )
    .order_by(content.c.id)
    .limit(SHOWN)
)
_COLUMNS = (message.c.door, message.c.door_account, message.c.through_list, message.c.authentication)
_CAME = Statement(
    select(*_COLUMNS)
    .where(message.c.content_id == bindparam("content"), _IS_DELIVERED)
    .order_by(message.c.mailbox_id, message.c.uid)
    .limit(1)
)
_CAME_REMOVED = Statement(
    select(*(deleted_message.c[column.name] for column in _COLUMNS))
    .select_from(_removed)
    .where(deleted_content.c.content_id == bindparam("content"), _WAS_DELIVERED)
    .order_by(deleted_message.c.id)
    .limit(1)
)
"""Of one that everybody has removed."""
_HELD_BY = Statement(
    select(*_COLUMNS)
    .join(mailbox, mailbox.c.id == message.c.mailbox_id)
    .where(
        message.c.content_id == bindparam("content"),
        mailbox.c.account_id == bindparam("account"),
    )
    .order_by(case((_IS_DELIVERED, 0), else_=1), message.c.mailbox_id, message.c.uid)
    .limit(1)
)
_HELD = Statement(
    select(content.c.id)
    .join(message, message.c.content_id == content.c.id)
    .join(mailbox, mailbox.c.id == message.c.mailbox_id)
    .where(
        content.c.thread == bindparam("thread"),
        content.c.message_id == bindparam("message_id"),
        mailbox.c.account_id == bindparam("account"),
        _IS_DELIVERED,
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
    complete: bool = True
    """False: the time was over before all bodies had been compared."""


@dataclass(frozen=True, slots=True)
class Reached:
    """How far messages went."""

    messages: int
    accounts: int
    removed: int = 0
    """Messages that their readers have removed and could still bring back."""
    kept: int = 0
    """Of lists: in archives, for digests, for their owners."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One of the contents, as a preview shows it."""

    content_id: int
    sender: str
    subject: str
    sent_at: int
    messages: int
    accounts: int
    came: Provenance


def likeness_of(tx: Tx, content_id: int, folder: BlobFolder, *, alike: bool, account_id: int = 0) -> Likeness:
    """What other messages are compared with. `account_id`: as this account got it.

    Raises Refused(NOT_FOUND | CANNOT) where no door of ours brought it in, Refused(DAMAGED), Temporary.
    """
    row = tx.one(_ONE, content=content_id)
    if row is None:
        raise Refused(Reason.NOT_FOUND, "No such message")
    if account_id:
        came = tx.one(_HELD_BY, content=content_id, account=account_id)
    else:
        came = tx.one(_CAME, content=content_id) or tx.one(_CAME_REMOVED, content=content_id)
        came = came or kept_by_lists.came(tx, content_id)
    if came is None and account_id:
        raise Refused(Reason.NOT_FOUND, "No such message")
    found = Likeness(_facts(row), _hash(tx, content_id, folder), alike, Provenance.stored(*came) if came else UNKNOWN)
    if found.sent_by.proof is Proof.NOTHING:
        raise Refused(Reason.CANNOT, "No door of ours brought this message in")
    return found


def held_by(tx: Tx, account_id: int, message_id: str, thread: int) -> int:
    """The newest content with this Message-ID in a mailbox of the account. Raises Refused(NOT_FOUND)."""
    row = tx.one(_HELD, account=account_id, message_id=message_id, thread=thread)
    if row is None:
        raise Refused(Reason.NOT_FOUND, "No such message")
    return int(row[0])


def holds(tx: Tx, account_id: int, content_id: int) -> bool:
    """Whether the account has this message."""
    return tx.one(_HELD_BY, content=content_id, account=account_id) is not None


def named(tx: Tx, message_id: str) -> list[int]:
    """Contents with this Message-ID that a door of ours brought in, the oldest first. Nothing but the whole table knows
    where answers are."""
    written = message_id.strip()
    wanted = written if written.startswith("<") else f"<{written}>"
    return [row[0] for row in tx.all(_NAMED, message_id=wanted)] if written.strip("<>") else []


def variants(tx: Tx, message_id: str, folder: BlobFolder) -> list[tuple[int, Likeness]]:
    """What was sent under this Message-ID, each once: anybody may have used it again."""
    found: list[tuple[int, Likeness]] = []
    for content_id in named(tx, message_id):
        mine = likeness_of(tx, content_id, folder, alike=False)
        if not any(one.means(mine) for _, one in found):
            found.append((content_id, mine))
    return found


def find(tx: Tx, content_id: int, likeness: Likeness, folder: BlobFolder, seconds: float = TAKING_SECONDS) -> Found:
    """The contents that are meant. `content_id`: the one that was pointed at; it may be gone."""
    end = time.monotonic() + seconds
    same, complete = {content_id: None}, True
    others = _of_one_origin(tx, _candidates(tx, content_id, likeness), likeness)
    for number in sorted(others.keys() - same, key=lambda other: abs(other - content_id)):
        in_time = time.monotonic() < end
        complete = complete and in_time
        if likeness.is_same(_facts(others[number]), partial(_hash, tx, number, folder) if in_time else bytes):
            same[number] = None
    if not likeness.alike:
        return Found(tuple(same), complete=complete)
    wave = (row for row in _of_author(tx, content_id, likeness.facts.sender) if likeness.is_alike(_facts(row)))
    alike = _of_one_origin(tx, (row for row in wave if row[0] not in same), likeness)
    return Found(tuple(same), tuple(alike), complete)


def _candidates(tx: Tx, content_id: int, likeness: Likeness) -> Iterator[Row]:
    facts = likeness.facts
    if facts.message_id:
        threads = {objectids.thread_number(facts.message_id)}
        threads.update(row[0] for row in tx.all(_THREAD, content=content_id))
        for thread in threads:
            yield from tx.all(_SAME_ID, thread=thread, message_id=facts.message_id)
    if facts.body_size and not (likeness.by_name and facts.message_id):
        low, high = content_id - NEAR, content_id + NEAR
        yield from tx.all(_SAME_SIZE, low=low, high=high, body_size=facts.body_size)


def _of_author(tx: Tx, content_id: int, sender: str) -> Iterator[Row]:
    """However the address is spelled: as here, as in reports, else near the message that was pointed at."""
    spellings = {sender, sender.casefold()}
    spellings.update(row[0] for row in tx.all(_REPORTED, folded=sender.lower()))
    for spelled in sorted(spellings):
        yield from tx.all(_OF_SENDER, spelled=spelled)
    low, high = content_id - NEAR, content_id + NEAR
    yield from tx.all(_SPELLED, low=low, high=high, folded=sender.lower())


def _of_one_origin(tx: Tx, found: Iterable[Row], likeness: Likeness) -> dict[int, Row]:
    """Contents that came in as the one that was pointed at, as some appearance says, be it taken away or removed, or
    what a list keeps."""
    each = {row[0]: row for row in found if likeness.is_of_one_origin(_facts(row), likeness.sent_by)}
    numbers, came = sorted(each), set[int]()
    for start in range(0, len(numbers), IN_LIST):
        part = numbers[start : start + IN_LIST]
        for columns in (message.c, withdrawn.c, *kept_by_lists.PLACES):
            here = and_(columns.content_id.in_(part), _is_from(columns, likeness.sent_by))
            came.update(tx.execute(select(columns.content_id).where(here).distinct()).scalars())
        removed = _is_from(deleted_message.c, likeness.sent_by)
        came.update(content_id for _, content_id in deletions.of_contents(tx, part, removed, MAX_CONTENTS))
    return {number: row for number, row in each.items() if number in came}


def _is_from(columns: Any, sent_by: SentBy) -> ColumnElement[bool]:
    """Which appearances have this origin."""
    outside = columns.door.in_([int(Door.SMTP), int(Door.LMTP)])
    alignment = columns.authentication.bitwise_rshift(6).bitwise_and(7)
    authenticated = alignment.in_([int(Alignment.PASS), int(Alignment.SIGNED)])
    by_account = columns.door_account == sent_by.account_id
    wanted: dict[Proof, ColumnElement[bool]] = {
        Proof.NOTHING: false(),
        Proof.UNCHECKED: and_(outside, alignment == int(Alignment.NOT_CHECKED)),
        Proof.UNPROVEN: and_(outside, alignment != int(Alignment.NOT_CHECKED), ~authenticated),
        Proof.AUTHOR: and_(outside, authenticated),
        Proof.ACCOUNT: and_(columns.door == int(Door.SUBMISSION), by_account),
        Proof.PASSED_ON: and_(columns.door == int(Door.RESENT), by_account),
        Proof.SERVICE: columns.door == int(Door.SERVICE),
    }
    return wanted[sent_by.proof]


def _facts(row: Row) -> Facts:
    return Facts(*row[1:])


def _hash(tx: Tx, content_id: int, folder: BlobFolder) -> bytes:
    """Of a stored body; of one that cannot be read, something that no other has."""
    row = tx.one(_BODY, content=content_id)
    try:
        return body_hash(blobs.read_body(folder, *row)) if row is not None else b""
    except Damaged:
        return b""


# ---------------------------------------------------------------------- appearances


def meant(
    tx: Tx, content_ids: Sequence[int], came: Provenance, *, only_alike: bool, columns: Any = message.c
) -> ColumnElement[bool]:
    """Which appearances of some contents are meant: those of one origin. `columns`: of the table that has them.

    What somebody put there is meant where a door of ours had brought the very same octets, trace fields included. So
    the author's own copy of what they sent never is.
    """
    here, sent_by = columns.content_id.in_(content_ids), SentBy.of(came)
    is_from = _is_from(columns, sent_by)
    if not only_alike and sent_by.proof is not Proof.NOTHING:
        return and_(here, or_(is_from, columns.door == int(Door.APPENDED)))
    return and_(here, is_from, columns.internal_date >= tx.now - CAMPAIGN_DAYS * DAY)


def reached(tx: Tx, found: Found, came: Provenance) -> Reached:
    """How many messages are meant, and of how many people."""
    count, removed, kept, people = 0, 0, 0, set[int]()
    for part, only_alike in portions(found):
        rows = tx.execute(
            select(mailbox.c.account_id, func.count().label("held"))
            .join_from(message, mailbox, mailbox.c.id == message.c.mailbox_id)
            .where(meant(tx, part, came, only_alike=only_alike))
            .group_by(mailbox.c.account_id)
        ).all()
        count += sum(row.held for row in rows)
        people.update(row.account_id for row in rows)
        is_removed = meant(tx, part, came, only_alike=only_alike, columns=deleted_message.c)
        gone = select(func.count()).select_from(_removed).where(deleted_content.c.content_id.in_(part), is_removed)
        removed += int(tx.execute(gone).scalar_one())
        of_lists = (meant(tx, part, came, only_alike=only_alike, columns=one) for one in kept_by_lists.PLACES)
        kept += kept_by_lists.counted(tx, of_lists)
    return Reached(count, len(people), removed, kept)


def portions(found: Found) -> Iterator[tuple[Sequence[int], bool]]:
    """The contents in lists that a statement can take; whether they are only alike."""
    for numbers, only_alike in ((found.same, False), (found.alike, True)):
        for start in range(0, len(numbers), IN_LIST):
            yield numbers[start : start + IN_LIST], only_alike


def samples(tx: Tx, found: Found, came: Provenance) -> list[Sample]:
    """Some of the contents with how far each went, the widest spread first of those that were looked at."""
    shown: list[Sample] = []
    said = (content.c.id, content.c.sender, content.c.subject, content.c.sent_at)
    for numbers, only_alike in ((found.same[:SHOWN], False), (found.alike[:SHOWN], True)):
        if not numbers:
            continue
        rows = tx.execute(
            select(*said, func.count(), func.count(distinct(mailbox.c.account_id)), *_COLUMNS)
            .join_from(message, mailbox, mailbox.c.id == message.c.mailbox_id)
            .join(content, content.c.id == message.c.content_id)
            .where(meant(tx, numbers, came, only_alike=only_alike))
            .group_by(*said, *_COLUMNS)
        )
        shown += [
            Sample(number, sender, subject, sent_at, messages, accounts, Provenance.stored(*came_in))
            for number, sender, subject, sent_at, messages, accounts, *came_in in map(tuple, rows)
        ]
    return sorted(shown, key=lambda one: (-one.messages, one.content_id))[:SHOWN]
