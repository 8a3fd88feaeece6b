"""Sorting and threading in the store: against plain sorting, with new mail, expunged mail and old snapshots."""

import random
from array import array
from typing import Any

import pytest
from sqlalchemy import update

from mailserver.mime.header.casemap import collate
from mailserver.mime.header.subjects import base_subject
from mailserver.model.errors import Refused
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import messages
from mailserver.store.mail.whole_mailboxes import columns, order
from mailserver.store.mail.whole_mailboxes.columns import Field
from mailserver.store.schema.mail.messages import content
from tests.store.test_search import inbox, put

NAMES = ["Zoé", "anne", "Émile", "emile", "", "Bob"]
SUBJECTS = ["Réunion", "Re: réunion", "reunion", "[liste] Fwd: RÉUNION", "été", "Zoo", "a", ""]


def letter(rng: random.Random, number: int) -> bytes:
    name = rng.choice(NAMES)
    head = f"From: {name} <{rng.choice('xyz')}{number % 3}@exemple.fr>\r\nSubject: {rng.choice(SUBJECTS)}\r\n"
    head += f"Message-ID: <{number}@x>\r\n"
    if number and rng.random() < 0.5:
        head += f"References: <{rng.randrange(number)}@x>\r\n"
    if rng.random() < 0.8:
        head += f"Date: {1 + number % 5} Nov 2023 0{rng.randrange(9)}:00:00 +0{rng.randrange(3)}00\r\n"
    return f"{head}\r\n{'x' * rng.randrange(50)}".encode()


def uids_of(store: Store, box: int) -> "array[int]":
    return array("I", [row[0] for row in store.read_now(messages.state, box)])


def sorted_uids(store: Store, account_id: int, box: int, uids: "array[int]", *keys: tuple[Field, bool]) -> list[int]:
    places = array("I", range(len(uids)))
    return [uids[place] for place in store.read_now(order.sort, account_id, box, uids, places, keys)]


def plainly(store: Store, account_id: int, box: int, *keys: tuple[Field, bool]) -> list[int]:
    """What the rows say, sorted by key after key from the last."""
    names = ("uid", "sent_at", "internal_date", "size", "subject", "sender")
    rows: list[Any] = store.read_now(messages.fetch, account_id, box, names)
    made = {
        Field.DATE: lambda row: row[1] or row[2],
        Field.ARRIVAL: lambda row: row[2],
        Field.SIZE: lambda row: row[3],
        Field.SUBJECT: lambda row: collate(base_subject(row[4])),
        Field.DISPLAYFROM: lambda row: collate(row[5]),
    }
    for field, descending in reversed(keys):
        rows.sort(key=made[field], reverse=descending)
    return [row[0] for row in rows]


KEYS = [
    ((Field.DATE, True),),
    ((Field.SUBJECT, False),),
    ((Field.SUBJECT, True), (Field.DATE, False)),
    ((Field.DISPLAYFROM, False), (Field.SIZE, True)),
    ((Field.ARRIVAL, True),),
]


def test_sorted_like_plainly_sorted_rows_while_mail_comes_and_goes(
    store: Store, edupont: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "PORTION", 5)
    rng = random.Random(7)
    box = inbox(store, edupont)
    for round_ in range(4):
        for number in range(12):
            put(store, edupont, box, letter(rng, round_ * 12 + number))
        uids = uids_of(store, box)
        for keys in KEYS:
            assert sorted_uids(store, edupont, box, uids, *keys) == plainly(store, edupont, box, *keys), keys
        store.write_now(messages.store_flags, edupont, box, rng.sample(list(uids), 3), "+", ["\\Deleted"])
        store.write_now(messages.expunge, edupont, box)
        now = uids_of(store, box)
        for keys in KEYS:  # a session may still count what is gone
            found = [uid for uid in sorted_uids(store, edupont, box, uids, *keys) if uid in now]
            assert found == plainly(store, edupont, box, *keys), keys
        for keys in KEYS:
            assert sorted_uids(store, edupont, box, now, *keys) == plainly(store, edupont, box, *keys), keys


def test_threads_are_of_what_is_there(store: Store, edupont: int) -> None:
    box = inbox(store, edupont)
    for references in ("", "<0@x>", "<0@x> <1@x>", "<0@x> <1@x>"):
        number = len(uids_of(store, box))
        head = f"Message-ID: <{number}@x>\r\nReferences: {references}\r\nSubject: n{number}\r\n\r\n"
        put(store, edupont, box, head.encode())
    uids = uids_of(store, box)
    every = array("I", range(4))
    there, forest = store.read_now(order.by_references, edupont, box, uids, every)
    assert (list(there), forest.roots, forest.children) == ([0, 1, 2, 3], [0], {0: [1], 1: [2, 3]})
    store.write_now(messages.store_flags, edupont, box, [2], "+", ["\\Deleted"])
    store.write_now(messages.expunge, edupont, box)
    store.read_now(columns.columns, edupont, box, uids_of(store, box), (Field.LINKS,))
    there, forest = store.read_now(order.by_references, edupont, box, uids_of(store, box), array("I", range(3)))
    assert (list(there), forest.roots, forest.children) == ([0, 1, 2], [0], {0: [1, 2]})


def test_hostile_references_are_bounded(store: Store, edupont: int) -> None:
    """100,000 references in one message, and messages that refer to themselves and to each other."""
    box = inbox(store, edupont)
    long = b"References: " + b"\r\n ".join(b"<%d@x>" % number for number in range(100_000))
    put(store, edupont, box, b"Message-ID: <a@x>\r\n" + long + b"\r\n\r\n")
    put(store, edupont, box, b"Message-ID: <b@x>\r\nReferences: <b@x> <a@x> <b@x>\r\n\r\n")
    put(store, edupont, box, b"Message-ID: <99999@x>\r\nReferences: <b@x>\r\n\r\n")
    uids = uids_of(store, box)
    (links,) = store.read_now(columns.columns, edupont, box, uids, (Field.LINKS,))
    assert max(map(len, links)) <= 101
    _, forest = store.read_now(order.by_references, edupont, box, uids, array("I", range(3)))
    assert {*forest.roots, *(child for children in forest.children.values() for child in children)} >= {0, 1, 2}


def test_other_accounts_are_out_of_reach(store: Store, edupont: int, mmartin: int) -> None:
    box = inbox(store, edupont)
    put(store, edupont, box, b"Subject: x\r\n\r\n")
    uids = uids_of(store, box)
    for account_id, found in ((edupont, [0]), (mmartin, None)):
        try:
            made = store.read_now(order.sort, account_id, box, uids, array("I", [0]), ((Field.DATE, False),))
        except Refused:
            assert found is None
        else:
            assert list(made) == found


def test_columns_are_those_of_the_rows(store: Store, edupont: int) -> None:
    """With gaps and without, of nothing, of texts with what stands between the texts."""
    box = inbox(store, edupont)
    rng = random.Random(5)
    names = ["subject", "date", "envelope", "size", "marked_subject", "refs"]

    def check(low: int, high: int) -> int:
        uids, values = store.read_now(messages.fetch_columns, edupont, box, names, low, high)
        rows = store.read_now(messages.fetch, edupont, box, ["uid", *names], low, high)
        assert [(uid, *row) for uid, *row in zip(uids, *values, strict=True)] == rows
        return len(rows)

    assert check(1, 10) == 0
    for number in range(20):
        put(store, edupont, box, letter(rng, number))
    put(store, edupont, box, "Subject: Aé\r\nDate: Sun, 7 Feb 2106 06:28:15 +0000\r\n\r\n".encode())
    assert [check(1, 21), check(1, 30), check(4, 9), check(21, 21), check(22, 30)] == [21, 21, 6, 1, 0]
    store.write_now(messages.erase, edupont, box, [2, 3, 11])
    assert [check(1, 21), check(4, 9), check(2, 3), check(2, 4)] == [18, 6, 0, 1]
    if store.backend.dialect == "sqlite":  # PostgreSQL's texts have no such character
        store.write_now(lambda tx: tx.execute(update(content).where(content.c.id == 5).values(subject="a\0b")))
        assert [check(1, 21), check(5, 5)] == [18, 1]


def test_what_was_sent_in_2106_is_there(store: Store, edupont: int) -> None:
    """The last second of 32 bits is a date like any other, and so is the last before 1970."""
    box = inbox(store, edupont)
    for day in ("Sun, 7 Feb 2106 06:28:15", "Wed, 31 Dec 1969 23:59:59", "Tue, 14 Nov 2023 00:00:00"):
        put(store, edupont, box, f"Date: {day} +0000\r\n\r\n".encode())
    assert sorted_uids(store, edupont, box, uids_of(store, box), (Field.DATE, False)) == [2, 3, 1]
