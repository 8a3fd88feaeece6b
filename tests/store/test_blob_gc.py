"""The collector beside the wrong database, a quarantine, a share that is too large, and a clock that jumps."""

import itertools
import math
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, func, insert, select, update

from mailserver.background import blob_gc
from mailserver.background.blob_gc import BlobCollector
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Storage
from mailserver.model.clock import SystemClock
from mailserver.model.errors import Damaged
from mailserver.operations.health import deep_check
from mailserver.store.engine.statements import Tx
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import blobs, deletions, mailboxes, messages, proportion
from mailserver.store.mail.proportion import Kind, Terms
from mailserver.store.octets.disk import MARK
from mailserver.store.octets.files import files_of
from mailserver.store.record import trusted_clock
from mailserver.store.record.trusted_clock import TrustedClock
from mailserver.store.schema.mail.messages import blob, content, mailbox
from mailserver.store.schema.service.keeping import instance
from mailserver.store.upkeep import integrity, returned_mail
from mailserver.store.upkeep.integrity import Part
from mailserver.store.upkeep.returned_mail import Destination, State
from tests.conftest import StoreMaker

DAY = 86400
MANY = 40


class SetClock(SystemClock):
    """A clock whose time an operator can set, beside one that only runs."""

    def __init__(self) -> None:
        self.set = 0.0
        self.run = 0.0

    def now(self) -> float:
        return super().now() + self.set + self.run

    def monotonic(self) -> float:
        return super().monotonic() + self.run


@pytest.fixture
def store(make_store: StoreMaker) -> Iterator[Store]:
    """One whose clock the test sets."""
    first = make_store()
    store = Store(first.url, first.data, SetClock(), Changes(), readers=2, writers=3)
    yield store
    store.close()


@pytest.fixture
def clock(store: Store) -> SetClock:
    assert isinstance(store.clock, SetClock)
    return store.clock


def large(number: int) -> bytes:
    return b"Subject: %d\r\n\r\n" % number + os.urandom(blobs.INLINE_OCTETS + 1000)


def fill(store: Store, account: int, count: int) -> dict[int, bytes]:
    """Large messages: UID -> octets."""
    box = store.read_now(mailboxes.get, account, "INBOX")
    found: dict[int, bytes] = {}
    for number in range(count):
        octets = large(number)
        found[store.write_now(messages.append, account, box.id, blobs.prepare(octets, store.blobs)).uid] = octets
    return found


def readable(store: Store, account: int) -> dict[int, bytes]:
    box = store.read_now(mailboxes.get, account, "INBOX")
    uids = [row[0] for row in store.read_now(messages.fetch, account, box.id, ("uid",))]
    return {uid: store.read_now(messages.octets, account, box.id, uid, store.blobs) for uid in uids}


def age(folder: Path) -> None:
    for name in files_of(folder).names():
        os.utime(folder / name, (time.time() - 3 * DAY,) * 2)


async def every_shelf(collector: BlobCollector) -> None:
    for shelf in range(256):
        await collector.remove_strays(shelf)
    await collector.collect()


@pytest.fixture
def strange(sqlite_template: Path, tmp_path: Path) -> Iterator[Store]:
    """Another database over the same folder."""
    shutil.copy(sqlite_template, tmp_path / "other.db")
    store = Store(f"sqlite:///{tmp_path / 'other.db'}", tmp_path, SystemClock(), Changes())
    yield store
    store.close()


def aside(folder: Path) -> Iterator[str]:
    """The names of all files in quarantine."""
    for shelf in range(256):
        yield from files_of(folder).aged_aside(shelf, math.inf)


async def test_a_strange_database_costs_nothing(store: Store, strange: Store, edupont: int) -> None:
    """Even where nothing told the two apart: a few files are set aside, then it stops, and reads take them back."""
    sent = fill(store, edupont, MANY)
    age(store.data / "blobs")
    await every_shelf(BlobCollector(store=strange, clock=strange.clock, folder=strange.blobs))
    moved = list(aside(store.data / "blobs"))
    assert 0 < len(moved) <= Terms().stray_floor
    assert strange.read_now(proportion.stopped) is not None
    assert readable(store, edupont) == sent
    assert not list(aside(store.data / "blobs"))


async def test_another_identifier_costs_nothing_at_all(store: Store, edupont: int) -> None:
    sent = fill(store, edupont, 3)
    age(store.data / "blobs")
    (store.data / "blobs" / MARK).write_text("0" * 32)
    store.write_now(lambda tx: tx.execute(insert(instance).values(id=1, identifier="1" * 32, made=0)))
    store.write_now(lambda tx: tx.execute(delete(blob)))
    await every_shelf(BlobCollector(store=store, clock=store.clock, folder=store.blobs))
    assert not list(aside(store.data / "blobs"))
    assert len(list(files_of(store.blobs).names())) == len(sent)


async def test_quarantine_ends_for_what_nobody_names(store: Store, edupont: int, clock: SetClock) -> None:
    sent = fill(store, edupont, 2)
    kept, gone = files_of(store.blobs).names()
    names = {name: uid for uid in sent for name in [_file(store, edupont, uid)]}
    box = store.read_now(mailboxes.get, edupont, "INBOX")
    collector = BlobCollector(store=store, clock=clock, folder=store.blobs)
    store.write_now(messages.erase, edupont, box.id, [names[gone]], kept=False)
    clock.run += 100
    assert await collector.collect()
    assert list(aside(store.data / "blobs")) == [gone]
    files_of(store.blobs).put_aside(kept, clock.now())  # by mistake: a row names it
    clock.run += 6 * DAY
    await _every_quarantine(collector)
    assert sorted(aside(store.data / "blobs")) == sorted([kept, gone])
    clock.run += 2 * DAY
    await _every_quarantine(collector)
    assert not list(aside(store.data / "blobs"))
    assert list(files_of(store.blobs).names()) == [kept]


async def _every_quarantine(collector: BlobCollector) -> None:
    for shelf in range(256):
        await collector.empty_quarantine(shelf)


def _file(store: Store, account: int, uid: int) -> str:
    box = store.read_now(mailboxes.get, account, "INBOX")
    return str(store.read_now(messages.fetch, account, box.id, ("uid", "file"), uid, uid)[0][1])


async def test_removals_that_keep_coming_keep_the_collector_from_nothing_else(
    store: Store, edupont: int, mmartin: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for account in (edupont, mmartin):
        fill(store, account, 20)
    box = store.read_now(mailboxes.get, mmartin, "INBOX")
    store.write_now(messages.erase, edupont, store.read_now(mailboxes.get, edupont, "INBOX").id, [1])
    index, uids = deletions.index, iter(range(1, 21))

    def another_is_removed(tx: Tx, *more: int) -> int:
        found = index(tx, *more)
        for uid in itertools.islice(uids, 1 if found else 0):
            messages.erase(tx, mmartin, box.id, [uid])
        return found

    monkeypatch.setattr(deletions, "index", another_is_removed)
    await BlobCollector(store=store, clock=store.clock, folder=store.blobs).collect()
    assert len(list(uids)) >= 18, "it looked at what was there, and went on"


async def test_a_shelf_that_cannot_be_read_keeps_the_collector_from_no_other(
    store: Store, edupont: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that a command of root has made."""
    monkeypatch.setattr(blob_gc, "PERIOD", 0.0)
    folder, stray = store.data / "blobs", f"ab/ab{'0' * 30}"
    files_of(folder).write_as(stray, b"left by a crash")
    age(folder)
    for name in ("aa", "ac"):
        (folder / name).touch()
    collector = BlobCollector(store=store, clock=store.clock, folder=store.blobs)
    collector._shelf = 0xAA
    for _ in range(2):  # as the worker does: what failed begins again
        with pytest.raises(NotADirectoryError):
            await collector.run()
    assert files_of(folder).lies_aside(stray)


async def test_a_collection_out_of_proportion_waits_for_an_operator(
    store: Store, edupont: int, clock: SetClock
) -> None:
    sent = fill(store, edupont, 6)
    box = store.read_now(mailboxes.get, edupont, "INBOX")
    terms = Storage(collection_percent=50, collection_floor=2)
    collector = BlobCollector(store=store, clock=clock, folder=store.blobs, settings=terms)
    store.write_now(messages.erase, edupont, box.id, list(sent)[:4], kept=False)
    clock.run += 100
    assert await collector.collect() == 0
    stop = store.read_now(proportion.stopped)
    assert stop is not None
    assert (stop.kind, stop.refused) == (Kind.CONTENTS, 4)
    assert store.read_now(_contents) == 6
    clock.run += 2 * DAY  # time alone changes nothing
    assert await collector.collect() == 0
    store.write_now(proportion.allow)
    assert await collector.collect()
    assert store.read_now(_contents) == 2
    assert store.read_now(proportion.stopped) is None


def _contents(tx: Tx) -> int:
    return int(tx.execute(select(func.count()).select_from(content)).scalar_one())


def test_a_lost_file_costs_its_message_alone(store: Store, edupont: int) -> None:
    sent = fill(store, edupont, 2)
    first, second = sent
    box = store.read_now(mailboxes.get, edupont, "INBOX")
    (store.data / "blobs" / _file(store, edupont, first)).unlink()
    with pytest.raises(Damaged):
        store.read_now(messages.octets, edupont, box.id, first, store.blobs)
    assert store.read_now(messages.octets, edupont, box.id, second, store.blobs) == sent[second]


# ---------------------------------------------------------------------- the clock


@pytest.mark.parametrize("jump", [400 * DAY, -400 * DAY])
async def test_a_clock_that_jumps_waits_for_a_second_look(store: Store, clock: SetClock, jump: int) -> None:
    asked = TrustedClock(store, clock)
    assert await asked.may_go_on()
    clock.set += jump
    assert not await asked.may_go_on()
    clock.run += 120
    assert not await asked.may_go_on()
    clock.set -= jump  # a minute later it is right again
    assert await asked.may_go_on()
    clock.run += 120
    assert await asked.may_go_on()


async def test_what_is_true_is_believed_after_a_day_that_passed(store: Store, clock: SetClock) -> None:
    """A server that was off for three weeks, with two workers, stopped in between."""
    assert await TrustedClock(store, clock).may_go_on()
    clock.set += 21 * DAY
    one, two = TrustedClock(store, clock), TrustedClock(store, clock)
    assert not await one.may_go_on()
    for _ in range(11):
        clock.run += 3600
        assert not await two.may_go_on()
        assert not await one.may_go_on()
    clock.set += 7200  # two hours off: they do not count
    one = two = TrustedClock(store, clock)
    assert not await one.may_go_on()
    for _ in range(12):
        clock.run += 3600
        assert not await one.may_go_on()
    clock.run += 3700
    assert await one.may_go_on()


async def test_a_second_jump_begins_the_wait_anew(store: Store, clock: SetClock) -> None:
    asked = TrustedClock(store, clock)
    assert await asked.may_go_on()
    clock.set += 400 * DAY
    assert not await asked.may_go_on()
    clock.set += 2 * DAY
    clock.run += 120
    assert not await asked.may_go_on()
    clock.run += 120
    found = store.read_now(trusted_clock.doubt)
    assert found is not None
    assert found.left > DAY - 300
    store.write_now(trusted_clock.believe)
    assert await asked.may_go_on()


async def test_time_that_passes_is_no_jump(store: Store, clock: SetClock) -> None:
    asked = TrustedClock(store, clock)
    assert await asked.may_go_on()
    clock.run += 30 * DAY
    assert await asked.may_go_on()


def test_everything_stored_is_compared(store: Store, edupont: int) -> None:
    """On each engine: as it was stored it agrees; a lost file and a wrong count are found, the count is mended."""
    sent = fill(store, edupont, 2)
    looking = Store(store.url, store.data, store.clock, Changes(), read_only=True)
    try:
        assert not any(deep_check.look(looking).values())
        (store.data / "blobs" / _file(store, edupont, min(sent))).unlink()
        store.write_now(lambda tx: tx.execute(update(mailbox).values(messages=mailbox.c.messages + 1)))
        found = deep_check.look(looking)
        (lost,) = found[Part.MESSAGES]
        assert lost.what.to("fr").endswith(" : le fichier est perdu")
        assert str(lost.what).endswith(": the file is lost")
        assert "messages 3 au lieu de 2" in " ".join(flaw.what.to("fr") for flaw in found[Part.COUNTS])
        done = [line.to("fr") for line in deep_check.mend(store, found)]
        assert f"contenu {lost.key} : marqué comme abîmé (le fichier est perdu) ; restaurez-le d’une sauvegarde" in done
        assert f"dossier {found[Part.COUNTS][0].key} : recompté" in done
        again = deep_check.look(looking)
        assert not again[Part.COUNTS]
        assert len(again[Part.MESSAGES]) == store.read_now(integrity.known_damage) == 1
    finally:
        looking.close()


def test_what_is_out_of_reach_is_not_marked_as_damaged(store: Store, edupont: int) -> None:
    """A backup does not ask for what is marked, and nobody takes the mark away when the disk is back."""
    fill(store, edupont, 2)
    folder = store.data / "blobs"
    folder.rename(store.data / "away")
    found = deep_check.look(store)
    assert found[Part.MESSAGES]
    deep_check.mend(store, found)
    assert store.read_now(integrity.known_damage) == 0
    (store.data / "away").rename(folder)
    assert not deep_check.look(store)[Part.MESSAGES]


def test_who_brings_a_damaged_message_again_heals_it(store: Store, edupont: int) -> None:
    """Its octets are not thrown away for those that nobody can read; all who have it have it again."""
    octets, folder = large(1), store.data / "blobs"
    inbox = store.read_now(mailboxes.get, edupont, "INBOX")
    first = blobs.prepare(octets, folder)
    one = store.write_now(messages.append, edupont, inbox.id, first)
    assert first.file is not None
    (folder / first.file).unlink()
    deep_check.mend(store, deep_check.look(store))
    assert store.read_now(integrity.known_damage) == 1
    to = Destination(edupont, "Restauré le 30-11-2026", "INBOX")
    assert store.read_now(returned_mail.states, to, [first.hash]) == {first.hash: State.GONE}, (
        "a backup is asked for it"
    )
    again = blobs.prepare(octets, folder)
    assert store.write_now(messages.store_content, again) == (one.content_id, True), "its file is not removed"
    assert store.read_now(integrity.known_damage) == 0
    assert store.read_now(messages.octets, edupont, inbox.id, one.uid, folder) == octets
    assert store.write_now(messages.store_content, blobs.prepare(octets, folder)) == (one.content_id, False)
