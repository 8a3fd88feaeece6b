"""Units that put messages of a backup back: what counts as being there, and where what fits nowhere goes."""

import hashlib
from dataclasses import replace

import pytest

from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.provenance import UNKNOWN
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import blobs, mailboxes, messages
from mailserver.store.mail.messages import NO_QUOTA, Quota
from mailserver.store.upkeep import returned_mail
from mailserver.store.upkeep.returned_mail import Destination, Notice, PutBack, Returning, State
from tests.imap.world import create_account

TREE = "Restauré le 29-11-2026"


@pytest.fixture
def account_id(store: Store) -> int:
    number = store.write_now(create_account, "edupont")
    store.write_now(mailboxes.provision, number)
    return number


def message(number: int, store: Store) -> Returning:
    octets = f"From: a@ailleurs.fr\r\nMessage-ID: <{number}@x>\r\nSubject: {number}\r\n\r\nBonjour\r\n".encode()
    prepared = blobs.prepare(octets, store.blobs)
    return Returning(prepared.hash, len(octets), 1 | 1 << 5, ("$Label1",), 1_700_000_000, UNKNOWN, prepared)


def put(store: Store, to: Destination, *batch: Returning, quota: Quota = NO_QUOTA) -> PutBack:
    return store.write_now(returned_mail.put_back, to, batch, quota, None)


def test_what_stood_in_two_folders_comes_back_to_both_and_once(store: Store, account_id: int) -> None:
    one = message(1, store)
    inbox, projects = (Destination(account_id, TREE, name) for name in ("INBOX", "Projets/2026"))
    assert store.read_now(returned_mail.states, inbox, [one.hash]) == {one.hash: State.GONE}
    for to in (inbox, projects):
        assert put(store, to, one, one).count == 1
        assert put(store, replace(to, tree="Restauré le 30-11-2026"), one).count == 0, "nor on another day"
    assert store.read_now(returned_mail.states, inbox, [one.hash]) == {one.hash: State.THERE}
    box = store.read_now(mailboxes.get, account_id, f"{TREE}/Projets/2026")
    assert store.read_now(mailboxes.keywords, box.id) == ("$Label1",)
    assert store.read_now(returned_mail.named, account_id, "1@x").keys() >= {box.id}


def test_a_content_that_was_collected_is_asked_for(store: Store, account_id: int) -> None:
    one = message(1, store)
    to = Destination(account_id, TREE, "INBOX")
    bare = replace(one, prepared=None)
    assert put(store, to, bare).lacking == [bare]
    assert put(store, to, one).count == 1
    assert put(store, replace(to, name="Sent"), bare).count == 1


def test_where_a_name_is_too_deep_the_root_takes_it(store: Store, account_id: int) -> None:
    deep = Destination(account_id, TREE, "/".join("abcdefghijklmnopqrst"))
    assert put(store, deep, message(1, store)).count == 1
    assert store.read_now(mailboxes.get, account_id, TREE).messages == 1


def test_a_full_mailbox_takes_none_of_them_and_no_notice(store: Store, account_id: int) -> None:
    told = message(9, store)
    assert told.prepared is not None
    notice = Notice(f"<{hashlib.sha256().hexdigest()}@x>", told.prepared)
    to = Destination(account_id, TREE, "INBOX")
    with pytest.raises(Refused) as refused:
        store.write_now(returned_mail.put_back, to, [message(1, store)], Quota(messages=0, octets=1), notice)
    assert refused.value.reason is Reason.OVER_QUOTA
    assert store.read_now(messages.usage, account_id) == (0, 0)
