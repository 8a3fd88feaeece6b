"""Mail to the addresses of reports: taken at the door, read in the background, counted where its sender is proven."""

import smtplib
from pathlib import Path

import pytest

from mailserver.foundation.settings import Settings
from mailserver.model.errors import Temporary
from mailserver.model.messages.authentication import NOT_CHECKED
from mailserver.model.reports import Kind
from mailserver.operations.health import published
from mailserver.reports import attachments
from mailserver.reports.faults import BadReport
from mailserver.reports.reading import ReportReader, _conclude
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import blobs, collect, messages
from mailserver.store.queue import spool
from mailserver.store.reports import figures, received, waiting
from mailserver.store.reports.figures import Day, Line, Outcome, Sender
from mailserver.store.reports.received import Kept
from mailserver.store.reports.waiting import Arrived
from mailserver.store.schema.service.reports import report_waiting
from tests.inbound.authentication.name_server import NameServer
from tests.inbound.authentication.signers import KEY, sign
from tests.inbound.authentication.signers import record as key_record
from tests.reports.conftest import ADDRESSES
from tests.reports.samples import TODAY, YESTERDAY, carrying, dmarc, packed, record, tls, zipped
from tests.smtp.house import DOMAIN, PASSWORD, House

DMARC, TLS = ADDRESSES["dmarc"], ADDRESSES["tls"]
ELSEWHERE, RELAY = "127.0.0.2", "127.0.0.1"
SENDER = "dmarc@boite.example"


def send(
    house: House, octets: bytes, *to: str, source: str = ELSEWHERE, sender: str = SENDER, lmtp: bool = False
) -> int:
    kind, port = (smtplib.LMTP, "lmtp") if lmtp else (smtplib.SMTP, "smtp")
    with kind("127.0.0.1", house.ports[port], "mx.boite.example", timeout=60, source_address=(source, 0)) as client:
        client.ehlo_or_helo_if_needed()
        client.mail(sender)
        codes = [client.rcpt(one)[0] for one in to or (DMARC,)]
        return client.data(octets)[0] if codes == [250] * len(codes) else codes[0]


def read_all(house: House, reader: ReportReader) -> list[Line]:
    """Read what waits; the reports, the newest first."""
    while house.run(reader.read_next()):
        pass
    return house.read(figures.listing, 100)


def test_a_dmarc_report_is_read(house: House, reader: ReportReader) -> None:
    forged = record("192.0.2.2", 5, dkim="fail", spf="fail", disposition="reject", envelope="google.com")
    assert send(house, carrying(packed(dmarc(record(), forged)))) == 250
    assert house.read(figures.listing, 9) == []
    (line,) = read_all(house, reader)
    assert (line.kind, line.submitter, line.organisation) == (Kind.DMARC, "boite.example", "Boîte Postale")
    assert (line.passed, line.failed, line.domain, str(line.fault)) == (3, 5, DOMAIN, "")
    assert house.read(figures.days, Kind.DMARC, 0) == [Day(YESTERDAY, 3, 5)]
    assert house.read(figures.days, Kind.DMARC, TODAY) == house.read(figures.days, Kind.TLS, 0) == []
    # A name that does not lead back is nobody's: anybody writes what his addresses lead to.
    assert house.read(figures.senders, 0, 9) == [
        Sender("192.0.2.2", "", 0, 5, 5, "google.com"),
        Sender("192.0.2.1", "mx.ac-exemple.fr", 3, 0, 0, DOMAIN),
    ]
    assert house.mail("admin") == []


def test_a_tls_report_is_read(house: House, reader: ReportReader) -> None:
    octets = carrying(packed(tls()), "application/tlsrpt+gzip", "tls@boite.example")
    assert send(house, octets, TLS, lmtp=True) == 250
    (line,) = read_all(house, reader)
    assert (line.kind, line.passed, line.failed, line.policy) == (Kind.TLS, 5326, 303, "sts")
    found = house.read(figures.outcomes, 0, 9)
    assert found[0] == Outcome("sts", DOMAIN, "starttls-not-supported", "mx2.ac-exemple.fr", 200)
    assert [one.count for one in found] == [200, 100, 3, 5326]


def test_a_key_for_tls_reports_shows_who_sent_them(house: House, reader: ReportReader, names: NameServer) -> None:
    """RFC 8460 section 3; it shows nothing of other mail."""
    names["s._domainkey.signe.example", "TXT"] = [key_record(KEY).replace(b"k=rsa", b"s=tlsrpt; k=rsa")]
    octets = sign(carrying(packed(tls()), "application/tlsrpt+gzip", "tls@signe.example"), domain=b"signe.example")
    send(house, octets, TLS)
    assert [(one.submitter, one.passed) for one in read_all(house, reader)] == [("signe.example", 5326)]
    other = tls(identifier="2")
    octets = sign(carrying(packed(other), "application/tlsrpt+gzip", "tls@signe.example"), domain=b"signe.example")
    send(house, octets, TLS, f"ada@{DOMAIN}")
    assert read_all(house, reader)[0].fault.name == "report-unproven"
    assert b"a key for another service" in house.mail("ada")[0]


def test_the_same_report_counts_once(house: House, reader: ReportReader) -> None:
    for octets in (packed(dmarc()), packed(dmarc()), zipped(dmarc())):
        send(house, carrying(octets))
    assert [(one.passed, str(one.fault)) for one in read_all(house, reader)] == [(3, "")]
    # Another one's of the same name is another report.
    send(house, carrying(packed(dmarc())), source=RELAY)
    assert len(read_all(house, reader)) == 2


@pytest.mark.parametrize(
    ("octets", "to", "why"),
    [
        (carrying(packed(dmarc()), author="dmarc@autre.example"), DMARC, "rien ne prouve que autre.example l’a envoyé"),
        (carrying(packed(dmarc(domain="autre.example"))), DMARC, "il parle de autre.example, qui n’est pas à nous"),
        (carrying(packed(tls(domain="autre.example"))), TLS, "il parle de autre.example, qui n’est pas à nous"),
        (carrying(packed(dmarc(begin=TODAY + 864000, end=TODAY + 864000))), DMARC, "sa période ne peut pas être vraie"),
        (carrying(packed(tls())), DMARC, "c’est un rapport d’une autre sorte que ceux de cette adresse"),
        (carrying(packed(dmarc())), TLS, "c’est un rapport d’une autre sorte que ceux de cette adresse"),
        (carrying(b"GIF89a", "image/gif"), DMARC, "aucun rapport n’y est joint"),
        (carrying(packed(dmarc())[:-9]), DMARC, "l’archive ne peut pas être ouverte"),
        (b"From: a@boite.example\r\nSubject: x\r\n\r\nBonjour\r\n", DMARC, "aucun rapport n’y est joint"),
    ],
)
def test_what_does_not_count_is_listed_with_its_reason(
    house: House, reader: ReportReader, octets: bytes, to: str, why: str
) -> None:
    assert send(house, octets, to) == send(house, octets, to) == 250
    (line,) = read_all(house, reader)
    assert line.fault.to("fr") == why
    assert "{" not in line.fault.to("en")
    assert house.store.read_now(figures.listing, 9, 0, faults=True) == [line]
    assert (line.passed, line.failed) == (0, 0)
    assert not house.read(figures.days, line.kind, 0)
    assert not house.read(figures.senders, 0, 9)


def test_whoever_has_the_address_gets_it_too(house: House, reader: ReportReader) -> None:
    house.settings.reports.__dict__["dmarc"] = f"Ada@{DOMAIN}"
    try:
        send(house, carrying(packed(dmarc())), f"ada@{DOMAIN}", f"bob@{DOMAIN}")
    finally:
        house.settings.reports.__dict__["dmarc"] = DMARC
    assert len(read_all(house, reader)) == len(house.mail("ada")) == len(house.mail("bob")) == 1


def test_nobody_else_is_taken_in(house: House) -> None:
    """The address is nobody's for people of the house, and for reports of failure."""
    with smtplib.SMTP_SSL("127.0.0.1", house.ports["submissions"], timeout=60) as client:
        client.login("ada", PASSWORD)
        client.mail(f"ada@{DOMAIN}")
        assert client.rcpt(DMARC)[0] == 550
    house.settings.reports.__dict__["tls"] = ""
    try:
        assert send(house, carrying(packed(tls())), TLS) == 550
    finally:
        house.settings.reports.__dict__["tls"] = TLS
    assert not house.read(waiting.is_any)


def test_what_waits_is_bounded_and_kept(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    assert send(house, carrying(packed(dmarc()))) == 250
    found = house.store.write_now(waiting.begin)
    assert found is not None
    # Nothing but the waiting row refers to the message: it is kept all the same.
    house.store.write_now(collect.note, [found.content_id])
    house.store.write_now(lambda tx: collect.collect(tx, tx.now + 10))
    assert b"rapport" not in house.read(spool.octets, found.content_id, house.store.blobs)
    monkeypatch.setattr(waiting, "MAX_WAITING", 1)
    assert send(house, carrying(packed(dmarc(identifier="2")))) == 451


def test_what_cannot_be_read_stops_nobody(house: House, reader: ReportReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what ended the process that read it before."""
    send(house, carrying(packed(dmarc())))
    for _ in range(4):
        house.store.write_now(waiting.begin)
        house.store.write_now(lapse)
    send(house, carrying(packed(dmarc(identifier="2"))))
    assert house.run(reader.read_next())
    (first,) = house.read(figures.listing, 9)
    assert (first.identifier, str(first.fault)) == ("2", ""), "what was begun least comes first"
    lines = read_all(house, reader)
    assert lines[0].fault.name == "report-unreadable"
    assert not house.read(waiting.is_any)

    def fails(octets: bytes) -> bytes:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("mailserver.reports.attachments.of_message", fails)
    send(house, carrying(packed(dmarc(identifier="3"))))
    assert read_all(house, reader)[0].fault.name == "report-unreadable"


def lapse(tx: Tx) -> None:
    """Who was at it has gone."""
    tx.execute(report_waiting.update().where(report_waiting.c.leased > 0).values(leased=1))


def test_a_report_that_is_being_read_is_nobody_elses(
    house: House, reader: ReportReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it count as a failure of its own that its reader was stopped."""
    send(house, carrying(packed(dmarc())))
    begun = house.store.write_now(waiting.begin)
    assert begun is not None
    assert not house.run(reader.read_next())
    assert house.store.write_now(waiting.begin) is None
    house.store.write_now(waiting.release, begun)

    def away(*_: object) -> bytes:
        raise Temporary("away")

    with monkeypatch.context() as patch:
        patch.setattr(spool, "octets", away)
        for _ in range(5):
            with pytest.raises(Temporary):
                house.run(reader.read_next())
    assert [(one.passed, str(one.fault)) for one in read_all(house, reader)] == [(3, "")]


def test_one_address_for_both_kinds(house: House, reader: ReportReader) -> None:
    house.settings.reports.__dict__["tls"] = DMARC
    try:
        assert send(house, carrying(packed(dmarc()))) == 250
        assert send(house, carrying(packed(tls()))) == 250
        assert send(house, carrying(b"GIF89a", "image/gif")) == 250
    finally:
        house.settings.reports.__dict__["tls"] = TLS
    found = [(one.kind, one.passed, one.fault.name if one.fault else "") for one in read_all(house, reader)]
    assert found == [(Kind.DMARC, 0, "report-none"), (Kind.TLS, 5326, ""), (Kind.DMARC, 3, "")]


def test_a_full_queue_of_reports_holds_up_nobody_else(
    house: House, reader: ReportReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MAX_WAITING", 0)
    assert send(house, carrying(packed(dmarc()))) == 451
    assert send(house, carrying(packed(dmarc())), DMARC, f"ada@{DOMAIN}") == 250
    house.settings.reports.__dict__["dmarc"] = f"bob@{DOMAIN}"
    try:
        assert send(house, carrying(packed(dmarc())), f"bob@{DOMAIN}") == 250
    finally:
        house.settings.reports.__dict__["dmarc"] = DMARC
    assert (len(house.mail("ada")), len(house.mail("bob"))) == (1, 1)
    assert read_all(house, reader) == []


def test_who_sent_a_report_may_be_unknown_for_now(house: House, reader: ReportReader, names: NameServer) -> None:
    """It comes again then, unless somebody gets it."""
    octets = carrying(packed(dmarc()), author="dmarc@muet.example")
    names["_dmarc.muet.example", "TXT"] = [b"v=DMARC1; p=none"]
    names.moods["muet.example"] = "broken"
    try:
        assert send(house, octets, sender="dmarc@muet.example") == 451
        assert send(house, octets, DMARC, f"ada@{DOMAIN}", sender="dmarc@muet.example") == 250
    finally:
        del names.moods["muet.example"]
    assert [one.fault.name for one in read_all(house, reader)] == ["report-unproven"]


def test_a_domain_is_all_that_somebody_registered(
    house: House, reader: ReportReader, names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is beyond its number is not unpacked, also where nothing of it counted."""
    monkeypatch.setattr(received, "MOST_A_DAY", 3)
    opened: list[bytes] = []

    def open_(octets: bytes) -> bytes:
        opened.append(octets)
        return attachments.unpacked(octets[octets.index(b"<no ") :])

    monkeypatch.setattr(attachments, "of_message", open_)
    for number in range(6):
        names[f"s{number}.boite.example", "TXT"] = [b"v=spf1 ip4:127.0.0.2 -all"]
        author = f"dmarc@s{number}.boite.example"
        octets = f"From: {author}\r\nSubject: x\r\n\r\n<no report {number}>\r\n".encode()
        assert send(house, octets, sender=author) == 250
    lines = read_all(house, reader)
    assert {one.submitter for one in lines} == {"boite.example"}
    assert [one.fault.name for one in lines] == ["report-too-many"] * 3 + ["report-malformed"] * 3
    assert len(opened) == 3


def test_figures_nobody_can_have(house: House, reader: ReportReader) -> None:
    with pytest.raises(BadReport):
        house.run(reader.take_file(dmarc(record(count=10**9 + 1))))
    most = [record(f"10.0.{number >> 8}.{number & 255}", 10**9) for number in range(1001)]
    with pytest.raises(BadReport):
        house.run(reader.take_file(dmarc(*most)))
    assert house.run(reader.take_file(dmarc(*most[:1000])))[1] is Kept.NEW


def test_two_readers_count_one_report_once(house: House, reader: ReportReader) -> None:
    send(house, carrying(packed(dmarc())))
    found = house.store.write_now(waiting.begin)
    assert found is not None
    judged = house.run(reader._judge(found))
    assert house.store.write_now(_conclude, found, judged) == "new"
    assert house.store.write_now(_conclude, found, judged) == "taken"


def test_one_domain_sends_so_many_a_day(house: House, reader: ReportReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(received, "MOST_A_DAY", 2)
    monkeypatch.setattr(received, "MAX_FAULTS", 1)
    for number in range(4):
        send(house, carrying(packed(dmarc(identifier=str(number)))))
    lines = read_all(house, reader)
    assert [one.fault.name for one in lines if one.fault] == ["report-too-many"]
    assert sum(one.passed for one in lines) == 6
    monkeypatch.setattr(received, "MAX_ROWS", 0)
    send(house, carrying(packed(dmarc(record(), record("192.0.2.9", 4), identifier="r"))), source=RELAY)
    read_all(house, reader)
    assert Sender("", "", 7, 0, 0, "") in house.read(figures.senders, 0, 9)


def test_old_reports_are_forgotten(house: House, reader: ReportReader) -> None:
    for octets in (dmarc(), tls()):
        house.run(reader.take_file(octets))
    now = int(house.clock.now())
    assert house.store.write_now(received.prune, now - 10) == 0
    assert house.store.write_now(received.prune, now + 10) == 2
    assert not house.read(figures.listing, 9)
    assert not house.read(figures.senders, 0, 9)
    assert not house.read(figures.outcomes, 0, 9)


def test_reports_of_files(house: House, reader: ReportReader) -> None:
    report, kept = house.run(reader.take_file(packed(dmarc())))
    assert (report.identifier, kept) == ("rapport-1", Kept.NEW)
    assert house.run(reader.take_file(carrying(zipped(dmarc()), author="x@autre.example")))[1] is Kept.TWICE
    assert house.run(reader.take_file(tls()))[1] is Kept.NEW
    with pytest.raises(BadReport):
        house.run(reader.take_file(b"Bonjour"))


def test_the_waiting_row_refuses_what_is_too_much(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MAX_OCTETS", 10)

    def hold(tx: Tx) -> None:
        content_id, _ = messages.store_content(tx, blobs.prepare(carrying(b"x"), Path()))
        waiting.hold(tx, content_id, Arrived(Kind.DMARC, NOT_CHECKED))

    house.store.write_now(hold)
    with pytest.raises(Temporary):
        house.store.write_now(hold)


def test_addresses_are_ours() -> None:
    with pytest.raises(ValueError, match="in none of our domains"):
        Settings.model_validate({"domain": DOMAIN, "reports": {"dmarc": "dmarc@ailleurs.fr"}})
    with pytest.raises(ValueError, match="is no address"):
        Settings.model_validate({"domain": DOMAIN, "reports": {"tls": "personne"}})


def test_the_doctor_says_what_to_publish(house: House, names: NameServer) -> None:
    def said() -> dict[str, str]:
        return {one.text.to("en").split()[0]: one.remedy.to("en") for one in published.examine_dns(house.settings)}

    tls_name = f"_smtp._tls.{DOMAIN}"
    names[f"_dmarc.{DOMAIN}", "TXT"] = [b"v=DMARC1; p=none; rua=mailto:others@ailleurs.fr"]
    names[tls_name, "TXT"] = [b"v=TLSRPTv1; rua=mailto:TLS@ac-exemple.fr"]
    try:
        found = said()
        assert f'"v=DMARC1; p=quarantine; rua=mailto:{DMARC}"' in found[f"_dmarc.{DOMAIN}"]
        assert found[tls_name] == ""
        names[f"_dmarc.{DOMAIN}", "TXT"] = [f"v=DMARC1; p=none; rua=mailto:a@b.fr,mailto:{DMARC}".encode()]
        del names.known[tls_name, "TXT"]
        found = said()
        assert found[f"_dmarc.{DOMAIN}"] == ""
        assert f'{tls_name}. IN TXT "v=TLSRPTv1; rua=mailto:{TLS}"' in found[tls_name]
    finally:
        del names.known[f"_dmarc.{DOMAIN}", "TXT"]
