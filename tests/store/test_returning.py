"""A database that comes back from a backup: nothing is numbered twice, and nothing leaves twice."""

from sqlalchemy import insert, select, update

from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import mailboxes
from mailserver.store.mail.posts import digest_posts
from mailserver.store.mail.posts.digest_posts import Waiting
from mailserver.store.people.mailing_lists import lists
from mailserver.store.queue.held import held_submissions, moderation_queue
from mailserver.store.queue.held import infected as infected_queue
from mailserver.store.queue.spool.operating import HELD_UNTIL
from mailserver.store.queue.spool.rows import HELD
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.agendas import collection
from mailserver.store.schema.mail.junk import infected
from mailserver.store.schema.mail.withdrawal import withdrawal
from mailserver.store.schema.mail.writing import outbox
from mailserver.store.schema.outgoing.sending import held_submission
from mailserver.store.schema.outgoing.spool import queued, queued_domain
from mailserver.store.schema.people.rosters import digest_post, held_message
from mailserver.store.upkeep import returning
from mailserver.store.withdrawal import restoring
from tests.store.test_outbox import hold, keep_draft


def wait(tx: Tx, account_id: int, content_id: int) -> None:
    """A row of the queue that a worker was sending, a letter whose time has come, an agenda with a history."""
    message = {"content_id": content_id, "account_id": account_id, "reverse_path": "", "created": 1, "expires": 2**40}
    queued_id = tx.execute(
        insert(queued).values(name="A" * 32, ret="", envid="", utf8=0, **message).returning(queued.c.id)
    ).scalar_one()
    row = {"queued_id": queued_id, "domain": "ailleurs.fr", "due": 1, "lease": 7, "attempts": 0, "warned": 0}
    tx.execute(insert(queued_domain).values(error="", **row))
    tx.execute(update(outbox).values(due=1))
    marks = {"what": "recipients", "counted": 9, "mark": 3, "seconds": 60, "held": 1, "expires": 2, "resent": 0}
    rest = {
        "population": "teacher",
        "name": "B",
        "reverse_path": "",
        "recipients": "[]",
        "ret": "",
        "envid": "",
        "utf8": 0,
    }
    tx.execute(insert(held_submission).values(account_id=account_id, content_id=content_id, **marks, **rest))
    roster = "liste@ac-exemple.fr"
    lists.create(tx, roster, "Liste", "edupont@ac-exemple.fr")
    common = {"content_id": content_id, "name": "C", "reverse_path": "", "door": 1, "held": 1, "expires": 2}
    tx.execute(insert(held_message).values(list=roster, population="teacher", **common))
    tx.execute(insert(infected).values(virus="Eicar", recipients="", **common))
    for name, due in (("D", 1), ("E", 2**40)):
        waiting = Waiting(roster, name, account_id, due, (account_id,), ("amie@ailleurs.fr",))
        digest_posts.wait(tx, content_id, waiting, Provenance(Door.SUBMISSION, account_id))
    agenda = {"name": "essai", "tag": "VCALENDAR", "props": "{}", "modseq": 5, "changed": 1}
    tx.execute(insert(collection).values(account_id=account_id, **agenda))


def test_what_may_have_left_stays_and_numbers_jump(store: Store, edupont: int) -> None:
    draft = keep_draft(store, edupont)
    assert hold(store, edupont, draft) is not None
    store.write_now(wait, edupont, draft)
    before = store.read_now(mailboxes.get, edupont, "Drafts")

    returned = store.write_now(returning.advance)
    assert (returned.held, returned.drafts, returned.submissions) == (1, 1, 1)
    assert (returned.moderated, returned.infected, returned.digests) == (1, 1, 1)
    assert store.read_now(moderation_queue.expired) == []
    assert store.read_now(infected_queue.expired) == []
    (post,) = store.read_now(digest_posts.pending, "liste@ac-exemple.fr")
    assert (list(post.accounts), post.outside) == ([edupont], []), "members here lack it, others may have it"
    later = select(digest_post.c.outside).where(digest_post.c.due > 1)
    assert store.read_now(lambda tx: tx.execute(later).scalar_one()) == '["amie@ailleurs.fr"]'
    assert store.read_now(held_submissions.expired) == [], "nobody is told yet that it was not sent"
    held = store.read_now(lambda tx: tx.execute(select(queued_domain)).one())
    assert (held.due, held.lease, held.error_code) == (HELD_UNTIL, 0, HELD.name)
    assert store.read_now(lambda tx: tx.execute(select(outbox)).all()) == []
    box = store.read_now(mailboxes.get, edupont, "Drafts")
    assert box.messages == 1, "the letter is a draft again"
    assert box.uidvalidity == before.uidvalidity
    assert box.uidnext == before.uidnext + returning.JUMP + 1
    assert box.expunged_floor == before.modseq + returning.MODSEQ_JUMP
    agenda = store.read_now(lambda tx: tx.execute(select(collection).where(collection.c.name == "essai")).one())
    assert agenda.modseq == agenda.floor == 5 + returning.MODSEQ_JUMP
    assert keep_draft(store, edupont, "Autre chose") > returning.IDS, "ids jump, too"


def test_nobody_is_erased_before_somebody_has_looked(store: Store, edupont: int, mmartin: int) -> None:
    """An account that was opened again after the backup is closed in it; one whose erasure had begun is half gone."""

    def close(tx: Tx) -> None:
        tx.execute(update(account).values(state="closed", erase_at=tx.now + 60))
        tx.execute(update(account).where(account.c.id == mmartin).values(erased=1, erase_at=1))

    store.write_now(close)
    store.write_now(returning.advance)
    times = dict(map(tuple, store.read_now(lambda tx: tx.execute(select(account.c.id, account.c.erase_at)).all())))
    assert times[edupont] >= int(store.clock.now()) + returning.LOOK_SECONDS - 60
    assert times[mmartin] == 1


def test_what_was_taken_away_can_still_be_given_back(store: Store) -> None:
    """An act that was undone after the backup has its copies in it alone."""
    marks = {
        "actor": "it",
        "content_id": 1,
        "alike": 0,
        "body_hash": b"h",
        "body_size": 1,
        "message_id": "",
        "subject": "",
    }
    act = {"at": 1, "state": "taken", "expires": 2, "refused_until": 2, "sender": "", **marks}
    store.write_now(lambda tx: tx.execute(insert(withdrawal).values(act)))
    assert store.read_now(restoring.over) == [1]
    store.write_now(returning.advance)
    assert store.read_now(restoring.over) == []
