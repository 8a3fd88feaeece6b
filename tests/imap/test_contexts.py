"""Bounds of searches that are kept up (RFC 5267 section 4.3.1), and results in a mailbox where another works."""

from imap.search import contexts
from mailserver.store.engine.transactions import Store
from tests.imap.world import World, play


def test_too_many_contexts_are_refused_and_the_rest_goes_on(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session("edupont", "INBOX")
            sort = "SORT RETURN (UPDATE COUNT) (DATE) UTF-8 ALL"
            for _ in range(contexts.MAX_SORTED):
                assert len(await client.ok(sort)) == 1
            said = await client.ok(sort)
            assert said[0].endswith("COUNT 0")
            assert said[1].startswith("* NO [NOUPDATE ")
            search = "UID SEARCH RETURN (UPDATE COUNT) UNSEEN"
            for _ in range(contexts.MAX_CONTEXTS - contexts.MAX_SORTED):
                assert len(await client.ok(search)) == 1
            assert "NOUPDATE" in (await client.ok(search))[1]
            told = await client.ok("APPEND INBOX", literal=b"Subject: a\r\n\r\nb")
            assert sum("ADDTO" in line for line in told) == contexts.MAX_CONTEXTS

    play(scene)


def test_what_is_kept_up_agrees_with_searching_again(sqlite_store: Store) -> None:
    """ADDTO and REMOVEFROM applied in order give the sorted result that a new SORT gives."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session("edupont", "INBOX")
            other = await world.session("edupont", "INBOX")
            for number in (3, 1, 2):
                await other.ok("APPEND INBOX", literal=b"Subject: n%d\r\n\r\n" % number)
            sort = "UID SORT RETURN ({}) (REVERSE SUBJECT) UTF-8 UNSEEN"
            *_, line = await client.ok(sort.format("UPDATE ALL"))
            result = _set(line.rpartition(" ")[2])
            for number in (9, 2, 5, 0):
                await other.ok("APPEND INBOX", literal=b"Subject: n%d\r\n\r\n" % number)
                await other.ok(f"UID STORE {number or 1} +FLAGS (\\Seen)")
                await other.ok("UID STORE 3 +FLAGS (\\Deleted)")
                await other.ok("EXPUNGE")
                for said in await client.ok("NOOP"):
                    _apply(result, said)
                *_, line = await client.ok(sort.format("ALL"))
                assert result == _set(line.rpartition(" ")[2])

    play(scene)


def _set(text: str) -> list[int]:
    found: list[int] = []
    for part in text.split(","):
        low, _, high = part.partition(":")
        found.extend(range(int(low), int(high or low) + 1))
    return found


def _apply(result: list[int], line: str) -> None:
    for word in ("REMOVEFROM", "ADDTO"):
        _, there, pairs = line.partition(f"{word} (")
        if not there:
            continue
        words = pairs.rstrip(")").split(" ")
        for position, text in zip(words[::2], words[1::2], strict=True):
            place, uids = int(position) - 1, _set(text)
            if word == "ADDTO":
                result[place:place] = uids
            else:
                assert result[place : place + len(uids)] == uids
                del result[place : place + len(uids)]
