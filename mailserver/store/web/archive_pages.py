"""What the pages of a list's archive show: months, messages and conversations, one message, a search.

Everything is scoped by what the reader is shown (`mailserver.store.web.archive_view`); whether they may read at all is
asked before (`directory.lists.archive_readers`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select

from mailserver.mime.body.text import fold
from mailserver.model.budget import Budget
from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.criteria import Body
from mailserver.model.messages.provenance import Provenance
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import blobs
from mailserver.store.octets.files import BlobFolder
from mailserver.store.schema.mail.messages import blob, content
from mailserver.store.schema.people.rosters import archived_post
from mailserver.store.search.texts import Texts
from mailserver.store.web.archive_view import ArchiveView, shown

MAX_POSTS = 50_000
"""Messages of a list that are counted by month."""
MAX_LINES = 500
"""Messages of one month, of one conversation, and that a search finds."""
MAX_SEARCHED = 10_000
"""The newest of a list are searched."""
MAX_WORDS = 8
SEARCH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Line:
    """A message in a list."""

    id: int
    content_id: int
    date: int
    thread: int
    subject: str
    author: str
    """A name, never an address."""
    attachments: int
    is_named: bool = True
    """False: the author gave no name, and what is before the sign stands for one."""


@dataclass(frozen=True, slots=True)
class Post:
    """One message with all that reading it needs."""

    line: Line
    name: str
    sender_address: str
    size: int
    parts: bytes
    came: Provenance


_LINE = (
    *(archived_post.c.id, archived_post.c.content_id, archived_post.c.internal_date, archived_post.c.thread),
    *(content.c.subject, content.c.sender, content.c.attachments, content.c.sender_address),
)
_joined = archived_post.join(content, content.c.id == archived_post.c.content_id)
_lines = select(*_LINE).select_from(_joined)
_ASCENDING = archived_post.c.internal_date, archived_post.c.id
_POST = select(
    *_LINE,
    *(archived_post.c.name, content.c.size, content.c.parts),
    *(archived_post.c.door, archived_post.c.door_account, archived_post.c.through_list, archived_post.c.authentication),
).select_from(_joined)
_stored = blob.join(archived_post, archived_post.c.content_id == blob.c.content_id)
_OCTETS = select(blob.c.header, blob.c.octets, blob.c.file).select_from(_stored)


def dates(tx: Tx, view: ArchiveView) -> list[int]:
    """When each message of a list was sent on, the newest first, at most MAX_POSTS."""
    date = archived_post.c.internal_date
    return list(tx.execute(select(date).where(shown(view)).order_by(date.desc()).limit(MAX_POSTS)).scalars())


def count(tx: Tx, view: ArchiveView) -> int:
    """How many messages are in a list's archive."""
    return int(tx.execute(select(func.count()).select_from(archived_post).where(shown(view))).scalar_one())


def between(tx: Tx, view: ArchiveView, start: int, end: int) -> list[Line]:
    """The messages from one moment to another, both included, the oldest first."""
    month = archived_post.c.internal_date.between(start, end)
    return _found(tx, _lines.where(shown(view), month).order_by(*_ASCENDING).limit(MAX_LINES))


def newest(tx: Tx, view: ArchiveView, most: int) -> list[Line]:
    """The last messages, the newest first."""
    descending = (column.desc() for column in _ASCENDING)
    return _found(tx, _lines.where(shown(view)).order_by(*descending).limit(most))


def thread(tx: Tx, view: ArchiveView, number: int) -> list[Line]:
    """The messages of a conversation, the oldest first."""
    if not number:
        return []
    conversation = archived_post.c.thread == number
    return _found(tx, _lines.where(shown(view), conversation).order_by(*_ASCENDING).limit(MAX_LINES))


def post(tx: Tx, view: ArchiveView, number: int) -> Post:
    """One message. Raises Refused(NOT_FOUND)."""
    row = tx.execute(_POST.where(shown(view), archived_post.c.id == number)).first()
    if row is None:
        raise Refused(Reason.NOT_FOUND)
    sender_address, name, size, parts, *came = tuple(row)[7:]
    return Post(_line(tuple(row)), name, sender_address, size, parts, Provenance.stored(*came))


def number_of(tx: Tx, view: ArchiveView, name: str) -> int:
    """The number of the message that calls itself so (`Archived-At`). Raises Refused(NOT_FOUND)."""
    number = tx.execute(select(archived_post.c.id).where(shown(view), archived_post.c.name == name)).scalar()
    if number is None:
        raise Refused(Reason.NOT_FOUND)
    return int(number)


def octets(tx: Tx, view: ArchiveView, number: int, folder: BlobFolder, upto: int | None = None) -> bytes:
    """The octets of a message, or the first `upto` of them (never less than its header).

    Raises Refused(NOT_FOUND | DAMAGED), Temporary.
    """
    row: Any = tx.execute(_OCTETS.where(shown(view), archived_post.c.id == number)).first()
    if row is None:
        raise Refused(Reason.NOT_FOUND)
    header, inline, file = row
    head = blobs.expand(header)
    if upto is None:
        return head + blobs.read_body(folder, inline, file)
    return head + blobs.read_shown(folder, inline, file, upto - len(head)) if upto > len(head) else head


def search(tx: Tx, view: ArchiveView, text: str, folder: BlobFolder) -> list[Line]:
    """The newest messages with every word in their text, their subject or their author's name, at most MAX_LINES.

    Addresses of the header are not looked at: nobody finds out by guessing who wrote. Raises Refused(LIMIT).
    """
    words = list(dict.fromkeys(fold(text).split()))[:MAX_WORDS]
    if not words:
        return []
    budget = Budget(SEARCH_SECONDS)
    lines = newest(tx, view, MAX_SEARCHED)
    leaves = {word: Body(word) for word in words}
    # As of no account: what is stored of each content is looked at, whoever has it.
    found = Texts(tx, 0, folder, list(leaves.values()), budget).find({line.content_id for line in lines})
    kept = []
    for line in lines:
        about = fold(f"{line.subject} {line.author}")
        if all(word in about or line.content_id in found[leaf] for word, leaf in leaves.items()):
            kept.append(line)
    return kept[:MAX_LINES]


def conversations(lines: Iterable[Line]) -> list[Sequence[Line]]:
    """Messages in conversations, each and they in order of their first message."""
    found: dict[tuple[int, int], list[Line]] = {}
    for line in lines:
        found.setdefault((line.thread, 0) if line.thread else (0, line.id), []).append(line)
    return list(found.values())


def author(sender: str, address: str) -> str:
    """A name for pages: never an address, nor what could be one."""
    return sender if sender and "@" not in sender else address.partition("@")[0]


def _found(tx: Tx, wanted: Select[Any]) -> list[Line]:
    return [_line(tuple(row)) for row in tx.execute(wanted)]


def _line(row: tuple[Any, ...]) -> Line:
    number, content_id, date, thread_number, subject, sender, attachments, sender_address = row[:8]
    named = author(sender, sender_address)
    return Line(number, content_id, date, thread_number, subject, named, attachments, named == sender)
