"""A database that comes back from a backup: older than what mail programs, address books and other servers know of it.

Numbers that were given after the backup must not be given again, so every counter jumps ahead. RFC 9051 section
2.3.1.1: UIDs ascend, so UIDNEXT jumps and UIDVALIDITY stays; that of a mailbox made meanwhile is not minted again: it
is the mailbox's id, and ids jump too. RFC 7162: whoever comes with a mod-sequence from after the backup finds a higher
HIGHESTMODSEQ, the horizon of tombstones above its own (it is told everything that is not there as vanished), and on
every message a mod-sequence above its own (it is told all flags). The same holds for agendas and address books (RFC
6578): tokens from before are refused, and programs compare everything.
"""

from dataclasses import dataclass

from sqlalchemy import Table, delete, func, select, text, update

from mailserver.model.clock import DAY
from mailserver.store.engine.statements import Tx
from mailserver.store.queue import outbox as letters
from mailserver.store.queue.mailings import SERVICE, State
from mailserver.store.queue.spool.operating import HELD_UNTIL
from mailserver.store.queue.spool.rows import HELD
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.account.sessions import session
from mailserver.store.schema.agendas import collection, item_gone
from mailserver.store.schema.base import metadata
from mailserver.store.schema.mail.junk import infected
from mailserver.store.schema.mail.messages import expunged, mailbox, message
from mailserver.store.schema.mail.withdrawal import withdrawal
from mailserver.store.schema.mail.writing import outbox
from mailserver.store.schema.outgoing.mailings import mailing
from mailserver.store.schema.outgoing.sending import held_submission, unconfirmed_submission
from mailserver.store.schema.outgoing.spool import queued_domain
from mailserver.store.schema.people.rosters import digest_post, held_message
from mailserver.store.withdrawal.rows import State as Withdrawal

JUMP = 1_000_000
"""UIDs of a mailbox that may have been given after the backup."""
MAILBOXES, IDS = 10_000_000, 100_000_000
"""The same for mailboxes, whose ids have to fit into a UIDVALIDITY, and for whatever else is numbered: a large academy
stores some five million messages a day."""
MODSEQ_JUMP = 1 << 32
LAST_UID = (1 << 32) - 1
LOOK_SECONDS = 7 * DAY
LOOKED_AT = (held_submission, unconfirmed_submission, held_message, infected)
"""What waits for IT, for its author or for the owners of a list, each for some days."""
SEALED = "audit"
"""Its rows are a chain; their ids are told to nobody."""

_ADVANCE = text("SELECT setval(one, nextval(one) + :jump) FROM pg_get_serial_sequence(:name, 'id') AS one")
_ADVANCE_SQLITE = text("UPDATE sqlite_sequence SET seq = seq + :jump WHERE name = :name")
_BEGIN_SQLITE = text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :jump)")


@dataclass(frozen=True, slots=True)
class Returned:
    """What was done."""

    mailboxes: int
    held: int
    """Rows of the outgoing queue: they may have left after the backup."""
    drafts: int
    """Letters that were planned, whose time has come: they are drafts again, for the same reason."""
    submissions: int
    """Messages that wait for IT since their author sent too much: it may have let some go after the backup."""
    mailings: int
    """Mailings that were under way or about to be, and are stopped: more may have got there after the backup."""
    moderated: int
    """Messages that wait for the owners of a list, who may have let some pass after the backup."""
    infected: int
    """Messages with a virus that wait for IT, which may have let some go after the backup."""
    digests: int
    """Messages of lists that no digest brings to members outside any more: it may have left after the backup."""


def advance(tx: Tx) -> Returned:
    """Make the database of a backup one that may be served; once, before anybody is served."""
    _advance_ids(tx)
    # Those whose UIDs are nearly used up cannot jump: their programs begin again, under a new UIDVALIDITY.
    last = mailbox.c.uidnext > LAST_UID - 2 * JUMP
    tx.execute(update(mailbox).where(last).values(uidvalidity=mailbox.c.uidvalidity + JUMP))
    tx.execute(update(mailbox).where(~last).values(uidnext=mailbox.c.uidnext + JUMP))
    ahead = mailbox.c.modseq + MODSEQ_JUMP
    count = tx.execute(update(mailbox).values(modseq=ahead, flags_modseq=ahead, expunged_floor=ahead)).rowcount
    own = select(mailbox.c.modseq).where(mailbox.c.id == message.c.mailbox_id).scalar_subquery()
    tx.execute(update(message).values(modseq=own))
    tx.execute(delete(expunged))
    later = collection.c.modseq + MODSEQ_JUMP
    tx.execute(update(collection).values(modseq=later, floor=later))
    tx.execute(delete(item_gone))
    # Accounts that were opened again, or planned otherwise, after the backup must not be erased before somebody looked.
    late = (account.c.erase_at > 0, account.c.erase_at < tx.now + LOOK_SECONDS, account.c.erased == 0)
    tx.execute(update(account).where(*late).values(erase_at=tx.now + LOOK_SECONDS))
    # What was given back to its readers after the backup is still taken away in it, and may be brought back meanwhile.
    kept = (withdrawal.c.state == Withdrawal.TAKEN.value, withdrawal.c.expires < tx.now + LOOK_SECONDS)
    tx.execute(update(withdrawal).where(*kept).values(expires=tx.now + LOOK_SECONDS))
    # Sessions that were ended after the backup must not open anything.
    tx.execute(delete(session))
    held = tx.execute(
        update(queued_domain).values(due=HELD_UNTIL, lease=0, error_code=HELD.name, error_parameters="", error="")
    ).rowcount
    drafts = _take_back(tx)
    waiting = {table.name: _look_again(tx, table) for table in LOOKED_AT}
    return Returned(
        mailboxes=count,
        held=held,
        drafts=drafts,
        submissions=waiting[held_submission.name],
        mailings=_stop_mailings(tx),
        moderated=waiting[held_message.name],
        infected=waiting[infected.name],
        digests=_served_outside(tx),
    )


def _take_back(tx: Tx) -> int:
    """Letters whose time has come are drafts again; what has reached some of its recipients goes with the rest."""
    due = tx.execute(select(outbox.c.id, outbox.c.account_id).where(outbox.c.due <= tx.now)).all()
    for row in due:
        waiting = letters.get(tx, row.account_id, row.id)
        if waiting is not None:
            letters.reopen(tx, waiting)
    return len(due)


def _look_again(tx: Tx, table: Table) -> int:
    """What waits for somebody waits on: nobody is told that it was not sent before somebody has looked; how many."""
    late = update(table).where(table.c.expires < tx.now + LOOK_SECONDS)
    tx.execute(late.values(expires=tx.now + LOOK_SECONDS))
    return int(tx.execute(select(func.count()).select_from(table)).scalar_one())


def _served_outside(tx: Tx) -> int:
    """Digests whose time has come go to members here, whose mailboxes are of that time, too, and to nobody outside."""
    late = (digest_post.c.due <= tx.now, digest_post.c.outside != "[]")
    return tx.execute(update(digest_post).where(*late).values(outside="[]")).rowcount


def _stop_mailings(tx: Tx) -> int:
    """Whoever looks after them resumes them."""
    late = (mailing.c.state == State.WAITING.value, mailing.c.expires < tx.now + LOOK_SECONDS)
    tx.execute(update(mailing).where(*late).values(expires=tx.now + LOOK_SECONDS))
    tx.execute(update(mailing).where(mailing.c.state == State.STOPPED.value).values(decided=tx.now))
    ready = mailing.c.state.in_([State.APPROVED.value, State.SENDING.value])
    # Nobody's decision: IT alone resumes them, and has the usual time for it.
    stopped = {"state": State.STOPPED.value, "leased": 0, "actor": SERVICE.actor, "decided": tx.now}
    return tx.execute(update(mailing).where(ready).values(stopped)).rowcount


def _advance_ids(tx: Tx) -> None:
    numbered = [
        table
        for table in metadata.sorted_tables
        if table.name != SEALED and table.dialect_options["sqlite"].get("autoincrement")
    ]
    for table in numbered:
        values = {"jump": MAILBOXES if table is mailbox else IDS, "name": table.name}
        if tx.dialect != "sqlite":
            tx.execute(_ADVANCE, values)
        elif not tx.execute(_ADVANCE_SQLITE, values).rowcount:  # it has never had a row
            tx.execute(_BEGIN_SQLITE, values)
