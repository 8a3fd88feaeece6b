"""Coming back after a while (RFC 7162 sections 3.2.5, 3.2.6): what the arithmetic is, and where the memory ends."""

import re

from hypothesis import given
from hypothesis import strategies as st

from imap.answers.resync import BLOCK, absent, known_up_to
from imap.wire.commands import Resync
from imap.wire.sets import SequenceSet, ranges_of
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import mailboxes, messages, tombstones
from tests.imap.test_concurrency import StoreMaker
from tests.imap.world import World, play

MESSAGE = b"Subject: essai\r\n\r\ncorps\r\n"
UIDS = st.sets(st.integers(1, 120), max_size=100).map(sorted)


def members(ranges: list[tuple[int, int]]) -> list[int]:
    return [uid for low, high in ranges for uid in range(low, high + 1)]


@given(UIDS, UIDS)
def test_absent_is_the_difference_of_sets(uids: list[int], wanted: list[int]) -> None:
    found = list(absent(uids, list(ranges_of(wanted))))
    assert members(found) == sorted(set(wanted) - set(uids))


@given(st.integers(0, 3 * BLOCK), st.integers(0, 3 * BLOCK), st.integers(0, 3))
def test_absent_passes_over_long_runs(missing: int, length: int, more: int) -> None:
    uids = [uid for uid in range(1, length + 1) if uid != missing]
    gap = [missing] if 1 <= missing <= length else []
    assert members(list(absent(uids, [(1, length + more)]))) == gap + list(range(length + 1, length + more + 1))


@given(UIDS, st.lists(st.tuples(st.integers(1, 60), st.integers(1, 120)), max_size=20))
def test_a_sample_shows_the_highest_uid_that_stands_at_its_number(
    uids: list[int], pairs: list[tuple[int, int]]
) -> None:
    numbers = sorted({number for number, _ in pairs})
    claimed = sorted({uid for _, uid in pairs})[: len(numbers)]
    numbers = numbers[: len(claimed)]
    resync = Resync(1, 1, None, SequenceSet(tuple(ranges_of(numbers))), SequenceSet(tuple(ranges_of(claimed))))
    naive = [uid for number, uid in zip(numbers, claimed, strict=True) if uids[number - 1 : number] == [uid]]
    assert known_up_to(resync, uids) == max(naive, default=0)


def test_beyond_the_memory_all_that_is_not_there_has_vanished(store: Store) -> None:
    """RFC 7162 section 3.2.5.2: only every third message is left, and the server remembers no removal."""

    async def scene() -> None:
        async with World(store) as world:
            await world.people()
            client = await world.session()
            await client.ok("ENABLE QRESYNC")
            for _ in range(12):
                await client.ok("APPEND INBOX", literal=MESSAGE)
            opened = "".join(await client.ok("SELECT INBOX"))
            uidvalidity, before = (
                re.findall(rf"\[{name} (\d+)\]", opened)[0] for name in ("UIDVALIDITY", "HIGHESTMODSEQ")
            )
            await client.ok("UID STORE 1:2,4:5,7:8,10:11 +FLAGS.SILENT (\\Deleted)")
            await client.ok("EXPUNGE")
            box = await store.read(mailboxes.get, world.accounts["edupont"], "INBOX")
            await store.write(tombstones.forget, tombstones.Surplus(box.id, box.modseq))
            parameter = f"SELECT INBOX (QRESYNC ({uidvalidity} {before}"
            assert "* VANISHED (EARLIER) 1:2,4:5,7:8,10:11" in await client.ok(f"{parameter}))")
            assert "* VANISHED (EARLIER) 4:5,10" in await client.ok(f"{parameter} 3:6,9:10))")
            assert "* VANISHED (EARLIER) 10:11" in await client.ok(f"{parameter} 1:12 (1,3 3,9)))")
            assert not [line for line in await client.ok(f"{parameter} 1:12 (4 12)))") if "VANISHED" in line]
            said = await client.ok(f"UID FETCH 1:9 (FLAGS) (CHANGEDSINCE {before} VANISHED)")
            assert said == ["* VANISHED (EARLIER) 1:2,4:5,7:8"]
            now = box.modseq
            assert not [line for line in await client.ok(f"{parameter.replace(before, str(now))}))") if "VANI" in line]

    play(scene)


def test_a_session_whose_state_is_older_than_the_memory_catches_up(make_store: StoreMaker) -> None:
    async def scene() -> None:
        async with World(make_store()) as one, World(make_store()) as two:
            await one.people()
            two.know(one)
            account = one.accounts["edupont"]
            near = await one.session()
            for _ in range(4):
                await near.ok("APPEND INBOX", literal=MESSAGE)
            far = await two.session(mailbox="INBOX")
            box = await one.store.read(mailboxes.get, account, "INBOX")
            await one.store.write(messages.erase, account, box.id, [2, 3])
            gone = await one.store.read(mailboxes.get, account, "INBOX")
            await one.store.write(tombstones.forget, tombstones.Surplus(box.id, gone.modseq))
            said: list[str] = []
            while "* 2 EXPUNGE" not in said:
                said += await far.ok("NOOP")
            assert said[:2] == ["* 3 EXPUNGE", "* 2 EXPUNGE"]
            assert await far.ok("UID SEARCH ALL") == ["* SEARCH 1 4"]

    play(scene)
