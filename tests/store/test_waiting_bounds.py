"""How much of one account may wait, where two processes let something wait at the same moment."""

import threading
from collections.abc import Callable
from types import ModuleType

import pytest
from sqlalchemy import text

from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Population
from mailserver.model.sending.sending_limits import What
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, messages
from mailserver.store.queue import outbox
from mailserver.store.queue.held import held_submissions, unconfirmed
from mailserver.store.queue.outbox import Terms
from mailserver.store.queue.spool import Options
from tests.store.conftest import create_account
from tests.waiting import until

LATER = 2**40
AUTHOR = "edupont@ac-exemple.fr"


def plan(tx: Tx, account_id: int, one: blobs.Prepared) -> None:
    claim = one.scan.subject.encode().ljust(32)
    outbox.hold_submitted(tx, account_id, claim, one, None, Terms(AUTHOR, ()), LATER, messages.NO_QUOTA)


def ask(tx: Tx, account_id: int, one: blobs.Prepared) -> None:
    content_id, _ = messages.store_content(tx, one)
    sent = unconfirmed.Submitted(
        account_id, "id", AUTHOR, (), b"", "", "", utf8=False, resent=False, keeps_copy=False, kinds=(), expires=LATER
    )
    unconfirmed.hold(tx, content_id, sent)


def hold(tx: Tx, account_id: int, one: blobs.Prepared) -> None:
    content_id, _ = messages.store_content(tx, one)
    sent = held_submissions.Submitted(
        *(account_id, Population.TEACHER, AUTHOR, (), Options("id")),
        resent=False,
        what=What.RECIPIENTS,
        counted=1,
        mark=1,
        seconds=60,
        expires=LATER,
    )
    held_submissions.hold(tx, content_id, sent)


def waits_for_a_lock(tx: Tx) -> bool:
    return bool(tx.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one())


@pytest.mark.parametrize(("module", "keep"), [(outbox, plan), (unconfirmed, ask), (held_submissions, hold)])
def test_of_two_at_once_the_second_is_refused(
    make_store: Callable[[], Store],
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType,
    keep: Callable[[Tx, int, blobs.Prepared], None],
) -> None:
    first, second = make_store(), make_store()
    account_id = first.write_now(create_account, "edupont")
    monkeypatch.setattr(module, "MAX_WAITING", 1)
    letters = [blobs.prepare(f"Subject: {name}\r\n\r\nBonjour\r\n".encode(), first.blobs) for name in "ab"]
    refused: list[Reason] = []

    def another() -> None:
        try:
            second.write_now(keep, account_id, letters[1])
        except Refused as refusal:
            refused.append(refusal.reason)

    thread = threading.Thread(target=another)

    def unit(tx: Tx) -> None:
        keep(tx, account_id, letters[0])
        thread.start()
        if first.backend.dialect == "postgresql":  # the other one writes only after this one anyway
            until(lambda: not thread.is_alive() or waits_for_a_lock(tx))

    first.write_now(unit)
    thread.join()
    assert refused == [Reason.LIMIT]
