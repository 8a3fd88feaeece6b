"""Reads that mostly ask one statement: in no transaction on PostgreSQL, and on one snapshot where they ask more."""

import pytest
from sqlalchemy import func, select

from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.statements import OneStatement
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import mailboxes, messages
from mailserver.store.schema.mail.messages import message
from tests.store.test_messages import box_of, fill


async def test_one_statement_is_asked_once(store: Store, edupont: int) -> None:
    asked: list[type[Tx]] = []

    def count(tx: Tx) -> int:
        asked.append(type(tx))
        return mailboxes.get(tx, edupont, "INBOX").messages

    fill(store, edupont, 2)
    assert await store.read_brief(count) == 2
    assert asked == [OneStatement if store.backend.is_shared else Tx]


async def test_more_are_asked_on_one_snapshot(store: Store, edupont: int) -> None:
    """What is committed between the two is in neither."""
    fill(store, edupont, 2)
    asked: list[type[Tx]] = []

    def both(tx: Tx) -> tuple[int, int]:
        asked.append(type(tx))
        box = mailboxes.get(tx, edupont, "INBOX")
        store.write_now(messages.store_flags, edupont, box.id, [1], "+" if len(asked) % 2 else "-", ("\\Seen",))
        seen = tx.execute(select(func.count()).where(message.c.mailbox_id == box.id, message.c.flags == 0)).scalar_one()
        return box.unseen, seen

    for _ in range(2):
        unseen, counted = await store.read_brief(both)
        assert unseen == counted
    assert asked[:2] == ([OneStatement, Tx] if store.backend.is_shared else [Tx, Tx])


async def test_what_is_raised_stays(store: Store, edupont: int) -> None:
    with pytest.raises(Refused) as refused:
        await store.read_brief(mailboxes.get, edupont, "Nulle part")
    assert refused.value.reason is Reason.NO_SUCH_MAILBOX


async def test_slow_ones_too(store: Store, edupont: int) -> None:
    fill(store, edupont, 1)

    def twice(tx: Tx) -> list[int]:
        return [mailboxes.get(tx, edupont, "INBOX").messages for _ in range(2)]

    assert await store.read_slow_brief(edupont, twice) == [1, 1]
    assert (await store.read_slow_brief(edupont, mailboxes.get, edupont, "INBOX")) == box_of(store, edupont)
