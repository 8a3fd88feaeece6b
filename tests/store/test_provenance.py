"""Where messages came from: written with them, carried by copies and moves, unknown of what was there before."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from mailserver.model.messages.authentication import Alignment, AuthenticationResults, Chain, Outcome, Reverse
from mailserver.model.messages.impersonation import Signs
from mailserver.model.messages.provenance import UNKNOWN, Door, Provenance
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import access, blobs, known_senders, mailboxes, messages
from mailserver.store.mail.access import Viewer
from mailserver.store.mail.messages import NO_QUOTA, Placing
from mailserver.store.schema.mail.messages import message
from mailserver.store.web import webmail

SENT = Provenance(Door.SUBMISSION, 7)
RESULTS = AuthenticationResults(Outcome.PASS, Outcome.FAIL, Alignment.PASS, Chain.PASS, Reverse.FAIL, True, True)
LISTED = Provenance(Door.SMTP, 0, through_list=True, results=RESULTS, signs=Signs.JUDGED | Signs.DESK)
OCTETS = b"From: Paul <p@x.fr>\r\nSubject: x\r\n\r\nx\r\n"


def place(store: Store, account: int, provenances: list[Provenance]) -> tuple[int, int]:
    """Appearances of one content in INBOX; the mailbox and the content."""
    prepared = blobs.prepare(OCTETS, store.data / "blobs")

    def unit(tx: Tx) -> tuple[int, int]:
        box = mailboxes.get(tx, account, "INBOX")
        content_id, _ = messages.store_content(tx, prepared)
        batch = [Placing(content_id, prepared.size, provenance=provenance) for provenance in provenances]
        messages.place_batch(tx, account, box.id, batch)
        return box.id, content_id

    return store.write_now(unit)


def kept(store: Store, account: int, name: str) -> list[Provenance]:
    """What a mailbox knows of its messages, by UID."""

    def look(tx: Tx) -> list[Provenance]:
        box = mailboxes.get(tx, account, name)
        columns = ("uid", "door", "door_account", "through_list", "authentication", "impersonation")
        rows = messages.fetch(tx, account, box.id, columns)
        return [Provenance.stored(*row[1:]) for row in rows]

    return store.read_now(look)


@pytest.mark.parametrize("move", [messages.copy, messages.move])
@pytest.mark.parametrize(("uids", "expected"), [(None, [SENT, UNKNOWN, LISTED]), ([1, 3], [SENT, LISTED])])
def test_copies_carry_it(
    store: Store,
    edupont: int,
    mmartin: int,
    move: Callable[..., Any],
    uids: list[int] | None,
    expected: list[Provenance],
) -> None:
    box, _ = place(store, edupont, [SENT, UNKNOWN, LISTED])
    there = store.read_now(mailboxes.get, mmartin, "INBOX")
    store.write_now(move, edupont, box, there.id, uids, target_account=mmartin)
    assert kept(store, mmartin, "INBOX") == expected


def test_a_copy_with_other_flags_carries_it(store: Store, edupont: int, mmartin: int) -> None:
    """Row by row, as where the target may not have every flag."""
    box, _ = place(store, edupont, [SENT, LISTED])
    there = store.read_now(mailboxes.get, mmartin, "INBOX")
    store.write_now(messages.copy, edupont, box, there.id, None, target_account=mmartin, keep=0)
    assert kept(store, mmartin, "INBOX") == [SENT, LISTED]


def test_a_mailing_has_it_in_every_mailbox(store: Store, edupont: int, mmartin: int) -> None:
    _, content_id = place(store, edupont, [])
    boxes = store.read_now(messages.inboxes, [edupont, mmartin])
    store.write_now(messages.place_many, boxes, content_id, len(OCTETS), LISTED)
    assert kept(store, edupont, "INBOX") == kept(store, mmartin, "INBOX") == [LISTED]


def test_what_is_appended_names_who_did(store: Store, edupont: int) -> None:
    prepared = blobs.prepare(OCTETS, store.data / "blobs")
    store.write_now(access.append, Viewer(edupont), "INBOX", [(prepared, (), None)], NO_QUOTA)
    store.write_now(access.replace, Viewer(edupont), _inbox(store, edupont), 1, "INBOX", (prepared, (), None), NO_QUOTA)
    store.write_now(webmail.append_new, edupont, _inbox(store, edupont), [_other(store)], NO_QUOTA)
    assert kept(store, edupont, "INBOX") == [Provenance(Door.APPENDED, edupont)] * 2


def _inbox(store: Store, account: int) -> int:
    return store.read_now(mailboxes.get, account, "INBOX").id


def _other(store: Store) -> tuple[blobs.Prepared, tuple[str, ...], int]:
    return blobs.prepare(b"Subject: other\r\n\r\nx\r\n", store.data / "blobs"), (), 0


def test_what_another_appended_makes_nobody_known(store: Store, edupont: int, mmartin: int) -> None:
    _, content_id = place(store, edupont, [Provenance(Door.APPENDED, mmartin)])
    assert store.read_now(known_senders.acquaintance, edupont, "p@x.fr", content_id + 1).first_time
    place(store, edupont, [Provenance(Door.SMTP)])
    assert not store.read_now(known_senders.acquaintance, edupont, "p@x.fr", content_id + 1).first_time


def test_who_is_read_is_known_for_more_than_a_message(store: Store, edupont: int) -> None:
    """Only what was read, some time ago, and not thrown away, makes somebody's mail wanted."""
    box, content_id = place(store, edupont, [Provenance(Door.SMTP)])

    def reads(**values: Any) -> bool:
        change = update(message).where(message.c.content_id == content_id).values(**values)
        if values:
            store.write_now(lambda tx: tx.execute(change))
        known = store.read_now(known_senders.acquaintance, edupont, "p@x.fr", content_id + 1)
        assert not known.first_time
        return known.reads

    assert not reads()
    assert not reads(flags=1)
    assert reads(saved=message.c.saved - known_senders.READER_SECONDS)
    assert not reads(flags=2)
    assert reads(flags=3)
    for name in ("Junk", "Trash"):
        there = store.read_now(mailboxes.by_use, edupont, f"\\{name}")
        assert there is not None
        assert not reads(mailbox_id=there.id)
    assert reads(mailbox_id=box)
    assert not store.read_now(known_senders.acquaintance, edupont, "p@x.fr", content_id).reads


PASSED, NONE, FAILED = Outcome.PASS, Outcome.NONE, Outcome.FAIL


@pytest.mark.parametrize(
    ("results", "known"),
    [
        (AuthenticationResults(), True),
        (AuthenticationResults(PASSED, NONE, Alignment.PASS), True),
        (AuthenticationResults(NONE, PASSED, Alignment.SIGNED, Chain.PASS, Reverse.FAIL, one_click=True), True),
        (AuthenticationResults(FAILED, FAILED, Alignment.EXCUSED), True),
        (AuthenticationResults(NONE, NONE, Alignment.NONE, iprev=Reverse.FAIL), True),
        (AuthenticationResults(FAILED, NONE, Alignment.FAIL), False),
        (AuthenticationResults(NONE, NONE, Alignment.FAIL, quarantined=True), False),
        (AuthenticationResults(FAILED, NONE, Alignment.NONE), False),
        (AuthenticationResults(Outcome.SOFTFAIL, NONE, Alignment.NONE), False),
        (AuthenticationResults(NONE, FAILED, Alignment.NONE), False),
        (AuthenticationResults(PASSED, NONE, Alignment.NONE), False),
        (AuthenticationResults(Outcome.TEMPERROR, NONE, Alignment.TEMPERROR), False),
        (AuthenticationResults(NONE, NONE, Alignment.PERMERROR), False),
    ],
)
def test_who_borrows_an_address_makes_nobody_known(
    store: Store, edupont: int, results: AuthenticationResults, known: bool
) -> None:
    _, content_id = place(store, edupont, [Provenance(Door.SMTP, results=results)])
    assert store.read_now(known_senders.acquaintance, edupont, "p@x.fr", content_id + 1).first_time is not known


def test_a_number_of_no_door_proves_nothing() -> None:
    assert Provenance.stored(99, 7, 1, 0) == Provenance(Door.UNKNOWN, 7, through_list=True)


@given(st.integers(0, 32_767))
def test_results_are_one_small_number(number: int) -> None:
    found = AuthenticationResults.stored(number)
    assert AuthenticationResults.stored(found.packed) == found
    assert found.packed in (number, number & ~0b11_0_0000_0000)  # a chain has three states
