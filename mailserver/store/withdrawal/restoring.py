"""Bringing back what was taken away, and letting go of it when that is over: a batch a unit.

A message comes back to its mailbox with its flags, dates and provenance, under a new UID: the old one was told to be
gone for good (RFC 3501 section 2.3.1.1). Where the mailbox is gone meanwhile, INBOX takes it. No quota is asked: it was
there before.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, bindparam, delete, select, update

from mailserver.model.errors import Refused
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail import collect, mailboxes, messages, snooze
from mailserver.store.mail.flags import FIRST_KEYWORD_BIT, FLAGGED, SEEN
from mailserver.store.mail.messages.append import INSERT_MESSAGE
from mailserver.store.record import trusted_clock
from mailserver.store.schema.mail import mailbox
from mailserver.store.schema.withdrawal import withdrawal, withdrawn
from mailserver.store.withdrawal import rows
from mailserver.store.withdrawal.rows import LEASE_SECONDS, State
from mailserver.store.withdrawal.taking import FACTS

_SYSTEM = (1 << FIRST_KEYWORD_BIT) - 1
_NAMES = ("id", "account_id", "keywords", *FACTS)
_NEXT = select(*(withdrawn.c[name] for name in _NAMES)).order_by(withdrawn.c.id)
_GONE = Statement(delete(withdrawn).where(withdrawn.c.id == bindparam("row")))
_MINT = Statement(
    update(mailbox)
    .where(mailbox.c.id == bindparam("box"))
    .values(
        uidnext=mailbox.c.uidnext + bindparam("more", type_=BigInteger),
        modseq=mailbox.c.modseq + 1,
        messages=mailbox.c.messages + bindparam("more", type_=BigInteger),
        unseen=mailbox.c.unseen + bindparam("unread", type_=BigInteger),
        flagged=mailbox.c.flagged + bindparam("starred", type_=BigInteger),
        octets=mailbox.c.octets + bindparam("sizes", type_=BigInteger),
    )
)


def restore(tx: Tx, most: int, number: int, worker: int) -> int | None:
    """Bring up to so many messages back; how many. Fewer: the act is over. None: it is no longer about that.

    Raises Refused(NOT_FOUND).
    """
    act = rows.locked(tx, number)
    if act.state is not State.RESTORING:
        return None
    found = _next(tx, withdrawn.c.withdrawal_id == number, most)
    if found:
        _find_places(tx, found)
        _place(tx, found)
        _let_go(tx, found)
    restored = act.restored + len(found)
    values = {"restored": restored, "worker": worker, "leased": tx.now + LEASE_SECONDS}
    tx.execute(update(withdrawal).where(withdrawal.c.id == number).values(values))
    if len(found) < most:
        rows.close(tx, number, State.RESTORED)
        rows.record(tx, rows.SERVICE, number, act.likeness.facts.sender, "restored", restored)
    return len(found)


def _next(tx: Tx, which: ColumnElement[bool], most: int) -> list[dict[str, Any]]:
    return [dict(zip(_NAMES, row, strict=True)) for row in tx.execute(_NEXT.where(which).limit(most))]


def _find_places(tx: Tx, found: Sequence[dict[str, Any]]) -> None:
    """Where each comes back to: its mailbox, else INBOX. What was put off comes back at once."""
    boxes = {box.id: box for box in mailboxes.by_ids(tx, sorted({row["mailbox_id"] for row in found}))}
    lost = [row for row in found if not _is_there(boxes.get(row["mailbox_id"]), row["account_id"])]
    owners = sorted({row["account_id"] for row in lost})
    inboxes = messages.inboxes(tx, owners)
    for account_id in owners:
        if account_id not in inboxes:
            mailboxes.provision(tx, account_id)
            inboxes[account_id] = mailboxes.get(tx, account_id, mailboxes.INBOX).id
    for row in lost:
        row["mailbox_id"] = inboxes[row["account_id"]]
    mailboxes.lock_all(tx, [row["mailbox_id"] for row in found])
    for row in lost:
        row["flags"] = _flags(tx, row["mailbox_id"], row["flags"], row["keywords"].split())


def _is_there(box: mailboxes.Mailbox | None, account_id: int) -> bool:
    return box is not None and box.account_id == account_id and box.name != snooze.PLACE


def _flags(tx: Tx, mailbox_id: int, flags: int, names: Sequence[str]) -> int:
    """The same flags in another mailbox; keywords that it cannot hold are left out."""
    try:
        return flags & _SYSTEM | messages.ensure_flags(tx, mailbox_id, names)
    except Refused:
        return flags & _SYSTEM


def _place(tx: Tx, found: Sequence[dict[str, Any]]) -> None:
    """Appearances as they were, each mailbox with one new mod-sequence."""
    by_box: dict[int, list[dict[str, Any]]] = {}
    for row in found:
        by_box.setdefault(row["mailbox_id"], []).append(row)
        tx.changed(row["account_id"], row["mailbox_id"])
    tx.many(_MINT, [_gain(box, of_box) for box, of_box in sorted(by_box.items())])
    after = {box.id: box for box in mailboxes.by_ids(tx, sorted(by_box))}
    now = tx.now
    placed = []
    for box, of_box in by_box.items():
        first = after[box].uidnext - len(of_box)
        for uid, row in enumerate(of_box, first):
            facts = {name: row[name] for name in FACTS}
            placed.append({**facts, "uid": uid, "modseq": after[box].modseq, "saved": now})
    tx.many(INSERT_MESSAGE, placed)


def _gain(box: int, of_box: Sequence[dict[str, Any]]) -> dict[str, int]:
    return {
        "box": box,
        "more": len(of_box),
        "unread": sum(not row["flags"] & SEEN for row in of_box),
        "starred": sum(row["flags"] & FLAGGED > 0 for row in of_box),
        "sizes": sum(row["size"] for row in of_box),
    }


def _let_go(tx: Tx, found: Sequence[dict[str, Any]]) -> None:
    tx.many(_GONE, [{"row": row["id"]} for row in found])
    collect.note(tx, sorted({row["content_id"] for row in found}))


# ---------------------------------------------------------------------- when it is over


def over(tx: Tx) -> list[int]:
    """Acts whose copies need not be kept any longer."""
    late = (withdrawal.c.state == State.TAKEN.value) & (withdrawal.c.expires <= tx.now)
    return list(tx.execute(select(withdrawal.c.id).where(late).order_by(withdrawal.c.id)).scalars())


def end(tx: Tx, most: int, number: int) -> int:
    """Let go of up to so many copies of an act that can no longer be undone; how many. The collector takes away what
    nobody else holds. 0: it is over. Raises Refused(NOT_FOUND), ClockJumped."""
    trusted_clock.check(tx)
    found = rows.locked(tx, number)
    if found.state is not State.TAKEN or tx.now < found.expires:
        return 0
    gone = _next(tx, withdrawn.c.withdrawal_id == number, most)
    _let_go(tx, gone)
    if len(gone) < most:
        rows.close(tx, number, State.ENDED)
        rows.record(tx, rows.SERVICE, number, found.likeness.facts.sender, "ended", found.taken)
    return len(gone)


def erase(tx: Tx, account_id: int, most: int) -> bool:
    """Let go of the next copies of an account that is erased; False when there were none."""
    gone = _next(tx, withdrawn.c.account_id == account_id, most)
    _let_go(tx, gone)
    return bool(gone)
