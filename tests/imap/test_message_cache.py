"""What a worker keeps of messages: shown without the database, bounded, and never of what was not committed."""

from sqlalchemy import update

from imap.session.message_cache import LARGEST, LIMIT, TOGETHER, MessageCache
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.schema.mail import blob, content
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


def _lose(tx: Tx) -> None:
    tx.execute(update(blob).values(header=b"lost"))
    tx.execute(update(content).values(envelope=b'"lost"'))
