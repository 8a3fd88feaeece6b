"""UIDs, mod-sequences, counters, tombstones, and who may reach what."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, collect, mailboxes, messages
from mailserver.store.mail.flags import DELETED, FLAGGED, MAX_KEYWORDS, SEEN
from mailserver.store.mail.messages import HEAVY


def mail(number: int, size: int = 0) -> bytes:
    head = f"From: Paul <p@x.fr>\r\nTo: e@y.fr\r\nSubject: Message {number}\r\nMessage-ID: <{number}@x.fr>\r\n\r\n"
    return head.encode() + b"Bonjour.\r\n" + b"x" * size


@pytest.fixture
def folder(store: Store) -> Path:
    return store.data / "blobs"


def box_of(store: Store, account: int, name: str = "INBOX") -> mailboxes.Mailbox:
    return store.read_now(mailboxes.get, account, name)


def fill(store: Store, account: int, count: int, name: str = "INBOX", first: int = 0) -> list[messages.Appended]:
    box = box_of(store, account, name)
    folder = store.data / "blobs"
    return [
        store.write_now(messages.append, account, box.id, blobs.prepare(mail(first + n), folder)) for n in range(count)
    ]


def recount(tx: Tx, account: int, name: str) -> None:
    """The counters of the row are what counting says."""
    box = mailboxes.get(tx, account, name)
    rows = messages.fetch(tx, account, box.id, ("uid", "flags", "modseq", "size"))
    assert box.messages == len(rows)
    assert box.unseen == sum(1 for row in rows if not row[1] & SEEN)
    assert box.flagged == sum(1 for row in rows if row[1] & FLAGGED)
    assert box.octets == sum(row[3] for row in rows)
    assert all(row[2] <= box.modseq for row in rows)
    assert all(row[0] < box.uidnext for row in rows)


@pytest.mark.parametrize("size", [0, 300_000])
def test_octets_come_back_exactly(store: Store, edupont: int, folder: Path, size: int) -> None:
    data = mail(1) + bytes(range(256)) * (size // 256 + 1)

    data += os.urandom(size)
    box = box_of(store, edupont)
    prepared = blobs.prepare(data, folder)
    assert (prepared.file is not None) == (size > 0)
    appended = store.write_now(messages.append, edupont, box.id, prepared)
    assert store.read_now(messages.octets, edupont, box.id, appended.uid, folder) == data


def test_uids_ascend_and_counters_follow(store: Store, edupont: int) -> None:
    appended = fill(store, edupont, 5)
    assert [one.uid for one in appended] == [1, 2, 3, 4, 5]
    assert [one.modseq for one in appended] == [2, 3, 4, 5, 6]
    store.read_now(recount, edupont, "INBOX")
    box = box_of(store, edupont)
    store.write_now(messages.store_flags, edupont, box.id, [2, 4, 5], "+", ["\\Deleted", "\\Seen"])
    _, gone = store.write_now(messages.expunge, edupont, box.id)
    assert gone == [2, 4, 5]
    store.read_now(recount, edupont, "INBOX")
    assert fill(store, edupont, 1, first=9)[0].uid == 6


def test_same_content_is_stored_once(store: Store, edupont: int, mmartin: int) -> None:
    one, two = fill(store, edupont, 1)[0], fill(store, mmartin, 1)[0]
    assert one.content_id == two.content_id
    assert store.read_now(messages.find, edupont, one.content_id) == [(one.mailbox_id, 1)]
    assert store.read_now(messages.find, mmartin, one.content_id) == [(two.mailbox_id, 1)]


def test_another_account_reaches_nothing(store: Store, edupont: int, mmartin: int, folder: Path) -> None:
    one = fill(store, edupont, 1)[0]
    theirs = box_of(store, mmartin).id
    attempts: list[Callable[[], object]] = [
        lambda: store.read_now(messages.fetch, mmartin, one.mailbox_id, ("uid",)),
        lambda: store.read_now(messages.octets, mmartin, one.mailbox_id, 1, folder),
        lambda: store.read_now(messages.changed_since, mmartin, one.mailbox_id, 0),
        lambda: store.write_now(messages.store_flags, mmartin, one.mailbox_id, None, "+", ["\\Seen"]),
        lambda: store.write_now(messages.copy, mmartin, one.mailbox_id, theirs, None),
        lambda: store.write_now(messages.copy, mmartin, theirs, one.mailbox_id, None),
        lambda: store.write_now(messages.move, mmartin, one.mailbox_id, theirs, None),
        lambda: store.write_now(messages.expunge, mmartin, one.mailbox_id),
        lambda: store.write_now(messages.erase, mmartin, one.mailbox_id, [1]),
        lambda: store.write_now(messages.mark_seen_by_session, mmartin, one.mailbox_id),
        lambda: store.write_now(messages.append, mmartin, one.mailbox_id, blobs.prepare(mail(7), folder)),
    ]
    for attempt in attempts:
        with pytest.raises(Refused) as refused:
            attempt()
        assert refused.value.reason is Reason.NO_SUCH_MAILBOX
    assert store.read_now(messages.find, mmartin, one.content_id) == []


def test_columns_say_what_rows_say(store: Store, edupont: int, mmartin: int, folder: Path) -> None:
    """Whether they are joined by the database or not: holes, empty values, values that are not there, NUL in them."""
    box = box_of(store, edupont)
    fill(store, edupont, 60)
    strange = [b"\r\nBody\r\n", b"Subject: a\0b\r\n\r\n", b"To: " + b"x@y.fr, " * 400 + b"z@y.fr\r\n\r\n"]
    for octets in strange[:1]:
        store.write_now(messages.append, edupont, box.id, blobs.prepare(octets, folder))
    fill(store, edupont, 20, first=60)
    store.write_now(messages.store_flags, edupont, box.id, [3, 4, 50], "+", ["\\Deleted"])
    store.write_now(messages.expunge, edupont, box.id)
    asked = ("internal_date", "size", "envelope", "bodystructure", "listed"), ("envelope", "subject"), ("listed",)

    def agree(uids: list[int]) -> None:
        for names in asked:
            rows = store.read_now(messages.fetch_uids, edupont, box.id, ("uid", *names), uids)
            read = store.read_now(messages.fetch_columns_of, edupont, box.id, names, uids)
            assert read is not None
            found, columns = read
            assert [(uid, *values) for uid, *values in zip(found, *columns, strict=True)] == rows

    chosen = [list(range(1, 82)), list(range(1, 82, 2)), [1, 80, 5000], list(range(200, 300)), [], [61]]
    for uids in chosen:
        agree(uids)
    for octets in strange[1:]:
        store.write_now(messages.append, edupont, box.id, blobs.prepare(octets, folder))
        agree(list(range(1, 90)))
    for who, where in ((mmartin, box.id), (edupont, 999_999)):
        with pytest.raises(Refused) as refused:
            store.read_now(messages.fetch_columns_of, who, where, ("size",), range(1, 80))
        assert refused.value.reason is Reason.NO_SUCH_MAILBOX


def test_columns_that_are_too_much_at_once_are_asked_for_in_few(store: Store, edupont: int, folder: Path) -> None:
    """An envelope may take half a megabyte: nobody makes a worker hold hundreds of them."""
    to = b"To: " + b", ".join(b"p%d@x.fr" % number for number in range(4000)) + b"\r\n"
    box = box_of(store, edupont)
    prepared = blobs.prepare(to + to.replace(b"To", b"Cc") + b"\r\nBody\r\n", folder)
    for _ in range(80):
        store.write_now(messages.append, edupont, box.id, prepared)
    uids, names = range(1, 81), ("size", "envelope", "bodystructure")
    sizes = [len(row[1]) for row in store.read_now(messages.fetch, edupont, box.id, ("uid", "envelope"))]
    assert sum(sizes) > HEAVY > sum(sizes[: messages.LIGHT])
    assert store.read_now(messages.fetch_columns_of, edupont, box.id, names, uids) is None
    few = store.read_now(messages.fetch_columns_of, edupont, box.id, names, uids[: messages.LIGHT])
    assert few is not None
    assert list(few[0]) == list(uids[: messages.LIGHT])


def test_flags_modes_and_unchanged_since(store: Store, edupont: int) -> None:
    fill(store, edupont, 3)
    box = box_of(store, edupont)
    modseq, rows, modified = store.write_now(messages.store_flags, edupont, box.id, None, "+", ["\\Flagged", "Projet"])
    assert [row[0] for row in rows] == [1, 2, 3]
    assert modified == []
    _, rows, _ = store.write_now(messages.store_flags, edupont, box.id, [1], "=", ["\\Seen"])
    assert rows == [(1, SEEN, modseq + 1)]
    _, rows, modified = store.write_now(messages.store_flags, edupont, box.id, None, "-", ["projet"], modseq)
    assert modified == [1]
    assert [row[0] for row in rows] == [2, 3]
    assert {row[1] for row in rows} == {FLAGGED}
    before = box_of(store, edupont).modseq
    store.write_now(messages.store_flags, edupont, box.id, [2], "+", ["\\Flagged"])
    assert box_of(store, edupont).modseq == before, "nothing changed, so no mod-sequence is spent"
    store.read_now(recount, edupont, "INBOX")


def test_keywords_are_bounded(store: Store, edupont: int) -> None:
    fill(store, edupont, 1)
    box = box_of(store, edupont)
    names = [f"k{n}" for n in range(MAX_KEYWORDS)]
    store.write_now(messages.store_flags, edupont, box.id, None, "+", names)
    assert store.read_now(mailboxes.keywords, box.id) == tuple(names)
    state = store.read_now(messages.state, box.id)
    assert state[0][1] > 1 << 60
    with pytest.raises(Refused):
        store.write_now(messages.store_flags, edupont, box.id, None, "+", ["onemore"])
    assert store.read_now(messages.state, box.id) == state


@pytest.mark.parametrize("uids", [None, [1, 3, 4, 9]])
def test_copy_and_move_keep_flags_dates_and_keywords(store: Store, edupont: int, uids: list[int] | None) -> None:
    fill(store, edupont, 10)
    inbox, archive = box_of(store, edupont), box_of(store, edupont, "Archive")
    store.write_now(messages.store_flags, edupont, inbox.id, [3], "+", ["\\Flagged", "Notes"])
    store.write_now(messages.store_flags, edupont, archive.id, None, "+", ["Autre"])
    copied = store.write_now(messages.copy, edupont, inbox.id, archive.id, uids)
    wanted = uids or list(range(1, 11))
    assert copied.source_uids == wanted
    assert copied.target_uids == list(range(1, len(wanted) + 1))
    keywords = store.read_now(mailboxes.keywords, archive.id)
    row = next(r for r in store.read_now(messages.state, archive.id) if r[1])
    assert row[1] & FLAGGED
    assert keywords[(row[1] >> 5).bit_length() - 1] == "Notes"
    moved = store.write_now(messages.move, edupont, inbox.id, archive.id, uids)
    assert moved.source_uids == wanted
    changed = store.read_now(messages.changed_since, edupont, inbox.id, inbox.modseq)
    assert changed.vanished == wanted
    for name in ("INBOX", "Archive"):
        store.read_now(recount, edupont, name)


def test_changed_since_tells_everything(store: Store, edupont: int) -> None:
    fill(store, edupont, 4)
    box = box_of(store, edupont)
    fill(store, edupont, 2, first=4)
    new = store.read_now(messages.changed_since, edupont, box.id, box.modseq, box.uidnext)
    assert [row[0] for row in new.rows] == [5, 6]
    store.write_now(messages.store_flags, edupont, box.id, [1, 6], "+", ["\\Deleted"])
    fill(store, edupont, 1, first=6)
    both = store.read_now(messages.changed_since, edupont, box.id, box.modseq, box.uidnext)
    assert [row[0] for row in both.rows] == [1, 5, 6, 7]
    store.write_now(messages.expunge, edupont, box.id, [1])
    after = store.read_now(messages.changed_since, edupont, box.id, both.box.modseq, both.box.uidnext)
    assert (after.rows, after.vanished) == ([], [1])


def test_quota_refuses_and_leaves_nothing(store: Store, edupont: int, folder: Path) -> None:
    box = box_of(store, edupont)
    with pytest.raises(Refused) as refused:
        store.write_now(messages.append, edupont, box.id, blobs.prepare(mail(1), folder), quota=messages.Quota(10))
    assert refused.value.reason is Reason.OVER_QUOTA
    fill(store, edupont, 2)
    with pytest.raises(Refused):
        store.write_now(messages.copy, edupont, box.id, box_of(store, edupont, "Archive").id, None, messages.Quota(300))
    store.read_now(recount, edupont, "Archive")


def test_place_many_reaches_each_once(store: Store, edupont: int, mmartin: int, folder: Path) -> None:
    def deliver(tx: Tx) -> None:
        content_id, _ = messages.store_content(tx, blobs.prepare(mail(1), folder))
        messages.place_many(tx, messages.inboxes(tx, [edupont, mmartin]), content_id, 100)

    fill(store, mmartin, 3, first=5)
    store.write_now(deliver)
    assert [row[0] for row in store.read_now(messages.state, box_of(store, edupont).id)] == [1]
    assert [row[0] for row in store.read_now(messages.state, box_of(store, mmartin).id)] == [1, 2, 3, 4]


def test_collector_takes_what_nobody_holds(store: Store, edupont: int, mmartin: int, folder: Path) -> None:
    big = mail(1) + os.urandom(200_000)
    inbox = box_of(store, edupont)
    prepared = blobs.prepare(big, folder)
    one = store.write_now(messages.append, edupont, inbox.id, prepared)
    shared = fill(store, edupont, 1, first=50)[0]
    fill(store, mmartin, 1, first=50)
    store.write_now(messages.erase, edupont, inbox.id, [one.uid, shared.uid], kept=False)
    looked, files = store.write_now(collect.collect, int(store.clock.now()) + 1)
    assert looked == 2
    assert files == [prepared.file]
    assert store.read_now(messages.octets, mmartin, box_of(store, mmartin).id, 1, folder) == mail(50)
    again = store.write_now(messages.append, edupont, inbox.id, blobs.prepare(big, folder))
    assert again.content_id != one.content_id
    assert store.read_now(messages.octets, edupont, inbox.id, again.uid, folder) == big


def test_content_delivered_again_before_collection_stays(store: Store, edupont: int, folder: Path) -> None:
    inbox = box_of(store, edupont)
    one = fill(store, edupont, 1)[0]
    store.write_now(messages.erase, edupont, inbox.id, [one.uid], kept=False)
    again = fill(store, edupont, 1)[0]
    assert again.content_id == one.content_id
    store.write_now(collect.collect, int(store.clock.now()) + 1)
    assert store.read_now(messages.octets, edupont, inbox.id, again.uid, folder) == mail(0)


def test_deleted_flag_only_expunges_its_own(store: Store, edupont: int) -> None:
    fill(store, edupont, 4)
    inbox = box_of(store, edupont)
    store.write_now(messages.store_flags, edupont, inbox.id, [1, 2, 3], "+", ["\\Deleted"])
    _, gone = store.write_now(messages.expunge, edupont, inbox.id, [2, 4])
    assert gone == [2]
    assert [row[:2] for row in store.read_now(messages.state, inbox.id)] == [(1, DELETED), (3, DELETED), (4, 0)]


def test_recent_is_claimed_once(store: Store, edupont: int) -> None:
    fill(store, edupont, 3)
    inbox = box_of(store, edupont)
    assert store.write_now(messages.mark_seen_by_session, edupont, inbox.id)[0] == 1
    assert store.write_now(messages.mark_seen_by_session, edupont, inbox.id)[0] == 4


@pytest.mark.parametrize(
    ("octets", "quick"),
    [
        (mail(1), True),
        (mail(1, 31 * 1024), True),
        (mail(1, 40 * 1024), False),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 300, False),
        (b"To: " + b",\r\n ".join(b"=?utf-8?b?w6k=?= <a@b.fr>" for _ in range(800)) + b"\r\n\r\n", False),
        (b"no header at all", False),
        (b"Content-Type: message/rfc822\r\n\r\nTo: " + b",\r\n ".join([b"=?utf-8?b?w6k=?= <a@b.fr>"] * 800), False),
        (b"Content-Type: Message/RFC822\r\n\r\n" * 200, False),
        (b"Content-Type: message/rfc\0822\r\n\r\n" + mail(1, 20 * 1024), False),
        (b"Content-Type: message/rfc822\r\n\r\n" + mail(1, 2 * 1024), True),
    ],
)
def test_only_what_is_quick_is_scanned_on_the_event_loop(octets: bytes, quick: bool) -> None:
    """An attack of small messages that take long: they go to a thread."""
    assert blobs.is_quick(octets) is quick


def parted(*parts: bytes, kind: bytes = b"mixed") -> bytes:
    return (
        b"Content-Type: multipart/%b; boundary=b\r\n\r\n" % kind
        + b"".join(b"--b\r\n" + one for one in parts)
        + b"--b--\r\n"
    )


LARGE = b"Content-Type: application/pdf\r\n\r\n" + b"QUJD" * 20_000 + b"\r\n"
TEXT = b"Content-Type: text/plain\r\n\r\nBonjour.\r\n"


@pytest.mark.parametrize(
    ("octets", "quick"),
    [
        (mail(1), True),
        (mail(1, 100 * 1024), True),
        (mail(1, 130 * 1024), False),
        (parted(TEXT, LARGE), True),
        (parted(TEXT, LARGE, b"Content-Type: Message /rfc822\r\n\r\nTo: a@b.fr\r\n\r\n"), False),
        (parted(LARGE, b"Content-Type: message\r\n\t/global\r\n\r\nTo: a@b.fr\r\n\r\n"), False),
        (parted(LARGE, b"Content-Type: message\x1f/rfc822\r\n\r\nTo: a@b.fr\r\n\r\n"), False),
        (parted(LARGE, b"Content-Type: message\xc2\xa0/rfc822\r\n\r\nTo: a@b.fr\r\n\r\n"), False),
        (parted(LARGE, b"\r\nTo: a@b.fr\r\n\r\n", kind=b"digest"), False),
        (b"Content-Type: message/rfc822\r\n\r\n" + mail(1, 100 * 1024), False),
        (parted(LARGE, b"X: " + b"x" * 9000 + b"\r\n\r\nx\r\n"), False),
        (parted(LARGE, *[b"X: " + b"x" * 500 + b"\r\n\r\nx\r\n"] * 20), False),
        (parted(LARGE, *[b"\r\nx\r\n"] * 120), False),
        (b"X: " + b"x" * 9000 + b"\r\n\r\n" + LARGE, False),
        (b"no header at all" * 5000, False),
    ],
)
def test_a_large_message_is_prepared_on_the_event_loop_if_its_headers_are_small(octets: bytes, quick: bool) -> None:
    assert blobs.prepares_quickly(octets) is quick


def test_what_the_event_loop_prepares_needs_no_file(tmp_path: Path) -> None:
    octets = b"Subject: x\r\n\r\n" + random.Random(1).randbytes(blobs.QUICK_WHOLE - 100)
    assert blobs.prepares_quickly(octets)
    assert blobs.prepare(octets, tmp_path / "missing").file is None


def test_messages_are_counted_too(store: Store, edupont: int, folder: Path) -> None:
    box = box_of(store, edupont)
    default = messages.Quota(messages=2)
    for number in range(2):
        store.write_now(messages.append, edupont, box.id, blobs.prepare(mail(number), folder), quota=default)
    with pytest.raises(Refused) as refusal:
        store.write_now(messages.append, edupont, box.id, blobs.prepare(mail(9), folder), quota=default)
    assert refusal.value.reason is Reason.OVER_QUOTA
    with pytest.raises(Refused):
        store.read_now(messages.room, edupont, default)
    with pytest.raises(Refused):
        store.write_now(messages.copy, edupont, box.id, box_of(store, edupont, "Archive").id, None, default)
    store.write_now(messages.set_message_quota, edupont, 4)
    assert store.read_now(messages.quota, edupont, default) == messages.Quota(0, 4)
    store.write_now(messages.copy, edupont, box.id, box_of(store, edupont, "Archive").id, None, default)
    store.write_now(messages.set_message_quota, edupont, 0)
    assert store.read_now(messages.room, edupont, default) is None
