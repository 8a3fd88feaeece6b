"""What the pages of a list's archive show: months, messages and conversations, one message, a search.

Everything is scoped by list; whether the reader may is asked before (`directory.lists.archive_readers`). What was taken
back is not there.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, func, select

from mailserver.mime.body.text import fold
from mailserver.model.budget import Budget
from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.criteria import Body
from mailserver.model.messages.provenance import Provenance
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.mail import blobs
from mailserver.store.octets.files import BlobFolder
from mailserver.store.schema.mail import blob, content
from mailserver.store.schema.rosters import archived_post
from mailserver.store.search.texts import Texts

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
_shown = (archived_post.c.list == bindparam("list")) & (archived_post.c.withdrawal_id == 0)
_joined = archived_post.join(content, content.c.id == archived_post.c.content_id)
_lines = select(*_LINE).select_from(_joined).where(_shown)
_DATES = Statement(
    select(archived_post.c.internal_date).where(_shown).order_by(archived_post.c.internal_date.desc()).limit(MAX_POSTS)
)
_BETWEEN = Statement(
    _lines.where(archived_post.c.internal_date.between(bindparam("start"), bindparam("end")))
    .order_by(archived_post.c.internal_date, archived_post.c.id)
    .limit(MAX_LINES)
)
_NEWEST = Statement(
    _lines.order_by(archived_post.c.internal_date.desc(), archived_post.c.id.desc()).limit(bindparam("most"))
)
_THREAD = Statement(
    _lines.where(archived_post.c.thread == bindparam("thread"))
    .order_by(archived_post.c.internal_date, archived_post.c.id)
    .limit(MAX_LINES)
)
_POST = select(
    *_LINE,
    *(archived_post.c.name, content.c.size, content.c.parts),
    *(archived_post.c.door, archived_post.c.door_account, archived_post.c.through_list, archived_post.c.authentication),
).select_from(_joined)
_BY_ID = Statement(_POST.where(_shown, archived_post.c.id == bindparam("id")))
_ID_OF = Statement(select(archived_post.c.id).where(_shown, archived_post.c.name == bindparam("name")))
_OCTETS = Statement(
    select(blob.c.header, blob.c.octets, blob.c.file)
    .join(archived_post, archived_post.c.content_id == blob.c.content_id)
    .where(_shown, archived_post.c.id == bindparam("id"))
)


def dates(tx: Tx, address: str) -> list[int]:
    """When each message of a list was sent on, the newest first, at most MAX_POSTS."""
    return [int(row[0]) for row in tx.all(_DATES, list=address)]


def count(tx: Tx, address: str) -> int:
    """How many messages are in a list's archive."""
    mine = (archived_post.c.list == address, archived_post.c.withdrawal_id == 0)
    return int(tx.execute(select(func.count()).select_from(archived_post).where(*mine)).scalar_one())


def between(tx: Tx, address: str, start: int, end: int) -> list[Line]:
    """The messages from one moment to another, both included, the oldest first."""
    return [_line(row) for row in tx.all(_BETWEEN, list=address, start=start, end=end)]


def newest(tx: Tx, address: str, most: int) -> list[Line]:
    """The last messages, the newest first."""
    return [_line(row) for row in tx.all(_NEWEST, list=address, most=most)]


def thread(tx: Tx, address: str, number: int) -> list[Line]:
    """The messages of a conversation, the oldest first."""
    return [_line(row) for row in tx.all(_THREAD, list=address, thread=number)] if number else []


def post(tx: Tx, address: str, number: int) -> Post:
    """One message. Raises Refused(NOT_FOUND)."""
    row = tx.one(_BY_ID, list=address, id=number)
    if row is None:
        raise Refused(Reason.NOT_FOUND)
    sender_address, name, size, parts, *came = row[7:]
    return Post(_line(row), name, sender_address, size, parts, Provenance.stored(*came))


def number_of(tx: Tx, address: str, name: str) -> int:
    """The number of the message that calls itself so (`Archived-At`). Raises Refused(NOT_FOUND)."""
    row = tx.one(_ID_OF, list=address, name=name)
    if row is None:
        raise Refused(Reason.NOT_FOUND)
    return int(row[0])


def octets(tx: Tx, address: str, number: int, folder: BlobFolder, upto: int | None = None) -> bytes:
    """The octets of a message, or the first `upto` of them (never less than its header).

    Raises Refused(NOT_FOUND | DAMAGED), Temporary.
    """
    row = tx.one(_OCTETS, list=address, id=number)
    if row is None:
        raise Refused(Reason.NOT_FOUND)
    head = blobs.expand(row[0])
    if upto is None:
        return head + blobs.read_body(folder, row[1], row[2])
    return head + blobs.read_shown(folder, row[1], row[2], upto - len(head)) if upto > len(head) else head


def search(tx: Tx, address: str, text: str, folder: BlobFolder) -> list[Line]:
    """The newest messages with every word in their text, their subject or their author's name, at most MAX_LINES.

    Addresses of the header are not looked at: nobody finds out by guessing who wrote. Raises Refused(LIMIT).
    """
    words = list(dict.fromkeys(fold(text).split()))[:MAX_WORDS]
    if not words:
        return []
    budget = Budget(SEARCH_SECONDS)
    lines = newest(tx, address, MAX_SEARCHED)
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


def _line(row: Row) -> Line:
    number, content_id, date, thread_number, subject, sender, attachments, sender_address = row[:8]
    return Line(number, content_id, date, thread_number, subject, author(sender, sender_address), attachments)
