"""What lists keep of a message besides its copies in mailboxes: in an archive, for a digest, for their owners.

Where all members wait, or nobody has decided yet, it is all that there is of it. Each says in its columns where it came
from, as an appearance does.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, literal, or_, select

from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.mail.posts import archived_posts, digest_posts
from mailserver.store.queue import traces
from mailserver.store.queue.held import moderation_queue
from mailserver.store.queue.traces import Step, Trace
from mailserver.store.schema.mail.messages import content
from mailserver.store.schema.people.rosters import archived_post, digest_post, held_message
from mailserver.texts.causes import Cause

ARCHIVED = archived_post.c
DIGESTED = SimpleNamespace(
    content_id=digest_post.c.content_id,
    door=digest_post.c.door,
    door_account=digest_post.c.door_account,
    through_list=literal(1),
    authentication=digest_post.c.authentication,
    internal_date=digest_post.c.posted,
)
HELD = SimpleNamespace(
    content_id=held_message.c.content_id,
    door=held_message.c.door,
    door_account=held_message.c.account_id,
    through_list=literal(0),
    authentication=held_message.c.authentication,
    internal_date=held_message.c.held,
)
PLACES: tuple[Any, ...] = (ARCHIVED, DIGESTED, HELD)
"""The columns of each, under the names of those of `message`."""

_CAME = [
    Statement(
        select(one.door, one.door_account, one.through_list, one.authentication)
        .where(one.content_id == bindparam("content"))
        .limit(1)
    )
    for one in PLACES
]


def came(tx: Tx, content_id: int) -> Row | None:
    """Where one of them says that a message came from; None: no list has it."""
    return next((row for statement in _CAME if (row := tx.one(statement, content=content_id)) is not None), None)


def has(content_id: "ColumnElement[int]") -> ColumnElement[bool]:
    """Whether a list has this content."""
    return or_(*(select(one.content_id).where(one.content_id == content_id).exists() for one in PLACES))


def counted(tx: Tx, conditions: Iterator[ColumnElement[bool]]) -> int:
    """For how many of them these conditions hold, one for each of PLACES."""
    return sum(int(tx.execute(select(func.count()).where(one)).scalar_one()) for one in conditions)


# ---------------------------------------------------------------------- an author's own


def waits(tx: Tx, author: int, message_id: str, threads: Collection[int], name: str = "") -> int:
    """For how many lists' owners a message of theirs waits; `name`: under which it came in, where that is known."""
    mine = _held_of(author, message_id, threads)
    if name:
        mine = and_(mine, held_message.c.name == name)
    return int(tx.execute(select(func.count()).where(mine)).scalar_one())


def archived(tx: Tx, author: int, message_id: str, threads: Collection[int], since: int) -> int:
    """In how many archives a message is that they sent since then."""
    named = archived_post.c.content_id.in_(_named(message_id, threads))
    mine = and_(archived_post.c.account_id == author, archived_post.c.internal_date >= since)
    return int(tx.execute(select(func.count()).where(mine, named)).scalar_one())


@dataclass(frozen=True, slots=True)
class Spared:
    """Who had a message of lists, or was to get it, and does no more."""

    held: int
    """Lists whose owners had not decided about it."""
    archives: int
    waiting: frozenset[int | str]
    """Who was still to get it by a digest."""


def recall(tx: Tx, author: int, message_id: str, threads: Collection[int], since: int) -> Spared:
    """No list keeps what they sent, nor shows it to its owners."""
    held = _let_go(tx, _held_of(author, message_id, threads), "list-recalled")
    # Then the others: what an owner let pass meanwhile is there by now.
    archives = archived_posts.recall(tx, author, message_id, threads, since)
    return Spared(held, archives, frozenset(digest_posts.recall(tx, author, message_id, threads, since)))


def withdraw(tx: Tx, act: int, content_ids: Sequence[int], is_meant: Any, *, spares_held: bool) -> None:
    """What an act of taking back means is shown to nobody, and waits for nobody: neither members nor, unless it spares
    those, owners. An undoing brings back what archives had."""
    digest_posts.take_back(tx, content_ids)
    archived_posts.withdraw(tx, act, is_meant)
    if not spares_held:
        _let_go(tx, is_meant(HELD), "list-withdrawn")


def _let_go(tx: Tx, condition: ColumnElement[bool], why: str) -> int:
    """What waits for owners does no more, and its trace says why; for how many lists'."""
    held = moderation_queue.remove(tx, condition)
    for one in held:
        detail = Cause(why, list=one.list)
        trace = Trace(Step.DROPPED, one.name, one.reverse_path, [one.list], one.size, one.account_id, detail=detail)
        traces.record(tx, trace)
    return len(held)


def _held_of(author: int, message_id: str, threads: Collection[int]) -> ColumnElement[bool]:
    return and_(held_message.c.account_id == author, held_message.c.content_id.in_(_named(message_id, threads)))


def _named(message_id: str, threads: Collection[int]) -> Any:
    return select(content.c.id).where(content.c.thread.in_(threads), content.c.message_id == message_id)
