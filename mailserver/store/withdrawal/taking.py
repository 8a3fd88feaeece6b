"""Taking appearances out of mailboxes, a batch a unit: rows move to `withdrawn`, tombstones stay, counters follow.

A batch begins from what is there, so whoever goes on after a crash takes what is left, and two that meet do no harm.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, bindparam, delete, insert, select, update

from mailserver.store.engine.statements import ManyStatement, Statement, Tx
from mailserver.store.mail import collect
from mailserver.store.mail.flags import FIRST_KEYWORD_BIT, FLAGGED, SEEN
from mailserver.store.schema.mail import expunged, keyword, mailbox, message
from mailserver.store.schema.withdrawal import withdrawal, withdrawn
from mailserver.store.withdrawal import rows
from mailserver.store.withdrawal.finding import meant
from mailserver.store.withdrawal.rows import LEASE_SECONDS, NEWS, NOBODY, State

FACTS = tuple(column.name for column in message.c if column.name not in ("uid", "modseq", "saved"))
"""What an appearance has and gets back: all but its number, its last change, and when it came there."""

_SELECTED = select(
    *(message.c[name] for name in FACTS),
    *(message.c.uid, mailbox.c.account_id, mailbox.c.modseq),
).join_from(message, mailbox, mailbox.c.id == message.c.mailbox_id)
_NAMES = (*FACTS, "uid", "account_id", "box_modseq")
_KEYWORDS = ManyStatement(select(keyword.c.mailbox_id, keyword.c.bit, keyword.c.name), keyword.c.mailbox_id)
_KEEP = Statement(insert(withdrawn), keys=("withdrawal_id", "account_id", "keywords", *FACTS))
_BURY = Statement(insert(expunged), keys=("mailbox_id", "modseq", "uid", "at"))
_DELETE = Statement(
    delete(message).where(message.c.mailbox_id == bindparam("box"), message.c.uid == bindparam("number"))
)
_SETTLE = Statement(
    update(mailbox)
    .where(mailbox.c.id == bindparam("box"))
    .values(
        modseq=bindparam("top", type_=BigInteger),
        messages=mailbox.c.messages - bindparam("fewer", type_=BigInteger),
        unseen=mailbox.c.unseen - bindparam("unread", type_=BigInteger),
        flagged=mailbox.c.flagged - bindparam("starred", type_=BigInteger),
        octets=mailbox.c.octets - bindparam("freed", type_=BigInteger),
    )
)


@dataclass(slots=True)
class _Loss:
    """What a mailbox loses in a batch."""

    modseq: int
    fewer: int = 0
    unread: int = 0
    starred: int = 0
    freed: int = 0


def take(tx: Tx, most: int, number: int, worker: int, content_ids: Sequence[int], *, only_alike: bool) -> int | None:
    """Take up to so many appearances of these contents away; how many were there. None: it is no longer about that.

    Raises Refused(NOT_FOUND).
    """
    act = rows.locked(tx, number)
    if act.state is not State.TAKING:
        return None
    wanted = _SELECTED.where(meant(tx, content_ids, act.likeness.came, only_alike=only_alike))
    found, seen = _locked(tx, wanted.order_by(message.c.content_id, message.c.mailbox_id, message.c.uid).limit(most))
    if found:
        _keep(tx, number, found)
        _remove(tx, found)
        collect.note(tx, sorted({row["content_id"] for row in found}))
    _go_on(tx, number, worker, taken=len(found))
    return seen


def _locked(tx: Tx, wanted: Any) -> tuple[list[dict[str, Any]], int]:
    """The rows, their mailboxes locked in the order that every unit keeps, and how many there were before that; SQLite
    has one writer."""
    found = [dict(zip(_NAMES, row, strict=True)) for row in tx.execute(wanted)]
    if tx.dialect != "postgresql" or not found:
        return found, len(found)
    boxes = sorted({row["mailbox_id"] for row in found})
    tx.execute(select(mailbox.c.id).where(mailbox.c.id.in_(boxes)).order_by(mailbox.c.id).with_for_update())
    # Again, by a statement of its own: it sees what was committed while we waited for the locks.
    there = {(row["mailbox_id"], row["uid"]) for row in found}
    numbers = sorted({row["content_id"] for row in found})
    again = _SELECTED.where(message.c.content_id.in_(numbers), message.c.mailbox_id.in_(boxes))
    now = [dict(zip(_NAMES, row, strict=True)) for row in tx.execute(again)]
    return [row for row in now if (row["mailbox_id"], row["uid"]) in there], len(found)


def _keep(tx: Tx, number: int, found: Sequence[dict[str, Any]]) -> None:
    """The rows as they are, out of reach."""
    marked = sorted({row["mailbox_id"] for row in found if row["flags"] >> FIRST_KEYWORD_BIT})
    names: dict[int, dict[int, str]] = {}
    for box, bit, name in _KEYWORDS.rows(tx, marked):
        names.setdefault(box, {})[FIRST_KEYWORD_BIT + bit] = name
    tx.many(
        _KEEP,
        [
            {
                **{name: row[name] for name in FACTS},
                "withdrawal_id": number,
                "account_id": row["account_id"],
                "keywords": _keywords(row["flags"], names.get(row["mailbox_id"], {})),
            }
            for row in found
        ],
    )


def _keywords(flags: int, names: dict[int, str]) -> str:
    return " ".join(name for bit, name in sorted(names.items()) if flags >> bit & 1)


def _remove(tx: Tx, found: Sequence[dict[str, Any]]) -> None:
    """The rows go, tombstones stay, each mailbox takes its next mod-sequence (RFC 7162 section 3.2.10)."""
    losses: dict[int, _Loss] = {}
    stones = []
    now = tx.now
    for row in found:
        loss = losses.setdefault(row["mailbox_id"], _Loss(row["box_modseq"] + 1))
        loss.fewer += 1
        loss.unread += not row["flags"] & SEEN
        loss.starred += row["flags"] & FLAGGED > 0
        loss.freed += row["size"]
        stones.append({"mailbox_id": row["mailbox_id"], "modseq": loss.modseq, "uid": row["uid"], "at": now})
        tx.changed(row["account_id"], row["mailbox_id"])
    tx.many(_BURY, stones)
    tx.many(_DELETE, [{"box": row["mailbox_id"], "number": row["uid"]} for row in found])
    tx.many(
        _SETTLE,
        [
            {
                "box": box,
                "top": loss.modseq,
                "fewer": loss.fewer,
                "unread": loss.unread,
                "starred": loss.starred,
                "freed": loss.freed,
            }
            for box, loss in losses.items()
        ],
    )


def swept(tx: Tx, number: int, *, settled: bool) -> bool:
    """All mailboxes were gone through. `settled`: nothing that was on its way before can come any more.

    False: the act is no longer about that. Raises Refused(NOT_FOUND).
    """
    found = rows.locked(tx, number)
    if found.state is not State.TAKING:
        return False
    values: dict[str, Any] = {"swept": found.swept or tx.now}
    if settled:
        values |= {"state": State.TAKEN.value, "leased": 0}
    tx.execute(update(withdrawal).where(withdrawal.c.id == number).values(values))
    if not found.swept:
        rows.record(tx, rows.SERVICE, number, found.likeness.facts.sender, "taken", found.taken)
    if settled or not found.swept:
        tx.changed(NOBODY, NEWS)
    return True


def _go_on(tx: Tx, number: int, worker: int, taken: int) -> None:
    """Count, and stay the one who is at it."""
    mine = withdrawal.c.id == number
    values = {"taken": withdrawal.c.taken + taken, "worker": worker, "leased": tx.now + LEASE_SECONDS}
    tx.execute(update(withdrawal).where(mine).values(values))
