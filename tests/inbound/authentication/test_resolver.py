"""Answers are kept and bounded; a server that answers nonsense, late or never costs nobody else any time."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from mailserver.foundation.network import resolver as module
from mailserver.foundation.network.resolver import Answer, LookupFailed, Resolver, split_server
from mailserver.foundation.settings import NameService, Settings
from mailserver.operations.health import published
from mailserver.operations.health.findings import Grade
from tests.inbound.authentication.name_server import NameServer
from tests.ports import free_port


class Hand:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
async def resolver(names: NameServer, hand: Hand, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Resolver]:
    monkeypatch.setattr(module, "FIRST_SECONDS", 20.0)  # however slow the machine is
    monkeypatch.setattr(module, "TRY_SECONDS", 20.0)
    found = Resolver(NameService(nameservers=(names.setting,)), hand)
    yield found
    await found.close()


@pytest.fixture
def impatient(resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    """For servers that will not answer."""
    monkeypatch.setattr(module, "FIRST_SECONDS", 0.2)
    monkeypatch.setattr(module, "TRY_SECONDS", 0.1)


async def failure(resolver: Resolver, name: str, kind: str = "TXT") -> str:
    with pytest.raises(LookupFailed) as failed:
        await resolver.look_up(name, kind)
    return str(failed.value)


async def test_records_of_each_kind(resolver: Resolver, names: NameServer) -> None:
    names["a.fr", "TXT"] = [b"v=spf1 -all", b"x" * 600]
    names["a.fr", "MX"] = ["10 mx.a.fr."]
    names["a.fr", "AAAA"] = ["2001:db8::1"]
    names["b.fr", "CNAME"] = ["a.fr."]
    assert set((await resolver.look_up("A.fr.", "TXT")).records) == {b"v=spf1 -all", b"x" * 600}
    assert (await resolver.look_up("a.fr", "MX")).records == ("10 mx.a.fr.",)
    assert (await resolver.look_up("b.fr", "AAAA")).records == ("2001:db8::1",)
    missing, empty = await resolver.look_up("c.fr", "TXT"), await resolver.look_up("a.fr", "A")
    assert (missing.records, missing.exists) == ((), False)
    assert (empty.records, empty.exists) == ((), True)


async def test_answers_are_kept_for_their_time_also_that_there_is_none(
    resolver: Resolver, names: NameServer, hand: Hand
) -> None:
    names["a.fr", "TXT"] = [b"one"]
    names.ttl = 600
    for _ in range(3):
        await resolver.look_up("a.fr", "TXT")
        await resolver.look_up("none.fr", "TXT")
    assert names.asked == ["a.fr TXT", "none.fr TXT"]
    names["a.fr", "TXT"] = [b"two"]
    hand.time += 599
    assert (await resolver.look_up("a.fr", "TXT")).records == (b"one",)
    await resolver.look_up("none.fr", "TXT")
    assert names.asked == ["a.fr TXT", "none.fr TXT", "none.fr TXT"]
    hand.time += 2
    assert (await resolver.look_up("a.fr", "TXT")).records == (b"two",)


async def test_no_time_to_live_is_too_short_or_too_long(resolver: Resolver, names: NameServer, hand: Hand) -> None:
    names["a.fr", "TXT"] = [b"one"]
    names.ttl = 0
    await resolver.look_up("a.fr", "TXT")
    await resolver.look_up("a.fr", "TXT")
    assert len(names.asked) == 1
    names.ttl = 2_000_000_000
    hand.time += module.SHORTEST
    await resolver.look_up("a.fr", "TXT")
    hand.time += module.LONGEST
    await resolver.look_up("a.fr", "TXT")
    assert len(names.asked) == 3


async def test_the_same_question_is_asked_once_for_all(resolver: Resolver, names: NameServer) -> None:
    names["a.fr", "TXT"] = [b"x"]
    await asyncio.gather(*(resolver.look_up("a.fr", "TXT") for _ in range(50)))
    assert names.asked == ["a.fr TXT"]


async def test_who_gives_up_takes_nothing_from_the_others(resolver: Resolver, names: NameServer) -> None:
    names["a.fr", "TXT"] = [b"x"]
    first = asyncio.create_task(resolver.look_up("a.fr", "TXT"))
    await asyncio.sleep(0)
    second = asyncio.create_task(resolver.look_up("a.fr", "TXT"))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).records == (b"x",)


async def test_what_is_kept_is_bounded(resolver: Resolver, names: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHE_OCTETS", 10_000)
    for number in range(20):
        names[f"{number}.fr", "TXT"] = [b"x" * 1000]
        await resolver.look_up(f"{number}.fr", "TXT")
    asked = len(names.asked)
    await resolver.look_up("19.fr", "TXT")
    assert len(names.asked) == asked
    await resolver.look_up("0.fr", "TXT")
    assert len(names.asked) == asked + 1


async def test_a_large_answer_comes_over_tcp_and_one_beyond_the_form_not_at_all(
    resolver: Resolver, names: NameServer
) -> None:
    for size in (2_000, 15_000):
        names[f"{size}.fr", "TXT"] = [b"x" * size]
        assert (await resolver.look_up(f"{size}.fr", "TXT")).records == (b"x" * size,)
    names["a.fr", "A"] = [f"192.{a}.{b}.1" for a in range(12) for b in range(256)]
    assert await failure(resolver, "a.fr", "A") == "the answer is too large"
    assert (await resolver.look_up("15000.fr", "TXT")).records


async def test_a_server_that_fails_is_asked_no_more_while_another_answers(
    names: NameServer, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_SECONDS", 20.0)
    monkeypatch.setattr(module, "TRY_SECONDS", 20.0)
    names["a.fr", "TXT"] = [b"x"]
    first = NameServer()
    first.mood = "broken"
    resolver = Resolver(NameService(nameservers=(first.setting, names.setting)), hand)
    try:
        for number in range(20):
            assert not (await resolver.look_up(f"{number}.fr", "TXT")).records
        assert len(first.asked) <= 1
        first.mood, names.mood = "well", "broken"
        first["b.fr", "TXT"] = [b"y"]
        assert (await resolver.look_up("b.fr", "TXT")).records == (b"y",)
    finally:
        await resolver.close()
        first.stop()


async def test_too_many_questions_wait_and_urgent_ones_do_not(
    names: NameServer, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_SECONDS", 20.0)
    monkeypatch.setattr(module, "TRY_SECONDS", 20.0)
    monkeypatch.setattr(module, "ANSWER_SECONDS", 20.0)
    monkeypatch.setattr(module, "UNDER_WAY", 2)
    resolver = Resolver(NameService(nameservers=(names.setting,)), hand)
    names["a.fr", "TXT"] = [b"x"]
    assert (await resolver.look_up("a.fr", "TXT")).records
    names["b.fr", "TXT"] = [b"y"]
    for number in range(2):
        names.moods[f"{number}.silent.fr"] = "silent"
    silent = [asyncio.create_task(resolver.look_up(f"{number}.silent.fr", "TXT")) for number in range(2)]
    await asyncio.sleep(0)
    waits = [asyncio.create_task(resolver.look_up("c.fr", "TXT")) for _ in range(3)]
    given_up = asyncio.create_task(resolver.look_up("d.fr", "TXT"))
    await asyncio.sleep(0)
    assert (await resolver.look_up("b.fr", "TXT", urgent=True)).records == (b"y",)
    assert "c.fr TXT" not in names.asked
    given_up.cancel()
    resolver._under_way["0.silent.fr", "TXT"].cancel()
    assert [one.records for one in await asyncio.gather(*waits)] == [()] * 3
    assert names.asked.count("c.fr TXT") == 1
    assert "d.fr TXT" not in names.asked
    await resolver.close()
    await asyncio.gather(*silent, return_exceptions=True)


@pytest.mark.parametrize("mood", ["silent", "garbage", "broken"])
async def test_a_zone_that_does_not_answer_stops_nobody_else(
    resolver: Resolver, names: NameServer, monkeypatch: pytest.MonkeyPatch, mood: str
) -> None:
    names["a.fr", "TXT"] = [b"x"]
    await resolver.look_up("a.fr", "TXT")
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.2)
    names.moods["bad.fr"] = mood  # type: ignore[assignment]
    assert await failure(resolver, "bad.fr")
    assert await failure(resolver, "bad.fr")  # kept for a while
    monkeypatch.undo()
    assert names.asked.count("bad.fr TXT") <= 2
    names["b.fr", "TXT"] = [b"y"]
    assert (await resolver.look_up("b.fr", "TXT")).records == (b"y",)


@pytest.mark.usefixtures("impatient")
async def test_servers_that_are_away_cost_no_time_and_are_found_again(
    resolver: Resolver, names: NameServer, hand: Hand
) -> None:
    names.mood = "silent"
    assert await failure(resolver, "a.fr")
    asked = len(names.asked)
    assert [await failure(resolver, f"{number}.fr") for number in range(100)] == ["away"] * 100
    assert not any(".fr" in one for one in names.asked[asked:])
    names.mood = "well"
    names["a.fr", "TXT"] = [b"x"]
    while True:  # until they are found again
        hand.time += module.AWAY_SECONDS
        try:
            assert (await resolver.look_up("a.fr", "TXT")).records == (b"x",)
            break
        except LookupFailed:
            await asyncio.sleep(0.01)


async def test_a_machine_without_name_servers_fails_at_once(hand: Hand) -> None:
    nobody = Resolver(NameService(nameservers=(f"127.0.0.1:{free_port('127.0.0.1')}",)), hand)
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await failure(nobody, "a.fr")
    assert [await failure(nobody, f"{number}.fr") for number in range(100)] == ["away"] * 100
    assert loop.time() - began < 5
    await nobody.close()


@pytest.mark.parametrize("name", ["a" * 64 + ".fr", "a..fr", ".".join(["a" * 60] * 5), "\udcff.fr", "a\\9.fr"])
async def test_names_that_are_none(resolver: Resolver, names: NameServer, name: str) -> None:
    """They are not there, which is no failure: whoever could cause one by a name would have a policy undecided."""
    assert await resolver.look_up(name, "TXT") == Answer((), exists=False)
    assert names.asked == []


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
        ("[2001:db8::1]", ("2001:db8::1", 53)),
    ],
)
def test_servers_of_the_setting(text: str, server: tuple[str, int]) -> None:
    assert NameService(nameservers=(text,)).nameservers == (text,)
    assert split_server(text) == server


@pytest.mark.parametrize("text", ["", "ns.a.fr", "127.0.0.1:0", "127.0.0.1:70000", "127.0.0.1:x", "[::1]x"])
def test_what_is_no_server(text: str) -> None:
    with pytest.raises(ValueError, match="no name server"):
        NameService(nameservers=(text,))


def test_check_says_whether_a_name_server_answers(names: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "DNS_SECONDS", 5.0)
    settings = Settings(domain="ac-exemple.fr", dns=NameService(nameservers=(names.setting,)))
    assert next(published.examine_dns(settings)).grade is Grade.OK
    monkeypatch.setattr(published, "DNS_SECONDS", 0.2)
    names.mood = "silent"
    assert [one.grade for one in published.examine_dns(settings)] == [Grade.WARNING]
