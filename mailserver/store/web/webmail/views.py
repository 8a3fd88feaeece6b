"""What a list shows of a mailbox: filtered, sorted, or as conversations; page by page.

A conversation here is the messages of one mailbox that are linked by the ids they name, whether the first one is there
or not, and whether answers name it or only the one before (RFC 5322 section 3.6.4). What never changes of messages is
remembered by `store.mail.whole_mailboxes.columns`; how a mailbox falls into conversations, as long as no message comes
or goes. Nothing here is scoped: the caller has opened the mailbox.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, or_, select, tuple_

from mailserver.model.messages.provenance import Door
from mailserver.store.engine.statements import ManyStatement, Statement, Tx
from mailserver.store.mail.flags import FLAGGED, SEEN, known_mask
from mailserver.store.mail.mailboxes import Mailbox, keywords
from mailserver.store.mail.whole_mailboxes import order
from mailserver.store.mail.whole_mailboxes.columns import Field, columns
from mailserver.store.schema.mail.messages import content, message
from mailserver.store.web.webmail.reading import Line, lines

MEMBERS = 100
"""Messages of one conversation whose flags a list looks at, the newest."""
MAX_NAMED = 100
"""References of one message that bind conversations, beside its first and last."""
_OCTETS = 40
"""About what a message takes in the memory of conversations."""


class Sort(StrEnum):
    """What a list is ordered by."""

    DATE = "date"
    PERSON = "de"
    """The sender; recipients in a mailbox of what was sent."""
    SUBJECT = "objet"
    SIZE = "taille"


@dataclass(frozen=True, slots=True)
class View:
    """How somebody wants to see a mailbox."""

    sort: Sort = Sort.DATE
    ascending: bool = False
    unseen: bool = False
    flagged: bool = False
    attachments: bool = False
    inside: str = ""
    """Only what senders of this domain wrote, and nothing that is known to borrow their address."""
    keyword: str = ""
    """Only what has this keyword."""
    grouped: bool = False
    outgoing: bool = False
    """Recipients matter, not senders."""
    before: int = 0
    """Only what has a smaller UID: was there when a page was made; 0: everything."""

    @property
    def is_filtered(self) -> bool:
        return bool(self.unseen or self.flagged or self.attachments or self.inside or self.keyword or self.before)

    @property
    def shows_conversations(self) -> bool:
        """Conversations are shown newest first and whole: not of what was filtered or sorted."""
        return self.grouped and not self.is_filtered and self.sort is Sort.DATE and not self.ascending


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a list: a message, or the newest one of a conversation."""

    line: Line
    count: int = 1
    unseen: bool = False
    flagged: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of items, and how many there are in all."""

    items: list[Item]
    total: int
    conversations: bool


_ROWS = Statement(
    select(message.c.uid, message.c.internal_date)
    .where(message.c.mailbox_id == bindparam("mailbox"))
    .order_by(message.c.uid)
)
_FLAGS = ManyStatement(
    select(message.c.uid, message.c.flags).where(message.c.mailbox_id == bindparam("mailbox")), message.c.uid
)


def listed(tx: Tx, box: Mailbox, view: View, size: int, skip: int) -> Listed:
    """A page of a mailbox as somebody wants to see it."""
    if view.shows_conversations:
        return _conversations_page(tx, box, size, skip)
    uids, total = _singles(tx, box, view, size, skip)
    found = {line.uid: line for line in lines(tx, box.id, uids)}
    items = [
        Item(line, 1, not line.flags & SEEN, bool(line.flags & FLAGGED))
        for line in (found[uid] for uid in uids if uid in found)
    ]
    return Listed(items, total, False)


def matching(tx: Tx, box: Mailbox, view: View, after: int, limit: int) -> list[int]:
    """UIDs above `after` of what a view shows, ascending, at most `limit`."""
    query = _filtered(tx, box, view, select(message.c.uid)).where(message.c.uid > after)
    return [row[0] for row in tx.execute(query.order_by(message.c.uid).limit(limit))]


def conversation_uids(tx: Tx, box: Mailbox, uids: Sequence[int]) -> list[int]:
    """UIDs of all messages in the conversations of these, ascending."""
    wanted = set(uids)
    return sorted(uid for group in _conversations(tx, box) if wanted.intersection(group) for uid in group)


def neighbours(tx: Tx, box: Mailbox, view: View, uid: int) -> tuple[int, int]:
    """Content ids of what a view shows above and below a message, 0 at the ends: of conversations the newest messages.

    A message that the view no longer shows, because it has been read, keeps its place where the order is that of dates.
    """
    if view.shows_conversations:
        groups = _conversations(tx, box)
        at = next((place for place, group in enumerate(groups) if uid in group), -1)
        around = [groups[place][0] if 0 <= place < len(groups) else 0 for place in (at - 1, at + 1)]
        above, below = around if at >= 0 else (0, 0)
    elif view.sort is Sort.DATE:
        later, earlier = (_nearest(tx, box, view, uid, later=later) for later in (True, False))
        above, below = (earlier, later) if view.ascending else (later, earlier)
    else:
        uids = _singles(tx, box, view, box.messages, 0)[0]
        at = uids.index(uid) if uid in uids else -1
        above = uids[at - 1] if at > 0 else 0
        below = uids[at + 1] if 0 <= at < len(uids) - 1 else 0
    ids = {line.uid: line.id for line in lines(tx, box.id, [one for one in (above, below) if one])}
    return ids.get(above, 0), ids.get(below, 0)


def _nearest(tx: Tx, box: Mailbox, view: View, uid: int, *, later: bool) -> int:
    """UID of what a view shows next to a message by date; 0: nothing."""
    key = tuple_(message.c.internal_date, message.c.uid)
    edge = select(message.c.internal_date, message.c.uid).where(message.c.mailbox_id == box.id, message.c.uid == uid)
    row = tx.execute(edge).first()
    if row is None:
        return 0
    beyond = key > tuple_(*row) if later else key < tuple_(*row)
    order_by = [column.asc() if later else column.desc() for column in (message.c.internal_date, message.c.uid)]
    found = tx.execute(
        _filtered(tx, box, view, select(message.c.uid)).where(beyond).order_by(*order_by).limit(1)
    ).first()
    return int(found[0]) if found else 0


# ---------------------------------------------------------------------- messages one by one


def _singles(tx: Tx, box: Mailbox, view: View, size: int, skip: int) -> tuple[list[int], int]:
    """UIDs of a page, and how many messages there are in all."""
    total = box.messages
    if view.is_filtered:
        total = int(tx.execute(_filtered(tx, box, view, select(func.count()))).scalar() or 0)
    if view.sort is Sort.DATE:
        keys = [message.c.internal_date, message.c.uid]
        query = _filtered(tx, box, view, select(message.c.uid))
        query = query.order_by(*(keys if view.ascending else [key.desc() for key in keys]))
        return [row[0] for row in tx.execute(query.limit(size).offset(skip))], total
    uids = array("I", [row[0] for row in tx.all(_ROWS, mailbox=box.id)])
    places = array("I", range(len(uids)))
    if view.is_filtered:
        shown = {row[0] for row in tx.execute(_filtered(tx, box, view, select(message.c.uid)))}
        places = array("I", [place for place in places if uids[place] in shown])
    person = Field.DISPLAYTO if view.outgoing else Field.DISPLAYFROM
    field = {Sort.PERSON: person, Sort.SUBJECT: Field.SUBJECT, Sort.SIZE: Field.SIZE}[view.sort]
    # What compares equal stays newest first: RFC 5256 leaves it in the mailbox's order, which is oldest first.
    sorted_places = order.sort(
        tx, box.account_id, box.id, uids, places, ((field, not view.ascending), (Field.ARRIVAL, True))
    )
    return [uids[place] for place in sorted_places[skip : skip + size]], total


def _filtered(tx: Tx, box: Mailbox, view: View, query: Any) -> Any:
    """A query over messages limited to what the view shows."""
    conditions: list[ColumnElement[bool]] = [message.c.mailbox_id == box.id]
    if view.before:
        conditions.append(message.c.uid < view.before)
    if view.unseen:
        conditions.append(message.c.flags.op("&")(SEEN) == 0)
    if view.flagged:
        conditions.append(message.c.flags.op("&")(FLAGGED) != 0)
    if view.keyword:
        mask, _ = known_mask((view.keyword,), keywords(tx, box.id))
        conditions.append(message.c.flags.op("&")(mask) != 0)
    query = query.select_from(message)
    if view.attachments or view.inside:
        query = query.join(content, content.c.id == message.c.content_id)
    if view.attachments:
        conditions.append(content.c.attachments > 0)
    if view.inside:
        conditions += (
            func.lower(content.c.sender_address).endswith(f"@{view.inside.lower()}", autoescape=True),
            # Not what is known to come from somebody else than it says (`mailserver.model.messages.provenance`).
            message.c.door.not_in([int(door) for door in (Door.SMTP, Door.LMTP, Door.RESENT)]),
            or_(message.c.door != int(Door.APPENDED), message.c.door_account == box.account_id),
        )
    return query.where(*conditions)


# ---------------------------------------------------------------------- conversations

Group = Sequence[int]
"""UIDs of a conversation, the newest first."""


def _conversations(tx: Tx, box: Mailbox) -> Sequence[Group]:
    """The conversations of a mailbox, the one with the newest message first."""
    state = (box.uidvalidity, box.uidnext, box.messages)
    known = tx.memory.get(("conversations", box.id))
    if known is not None and known[0] == state:
        return known[1]  # type: ignore[no-any-return]
    rows = tx.all(_ROWS, mailbox=box.id)
    uids = array("I", [row[0] for row in rows])
    (links,) = columns(tx, box.account_id, box.id, uids, (Field.LINKS,))
    groups: dict[int, list[tuple[int, int]]] = {}
    heads = _linked(links)
    for (uid, date), ids in zip(rows, links, strict=True):
        if ids is not None:
            # A message without an id of its own that refers to none is alone: its UID below zero is no id's number.
            named = ids[1] if len(ids) > 1 else ids[0]
            groups.setdefault(_head(heads, named) if named else -uid, []).append((date, uid))
    made = [sorted(group, reverse=True) for group in groups.values()]
    made.sort(key=lambda group: group[0], reverse=True)
    found = [array("I", [uid for _, uid in group]) for group in made]
    tx.memory.put(("conversations", box.id), (state, found), _OCTETS * len(rows))
    return found


def _linked(links: Sequence[Sequence[int] | None]) -> dict[int, int]:
    """Message ids that are of one conversation, each with one nearer to the id that stands for it (union-find).

    The first id that a message names binds all that it names, and itself; at most MAX_NAMED of them, so that hostile
    references cost no more than honest ones.
    """
    heads: dict[int, int] = {}
    for ids in links:
        if ids is None or len(ids) < 2:
            continue
        first = _head(heads, ids[1])
        for one in (ids[0], *ids[2 : 2 + MAX_NAMED], ids[-1]):
            if one and (other := _head(heads, one)) != first:
                heads[other] = first
    return heads


def _head(heads: dict[int, int], one: int) -> int:
    while (above := heads.get(one)) is not None:
        if (next_one := heads.get(above)) is not None:
            heads[one] = next_one  # the way gets shorter with each look
        one = above
    return one


def of_message(tx: Tx, box: Mailbox, uid: int) -> Group:
    """UIDs of the conversation of a message in its mailbox, the newest first. Not scoped."""
    return next((group for group in _conversations(tx, box) if uid in group), (uid,))


def _conversations_page(tx: Tx, box: Mailbox, size: int, skip: int) -> Listed:
    groups = _conversations(tx, box)
    shown = groups[skip : skip + size]
    heads = {line.uid: line for line in lines(tx, box.id, [group[0] for group in shown])}
    flags = _flags(tx, box.id, [uid for group in shown if len(group) > 1 for uid in group[:MEMBERS]])
    items = []
    for group in shown:
        line = heads.get(group[0])
        if line is not None:
            masks = [flags.get(uid, SEEN) for uid in group[:MEMBERS]] if len(group) > 1 else [line.flags]
            unseen = any(not mask & SEEN for mask in masks)
            items.append(Item(line, len(group), unseen, any(mask & FLAGGED for mask in masks)))
    return Listed(items, len(groups), True)


def _flags(tx: Tx, mailbox_id: int, uids: Sequence[int]) -> dict[int, int]:
    return dict(_FLAGS.rows(tx, uids, mailbox=mailbox_id)) if uids else {}
