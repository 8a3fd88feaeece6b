"""Erasing what a closed account holds, in bounded units: nobody waits for a mailbox of 100,000 messages to go.

Each call of `step` is one unit and removes one more piece; killed at any moment, the next caller goes on with
what is left. What stays: the account's row with nothing personal in it, the claims on its identifier and
addresses (so that neither is ever issued again), the audit, the traces of envelopes until their age, and messages that
already travel.
"""

from collections.abc import Callable
from typing import Final

from sqlalchemy import ColumnElement, Table, and_, delete, func, select, update

from mailserver.store.account import accounts
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import collect
from mailserver.store.mail.deleted import expiry
from mailserver.store.mail.posts import archived_posts, digest_posts
from mailserver.store.people import claims
from mailserver.store.people.search import words
from mailserver.store.queue import list_posts, mailings
from mailserver.store.queue.held import held_submissions, moderation_queue, unconfirmed
from mailserver.store.record.notices import moved
from mailserver.store.schema import metadata
from mailserver.store.schema.agendas import agenda_feed, collection, collection_grant, item, item_gone
from mailserver.store.schema.mail.deletions import deleted_mailbox
from mailserver.store.schema.mail.messages import expunged, keyword, mailbox, message, subscription
from mailserver.store.schema.mail.sharing import annotation, mailbox_act, mailbox_right
from mailserver.store.schema.mail.webmail import retention
from mailserver.store.schema.mail.withdrawal import withdrawn
from mailserver.store.schema.mail.writing import outbox
from mailserver.store.schema.outgoing.mailings import mailing
from mailserver.store.schema.outgoing.sending import held_submission, unconfirmed_submission
from mailserver.store.schema.people.entries import affiliation, claim, person, person_word
from mailserver.store.schema.people.rosters import (
    archived_post,
    digest_post,
    held_message,
    list_member,
    list_owner,
    list_writer,
    mailing_list,
    personal_list,
    personal_list_member,
)
from mailserver.store.withdrawal import restoring

MESSAGES = 500
ITEMS = 200
ROWS = 2000
"""Of other things: tombstones, segments, sessions."""

KEPT: Final = frozenset({"account", "audit", "claim", "queued"})
"""Tables with an account that outlive it."""


def step(tx: Tx, account_id: int) -> bool:
    """Remove the next piece; False when nothing of the account is left but its entry and its row."""
    return any(remove(tx, account_id) for remove in _STEPS)


def remove_entry(tx: Tx, account_id: int) -> None:
    """The entry in the embedded directory goes, and the account's names lead nowhere; they stay claimed."""
    for table in (affiliation, person):
        tx.execute(delete(table).where(table.c.account_id == account_id))
    words.refresh(tx, (account_id,))
    claims.retire(tx, claims.live_names(tx, account_id))
    moved(tx, account_id)


def finish(tx: Tx, account_id: int) -> None:
    """The row says nothing personal any more."""
    claims.retire(tx, claims.live_names(tx, account_id))
    accounts.end_erasure(tx, account_id)


# ---------------------------------------------------------------------- mail


def _messages(tx: Tx, account_id: int) -> bool:
    found = tx.execute(
        select(message.c.mailbox_id, message.c.uid)
        .join(mailbox, mailbox.c.id == message.c.mailbox_id)
        .where(mailbox.c.account_id == account_id)
        .limit(1)
    ).first()
    if found is None:
        return False
    box = found.mailbox_id
    tx.execute(select(mailbox.c.id).where(mailbox.c.id == box).with_for_update())
    uids = list(
        tx.execute(select(message.c.uid).where(message.c.mailbox_id == box).order_by(message.c.uid).limit(MESSAGES))
        .scalars()
        .all()
    )
    here = and_(message.c.mailbox_id == box, message.c.uid <= max(uids, default=0))
    collect.note(tx, select(message.c.content_id).where(here))
    tx.execute(delete(message).where(here))
    tx.changed(account_id, box)
    return True


def _removed(tx: Tx, account_id: int) -> bool:
    """Messages that the person removed and that are kept for a while."""
    return expiry.erase(tx, account_id)


def _tombstones(tx: Tx, account_id: int) -> bool:
    rows = tx.execute(
        select(expunged.c.mailbox_id, expunged.c.modseq, expunged.c.uid)
        .join(mailbox, mailbox.c.id == expunged.c.mailbox_id)
        .where(mailbox.c.account_id == account_id)
        .order_by(expunged.c.mailbox_id, expunged.c.modseq, expunged.c.uid)
        .limit(ROWS)
    ).all()
    if not rows:
        return False
    box = rows[0].mailbox_id
    last = max(row.modseq for row in rows if row.mailbox_id == box)
    tx.execute(delete(expunged).where(expunged.c.mailbox_id == box, expunged.c.modseq <= last))
    return True


def _mailboxes(tx: Tx, account_id: int) -> bool:
    boxes = select(mailbox.c.id).where(mailbox.c.account_id == account_id)
    for table in (keyword, mailbox_right, annotation, retention):
        tx.execute(delete(table).where(table.c.mailbox_id.in_(boxes)))
    tx.execute(delete(mailbox_act).where(mailbox_act.c.owner_id == account_id))
    removed = tx.execute(delete(mailbox).where(mailbox.c.account_id == account_id)).rowcount
    removed += tx.execute(delete(subscription).where(subscription.c.account_id == account_id)).rowcount
    tx.changed(account_id, 0)
    return bool(removed)


# ---------------------------------------------------------------------- agendas and contacts


def _items(tx: Tx, account_id: int) -> bool:
    return _part_of_collections(tx, account_id, item, ITEMS)


def _gone_items(tx: Tx, account_id: int) -> bool:
    return _part_of_collections(tx, account_id, item_gone, ROWS)


def _part_of_collections(tx: Tx, account_id: int, table: Table, limit: int) -> bool:
    rows = tx.execute(
        select(table.c.collection_id, table.c.href)
        .join(collection, collection.c.id == table.c.collection_id)
        .where(collection.c.account_id == account_id)
        .order_by(table.c.collection_id, table.c.href)
        .limit(limit)
    ).all()
    if not rows:
        return False
    owner = rows[0].collection_id
    # The last one in the engine's own order, which need not be Python's.
    last = [row.href for row in rows if row.collection_id == owner][-1]
    tx.execute(delete(table).where(table.c.collection_id == owner, table.c.href <= last))
    return True


# ---------------------------------------------------------------------- lists


def _lists(tx: Tx, account_id: int) -> bool:
    """Memberships, ownership, and the person's own lists."""
    names = list(tx.execute(select(claim.c.name).where(claim.c.account_id == account_id)).scalars())
    removed = 0
    if names:
        for table, column in ((list_member, "member"), (list_owner, "owner"), (list_writer, "writer")):
            removed += tx.execute(delete(table).where(table.c[column].in_(names))).rowcount
        owned = func.lower(mailing_list.c.owner).in_(names)
        removed += tx.execute(update(mailing_list).where(owned).values(owner="")).rowcount
    own = select(personal_list.c.id).where(personal_list.c.account_id == account_id)
    removed += tx.execute(delete(personal_list_member).where(personal_list_member.c.list_id.in_(own))).rowcount
    return bool(removed)


def _held(tx: Tx, account_id: int) -> bool:
    """Messages of the person that wait for a moderator."""
    return bool(moderation_queue.clear(tx, held_message.c.account_id == account_id))


def _held_submissions(tx: Tx, account_id: int) -> bool:
    """What the person sent and waits for IT, or for their own yes."""
    return bool(held_submissions.erase(tx, account_id) + unconfirmed.erase(tx, account_id))


def _posts(tx: Tx, account_id: int) -> bool:
    """Who wrote to lists, and about what: owners see no more of it."""
    return list_posts.forget_author(tx, account_id)


def _archived(tx: Tx, account_id: int) -> bool:
    """What the person wrote, in the archives and digests of lists. What others quoted of it is theirs."""
    return bool(archived_posts.erase(tx, account_id) + digest_posts.forget_author(tx, account_id))


def _mailings(tx: Tx, account_id: int) -> bool:
    """What the person wrote to very many people, whatever has become of it."""
    return bool(mailings.erase(tx, account_id))


def _outbox(tx: Tx, account_id: int) -> bool:
    """Letters of the person that wait for their time."""
    mine = outbox.c.account_id == account_id
    for column in (outbox.c.content_id, outbox.c.draft_id):
        collect.note(tx, select(column.label("content_id")).where(mine))
    return bool(tx.execute(delete(outbox).where(mine)).rowcount)


def _withdrawn(tx: Tx, account_id: int) -> bool:
    """Messages that were taken back from the person and are kept for an undoing."""
    return restoring.erase(tx, account_id, MESSAGES)


# ---------------------------------------------------------------------- everything else


def _belongings(tx: Tx, account_id: int) -> bool:
    """Sessions, factors, former passwords, preferences, the search index: every row of any table that names the
    account, so that a table added later is not forgotten."""
    for table in reversed(metadata.sorted_tables):
        if "account_id" not in table.c or table.name in KEPT or table in _ENTRY or table in _APART:
            continue
        mine: ColumnElement[bool] = table.c.account_id == account_id
        key = list(table.primary_key.columns)
        if len(key) == 1 and key[0].name != "account_id":
            # Rows of unknown number: a bounded part of them.
            mine = key[0].in_(select(key[0]).where(mine).limit(ROWS))
        if tx.execute(delete(table).where(mine)).rowcount:
            return True
    return False


_ENTRY: Final = (person, affiliation, person_word)
_APART: Final = (
    *(deleted_mailbox, mailbox, subscription, collection, held_message, held_submission, unconfirmed_submission),
    *(archived_post, digest_post, mailing, outbox, withdrawn),
)


def _collections(tx: Tx, account_id: int) -> bool:
    mine = select(collection.c.id).where(collection.c.account_id == account_id)
    for table in (collection_grant, agenda_feed):
        tx.execute(delete(table).where(table.c.collection_id.in_(mine)))
    removed = tx.execute(delete(collection).where(collection.c.account_id == account_id)).rowcount
    tx.changed(account_id, 0)
    return bool(removed)


_STEPS: Final[tuple[Callable[[Tx, int], bool], ...]] = (
    _messages,
    _removed,
    _tombstones,
    _mailboxes,
    _items,
    _gone_items,
    _collections,
    _held,
    _held_submissions,
    _posts,
    _archived,
    _mailings,
    _outbox,
    _withdrawn,
    _lists,
    _belongings,
)
"""In the order of what refers to what."""
