"""What TLS with other servers must be before they get a message."""

import datetime
import hashlib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailserver.foundation.network.safe_fetch import SafeFetch
from mailserver.foundation.tls import AUTHORITY, make_certificate
from mailserver.model.clock import DAY
from mailserver.store.engine.statements import Tx
from mailserver.store.queue import spool
from mailserver.store.queue.outbound import sts_policies, tls_memory
from mailserver.store.queue.outbound.tls_memory import Remembered
from mailserver.store.reports import tls_seen
from mailserver.store.reports.daily_counts import Due
from smtp.relay.tls import required_field
from smtp.relay.tls.mta_sts import StsPolicies
from tests.clocks import StandingClock
from tests.smtp.conftest import HouseMaker
from tests.smtp.elsewhere import Elsewhere, Names
from tests.smtp.house import DOMAIN, House
from tests.waiting import until
from tests.webui.website import Website, page, world

ADA = f"ada@{DOMAIN}"
MESSAGE = f"From: Ada <{ADA}>\r\nTo: x@ailleurs.fr\r\nSubject: x\r\n\r\nBonjour\r\n".encode()
MX = "mx.ailleurs.fr"


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a certificate for MX, and of the authority that signed it."""
    folder = tmp_path_factory.mktemp("identity")
    make_certificate(folder / "cert.pem", folder / "key.pem", [MX], datetime.datetime.now(datetime.UTC))
    return folder


@pytest.fixture
def trust(identity: Path) -> ssl.SSLContext:
    """For who knows that authority."""
    return ssl.create_default_context(cafile=str(identity / AUTHORITY))


def secure(identity: Path) -> Elsewhere:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity / "cert.pem", identity / "key.pem")
    return Elsewhere(tls=context)


@pytest.fixture
def elsewhere(identity: Path) -> Iterator[Elsewhere]:
    """Has a certificate for MX."""
    made = secure(identity).start()
    yield made
    made.stop()


@pytest.fixture
def plain() -> Iterator[Elsewhere]:
    """Offers no TLS."""
    made = Elsewhere().start()
    yield made
    made.stop()


@pytest.fixture
def names() -> Iterator[Names]:
    made = Names()
    made.known = {("ailleurs.fr", "MX"): [f"10 {MX}."], (MX, "A"): ["127.0.0.1"]}
    yield made
    made.stop()


def open_house(
    make_house: HouseMaker, names: Names, port: int, trust: ssl.SSLContext, *, name: str = "dir", **outbound: object
) -> House:
    house = make_house(name, outbound={"port": port, "retry": (1,), **outbound})
    house.start_relay(resolver=names.resolver(), trust=trust)
    return house


def submit(house: House, *recipients: str, octets: bytes = MESSAGE) -> None:
    house.run(house.submission.submit(house.people["ada"], ADA, recipients, octets))


def waits(house: House) -> str:
    """Why the message waits; empty: nobody has tried yet, or it has left."""
    found = house.read(spool.show)
    return found[0].error if found else ""


# ---------------------------------------------------------------------- domains that the operator names


def test_a_named_domain_gets_mail_over_verified_tls(
    make_house: HouseMaker, names: Names, elsewhere: Elsewhere, trust: ssl.SSLContext
) -> None:
    house = open_house(make_house, names, elsewhere.port, trust, require_tls=("Ailleurs.fr",))
    submit(house, "x@ailleurs.fr")
    until(lambda: elsewhere.inbox.taken)
    assert elsewhere.inbox.tls == [True]


def test_a_named_domain_gets_nothing_in_the_clear(
    make_house: HouseMaker, names: Names, plain: Elsewhere, trust: ssl.SSLContext
) -> None:
    names.known["autre.fr", "MX"] = names.known["ailleurs.fr", "MX"]
    names.known["sous.ailleurs.fr", "MX"] = names.known["ailleurs.fr", "MX"]
    house = open_house(make_house, names, plain.port, trust, require_tls=("ailleurs.fr",))
    for recipient in ("x@ailleurs.fr", "x@sous.ailleurs.fr", "x@autre.fr"):
        submit(house, recipient)
    until(lambda: plain.inbox.taken)
    until(
        lambda: (
            [one.error for one in house.read(spool.show)]
            == [f"{MX}: The server offers no encrypted connection (STARTTLS), which is required for this domain"] * 2
        )
    )
    assert [one.rcpt_tos for one in plain.inbox.taken] == [["x@autre.fr"]]


def test_a_named_domain_gets_nothing_with_a_certificate_of_nobody_known(
    make_house: HouseMaker, names: Names, elsewhere: Elsewhere, trust: ssl.SSLContext
) -> None:
    house = open_house(make_house, names, elsewhere.port, ssl.create_default_context(), require_tls=("ailleurs.fr",))
    submit(house, "x@ailleurs.fr")
    until(lambda: f"The certificate of {MX} does not prove that it is this server" in waits(house))
    assert elsewhere.inbox.taken == []


def test_a_named_domain_gets_nothing_with_a_certificate_for_another_name(
    make_house: HouseMaker, names: Names, elsewhere: Elsewhere, trust: ssl.SSLContext
) -> None:
    names.known["ailleurs.fr", "MX"] = ["10 mx2.ailleurs.fr."]
    names.known["mx2.ailleurs.fr", "A"] = ["127.0.0.1"]
    house = open_house(make_house, names, elsewhere.port, trust, require_tls=("ailleurs.fr",))
    submit(house, "x@ailleurs.fr")
    until(lambda: "Hostname mismatch" in waits(house))
    assert elsewhere.inbox.taken == []


# ---------------------------------------------------------------------- MTA-STS (RFC 8461)

STS_HOST = "mta-sts.ailleurs.fr"
STS_PATH = "/.well-known/mta-sts.txt"


def policy(mode: str = "enforce", mx: str = MX, max_age: int = 10 * DAY) -> bytes:
    text = f"version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: {max_age}\r\n"
    return page(text.encode(), "text/plain; charset=utf-8")


@pytest.fixture(scope="module")
def website(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Website]:
    made = Website(tmp_path_factory.mktemp("sts"), [STS_HOST])
    yield made
    made.stop()


@pytest.fixture
def site(website: Website, names: Names) -> Website:
    """Serves the policy of ailleurs.fr, which its record announces."""
    website.asked.clear()
    website.answers = {STS_PATH: policy()}
    names.known |= {("_mta-sts.ailleurs.fr", "TXT"): ['"v=STSv1; id=1;"'], (STS_HOST, "A"): ["127.0.0.1"]}
    return website


def nearby(names: Names, site: Website) -> SafeFetch:
    return replace(world(names, site), port=site.port)


def open_sts(
    make_house: HouseMaker, names: Names, site: Website, port: int, trust: ssl.SSLContext, name: str = "dir"
) -> House:
    house = make_house(name, outbound={"port": port, "retry": (1,)})
    house.start_relay(resolver=names.resolver(), trust=trust, outside=nearby(names, site))
    return house


def test_what_a_policy_asks_is_kept(
    make_house: HouseMaker, names: Names, site: Website, elsewhere: Elsewhere, trust: ssl.SSLContext
) -> None:
    house = open_sts(make_house, names, site, elsewhere.port, trust)
    submit(house, "x@ailleurs.fr")
    until(lambda: elsewhere.inbox.taken)
    assert elsewhere.inbox.tls == [True]
    submit(house, "y@ailleurs.fr")
    until(lambda: len(elsewhere.inbox.taken) == 2)
    assert [one.split(b" HTTP")[0] for one in site.asked] == [f"GET {STS_PATH}".encode()]
    stored = house.read(sts_policies.get, "ailleurs.fr")
    assert stored is not None
    assert (stored.record, stored.policy.exchangers) == ("1", (MX,))


def test_nothing_goes_in_the_clear_where_the_policy_says_enforce(
    make_house: HouseMaker, names: Names, site: Website, plain: Elsewhere, trust: ssl.SSLContext
) -> None:
    house = open_sts(make_house, names, site, plain.port, trust)
    submit(house, "x@ailleurs.fr")
    until(lambda: "STARTTLS" in waits(house))
    assert plain.inbox.taken == []
    house.stop_relays()
    # Whoever holds up DNS and HTTPS takes nothing away, from another worker after a restart either.
    names.broken.add("_mta-sts.ailleurs.fr")
    site.answers.clear()
    submit(house, "x@autre.fr")
    names.known["autre.fr", "MX"] = names.known["ailleurs.fr", "MX"]
    house.start_relay(resolver=names.resolver(), trust=trust, outside=nearby(names, site))
    until(lambda: plain.inbox.taken)
    until(
        lambda: (
            [one.domain for one in house.read(spool.show) if one.attempts > 1 and not one.sending] == ["ailleurs.fr"]
        )
    )
    assert [one.rcpt_tos for one in plain.inbox.taken] == [["x@autre.fr"]]


def test_a_certificate_that_nobody_knows_is_none(
    make_house: HouseMaker, names: Names, site: Website, elsewhere: Elsewhere
) -> None:
    house = open_sts(make_house, names, site, elsewhere.port, ssl.create_default_context())
    submit(house, "x@ailleurs.fr")
    until(lambda: "does not prove" in waits(house))
    assert elsewhere.inbox.taken == []


def test_servers_that_the_policy_does_not_name_get_nothing(
    make_house: HouseMaker, names: Names, site: Website, elsewhere: Elsewhere, trust: ssl.SSLContext
) -> None:
    site.answers[STS_PATH] = policy(mx="*.autre.fr")
    house = open_sts(make_house, names, site, elsewhere.port, trust)
    submit(house, "x@ailleurs.fr")
    until(lambda: waits(house) == f"The MTA-STS policy of ailleurs.fr names none of its servers ({MX})")
    assert elsewhere.inbox.said == []


def test_a_policy_that_is_tested_keeps_nothing_back(
    make_house: HouseMaker, names: Names, site: Website, plain: Elsewhere, elsewhere: Elsewhere
) -> None:
    site.answers[STS_PATH] = policy("testing")
    for number, server in enumerate((plain, elsewhere)):
        house = open_sts(make_house, names, site, server.port, ssl.create_default_context(), f"dir{number}")
        submit(house, "x@ailleurs.fr")
        until(lambda server=server: server.inbox.taken)  # type: ignore[misc]
    # A certificate of nobody is less than was hoped for, and more than nothing.
    assert (plain.inbox.tls, elsewhere.inbox.tls) == ([False], [True])


@pytest.mark.parametrize(
    "answer",
    [
        page(b"version: STSv1\n", "text/plain"),
        page(b"", "text/plain", "302 Found", "Location: /policy\r\n"),
        policy().replace(b"text/plain", b"text/html"),
        policy().replace(b"200 OK", b"404 Not Found"),
        page(b"x" * 70_000, "text/plain"),
    ],
)
def test_what_cannot_be_had_or_is_no_policy_keeps_nothing_back(
    make_house: HouseMaker, names: Names, site: Website, plain: Elsewhere, trust: ssl.SSLContext, answer: bytes
) -> None:
    site.answers = {STS_PATH: answer, "/policy": policy()}
    house = open_sts(make_house, names, site, plain.port, trust)
    submit(house, "x@ailleurs.fr", "y@ailleurs.fr")
    until(lambda: plain.inbox.taken)
    assert len(site.asked) == 1
    assert house.read(sts_policies.get, "ailleurs.fr") is None


def test_routes_that_the_operator_set_and_who_heeds_no_policy(
    make_house: HouseMaker, names: Names, site: Website, plain: Elsewhere, trust: ssl.SSLContext
) -> None:
    settings = ({"smarthost": plain.target}, {"mta_sts": False, "port": plain.port})
    for number, outbound in enumerate(settings):
        house = make_house(f"dir{number}", outbound=outbound)
        house.start_relay(resolver=names.resolver(), trust=trust, outside=nearby(names, site))
        submit(house, "x@ailleurs.fr")
        until(lambda number=number: len(plain.inbox.taken) == number + 1)  # type: ignore[misc]
    assert site.asked == []


def test_a_new_record_brings_the_new_policy(
    make_house: HouseMaker, names: Names, site: Website, plain: Elsewhere, trust: ssl.SSLContext
) -> None:
    house = open_sts(make_house, names, site, plain.port, trust)
    submit(house, "x@ailleurs.fr")
    until(lambda: "STARTTLS" in waits(house))
    house.stop_relays()
    site.answers[STS_PATH] = policy("none")
    names.known["_mta-sts.ailleurs.fr", "TXT"] = ['"v=STSv1; id=2;"']
    house.start_relay(resolver=names.resolver(), trust=trust, outside=nearby(names, site))
    until(lambda: plain.inbox.taken)


def test_policies_in_use_are_refreshed_once_a_day_by_one_worker(
    make_house: HouseMaker, names: Names, site: Website, elsewhere: Elsewhere, trust: ssl.SSLContext
) -> None:
    clock = StandingClock()
    house = make_house(outbound={"port": elsewhere.port}, clock=clock)
    relay = house.start_relay(resolver=names.resolver(), trust=trust, outside=nearby(names, site))
    submit(house, "x@ailleurs.fr")
    until(lambda: elsewhere.inbox.taken)
    sts = relay.policies.sts
    other = StsPolicies(house.store, clock, names.resolver, nearby(names, site))
    assert house.run(sts.refresh()) == 0
    first = house.read(sts_policies.get, "ailleurs.fr")
    clock.step(DAY)
    (due,) = house.read(sts_policies.due, 10)
    assert house.run(sts.refresh()) == 1
    assert house.run(other.refresh()) == 0
    assert not house.store.write_now(sts_policies.check, due)  # who had seen that it is due, too, was slower
    second = house.read(sts_policies.get, "ailleurs.fr")
    assert first is not None
    assert second is not None
    assert (len(site.asked), second.expires - first.expires) == (2, DAY)
    # What cannot be refreshed holds until its end; what nobody uses is not refreshed.
    site.answers.clear()
    clock.step(DAY)
    assert house.run(sts.refresh()) == 1
    assert house.read(sts_policies.get, "ailleurs.fr") == second
    for _ in range(7):
        clock.step(DAY)
        house.run(sts.refresh())
    assert len(site.asked) < 10
    clock.step(2 * DAY)
    assert house.read(sts_policies.get, "ailleurs.fr") is None


# ---------------------------------------------------------------------- DANE (RFC 7672)


def der(identity: Path) -> list[bytes]:
    """The server's certificate and that of the authority."""
    found = x509.load_pem_x509_certificates((identity / "cert.pem").read_bytes())
    return [one.public_bytes(Encoding.DER) for one in found]


def key_of(octets: bytes) -> bytes:
    key = x509.load_der_x509_certificate(octets).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture
def publish(names: Names) -> Callable[..., None]:
    """Gives MX TLSA records, all of it signed."""

    def do(port: int, *records: str) -> None:
        place = f"_{port}._tcp.{MX}"
        names.known[place, "TLSA"] = list(records)
        names.signed |= {"ailleurs.fr", MX, place}

    return do


def tlsa_of(usage: int, octets: bytes) -> str:
    return f"{usage} 1 1 {hashlib.sha256(key_of(octets)).hexdigest()}"


@pytest.mark.parametrize("usage", [2, 3])
def test_a_server_with_its_key_in_dns_gets_mail(
    make_house: HouseMaker,
    names: Names,
    elsewhere: Elsewhere,
    identity: Path,
    publish: Callable[..., None],
    usage: int,
) -> None:
    """By its own key, or by that of an authority that nobody else knows."""
    publish(elsewhere.port, tlsa_of(usage, der(identity)[3 - usage]))
    house = open_house(make_house, names, elsewhere.port, ssl.create_default_context())
    submit(house, "x@ailleurs.fr")
    until(lambda: elsewhere.inbox.taken)
    assert elsewhere.inbox.tls == [True]


@pytest.mark.parametrize("record", ["3 1 1 " + "ab" * 32, "2 1 1 " + "ab" * 32, "3 0 0 3000", "2 0 0 3000"])
def test_a_server_with_another_key_gets_nothing(
    make_house: HouseMaker,
    names: Names,
    elsewhere: Elsewhere,
    trust: ssl.SSLContext,
    publish: Callable[..., None],
    record: str,
) -> None:
    publish(elsewhere.port, record)
    house = open_house(make_house, names, elsewhere.port, trust)
    submit(house, "x@ailleurs.fr")
    until(lambda: "DANE" in waits(house))
    assert waits(house).startswith(f"{MX}: The certificate of {MX} has no key that DNS gives it")
    assert [one for one in elsewhere.inbox.said if not one.startswith("EHLO")] == []


def test_a_key_in_dns_and_no_tls(
    make_house: HouseMaker, names: Names, plain: Elsewhere, trust: ssl.SSLContext, publish: Callable[..., None]
) -> None:
    publish(plain.port, "3 1 1 " + "ab" * 32)
    house = open_house(make_house, names, plain.port, trust)
    submit(house, "x@ailleurs.fr")
    until(lambda: "STARTTLS" in waits(house))
    assert plain.inbox.taken == []


def test_a_key_of_no_use_asks_for_tls_of_anybody(
    make_house: HouseMaker,
    names: Names,
    elsewhere: Elsewhere,
    plain: Elsewhere,
    publish: Callable[..., None],
) -> None:
    """RFC 7672 section 2.2: TLS is demanded, and nothing of its certificate."""
    for number, server in enumerate((elsewhere, plain)):
        publish(server.port, "1 1 1 " + "ab" * 32, "3 1 7 abcd", "3 9 1 " + "ab" * 32)
        house = open_house(make_house, names, server.port, ssl.create_default_context(), name=f"dir{number}")
        submit(house, "x@ailleurs.fr")
    until(lambda: elsewhere.inbox.taken)
    until(lambda: "STARTTLS" in waits(house))
    assert plain.inbox.taken == []


def test_a_key_of_no_use_takes_nothing_from_what_the_operator_demands(
    make_house: HouseMaker, names: Names, elsewhere: Elsewhere, publish: Callable[..., None]
) -> None:
    """A certificate for the name, of an authority that is known."""
    publish(elsewhere.port, "1 1 1 " + "ab" * 32)
    nobody = ssl.create_default_context()
    house = open_house(make_house, names, elsewhere.port, nobody, require_tls=("ailleurs.fr",))
    submit(house, "x@ailleurs.fr")
    until(lambda: "certificate" in waits(house))
    assert elsewhere.inbox.taken == []


@pytest.mark.parametrize("missing", ["ailleurs.fr", MX, "TLSA", "believed"])
def test_what_is_not_validated_on_the_whole_way_is_no_key(
    make_house: HouseMaker, names: Names, plain: Elsewhere, publish: Callable[..., None], missing: str
) -> None:
    publish(plain.port, "3 1 1 " + "ab" * 32)
    names.signed.discard(f"_{plain.port}._tcp.{MX}" if missing == "TLSA" else missing)
    house = make_house(outbound={"port": plain.port}, dns={"validating": "no" if missing == "believed" else "loopback"})
    house.start_relay(resolver=names.resolver())
    submit(house, "x@ailleurs.fr")
    until(lambda: plain.inbox.taken)


def test_keys_that_cannot_be_found_out_hold_mail_back(
    make_house: HouseMaker, names: Names, elsewhere: Elsewhere, publish: Callable[..., None]
) -> None:
    publish(elsewhere.port)
    names.broken.add(f"_{elsewhere.port}._tcp.{MX}")
    house = open_house(make_house, names, elsewhere.port, ssl.create_default_context())
    submit(house, "x@ailleurs.fr")
    until(lambda: waits(house) == "DNS does not say which keys the servers of ailleurs.fr have (DANE)")
    assert elsewhere.inbox.said == []
    names.known["ailleurs.fr", "MX"].append("20 second.ailleurs.fr.")
    names.known["second.ailleurs.fr", "A"] = ["127.0.0.1"]
    until(lambda: elsewhere.inbox.taken)


def test_dane_goes_before_a_policy(
    make_house: HouseMaker,
    names: Names,
    site: Website,
    elsewhere: Elsewhere,
    identity: Path,
    publish: Callable[..., None],
) -> None:
    """RFC 8461 section 2: neither what the policy would let pass nor what it would keep back."""
    site.answers[STS_PATH] = policy(mx="*.autre.fr")
    publish(elsewhere.port, tlsa_of(3, der(identity)[0]))
    house = open_sts(make_house, names, site, elsewhere.port, ssl.create_default_context())
    submit(house, "x@ailleurs.fr")
    until(lambda: elsewhere.inbox.taken)
    assert elsewhere.inbox.tls == [True]


def test_an_alias_has_the_keys_of_what_it_leads_to(
    make_house: HouseMaker, names: Names, elsewhere: Elsewhere, identity: Path
) -> None:
    place = f"_{elsewhere.port}._tcp.real.ailleurs.fr"
    names.known[MX, "CNAME"] = ["real.ailleurs.fr."]
    names.known["real.ailleurs.fr", "A"] = names.known.pop((MX, "A"))
    names.known[place, "TLSA"] = [tlsa_of(3, der(identity)[0])]
    names.signed |= {"ailleurs.fr", MX, place}
    house = open_house(make_house, names, elsewhere.port, ssl.create_default_context(), require_tls=("ailleurs.fr",))
    submit(house, "x@ailleurs.fr")
    until(lambda: elsewhere.inbox.taken)


# ---------------------------------------------------------------------- TLS that was there before


def days_of_tls(house: House, clock: StandingClock, server: Elsewhere, days: int) -> None:
    """A message each day, taken over TLS and recorded; what was written down of its TLS is there."""
    for day in range(1, days + 1):
        submit(house, "x@ailleurs.fr")
        until(lambda day=day: _days(house) == day and not house.read(spool.show))  # type: ignore[misc]
        clock.step(DAY)
    assert server.inbox.tls == [True] * days


def _days(house: House) -> int:
    found = house.read(tls_memory.get, "ailleurs.fr")
    return found.days if found is not None else 0


def again(house: House, later: Callable[[], None]) -> None:
    """Time passes, and the operator has everything tried again: in one unit, so that no attempt comes in between."""

    def unit(tx: Tx) -> None:
        later()
        spool.retry(tx)

    house.store.write_now(unit)


@pytest.mark.parametrize("after", ["send", "wait"])
def test_who_had_tls_gets_nothing_in_the_clear_for_a_while(
    make_house: HouseMaker, names: Names, identity: Path, after: str
) -> None:
    clock = StandingClock()
    before = secure(identity).start()
    house = make_house(outbound={"port": before.port, "tls_lost_hours": 10, "tls_lost": after}, clock=clock)
    house.start_relay(resolver=names.resolver())
    days_of_tls(house, clock, before, 3)
    before.stop()
    bare = Elsewhere(port=before.port).start()
    submit(house, "x@ailleurs.fr")
    until(
        lambda: (
            waits(house) == f"{MX}: The server took mail over TLS so far (STARTTLS), and offers it no more;"
            " the message waits"
        )
    )
    lost = house.read(tls_memory.get, "ailleurs.fr")
    assert lost == Remembered(3, int(clock.now()))
    again(house, lambda: clock.step(9 * 3600))
    until(lambda: house.read(spool.show)[0].attempts == 2 and not house.read(spool.show)[0].sending)
    assert bare.inbox.taken == []
    again(house, lambda: clock.step(3600))
    if after == "send":
        until(lambda: bare.inbox.taken)
        assert bare.inbox.tls == [False]
    else:
        until(lambda: house.read(spool.show)[0].attempts == 3 and not house.read(spool.show)[0].sending)
        assert bare.inbox.taken == []
    bare.stop()


def test_tls_that_is_back_is_remembered_as_before(make_house: HouseMaker, names: Names, identity: Path) -> None:
    clock = StandingClock()
    before = secure(identity).start()
    house = make_house(outbound={"port": before.port}, clock=clock)
    house.start_relay(resolver=names.resolver())
    days_of_tls(house, clock, before, 3)
    house.store.write_now(tls_memory.lose, "ailleurs.fr")
    submit(house, "x@ailleurs.fr")
    until(lambda: house.read(tls_memory.get, "ailleurs.fr") == Remembered(4, 0) and not house.read(spool.show))
    house.store.write_now(tls_memory.lose, "ailleurs.fr")
    house.store.write_now(tls_memory.keep, "ailleurs.fr")
    assert house.read(tls_memory.get, "ailleurs.fr") == Remembered(4, 0)
    assert house.store.write_now(tls_memory.forget) == 0
    before.stop()


@pytest.mark.parametrize("hours", [24, 0])
def test_who_had_tls_for_a_day_or_two_or_is_not_waited_for(
    make_house: HouseMaker, names: Names, identity: Path, hours: int
) -> None:
    clock = StandingClock()
    before = secure(identity).start()
    house = make_house(outbound={"port": before.port, "tls_lost_hours": hours}, clock=clock)
    house.start_relay(resolver=names.resolver())
    days_of_tls(house, clock, before, 2 if hours else 3)
    before.stop()
    bare = Elsewhere(port=before.port).start()
    submit(house, "x@ailleurs.fr")
    until(lambda: bare.inbox.taken)
    bare.stop()


# ---------------------------------------------------------------------- TLS-Required (RFC 8689 section 5)


def test_whoever_would_rather_have_it_arrive(
    make_house: HouseMaker, names: Names, site: Website, plain: Elsewhere, trust: ssl.SSLContext
) -> None:
    house = open_sts(make_house, names, site, plain.port, trust)
    submit(house, "x@ailleurs.fr")
    submit(house, "y@ailleurs.fr", octets=b"TLS-Required:\r\n NO\r\n" + MESSAGE)
    until(lambda: plain.inbox.taken)
    assert [one.rcpt_tos for one in plain.inbox.taken] == [["y@ailleurs.fr"]]
    until(lambda: "STARTTLS" in waits(house))


def test_what_the_operator_requires_nobody_waives(
    make_house: HouseMaker, names: Names, plain: Elsewhere, trust: ssl.SSLContext
) -> None:
    house = open_house(make_house, names, plain.port, trust, require_tls=("ailleurs.fr",))
    submit(house, "x@ailleurs.fr", octets=b"TLS-Required: No\r\n" + MESSAGE)
    until(lambda: "STARTTLS" in waits(house))
    assert plain.inbox.taken == []


@pytest.mark.parametrize(
    ("octets", "waived"),
    [
        (b"TLS-Required: No\r\n\r\n", True),
        (b"From: a\r\ntls-required:no\r\n", True),
        (b"TLS-Required: No\r\nTLS-Required: No\r\n\r\n", False),
        (b"TLS-Required: Yes\r\n\r\n", False),
        (b"TLS-Required: No way\r\n\r\n", False),
        (b"Subject: x\r\n\r\nTLS-Required: No\r\n", False),
        (b"X-TLS-Required: No\r\n\r\n", False),
        (b"\r\nTLS-Required: No\r\n\r\n", False),
        (b"", False),
    ],
)
def test_what_waives(octets: bytes, waived: bool) -> None:
    assert required_field.says_no(octets) is waived


# ---------------------------------------------------------------------- what is reported of it (RFC 8460)


def told(house: House) -> list[tuple[str, str, str, int]]:
    """Policy, result, server and number of the sessions with the servers of ailleurs.fr, once the relay has stopped."""
    house.stop_relays()
    day = int(house.clock.now()) // DAY * DAY
    seen = house.read(tls_seen.facts, Due(day, "ailleurs.fr"))
    return [(one.published.kind, one.result, one.server, count) for one, count in seen]


def test_sessions_that_went_well_are_counted_one_by_one_and_not_by_message(
    make_house: HouseMaker, names: Names, site: Website, elsewhere: Elsewhere, trust: ssl.SSLContext
) -> None:
    house = open_sts(make_house, names, site, elsewhere.port, trust)
    for number in range(3):
        submit(house, "x@ailleurs.fr")
        until(lambda number=number: len(elsewhere.inbox.taken) > number)  # type: ignore[misc]
    assert told(house) == [("sts", "", "", 1)]
    ((one, _),) = house.read(tls_seen.facts, Due(int(house.clock.now()) // DAY * DAY, "ailleurs.fr"))
    assert one.published.text == ("version: STSv1", "mode: enforce", f"mx: {MX}", f"max_age: {10 * DAY}")


def test_what_failed_is_told_with_its_server(
    make_house: HouseMaker, names: Names, site: Website, elsewhere: Elsewhere
) -> None:
    """In mode "testing" mail goes on, over TLS with anybody: that is one session, which failed."""
    site.answers[STS_PATH] = policy("testing")
    house = open_sts(make_house, names, site, elsewhere.port, ssl.create_default_context())
    submit(house, "x@ailleurs.fr")
    until(lambda: elsewhere.inbox.taken)
    assert told(house) == [("sts", "certificate-not-trusted", MX, 1)]


def test_a_server_without_tls_is_told_of_whatever_its_domain_asks(
    make_house: HouseMaker, names: Names, plain: Elsewhere, trust: ssl.SSLContext
) -> None:
    house = open_house(make_house, names, plain.port, trust)
    submit(house, "x@ailleurs.fr")
    until(lambda: plain.inbox.taken)
    assert told(house) == [("no-policy-found", "starttls-not-supported", MX, 1)]


def test_what_only_we_demand_is_no_failure_of_theirs(
    make_house: HouseMaker, names: Names, elsewhere: Elsewhere
) -> None:
    house = open_house(make_house, names, elsewhere.port, ssl.create_default_context(), require_tls=("ailleurs.fr",))
    submit(house, "x@ailleurs.fr")
    until(lambda: "does not prove" in waits(house))
    assert told(house) == []


def test_keys_in_dns_and_policies_that_cannot_be_had(
    make_house: HouseMaker,
    names: Names,
    site: Website,
    elsewhere: Elsewhere,
    trust: ssl.SSLContext,
    publish: Callable[..., None],
) -> None:
    site.answers.clear()
    publish(elsewhere.port, "3 1 1 " + "ab" * 32)
    house = open_sts(make_house, names, site, elsewhere.port, trust)
    submit(house, "x@ailleurs.fr")
    until(lambda: "DANE" in waits(house))
    assert sorted(told(house))[:2] == [("sts", "sts-policy-fetch-error", "", 1), ("tlsa", "tlsa-invalid", MX, 1)]


def test_of_mail_that_goes_by_no_policy_and_ways_of_the_settings_nothing_is_told(
    make_house: HouseMaker, names: Names, plain: Elsewhere, trust: ssl.SSLContext
) -> None:
    """A report itself goes so: it would tell of its own session (RFC 8460 section 5.3)."""
    house = open_house(make_house, names, plain.port, trust, routes={"autre.fr": plain.target})
    submit(house, "x@ailleurs.fr", octets=b"TLS-Required: No\r\n" + MESSAGE)
    submit(house, "x@autre.fr")
    until(lambda: len(plain.inbox.taken) == 2)
    assert told(house) == []
    assert house.read(tls_seen.due, 1 << 40, None, 9) == []
