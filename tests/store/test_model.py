"""The store against a model of it: whatever is done, in whatever order, by whichever of two processes.

First one operation at a time on two stores over one database, each result compared with a plain Python model;
then many at once, where only what must hold in every order is looked at.
"""

import random
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest
from sqlalchemy import select

from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, collect, mailboxes, messages
from mailserver.store.mail.flags import names
from mailserver.store.schema.mail.messages import content, expunged
from tests.store.conftest import create_account
from tests.store.test_messages import mail, recount

STEPS = 250
THREADS = 6
SEED = 0
STEPS_AT_ONCE = 120
FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", "Projet", "$Label1", "Urgent", "Vu")
NAMES = ("A", "B", "A/x", "A/y", "B/z", "C")
EXPECTED = {Reason.NO_SUCH_MAILBOX, Reason.MAILBOX_EXISTS, Reason.CANNOT}


@dataclass(slots=True)
class Copy:
    """One message of a model mailbox."""

    content: int
    flags: frozenset[str]
    modseq: int


@dataclass(slots=True)
class Box:
    """What a mailbox must be."""

    uidvalidity: int
    uidnext: int = 1
    modseq: int = 1
    there: dict[int, Copy] = field(default_factory=dict)
    gone: dict[int, int] = field(default_factory=dict)
    """UID -> mod-sequence of its removal."""

    def place(self, number: int, flags: Iterable[str], modseq: int) -> int:
        uid, self.uidnext = self.uidnext, self.uidnext + 1
        self.there[uid] = Copy(number, frozenset(flags), modseq)
        return uid

    def remove(self, uids: Iterable[int]) -> None:
        uids = list(uids)
        if uids:
            self.modseq += 1
            for uid in uids:
                del self.there[uid]
                self.gone[uid] = self.modseq


class Model:
    """Plays random operations on the stores and on itself."""

    def __init__(self, stores: tuple[Store, Store], account: int, seed: int) -> None:
        self.stores = stores
        self.account = account
        self.chance = random.Random(seed)
        self.boxes = {box.name: Box(box.uidvalidity) for box in stores[0].read_now(mailboxes.listing, account)}
        self.validities = {box.uidvalidity for box in self.boxes.values()}
        self.known: dict[tuple[int, int], dict[int, tuple[frozenset[str], int]]] = {}
        self.appended = 0

    @property
    def store(self) -> Store:
        return self.chance.choice(self.stores)

    def some(self, box: Box) -> list[int] | None:
        if self.chance.random() < 0.2:
            return None
        wanted = self.chance.sample(range(1, box.uidnext + 2), min(box.uidnext + 1, self.chance.randint(1, 12)))
        return sorted(wanted)

    def id_of(self, name: str) -> int:
        return self.store.read_now(mailboxes.get, self.account, name).id

    def step(self) -> None:
        deeds: list[tuple[Callable[[], None], int]] = [
            (self.append, 8),
            (self.flag, 6),
            (self.copy, 4),
            (self.move, 4),
            (self.expunge, 4),
            (self.create, 2),
            (self.rename, 2),
            (self.remove, 1),
            (self.collect, 1),
        ]
        self.chance.choices([deed for deed, _ in deeds], [weight for _, weight in deeds])[0]()

    def append(self) -> None:
        name = self.chance.choice(list(self.boxes))
        box, flags = self.boxes[name], self.chance.sample(FLAGS, self.chance.randint(0, 3))
        number = self.chance.randint(0, 30)
        self.appended += 1
        store = self.store
        done = store.write_now(
            messages.append,
            self.account,
            self.id_of(name),
            blobs.prepare(mail(number), store.data / "blobs"),
            flags,
        )
        box.modseq += 1
        assert (done.uid, done.modseq) == (box.place(number, flags, box.modseq), box.modseq)

    def flag(self) -> None:
        name = self.chance.choice(list(self.boxes))
        box = self.boxes[name]
        mode, flags = self.chance.choice("+-="), frozenset(self.chance.sample(FLAGS, self.chance.randint(0, 3)))
        uids = self.some(box)
        since = self.chance.randint(1, box.modseq) if self.chance.random() < 0.3 else None
        modseq, rows, modified = self.store.write_now(
            messages.store_flags, self.account, self.id_of(name), uids, mode, flags, since
        )
        chosen = [uid for uid in box.there if uids is None or uid in uids]
        kept_back = [uid for uid in chosen if since is not None and box.there[uid].modseq > since]
        changed = False
        for uid in chosen:
            copy = box.there[uid]
            new = {"+": copy.flags | flags, "-": copy.flags - flags, "=": flags}[mode]
            if uid not in kept_back and new != copy.flags:
                box.there[uid] = Copy(copy.content, new, box.modseq + 1)
                changed = True
        box.modseq += changed
        assert modseq == (box.modseq if changed else 0)
        assert modified == sorted(kept_back)
        assert [row[0] for row in rows] == sorted(set(chosen) - set(kept_back))

    def _transfer(self, moving: bool) -> None:
        source, target = self.chance.choice(list(self.boxes)), self.chance.choice(list(self.boxes))
        uids = self.some(self.boxes[source])
        deed = messages.move if moving else messages.copy
        done = self.store.write_now(deed, self.account, self.id_of(source), self.id_of(target), uids)
        here, there = self.boxes[source], self.boxes[target]
        chosen = sorted(uid for uid in here.there if uids is None or uid in uids)
        assert done.source_uids == chosen
        if not chosen:
            return
        there.modseq += 1
        placed = [there.place(here.there[uid].content, here.there[uid].flags, there.modseq) for uid in chosen]
        assert done.target_uids == placed
        if moving:
            here.remove(chosen)

    def copy(self) -> None:
        self._transfer(moving=False)

    def move(self) -> None:
        self._transfer(moving=True)

    def expunge(self) -> None:
        name = self.chance.choice(list(self.boxes))
        box, uids = self.boxes[name], self.some(self.boxes[name])
        _, gone = self.store.write_now(messages.expunge, self.account, self.id_of(name), uids)
        doomed = sorted(u for u, c in box.there.items() if "\\Deleted" in c.flags and (uids is None or u in uids))
        assert gone == doomed
        box.remove(doomed)

    def create(self) -> None:
        name = self.chance.choice(NAMES)
        if name in self.boxes:
            with pytest.raises(Refused):
                self.store.write_now(mailboxes.create, self.account, name)
            return
        self.store.write_now(mailboxes.create, self.account, name)
        self._meet_new()

    def _meet_new(self) -> None:
        for box in self.store.read_now(mailboxes.listing, self.account):
            if box.name not in self.boxes:
                assert box.uidvalidity not in self.validities
                self.validities.add(box.uidvalidity)
                self.boxes[box.name] = Box(box.uidvalidity)

    def rename(self) -> None:
        old, new = self.chance.choice(["INBOX", *NAMES]), self.chance.choice(NAMES)
        if old not in self.boxes or new in self.boxes or new.startswith(old + "/"):
            with pytest.raises(Refused):
                self.store.write_now(messages.rename, self.account, old, new)
            return
        self.store.write_now(messages.rename, self.account, old, new)
        if old == "INBOX":
            self._meet_new()
            inbox, target = self.boxes["INBOX"], self.boxes[new]
            chosen = sorted(inbox.there)
            if chosen:
                target.modseq += 1
                for uid in chosen:
                    target.place(inbox.there[uid].content, inbox.there[uid].flags, target.modseq)
                inbox.remove(chosen)
            return
        for name in [name for name in self.boxes if name == old or name.startswith(old + "/")]:
            self.boxes[new + name[len(old) :]] = self.boxes.pop(name)
        self._meet_new()

    def remove(self) -> None:
        name = self.chance.choice(NAMES)
        if name in self.boxes:
            self.store.write_now(mailboxes.remove, self.account, name)
            del self.boxes[name]

    def collect(self) -> None:
        self.store.write_now(collect.collect, int(self.stores[0].clock.now()) + 1)

    def check(self) -> None:
        """Everything, from the other store too; and a watcher who only asks "what changed since" is up to date."""
        listing = self.store.read_now(mailboxes.listing, self.account)
        assert {box.name for box in listing} == set(self.boxes)
        for row in listing:
            box = self.boxes[row.name]
            assert (row.uidvalidity, row.uidnext, row.modseq) == (box.uidvalidity, box.uidnext, box.modseq)
            assert row.messages == len(box.there)
            assert row.unseen == sum("\\Seen" not in copy.flags for copy in box.there.values())
            assert row.flagged == sum("\\Flagged" in copy.flags for copy in box.there.values())
            assert row.octets == sum(len(mail(copy.content)) for copy in box.there.values())
            keywords = self.store.read_now(mailboxes.keywords, row.id)
            state = self.store.read_now(messages.state, row.id)
            assert [(uid, frozenset(names(mask, keywords)), modseq) for uid, mask, modseq in state] == [
                (uid, box.there[uid].flags, box.there[uid].modseq) for uid in sorted(box.there)
            ]
            for since in {1, self.chance.randint(1, row.modseq), row.modseq - 1}:
                self.check_changes(row, box, since)

    def check_changes(self, row: mailboxes.Mailbox, box: Box, since: int) -> None:
        told = self.store.read_now(messages.changed_since, self.account, row.id, since)
        assert [(one[0], one[2]) for one in told.rows] == [
            (uid, copy.modseq) for uid, copy in sorted(box.there.items()) if copy.modseq > since
        ]
        assert told.vanished == sorted(uid for uid, modseq in box.gone.items() if modseq > since)

    def check_octets(self) -> None:
        for name, box in self.boxes.items():
            number = self.id_of(name)
            for uid, copy in box.there.items():
                store = self.store
                data = store.read_now(messages.octets, self.account, number, uid, store.data / "blobs")
                assert data == mail(copy.content)


@pytest.mark.parametrize("seed", [1, 2])
def test_one_at_a_time(make_store: Callable[[], Store], seed: int) -> None:
    stores = make_store(), make_store()
    model = Model(stores, stores[0].write_now(create_account, "edupont"), seed)
    for number in range(STEPS):
        model.step()
        if number % 8 == 0:
            model.check()
    model.check()
    model.check_octets()
    assert model.appended > STEPS / 8


class Rival:
    """One of several that work on the same accounts at once."""

    def __init__(self, store: Store, accounts: list[int], seed: int) -> None:
        self.store = store
        self.accounts = accounts
        self.chance = random.Random(seed)
        self.appended: list[tuple[int, int]] = []
        self.failures: list[BaseException] = []

    def run(self) -> None:
        for _ in range(STEPS_AT_ONCE):
            try:
                self.step()
            except Refused as refused:
                if refused.reason not in EXPECTED:
                    self.failures.append(refused)
            except Exception as error:  # any other end of any operation is a failure
                self.failures.append(error)

    def step(self) -> None:
        account = self.chance.choice(self.accounts)
        boxes = self.store.read_now(mailboxes.listing, account)
        one, other = self.chance.choice(boxes).id, self.chance.choice(boxes).id
        uids = None if self.chance.random() < 0.1 else sorted(self.chance.sample(range(1, 60), 8))
        deed = self.chance.choice(("append", "append", "deliver", "flag", "copy", "move", "erase", "folder", "collect"))
        write, folder = self.store.write_now, self.store.data / "blobs"
        match deed:
            case "append":
                octets = blobs.prepare(mail(self.chance.randint(0, 8)), folder)
                flags = self.chance.sample(FLAGS, 2)
                done = write(messages.append, account, one, octets, flags)
                self.appended.append((done.mailbox_id, done.uid))
            case "deliver":
                write(self.deliver, blobs.prepare(mail(self.chance.randint(0, 8)), folder))
            case "flag":
                write(messages.store_flags, account, one, uids, "+", self.chance.sample(FLAGS, 2))
            case "copy":
                write(messages.copy, account, one, other, uids)
            case "move":
                write(messages.move, account, one, other, uids)
            case "erase":
                write(messages.erase, account, one, uids or [])
            case "folder":
                self.folder(account)
            case "collect":
                write(collect.collect, int(self.store.clock.now()) + 1)

    def deliver(self, tx: Tx, prepared: blobs.Prepared) -> None:
        content_id, _ = messages.store_content(tx, prepared)
        messages.place_many(tx, messages.inboxes(tx, self.accounts), content_id, prepared.size)

    def folder(self, account: int) -> None:
        name = self.chance.choice(NAMES)
        match self.chance.choice(("create", "create", "rename", "remove")):
            case "create":
                self.store.write_now(mailboxes.create, account, name)
            case "rename":
                self.store.write_now(messages.rename, account, name, self.chance.choice(NAMES))
            case "remove":
                self.store.write_now(mailboxes.remove, account, name)


def check_account(store: Store, account: int) -> None:
    """Counters are exact; every UID that was ever given is there or has a tombstone; every octet can be read."""
    for box in store.read_now(mailboxes.listing, account):
        store.read_now(recount, account, box.name)
        state = store.read_now(messages.state, box.id)
        tombs = store.read_now(
            lambda tx, number: [row[0] for row in tx.execute(select(expunged.c.uid).filter_by(mailbox_id=number))],
            box.id,
        )
        assert sorted([row[0] for row in state] + tombs) == list(range(1, box.uidnext))
        for uid, _, _ in state:
            assert store.read_now(messages.octets, account, box.id, uid, store.data / "blobs").startswith(b"From: Paul")


def test_many_at_once(make_store: Callable[[], Store]) -> None:
    """Two processes, several writers each: no operation fails, no UID is given twice, no counter is lost."""
    stores = make_store(), make_store()
    accounts = [stores[0].write_now(create_account, login) for login in ("edupont", "mmartin", "skaci")]
    rivals = [Rival(stores[number % 2], accounts, SEED + number) for number in range(THREADS)]
    threads = [threading.Thread(target=rival.run) for rival in rivals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    assert [failure for rival in rivals for failure in rival.failures] == []
    places = [place for rival in rivals for place in rival.appended]
    assert len(places) == len(set(places)), "a UID was given twice"
    for account in accounts:
        check_account(stores[0], account)
    stores[0].write_now(collect.collect, int(stores[0].clock.now()) + 1)
    count = stores[1].read_now(lambda tx: len(tx.execute(select(content.c.id)).all()))
    assert count <= 9
