"""SPF records, and the mazes that somebody hostile may build of them (RFC 7208)."""

import asyncio
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.foundation.network.resolver import Answer, LookupFailed, Resolver
from mailserver.foundation.settings import NameService
from mailserver.inbound.authentication import lookups, spf, spf_terms
from mailserver.inbound.authentication.lookups import Lookups
from mailserver.inbound.authentication.spf_terms import PermanentError
from mailserver.model.messages.authentication import Outcome
from tests.inbound.authentication.name_server import NameServer

PASS, FAIL, NEUTRAL, NONE = Outcome.PASS, Outcome.FAIL, Outcome.NEUTRAL, Outcome.NONE
PERMERROR, TEMPERROR = Outcome.PERMERROR, Outcome.TEMPERROR


class Zone(Resolver):
    """Answers from a table; `TIMEOUT` fails."""

    def __init__(self, records: dict[str, list[str]]) -> None:
        super().__init__(NameService())
        self.records = {tuple(key.split(" ")): values for key, values in records.items()}
        self.asked: list[str] = []

    async def look_up(self, name: str, kind: str, *, urgent: bool = False) -> Answer:
        name = name.rstrip(".").lower()
        self.asked.append(f"{name} {kind}")
        found = self.records.get((name, kind), [])
        if "TIMEOUT" in found:
            raise LookupFailed("Timeout")
        exists = any(known == name for known, _ in self.records)
        return Answer(tuple(one.encode("utf-8") if kind == "TXT" else one for one in found), exists)


async def outcome(
    records: dict[str, list[str]], peer: str = "192.0.2.1", sender: str = "ada@a.fr", helo: str = "mx.a.fr"
) -> Outcome:
    asked = Lookups(Zone(records), asyncio.get_running_loop().time(), lookups.SPF)
    return await spf.check(asked, spf.Identity(ip_address(peer), sender, helo))


VECTORS = [
    ("v=spf1 ip4:192.0.2.0/24 -all", PASS),
    ("V=SPF1 IP4:192.0.2.1 -ALL", PASS),
    ("v=spf1 ip4:192.0.2.2 -all", FAIL),
    ("v=spf1 ip4:192.0.2.2 ~all", Outcome.SOFTFAIL),
    ("v=spf1 ip4:192.0.2.2", NEUTRAL),
    ("v=spf1", NEUTRAL),
    ("v=spf10 -all", NONE),
    ("v=spf1 a -all", PASS),
    ("v=spf1 a:b.fr//64 -all", FAIL),
    ("v=spf1 mx/24//64 -all", PASS),
    ("v=spf1 exists:%{ir}.%{v}.%{l}.list.fr -all", PASS),
    ("v=spf1 exists:%{d2}.%{h}.%{o1r}.x.fr -all", FAIL),
    ("v=spf1 include:good.fr -all", PASS),
    ("v=spf1 include:bad.fr -all", FAIL),
    ("v=spf1 redirect=good.fr", PASS),
    ("v=spf1 redirect=nobody.fr", PERMERROR),
    ("v=spf1 include:nobody.fr -all", PERMERROR),
    ("v=spf1 ptr -all", PASS),
    ("v=spf1 exists:%{p}.names.fr -all", PASS),
    ("v=spf1 ip4:192.0.2.1 foo:bar", PERMERROR),
    ("v=spf1 ip4:192.0.2.1/33 -all", PERMERROR),
    ("v=spf1 ip4:2001:db8::1 -all", PERMERROR),
    ("v=spf1 ip6:192.0.2.1 -all", PERMERROR),
    ("v=spf1 a:%{x}.fr -all", PERMERROR),
    ("v=spf1 a:%{d0}.fr -all", PERMERROR),
    ("v=spf1 a:%{c}.fr -all", PERMERROR),
    ("v=spf1 a:b.fr/ -all", PERMERROR),
    ("v=spf1 a: -all", PERMERROR),
    ("v=spf1 -all:x", PERMERROR),
    ("v=spf1 redirect=a.fr redirect=b.fr", PERMERROR),
    ("v=spf1 other=%{d} ip4:192.0.2.1", PASS),
    ("v=spf1 exp=%{c}.fr -all", PERMERROR),
    ("v=spf1 include:slow.fr -all", TEMPERROR),
    ("v=spf1 ip4:192.0.2.1 é", PERMERROR),
]
ZONE = {
    "a.fr A": ["192.0.2.1"],
    "a.fr MX": ["10 mx.a.fr."],
    "mx.a.fr A": ["192.0.2.200"],
    "b.fr A": ["192.0.2.9"],
    "1.2.0.192.in-addr.ada.list.fr A": ["127.0.0.2"],
    "good.fr TXT": ["other text", "v=spf1 ip4:192.0.2.1 -all"],
    "bad.fr TXT": ["v=spf1 -ip4:192.0.2.1 +all"],
    "slow.fr TXT": ["TIMEOUT"],
    "1.2.0.192.in-addr.arpa PTR": ["forged.fr.", "a.fr."],
    "forged.fr A": ["198.51.100.1"],
    "a.fr.names.fr A": ["127.0.0.2"],
}


@pytest.mark.parametrize(("record", "expected"), VECTORS)
async def test_records(record: str, expected: Outcome) -> None:
    assert await outcome({**ZONE, "a.fr TXT": [record]}) is expected


async def test_ipv6() -> None:
    zone = {"a.fr TXT": ["v=spf1 exists:%{ir}.%{v}.x.fr ip6:2001:db8::/32 -all"], "a.fr A": ["192.0.2.1"]}
    assert await outcome(zone, "2001:db8::1") is PASS
    assert await outcome(zone, "2001:db9::1") is FAIL
    nibbles = ".".join(reversed("20010db9" + "0" * 23 + "1"))
    assert await outcome({**zone, f"{nibbles}.ip6.x.fr A": ["127.0.0.2"]}, "2001:db9::1") is PASS


async def test_several_records_and_none() -> None:
    assert await outcome({"a.fr TXT": ["v=spf1 +all", "v=spf1 -all"]}) is PERMERROR
    assert await outcome({}) is NONE
    assert await outcome({}, sender="ada@local") is NONE
    assert await outcome({"a.fr TXT": ["TIMEOUT"]}) is TEMPERROR


async def test_macros_of_hostile_local_parts_stay_names() -> None:
    zone = {"a.fr TXT": ["v=spf1 exists:%{l}.x.fr -all"]}
    for local in ("..", "x" * 300, "é", "a b", "%{d}"):
        assert await outcome(zone, sender=f"{local}@a.fr") in (FAIL, PASS)


def maze(depth: int, width: int) -> dict[str, list[str]]:
    zone = {}
    for level in range(depth):
        inner = " ".join(f"include:l{level + 1}.w{one}.fr" for one in range(width))
        for one in range(width):
            zone[f"l{level}.w{one}.fr TXT"] = [f"v=spf1 {inner} -all"]
    return zone


@pytest.mark.parametrize(
    "zone",
    [
        {"a.fr TXT": ["v=spf1 include:a.fr -all"]},
        {"a.fr TXT": ["v=spf1 redirect=b.fr"], "b.fr TXT": ["v=spf1 redirect=a.fr"]},
        {"a.fr TXT": ["v=spf1 include:l0.w0.fr -all"], **maze(20, 3)},
        {"a.fr TXT": ["v=spf1 " + "a:no.fr " * 1000 + "-all"]},
        {"a.fr TXT": ["v=spf1 " + "%{d}" * 10_000]},
        {"a.fr TXT": ["v=spf1 exists:" + "%{d}." * 1500 + "fr -all"]},
        {"a.fr TXT": ["v=spf1 exists:" + "." * 7000 + "%{d} -all"]},
        {"a.fr TXT": ["v=spf1 exists:" + "%" * 7000 + " -all"]},
        {"a.fr TXT": ["v=spf1 mx -all"], "a.fr MX": [f"10 m{one}.fr." for one in range(200)]},
        {"a.fr TXT": ["v=spf1 " + "x" * 64_000]},
        {"a.fr TXT": ["v=spf1 " + "a=b " * 2000 + "-all"]},
    ],
    ids=range(11),
)
async def test_mazes_end_soon(zone: dict[str, list[str]]) -> None:
    table = Zone(zone)
    asked = Lookups(table, asyncio.get_running_loop().time(), lookups.SPF)
    found = await spf.check(asked, spf.Identity(ip_address("192.0.2.1"), "ada@a.fr", "x.fr"))
    assert found in (PERMERROR, TEMPERROR, FAIL)
    assert len(table.asked) <= lookups.SPF


async def test_what_one_message_asks_is_bounded() -> None:
    zone = Zone({"a.fr A": ["192.0.2.1"]})
    asked = Lookups(zone, asyncio.get_running_loop().time(), 3)
    for _ in range(3):
        await asked.ask("a.fr", "A")
    with pytest.raises(LookupFailed):
        await asked.ask("a.fr", "A")


async def test_the_time_for_one_message_is_bounded(names: NameServer, resolver: Resolver) -> None:
    names.moods["a.fr"] = "silent"
    late = Lookups(resolver, asyncio.get_running_loop().time() - lookups.SECONDS, 3)
    with pytest.raises(LookupFailed, match="out of time"):
        await late.ask("a.fr", "A")


TERMS = st.lists(
    st.sampled_from(["a", "mx", "ptr", "-all", "include:", "exists:", "ip4:", "%{", "}", "%", "d", "2r", "/", "//"])
    | st.text(max_size=3),
    max_size=12,
).map("".join)


@settings(max_examples=60)
@given(st.lists(TERMS, max_size=4))
def test_whatever_stands_in_a_record_it_is_read_or_refused(terms: list[str]) -> None:
    try:
        record = spf_terms.parse(" ".join(["v=spf1", *terms]))
    except PermanentError:
        return
    for one in record.mechanisms:
        if one.target:
            assert len(spf_terms.expand(one.target, lambda letter: f"x{letter}.fr")) <= spf_terms.MAX_NAME


async def asked_of(names: NameServer, resolver: Resolver, known: spf.Known, *senders: str) -> list[Outcome]:
    """What is found of each of these, one after the other, with an empty list of questions before."""
    names.asked.clear()
    found = []
    for sender in senders:
        asked = Lookups(resolver, asyncio.get_running_loop().time(), lookups.SPF)
        found.append(await spf.check(asked, spf.Identity(ip_address("192.0.2.1"), sender, "mx.a.fr"), known))
    return found


async def test_what_hangs_on_the_domain_alone_is_known_as_long_as_its_answers_last(
    names: NameServer, resolver: Resolver
) -> None:
    now = [0.0]
    known = spf.Known(lambda: now[0])
    names["a.fr", "TXT"] = [b"v=spf1 include:b.fr -all"]
    names["b.fr", "TXT"] = [b"v=spf1 ip4:192.0.2.1 -all"]
    assert await asked_of(names, resolver, known, "ada@a.fr", "bob@a.fr") == [PASS, PASS]
    other = Resolver(NameService(nameservers=(names.setting,)))  # it remembers nothing
    names["b.fr", "TXT"] = [b"v=spf1 -all"]
    try:
        assert await asked_of(names, other, known, "eve@a.fr") == [PASS]
        assert not names.asked
        now[0] = 2 * names.ttl
        assert await asked_of(names, other, known, "eve@a.fr") == [FAIL]
    finally:
        await other.close()


async def test_an_answer_lasts_as_long_as_it_did_when_it_was_given(names: NameServer) -> None:
    """One that came for another message meanwhile says nothing of what was concluded from it."""
    now = [0.0]
    resolver = Resolver(NameService(nameservers=(names.setting,)), lambda: now[0])
    names["a.fr", "TXT"] = [b"v=spf1 ip4:192.0.2.1 -all"]
    asked = Lookups(resolver, asyncio.get_running_loop().time(), lookups.SPF)
    try:
        await asked.texts("a.fr")
        now[0] = names.ttl - 1
        assert 0 < asked.lasts <= 1
        now[0] = names.ttl + 1
        await resolver.look_up("a.fr", "TXT")
        assert asked.lasts == 0
        with pytest.raises(LookupFailed):
            await Lookups(resolver, asyncio.get_running_loop().time(), 0).ask("a.fr", "TXT")
    finally:
        await resolver.close()


async def test_what_hangs_on_the_sender_is_found_out_for_each(names: NameServer, resolver: Resolver) -> None:
    names["a.fr", "TXT"] = [b"v=spf1 exists:%{l}.a.fr -all"]
    names["ada.a.fr", "A"] = ["127.0.0.2"]
    assert await asked_of(names, resolver, spf.Known(), "ada@a.fr", "eve@a.fr", "ada@a.fr") == [PASS, FAIL, PASS]
