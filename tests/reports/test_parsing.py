"""Reports as octets: what real ones say, and that hostile ones cost nothing and say why they are none."""

import contextlib
import gzip
import json
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.model.reports import MAX_ROWS, Kind, Report, Sessions, Source, merged_sessions, merged_sources
from mailserver.reports import attachments, dmarc_xml, tls_json
from mailserver.reports.faults import BadReport
from tests.reports.samples import DMARCBIS, TODAY, YESTERDAY, carrying, dmarc, packed, record, tls, zipped

MIB = 1024 * 1024


def fault(read: Callable[[bytes], object], octets: bytes) -> str:
    with pytest.raises(BadReport) as raised:
        read(octets)
    assert str(raised.value)
    return raised.value.cause.name


# ---------------------------------------------------------------------- DMARC


def test_a_dmarc_report() -> None:
    good, forged = record(), record("2001:DB8::1", 7, dkim="fail", spf="fail", disposition="reject", envelope="evil.fr")
    found = dmarc_xml.read(dmarc(good, good, forged))
    assert found == Report(
        Kind.DMARC,
        "Boîte Postale",
        "dmarc@boite.example",
        "rapport-1",
        YESTERDAY,
        TODAY - 1,
        "ac-exemple.fr",
        "p=quarantine; sp=none; adkim=r; aspf=r; pct=100",
        (
            Source("2001:db8::1", "ac-exemple.fr", "reject", False, False, "ac-exemple.fr", "evil.fr", 7),
            Source("192.0.2.1", "ac-exemple.fr", "none", True, True, "ac-exemple.fr", "ac-exemple.fr", 6),
        ),
    )
    assert (found.passed, found.failed) == (6, 7)


def test_the_form_of_rfc_9990() -> None:
    """A namespace, `testing` for `pct`, the disposition `pass`, and what extensions add."""
    theirs = f'{DMARCBIS} xmlns:x="https://elsewhere.example/x"'
    extra = "<extension><x:domain>evil.fr</x:domain></extension><x:record><row/></x:record>"
    octets = dmarc(record(disposition="pass"), space=theirs, extra=extra)
    octets = octets.replace(b"<pct>100</pct>", b"<np>reject</np><testing>y</testing>")
    found = dmarc_xml.read(octets)
    assert found.sources[0].disposition == "pass"
    assert found.policy == "p=quarantine; sp=none; np=reject; adkim=r; aspf=r; testing=y"
    assert (found.domain, found.passed) == ("ac-exemple.fr", 3)


def test_what_servers_leave_out() -> None:
    bare = "<record><row><source_ip> ::ffff:192.0.2.7 </source_ip><count>1</count></row></record>"
    (source,) = dmarc_xml.read(dmarc(bare)).sources
    assert source == Source("192.0.2.7", "", "none", False, False, "", "", 1)


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"<feedback>", "report-malformed"),
        (b"<html/>", "report-malformed"),
        (dmarc(record(count=-1)), "report-malformed"),
        (dmarc(record(count="9" * 5000)), "report-malformed"),
        (dmarc(record("nulle part")), "report-malformed"),
        (dmarc(identifier=""), "report-malformed"),
        (dmarc(domain=""), "report-malformed"),
        (dmarc(begin="hier"), "report-malformed"),
        (dmarc(begin=TODAY, end=YESTERDAY), "report-dates"),
        (dmarc(begin=1, end=2), "report-dates"),
        (dmarc(end=TODAY + 90 * 86400), "report-dates"),
        (dmarc(" "), "report-malformed"),
        (b'<!DOCTYPE f [<!ENTITY a "aaaa">]><feedback>&a;</feedback>', "report-malformed"),
        (b'<!DOCTYPE f SYSTEM "file:///etc/passwd"><feedback/>', "report-malformed"),
        (b'<?xml version="1.0" encoding="utf-7"?><feedback/>', "report-malformed"),
        (b'<?xml version="1.0" encoding="nonsense"?><feedback/>', "report-malformed"),
        (b"<feedback>" + b"<a>" * 100_000, "report-too-large"),
        (b"<feedback><extension>" + b"<a/>" * 100_000, "report-too-large"),
        (b"<feedback>" + b"<record/>" * 100_001, "report-malformed"),
        (b"<feedback>" + b"<version/>" * 20_001, "report-too-large"),
        (b"<feedback>" + (b"<version>" + b"<a/>" * 4000 + b"</version>") * 130, "report-too-large"),
        (b"<feedback>" + b"<version/>" * 100_001, "report-too-large"),
    ],
)
def test_what_is_no_dmarc_report(octets: bytes, code: str) -> None:
    assert fault(dmarc_xml.read, octets) == code


def test_a_report_of_many_sources_is_added_up() -> None:
    many = [record(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 2) for number in range(12_000)]
    found = dmarc_xml.read(dmarc(*many, record("192.0.2.1", 50)))
    assert found.passed == 24_050
    assert found.sources[0].address == "192.0.2.1"
    assert len(found.sources) == MAX_ROWS + 1
    assert (found.sources[-1].address, found.sources[-1].author) == ("", "")


# ---------------------------------------------------------------------- TLS


def test_a_tls_report() -> None:
    found = tls_json.read(tls())
    assert (found.kind, found.identifier, found.domain, found.policy) == (Kind.TLS, "tls-1", "ac-exemple.fr", "sts")
    assert (found.begin, found.end) == (YESTERDAY, TODAY - 1)
    assert found.sessions == (
        Sessions("sts", "ac-exemple.fr", "", "", 5326),
        Sessions("sts", "ac-exemple.fr", "starttls-not-supported", "mx2.ac-exemple.fr", 200),
        Sessions("sts", "ac-exemple.fr", "certificate-expired", "mx1.ac-exemple.fr", 100),
        Sessions("sts", "ac-exemple.fr", "unspecified", "", 3),
    )
    assert (found.passed, found.failed) == (5326, 303)


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"{", "report-malformed"),
        (b"[]", "report-malformed"),
        (b"[" * 100_000, "report-malformed"),
        (b'{"a": ' + b"9" * 5000 + b"}", "report-malformed"),
        (b" " * 5 * MIB, "report-too-large"),
        (b"\xff\xfe{}", "report-malformed"),
        (tls({"policies": []}), "report-malformed"),
        (tls({"policies": [{}]}), "report-malformed"),
        (tls({"policies": [{"policy": {"policy-domain": "a.fr"}, "summary": []}]}), "report-malformed"),
        (tls({"policies": [{}] * 1001}), "report-too-large"),
        (tls({"date-range": {"start-datetime": "hier"}}), "report-malformed"),
        (tls({"date-range": {"start-datetime": "9999-12-31T23:59:59-23:59", "end-datetime": 3}}), "report-malformed"),
        (tls(domain="pas un domaine"), "report-malformed"),
        (tls({"report-id": None}), "report-malformed"),
    ],
)
def test_what_is_no_tls_report(octets: bytes, code: str) -> None:
    assert fault(tls_json.read, octets) == code


def test_details_are_bounded() -> None:
    policy = json.loads(tls())["policies"][0]
    policy["failure-details"] *= 6000
    assert fault(tls_json.read, tls({"policies": [policy] * 2})) == "report-too-large"
    assert tls_json.read(tls({"policies": [policy]})).failed == 1_800_000


# ---------------------------------------------------------------------- archives and messages


@pytest.mark.parametrize(
    "content",
    [
        packed(dmarc()),
        packed(dmarc()[:200]) + packed(dmarc()[200:]),
        zipped(dmarc()),
        zipped(dmarc(), "r.XML"),
        zipped(packed(dmarc()), "r.xml.gz"),
        zipped(dmarc(), "sans-nom"),
        dmarc(),
        b"\xef\xbb\xbf" + dmarc(),
    ],
)
def test_what_holds_a_report(content: bytes) -> None:
    assert dmarc_xml.read(attachments.of_file(content)).passed == 3
    for kind in ("application/gzip", "application/octet-stream", "text/xml", "application/x-zip-compressed"):
        message = carrying(content, kind, before=[b"\x89PNG nothing to read"])
        assert dmarc_xml.read(attachments.of_message(message)).passed == 3
        assert dmarc_xml.read(attachments.of_file(message)).passed == 3


def test_a_message_that_is_nothing_but_the_report() -> None:
    head = b"From: a@b.fr\r\nContent-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    body = carrying(packed(tls())).partition(b"base64\r\n\r\n")[2].partition(b"--b--")[0]
    assert tls_json.read(attachments.of_message(head + body)).passed == 5326


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "report-none"),
        (b"Bonjour", "report-none"),
        (packed(b"Bonjour"), "report-none"),
        (packed(dmarc())[:-9], "report-archive"),
        (packed(dmarc())[:-8] + b"\0" * 8, "report-archive"),
        (b"\x1f\x8b" + b"\0" * 40, "report-archive"),
        (b"PK\x03\x04" + b"\0" * 40, "report-archive"),
        (packed(packed(packed(packed(dmarc())))), "report-archive"),
        (zipped(dmarc(), count=11), "report-archive"),
        (zipped(dmarc(), "sans-nom", 2), "report-archive"),
        (zipped(b" " * 8 * MIB + dmarc(), kind=zipfile.ZIP_BZIP2), "report-archive"),
        (zipped(b" " * 8 * MIB + dmarc(), kind=zipfile.ZIP_LZMA), "report-archive"),
        (zipped(b" " * 8 * MIB + dmarc()), "report-too-large"),
        (gzip.compress(b" " * 64 * MIB), "report-too-large"),
        (b"".join(packed(b"<") for _ in range(5000)), "report-archive"),
        (b"\x1f\x8b" + b"\0" * 10 * MIB, "report-too-large"),
    ],
)
def test_what_holds_none(content: bytes, code: str) -> None:
    assert fault(attachments.unpacked, content) == code


def test_a_message_without_any() -> None:
    assert fault(attachments.of_message, b"") == "report-none"
    assert fault(attachments.of_message, b"Subject: x\r\n\r\n{}") == "report-none"
    assert fault(attachments.of_message, carrying(b"GIF89a", "image/gif")) == "report-none"


# ---------------------------------------------------------------------- anything


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400) | st.binary(max_size=60).map(lambda part: b"<feedback>" + part + b"</feedback>"))
def test_any_octets_are_a_report_or_say_why_not(octets: bytes) -> None:
    for read in (dmarc_xml.read, tls_json.read, attachments.of_file, attachments.of_message):
        with contextlib.suppress(BadReport):
            read(octets)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 3000), st.binary(min_size=1, max_size=3), st.sampled_from([dmarc(), tls(), packed(dmarc())]))
def test_a_report_that_was_damaged(at: int, noise: bytes, sample: bytes) -> None:
    at %= len(sample)
    damaged = sample[:at] + noise + sample[at + len(noise) :]
    try:
        content = attachments.of_file(damaged)
        found = (tls_json if content.lstrip().startswith(b"{") else dmarc_xml).read(content)
    except BadReport:
        return
    assert found.passed >= 0
    assert found.failed >= 0


SOURCES = st.builds(
    Source,
    st.sampled_from(["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
    st.just("a.fr"),
    st.sampled_from(["none", "reject"]),
    st.booleans(),
    st.booleans(),
    st.just(""),
    st.just(""),
    st.integers(0, 9),
)


@given(st.lists(SOURCES), st.integers(0, 4))
def test_adding_up_loses_nothing(sources: list[Source], most: int) -> None:
    merged = merged_sources(sources, most)
    assert len([one for one in merged if one.address]) <= most
    for passed in (True, False):
        assert sum(one.count for one in merged if one.passed is passed) == sum(
            one.count for one in sources if one.passed is passed
        )
    sessions = [Sessions("sts", one.address, "" if one.dkim else "x", "", one.count) for one in sources]
    kept = merged_sessions(sessions, most)
    assert sum(one.count for one in kept) == sum(one.count for one in sessions)
    assert sum(one.count for one in kept if one.result) == sum(one.count for one in sessions if one.result)
