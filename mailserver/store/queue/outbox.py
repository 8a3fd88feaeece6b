"""Letters that wait for their time: held, called back, taken by one worker, gone with the unit that submits them.

A letter is in Drafts or here, never in both and never in neither: every step is one unit. The row keeps the octets that
will leave (without their date) and the draft that comes back.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, delete, func, insert, not_, select, update

from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.account import accounts, idempotency
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail import collect, mailboxes, messages
from mailserver.store.mail.access import Viewer
from mailserver.store.mail.blobs import Prepared
from mailserver.store.octets.files import BlobFolder
from mailserver.store.queue.spool import Notify, Target
from mailserver.store.record import trusted_clock
from mailserver.store.schema.mail.messages import blob, content
from mailserver.store.schema.mail.writing import outbox
from mailserver.store.web.webmail import handling
from mailserver.store.web.webmail.choosing import Chosen
from mailserver.store.web.webmail.drafting import drafts
from mailserver.store.web.webmail.reading import uids_of

MAX_WAITING = 200
"""Letters of one account."""
FURTHEST = 366 * 86400
"""Seconds ahead that a letter may be planned, at whatever door."""
SENT_REMEMBERED = 86400
"""Seconds during which the form of a sent letter is recognised when it is posted again."""
LEASE = 20
"""Seconds a worker has for one departure before another tries, too: so long a letter waits for one that was killed."""
BATCH = 50

collect.also_held_by(outbox, outbox.c.content_id)
collect.also_held_by(outbox, outbox.c.draft_id)


@dataclass(frozen=True, slots=True)
class FromProgram:
    """What a mail program said with a message that it submitted for later (RFC 4865)."""

    name: str
    """Its identifier, told to the program."""
    trace: str
    """The field of the door."""
    ret: str = ""
    envid: str = ""
    utf8: bool = False
    require_tls: bool = False
    targets: tuple[tuple[str, int, str], ...] = ()
    """Each recipient with the reports wanted and the original recipient."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a letter leaves."""

    reverse_path: str
    recipients: tuple[str, ...]
    """Addresses it still has to reach."""
    apart: bool = False
    """One copy for each recipient, who sees no other."""
    copy_box: int = 0
    """Mailbox of the person for the copy; 0: Sent, -1: none."""
    copied: bool = False
    """The copy is made already (`apart`, after the first departure)."""
    notify: int = 0
    """Reports of delivery wanted (`spool.Notify`)."""
    answers: int = 0
    forwards: tuple[int, ...] = ()
    box: int = 0
    """The mailbox of others where the messages lie that it answers or passes on; 0: they are one's own."""
    due: int = 0
    """A mailing is handed in before its time, so that somebody can approve it; 0: it is none."""
    version: str = ""
    """The fingerprint of just these words, in hex: who posts others by the same form sends another letter."""
    program: FromProgram | None = None
    """It was submitted by a mail program; None: written in the web."""
    require_tls: bool = False
    """Written in the web, it is to go nowhere but over TLS (RFC 8689)."""
    looked_at: bool = False
    """Its author was asked about what it gives away: it left the academy already when it was written."""

    @property
    def is_tls_required(self) -> bool:
        """Whoever wrote it, and wherever, wants it to go over TLS alone."""
        return self.require_tls or (self.program is not None and self.program.require_tls)

    def targets(self, recipients: Sequence[str]) -> list[Target]:
        """Some of its recipients, with what was asked for about them."""
        if self.program is None:
            return [Target(recipient, Notify(self.notify)) for recipient in recipients]
        wanted = set(recipients)
        return [Target(one[0], Notify(one[1]), one[2]) for one in self.program.targets if one[0] in wanted]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A letter that waits."""

    id: int
    account_id: int
    content_id: int
    draft_id: int
    due: int
    planned: bool
    attempts: int
    letter: bytes
    """The claim of its form: what has become of it is known by it when it waits no more."""
    terms: Terms
    subject: str
    shown: str
    """Its recipients, as lists show them."""
    size: int
    created: int


_COLUMNS = (
    outbox.c.id,
    outbox.c.account_id,
    outbox.c.content_id,
    outbox.c.draft_id,
    outbox.c.due,
    outbox.c.planned,
    outbox.c.attempts,
    outbox.c.letter,
    outbox.c.terms,
    content.c.subject,
    content.c.recipients,
    content.c.size,
    outbox.c.created,
)
_ALL = select(*_COLUMNS).join_from(outbox, content, content.c.id == outbox.c.draft_id)
_DUE = Statement(
    select(outbox.c.id)
    .where(outbox.c.due <= bindparam("moment"), outbox.c.taken <= bindparam("moment"))
    .order_by(outbox.c.due)
    .limit(BATCH)
)
_COUNT = Statement(
    select(func.count(), func.coalesce(func.sum(content.c.size), 0))
    .join_from(outbox, content, content.c.id == outbox.c.draft_id)
    .where(outbox.c.account_id == bindparam("account"))
)


def hold(
    tx: Tx,
    account_id: int,
    letter: bytes,
    draft_id: int,
    final: Prepared,
    terms: Terms,
    due: int,
    quota: messages.Quota,
    *,
    planned: bool,
) -> tuple[int, bool] | None:
    """Take a draft out of Drafts and let it wait until `due`; its number, and whether `final.file` is used.

    None: the draft is not there any more, replaced or removed by somebody else; nothing is done.
    Raises Refused(CONFLICT) when this letter waits or has left already,
    Refused(LIMIT): too many wait, or they and the mailbox hold more together than the mailbox may.
    """
    _check_room(tx, account_id, quota)
    if not idempotency.claim(tx, letter, account_id, max(0, due - tx.now) + SENT_REMEMBERED):
        raise Refused(Reason.CONFLICT, "this letter has left already")
    box = mailboxes.lock(tx, account_id, drafts(tx, account_id).id)  # nobody replaces it meanwhile
    uids = uids_of(tx, account_id, box.id, [draft_id])
    if not uids:
        idempotency.release(tx, letter, account_id)
        return None
    content_id, used = messages.store_content(tx, final)
    number = _insert(tx, account_id, letter, (content_id, draft_id), terms, due, planned=planned)
    messages.erase(tx, account_id, box.id, uids, kept=False)
    return number, used


def hold_submitted(
    tx: Tx,
    account_id: int,
    letter: bytes,
    final: Prepared,
    draft: Prepared | None,
    terms: Terms,
    due: int,
    quota: messages.Quota,
) -> list[str]:
    """Let a message of a mail program wait until `due`; files that turned out not to be needed.

    `draft` is what it becomes where it is called back; None: `final` itself. Raises Refused(LIMIT): too many wait, or
    they and the mailbox hold more together than the mailbox may.
    """
    _check_room(tx, account_id, quota, more=(draft or final).size)
    idempotency.claim(tx, letter, account_id, max(0, due - tx.now) + SENT_REMEMBERED)
    content_id, used = messages.store_content(tx, final)
    unused = [final.file] if final.file is not None and not used else []
    draft_id = content_id
    if draft is not None:
        draft_id, used = messages.store_content(tx, draft)
        unused += [draft.file] if draft.file is not None and not used else []
    _insert(tx, account_id, letter, (content_id, draft_id), terms, due, planned=True)
    tx.changed(account_id, 0)
    return unused


def _check_room(tx: Tx, account_id: int, quota: messages.Quota, more: int = 0) -> None:
    """`more`: octets that were in no mailbox until now. Raises Refused(LIMIT)."""
    accounts.lock(tx, account_id)
    waiting, size = tx.one(_COUNT, account=account_id) or (0, 0)
    if waiting >= MAX_WAITING:
        raise Refused(Reason.LIMIT, "too many letters wait")
    if waiting or more:  # the first one of the web was within the mailbox until now
        try:
            messages.check_quota(tx, account_id, quota, size + more, waiting + (more > 0))
        except Refused:
            raise Refused(Reason.LIMIT, "the letters that wait are too large") from None


def _insert(
    tx: Tx, account_id: int, letter: bytes, contents: tuple[int, int], terms: Terms, due: int, *, planned: bool
) -> int:
    """`contents`: what leaves, and the draft."""
    values = {
        "account_id": account_id,
        "letter": letter,
        "content_id": contents[0],
        "draft_id": contents[1],
        "due": due,
        "planned": int(planned),
        "created": tx.now,
        "terms": json.dumps(asdict(terms)),
    }
    return int(tx.execute(insert(outbox).values(values).returning(outbox.c.id)).scalar_one())


def due(tx: Tx) -> list[int]:
    """Letters whose time has come and that no worker is at, oldest first."""
    return [row[0] for row in tx.all(_DUE, moment=tx.now)]


def due_beyond_doubt(tx: Tx) -> list[int]:
    """The same while the clock is in doubt: not those that its jump made due.

    They were planned before the time that was believed last, for a time after it. What somebody sends now, leaves.
    """
    found = trusted_clock.doubt(tx)
    if found is None:
        return due(tx)
    edge = found.trusted + trusted_clock.SLACK
    by_the_jump = and_(outbox.c.created <= edge, outbox.c.due > edge)
    chosen = select(outbox.c.id).where(outbox.c.due <= tx.now, outbox.c.taken <= tx.now, not_(by_the_jump))
    return [row[0] for row in tx.execute(chosen.order_by(outbox.c.due).limit(BATCH))]


def take(tx: Tx, number: int) -> Waiting | None:
    """Be the worker that sends a letter, for LEASE seconds; None: another is, or it is gone."""
    return _take(tx, number, outbox.c.due <= tx.now)


def take_early(tx: Tx, number: int, account_id: int) -> Waiting | None:
    """The same before its time, for its author who wants it sent now: its time is put forward and it is taken in one
    unit, so that nobody has it in between."""
    return _take(tx, number, outbox.c.account_id == account_id)


def _take(tx: Tx, number: int, condition: ColumnElement[bool]) -> Waiting | None:
    mine = (outbox.c.id == number, outbox.c.taken <= tx.now, condition)
    sooner = case((outbox.c.due > tx.now, tx.now), else_=outbox.c.due)
    values = {"taken": tx.now + LEASE, "attempts": outbox.c.attempts + 1, "due": sooner}
    taken = tx.execute(update(outbox).where(*mine).values(values)).rowcount
    return _one(tx, outbox.c.id == number) if taken else None


def octets(tx: Tx, waiting: Waiting, folder: BlobFolder) -> bytes:
    """What is to leave, without its date."""
    row = tx.execute(
        select(blob.c.header, blob.c.octets, blob.c.file).where(blob.c.content_id == waiting.content_id)
    ).one()
    return messages.join_octets(folder, bytes(row.header), row.octets and bytes(row.octets), row.file)


def departed(tx: Tx, *, waiting: Waiting, reached: Sequence[str], viewer: Viewer) -> None:
    """Within the unit that submits: these recipients have it. With the last one the letter is gone from here, and what
    it answers or passes on is marked so, as far as its author (`viewer`) may.

    Raises Refused(CONFLICT) when it was called back or sent by somebody else: then that unit does nothing.
    """
    row = tx.execute(select(outbox.c.terms, outbox.c.letter).where(outbox.c.id == waiting.id).with_for_update()).first()
    terms = _terms(row.terms) if row is not None else None
    if row is None or terms is None or not set(reached) <= set(terms.recipients):
        raise Refused(Reason.CONFLICT, "this letter was called back")
    rest = tuple(recipient for recipient in terms.recipients if recipient not in set(reached))
    if rest:
        left = json.dumps(asdict(replace(terms, recipients=rest, copied=True)))
        tx.execute(update(outbox).where(outbox.c.id == waiting.id).values(terms=left, taken=tx.now + LEASE))
        return
    _drop(tx, waiting)
    idempotency.finish(tx, bytes(row.letter), waiting.account_id, SENT_REMEMBERED)
    if terms.version:
        idempotency.claim(tx, bytes.fromhex(terms.version), waiting.account_id, SENT_REMEMBERED)
    seen = [(terms.answers, ("\\Answered",)), *((forward, ("$Forwarded",)) for forward in terms.forwards)]
    for content_id, flags in seen:
        if terms.box and content_id:
            with suppress(Refused):  # the right to may be gone: the letter leaves all the same
                handling.mark(tx, viewer, terms.box, Chosen((content_id,)), 0, "+", flags)
            continue
        for mailbox_id, uid in messages.find(tx, waiting.account_id, content_id) if content_id else ():
            messages.store_flags(tx, waiting.account_id, mailbox_id, [uid], "+", flags)


class Fate(Enum):
    """What has become of a letter."""

    WAITS = "waits"
    LEFT = "left"
    DRAFT = "draft"
    """It was called back, or could not leave."""


def fate(tx: Tx, waiting: Waiting) -> Fate:
    """What has become of a letter that waited."""
    if _one(tx, outbox.c.id == waiting.id, outbox.c.account_id == waiting.account_id) is not None:
        return Fate.WAITS
    return Fate.LEFT if idempotency.finished(tx, waiting.letter, waiting.account_id) else Fate.DRAFT


def call_back(tx: Tx, account_id: int, number: int) -> int:
    """The letter is a draft again; the draft's content id. Raises Refused(NOT_FOUND): it waits no more.

    One that has reached some of its recipients already cannot be called back any more.
    """
    mine = (outbox.c.id == number, outbox.c.account_id == account_id)
    # Locked before it is looked at: on PostgreSQL the unit that submits it may commit in between.
    tx.execute(select(outbox.c.id).where(*mine).with_for_update())
    waiting = _one(tx, *mine)
    if waiting is None or waiting.terms.copied or not reopen(tx, waiting):
        raise Refused(Reason.NOT_FOUND)
    return waiting.draft_id


def reopen(tx: Tx, waiting: Waiting) -> bool:
    """Put the draft back, whatever has happened to the departure; False: somebody was faster."""
    row = tx.execute(select(outbox.c.letter).where(outbox.c.id == waiting.id).with_for_update()).first()
    if row is None:
        return False
    box = drafts(tx, waiting.account_id)
    mask = messages.ensure_flags(tx, box.id, ("\\Draft", "\\Seen"))
    written = Provenance(Door.APPENDED, waiting.account_id)
    messages.place(tx, waiting.account_id, box.id, waiting.draft_id, waiting.size, mask, provenance=written)
    _drop(tx, waiting)
    idempotency.release(tx, bytes(row.letter), waiting.account_id)
    return True


def later(tx: Tx, waiting: Waiting, seconds: int) -> None:
    """A departure that failed for now is tried again."""
    tx.execute(update(outbox).where(outbox.c.id == waiting.id).values(due=tx.now + seconds, taken=0))


def plan(tx: Tx, account_id: int, number: int, due_at: int) -> None:
    """Another time for a letter that waits. Raises Refused(NOT_FOUND): it has left, or is leaving."""
    mine = (outbox.c.id == number, outbox.c.account_id == account_id, outbox.c.taken <= tx.now, outbox.c.due > tx.now)
    if not tx.execute(update(outbox).where(*mine).values(due=due_at, planned=1)).rowcount:
        raise Refused(Reason.NOT_FOUND)
    tx.changed(account_id, 0)


def get(tx: Tx, account_id: int, number: int) -> Waiting | None:
    """One letter of the account that waits."""
    return _one(tx, outbox.c.id == number, outbox.c.account_id == account_id)


def of_letter(tx: Tx, account_id: int, letter: bytes) -> Waiting | None:
    """The same by its form."""
    return _one(tx, outbox.c.letter == letter, outbox.c.account_id == account_id)


def listing(tx: Tx, account_id: int) -> list[Waiting]:
    """Every letter of the account that waits, the next to leave first."""
    rows = tx.execute(_ALL.where(outbox.c.account_id == account_id).order_by(outbox.c.due, outbox.c.id))
    return [_waiting(tuple(row)) for row in rows]


def _drop(tx: Tx, waiting: Waiting) -> None:
    tx.execute(delete(outbox).where(outbox.c.id == waiting.id))
    collect.note(tx, [waiting.content_id, waiting.draft_id])
    tx.changed(waiting.account_id, 0)


def _one(tx: Tx, *where: object) -> Waiting | None:
    row = tx.execute(_ALL.where(*where)).first()  # type: ignore[arg-type]
    return _waiting(tuple(row)) if row is not None else None


def _waiting(row: tuple[object, ...]) -> Waiting:
    number, account, content_id, draft, moment, planned, attempts, letter, terms, subject, shown, size, created = row
    return Waiting(
        number,  # type: ignore[arg-type]
        account,  # type: ignore[arg-type]
        content_id,  # type: ignore[arg-type]
        draft,  # type: ignore[arg-type]
        moment,  # type: ignore[arg-type]
        bool(planned),
        attempts,  # type: ignore[arg-type]
        bytes(letter),  # type: ignore[call-overload]
        _terms(str(terms)),
        subject,  # type: ignore[arg-type]
        shown,  # type: ignore[arg-type]
        size,  # type: ignore[arg-type]
        created,  # type: ignore[arg-type]
    )


def _terms(text: str) -> Terms:
    fields = json.loads(text)
    program = fields.pop("program", None)
    return Terms(
        **{**fields, "recipients": tuple(fields["recipients"]), "forwards": tuple(fields["forwards"])},
        program=_program(program) if program else None,
    )


def _program(fields: dict[str, Any]) -> FromProgram:
    targets = tuple((address, notify, orcpt) for address, notify, orcpt in fields["targets"])
    return FromProgram(**{**fields, "targets": targets})
