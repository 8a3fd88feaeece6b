"""Blocklists in DNS (RFC 5782): how peers are looked up, and which lists are worth it."""

import asyncio
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from mailserver.foundation.network.resolver import Resolver
from mailserver.foundation.settings import Settings
from mailserver.inbound.screening import blocklists, dnsbl
from mailserver.inbound.screening.blocklists import NOWHERE, Blocklists, Listing
from mailserver.inbound.screening.dnsbl import Probed, State
from mailserver.inbound.screening.dnsbl_probe import probe
from mailserver.operations.health.blocklists import examine_blocklists
from tests.clocks import StandingClock
from tests.inbound.authentication.name_server import NameServer

V4, V6 = "203.0.113.5", "2001:db8:1:2::5"


def test_names_as_the_rfc_has_them() -> None:
    """RFC 5782 sections 2.1 and 2.4."""
    assert dnsbl.question(ip_address("192.0.2.99"), "bad.example.com") == "99.2.0.192.bad.example.com"
    assert dnsbl.question(ip_address("2001:db8:1:2:3:4:567:89ab"), "ugly.example.com") == (
        "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ugly.example.com"
    )
    tests = dnsbl.probe_questions("x.fr")
    assert tests[0] == "2.0.0.127.x.fr"
    assert tests[2] == "1.0.0.127.x.fr"
    assert tests[1].startswith("2.0.0.0.0.0.f.7.f.f.f.f.0.0.")


@pytest.mark.parametrize(
    ("records", "hit", "refusal"),
    [
        ([], False, False),
        (["127.0.0.2"], True, False),
        (["127.0.0.10", "127.0.0.4"], True, False),
        (["127.255.255.254"], False, True),
        (["127.255.255.252", "127.0.0.2"], True, True),
        (["198.51.100.7"], False, False),
        (["nonsense", b"127.0.0.2", ""], False, False),
    ],
)
def test_what_an_answer_says(records: list[str | bytes], hit: bool, refusal: bool) -> None:
    assert (dnsbl.is_hit(records), dnsbl.is_refusal(records)) == (hit, refusal)


def test_names_of_a_paid_service_hold_a_secret() -> None:
    assert dnsbl.shown("0123456789abcdef.zen.dq.spamhaus.net") == "zen.dq.spamhaus.net"
    assert dnsbl.shown("zen.spamhaus.org") == "zen.spamhaus.org"
    assert dnsbl.shown("key.combined.mail.abusix.zone") == "combined.mail.abusix.zone"
    assert dnsbl.shown("0123456789abcdef0123456789.bl.example.fr") == "bl.example.fr"
    assert dnsbl.shown("b.barracudacentral.org") == "b.barracudacentral.org"


class World:
    """A name server with a list, and a worker that asks it."""

    def __init__(self, server: NameServer, **chosen: object) -> None:
        self.server = server
        self.clock = StandingClock()
        self.settings = Settings.model_validate(
            {
                "domain": "ac-exemple.fr",
                "directory": Path("/nowhere"),
                "dns": {"nameservers": [server.setting]},
                "blocklists": {"lists": {"bl.fr": 60, "other.fr": 50}, **chosen},
                "smtp": {"relays": ["192.0.2.200"]},
                "limits": {"known_networks": ["198.51.100.0/24"]},
            }
        )
        self.resolver = Resolver(self.settings.dns, self.clock.monotonic)
        self.lists = Blocklists(settings=self.settings, resolver=self.resolver, clock=self.clock)

    def asked(self, zone: str) -> int:
        return sum(one.endswith(f"{zone} A") for one in self.server.asked)


def put(server: NameServer, zone: str, *addresses: str) -> None:
    """A list that works, with these on it."""
    server[zone, "TXT"] = [b"a list"]
    for address in ("127.0.0.2", "::ffff:7f00:2", *addresses):
        server[dnsbl.question(ip_address(address), zone), "A"] = ["127.0.0.2"]


@pytest.fixture
def server() -> Iterator[NameServer]:
    made = NameServer()
    put(made, "bl.fr", V4, V6)
    put(made, "other.fr", V4)
    yield made
    made.stop()


async def test_peers_are_looked_up_in_all_lists(server: NameServer) -> None:
    world = World(server)
    assert await world.lists.look_up(V4) == NOWHERE, "nothing is believed before it was probed"
    await world.lists.test()
    assert await world.lists.look_up(V4) == Listing(110, ("bl.fr", "other.fr"))
    assert await world.lists.look_up("::ffff:" + V4) == Listing(110, ("bl.fr", "other.fr"))
    assert await world.lists.look_up(V6) == Listing(60, ("bl.fr",))
    assert await world.lists.look_up("203.0.113.6") == NOWHERE
    await world.resolver.close()


async def test_relays_and_known_networks_are_not_looked_up(server: NameServer) -> None:
    put(server, "bl.fr", "192.0.2.200", "198.51.100.9")
    world = World(server)
    await world.lists.test()
    before = len(server.asked)
    for peer in ("192.0.2.200", "198.51.100.9", "", "nonsense"):
        assert await world.lists.look_up(peer) == NOWHERE
    assert len(server.asked) == before
    await world.resolver.close()


def broken(server: NameServer, state: State) -> None:
    """`bl.fr`, in this state."""
    listed, _, clean, _ = dnsbl.probe_questions("bl.fr")
    if state is State.EVERYTHING:
        server[clean, "A"] = ["127.0.0.2"]
    elif state is State.REFUSES:
        server[listed, "A"] = ["127.255.255.254"]
    elif state is State.NOTHING:
        for name in dnsbl.probe_questions("bl.fr"):
            server.known.pop((name, "A"), None)
    else:
        for name in dnsbl.probe_questions("bl.fr"):
            server.moods[name] = "broken"


STATES = [State.EVERYTHING, State.REFUSES, State.NOTHING, State.SILENT]


@pytest.mark.parametrize("state", STATES)
async def test_a_list_that_is_not_well_is_not_asked_until_it_is(server: NameServer, state: State) -> None:
    broken(server, state)
    world = World(server)
    await world.lists.test()
    assert await world.lists.look_up(V4) == Listing(50, ("other.fr",))
    server.moods.clear()
    for name in dnsbl.probe_questions("bl.fr"):
        server.known.pop((name, "A"), None)
    put(server, "bl.fr", V4)
    await world.lists.test()
    assert await world.lists.look_up(V4) == Listing(50, ("other.fr",)), "not before its time"
    world.clock.step(blocklists.AGAIN_BAD + 300)
    await world.lists.test()
    assert await world.lists.look_up(V4) == Listing(110, ("bl.fr", "other.fr"))
    await world.resolver.close()


@pytest.mark.parametrize("state", STATES)
def test_the_doctor_says_so(server: NameServer, state: State) -> None:
    broken(server, state)
    found = dict(probe(World(server).settings))
    assert found == {"bl.fr": Probed(state), "other.fr": Probed(State.GOOD, frozenset((4, 6)))}


async def test_a_list_of_one_kind_of_addresses(server: NameServer) -> None:
    del server.known[dnsbl.probe_questions("bl.fr")[1], "A"]
    world = World(server)
    await world.lists.test()
    assert await world.lists.look_up(V6) == NOWHERE
    assert await world.lists.look_up(V4) == Listing(110, ("bl.fr", "other.fr"))
    await world.resolver.close()


async def test_a_list_that_dies_costs_a_few_questions_and_then_nothing(server: NameServer) -> None:
    world = World(server)
    await world.lists.test()
    peers = [f"203.0.113.{number}" for number in range(10, 30)]
    for peer in peers:
        server.moods[dnsbl.question(ip_address(peer), "bl.fr")] = "broken"
    put(server, "other.fr", *peers)
    before = world.asked("bl.fr")
    for peer in peers:
        assert await world.lists.look_up(peer) == Listing(50, ("other.fr",))
    assert world.asked("bl.fr") - before == blocklists.FAILURES
    await world.resolver.close()


async def test_a_list_that_begins_to_refuse_hits_nobody(server: NameServer) -> None:
    world = World(server)
    await world.lists.test()
    server[dnsbl.question(ip_address("203.0.113.9"), "bl.fr"), "A"] = ["127.255.255.255"]
    assert await world.lists.look_up("203.0.113.9") == NOWHERE
    assert await world.lists.look_up(V4) == Listing(50, ("other.fr",)), "it is asked no more"
    await world.resolver.close()


async def test_a_list_that_is_slow_is_given_up(server: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocklists, "SECONDS", 0.05)
    world = World(server, lists={"bl.fr": 60})
    for name in dnsbl.probe_questions("bl.fr"):
        await world.resolver.look_up(name, "A")
    await world.lists.test()
    server.moods[dnsbl.question(ip_address(V4), "bl.fr")] = "silent"
    assert await asyncio.gather(*(world.lists.look_up(V4) for _ in range(20))) == [NOWHERE] * 20
    await world.resolver.close()


async def test_settings_are_taken_over(server: NameServer) -> None:
    world = World(server)
    await world.lists.test()
    world.settings.blocklists.__dict__["lists"] = {"other.fr": 5, "third.fr": 1}
    assert await world.lists.look_up(V4) == Listing(5, ("other.fr",))
    await world.lists.test()
    assert await world.lists.look_up(V4) == Listing(5, ("other.fr",))
    world.settings.blocklists.__dict__["lists"] = {}
    assert await world.lists.look_up(V4) == NOWHERE
    await world.lists.test()
    await world.resolver.close()


def test_every_state_is_told_to_operators(server: NameServer) -> None:
    said = []
    for state in (State.GOOD, *STATES):
        if state is not State.GOOD:
            broken(server, state)
        world = World(server, lists={"bl.fr": 60})
        said += [(found.grade.value, found.text.to("fr")) for found in examine_blocklists(world.settings)]
    assert said == [
        ("ok", "la liste bl.fr répond comme elle le doit"),
        ("warning", "la liste bl.fr n’est pas demandée : elle signale le monde entier"),
        ("warning", "la liste bl.fr n’est pas demandée : elle refuse de répondre à ce serveur de noms"),
        ("warning", "la liste bl.fr n’est pas demandée : elle ne signale pas même son entrée d’essai"),
        ("warning", "la liste bl.fr n’est pas demandée : elle ne répond pas"),
    ]


async def test_a_list_may_go_while_peers_wait_for_its_answer(server: NameServer) -> None:
    world = World(server)
    await world.lists.test()
    server.mood = "broken"
    for _ in range(blocklists.FAILURES - 1):
        await world.lists.look_up(V4)
    waiting = asyncio.create_task(world.lists.look_up(V4))
    await asyncio.sleep(0)
    world.settings.blocklists.__dict__["lists"] = {}
    await world.lists.test()
    assert await waiting == NOWHERE
    await world.resolver.close()
