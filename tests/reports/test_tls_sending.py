"""TLS reports of ours: a day of sessions goes once to who asks for it, by mail or to a page, and to nobody else."""

import email
import gzip
import json
import shutil
from asyncio import get_running_loop
from collections.abc import Iterator
from dataclasses import replace
from email import policy
from pathlib import Path

import pytest

from mailserver.background.daily_reports import AFTER_MIDNIGHT
from mailserver.background.tls_report_sending import SPREAD, TlsReportSender
from mailserver.foundation.network.resolver import Resolver
from mailserver.inbound.authentication.lookups import Lookups
from mailserver.model.clock import DAY
from mailserver.model.sending import tls_sessions
from mailserver.model.sending.tls_sessions import Published, Session
from mailserver.reports import attachments, destinations, tls_json, tls_writing
from mailserver.reports.destinations import TlsDestinations
from mailserver.reports.outgoing_report import Reporter
from mailserver.reports.tally import SessionTally
from mailserver.store.queue.spool import Signing
from mailserver.store.record import trusted_clock
from mailserver.store.reports import tls_seen
from mailserver.store.reports.daily_counts import Due
from mailserver.store.schema.outgoing.spool import queued
from tests.clocks import StandingClock
from tests.inbound.authentication.name_server import NameServer
from tests.reports.test_dmarc_sending import queue
from tests.smtp.elsewhere import Names
from tests.smtp.house import DOMAIN, House
from tests.webui.website import Website, page, world

STS = Published("sts", ("version: STSv1", "mode: testing", "mx: mx.a.example", "max_age: 86400"), ("mx.a.example",))
WELL = Session("a.example", STS)
EXPIRED = Session("a.example", STS, tls_sessions.EXPIRED, "mx.a.example", "192.0.2.1", "192.0.2.9")
PLAIN = Session("a.example", Published(), tls_sessions.NO_STARTTLS, "alt.a.example", "192.0.2.2")

MANY = ",".join(f"mailto:{number}@b.example" for number in range(9))


@pytest.fixture(scope="module")
def reported() -> Iterator[NameServer]:
    server = NameServer()
    server["_smtp._tls.a.example", "TXT"] = [b"v=TLSRPTv1; rua=mailto:tls@loin.example,mailto:t@a.example"]
    server["_smtp._tls.page.example", "TXT"] = [b"v=TLSRPTv1;rua=https://tls.page.example/taken"]
    server["_smtp._tls.twice.example", "TXT"] = [b"v=TLSRPTv1; rua=mailto:x@b.example", b"v=TLSRPTv1; rua=mailto:y@b"]
    server["_smtp._tls.sly.example", "TXT"] = [b"v=TLSRPTv1; rua=mailto:bob@" + DOMAIN.upper().encode()]
    server["_smtp._tls." + DOMAIN, "TXT"] = [b"v=TLSRPTv1; rua=mailto:tls@" + DOMAIN.encode()]
    server.moods["_smtp._tls.lame.example"] = "broken"
    yield server
    server.stop()


@pytest.fixture
def clock() -> StandingClock:
    found = StandingClock()
    found.step(DAY // 2 - found.now() % DAY)
    return found


@pytest.fixture
def house(template: Path, tmp_path: Path, reported: NameServer, clock: StandingClock) -> Iterator[House]:
    shutil.copytree(template, tmp_path / "dir")
    house = House(tmp_path / "dir", clock=clock, dns={"nameservers": [reported.setting]})
    yield house
    house.stop()


@pytest.fixture(scope="module")
def website(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Website]:
    made = Website(tmp_path_factory.mktemp("page"), ["tls.page.example"])
    yield made
    made.stop()


@pytest.fixture
def senders(house: House, website: Website) -> Iterator[list[TlsReportSender]]:
    """Those of two workers."""
    names = Names()
    names.known["tls.page.example", "A"] = ["127.0.0.1"]

    async def make() -> TlsReportSender:
        return TlsReportSender(
            settings=house.settings,
            store=house.store,
            delivery=house.delivery,
            submission=house.submission,
            resolver=Resolver(house.settings.dns),
            outside=replace(world(names, website), port=website.port),
            clock=house.clock,
        )

    made = [house.run(make()) for _ in range(2)]
    yield made
    for one in made:
        house.run(one._resolver.close())
    names.stop()


def seen(house: House, day: int, *sessions: tuple[Session, int]) -> None:
    house.store.write_now(tls_seen.count, day, dict(sessions))


def left(house: House) -> list[Due]:
    return house.read(tls_seen.due, 1 << 40, None, 99)


def at_its_moment(house: House, senders: list[TlsReportSender], clock: StandingClock) -> None:
    """Every report of today is due, and each worker goes round until it has seen all."""
    clock.step(DAY + AFTER_MIDNIGHT + SPREAD - clock.now() % DAY)
    for one in senders * 3:
        house.run(one.round())


def test_a_day_is_reported_once_after_midnight_at_its_moment(
    house: House, senders: list[TlsReportSender], clock: StandingClock
) -> None:
    day = int(clock.now()) // DAY * DAY
    seen(house, day, (WELL, 3), (EXPIRED, 2))
    seen(house, day, (WELL, 4), (PLAIN, 1))
    moment = senders[0].moment(Due(day, "a.example"))
    assert moment == senders[1].moment(Due(day, "a.example"))
    assert day + DAY + AFTER_MIDNIGHT <= moment < day + DAY + AFTER_MIDNIGHT + SPREAD
    clock.step(moment - clock.now() - 1)
    for one in senders * 2:
        assert house.run(one.round()) == 0
    clock.step(1)
    assert sum(house.run(one.round()) for one in senders * 2) == 1
    (first, octets), (second, _) = queue(house)
    assert (first, second) == ("tls@loin.example", "t@a.example")
    assert house.read(lambda tx: {row.signing for row in tx.execute(queued.select())}) == {int(Signing.DKIM)}
    message = email.message_from_bytes(octets, policy=policy.default)
    assert (message.get_content_type(), message["Content-Type"].params["report-type"]) == ("multipart/report", "tlsrpt")
    assert (message["TLS-Report-Domain"], message["TLS-Report-Submitter"]) == ("a.example", DOMAIN)
    assert message["TLS-Required"] == "No"
    _, attached = message.iter_parts()
    assert attached.get_content_type() == "application/tlsrpt+gzip"
    assert attached.get_filename() == f"{DOMAIN}!a.example!{day}!{day + DAY - 1}!001.json.gz"
    report = tls_json.read(gzip.decompress(attached.get_content()))
    assert report == tls_json.read(attachments.of_message(octets)), "our own reader finds it in the mail"
    assert (report.domain, report.begin, report.end) == ("a.example", day, day + DAY - 1)
    assert (report.passed, report.failed) == (7, 3)
    assert {(one.policy, one.result, one.server) for one in report.sessions if one.result} == {
        ("sts", "certificate-expired", "mx.a.example"),
        ("no-policy-found", "starttls-not-supported", "alt.a.example"),
    }


def test_the_form_of_rfc_8460() -> None:
    day = 1_796_000_000 // DAY * DAY
    written = tls_writing.write(Reporter("Académie", DOMAIN), "a.example", day, [(WELL, 7), (EXPIRED, 2)])
    assert json.loads(gzip.decompress(written.packed)) == {
        "organization-name": "Académie",
        "date-range": {"start-datetime": "2026-11-30T00:00:00Z", "end-datetime": "2026-11-30T23:59:59Z"},
        "contact-info": f"postmaster@{DOMAIN}",
        "report-id": f"{day}.a.example@{DOMAIN}",
        "policies": [
            {
                "policy": {
                    "policy-type": "sts",
                    "policy-domain": "a.example",
                    "policy-string": list(STS.text),
                    "mx-host": ["mx.a.example"],
                },
                "summary": {"total-successful-session-count": 7, "total-failure-session-count": 2},
                "failure-details": [
                    {
                        "result-type": "certificate-expired",
                        "sending-mta-ip": "192.0.2.9",
                        "receiving-mx-hostname": "mx.a.example",
                        "receiving-ip": "192.0.2.1",
                        "failed-session-count": 2,
                    }
                ],
            }
        ],
    }


def test_a_page_is_told_and_told_again_where_it_took_nothing(
    house: House, senders: list[TlsReportSender], clock: StandingClock, website: Website
) -> None:
    website.asked.clear()
    website.answers = {"/taken": page(b"", "text/plain", "503 x")}
    day = int(clock.now()) // DAY * DAY
    seen(house, day, (Session("page.example", STS), 3))
    at_its_moment(house, senders, clock)
    tries = len(website.asked)
    assert tries > 1
    assert left(house) == [Due(day, "page.example")]
    website.answers = {"/taken": page(b"", "text/plain")}
    for one in senders * 2:
        house.run(one.round())
    assert len(website.asked) == tries + 1
    head, _, body = website.asked[-1].partition(b"\r\n\r\n")
    assert b"Content-Type: application/tlsrpt+gzip" in head
    assert tls_json.read(gzip.decompress(body)).passed == 3
    assert (left(house), queue(house)) == ([], [])


def test_who_gets_none(house: House, senders: list[TlsReportSender], clock: StandingClock) -> None:
    """Who asks for none, or in two ways at once; our own domain. Who cannot be asked waits, so many days."""
    day = int(clock.now()) // DAY * DAY
    for domain in ("silent.example", "twice.example", "lame.example", DOMAIN):
        seen(house, day, (Session(domain, STS), 1))
    at_its_moment(house, senders, clock)
    assert (left(house), queue(house)) == ([Due(day, "lame.example")], [])
    clock.step(4 * DAY)
    house.store.write_now(trusted_clock.believe)
    at_its_moment(house, senders, clock)
    assert left(house) == []


def test_no_stranger_has_the_service_write_to_people_here(
    house: House, senders: list[TlsReportSender], clock: StandingClock
) -> None:
    """Nor to lists, to which the service may write."""
    seen(house, int(clock.now()) // DAY * DAY, (Session("sly.example", STS), 1))
    at_its_moment(house, senders, clock)
    assert (left(house), house.mail("bob")) == ([], [])


def test_switched_off(house: House, senders: list[TlsReportSender], clock: StandingClock) -> None:
    seen(house, int(clock.now()) // DAY * DAY, (WELL, 1))
    object.__setattr__(house.settings.reports, "send_tls", False)
    at_its_moment(house, senders, clock)
    assert (left(house), queue(house)) == ([], [])
    tally = house.run(made(house))
    house.run(noted(tally, WELL))
    assert left(house) == []


async def made(house: House) -> SessionTally:
    return SessionTally(settings=house.settings, store=house.store, clock=house.clock)


async def noted(tally: SessionTally, *sessions: Session) -> None:
    for one in sessions:
        tally.note(one)
    await tally.close()


def test_what_is_counted_is_added_up_in_the_store(house: House, clock: StandingClock) -> None:
    day = int(clock.now()) // DAY * DAY
    for _ in range(2):
        house.run(noted(house.run(made(house)), WELL, EXPIRED, WELL))
    assert house.read(tls_seen.facts, Due(day, "a.example")) == [(WELL, 4), (EXPIRED, 2)]


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        (b"v=TLSRPTv1;rua=mailto:a@b.example", TlsDestinations(("a@b.example",))),
        (
            b"v=TLSRPTv1; rua=https://b.example/x , mailto:a@b.example;",
            TlsDestinations(("a@b.example",), ("https://b.example/x",)),
        ),
        (b"v=TLSRPTv1; rua=http://b.example/x,ftp:x,mailto:,mailto:a b@c", TlsDestinations()),
        (b"v=TLSRPTv1; rua=" + MANY.encode(), TlsDestinations(tuple(MANY.replace("mailto:", "").split(",")[:3]))),
        (b"v=TLSRPTv11; rua=mailto:a@b.example", TlsDestinations()),
        (b"v=DMARC1; rua=mailto:a@b.example", TlsDestinations()),
        (b"v=TLSRPTv1; x=" + b"y" * 9000 + b"; rua=mailto:a@b.example", TlsDestinations()),
    ],
)
def test_where_reports_are_wanted(house: House, reported: NameServer, record: bytes, wanted: TlsDestinations) -> None:
    domain = f"d{abs(hash(record))}.example"
    reported["_smtp._tls." + domain, "TXT"] = [record]

    async def ask() -> TlsDestinations:
        resolver = Resolver(house.settings.dns)
        try:
            return await destinations.tls_destinations(Lookups(resolver, get_running_loop().time(), 9), domain)
        finally:
            await resolver.close()

    assert house.run(ask()) == wanted
