"""The crowd of `tests.imap.model` against running instances, and that its mirror would notice what it is there for."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness import Instance
from tests.imap.model import reading
from tests.imap.model.drive import run
from tests.imap.model.ledger import Ledger, Look, Message
from tests.imap.model.mirror import Mirror, Mode, Saved
from tests.imap.model.reading import Violation
from tests.imap.model.served import served, temporary
from tests.imap.model.session import Person
from tests.postgres import Postgres

SECONDS = 10.0
FIXED_SEED = 20261126
SESSIONS = 24
SELECTED = (
    b"* FLAGS (\\Seen \\Deleted)",
    b"* 3 EXISTS",
    b"* 1 RECENT",
    b"* OK [UIDVALIDITY 7] -",
    b"* OK [UIDNEXT 10] -",
    b"* OK [HIGHESTMODSEQ 20] -",
)
QRESYNC = Mode(condstore=True, qresync=True)


@pytest.fixture
def person(fresh: Callable[..., Instance]) -> Iterator[Person]:
    with served(fresh()) as person:
        yield person


@pytest.mark.parametrize("seed", [FIXED_SEED, None], ids=["fixed", "random"])
def test_a_crowd_is_told_the_truth(person: Person, seed: int | None) -> None:
    chosen = secrets.randbelow(1 << 31) if seed is None else seed
    done = asyncio.run(run(person, chosen, SECONDS, sessions=SESSIONS))
    assert "UID STORE" in done


def test_a_crowd_is_told_the_truth_by_postgresql(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.borrow()
    try:
        with temporary(tmp_path, url) as person:
            asyncio.run(run(person, secrets.randbelow(1 << 31), SECONDS, sessions=SESSIONS // 2))
    finally:
        postgres.give_back(url)


# ---------------------------------------------------------------------- the mirror notices


def mirror(mode: Mode = QRESYNC, *, saved: Saved | None = None, lines: tuple[bytes, ...] = ()) -> Mirror:
    """A mailbox with the UIDs 2, 4 and 9."""
    made = Mirror(mode, "INBOX", saved=saved)
    hear(made, "SELECT", *SELECTED, *lines)
    made.opened()
    made.completed("SELECT", expunge=True)
    if saved is None:
        names = ("1 FETCH (UID 2", "2 FETCH (UID 4", "3 FETCH (UID 9")
        if mode.uid_only:
            names = ("2 UIDFETCH (UID 2", "4 UIDFETCH (UID 4", "9 UIDFETCH (UID 9")
        modseq = b" MODSEQ (20)" if mode.condstore else b""
        hear(made, "UID FETCH", *(f"* {name} FLAGS (\\Seen)".encode() + modseq + b")" for name in names))
    return made


def hear(mirror: Mirror, command: str, *lines: bytes) -> None:
    for line in lines:
        mirror.apply(reading.parse(line), command)


@pytest.mark.parametrize(
    ("mode", "command", "line"),
    [
        (QRESYNC, "NOOP", b"* 3 EXISTS"),
        (QRESYNC, "NOOP", b"* 2 EXISTS"),
        (QRESYNC, "NOOP", b"* 2 EXPUNGE"),
        (QRESYNC, "NOOP", b"* VANISHED 3"),
        (QRESYNC, "NOOP", b"* VANISHED (EARLIER) 4"),
        (QRESYNC, "STORE", b"* VANISHED 4"),
        (QRESYNC, "", b"* VANISHED 4"),
        (QRESYNC, "UID FETCH", b"* VANISHED (EARLIER) 4"),
        (QRESYNC, "NOOP", b"* 2 FETCH (UID 5 FLAGS () MODSEQ (21))"),
        (QRESYNC, "NOOP", b"* 4 FETCH (UID 10 FLAGS () MODSEQ (21))"),
        (QRESYNC, "NOOP", b"* 2 FETCH (UID 4 FLAGS () MODSEQ (19))"),
        (QRESYNC, "NOOP", b"* 2 FETCH (UID 4 FLAGS () MODSEQ (20))"),
        (QRESYNC, "NOOP", b"* 2 FETCH (UID 4 FLAGS (\\Seen) MODSEQ (20))"),
        (QRESYNC, "NOOP", b"* 2 FETCH (UID 4 FLAGS ())"),
        (QRESYNC, "NOOP", b"* 2 FETCH (UID 4 FLAGS ($Unheard) MODSEQ (21))"),
        (QRESYNC, "NOOP", b"* OK [HIGHESTMODSEQ 19] -"),
        (QRESYNC, "NOOP", b"* 4 UIDFETCH (FLAGS () MODSEQ (21))"),
        (Mode(), "NOOP", b"* VANISHED 4"),
        (Mode(), "NOOP", b"* 0 EXPUNGE"),
        (Mode(), "NOOP", b"* 4 EXPUNGE"),
        (Mode(), "FETCH", b"* 2 EXPUNGE"),
        (Mode(), "NOOP", b"* 2 FETCH (FLAGS () MODSEQ (21))"),
        (Mode(), "NOOP", b"* 2 FETCH (FLAGS (\\Seen))"),
        (Mode(), "NOOP", b"* 4 RECENT"),
        (Mode(uid_only=True), "NOOP", b"* 2 FETCH (FLAGS ())"),
        (Mode(uid_only=True), "NOOP", b"* 5 UIDFETCH (FLAGS ())"),
        (Mode(rev2=True), "NOOP", b"* 2 FETCH (FLAGS (\\Recent))"),
    ],
)
def test_what_a_mirror_refuses(mode: Mode, command: str, line: bytes) -> None:
    made = mirror(mode) if not mode.rev2 else _without_recent(mode)
    with pytest.raises(Violation):
        hear(made, command, line)


def _without_recent(mode: Mode) -> Mirror:
    made = Mirror(mode, "INBOX")
    hear(made, "SELECT", *(line for line in SELECTED if b"RECENT" not in line))
    made.opened()
    return made


def test_what_a_mirror_learns() -> None:
    made = mirror()
    hear(made, "NOOP", b"* VANISHED 2", b"* 4 EXISTS", b"* 2 FETCH (UID 9 FLAGS () MODSEQ (21))", b"* VANISHED 11")
    made.completed("NOOP", expunge=True)
    assert made.uids == [4, 9]
    assert len(made) == 3
    assert made.heard == 21
    with pytest.raises(Violation):
        hear(made, "NOOP", b"* VANISHED 11")


def test_a_standing_mod_sequence_keeps_back_what_was_told() -> None:
    """RFC 7162 section 6: while removals wait, mod-sequences of FETCH are not what everything was told up to."""
    made = mirror()
    hear(made, "STORE", b"* 2 FETCH (UID 4 FLAGS () MODSEQ (30))", b"* OK [HIGHESTMODSEQ 24] -")
    made.completed("STORE", expunge=False)
    assert made.save().modseq == 24


def test_who_comes_back_must_know_every_message() -> None:
    kept = Saved(7, 10, {2: frozenset(), 3: frozenset(), 4: frozenset()})
    told = b"* 3 FETCH (UID 9 FLAGS (\\Seen) MODSEQ (20))"
    made = mirror(saved=kept, lines=(b"* VANISHED (EARLIER) 3", told))
    assert made.uids == [2, 4, 9]
    for lines in ((told,), (b"* VANISHED (EARLIER) 3",), (b"* VANISHED (EARLIER) 3", told.replace(b"* 3", b"* 2"))):
        with pytest.raises(Violation):
            mirror(saved=kept, lines=lines)


# ---------------------------------------------------------------------- the ledger notices


def look(*messages: Message, modseq: int = 9, uidnext: int = 9) -> list[Look]:
    return [Look("INBOX", "F1", 1, uidnext, modseq, messages)]


def ledger() -> Ledger:
    made = Ledger()
    made.check(look(modseq=1, uidnext=1))
    made.made(1, [1, 2], ["a", "b"], frozenset())
    return made


A = Message(1, "a", frozenset(), 2)
B = Message(2, "b", frozenset(), 3)


def test_what_a_ledger_accepts() -> None:
    made = ledger()
    made.check(look(A, B))
    made.will_remove(1, [1])
    made.copied(1, 1, [(1, 3)], moved=True)
    made.check(look(B, Message(3, "a", frozenset(), 4)))


@pytest.mark.parametrize(
    "found",
    [
        look(A),
        look(A, Message(2, "a", frozenset(), 3)),
        look(A, B, Message(3, "c", frozenset(), 4)),
        look(A, B, modseq=2),
        look(A, B, uidnext=2),
        look(A, B, modseq=0),
        look(A, B, Message(2, "b", frozenset(), 3)),
        [],
    ],
    ids=["lost", "other content", "unknown", "HIGHESTMODSEQ", "UIDNEXT", "went back", "doubled", "no mailbox"],
)
def test_what_a_ledger_refuses(found: list[Look]) -> None:
    with pytest.raises(Violation):
        ledger().check(found)


def test_a_ledger_knows_of_lost_updates() -> None:
    made = ledger()
    flags = frozenset(("$Own1",))
    began = made.tick()
    made.changed(1, [1], "+", flags, "$Own1", began)
    with pytest.raises(Violation):
        made.check(look(A, B))
    made.check(look(Message(1, "a", flags, 4), B))
    with pytest.raises(Violation):
        made.check(look(Message(1, "a", flags | {"\\Seen"}, 4), B))  # the same mod-sequence, other flags


def test_a_ledger_knows_what_must_be_gone() -> None:
    made = ledger()
    deleted = frozenset(("\\Deleted",))
    made.will_change(1, [1], "+", deleted)
    made.changed(1, [1], "+", deleted, "", made.tick())
    made.expunged(made.will_expunge(1, [1, 2]))
    with pytest.raises(Violation):
        made.check(look(A, B))
    made.vanished(1, [2])
    with pytest.raises(Violation):
        made.check(look())


def test_a_ledger_tells_what_it_knows_of_a_removal_that_nobody_wanted() -> None:
    made = ledger()
    made.note(1, [2], "4.1 STORE 2 +FLAGS (\\Seen)")
    made.vanished(1, [2])
    with pytest.raises(Violation, match=r"nobody wanted.*'b', False, .*4\.1 STORE 2"):
        made.check(look(A))


def test_a_uid_is_given_once() -> None:
    with pytest.raises(Violation):
        ledger().made(1, [2], ["c"], frozenset())


def test_one_of_two_conditional_changes_wins() -> None:
    made = ledger()
    made.outran(1, 1, 2, "one")
    with pytest.raises(Violation):
        made.outran(1, 1, 2, "two")
