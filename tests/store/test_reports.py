"""Reports on both engines: kept once, added up by day, source and policy, forgotten; what is seen is counted."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from mailserver.model.messages.authentication import NOT_CHECKED
from mailserver.model.observations import Observed
from mailserver.model.reports import Kind
from mailserver.reports import dmarc_xml, tls_json
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, messages
from mailserver.store.reports import daily_counts, figures, received, seen, waiting
from mailserver.store.reports.daily_counts import Due
from mailserver.store.reports.figures import Day, Outcome, Sender
from mailserver.store.reports.received import Kept, Origin
from mailserver.store.reports.waiting import Arrived
from mailserver.store.schema.service.reports import report_source, report_waiting
from mailserver.texts.causes import Cause
from tests.reports.samples import DAY, TODAY, YESTERDAY, dmarc, record, tls


def test_reports_are_kept_and_added_up(store: Store) -> None:
    forged = record("192.0.2.2", 5, dkim="fail", spf="fail", disposition="reject", envelope="google.com")
    one = dmarc_xml.read(dmarc(record(), forged))
    two = dmarc_xml.read(dmarc(record(count=4), identifier="2", begin=TODAY - 2 * DAY, end=YESTERDAY - 1))
    assert store.write_now(received.keep, one, Origin("a.fr", b"1")) is Kept.NEW
    assert store.write_now(received.keep, one, Origin("a.fr", b"1")) is Kept.TWICE
    assert store.write_now(received.keep, two, Origin("a.fr", b"2")) is Kept.NEW
    assert store.write_now(received.keep, tls_json.read(tls()), Origin("", b"3")) is Kept.NEW
    store.write_now(received.refuse, Kind.TLS, Cause("report-none"), Origin("", b"4"))
    store.write_now(received.name, {"192.0.2.1": "mx.ac-exemple.fr", "192.0.2.7": ""})
    store.write_now(received.name, {"192.0.2.1": "mx1.ac-exemple.fr"})
    assert store.read_now(received.unnamed, ["192.0.2.1", "192.0.2.2"]) == ["192.0.2.2"]
    before, yesterday = Day(TODAY - 2 * DAY, 4, 0), Day(YESTERDAY, 3, 5)
    assert store.read_now(figures.days, Kind.DMARC, 0) == [before, yesterday]
    assert store.read_now(figures.days, Kind.DMARC, YESTERDAY) == [yesterday]
    assert store.read_now(figures.days, Kind.TLS, 0) == [Day(YESTERDAY, 5326, 303)]
    assert store.read_now(figures.senders, 0, 9) == [
        Sender("192.0.2.2", "", 0, 5, 5, "google.com"),
        Sender("192.0.2.1", "mx1.ac-exemple.fr", 7, 0, 0, "ac-exemple.fr"),
    ]
    assert store.read_now(figures.outcomes, 0, 1) == [
        Outcome("sts", "ac-exemple.fr", "starttls-not-supported", "mx2.ac-exemple.fr", 200)
    ]
    lines = store.read_now(figures.listing, 9)
    assert [(line.kind, line.passed, str(line.fault)) for line in lines] == [
        (Kind.TLS, 0, "no report is attached"),
        (Kind.TLS, 5326, ""),
        (Kind.DMARC, 4, ""),
        (Kind.DMARC, 3, ""),
    ]
    assert store.read_now(figures.listing, 9, lines[1].id) == lines[2:]
    assert store.read_now(figures.has_faults)
    assert store.write_now(received.prune, TODAY + 9 * DAY) == 4
    assert not store.read_now(figures.has_faults)


def test_mail_waits_to_be_read(store: Store) -> None:
    def hold(tx: Tx) -> None:
        content_id, _ = messages.store_content(tx, blobs.prepare(b"Subject: x\r\n\r\nx\r\n", Path()))
        for kind in Kind:
            waiting.hold(tx, content_id, Arrived(kind, NOT_CHECKED))

    def lease(tx: Tx, until: int) -> None:
        tx.execute(report_waiting.update().values(leased=until))

    assert store.write_now(waiting.begin) is None
    store.write_now(hold)
    first, second = store.write_now(waiting.begin), store.write_now(waiting.begin)
    assert first is not None
    assert second is not None
    assert [(one.kind, one.attempts) for one in (first, second)] == [(Kind.DMARC, 0), (Kind.TLS, 0)]
    assert store.write_now(waiting.take, first)
    assert not store.write_now(waiting.take, first)
    assert store.write_now(waiting.begin) is None, "somebody is at it"
    store.write_now(waiting.release, second)
    again = store.write_now(waiting.begin)
    assert again is not None
    assert (again.id, again.attempts) == (second.id, 0)
    for leased in (1, 2**40):
        store.write_now(lease, leased)
        again = store.write_now(waiting.begin)
    assert again is not None
    assert (again.id, again.attempts) == (second.id, 2), "who was at it has gone"


def test_what_is_seen_is_counted(store: Store) -> None:
    def observed(domain: str, source: str) -> Observed:
        return Observed(domain, (("p", "none"),), source, domain, "", True, False, (), ("", "helo", "none"), "none")

    a, other, b = observed("a.fr", "192.0.2.1"), observed("a.fr", "192.0.2.2"), observed("b.fr", "192.0.2.1")
    assert store.write_now(seen.count, YESTERDAY, {a: 2, b: 1}) == 0
    assert store.write_now(seen.count, YESTERDAY, {a: 3, other: 1}) == 0
    assert store.write_now(seen.count, TODAY, {a: 9}) == 0
    first, second = Due(YESTERDAY, "a.fr"), Due(YESTERDAY, "b.fr")
    assert store.read_now(seen.due, TODAY, None, 9) == [first, second]
    assert store.read_now(seen.due, TODAY, None, 1) == [first]
    assert store.read_now(seen.due, TODAY + DAY, first, 9) == [second, Due(TODAY, "a.fr")]
    assert store.read_now(seen.facts, first) == [(a, 5), (other, 1)]
    assert store.write_now(seen.take, first)
    assert not store.write_now(seen.take, first)
    assert store.read_now(seen.due, TODAY, None, 9) == [second]
    assert store.write_now(seen.forget) == 0


def test_figures_beyond_any_number_are_added_up(store: Store) -> None:
    """What stands in a row bounds no sum."""
    most = 9 * 10**18
    source = replace(dmarc_xml.read(dmarc()).sources[0], count=most)
    session = replace(tls_json.read(tls()).sessions[0], count=most)
    for number in range(3):
        one = replace(dmarc_xml.read(dmarc(identifier=str(number))), sources=(source,))
        assert store.write_now(received.keep, one, Origin("", b"d%d" % number)) is Kept.NEW
        two = replace(tls_json.read(tls(identifier=str(number))), sessions=(session,))
        assert store.write_now(received.keep, two, Origin("", b"t%d" % number)) is Kept.NEW
    for kind in Kind:
        assert store.read_now(figures.days, kind, 0) == [Day(YESTERDAY, 3 * most, 0)]
    (sender,) = store.read_now(figures.senders, 0, 9)
    assert (sender.passed, sender.failed, sender.domain) == (3 * most, 0, "ac-exemple.fr")
    assert [one.count for one in store.read_now(figures.outcomes, 0, 9)] == [3 * most]


def test_rows_of_one_domain_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(received, "ROWS_A_DAY", 3)
    for number in range(3):
        one = dmarc_xml.read(dmarc(record(), record("192.0.2.2", 5), identifier=str(number)))
        assert store.write_now(received.keep, one, Origin("a.fr", b"%d" % number)) is Kept.NEW
    assert store.write_now(received.keep, dmarc_xml.read(dmarc(identifier="b")), Origin("b.fr", b"b")) is Kept.NEW
    addresses = store.read_now(lambda tx: list(tx.execute(select(report_source.c.address)).scalars()))
    assert sorted(addresses) == ["", *["192.0.2.1"] * 3, *["192.0.2.2"] * 2]


def test_who_proves_nothing_hides_no_other_fault(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(received, "MAX_UNPROVEN", 2)
    monkeypatch.setattr(received, "MAX_FAULTS", 2)
    for number in range(4):
        store.write_now(
            received.refuse, Kind.DMARC, Cause("report-unproven", domain=f"{number}.fr"), Origin("", b"%d" % number)
        )
    for number in range(3):
        store.write_now(received.refuse, Kind.DMARC, Cause("report-none"), Origin("a.fr", b"a%d" % number))
    lines = store.read_now(figures.listing, 9, 0, faults=True)
    assert [one.fault.name for one in lines] == ["report-none"] * 2 + ["report-unproven"] * 2
    assert "3.fr" in str(lines[2].fault)


def test_rows_of_what_is_seen_are_bounded_by_domain(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daily_counts, "MAX_OF_DOMAIN", 2)

    def observed(domain: str, source: int) -> Observed:
        where = f"192.0.2.{source}"
        return Observed(domain, (("p", "none"),), where, domain, "", True, False, (), ("", "helo", "none"), "none")

    assert store.write_now(seen.count, TODAY, {observed("a.fr", 1): 1, observed("a.fr", 2): 1}) == 0
    assert store.write_now(seen.count, TODAY, {observed("a.fr", 3): 1, observed("b.fr", 1): 1}) == 1
    assert store.write_now(seen.count, TODAY, {observed("a.fr", 3): 1}) == 1
    found = store.read_now(seen.due, TODAY + DAY, None, 9)
    assert [len(store.read_now(seen.facts, one)) for one in found] == [2, 1]
