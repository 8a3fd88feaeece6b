"""A message leaves every mailbox, also those that somebody is looking at, and comes back with all it had."""

import asyncio
import itertools
import multiprocessing
import os
import re
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from mailserver.foundation.changes import Changes
from mailserver.model.clock import SystemClock
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.messages.provenance import Door
from mailserver.outbound.withdrawal import service as module
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, deletions, mailboxes, messages, snooze
from mailserver.store.mail.access import Viewer
from mailserver.store.mail.deleted import recovery, removed_messages
from mailserver.store.mail.flags import FIRST_KEYWORD_BIT
from mailserver.store.mail.messages import NO_QUOTA
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Wanted
from mailserver.store.web import webmail
from mailserver.store.withdrawal import finding, rows, taking
from mailserver.store.withdrawal.finding import Reached
from mailserver.store.withdrawal.rows import State
from tests.conftest import StoreMaker
from tests.imap.world import Client, World, create_account
from tests.outbound.withdrawal.mail import BODY, IT, letter, put, take, withdrawals


def uids(tx: Tx, account_id: int, name: str = "INBOX") -> list[int]:
    return [row[0] for row in messages.state(tx, mailboxes.get(tx, account_id, name).id)]


async def test_open_sessions_hear_of_it_in_every_worker(make_store: StoreMaker) -> None:
    """RFC 7162 sections 3.1 and 3.2.10: EXPUNGE or VANISHED, one mod-sequence more, and a memory of it."""
    async with World(make_store()) as one, World(make_store()) as two:
        await one.people()
        two.know(one)
        store, (emma, marc) = one.store, one.accounts.values()
        other = await store.write(put, store.blobs, letter(body="Bonjour", message_id="<autre@x>"), [emma, marc])
        content = await store.write(put, store.blobs, letter(1), [emma, marc], flags=("\\Seen", "\\Flagged", "urgent"))
        again = await store.write(put, store.blobs, letter(2), [emma])
        await store.write(put, store.blobs, letter(3), [emma], box="Junk")
        assert len({other, content, again}) == 3
        plain = await one.session("edupont", "INBOX")
        synced = await two.session("edupont")
        await synced.ok("ENABLE QRESYNC")
        opened = "".join(await synced.ok("SELECT INBOX"))
        validity, before = (re.findall(rf"\[{name} (\d+)\]", opened)[0] for name in ("UIDVALIDITY", "HIGHESTMODSEQ"))
        idle = await two.session("mmartin", "INBOX")
        idle.send(b"i IDLE\r\n")
        await idle.until(b"+ idling\r\n")
        junk = await one.session("edupont", "Junk")

        number = await take(withdrawals(two.store), content)

        assert await idle.line() == b"* 2 EXPUNGE"
        said: list[str] = []
        while "* 2 EXPUNGE" not in said:
            said += await plain.ok("NOOP")
        assert [line for line in said if "EXPUNGE" in line] == ["* 3 EXPUNGE", "* 2 EXPUNGE"]
        assert await plain.ok("UID FETCH 2:3 (BODY.PEEK[])") == []
        assert await plain.ok("UID SEARCH SUBJECT expire") == ["* SEARCH 1"]
        assert await plain.ok("UID SEARCH BODY evil.example") == ["* SEARCH"]
        assert await plain.ok("STATUS INBOX (MESSAGES UNSEEN)") == ["* STATUS INBOX (MESSAGES 1 UNSEEN 1)"]
        vanished: list[str] = []
        while not any(line.startswith("* VANISHED") for line in vanished):
            vanished += await synced.ok("NOOP")
        assert "* VANISHED 2:3" in vanished
        back = await synced.ok(f"SELECT INBOX (QRESYNC ({validity} {before}))")
        assert "* VANISHED (EARLIER) 2:3" in back
        after = re.findall(r"\[HIGHESTMODSEQ (\d+)\]", "".join(back))[0]
        assert int(after) == int(before) + 1
        while await junk.ok("UID SEARCH ALL") != ["* SEARCH"]:
            pass
        act = await store.read(rows.get, number)
        assert (act.state, act.taken, bool(act.swept)) == (State.TAKING, 4, True)
        assert await store.read(rows.kept, number) == (4, 2)
        (said_now, begun) = await store.read(audit.find, Wanted(action=Action.MAIL_WITHDRAWN), 9)
        assert (begun.actor, str(said_now.detail)) == (
            "achef",
            f"withdrawal {number}, messages from support@evil.example: taken (4)",
        )

        service = withdrawals(one.store)
        await service.undo(number, IT)
        await service.work(number)
        told: list[str] = []
        while "* 3 EXISTS" not in told:
            told += await plain.ok("NOOP")
        fetched = await plain.ok("UID FETCH 1:* (FLAGS INTERNALDATE BODY.PEEK[TEXT])")
        assert [re.findall(r"UID (\d+)", line)[0] for line in fetched if "UID" in line] == ["1", "4", "5"]
        marked = next(line for line in fetched if "UID 4" in line)
        assert re.search(r"FLAGS \(.*\\Flagged \\Seen.*urgent.*\)|FLAGS \(.*\\Seen \\Flagged.*urgent.*\)", marked), (
            marked
        )
        assert '"14-Nov-2023' in marked
        assert "".join(fetched).count("Votre boîte est pleine") >= 2
        assert await store.read(uids, emma, "Junk") == [2]
        act = await store.read(rows.get, number)
        assert (act.state, act.restored, act.refuses(0)) == (State.RESTORED, 4, False)
        assert await store.read(rows.kept, number) == (0, 0)
        with pytest.raises(Refused) as refused:
            await service.undo(number, IT)
        assert refused.value.reason is Reason.CONFLICT


async def test_only_what_is_meant_goes(store: Store) -> None:
    emma = await store.write(create_account, "edupont")
    marc = await store.write(create_account, "mmartin")
    content = await store.write(put, store.blobs, letter(), [emma])
    by_body = await store.write(put, store.blobs, letter(subject="Autre", message_id="<b@x>", sender="a@b.fr"), [marc])
    by_name = await store.write(put, store.blobs, letter(body="Bonjour, tout autre chose"), [marc])
    forged = await store.write(put, store.blobs, letter(body="Un vrai message", sender="chef@ac-exemple.fr"), [marc])
    alike = await store.write(
        put, store.blobs, letter(body="x" * 99, message_id="<c@x>", subject="Re: VOTRE compte  expire"), [marc]
    )
    short = await store.write(put, store.blobs, letter(body="Bonjour", message_id="<d@x>", subject="A"), [marc])
    shorter = await store.write(put, store.blobs, letter(body="Bonjour", message_id="<e@x>", sender="q@r.fr"), [marc])
    sent = await store.write(put, store.blobs, letter(9), [marc], "Sent", (), Door.KEPT)
    mine = await store.write(
        put, store.blobs, letter(message_id="<f@x>", body="y" * 99), [marc], "Archive", (), Door.APPENDED
    )
    service = withdrawals(store)
    preview = await service.preview(content, alike=False)
    assert {one.content_id for one in preview.samples} == {content, by_body}, "nothing proves who wrote it"
    assert (preview.reached.messages, preview.reached.accounts) == (2, 2)
    wide = await service.preview(content, alike=True)
    # What came long ago is no part of a wave: these say that they came in 2023.
    assert {one.content_id for one in wide.samples} == {content, by_body}
    number = await take(service, content)
    left = {row[0] for box in await store.read(mailboxes.listing, marc) for row in await store.read(held, marc, box.id)}
    assert left == {by_name, forged, alike, short, shorter, sent, mine}
    assert (await store.read(rows.get, number)).taken == 2
    hello = await service.preview(short, alike=False)
    assert hello.reached.messages == 1, "a short body says nothing where its author is another"


def held(tx: Tx, account_id: int, mailbox_id: int) -> list[tuple[int]]:
    return messages.fetch(tx, account_id, mailbox_id, ("content_id",))


async def test_who_kept_a_copy_does_not_put_it_back(make_store: StoreMaker) -> None:
    """APPEND, REPLACE and the web's bringing in; once it is undone they take it again."""
    async with World(make_store()) as world:
        await world.people()
        store, (emma, _) = world.store, world.accounts.values()
        content = await store.write(put, store.blobs, letter(), [emma])
        await store.write(put, store.blobs, letter(1, body="Bonjour", message_id="<b@x>"), [emma])
        service = withdrawals(store)
        number = await take(service, content)
        session = await world.session("edupont", "INBOX")
        assert await append(session, letter()) == "NO [CANNOT]"
        assert await append(session, letter(7)) == "OK [APPENDUID", "other octets: what a disk keeps is its owner's"
        box = await store.read(mailboxes.get, emma, "Archive")
        brought = [(blobs.prepare(letter(), store.blobs), (), 0)]
        assert (await store.write(webmail.append_new, emma, box.id, brought, NO_QUOTA))[0] == 0
        await service.undo(number, IT)
        assert (await store.write(webmail.append_new, emma, box.id, brought, NO_QUOTA))[0] == 1
        assert await append(session, letter()) == "OK [APPENDUID"


async def append(session: Client, octets: bytes) -> str:
    """The beginning of what is answered."""
    session.send(b"a APPEND Archive {%d+}\r\n%b\r\n" % (len(octets), octets))
    while not (line := await session.line()).startswith(b"a "):
        pass
    return " ".join(line.decode().split()[1:3])


async def test_a_mailbox_that_is_gone_gives_way_to_inbox(store: Store) -> None:
    emma = await store.write(create_account, "edupont")
    await store.write(mailboxes.create, emma, "Banque")
    content = await store.write(put, store.blobs, letter(), [emma], "Banque", ("\\Answered", "$label1"))
    inbox = await store.read(mailboxes.get, emma, "INBOX")
    await store.write(put, store.blobs, letter(), [emma])
    await store.write(snooze.put_off, emma, inbox.id, [1], 1 << 40)
    service = withdrawals(store)
    number = await take(service, content)
    await store.write(mailboxes.remove, emma, "Banque")
    await service.undo(number, IT)
    await service.work(number)
    rows_now = await store.read(messages.fetch, emma, inbox.id, ("uid", "flags", "content_id"))
    names = await store.read(mailboxes.keywords, inbox.id)
    assert [row[0] for row in rows_now] == [2, 3]
    assert names == ("$label1",)
    assert [row[1] for row in rows_now] == [2 | 32, 0]
    assert await store.read(uids, emma, snooze.PLACE) == [], "what was put off comes back at once"
    box = await store.read(mailboxes.get, emma, "INBOX")
    assert (box.messages, box.unseen, box.octets) == (2, 2, 2 * len(letter()))


def _killed(url: str, folder: Path, number: int) -> None:
    """A worker that is killed between two batches."""
    store = Store(url, folder, SystemClock(), Changes(), readers=1, writers=1)
    service = withdrawals(store)
    honest = taking.take

    def dying(tx: Tx, most: int, *args: object, **more: object) -> int | None:
        calls.append(0)
        return honest(tx, most, *args, **more)  # type: ignore[arg-type]

    calls: list[int] = []

    async def work() -> None:
        task = asyncio.create_task(service.work(number))
        while len(calls) < 3 and not task.done():
            await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGKILL)
        await task

    taking.take = dying
    module.FEWEST = module.FIRST = module.MOST = 3
    asyncio.run(work())


async def test_whoever_is_killed_between_two_batches_is_followed_by_another(make_store: StoreMaker) -> None:
    store = make_store()
    people = [await store.write(create_account, f"p{number}") for number in range(20)]
    content = await store.write(put, store.blobs, letter(), people)
    service = withdrawals(store)
    number = await service.begin(await service.preview(content, alike=False), 0, IT)
    process = multiprocessing.get_context("fork").Process(target=_killed, args=(store.url, store.data, number))
    process.start()
    await asyncio.to_thread(process.join)
    assert process.exitcode == -signal.SIGKILL
    there = [await store.read(uids, one) for one in people]
    assert 3 <= there.count([]) < 20
    assert (await store.read(rows.get, number)).taken == there.count([])
    await service.look()
    assert [await store.read(uids, one) for one in people] == there, "somebody may still be at it"
    ahead = make_store()
    ahead._sessions._clock = Ahead()
    await withdrawals(ahead).look()
    assert all([await store.read(uids, one) == [] for one in people])
    act = await store.read(rows.get, number)
    assert (act.taken, bool(act.swept)) == (20, True)
    for one in people:
        box = await store.read(mailboxes.get, one, "INBOX")
        assert (box.messages, box.unseen, box.octets, box.modseq) == (0, 0, 0, 3)


class Ahead(SystemClock):
    """A worker's, once the lease is over."""

    def now(self) -> float:
        return super().now() + rows.LEASE_SECONDS + 1


async def test_two_workers_at_once_take_each_message_once(make_store: StoreMaker) -> None:
    one, two = make_store(), make_store()
    people = [await one.write(create_account, f"p{number}") for number in range(30)]
    content = await one.write(put, one.blobs, letter(), people)
    first, second = withdrawals(one), withdrawals(two)
    number = await first.begin(await first.preview(content, alike=False), 0, IT)
    box = await one.read(mailboxes.get, people[0], "INBOX")
    await asyncio.gather(
        first.work(number),
        second.work(number),
        one.write(messages.erase, people[0], box.id, [1]),
        return_exceptions=False,
    )
    act = await one.read(rows.get, number)
    kept = (await one.read(rows.kept, number))[0]
    assert act.taken == kept
    assert kept in (29, 30)
    for person in people:
        inbox = await one.read(mailboxes.get, person, "INBOX")
        assert (inbox.messages, inbox.octets) == (0, 0)
    assert BODY in letter().decode()


async def test_what_everybody_has_removed_is_taken_too(store: Store) -> None:
    people = [store.write_now(create_account, login) for login in ("emma", "marc")]
    content = store.write_now(put, store.blobs, letter(1), people)
    for account in people:
        store.write_now(messages.erase, account, store.read_now(mailboxes.get, account, "INBOX").id, [1])
    while store.write_now(deletions.index):
        pass
    service = withdrawals(store)
    ((found, _),) = await service.variants(0, "vague@evil.example")
    assert found == content
    preview = await service.preview(content, alike=False)
    assert preview.reached == Reached(0, 0, removed=2)
    await service.work(await service.begin(preview, 0, IT))
    asked = removed_messages.Wanted(30)
    assert [store.read_now(removed_messages.find, Viewer(account), asked, 9).messages for account in people] == [(), ()]


async def test_removals_that_keep_coming_keep_an_act_from_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    emma, lea = (store.write_now(create_account, login) for login in ("emma", "lea"))
    content = store.write_now(put, store.blobs, letter(1), [emma])
    for number in range(20):
        other = letter(body=f"Bonjour {number}", message_id=f"<{number}@x>")
        store.write_now(put, store.blobs, other, [lea])
    inbox = store.read_now(mailboxes.get, lea, "INBOX")
    store.write_now(messages.erase, lea, inbox.id, [1])
    index, later = deletions.index, iter(range(2, 21))

    def another_is_removed(tx: Tx, *more: int) -> int:
        found = index(tx, *more)
        for uid in itertools.islice(later, 1 if found else 0):
            messages.erase(tx, lea, inbox.id, [uid])
        return found

    monkeypatch.setattr(deletions, "index", another_is_removed)
    await take(withdrawals(store), content)
    assert len(list(later)) >= 17, "it looked at what was there, and went on"
    assert store.read_now(uids, emma) == []


async def test_an_act_that_fails_costs_none_of_those_that_come_after_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    emma = store.write_now(create_account, "emma")
    service, find = withdrawals(store), finding.find
    first, second = (
        store.write_now(put, store.blobs, letter(body=f"Vague {name}", message_id=f"<{name}@evil.example>"), [emma])
        for name in ("une", "deux")
    )
    for content in (first, second):
        await service.begin(await service.preview(content, alike=False), 0, IT)

    def out_of_reach(tx: Tx, content_id: int, *more: Any) -> Any:
        if content_id == first:
            raise Temporary("this file cannot be read now")
        return find(tx, content_id, *more)

    monkeypatch.setattr(finding, "find", out_of_reach)
    await service.look()
    assert store.read_now(uids, emma) == [1]
    monkeypatch.undo()
    service._passed.clear()
    await service.look()
    assert store.read_now(uids, emma) == []


async def test_what_its_readers_removed_is_taken_too_and_does_not_come_back(store: Store) -> None:
    """But for the author's own copy, and it is not kept for an undoing."""
    people = [store.write_now(create_account, login) for login in ("emma", "marc", "lea")]
    content = store.write_now(put, store.blobs, letter(1), people)
    store.write_now(put, store.blobs, letter(1), people[2:], box="Sent", door=Door.KEPT)
    for account, name in ((people[1], "INBOX"), (people[2], "INBOX"), (people[2], "Sent")):
        box = store.read_now(mailboxes.get, account, name)
        store.write_now(messages.erase, account, box.id, [1])
    asked = removed_messages.Wanted(30)
    (kept,) = store.read_now(removed_messages.find, Viewer(people[1]), asked, 9).messages

    number = await take(withdrawals(store), content, refused_days=0)
    assert (await store.read(rows.get, number)).taken == 1
    found = [store.read_now(removed_messages.find, Viewer(account), asked, 9).messages for account in people]
    assert [[one.folder for one in part] for part in found] == [[], [], ["Sent"]]
    service = withdrawals(store)
    await service.undo(number, IT)
    await service.work(number)
    assert [store.read_now(uids, account) for account in people] == [[2], [], []]
    done = store.write_now(recovery.recover, Viewer(people[1]), IT, [kept.id], 30, NO_QUOTA)
    assert done.count == 0


async def test_undone_what_was_read_bears_no_mark_any_more(store: Store) -> None:
    """Whether it is still read or not; and it stood there already in other letters."""
    emma, marc = [await store.write(create_account, login) for login in ("emma", "marc")]
    await store.write(put, store.blobs, letter(body="y" * 300, message_id="<z@x>"), [emma], flags=("$cancelled",))
    content = await store.write(put, store.blobs, letter(), [emma, marc])
    boxes = [(await store.read(mailboxes.get, one, "INBOX")).id for one in (emma, marc)]
    await store.write(messages.store_flags, emma, boxes[0], [2], "+", ("\\Seen",))
    service = withdrawals(store)
    number = await service.begin(await service.preview(content, alike=False), 0, IT, spares_read=True)
    await service.work(number)
    bit = 1 << FIRST_KEYWORD_BIT
    assert [row[1] & bit for row in await store.read(messages.state, boxes[0])] == [bit, bit]
    assert await store.read(uids, marc) == []
    await store.write(messages.store_flags, emma, boxes[0], [2], "-", ("\\Seen",))
    await service.undo(number, IT)
    await service.work(number)
    assert [row[1] & bit for row in await store.read(messages.state, boxes[0])] == [bit, 0]
    assert await store.read(uids, marc) == [2]
    assert (await store.read(rows.get, number)).state is State.RESTORED


@pytest.mark.parametrize("make_store", ["postgresql"], indirect=True)
async def test_what_is_read_while_its_mailbox_is_waited_for_stays(
    make_store: StoreMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite has one writer: nothing comes in between there."""
    one, two = make_store(), make_store()
    people = [await one.write(create_account, login) for login in ("emma", "marc")]
    content = await one.write(put, one.blobs, letter(), people)
    box = await one.read(mailboxes.get, people[0], "INBOX")
    service, lock = withdrawals(one), taking.lock_boxes
    number = await service.begin(await service.preview(content, alike=False), 0, IT, spares_read=True)

    def reads_first(tx: Tx, mailbox_ids: Iterable[int]) -> None:
        monkeypatch.setattr(taking, "lock_boxes", lock)
        two.write_now(messages.store_flags, people[0], box.id, None, "+", ("\\Seen",))
        lock(tx, mailbox_ids)

    monkeypatch.setattr(taking, "lock_boxes", reads_first)
    await service.work(number)
    assert [await one.read(uids, account) for account in people] == [[1], []]
    act = await one.read(rows.get, number)
    assert (act.taken, act.marked) == (1, 1)


async def test_a_lease_of_a_clock_that_was_ahead_keeps_nobody_waiting(make_store: StoreMaker) -> None:
    one, ahead = make_store(), make_store()
    emma = await one.write(create_account, "emma")
    content = await one.write(put, one.blobs, letter(), [emma])
    service = withdrawals(one)
    number = await service.begin(await service.preview(content, alike=False), 0, IT)
    ahead._sessions._clock = FarAhead()
    assert await ahead.write(rows.claim, number, ahead.worker)
    await service.look()
    assert await one.read(uids, emma) == []


class FarAhead(SystemClock):
    """A worker's that was killed before anybody saw that its clock was wrong."""

    def now(self) -> float:
        return super().now() + 86_400
