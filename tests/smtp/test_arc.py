"""Our seals on what is passed on: dkimpy and our own door believe them, alone, in a chain, not once it is broken."""

import shutil
import smtplib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import dkim  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.delivery.held.infected import InfectedMail
from mailserver.delivery.held.moderation import Moderation
from mailserver.foundation.network.resolver import Resolver
from mailserver.inbound.authentication import arc_check, keys
from mailserver.inbound.authentication.arc_check import Sealed
from mailserver.inbound.authentication.dkim_check import Bodies
from mailserver.inbound.authentication.signatures import Header
from mailserver.model.clock import SystemClock
from mailserver.model.messages.authentication import Chain
from mailserver.outbound.submission.signatures import arc
from mailserver.outbound.submission.signatures import dkim as signing
from mailserver.outbound.submission.signatures.dkim import CannotSign, Signer
from mailserver.outbound.submission.signatures.sealing import Seals
from mailserver.outbound.submission.signatures.signing_keys import record_of
from mailserver.store.engine.transactions import Tx
from mailserver.store.people.mailing_lists import lists
from mailserver.store.queue.held import infected as infected_queue
from mailserver.store.queue.held import moderation_queue
from mailserver.store.queue.outbound import dkim_keys
from mailserver.store.record.audit import Origin
from tests.inbound.authentication.name_server import NameServer
from tests.inbound.authentication.signers import KEY, MESSAGE, record, seal, sign
from tests.inbound.junk.scanner import EICAR, Clamd
from tests.smtp.elsewhere import Elsewhere
from tests.smtp.filtering import filters_of
from tests.smtp.house import DOMAIN, LIST, House
from tests.waiting import until

OURS = Signer("s1", signing.new_key())
RECORDS = {
    "s1._domainkey.ac-exemple.fr": OURS.record.encode(),
    **{f"s._domainkey.{domain}": record(KEY) for domain in ("a.fr", "b.fr", "c.fr")},
}
RESULTS = f"{DOMAIN}; spf=pass smtp.mailfrom=ada@a.fr;\r\n\tdkim=pass header.d=a.fr; dmarc=pass header.from=a.fr"
PEER = "127.0.0.2"
LINES = st.lists(st.sampled_from([b"", b" ", b"a  b\t", b"\xe9", b"."]), max_size=9)


def checked(octets: bytes) -> Sealed:
    """What our own door makes of a chain."""
    end = signing.header_end(octets)
    header = Header(octets[:end])
    sets = arc_check.read(header)
    if isinstance(sets, Sealed):
        return sets
    bodies = Bodies([sets[-1].message])
    bodies.take([octets[end + 2 :]])
    names = {one.seal.key_name for one in sets} | {sets[-1].message.key_name}
    return arc_check.verify(header, sets, {name: keys.read([RECORDS[name]]) for name in names}, bodies)


def by_dkimpy(octets: bytes, records: dict[str, bytes] | None = None) -> bytes:
    validity, _, _ = dkim.arc_verify(
        octets, dnsfunc=lambda name, timeout=5: (records or RECORDS)[name.decode().rstrip(".")]
    )
    return bytes(validity or b"nothing")


def sealed(octets: bytes) -> bytes:
    """The same with our seal, over a chain that holds or is none."""
    sets = arc_check.read(Header(octets[: signing.header_end(octets)]))
    assert isinstance(sets, tuple)
    chain = Chain.PASS if sets else Chain.NONE
    return arc.seal(OURS, octets, RESULTS, sets, chain, DOMAIN, int(SystemClock().now())) + octets


def test_a_seal_of_ours_alone() -> None:
    octets = sealed(sign(MESSAGE))
    assert octets.startswith(b"ARC-Seal: i=1; a=rsa-sha256; t=")
    assert f"ARC-Authentication-Results: i=1; {RESULTS}\r\n".encode() in octets
    assert checked(octets).chain is Chain.PASS
    assert arc_check.attested(checked(octets), [DOMAIN])
    assert by_dkimpy(octets) == b"pass"
    for changed in (octets.replace(b"Bonjour", b"Bonsoir"), octets.replace(b"dmarc=pass", b"dmarc=fail")):
        assert changed != octets
        assert checked(changed).chain is Chain.FAIL
        assert by_dkimpy(changed) != b"pass"


def test_a_seal_in_a_chain_of_others() -> None:
    octets = seal(sealed(seal(sign(MESSAGE), b"b.fr", "dkim=pass header.d=a.fr")), b"c.fr", "arc=pass")
    assert by_dkimpy(octets) == b"pass"
    found = checked(octets)
    assert (found.chain, len(found.sets)) == (Chain.PASS, 3)


@settings(max_examples=30)
@given(LINES, st.sampled_from(["é", "x" * 900, '"']))
def test_whatever_the_body_and_the_results_hold(lines: list[bytes], said: str) -> None:
    octets = MESSAGE.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + b"".join(line + b"\r\n" for line in lines)
    fields = arc.seal(OURS, octets, f"{DOMAIN}; dkim=none ({said})", (), Chain.NONE, DOMAIN, 1)
    assert fields.isascii()
    assert checked(fields + octets).chain is Chain.PASS


async def test_a_chain_that_is_broken_or_full_or_unknown(names: NameServer, resolver: Resolver) -> None:
    seals = Seals(resolver=resolver, clock=SystemClock())
    for name, text in RECORDS.items():
        names[name, "TXT"] = [text]
    good = seal(sign(MESSAGE), b"b.fr", "dkim=pass")
    assert checked(await seals.fields(OURS, good, RESULTS, DOMAIN) + good).chain is Chain.PASS
    broken = good.replace(b"Bonjour", b"Bonsoir")
    with pytest.raises(CannotSign):  # perhaps we have changed it
        await seals.fields(OURS, broken, RESULTS, DOMAIN)
    fields = await seals.fields(OURS, broken, f"{RESULTS}; arc=fail (body changed)", DOMAIN)
    assert b"cv=fail" in fields, "said, and not mended"
    assert checked(fields + broken).chain is Chain.FAIL
    assert by_dkimpy(fields + broken) != b"pass"
    half = good.partition(b"\r\n")[2]
    with pytest.raises(CannotSign):
        await seals.fields(OURS, half[half.index(b"ARC-") :], RESULTS, DOMAIN)
    names.moods["s._domainkey.c.fr"] = "broken"
    unknown = seal(sign(MESSAGE), b"c.fr", "dkim=pass")
    with pytest.raises(CannotSign):
        await seals.fields(OURS, unknown, RESULTS, DOMAIN)
    full = sign(MESSAGE)
    for _ in range(arc_check.MAX_SETS):
        full = sealed(full)
    assert checked(full).chain is Chain.PASS
    with pytest.raises(CannotSign):
        await seals.fields(OURS, full, RESULTS, DOMAIN)


# ---------------------------------------------------------------------- from door to door


@pytest.fixture
def names() -> Iterator[NameServer]:
    server = NameServer()
    yield server
    server.stop()


@pytest.fixture
async def resolver(names: NameServer) -> Any:
    from mailserver.foundation.settings import NameService

    found = Resolver(NameService(nameservers=(names.setting,)))
    yield found
    await found.close()


class Passing(NamedTuple):
    """A house whose mail goes to `elsewhere`."""

    house: House
    elsewhere: Elsewhere

    def gets(self, *sent: tuple[str, bytes]) -> None:
        """Messages of ada@a.fr, from a peer that her domain speaks for."""
        port = self.house.ports["smtp"]
        with smtplib.SMTP("127.0.0.1", port, "mx.a.fr", timeout=60, source_address=(PEER, 0)) as client:
            for to, octets in sent:
                client.sendmail("ada@a.fr", [to], octets)

    def left(self, count: int) -> list[bytes]:
        """What has arrived elsewhere: so many messages."""
        until(lambda: len(self.elsewhere.inbox.octets) == count)
        return list(self.elsewhere.inbox.octets)

    def dkimpy_says(self, octets: bytes) -> bytes:
        """Of a chain that the house has sealed last."""
        (key,) = self.house.read(dkim_keys.every)
        return by_dkimpy(octets, {**RECORDS, "s1._domainkey.ac-exemple.fr": record_of(key).encode()})


Pass = Callable[..., Passing]


@pytest.fixture
def passing(instance_template: Path, tmp_path: Path, names: NameServer) -> Iterator[Pass]:
    """Makes the one of a test, with further settings."""
    made: list[Passing] = []

    def make(**settings: Any) -> Passing:
        shutil.copytree(instance_template, tmp_path / "dir")
        elsewhere = Elsewhere().start()
        house = House(
            tmp_path / "dir",
            smtp={"relays": ["127.0.0.1"]},
            dns={"nameservers": [names.setting]},
            outbound={"smarthost": elsewhere.target},
            **settings,
        )
        made.append(Passing(house, elsewhere))
        return made[-1]

    yield make
    for one in made:
        one.house.stop()
        one.elsewhere.stop()


def test_what_a_filter_sends_on_is_sealed(passing: Pass, names: NameServer) -> None:
    """With what our door found; not an octet of it is changed."""
    way = passing(filters={"redirect": "anywhere"})
    names["a.fr", "TXT"] = [b"v=spf1 ip4:127.0.0.2 -all"]
    names["_dmarc.a.fr", "TXT"] = [b"v=DMARC1; p=reject"]
    names["s._domainkey.a.fr", "TXT"] = [record(KEY)]
    filters_of(way.house, "bob", 'redirect "bob@ailleurs.fr";')
    way.house.start_relay()
    octets = sign(MESSAGE)
    way.gets((f"bob@{DOMAIN}", octets))
    (passed,) = way.left(1)
    assert passed.endswith(octets), "not an octet of it is changed"
    assert way.dkimpy_says(passed) == b"pass"
    told = passed.partition(b"ARC-Authentication-Results: ")[2].partition(b"\r\nX-Sieve")[0]
    assert told.startswith(f"i=1; {DOMAIN};".encode())
    assert b"dkim=pass header.d=a.fr" in told
    assert b"dmarc=pass header.from=a.fr" in told
    assert b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=ac-exemple.fr" not in passed


@pytest.fixture
def scanner(tmp_path: Path) -> Iterator[Clamd]:
    (tmp_path / "clamd").mkdir()
    made = Clamd(tmp_path / "clamd")
    yield made
    made.stop()


@pytest.mark.needs("clamd")
def test_what_waited_is_sealed_with_what_was_found_when_it_came(
    passing: Pass, names: NameServer, scanner: Clamd
) -> None:
    """For a list's owner, for IT because of a virus: whatever the DNS of its author says by then."""
    way = passing(
        filters={"redirect": "anywhere"},
        junk={"clamd": f"127.0.0.1:{scanner.port}"},
        authentication={"trusted_sealers": ["b.fr"]},
    )
    house = way.house
    parts: dict[str, Any] = {
        "settings": house.settings,
        "store": house.store,
        "delivery": house.delivery,
        "clock": house.clock,
    }
    it = Origin("it", "test")
    names["a.fr", "TXT"] = [b"v=spf1 ip4:127.0.0.2 -all"]
    names["_dmarc.a.fr", "TXT"] = [b"v=DMARC1; p=none"]
    for domain in ("a.fr", "b.fr"):
        names[f"s._domainkey.{domain}", "TXT"] = [record(KEY)]
    filters_of(house, "bob", 'redirect "bob@ailleurs.fr";')

    def moderated(tx: Tx) -> None:
        lists.change(tx, LIST, {"moderated": 1})

    house.store.write_now(moderated)
    octets = seal(sign(MESSAGE), b"b.fr", "dkim=pass header.d=a.fr")
    ill = sign(MESSAGE.replace(b"Bonjour", EICAR))
    way.gets((LIST, octets), (f"bob@{DOMAIN}", ill))
    for domain in ("a.fr", "b.fr"):
        del names.known[f"s._domainkey.{domain}", "TXT"]
    names["a.fr", "TXT"] = [b"v=spf1 -all"]
    house.start_relay()
    (waiting,) = house.read(moderation_queue.waiting)
    house.run(Moderation(directory=house.directory, **parts).approve(waiting.id, it))
    (infected,) = house.read(infected_queue.waiting)
    house.run(InfectedMail(**parts).release(infected.id, it))
    inbox = way.left(3)  # what bob's filter sends on of the list, too
    passed = {
        b"list": next(one for one in inbox if b"List-Id" in one and b"X-Sieve" not in one),
        b"virus": next(one for one in inbox if b"List-Id" not in one),
    }
    for kind, number in ((b"list", 2), (b"virus", 1)):
        told = passed[kind].partition(f"ARC-Authentication-Results: i={number}; {DOMAIN};".encode())[2]
        told = told.partition(b"\r\nARC-" if number == 2 else b"\r\nX-Sieve")[0]
        assert b"dkim=pass header.d=a.fr" in told, kind
        assert b"spf=pass" in told, kind
        assert way.dkimpy_says(passed[kind]) == b"pass", kind
    assert b"cv=pass" in passed[b"list"].partition(b"ARC-Message-Signature")[0]


@pytest.mark.parametrize(("changed", "validity"), [(b"", b"cv=pass"), (b"Bonsoir", b"cv=fail")])
def test_a_list_says_of_a_chain_what_it_was_when_it_came_whoever_sealed_it(
    passing: Pass, names: NameServer, changed: bytes, validity: bytes
) -> None:
    """RFC 8617 section 5.1: by its keys. The list's own changes break nothing; trust is for whoever gets it to give."""
    way = passing()
    names["_dmarc.a.fr", "TXT"] = [b"v=DMARC1; p=none"]
    for domain in ("a.fr", "b.fr"):
        names[f"s._domainkey.{domain}", "TXT"] = [record(KEY)]
    octets = seal(sign(MESSAGE), b"b.fr", "dkim=pass header.d=a.fr").replace(b"Bonjour", changed or b"Bonjour")
    way.house.start_relay()
    way.gets((LIST, octets))
    (passed,) = way.left(1)
    seals = passed.partition(b"ARC-Message-Signature")[0]
    assert b"ARC-Seal: i=2;" in seals
    assert validity in seals
    told = passed.partition(b"ARC-Authentication-Results: i=2; ")[2].partition(b"\r\nARC-")[0]
    assert arc_check.results_of(told, "arc") == {validity.decode().removeprefix("cv=")}
    assert (way.dkimpy_says(passed) == b"pass") is (not changed)
