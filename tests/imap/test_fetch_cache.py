"""What a worker keeps of its answers never shows: every answer is as it would be the first time."""

from imap.answers.fetch_response import FEW
from mailserver.store.engine.transactions import Store
from tests.imap.world import World, play

ITEMS = (
    "(UID FLAGS)",
    "(FLAGS ENVELOPE MODSEQ BODYSTRUCTURE INTERNALDATE)",
    "BODY.PEEK[HEADER.FIELDS (SUBJECT)]",
    "(FLAGS BODY.PEEK[])",
    "(UID BODY.PEEK[TEXT]<0.5> RFC822.SIZE)",
)
COUNT = 30
assert COUNT > FEW


def test_numbers_flags_and_messages_move_under_what_is_kept(store: Store) -> None:
    async def scene() -> None:
        async with World(store) as world:
            await world.people()
            writer = await world.session(mailbox="INBOX")
            for number in range(COUNT):
                await writer.ok("APPEND INBOX", literal=f"Subject: n{number}\r\n\r\nbody {number}\r\n".encode())
            reader = await world.session(mailbox="INBOX")
            await reader.ok("ENABLE CONDSTORE")

            async def fresh(items: str, numbers: str) -> list[str]:
                """The answer of a worker that keeps nothing yet."""
                world.door.services.snapshots.renderings.__init__()  # type: ignore[misc]
                world.door.services.snapshots.messages.__init__()  # type: ignore[misc]
                return await fetched(items, numbers)

            async def fetched(items: str, numbers: str) -> list[str]:
                return await reader.ok(f"FETCH {numbers} {items}")

            async def compare() -> None:
                await reader.ok("NOOP")
                for items in ITEMS:
                    for numbers in ("1:*", "3:17,19:*", "4", "5:7"):
                        answers = [await fetched(items, numbers) for _ in range(4)]
                        assert answers[0]
                        assert all(answer == answers[0] for answer in answers)
                        assert await fresh(items, numbers) == answers[0]

            await compare()
            await writer.ok("STORE 2:9 +FLAGS (\\Flagged projet)")
            await compare()
            await writer.ok("STORE 1,4 +FLAGS (\\Deleted)")
            await writer.ok("EXPUNGE")
            await compare()
            await writer.ok("APPEND INBOX", literal=b"Subject: new\r\n\r\nnew\r\n")
            await compare()

    play(scene)
