"""Messages of a backup that come back beside what an account has: into a tree of folders of its own, by units that may
be done again. A message that is there is not put there twice.

"There" is, unless everything is wanted, any mailbox of the account that is no such tree; and of these trees, of
whatever day, the folder that takes the place of the same one. So what a killed run has brought back stays, and what
stood in two folders comes back to both.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum

from sqlalchemy import bindparam, select

from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail import mailboxes, messages
from mailserver.store.mail.blobs import Prepared
from mailserver.store.mail.deleted import readmission, recovery
from mailserver.store.mail.mailboxes import SEPARATOR, Mailbox
from mailserver.store.mail.messages import Placing, Quota
from mailserver.store.schema.mail.messages import content, mailbox, message
from mailserver.store.schema.service.keeping import damage

TREE = "Restauré le {day:%d-%m-%Y}"
"""With dashes: a stroke would be a level of its own."""
_TREE = re.compile(r"Restauré le \d\d-\d\d-\d{4}")
_CONTENTS = select(content.c.hash, content.c.id)
_NAMED = Statement(
    select(mailbox.c.id, message.c.uid)
    .join_from(message, content, content.c.id == message.c.content_id)
    .join(mailbox, mailbox.c.id == message.c.mailbox_id)
    .where(mailbox.c.account_id == bindparam("account"), content.c.message_id == bindparam("wanted"))
    .order_by(mailbox.c.id, message.c.uid)
)
_TOLD = Statement(
    select(message.c.uid)
    .join_from(message, content, content.c.id == message.c.content_id)
    .where(message.c.mailbox_id == bindparam("box"), content.c.message_id == bindparam("wanted"))
    .limit(1)
)
SERVICE = Provenance(Door.SERVICE)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where what a folder of the backup held comes back to."""

    account_id: int
    tree: str
    name: str
    """Of the folder, in the backup."""
    everything: bool = False
    """Also what the account has elsewhere."""


@dataclass(frozen=True, slots=True)
class Returning:
    """A message of a backup."""

    hash: bytes
    size: int
    mask: int
    keywords: tuple[str, ...]
    """Of its mailbox in the backup."""
    internal_date: int
    came: Provenance
    prepared: Prepared | None = None
    """None: its content is thought to be stored."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What its owner is told, once."""

    message_id: str
    prepared: Prepared


@dataclass(slots=True)
class PutBack:
    """What a unit did."""

    count: int = 0
    lacking: list[Returning] = field(default_factory=list)
    """Their contents are not stored any more: they have to be brought."""
    spare: list[str] = field(default_factory=list)
    """Files that are not needed after the commit."""


class State(Enum):
    """How a message of a backup stands to the account."""

    GONE = "gone"
    STORED = "stored"
    """Not in the account, but its content is in the store."""
    THERE = "there"
    BARRED = "barred"
    """It may not come back."""


def states(tx: Tx, to: Destination, hashes: Sequence[bytes]) -> dict[bytes, State]:
    """Of each of these messages."""
    known: dict[bytes, int] = {
        row.hash: row.id for row in tx.execute(_CONTENTS.where(content.c.hash.in_(list(set(hashes)))))
    }
    ids = list(known.values())
    barred = readmission.barred(tx, ids)
    there = readmission.held(tx, ids, [box.id for box in _looked_in(tx, to)])
    marked = set(tx.execute(select(damage.c.content_id).where(damage.c.content_id.in_(ids))).scalars())
    found = dict.fromkeys(hashes, State.GONE)
    for digest, content_id in known.items():
        if content_id in marked - barred:
            continue  # its octets are wanted: they heal it wherever it is
        found[digest] = State.BARRED if content_id in barred else State.STORED
        if content_id in there:
            found[digest] = State.THERE
    return found


def _looked_in(tx: Tx, to: Destination) -> Iterator[Mailbox]:
    """The mailboxes in which a message counts as being there."""
    for box in mailboxes.listing(tx, to.account_id):
        head, _, rest = box.name.partition(SEPARATOR)
        is_tree = _TREE.fullmatch(head) is not None
        if rest == to.name if is_tree else not to.everything:
            yield box


def put_back(tx: Tx, to: Destination, batch: Sequence[Returning], quota: Quota, notice: Notice | None) -> PutBack:
    """Bring these back. Raises Refused(OVER_QUOTA | LIMIT): then none of them."""
    done = PutBack()
    # Contents before folders and mailboxes: the order in which rows are locked (`store.mail.messages`).
    stored = list(_contents(tx, batch, done))
    barred = readmission.barred(tx, [content_id for content_id, _ in stored])
    seen = readmission.held(tx, [content_id for content_id, _ in stored], [box.id for box in _looked_in(tx, to)])
    wanted: list[tuple[int, Returning]] = []
    for content_id, one in stored:
        if content_id not in seen | barred:
            seen.add(content_id)
            wanted.append((content_id, one))
    if not wanted:
        return done
    messages.check_quota(tx, to.account_id, quota, sum(one.size for _, one in wanted), len(wanted))
    if notice is not None:
        tell(tx, to.account_id, notice)
    box = _folder(tx, to)
    masks: dict[tuple[int, tuple[str, ...]], int] = {}
    for _, one in wanted:
        kept = (one.mask, one.keywords)
        if kept not in masks:
            masks[kept] = recovery.mask_in(tx, box.id, *kept)
    placed = [
        Placing(content_id, one.size, masks[one.mask, one.keywords], one.internal_date, one.came)
        for content_id, one in wanted
    ]
    messages.place_batch(tx, to.account_id, box.id, placed)
    done.count = len(placed)
    return done


def _contents(tx: Tx, batch: Sequence[Returning], done: PutBack) -> Iterator[tuple[int, Returning]]:
    for one in batch:
        if one.prepared is not None:
            content_id, new = messages.store_content(tx, one.prepared)
            if not new and one.prepared.file is not None:
                done.spare.append(one.prepared.file)
            yield content_id, one
        elif (known := messages.find_content(tx, one.hash)) is not None:
            yield known, one
        else:
            done.lacking.append(one)


def _folder(tx: Tx, to: Destination) -> Mailbox:
    """In the tree; a name that would be too long or too deep there, or one folder too many, is the tree's root."""
    try:
        return recovery.named_mailbox(tx, to.account_id, f"{to.tree}{SEPARATOR}{to.name}")
    except Refused as refusal:
        if refusal.reason not in (Reason.INVALID, Reason.LIMIT):
            raise
        return recovery.named_mailbox(tx, to.account_id, to.tree)


def tell(tx: Tx, account_id: int, notice: Notice) -> None:
    """Put a notice into somebody's INBOX, unless it is there."""
    mailboxes.provision(tx, account_id)
    inbox = mailboxes.get(tx, account_id, mailboxes.INBOX)
    if tx.one(_TOLD, box=inbox.id, wanted=notice.message_id) is None:
        content_id, _ = messages.store_content(tx, notice.prepared)
        messages.place(tx, account_id, inbox.id, content_id, notice.prepared.size, provenance=SERVICE)


def named(tx: Tx, account_id: int, message_id: str) -> dict[int, list[int]]:
    """The UIDs of the messages of this Message-ID, by mailbox."""
    found: dict[int, list[int]] = {}
    for box_id, uid in tx.all(_NAMED, account=account_id, wanted=f"<{message_id.strip('<> ')}>"):
        found.setdefault(int(box_id), []).append(int(uid))
    return found
