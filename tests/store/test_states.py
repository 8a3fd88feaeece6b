"""A mailbox as arrays is what its rows say."""

import random

import pytest

from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import messages
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.mail.whole_mailboxes import states
from tests.store.test_messages import box_of, fill

_PLAIN = str.maketrans("[], ", "____")


def check(tx: Tx, box: Mailbox) -> int:
    """How many messages it has."""
    columns = states.read(tx, box)
    assert [column.typecode for column in columns] == ["I", "Q", "Q"]
    assert list(zip(*columns, strict=True)) == messages.state(tx, box.id)
    return len(columns[0])


@pytest.mark.parametrize("few", [32, 3])
def test_columns_are_the_rows(store: Store, edupont: int, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of nothing, one, many alike; with gaps at either end and between; with flags and mod-sequences that differ in
    few messages, or in many."""
    monkeypatch.setattr(states, "_FEW", few)
    chance = random.Random(7)
    assert store.read_now(check, box_of(store, edupont)) == 0
    fill(store, edupont, 1)
    assert store.read_now(check, box_of(store, edupont)) == 1
    fill(store, edupont, 29, first=1)
    box = box_of(store, edupont)
    left = store.read_now(check, box)
    assert left == 30
    highest = "k30", "k31"  # bits beyond 32
    store.write_now(messages.store_flags, edupont, box.id, [30], "+", [f"k{number}" for number in range(32)])
    for uids in ([30], [4, 5], [1], None, [7], [1, 30], None):  # few of them; all together
        store.write_now(messages.store_flags, edupont, box.id, uids, "+", (f"x{uids}".translate(_PLAIN),))
        assert store.read_now(check, box_of(store, edupont)) == 30
    for _ in range(12):
        uids = sorted(chance.sample(range(1, 31), 9))
        flags = [("\\Seen",), ("\\Seen", "\\Flagged"), ("\\Answered", *highest)][chance.randrange(3)]
        store.write_now(messages.store_flags, edupont, box.id, uids, chance.choice("+-="), flags)
        assert store.read_now(check, box_of(store, edupont)) == 30
    for gone in ([1, 2], [30], [9, 10, 14], list(range(3, 29))):
        store.write_now(messages.store_flags, edupont, box.id, gone, "+", ("\\Deleted",))
        store.write_now(messages.expunge, edupont, box.id)
        left = store.read_now(check, box_of(store, edupont))
    assert left == 1
    fill(store, edupont, 3, first=40)
    store.write_now(messages.store_flags, edupont, box.id, None, "=", ("\\Seen",))
    assert store.read_now(check, box_of(store, edupont)) == 4
