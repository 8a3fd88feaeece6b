"""Reports of ours: what was seen is counted, and goes once a day to those who ask for it and may be sent it."""

import gzip
import shutil
from asyncio import get_running_loop
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailserver.background.daily_reports import AFTER_MIDNIGHT
from mailserver.background.dmarc_report_sending import DmarcReportSender
from mailserver.foundation.network.resolver import Resolver
from mailserver.foundation.settings import NameService
from mailserver.inbound.authentication.lookups import Lookups
from mailserver.mime import scan, unpack
from mailserver.model import observations
from mailserver.model.errors import Temporary
from mailserver.model.observations import Observed
from mailserver.model.reports import Source
from mailserver.reports import attachments, destinations, dmarc_writing, dmarc_xml, tally
from mailserver.reports.destinations import Destination, addresses
from mailserver.reports.outgoing_report import Reporter
from mailserver.reports.tally import Tally
from mailserver.store.engine.transactions import Tx
from mailserver.store.queue import spool
from mailserver.store.reports import daily_counts, figures, seen
from mailserver.store.reports.daily_counts import Due
from mailserver.store.schema.outgoing.spool import queued, queued_recipient
from mailserver.store.schema.service.reports import report_seen
from tests.clocks import StandingClock
from tests.inbound.authentication.name_server import NameServer
from tests.reports.conftest import ADDRESSES
from tests.reports.samples import DAY
from tests.reports.test_arrival import send
from tests.smtp.house import DOMAIN, House

ELSEWHERE = b"v=DMARC1; p=reject; adkim=s; pct=100; rua=mailto:dmarc@loin.example!10m, mailto:tout@b.example"


@pytest.fixture(scope="module")
def reported() -> Iterator[NameServer]:
    server = NameServer()
    server["a.example", "TXT"] = [b"v=spf1 ip4:127.0.0.2 -all"]
    server["_dmarc.a.example", "TXT"] = [ELSEWHERE]
    server["_dmarc.half.example", "TXT"] = [b"v=DMARC1; p=reject; pct=0; rua=mailto:d@half.example"]
    server["_dmarc.mute.example", "TXT"] = [b"v=DMARC1; p=none"]
    server["a.example._report._dmarc.loin.example", "TXT"] = [b"v=DMARC1"]
    server["_dmarc." + DOMAIN, "TXT"] = [b"v=DMARC1; p=none; rua=mailto:" + ADDRESSES["dmarc"].encode()]
    yield server
    server.stop()


@pytest.fixture
def clock() -> StandingClock:
    found = StandingClock()
    found.step(DAY // 2 - found.now() % DAY)
    return found


@pytest.fixture
def sending(template: Path, tmp_path: Path, reported: NameServer, clock: StandingClock) -> Iterator[House]:
    shutil.copytree(template, tmp_path / "dir")
    house = House(
        tmp_path / "dir",
        clock=clock,
        smtp={"relays": ["127.0.0.1"], "own_domain_from_outside": "accept"},
        dns={"nameservers": [reported.setting]},
        reports={"send": True, **ADDRESSES},
    )
    yield house
    house.stop()


@pytest.fixture
def sender(sending: House) -> Iterator[DmarcReportSender]:
    async def make() -> tuple[DmarcReportSender, Resolver]:
        resolver = Resolver(sending.settings.dns)
        found = DmarcReportSender(
            settings=sending.settings,
            store=sending.store,
            delivery=sending.delivery,
            submission=sending.submission,
            resolver=resolver,
            clock=sending.clock,
        )
        return found, resolver

    found, resolver = sending.run(make())
    yield found
    sending.run(resolver.close())


def of(author: str) -> bytes:
    return f"From: {author}\r\nSubject: x\r\n\r\nx\r\n".encode()


def counted(house: House) -> None:
    """Have the door write what it has counted."""
    flushes = [one for one in house.door._last if getattr(one, "__qualname__", "") == "DailyTally.close"]
    assert len(flushes) == 1
    house.run(flushes[0]())  # type: ignore[arg-type]


def queue(house: House) -> list[tuple[str, bytes]]:
    """Who gets what leaves, and what that is."""

    def read(tx: Tx) -> list[tuple[str, bytes]]:
        folder = house.settings.data / "blobs"
        rows = tx.execute(queued.select().order_by(queued.c.id)).all()
        to = [row.address for row in tx.execute(queued_recipient.select().order_by(queued_recipient.c.id))]
        return [(one, spool.octets(tx, row.content_id, folder)) for one, row in zip(to, rows, strict=True)]

    return house.read(read)


def test_a_day_of_mail_is_reported(sending: House, sender: DmarcReportSender, clock: StandingClock) -> None:
    day = int(clock.now()) // DAY * DAY
    ada = f"ada@{DOMAIN}"
    for _ in range(3):
        assert send(sending, of("x@a.example"), ada, sender="x@a.example") == 250
    assert send(sending, of("x@a.example"), ada, sender="x@evil.example") == 550
    assert send(sending, of("x@a.example"), "postmaster", sender="x@evil.example") == 250
    assert send(sending, of("x@mute.example"), ada, sender="x@a.example") == 250
    assert send(sending, of(f"eve@{DOMAIN}"), ada, sender="x@evil.example") == 250
    counted(sending)
    assert sending.run(sender.round()) == 0, "today is not over"
    clock.step(DAY // 2 + AFTER_MIDNIGHT - 1)
    assert sending.run(sender.round()) == 0
    clock.step(2)
    assert sending.run(sender.round()) == 2
    ((to, octets),) = queue(sending)
    assert to == "dmarc@loin.example", "b.example has not agreed"
    root = unpack(scan(octets).parts)
    subject = root.header(octets, "subject")
    assert subject.startswith(f"Report Domain: a.example Submitter: {DOMAIN} Report-ID: <")
    (part,) = root.attachments()
    assert (part.type, part.filename) == ("application/gzip", f"{DOMAIN}!a.example!{day}!{day + DAY - 1}.xml.gz")
    xml = gzip.decompress(part.content(octets))
    found = dmarc_xml.read(attachments.of_message(octets))
    assert (found.domain, found.begin, found.end) == ("a.example", day, day + DAY - 1)
    assert found.policy == "p=reject; sp=reject; adkim=s; aspf=r; pct=100"
    assert set(found.sources) == {
        Source("127.0.0.2", "a.example", "none", False, True, "", "a.example", 3),
        Source("127.0.0.2", "a.example", "reject", False, False, "", "evil.example", 1),
        Source("127.0.0.2", "a.example", "none", False, False, "", "evil.example", 1),
    }
    assert xml.count(b"<reason><type>local_policy</type></reason>") == 1
    assert b"ada@" not in xml
    # What we saw of our own domain is among what others report.
    (line,) = sending.read(figures.listing, 9)
    assert (line.domain, line.passed, line.failed, str(line.fault)) == (DOMAIN, 0, 1, "")
    assert sending.run(sender.round()) == 0
    assert len(queue(sending)) == 1


def test_what_a_part_of_the_mail_is_spared(sending: House, sender: DmarcReportSender, clock: StandingClock) -> None:
    """`pct=0`: the next milder policy, and the report says why."""
    assert send(sending, of("x@half.example"), f"ada@{DOMAIN}", sender="x@evil.example") == 250
    counted(sending)
    clock.step(DAY)
    sending.run(sender.round())
    ((to, octets),) = queue(sending)
    assert to == "d@half.example"
    xml = attachments.of_message(octets)
    assert b"<disposition>quarantine</disposition><dkim>fail</dkim><spf>fail</spf>" in xml
    assert b"<reason><type>sampled_out</type></reason>" in xml


def test_what_is_deferred_counts_when_it_is_taken(
    sending: House, sender: DmarcReportSender, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise Temporary("away")

    with monkeypatch.context() as patch:
        patch.setattr(sending.delivery, "deliver", away)
        assert send(sending, of("x@half.example"), f"ada@{DOMAIN}", sender="x@evil.example") == 451
    assert send(sending, of("x@half.example"), f"ada@{DOMAIN}", sender="x@evil.example") == 250
    counted(sending)
    day = int(clock.now()) // DAY * DAY
    assert [count for _, count in sending.read(seen.facts, Due(day, "half.example"))] == [1]


def test_two_workers_send_one_report(sending: House, sender: DmarcReportSender, clock: StandingClock) -> None:
    day = int(clock.now()) // DAY * DAY - DAY
    sending.store.write_now(seen.count, day, {observed(): 2})
    sending.store.write_now(seen.count, day, {observed(): 1, observed(source="192.0.2.9"): 1})
    due = Due(day, "a.example")
    assert [count for _, count in sending.read(seen.facts, due)] == [3, 1]

    async def both() -> None:
        await sender._report(due)
        await sender._report(due)

    sending.run(both())
    assert len(queue(sending)) == 1


def test_what_cannot_be_looked_up_waits_some_days(
    sending: House, sender: DmarcReportSender, clock: StandingClock, reported: NameServer
) -> None:
    day = int(clock.now()) // DAY * DAY - DAY
    sending.store.write_now(seen.count, day, {observed(domain="lame.example"): 2, observed(domain="mute.example"): 1})
    reported.moods["_dmarc.lame.example"] = "broken"
    assert sending.run(sender.round()) == 2
    assert sending.read(seen.due, day + DAY, None, 9) == [Due(day, "lame.example")]
    assert queue(sending) == [], "who asks for none gets none"
    sending.settings.reports.__dict__["send"] = False
    sending.run(sender._report(Due(day, "lame.example")))
    assert sending.read(seen.due, day + DAY, None, 9) == []
    sending.store.write_now(seen.count, day - 9 * DAY, {observed(): 2})
    assert sending.store.write_now(seen.forget) == 1


def test_a_report_that_is_too_large(
    sending: House, sender: DmarcReportSender, clock: StandingClock, reported: NameServer
) -> None:
    day = int(clock.now()) // DAY * DAY - DAY
    reported["_dmarc.petit.example", "TXT"] = [
        b"v=DMARC1; p=none; rua=mailto:a@petit.example!1k,mailto:b@petit.example"
    ]
    sending.store.write_now(seen.count, day, {observed(domain="petit.example"): 2})
    sending.run(sender.round())
    assert [to for to, _ in queue(sending)] == ["b@petit.example"]


def observed(**changes: object) -> Observed:
    facts: dict[str, object] = {
        "domain": "a.example",
        "published": (("p", "reject"), ("pct", "100")),
        "source": "192.0.2.1",
        "author": "a.example",
        "envelope": "a.example",
        "dkim": True,
        "spf": False,
        "signatures": (("a.example", "s<1>", "pass"), ("b.example", "\ud800\x01", "fail")),
        "sender": ("a.example", "mfrom", "none"),
        "disposition": "none",
        "reason": "",
    }
    return Observed(**{**facts, **changes})  # type: ignore[arg-type]


def test_facts_are_kept_as_they_were() -> None:
    one = observed(signatures=(("é.fr", '"', "pass"),), reason="local_policy")
    assert observations.read(observations.written(one)) == one


def test_what_xml_cannot_say() -> None:
    packed = dmarc_writing.write(Reporter("L’<Académie>", DOMAIN), "a.example", DAY * 20_000, [(observed(), 5)]).packed
    found = dmarc_xml.read(gzip.decompress(packed))
    assert (found.organisation, found.passed) == ("L’<Académie>", 5)


async def test_domains_below_one_are_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "MAX_DOMAINS", 2)
    house.settings.reports.__dict__["send"] = True
    made = Tally(settings=house.settings, store=house.store, clock=house.clock)

    async def count() -> None:
        for domain in ("1.evil.example", "2.evil.example", "3.evil.example", "1.evil.example", "a.example"):
            made.note(observed(domain=domain))
        await made.close()

    try:
        house.run(count())
    finally:
        house.settings.reports.__dict__["send"] = False
    kept = house.read(lambda tx: [(row.domain, row.count) for row in tx.execute(report_seen.select())])
    house.store.write_now(lambda tx: tx.execute(report_seen.delete()))
    assert sorted(kept) == [("1.evil.example", 2), ("2.evil.example", 1), ("a.example", 1)]


async def test_counting_is_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "MAX_DIFFERENT", 2)
    monkeypatch.setattr(daily_counts, "MAX_ROWS", 2)
    house.settings.reports.__dict__["send"] = True

    async def count() -> None:
        made = Tally(settings=house.settings, store=house.store, clock=house.clock)
        for number in (1, 2, 3, 1):
            made.note(observed(source=f"192.0.2.{number}"))
        await made.close()
        made.note(observed(source="192.0.2.4"))
        await made.close()

    try:
        house.run(count())
    finally:
        house.settings.reports.__dict__["send"] = False
    kept = house.read(lambda tx: [(row.facts, row.count) for row in tx.execute(report_seen.select())])
    assert sorted(count for _, count in kept) == [1, 2]
    house.store.write_now(lambda tx: tx.execute(report_seen.delete()))
    made = Tally(settings=house.settings, store=house.store, clock=house.clock)
    made.note(observed())
    assert not made._counts, "nothing is counted where nothing is sent"


@pytest.mark.parametrize(
    ("rua", "found"),
    [
        ("mailto:a@b.fr", [Destination("a@b.fr")]),
        (" MAILTO:A%2Bx@B.fr!10m , mailto:c@d.fr!3", [Destination("A+x@b.fr", 10 << 20), Destination("c@d.fr", 3)]),
        ("mailto:a@b.fr!1k,mailto:a@b.fr", [Destination("a@b.fr", 1024)]),
        ("https://b.fr/x, mailto:, mailto:a, mailto:a@[192.0.2.1], mailto:%ff@b.fr, a@b.fr", []),
        ("mailto:a@b.fr?subject=x", [Destination("a@b.fr")]),
        ("mailto:a@b.fr%0d%0aBcc:x@y.fr", []),
        (",".join(f"mailto:a{number}@b.fr" for number in range(9)), [Destination(f"a{n}@b.fr") for n in range(3)]),
        ("!!!!", []),
    ],
)
def test_addresses_of_a_record(rua: str, found: list[Destination]) -> None:
    assert addresses(rua) == found


@pytest.mark.parametrize(
    ("agreement", "found"),
    [
        (None, []),
        ([b"v=DMARC1;"], ["x@loin.fr"]),
        ([b"v=DMARC1", b"autre"], ["x@loin.fr"]),
        ([b"v=DMARC10"], []),
        ([b"v=spf1"], []),
        ([b"v=DMARC1; rua=mailto:y@loin.fr"], ["y@loin.fr"]),
        ([b"v=DMARC1; rua=mailto:y@ailleurs.fr"], []),
        ([b"v=DMARC1; rua=nonsense"], []),
    ],
)
async def test_who_gets_reports_about_others_agrees(
    names: NameServer, agreement: list[bytes] | None, found: list[str]
) -> None:
    """RFC 7489 section 7.1."""
    names["_dmarc.a.fr", "TXT"] = [b"v=DMARC1; p=none; rua=mailto:x@loin.fr"]
    names.known.pop(("a.fr._report._dmarc.loin.fr", "TXT"), None)
    if agreement is not None:
        names["a.fr._report._dmarc.loin.fr", "TXT"] = list(agreement)
    resolver = Resolver(NameService(nameservers=(names.setting,)))
    try:
        asked = Lookups(resolver, get_running_loop().time(), 9)
        assert [one.address for one in await destinations.destinations(asked, "a.fr")] == found
    finally:
        await resolver.close()
