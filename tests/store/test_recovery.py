"""What was removed for good comes back as it was, while it is kept, and only to whoever may; then it is gone."""

import os
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, update

from mailserver.background.blob_gc import BlobCollector
from mailserver.foundation.settings import Limits
from mailserver.model.clock import DAY
from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import access, blobs, collect, deletions, mailboxes, messages
from mailserver.store.mail.access import Viewer
from mailserver.store.mail.access.rights import parse
from mailserver.store.mail.deleted import deletion_bound, expiry, recovery, removed_messages
from mailserver.store.mail.deleted.removed_messages import Found, Wanted
from mailserver.store.mail.messages import NO_QUOTA, Quota
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.mail.deletions import deleted_content, deleted_mailbox, deleted_message, deletion
from mailserver.store.schema.mail.messages import content, keyword
from mailserver.store.schema.mail.sharing import mailbox_right
from tests.store.test_messages import box_of, fill, mail, recount

WEB = Origin("edupont", "web")


def found(store: Store, account: int, **asked: object) -> Found:
    wanted = Wanted(30, **asked)  # type: ignore[arg-type]
    return store.read_now(removed_messages.find, Viewer(account), wanted, 50)


def subjects(store: Store, account: int, **asked: object) -> list[str]:
    return [kept.subject for kept in found(store, account, **asked).messages]


def back(store: Store, account: int, numbers: list[int], **more: object) -> recovery.Recovered:
    given: dict[str, object] = {"days": 30, "quota": NO_QUOTA} | more
    return store.write_now(recovery.recover, Viewer(account), WEB, numbers, **given)  # type: ignore[arg-type]


def settled(store: Store) -> None:
    """The index is written, and whatever nobody holds is collected."""
    while store.write_now(deletions.index):
        pass
    while store.write_now(collect.collect, int(store.clock.now()) + 1)[0]:
        pass


def test_an_expunged_message_comes_back_as_it_was(store: Store, edupont: int) -> None:
    inbox, folder = box_of(store, edupont), store.data / "blobs"
    big = mail(1) + os.urandom(200_000)
    (one, two) = (
        store.write_now(messages.append, edupont, inbox.id, blobs.prepare(octets, folder), flags, 1_700_000_000)
        for octets, flags in ((big, ("\\Flagged", "$Label1")), (mail(2), ()))
    )
    store.write_now(messages.store_flags, edupont, inbox.id, [one.uid], "+", ["\\Deleted"])
    store.write_now(messages.expunge, edupont, inbox.id)
    settled(store)
    assert store.read_now(messages.usage, edupont)[1] == 1, "it counts no more"
    (kept,) = found(store, edupont).messages
    assert (kept.subject, kept.folder) == ("Message 1", "INBOX")

    assert back(store, edupont, [kept.id]).folders == ["INBOX"]
    settled(store)
    ((uid, mask),) = [row[:2] for row in store.read_now(messages.state, inbox.id) if row[0] != two.uid]
    assert uid == two.uid + 1, "a number is never used twice"
    names = store.read_now(mailboxes.keywords, inbox.id)
    assert (mask & 4, mask & 8, names) == (4, 0, ("$Label1",))
    assert mask >> 5 == 1
    assert store.read_now(messages.octets, edupont, inbox.id, uid, folder) == big
    dates = store.read_now(messages.fetch, edupont, inbox.id, ("internal_date",), uid, uid)
    assert dates == [(1_700_000_000,)]
    store.read_now(recount, edupont, "INBOX")
    assert found(store, edupont).messages == ()
    assert back(store, edupont, [kept.id]).count == 0, "not twice"
    events = store.read_now(audit.find, audit.Wanted(account_id=edupont, action=Action.MAIL_RECOVERED), 10)
    assert [event.detail.values for event in events] == [{"count": 1}]


def test_with_its_folder_and_its_tags(store: Store, edupont: int) -> None:
    store.write_now(mailboxes.create, edupont, "Projet/2026")
    box = box_of(store, edupont, "Projet/2026")
    fill(store, edupont, 3, "Projet/2026")
    store.write_now(messages.store_flags, edupont, box.id, [2], "+", ["urgent"])
    store.write_now(messages.store_flags, edupont, box.id, [3], "+", ["\\Deleted", "ami"])
    store.write_now(messages.expunge, edupont, box.id)
    store.write_now(mailboxes.remove, edupont, "Projet/2026")
    settled(store)
    kept = found(store, edupont).messages
    assert sorted(one.subject for one in kept) == ["Message 0", "Message 1", "Message 2"]
    assert {one.folder for one in kept} == {"Projet/2026"}

    assert back(store, edupont, [one.id for one in kept]).folders == ["Projet/2026"]
    made = box_of(store, edupont, "Projet/2026")
    assert made.uidvalidity != box.uidvalidity
    names = store.read_now(mailboxes.keywords, made.id)
    marked = {
        subject: [name for bit, name in enumerate(names) if mask >> (5 + bit) & 1]
        for mask, subject in store.read_now(messages.fetch, edupont, made.id, ("flags", "subject"))
    }
    assert marked == {"Message 0": [], "Message 1": ["urgent"], "Message 2": ["ami"]}
    store.read_now(recount, edupont, "Projet/2026")


def test_from_the_trash_to_a_folder_where_it_stays(store: Store, edupont: int) -> None:
    trash = box_of(store, edupont, "Trash")
    fill(store, edupont, 2, "Trash")
    store.write_now(messages.erase, edupont, trash.id, [1, 2])
    numbers = [one.id for one in found(store, edupont).messages]
    assert back(store, edupont, numbers).folders == [recovery.FOLDER]
    store.read_now(recount, edupont, recovery.FOLDER)
    assert recovery.FOLDER in store.read_now(mailboxes.subscriptions, edupont)


def test_what_is_not_removed_is_not_found(store: Store, edupont: int) -> None:
    """A move, a copy whose original goes, an older version of a draft."""
    inbox, archive = box_of(store, edupont), box_of(store, edupont, "Archive")
    fill(store, edupont, 3)
    store.write_now(messages.move, edupont, inbox.id, archive.id, [1])
    store.write_now(messages.copy, edupont, inbox.id, archive.id, [2])
    store.write_now(messages.erase, edupont, inbox.id, [2])
    store.write_now(messages.erase, edupont, inbox.id, [3], kept=False)
    assert subjects(store, edupont) == []
    store.write_now(messages.erase, edupont, archive.id, [2])
    assert subjects(store, edupont) == ["Message 1"], "once, however often it was removed"


def test_searched(store: Store, edupont: int) -> None:
    fill(store, edupont, 5)
    inbox = box_of(store, edupont)
    store.write_now(messages.erase, edupont, inbox.id, [1, 2, 3, 4, 5])
    assert subjects(store, edupont, subject="MESSAGE 3") == ["Message 3"]
    assert len(subjects(store, edupont, sender="paul")) == 5
    assert subjects(store, edupont, sender="marie") == []
    now = int(store.clock.now())
    assert len(subjects(store, edupont, written=(now - DAY, now + DAY))) == 5
    assert subjects(store, edupont, written=(now - DAY, now - DAY + 1)) == []
    assert subjects(store, edupont, since=now + 10) == []
    first = store.read_now(removed_messages.find, Viewer(edupont), Wanted(30), 2)
    assert first.more is not None
    rest = store.read_now(removed_messages.find, Viewer(edupont), Wanted(30), 5, first.more)
    assert len({one.id for one in (*first.messages, *rest.messages)}) == 5
    assert rest.more is None


def everything(store: Store, account: int, limit: int, **asked: object) -> list[str]:
    """All parts of a search, one behind the other."""
    parts: list[str] = []
    more: removed_messages.Position | None = removed_messages.START
    while more is not None:
        part = store.read_now(removed_messages.find, Viewer(account), Wanted(30, **asked), limit, more)  # type: ignore[arg-type]
        parts += [kept.subject for kept in part.messages]
        more = part.more
    return parts


@pytest.mark.parametrize(("bound", "most"), [("LOOKED", 3), ("REMOVALS", 2)])
def test_what_lies_behind_the_bound_of_one_look_is_found(
    store: Store, edupont: int, monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    monkeypatch.setattr(removed_messages, bound, most)
    fill(store, edupont, 9)
    inbox = box_of(store, edupont)
    for uid in range(1, 10):
        store.write_now(messages.erase, edupont, inbox.id, [uid])
    assert found(store, edupont, subject="Message 0").messages == (), "it was removed first"
    assert found(store, edupont, subject="Message 0").more is not None
    assert everything(store, edupont, 50, subject="Message 0") == ["Message 0"]
    assert everything(store, edupont, 2) == [f"Message {number}" for number in range(8, -1, -1)]


def test_two_removals_at_once_are_both_gone_through(store: Store, edupont: int) -> None:
    """As on PostgreSQL: the later one has the lower numbers of messages."""
    fill(store, edupont, 4)
    inbox = box_of(store, edupont)
    store.write_now(messages.erase, edupont, inbox.id, [1, 2])
    store.write_now(messages.erase, edupont, inbox.id, [3, 4])
    store.write_now(_swap)
    assert sorted(everything(store, edupont, 1)) == [f"Message {number}" for number in range(4)]


def _swap(tx: Tx) -> None:
    for old, new in ((1, 9), (2, 1), (9, 2)):
        tx.execute(update(deleted_message).where(deleted_message.c.deletion_id == old).values(deletion_id=new))
    tx.execute(update(deletion).values(low=1, high=4))


def test_no_further_mailbox_can_be_made(store: Store, edupont: int, monkeypatch: pytest.MonkeyPatch) -> None:
    trash = box_of(store, edupont, "Trash")
    fill(store, edupont, 1, "Trash")
    store.write_now(messages.erase, edupont, trash.id, [1])
    monkeypatch.setattr(mailboxes, "MAX_MAILBOXES", 1)
    assert back(store, edupont, [found(store, edupont).messages[0].id]).folders == ["INBOX"]


def test_another_account_finds_and_gets_nothing(store: Store, edupont: int, mmartin: int) -> None:
    fill(store, edupont, 1)
    store.write_now(messages.erase, edupont, box_of(store, edupont).id, [1])
    (kept,) = found(store, edupont).messages
    assert subjects(store, mmartin) == []
    assert subjects(store, mmartin, foreign=True) == []
    assert back(store, mmartin, [kept.id]).count == 0
    assert subjects(store, edupont) == ["Message 0"]


def give(store: Store, owner: Viewer, name: str, mode: str, rights: str) -> None:
    store.write_now(access.change, owner, name, "mmartin", mode, parse(rights), WEB, negative=False)


def share(store: Store, owner: Viewer, name: str, rights: str) -> None:
    """Long before anything is removed."""
    give(store, owner, name, "=", rights)
    store.write_now(lambda tx: tx.execute(update(mailbox_right).values(since=mailbox_right.c.since - 9)))


def test_what_was_removed_before_a_mailbox_was_shared_is_its_owners(store: Store, edupont: int, mmartin: int) -> None:
    owner, viewer = Viewer.of(edupont, "edupont"), Viewer.of(mmartin, "mmartin")
    fill(store, edupont, 1)
    store.write_now(messages.erase, edupont, box_of(store, edupont).id, [1])
    (kept,) = found(store, edupont).messages
    give(store, owner, "INBOX", "=", "lrie")
    asked = Wanted(30, foreign=True)
    assert store.read_now(removed_messages.find, viewer, asked, 5).messages == ()
    done = store.write_now(recovery.recover, viewer, Origin("mmartin", "web"), [kept.id], 30, NO_QUOTA)
    assert done.count == 0
    store.write_now(lambda tx: tx.execute(update(mailbox_right).values(since=0)))
    assert store.read_now(removed_messages.find, viewer, asked, 5).messages == (), (
        "given by a version that did not say when"
    )
    store.write_now(lambda tx: tx.execute(update(mailbox_right).values(since=5)))
    give(store, owner, "INBOX", "+", "t")
    assert len(store.read_now(removed_messages.find, viewer, asked, 5).messages) == 1, (
        "a further right is no new reader"
    )
    give(store, owner, "INBOX", "-", "r")
    give(store, owner, "INBOX", "+", "r")
    assert store.read_now(removed_messages.find, viewer, asked, 5).messages == ()


@pytest.mark.parametrize(("rights", "may"), [("lrie", True), ("lrit", False)])
def test_who_may_expunge_in_a_mailbox_of_another_brings_back(
    store: Store, edupont: int, mmartin: int, rights: str, may: bool
) -> None:
    owner = Viewer.of(edupont, "edupont")
    share(store, owner, "INBOX", rights)
    fill(store, edupont, 1)
    inbox = box_of(store, edupont)
    store.write_now(messages.erase, edupont, inbox.id, [1])
    (kept,) = found(store, edupont).messages
    viewer = Viewer.of(mmartin, "mmartin")
    seen = store.read_now(removed_messages.find, viewer, Wanted(30, foreign=True), 5).messages
    done = store.write_now(recovery.recover, viewer, Origin("mmartin", "web"), [kept.id], 30, NO_QUOTA)
    assert (len(seen), done.count) == ((1, 1) if may else (0, 0))
    assert box_of(store, edupont).messages == int(may)
    assert [act.act for act in store.read_now(access.acts, edupont, 5)][:1] == (["recover"] if may else [])


def test_what_comes_back_to_the_trash_of_another_stays_there(store: Store, edupont: int, mmartin: int) -> None:
    """Whoever may expunge there may make no mailbox beside it."""
    owner, viewer = Viewer.of(edupont, "edupont"), Viewer.of(mmartin, "mmartin")
    share(store, owner, "Trash", "lrie")
    fill(store, edupont, 1, "Trash")
    store.write_now(messages.erase, edupont, box_of(store, edupont, "Trash").id, [1])
    (kept,) = found(store, edupont).messages
    store.write_now(recovery.recover, viewer, Origin("mmartin", "web"), [kept.id], 30, NO_QUOTA)
    assert box_of(store, edupont, "Trash").messages == 1
    assert recovery.FOLDER not in [box.name for box in store.read_now(mailboxes.listing, edupont)]


def test_no_room(store: Store, edupont: int) -> None:
    fill(store, edupont, 2)
    store.write_now(messages.erase, edupont, box_of(store, edupont).id, [1, 2])
    numbers = [one.id for one in found(store, edupont).messages]
    with pytest.raises(Refused) as refused:
        back(store, edupont, numbers, quota=Quota(messages=1))
    assert refused.value.reason is Reason.OVER_QUOTA
    assert len(subjects(store, edupont)) == 2, "nothing is lost by it"


def _left(tx: Tx) -> list[int]:
    tables = (deletion, deleted_message, deleted_content, deleted_mailbox, content)
    return [int(tx.execute(select(func.count()).select_from(table)).scalar_one()) for table in tables]


def test_it_ends(store: Store, edupont: int, folder: Path) -> None:
    """While one holds a message, indexed or not, it stays; when nobody does, nothing of it is left."""
    store.write_now(mailboxes.create, edupont, "Projet")
    fill(store, edupont, 3, "Projet")
    one = fill(store, edupont, 1, first=9)[0]
    store.write_now(messages.erase, edupont, one.mailbox_id, [one.uid])
    store.write_now(mailboxes.remove, edupont, "Projet")
    store.write_now(collect.note, [one.content_id])
    store.write_now(collect.collect, int(store.clock.now()) + 1)
    assert store.read_now(_left) == [2, 4, 0, 1, 4], "held before it is indexed"
    settled(store)
    store.write_now(collect.note, [one.content_id])
    settled(store)
    assert store.read_now(_left) == [2, 4, 4, 1, 4]
    assert store.write_now(expiry.let_go, int(store.clock.now()) - DAY) == 0
    while store.write_now(expiry.let_go, int(store.clock.now())):
        pass
    settled(store)
    assert store.read_now(_left) == [0, 0, 0, 0, 0]


@pytest.fixture
def folder(store: Store) -> Path:
    return store.data / "blobs"


def test_a_clock_that_was_ahead_keeps_nothing_but_its_own(store: Store, edupont: int) -> None:
    fill(store, edupont, 2)
    for uid in (1, 2):
        store.write_now(messages.erase, edupont, box_of(store, edupont).id, [uid])
    ahead = update(deletion).where(deletion.c.id == 1).values(at=deletion.c.at + 900 * DAY)
    store.write_now(lambda tx: tx.execute(ahead))
    while store.write_now(expiry.let_go, int(store.clock.now())):
        pass
    assert store.read_now(_left)[:2] == [1, 1]


def test_a_large_removal_is_indexed_and_let_go_of_in_parts(
    store: Store, edupont: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletions, "INDEXED", 3)
    monkeypatch.setattr(expiry, "AT_ONCE", 3)
    fill(store, edupont, 8)
    store.write_now(messages.erase, edupont, box_of(store, edupont).id, [1, 2, 3, 5, 6, 7, 8])
    box = box_of(store, edupont).id
    assert [store.write_now(deletions.index) for _ in range(4)] == [box, box, box, 0]
    assert store.read_now(_left)[:3] == [1, 7, 7]
    now = int(store.clock.now())
    assert [store.write_now(expiry.let_go, now) for _ in range(4)] == [3, 3, 1, 0]
    settled(store)
    assert store.read_now(_left) == [0, 0, 0, 0, 1]


async def test_what_one_account_has_kept_is_bounded(
    store: Store, edupont: int, mmartin: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what it put there itself: what was stored last goes, whenever it was removed."""
    own, came = Provenance(Door.APPENDED, edupont), Provenance(Door.SMTP)
    collector = BlobCollector(store=store, clock=store.clock, folder=store.blobs, limits=Limits(quota=3 * 4096))
    inbox = box_of(store, edupont)
    for number, how in enumerate((came, own, own, own, came, own)):
        store.write_now(messages.append, edupont, inbox.id, prepared(number), (), None, None, how)
    for uid in (6, 5, 1, 4, 3, 2):
        store.write_now(messages.erase, edupont, inbox.id, [uid])
    fill(store, mmartin, 1, first=20)
    store.write_now(messages.erase, mmartin, box_of(store, mmartin).id, [1])
    await collector.collect()
    assert sorted(subjects(store, edupont)) == [f"Message {number}" for number in range(5)]
    assert subjects(store, mmartin) == ["Message 20"]

    for _ in range(2):
        store.write_now(messages.append, edupont, inbox.id, prepared(0), (), None, None, came)
        store.write_now(messages.erase, edupont, inbox.id, [box_of(store, edupont).uidnext - 1])
    monkeypatch.setattr(deletion_bound, "ROWS", 6)
    await collector.collect()
    assert store.read_now(_left)[1] == 6, "each once, and the other account's"
    assert sorted(subjects(store, edupont)) == [f"Message {number}" for number in range(5)]


def prepared(number: int) -> blobs.Prepared:
    return blobs.prepare(mail(number), Path("/nowhere"))


def test_erasing_an_account_waits_for_nothing(store: Store, edupont: int, mmartin: int) -> None:
    store.write_now(mailboxes.create, edupont, "Projet")
    for account, name in ((edupont, "Projet"), (edupont, "INBOX"), (mmartin, "INBOX")):
        fill(store, account, 2, name, first=account * 10)
        store.write_now(messages.erase, account, box_of(store, account, name).id, [1, 2])
    store.write_now(mailboxes.remove, edupont, "Projet")
    while store.write_now(expiry.erase, edupont):
        pass
    settled(store)
    assert subjects(store, edupont) == []
    assert store.read_now(_left) == [1, 2, 2, 0, 2]
    assert len(subjects(store, mmartin)) == 2


def test_a_keyword_that_does_not_fit_costs_no_message(store: Store, edupont: int) -> None:
    fill(store, edupont, 1)
    inbox = box_of(store, edupont)
    store.write_now(messages.store_flags, edupont, inbox.id, [1], "+", ["ami", "\\Seen"])
    store.write_now(messages.erase, edupont, inbox.id, [1])
    store.write_now(lambda tx: tx.execute(delete(keyword).where(keyword.c.mailbox_id == inbox.id)))
    (kept,) = found(store, edupont).messages
    assert back(store, edupont, [kept.id]).count == 1
    assert [row[1] & 31 for row in store.read_now(messages.state, inbox.id)] == [1]


def test_what_another_moves_to_themselves_can_be_brought_back(store: Store, edupont: int, mmartin: int) -> None:
    """MOVE out of a mailbox that is lent is a removal for its owner, whatever becomes of it there."""
    inbox, theirs = box_of(store, edupont), box_of(store, mmartin)
    fill(store, edupont, 1)
    store.write_now(messages.move, edupont, inbox.id, theirs.id, [1], NO_QUOTA, target_account=mmartin)
    (uid,) = [row[0] for row in store.read_now(messages.state, theirs.id)]
    store.write_now(messages.erase, mmartin, theirs.id, [uid], kept=False)
    settled(store)
    assert subjects(store, edupont) == ["Message 0"]
    assert subjects(store, mmartin) == []
