"""What people teach by any door: moves, copies, APPEND, keywords; and what teaches nobody."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import access, blobs, collect, junk, mailboxes, messages
from mailserver.store.mail.access import Viewer
from mailserver.store.mail.lessons import MOST, Said
from mailserver.store.mail.messages import Appended
from mailserver.store.mail.whole_mailboxes import bulk_flags, states
from mailserver.store.web.webmail import bringing
from tests.inbound.junk.samples import OUTSIDE, arrive, bad
from tests.store.conftest import edupont, mmartin

__all__ = ["edupont", "mmartin"]


def box(tx: Tx, account: int, name: str) -> int:
    return mailboxes.get(tx, account, name).id


def move(tx: Tx, account: int, source: str, target: str, uid: int) -> int:
    moved = messages.move(tx, account, box(tx, account, source), box(tx, account, target), [uid])
    return moved.target_uids[0]


def said(store: Store, account: int, content_id: int) -> Said:
    return store.read_now(junk.verdict, account, content_id)[1]


def test_moves_in_and_out(store: Store, edupont: int) -> None:
    came = store.write_now(arrive, edupont, bad(1))
    uid = store.write_now(move, edupont, "INBOX", "Junk", came.uid)
    assert said(store, edupont, came.content_id) is Said.SPAM
    uid = store.write_now(move, edupont, "Junk", "Archive", uid)
    assert said(store, edupont, came.content_id) is Said.HAM
    uid = store.write_now(move, edupont, "Archive", "INBOX", uid)
    assert said(store, edupont, came.content_id) is Said.HAM
    assert len(store.read_now(junk.due, 10)) == 1


@pytest.mark.parametrize(
    ("source", "target"), [("INBOX", "Archive"), ("Junk", "Trash"), ("Junk", "Junk"), ("INBOX", "Trash")]
)
def test_moves_that_say_nothing(store: Store, edupont: int, source: str, target: str) -> None:
    came = store.write_now(arrive, edupont, bad(1), source)
    store.write_now(move, edupont, source, target, came.uid)
    assert store.read_now(junk.due, 10) == []


def test_delivery_into_spam_is_no_lesson(store: Store, edupont: int) -> None:
    store.write_now(arrive, edupont, bad(1), "Junk")
    assert store.read_now(junk.due, 10) == []


def test_a_copy_says_what_a_move_says(store: Store, edupont: int) -> None:
    came = store.write_now(arrive, edupont, bad(1))
    store.write_now(
        lambda tx: messages.copy(tx, edupont, box(tx, edupont, "INBOX"), box(tx, edupont, "Junk"), [came.uid])
    )
    assert said(store, edupont, came.content_id) is Said.SPAM


@pytest.mark.parametrize("door", [Door.SUBMISSION, Door.RESENT, Door.SERVICE, Door.KEPT])
def test_the_house_teaches_nobody(store: Store, edupont: int, door: Door) -> None:
    came = store.write_now(arrive, edupont, bad(1), provenance=Provenance(door, 7))
    store.write_now(move, edupont, "INBOX", "Junk", came.uid)
    assert store.read_now(junk.due, 10) == []


def by_store(tx: Tx, account: int, uid: int, mode: str, names: tuple[str, ...]) -> object:
    return messages.store_flags(tx, account, box(tx, account, "INBOX"), [uid], mode, names)


def by_bulk(tx: Tx, account: int, uid: int, mode: str, names: tuple[str, ...]) -> object:
    found = mailboxes.get(tx, account, "INBOX")
    uids, flags, _ = states.read(tx, found)
    return bulk_flags.flag(tx, account, found.id, bulk_flags.Known(found.modseq, uids, flags), mode, names)


@pytest.mark.parametrize("change", [by_store, by_bulk])
def test_keywords(store: Store, edupont: int, change: Callable[[Tx, int, int, str, tuple[str, ...]], object]) -> None:
    came = store.write_now(arrive, edupont, bad(1))
    for mode, names, expected in (
        ("+", ("$Label1", "\\Seen"), Said.NOTHING),
        ("+", ("$junk",), Said.SPAM),
        ("-", ("$NotJunk",), Said.SPAM),
        ("-", ("$Junk",), Said.NOTHING),
        ("=", ("NonJunk",), Said.HAM),
        ("=", ("$Junk", "$NotJunk"), Said.HAM),
    ):
        store.write_now(change, edupont, came.uid, mode, names)
        assert said(store, edupont, came.content_id) is expected, (mode, names)


@pytest.mark.parametrize("change", [by_store, by_bulk])
def test_an_answer_says_that_it_was_good_where_nothing_else_was_said(
    store: Store, edupont: int, change: Callable[[Tx, int, int, str, tuple[str, ...]], object]
) -> None:
    answered, junked = (store.write_now(arrive, edupont, bad(number)) for number in (1, 2))
    ours = store.write_now(arrive, edupont, bad(3), provenance=Provenance(Door.SUBMISSION, 7))
    store.write_now(by_store, edupont, junked.uid, "+", ("$Junk",))
    store.write_now(change, edupont, answered.uid, "+", ("\\Seen", "\\Flagged"))
    assert said(store, edupont, answered.content_id) is Said.NOTHING
    for one in (answered, junked, ours):
        store.write_now(change, edupont, one.uid, "+", ("\\Seen", "\\Answered"))
    assert said(store, edupont, answered.content_id) is Said.HAM
    assert said(store, edupont, junked.content_id) is Said.SPAM
    assert said(store, edupont, ours.content_id) is Said.NOTHING
    store.write_now(change, edupont, answered.uid, "-", ("\\Answered",))
    assert said(store, edupont, answered.content_id) is Said.HAM
    store.write_now(move, edupont, "INBOX", "Junk", answered.uid)
    assert said(store, edupont, answered.content_id) is Said.SPAM, "what is said outright counts"


@pytest.mark.parametrize("change", [by_store, by_bulk])
def test_what_was_answered_before_is_not_said_again(
    store: Store, edupont: int, change: Callable[[Tx, int, int, str, tuple[str, ...]], object]
) -> None:
    """A message that came with the flag, as from another server, teaches nothing by a change of its neighbours."""

    def bring(tx: Tx) -> Appended:
        prepared = blobs.prepare(bad(2), Path())
        return messages.append(tx, edupont, box(tx, edupont, "INBOX"), prepared, ("\\Answered",), provenance=OUTSIDE)

    new, old = store.write_now(arrive, edupont, bad(1)), store.write_now(bring)
    store.write_now(change, edupont, new.uid, "+", ("\\Answered",))
    assert said(store, edupont, new.content_id) is Said.HAM
    assert said(store, edupont, old.content_id) is Said.NOTHING


def test_an_answer_from_spam_says_nothing(store: Store, edupont: int) -> None:
    came = store.write_now(arrive, edupont, bad(1), "Junk")
    store.write_now(
        lambda tx: messages.store_flags(tx, edupont, box(tx, edupont, "Junk"), [came.uid], "+", ("\\Answered",))
    )
    assert said(store, edupont, came.content_id) is Said.NOTHING


def test_append_teaches_its_owner_alone(store: Store, edupont: int) -> None:
    def append(tx: Tx) -> list[int]:
        viewer = Viewer(edupont)
        new = [(blobs.prepare(bad(number), Path()), flags, None) for number, flags in enumerate([(), ("$NotJunk",)])]
        places = zip(("Junk", "INBOX"), new, strict=True)
        done = [access.append(tx, viewer, name, [one], messages.NO_QUOTA)[0][0] for name, one in places]
        return [one.content_id for one in done]

    first, second = store.write_now(append)
    assert (said(store, edupont, first), said(store, edupont, second)) == (Said.SPAM, Said.HAM)
    assert not any(one.public for one in store.read_now(junk.due, 10))


def test_messages_that_are_brought_along(store: Store, edupont: int) -> None:
    def bring(tx: Tx) -> object:
        new = [(blobs.prepare(bad(number), Path()), (), 0) for number in range(3)]
        return bringing.append_new(tx, edupont, box(tx, edupont, "Junk"), new, messages.NO_QUOTA)

    store.write_now(bring)
    assert [one.wanted for one in store.read_now(junk.due, 10)] == [Said.SPAM] * 3


def test_a_thousand_at_once_teach_a_bounded_part(store: Store, edupont: int) -> None:
    count = MOST + 20

    def fill(tx: Tx) -> None:
        for number in range(count):
            arrive(tx, edupont, b"From: a@b.org\r\n\r\n%d\r\n" % number)
        messages.move(tx, edupont, box(tx, edupont, "INBOX"), box(tx, edupont, "Junk"), None)

    store.write_now(fill)
    assert store.read_now(junk.waiting) == MOST


def test_what_is_collected_is_forgotten(store: Store, edupont: int) -> None:
    came = store.write_now(arrive, edupont, bad(1))
    uid = store.write_now(move, edupont, "INBOX", "Junk", came.uid)
    store.write_now(lambda tx: messages.erase(tx, edupont, box(tx, edupont, "Junk"), [uid], kept=False))
    store.write_now(lambda tx: collect.collect(tx, tx.now + 10))
    assert store.read_now(junk.waiting) == 0
