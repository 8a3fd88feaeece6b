"""Units of PostgreSQL that fill the same mailboxes at once lock them in one order: none has to be done again."""

import threading
from collections.abc import MutableSequence
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs
from structlog.typing import EventDict

from mailserver.delivery import Part, deliver_parts, units
from mailserver.delivery.envelope import Memory
from mailserver.delivery.placement import SPAM, Placement, Placements
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.account.filter_memory import Kind
from mailserver.store.engine import migrate
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import access, blobs, mailboxes, messages
from mailserver.store.mail.access import Viewer
from mailserver.store.mail.access.rights import parse
from mailserver.store.mail.flags import FLAGGED
from mailserver.store.record.audit import Origin
from tests.conftest import StoreMaker
from tests.store.conftest import create_account
from tests.store.test_moments import behind
from tests.waiting import until

ORIGIN = Provenance(Door.SMTP)


def waits_for_a_lock(store: Store) -> bool:
    with migrate.reading(store.url) as connection:
        return bool(connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar())


def octets_of(number: int) -> bytes:
    return b"Subject: %d\r\n\r\nBonjour.\r\n" % number


def part(store: Store, number: int, *accounts: int, **more: Any) -> Part:
    return Part(blobs.prepare(octets_of(number), store.blobs), "", accounts, provenance=ORIGIN, **more)


def cross(
    store: Store, monkeypatch: pytest.MonkeyPatch, one: list[Part], other: list[Part]
) -> MutableSequence[EventDict]:
    """What is logged where a unit comes while another one has filled its first mailbox, and waits for it."""
    has_filled, deliver = threading.Event(), units.deliver_unit

    def slowly(tx: Any, prepared: Any, accounts: Any, *more: Any) -> Any:
        done = deliver(tx, prepared, accounts, *more)
        if not has_filled.is_set():
            has_filled.set()
            until(lambda: waits_for_a_lock(store))
        return done

    monkeypatch.setattr(units, "deliver_unit", slowly)
    with capture_logs() as said:
        first = threading.Thread(target=store.write_now, args=(deliver_parts, one, {}, 3600))
        first.start()
        assert has_filled.wait(60)
        store.write_now(deliver_parts, other, {}, 3600)
        first.join()
    return said


@pytest.mark.parametrize("make_store", ["postgresql"], indirect=True)
@pytest.mark.parametrize("goes", ["inbox", "spam"])
def test_two_who_answer_each_other_do_not_cross(store: Store, monkeypatch: pytest.MonkeyPatch, goes: str) -> None:
    """Each unit has a message for one of them and an answer for the other."""
    first, second = (store.write_now(create_account, login) for login in ("edupont", "mmartin"))

    def parts(*accounts: int) -> list[Part]:
        where: Placements = dict.fromkeys(accounts, (SPAM,)) if goes == "spam" else {}
        return [part(store, 10 * accounts[0] + one, one, placements=where) for one in accounts]

    assert cross(store, monkeypatch, parts(first, second), parts(second, first)) == []


@pytest.mark.parametrize("make_store", ["postgresql"], indirect=True)
def test_what_a_filter_puts_into_anothers_mailbox_is_locked_in_its_turn(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is to have a message; of one a filter files another message with the other one, whose mailbox is older."""
    owner, files = (store.write_now(create_account, login) for login in ("edupont", "mmartin"))
    rights, origin = parse("li"), Origin("edupont", "test")
    me = Viewer.of(owner, "edupont")
    store.write_now(access.change, me, "INBOX", "mmartin", "=", rights, origin, negative=False)
    shared = Placement("Partagés/edupont/INBOX", viewer=Viewer.of(files, "mmartin"))
    filing = part(store, 2, files, placements={files: (shared,)})
    assert cross(store, monkeypatch, [part(store, 1, files), filing], [part(store, 3, owner, files)]) == []
    assert store.read_now(mailboxes.get, owner, "INBOX").messages == 2


@pytest.mark.parametrize("make_store", ["postgresql"], indirect=True)
def test_a_right_to_file_that_is_taken_back_is_gone_for_a_filter_that_waits(
    store: Store, make_store: StoreMaker
) -> None:
    """What it would have filed with others is in its own INBOX, with its flags; who still may files it."""
    owner, files, other = (store.write_now(create_account, login) for login in ("edupont", "mmartin", "lpetit"))
    me, origin = Viewer.of(owner, "edupont"), Origin("edupont", "test")
    for login in ("mmartin", "lpetit"):
        store.write_now(access.change, me, "INBOX", login, "=", parse("li"), origin, negative=False)

    def shared(account: int, login: str) -> Placements:
        return {account: (Placement("Partagés/edupont/INBOX", ("\\Flagged",), viewer=Viewer.of(account, login)),)}

    def take_back(tx: Tx) -> None:
        access.change(tx, me, "INBOX", "mmartin", "=", parse("l"), origin, negative=False)

    both = {**shared(files, "mmartin"), **shared(other, "lpetit")}
    sent = part(store, 1, files, other, placements=both)
    behind(make_store, take_back, lambda tx: deliver_parts(tx, [sent], {}, 3600))
    found = [store.read_now(mailboxes.get, account, "INBOX") for account in (owner, files, other)]
    assert [box.messages for box in found] == [1, 1, 0]
    assert store.read_now(messages.fetch_uids, files, found[1].id, ("uid", "flags"), [1])[0][1] == FLAGGED


@pytest.mark.parametrize("make_store", ["postgresql"], indirect=True)
def test_who_is_told_something_once_is_told_by_one_of_two_units(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One unit has filled their mailbox and is to tell them, the other one has nothing but that to do."""
    account, other = (store.write_now(create_account, login) for login in ("edupont", "mmartin"))
    once = Memory(account, Kind.FAILURE, b"k" * 32, 1 << 40)
    filling = [part(store, 1, account), part(store, 2, other), part(store, 3, account, once=once)]
    assert cross(store, monkeypatch, filling, [part(store, 4, account, once=once)]) == []
    assert store.read_now(mailboxes.get, account, "INBOX").messages == 2
