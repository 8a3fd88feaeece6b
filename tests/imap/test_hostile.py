"""Clients that mean harm: what one asks costs others a turn of the loop at most, and memory that is bounded."""

import ssl
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imap.commands import folders, store
from imap.search import matcher
from imap.wire.flags import FlagNames
from imap.wire.framing import BEFORE_LOGIN
from imap.wire.search.search_program import MailboxFilter, Scope
from mailserver.model.budget import Budget
from mailserver.store.engine.transactions import Store
from mailserver.store.search import search as search_of_store
from tests.conftest import StoreMaker
from tests.harness import Instance, workers_of
from tests.imap.bench_hostile import Client as Plain
from tests.imap.bench_hostile import rss
from tests.imap.test_crowd import waits
from tests.imap.test_message_limit import crowded
from tests.imap.world import World, play, turns

MESSAGE = b"Subject: essai\r\n\r\ncorps\r\n"


def test_pipelined_commands_leave_turns_to_others(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client, other = await world.session(), await world.session()
            client.send(b"a NOOP\r\n" * 20_000 + b"b NOOP\r\n")
            assert await turns(other, client, b"b OK") > 10
            assert client.pending.count(b"a OK") == 20_000

    play(scene)


@pytest.mark.parametrize(
    "search",
    [
        b"OR SEEN " * 98 + b"UNSEEN",
        b"OR FLAGGED " * 98 + b"FLAGGED",
        b"NOT (" * 48 + b"OR 1:1500 FLAGGED" + b")" * 48,
        b" ".join([b"UNSEEN", b"NOT FLAGGED", b"1:*"] * 240),
        b" ".join(b"NOT 1:%d" % (n * 6) for n in range(1, 450)),
        b" ".join(b"OR MODSEQ %d UNSEEN" % n for n in range(300)),
        b",".join(b"%d" % n for n in range(1, 20_000, 2)),
    ],
    ids=["or", "or nothing", "not", "keys", "sets", "pairs", "ranges"],
)
def test_towers_of_keys_leave_turns_to_others(sqlite_store: Store, search: bytes) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            client, other = await crowded(world, 6000), await world.session("mmartin")
            client.send(b"a SEARCH " + search + b"\r\n")
            assert await turns(other, client, b"\r\na ") > 10
            assert b"\r\na OK" in client.pending

    play(scene)


@pytest.mark.parametrize(
    "search",
    [b"OR SEEN " * 9000 + b"SEEN", b"NOT " * 9000 + b"SEEN", b"(" * 9000 + b"SEEN", b"SEEN " * 9999 + b"SEEN"],
    ids=["or", "not", "parentheses", "keys"],
)
def test_too_much_of_a_search_is_refused_at_once(sqlite_store: Store, search: bytes) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            assert (await client.command("SEARCH " + search.decode()))[-1].startswith("BAD ")
            await client.ok("NOOP")

    play(scene)


def test_a_hundred_thousand_ranges_are_refused_and_many_are_taken(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            await client.ok("APPEND INBOX", literal=MESSAGE)
            for command in ("FETCH {} FLAGS", "STORE {} FLAGS ()", "COPY {} Trash", "SEARCH {}", "UID SEARCH UID {}"):
                sent = command.format(",".join(["1"] * 100_000))
                assert (await client.command(sent))[-1].startswith("BAD ")
                assert (await client.command(command.format(",".join(["1"] * 19_000))))[-1].startswith("OK ")

    play(scene)


def test_long_searches_of_one_account_leave_threads_to_everybody(sqlite_store: Store) -> None:
    """Eight sessions search at once, some of them leave at once; meanwhile another account reads and searches."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            crowd = [await crowded(world, 5000), *[await world.session(mailbox="INBOX") for _ in range(7)]]
            other = await world.session("mmartin", mailbox="INBOX")
            await other.ok("APPEND INBOX", literal=MESSAGE)
            for client in crowd:
                client.send(
                    b"a SEARCH " + b" ".join(b"NOT SENTON %d-Feb-2020" % (n % 28 + 1) for n in range(400)) + b"\r\n"
                )
            for client in crowd[::2]:
                client.transport.loseConnection()
            for _ in range(5):
                await other.ok("NOOP")
                assert await other.ok("SEARCH BODY corps") == ["* SEARCH 1"]
                assert len(await other.ok("FETCH 1:* (ENVELOPE BODY.PEEK[])")) > 0
            for client in crowd[1::2]:
                await client.until(b"a OK")

    play(scene)


def test_a_message_is_not_named_a_thousand_times(sqlite_store: Store) -> None:
    """A thousand ranges of one large message, whole each: all of them would be held at once."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            large = HEAD + (b"aaaa" * 18 + b"\r\n") * 50_000
            await client.ok("APPEND INBOX", literal=large)
            tracemalloc.start()
            try:
                for section in ("BODY.PEEK[]", "BODY.PEEK[TEXT]", "BODY.PEEK[1]", "BINARY.PEEK[1]"):
                    items = " ".join(f"{section}<{start}.9999999>" for start in range(900))
                    *_, last = await client.command(f"FETCH 1 ({items})")
                    assert last == "NO [LIMIT] Too much of one message at once"
                assert tracemalloc.get_traced_memory()[1] < 20 * len(large)
            finally:
                tracemalloc.stop()
            assert len(await client.ok("FETCH 1 (BODY.PEEK[] BODY.PEEK[TEXT] BODY.PEEK[1])")) > 50_000

    play(scene)


HEAD = (
    b"Subject: a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\n"
)


def test_long_names_of_fields_are_not_said_of_a_thousand_messages_at_once(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They stand in the answer for each message, so few messages make much of it, which would keep the loop."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            client = await crowded(world, 300)
            names = " ".join(f"X-{number}" for number in range(600))
            sections = " ".join(f"BODY.PEEK[HEADER.FIELDS ({names} Y{number})]" for number in range(10))
            write, sizes = client.transport.write, [0]

            def measured(octets: bytes) -> None:
                sizes.append(len(octets))
                write(octets)

            monkeypatch.setattr(client.transport, "write", measured)
            assert await client.ok(f"FETCH 1:* ({sections})")
            assert sum(sizes) > 300 * len(sections)
            assert max(sizes) < 1024 * 1024

    play(scene)


def test_what_a_store_says_does_not_wait_for_its_commit_in_memory(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flags may be kilobytes a message: a worker would hold hundreds of megabytes of them beforehand."""
    held: list[int] = []
    foresee = store._foresee

    async def noted(*asked: Any) -> Any:
        foreseen = await foresee(*asked)
        held.append(sum(map(len, foreseen.lines)))
        return foreseen

    async def scene() -> None:
        async with World(sqlite_store) as world:
            client = await crowded(world, 3000)
            keywords = " ".join(f"{number:0100}" for number in range(40))
            await client.ok(f"STORE 1:* +FLAGS.SILENT ({keywords})")
            monkeypatch.setattr(store, "_foresee", noted)
            said = await client.ok("STORE 1:* +FLAGS (\\Seen)")
            assert sum(map(len, said)) > 4 * store.FORESEEN
            assert len([line for line in said if " FETCH " in line and "\\Seen" in line]) == 3000
            assert held == [0]

    play(scene)


def test_small_sections_are_taken_by_the_hundred(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            await client.ok("APPEND INBOX", literal=MESSAGE)
            items = " ".join(f"BODY.PEEK[]<{start}.9>" for start in range(900))
            assert await client.ok(f"FETCH 1 ({items})")

    play(scene)


def test_questions_as_long_as_may_be_are_not_remembered(sqlite_store: Store) -> None:
    """What is asked for is chosen by the client: thousands of long lists of fields filled gigabytes."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            client = await crowded(world, 10)

            async def ask(number: int) -> None:
                names = " ".join(f"{number:030}{other:030}" for other in range(900))
                await client.ok(f"FETCH 1:10 (BODY.PEEK[HEADER.FIELDS ({names})])")

            await ask(0)
            tracemalloc.start()
            try:
                for number in range(1, 60):
                    await ask(number)
                    await ask(number)
                kept = world.door.services.snapshots.renderings.octets
                assert tracemalloc.get_traced_memory()[0] < 4_000_000 + 2 * kept
            finally:
                tracemalloc.stop()

    play(scene)


def test_keywords_in_every_combination_are_not_remembered() -> None:
    names = FlagNames(f"{number:02}{'k' * 98}" for number in range(50))
    tracemalloc.start()
    try:
        for mask in range(20_000):
            assert names.spell(mask << 35).count(b" ") < 16
        assert tracemalloc.get_traced_memory()[0] < 300_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("search", [b"OR SEEN " * 90 + b"UNSEEN", b" ".join([b"NOT FLAGGED"] * 90)])
def test_what_a_search_looks_at_is_bounded(sqlite_store: Store, search: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matcher, "MOST_LOOKED", 80 * 100)

    async def scene() -> None:
        async with World(sqlite_store) as world:
            client = await crowded(world, 100)
            *_, last = await client.command(b"SEARCH " + search)
            assert last == "NO [LIMIT] The search needs too much computing"
            assert await client.ok("SEARCH 1:3 UNSEEN") == ["* SEARCH 1 2 3"]

    play(scene)


def test_a_search_has_its_time_once(make_store: StoreMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where what it asks takes it to a second run, on one snapshot (PostgreSQL), or to mailboxes of others."""
    begun: list[float] = []

    def budget(seconds: float) -> Budget:
        begun.append(seconds)
        return Budget(seconds)

    monkeypatch.setattr(search_of_store, "Budget", budget)

    async def scene() -> None:
        async with World(make_store()) as world:
            client = await crowded(world, 3)
            for keys in ("TEXT introuvable", "OR SENTSINCE 1-Feb-2020 LARGER 100000", "ALL LARGER 1"):
                begun.clear()
                await client.ok(f"SEARCH {keys}")
                assert len(begun) == 1, keys
            other = await world.session("mmartin")
            await other.ok("SETACL INBOX edupont lr")
            begun.clear()
            await client.ok('ESEARCH IN (mailboxes ("Archive" "Partag&AOk-s/mmartin/INBOX")) TEXT corps')
            assert len(begun) == 1

    play(scene)


def test_what_patterns_go_over_is_bounded(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred patterns of nothing but wildcards over thousands of long names kept the loop for minutes."""
    monkeypatch.setattr(folders, "MOST_STEPS", 2000)

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session()
            wild, plain = " ".join(["*a*e*i*"] * 90), " ".join(["Absent"] * 90 + ["INBOX"])
            assert await client.command(f'LIST "" ({wild})') == ["NO [LIMIT] Too many patterns for so many mailboxes"]
            assert len(await client.ok(f'LIST "" ({plain})')) == 1
            assert await client.ok('LIST "" (% *)')

    play(scene)


def test_names_of_a_filter_cost_no_more_when_there_are_many() -> None:
    names = frozenset(f"Classe/{number}" for number in range(30_000))
    tree, children = MailboxFilter(Scope.SUBTREE, names), MailboxFilter(Scope.SUBTREE_ONE, names)
    held = ("Classe/7", "Classe/7/a", "Classe/7/a/b")
    for _ in range(2000):
        assert [tree.holds(name) for name in held] == [True, True, True]
        assert [children.holds(name) for name in held] == [True, True, False]
    assert not any(tree.holds(name) or children.holds(name) for name in ("Classe", "Classe/x", "Classe/70000/a", "X"))
    assert MailboxFilter(Scope.MAILBOXES, names).holds("Classe/7")
    assert not MailboxFilter(Scope.MAILBOXES, names).holds("Classe/7/a")


@pytest.mark.parametrize("stretch", [matcher.STRETCH, 2], ids=["at once", "by stretch"])
def test_or_finds_what_any_of_its_terms_finds(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch, stretch: int
) -> None:
    monkeypatch.setattr(matcher, "STRETCH", stretch)

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            for number in range(1, 7):
                flag = "\\Seen" if number % 2 else "\\Flagged"
                await client.ok(f"APPEND INBOX ({flag} k{number})", literal=MESSAGE)
            for keys, found in {
                "OR SEEN FLAGGED": "1 2 3 4 5 6",
                "OR FLAGGED KEYWORD k3": "2 3 4 6",
                "OR KEYWORD k5 OR KEYWORD k1 KEYWORD k3": "1 3 5",
                "OR 4:* 2": "2 4 5 6",
                "OR KEYWORD none KEYWORD k2": "2",
                "NOT OR SEEN KEYWORD k4": "2 6",
                "OR NOT SEEN NOT FLAGGED": "1 2 3 4 5 6",
                "NOT ALL": "",
                "OR KEYWORD none UNDRAFT 3": "3",
                "UNKEYWORD none SEEN UNKEYWORD k3": "1 5",
            }.items():
                assert await client.ok(f"SEARCH {keys}") == [f"* SEARCH {found}".rstrip()], keys

    play(scene)


# ---------------------------------------------------------------------- before login, over real sockets

CROWD = 300
SLACK = 64 * 1024
"""Octets a connection may take besides what it sent."""
ENDLESS: dict[str, Callable[[], bytes]] = {
    "a line": lambda: b"a " + b"x" * 1_000_000,
    "a line behind a literal": lambda: b"a LOGIN {3+}\r\nabc " + b"x" * 1_000_000,
    "a line feed": lambda: b"a x\n" * 300_000,
    "literals": lambda: b"a LOGIN" + b" {4000+}\r\n" + (b"x" * 4000 + b" {4000+}\r\n") * 300,
    "empty literals": lambda: b"a LOGIN {0+}\r\n" + b" {0+}\r\n" * 200_000,
    "a literal": lambda: b"a LOGIN {4000000000+}\r\n" + b"x" * 1_000_000,
    "a response": lambda: b"a AUTHENTICATE PLAIN\r\n" + b"A" * 1_000_000,
    "an identification": lambda: b'a ID ("name" "' + b"x" * 1_000_000,
    "mistakes": lambda: b"a b\r\n" * 200_000,
    "a record of TLS": lambda: b"\x16\x03\x01\xff\xff" + b"\x01" * 1_000_000,
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_strangers_are_cut_off_and_cost_no_memory(demo: Instance, kind: str) -> None:
    """What never ends is not kept: each of them is read to a limit, told, and closed."""
    before = sum(map(rss, workers_of(demo)))
    crowd = [Plain(demo.ports["imap"]) for _ in range(20)]
    for one in crowd:
        one.socket.settimeout(30)
        try:
            one.send(ENDLESS[kind]())
            while one.socket.recv(65536):
                pass
        except (BrokenPipeError, ConnectionResetError):
            pass
        one.close()
    assert sum(map(rss, workers_of(demo))) - before < 20


@pytest.mark.alone
def test_strangers_that_say_half_of_all_they_may_cost_little(demo: Instance) -> None:
    """Each is within the limits, so each is waited for; 300 of them hold what they sent and little more."""
    long = b"x" * 4000
    half = b'a ID ("a" {4000+}\r\n%s "b" {4000+}\r\n%s "c" "%s' % (long, long, long * 5)
    assert len(half) < BEFORE_LOGIN.command
    before = sum(map(rss, workers_of(demo)))
    crowd = [Plain(demo.ports["imap"]) for _ in range(CROWD)]
    try:
        for one in crowd:
            one.send(half)
        other = Plain(demo.ports["imap"], "mmartin")
        other.close()
        assert all(waits(one.socket) for one in crowd), "nobody had to go for that"
        grown = sum(map(rss, workers_of(demo))) - before
        assert grown < CROWD * (len(half) + SLACK) / (1 << 20) + 20
    finally:
        for one in crowd:
            one.close()


@pytest.mark.parametrize(
    "early",
    [
        b"b LOGIN edupont Academie#2026\r\nc SELECT INBOX\r\n",
        b"b LOGIN edupont {13+}\r\nAcad",
        b"b LOGIN {99+}\r\n",
        b"b x",
    ],
    ids=["commands", "half a login", "half a literal", "half a line"],
)
def test_what_was_said_in_clear_behind_starttls_is_forgotten(demo: Instance, early: bytes) -> None:
    """In one segment with STARTTLS, as somebody in between would put it there (RFC 3501 section 6.2.1)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client = Plain(demo.ports["imap"])
    try:
        client.send(b"a STARTTLS\r\n" + early)
        assert client.line().startswith(b"a OK")
        with context.wrap_socket(client.socket) as secured:
            secured.sendall(b"d CAPABILITY\r\n")
            said = b""
            while b"\r\nd " not in said:
                said += secured.recv(4096)
            assert said.startswith(b"* CAPABILITY ")
            assert b"AUTH=PLAIN" in said
            assert b"\r\nd OK" in said
            secured.sendall(b"e SELECT INBOX\r\n")
            assert secured.recv(4096).startswith(b"e BAD")
    finally:
        client.close()


# ---------------------------------------------------------------------- after login, over real sockets


@pytest.mark.parametrize(
    ("login", "start", "said"),
    [
        ("", b"a LOGIN mmartin {%d+}\r\n", b"a NO"),
        ("", b"a NONSENSE {%d+}\r\n", b"a BAD"),
        ("mmartin", b"a APPEND Drafts {%d+}\r\n", b"a OK"),
        ("mmartin", b"a APPEND Drafts ~{%d+}\r\n", b"a OK"),
        ("mmartin", b"a APPEND nowhere {%d+}\r\n", b"a NO"),
        ("mmartin", b"a NONSENSE {%d+}\r\n", b"a BAD"),
        ("mmartin", b"a SELECT INBOX {%d+}\r\n", b"a BAD"),
        ("mmartin", b"a STATUS {%d+}\r\n", b"a NO"),
        ("mmartin", b"a SETMETADATA INBOX (/private/comment {%d+}\r\n", b"a BAD"),
    ],
    ids=["login", "stranger", "message", "binary", "nowhere", "nonsense", "too many", "name", "value"],
)
def test_octets_of_a_literal_are_never_commands(demo: Instance, login: str, start: bytes, said: bytes) -> None:
    """Whether the command they belong to is taken, refused or none at all."""
    inner = b"x1 CREATE Smuggled\r\nx2 LOGOUT\r\n"
    client = Plain(demo.ports["imap"], login)
    try:
        client.send(start % len(inner) + inner + b"\r\nb NOOP\r\n")
        heard = [client.line()]
        while not heard[-1].startswith(b"b "):
            heard.append(client.line())
        assert heard[0].startswith(said)
        assert heard[-1].startswith(b"b OK")
        assert not [one for one in heard if one.startswith((b"x1", b"x2", b"* BYE"))]
        if login:
            client.send(b'c LIST "" Smuggled\r\n')
            assert client.line().startswith(b"c OK")
    finally:
        client.close()


@pytest.mark.alone
def test_a_message_of_lines_like_its_boundary_is_as_fast_as_any(demo: Instance) -> None:
    """200,000 of them. What another server takes 45 s for."""
    head = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n"

    def measure(line: bytes) -> float:
        octets = head + line * 200_000 + b"--x--\r\n"
        client = Plain(demo.ports["imap"], "edupont")
        client.ok(b"CREATE Lines")
        started = time.monotonic()
        client.ok(b"APPEND Lines {%d+}\r\n%s" % (len(octets), octets))
        client.ok(b"EXAMINE Lines")
        client.ok(b"FETCH * (BODYSTRUCTURE BODY.PEEK[1.MIME])")
        took = time.monotonic() - started
        client.ok(b"DELETE Lines")
        client.close()
        return took

    assert min(measure(b"--y\r\n") for _ in range(3)) < 8 * min(measure(b"ab?\r\n") for _ in range(3)) + 0.5


@pytest.mark.alone
def test_who_does_not_read_holds_little(demo: Instance) -> None:
    """10,000 messages asked for, none read, also through a compressor; and a flood of commands without reading."""
    port = demo.ports["imap"]
    owner = Plain(port, "edupont")
    owner.ok(b"CREATE Flood")
    octets = b"Subject: x\r\n\r\n" + b"y" * 20_000 + b"\r\n"
    owner.send(b"x APPEND Flood" + b" {%d+}\r\n%s" % (len(octets), octets) * 200 + b"\r\n")
    assert owner.end().startswith(b"x OK")
    for _ in range(4):  # what workers keep for all their readers is none of those who do not read
        reader = Plain(port, "edupont")
        reader.ok(b"EXAMINE Flood")
        reader.ok(b"FETCH 1:* BODY.PEEK[]")
        reader.close()
    before = sum(map(rss, workers_of(demo)))
    crowd = [Plain(port, "edupont") for _ in range(10)]
    try:
        for one in crowd:
            one.ok(b"EXAMINE Flood")
            one.send(b"x FETCH 1:* BODY.PEEK[]\r\n" * 50)  # 200 MB of answers each
        time.sleep(1)
        other = Plain(port, "mmartin")
        other.ok(b"NOOP")
        other.close()
        assert all(waits(one.socket) for one in crowd), "nobody had to go for that"
        assert sum(map(rss, workers_of(demo))) - before < 10 * 8
    finally:
        for one in crowd:
            one.close()
        owner.ok(b"DELETE Flood")
        owner.close()


def test_nothing_of_this_was_a_defect_of_ours(demo: Instance) -> None:
    """Whatever the tests above sent was answered as a mistake of the client's, not by a stack trace."""
    assert "connection failed" not in Path(demo.log).read_text()
    assert "Traceback" not in Path(demo.log).read_text()
