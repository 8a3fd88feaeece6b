"""What a worker keeps of messages: shown without the database, bounded, and never of what was not committed."""

from sqlalchemy import delete, select, update

from imap.session.message_cache import LARGEST, LIMIT, TOGETHER, MessageCache
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, messages
from mailserver.store.mail.blobs import Prepared
from mailserver.store.schema.mail.messages import blob, content, mailbox, message
from tests.imap.world import World, play


def test_it_is_bounded() -> None:
    cache = MessageCache()
    for uid in range(2 * LIMIT // LARGEST):
        cache.put(1, uid, {"header": b"h", "octets": bytes(LARGEST - 1000)})
        assert cache.octets <= LIMIT
    assert cache.find(1, [0], ("header",)) is None
    assert cache.find(1, [uid], ("header",)) == [(b"h",)]
    cache.put(1, uid, {"header": b"h", "octets": bytes(LARGEST)})
    assert cache.find(1, [uid], ("header",)) is None


def test_what_is_known_of_a_message_adds_up() -> None:
    cache = MessageCache()
    cache.keep(1, [7, 8], ("size", "envelope"), [(10, b"a"), (11, b"b")])
    cache.keep(1, [8], ("size", "preview"), [(11, "c")])
    assert cache.find(1, [7, 8], ("envelope", "size")) == [(b"a", 10), (b"b", 11)]
    assert cache.find(1, [8], ("preview",)) == [("c",)]
    assert cache.find(1, [7, 8], ("preview",)) is None
    assert cache.find(2, [7], ("size",)) is None
    cache.keep(1, range(TOGETHER + 1), ("size",), [(1,)] * (TOGETHER + 1))
    assert cache.find(1, [0], ("size",)) is None


def test_what_was_shown_or_appended_is_not_read_again(store: Store) -> None:
    """Octets that the database lost since are shown as they came; another worker reads what is there."""

    async def scene() -> None:
        async with World(store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            for number in range(6):
                await client.ok("APPEND INBOX", literal=f"Subject: n{number}\r\n\r\nbody\r\n".encode())
            page = await client.ok("FETCH 1:6 (ENVELOPE)")
            assert len(page) == 6
            await store.write(_lose)
            assert await client.ok("FETCH 2:6 (ENVELOPE)") == page[1:]  # never asked before
            assert "Subject: n3" in "".join(await client.ok("FETCH 4 BODY.PEEK[]"))
            world.door.services.snapshots.messages.__init__()  # type: ignore[misc]
            assert "".join(await client.ok("FETCH 1:5 (ENVELOPE)")).count("lost") == 5
            assert "NO [CORRUPTION]" in (await client.command("FETCH 4 BODY.PEEK[]"))[-1]

    play(scene)


def test_a_replica_that_lacks_the_last_messages_is_read_anew(store: Store) -> None:
    """The server is away for a moment and comes back as another, without what was committed last; the UID is given
    again."""
    if store.keeps_order:
        return  # a file is always itself

    async def scene() -> None:
        async with World(store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            for name in ("there", "lost"):
                await client.ok("APPEND INBOX", literal=f"Subject: {name}\r\n\r\nbody\r\n".encode())
            assert "Subject: lost" in "".join(await client.ok("FETCH 2 BODY.PEEK[]"))
            await store.write(_fall_back)
            store.changes.publish_all()
            assert "* 2 EXPUNGE" in await client.ok("NOOP")
            await store.write(_deliver, blobs.prepare(b"Subject: new\r\n\r\nbody\r\n", store.blobs))
            assert "* 2 EXISTS" in await client.ok("NOOP")
            assert "Subject: new" in "".join(await client.ok("UID FETCH 2 BODY.PEEK[]"))

    play(scene)


def test_where_nothing_was_lost_nothing_is_told(store: Store) -> None:
    async def scene() -> None:
        async with World(store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            await client.ok("APPEND INBOX (travail)", literal=b"Subject: un\r\n\r\nbody\r\n")
            await client.ok("NOOP")
            store.changes.publish_all()
            assert await client.ok("NOOP") == []

    play(scene)


def test_a_replica_that_has_caught_up_in_number_is_read_anew(store: Store) -> None:
    """Before anybody looked again others have come, so that the mod-sequence is what it was: in a mailbox that is open,
    in one that was, and in one that nobody looks into any more before it is closed."""
    if store.keeps_order:
        return

    async def scene() -> None:
        async with World(store) as world:
            await world.people()
            client, other = await world.session(mailbox="INBOX"), await world.session(mailbox="INBOX")
            third = await world.session(mailbox="INBOX")
            for box in ("Closed", "Left"):
                await client.ok(f"CREATE {box}")
            for name in ("there", "lost"):
                for box in ("INBOX", "Closed", "Left"):
                    await client.ok(f"APPEND {box} (\\Flagged)", literal=f"Subject: {name}\r\n\r\nbody\r\n".encode())
            await other.ok("SELECT Closed")
            await other.ok("CLOSE")
            await third.ok("SELECT Left")
            assert "\\Flagged" in "".join(await client.ok("FETCH 2 (FLAGS)"))
            await store.write(_fall_back)
            for number in range(3):
                new = blobs.prepare(b"Subject: new%d\r\n\r\nbody\r\n" % number, store.blobs)
                await store.write(_deliver, new)
            store.changes.publish_all()
            await third.ok("UNSELECT")
            await client.ok("NOOP")
            assert "\\Flagged" not in "".join(await client.ok("FETCH 2 (FLAGS)"))
            for box in ("Closed", "Left"):
                await other.ok(f"SELECT {box}")
                flags = await other.ok("FETCH 1:* (FLAGS)")
                assert [("\\Flagged" in line) for line in flags if "FETCH" in line] == [True, False], box

    play(scene)


def test_a_mod_sequence_alone_does_not_say_that_a_mailbox_is_as_it_was(store: Store) -> None:
    async def scene() -> None:
        async with World(store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            await client.ok("APPEND INBOX", literal=b"Subject: there\r\n\r\nbody\r\n")
            await client.ok("UNSELECT")
            for name in ("uidnext", "uidvalidity"):
                wanted = await store.write(_move_on, name)
                assert f"[{name.upper()} {wanted}]" in "".join(await client.ok("EXAMINE INBOX"))
                await client.ok("UNSELECT")

    play(scene)


def _move_on(tx: Tx, name: str) -> int:
    """A number of all mailboxes; that of the one with a message."""
    column = mailbox.c[name]
    tx.execute(update(mailbox).values({name: column + 7}))
    return int(tx.execute(select(column).where(mailbox.c.messages == 1)).scalar_one())


def _fall_back(tx: Tx) -> None:
    """The last message of all was never there."""
    tx.execute(delete(message).where(message.c.uid == 2))
    counts = {"uidnext": mailbox.c.uidnext - 1, "modseq": mailbox.c.modseq - 1, "messages": 1, "unseen": 1}
    tx.execute(update(mailbox).where(mailbox.c.messages == 2).values(**counts))


def _deliver(tx: Tx, prepared: Prepared) -> None:
    """To where one message is."""
    box = tx.execute(select(mailbox.c.account_id, mailbox.c.id).where(mailbox.c.messages == 1).limit(1)).one()
    assert messages.append(tx, box.account_id, box.id, prepared).uid == 2


def _lose(tx: Tx) -> None:
    tx.execute(update(blob).values(header=b"lost"))
    tx.execute(update(content).values(envelope=b'"lost"'))
