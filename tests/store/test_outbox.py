"""A letter that waits: taken, called back and gone, one unit after the other on both engines."""

import threading
from collections.abc import Callable

import pytest

from mailserver.model.errors import Reason, Refused
from mailserver.store.account import idempotency
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import blobs, mailboxes, messages
from mailserver.store.mail.access import Viewer
from mailserver.store.queue import outbox
from mailserver.store.queue.outbox import Fate, Terms, Waiting
from mailserver.store.web import webmail

CLAIM = b"c" * 32
VERSION = b"v" * 32
QUOTA = messages.NO_QUOTA


def keep_draft(store: Store, account_id: int, text: str = "Bonjour") -> int:
    prepared = blobs.prepare(
        f"Subject: Attente\r\nMessage-ID: <l@ac-exemple.fr>\r\n\r\n{text}\r\n".encode(), store.blobs
    )
    return store.write_now(webmail.replace_draft, account_id, 0, prepared, QUOTA)


def hold(store: Store, account_id: int, draft_id: int) -> tuple[int, bool] | None:
    final = blobs.prepare(b"Subject: Attente\r\nTo: x@ac-exemple.fr\r\n\r\nBonjour\r\n", store.blobs)
    terms = Terms("edupont@ac-exemple.fr", ("x@ac-exemple.fr",), version=VERSION.hex())
    due = 2**40
    return store.write_now(outbox.hold, account_id, CLAIM, draft_id, final, terms, due, QUOTA, planned=True)


@pytest.fixture
def waiting(store: Store, edupont: int) -> Waiting:
    """A letter planned for a day far ahead."""
    assert hold(store, edupont, keep_draft(store, edupont)) is not None
    (made,) = store.read_now(outbox.listing, edupont)
    return made


def drafts(store: Store, account_id: int) -> int:
    return store.read_now(mailboxes.get, account_id, "Drafts").messages


def leave(store: Store, waiting: Waiting) -> None:
    viewer = Viewer(waiting.account_id)
    store.write_now(outbox.departed, waiting=waiting, reached=waiting.terms.recipients, viewer=viewer)


def test_a_draft_that_is_gone_leaves_no_claim(store: Store, edupont: int) -> None:
    """Whoever sends may look for its newer version and hold that."""
    assert hold(store, edupont, 12345) is None
    assert store.read_now(idempotency.finished, CLAIM, edupont) is None
    draft = keep_draft(store, edupont)
    assert hold(store, edupont, draft) is not None
    with pytest.raises(Refused) as twice:
        hold(store, edupont, 12345)
    assert twice.value.reason is Reason.CONFLICT


def test_taken_early_it_is_one_workers(store: Store, edupont: int, mmartin: int, waiting: Waiting) -> None:
    assert store.write_now(outbox.take, waiting.id) is None, "it is not due"
    assert store.write_now(outbox.take_early, waiting.id, mmartin) is None, "it is another's"
    taken = store.write_now(outbox.take_early, waiting.id, edupont)
    assert taken is not None
    assert taken.due < waiting.due
    assert store.write_now(outbox.take_early, waiting.id, edupont) is None
    assert store.read_now(outbox.fate, waiting) is Fate.WAITS


def test_called_back_first_it_does_not_leave(store: Store, edupont: int, waiting: Waiting) -> None:
    taken = store.write_now(outbox.take_early, waiting.id, edupont)
    assert taken is not None
    store.write_now(outbox.call_back, edupont, waiting.id)
    with pytest.raises(Refused):
        leave(store, taken)
    assert store.read_now(outbox.fate, waiting) is Fate.DRAFT
    assert drafts(store, edupont) == 1


def test_gone_first_it_is_not_called_back(store: Store, edupont: int, waiting: Waiting) -> None:
    """What has left is known by its form and by its words."""
    taken = store.write_now(outbox.take_early, waiting.id, edupont)
    assert taken is not None
    leave(store, taken)
    with pytest.raises(Refused):
        store.write_now(outbox.call_back, edupont, waiting.id)
    assert store.read_now(outbox.fate, waiting) is Fate.LEFT
    assert store.read_now(idempotency.finished, VERSION, edupont) is not None
    assert drafts(store, edupont) == 0


def test_of_both_at_once_one_is_done(store: Store, edupont: int, waiting: Waiting) -> None:
    """Two threads, one letter: it has left or it is a draft, and who was second is told."""
    start, done = threading.Barrier(2), []

    def attempt(name: str, work: Callable[[], object]) -> None:
        start.wait()
        try:
            work()
            done.append(name)
        except Refused:
            pass

    def depart() -> None:
        taken = store.write_now(outbox.take_early, waiting.id, edupont)
        if taken is None:
            raise Refused(Reason.NOT_FOUND)
        leave(store, taken)

    jobs = (("left", depart), ("draft", lambda: store.write_now(outbox.call_back, edupont, waiting.id)))
    threads = [threading.Thread(target=attempt, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1
    assert store.read_now(outbox.fate, waiting) is Fate(done[0])
    assert drafts(store, edupont) == (done == ["draft"])
