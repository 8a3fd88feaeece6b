"""The TLS report that this service sends to a domain (RFC 8460 section 4): the JSON, and the mail. Pure."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from mailserver.mime.writing import compose, fields
from mailserver.mime.writing.compose import NewMessage, Piece
from mailserver.mime.writing.fields import Correspondent
from mailserver.model.clock import DAY
from mailserver.model.sending.tls_sessions import Published, Session
from mailserver.reports import outgoing_report
from mailserver.reports.outgoing_report import Reporter, Written

MEDIA_TYPE = "application/tlsrpt+gzip"


def write(reporter: Reporter, domain: str, day: int, seen: Sequence[tuple[Session, int]]) -> Written:
    """What was seen of a domain on a day. CPU grows with its rows: call it in a thread."""
    by_policy: dict[Published, list[tuple[Session, int]]] = {}
    for one, count in seen:
        by_policy.setdefault(one.published, []).append((one, count))
    report = {
        "organization-name": reporter.name,
        "date-range": {"start-datetime": _moment(day), "end-datetime": _moment(day + DAY - 1)},
        "contact-info": reporter.address,  # an addr-spec (section 4.4)
        "report-id": outgoing_report.identifier(reporter, domain, day),
        "policies": [_policy(domain, published, sessions) for published, sessions in by_policy.items()],
    }
    octets = json.dumps(report, ensure_ascii=False, separators=(",", ":")).encode()
    return outgoing_report.packed(reporter, domain, day, octets, "!001.json.gz")


def _policy(domain: str, published: Published, sessions: Sequence[tuple[Session, int]]) -> dict[str, Any]:
    policy: dict[str, Any] = {"policy-type": published.kind, "policy-domain": domain}
    if published.text:
        policy["policy-string"] = list(published.text)
    if published.exchangers:
        policy["mx-host"] = list(published.exchangers)
    good = sum(count for one, count in sessions if not one.result)
    failed = [(one, count) for one, count in sessions if one.result]
    summary = {
        "total-successful-session-count": good,
        "total-failure-session-count": sum(count for _, count in failed),
    }
    details = [_detail(one, count) for one, count in failed]
    return {"policy": policy, "summary": summary} | ({"failure-details": details} if details else {})


def _detail(one: Session, count: int) -> dict[str, str | int]:
    known = {
        "sending-mta-ip": one.source,
        "receiving-mx-hostname": one.server,
        "receiving-ip": one.address,
    }
    told = {name: value for name, value in known.items() if value}
    return {"result-type": one.result, **told, "failed-session-count": count}


def _moment(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def mail(reporter: Reporter, report: Written, to: str, *, token: bytes, now: float) -> bytes:
    """The message that brings a report (section 5.3). It arrives whatever is wrong with TLS there (RFC 8689 section 5):
    that is what it tells of.
    """
    message = NewMessage(
        Correspondent(reporter.name, reporter.address),
        now,
        compose.message_id(token, reporter.domain),
        (Correspondent("", to),),
        subject=report.subject(reporter),
        more=(
            ("Auto-Submitted", "auto-generated"),
            ("TLS-Required", "No"),
            ("TLS-Report-Domain", report.domain),
            ("TLS-Report-Submitter", reporter.domain),
        ),
    )
    text = f"This is an aggregate TLS report of {reporter.domain} about the servers of {report.domain}.\n"
    name = report.filename(reporter)
    header = fields.parameters("Content-Type", MEDIA_TYPE, [("name", name)])
    header += fields.parameters("Content-Disposition", "attachment", [("filename", name)])
    attached = Piece(header + b"Content-Transfer-Encoding: base64\r\n", compose.base64(report.packed))
    pieces = [compose.text_part(text), attached]
    whole = compose.multipart("report", pieces, report.identifier, [("report-type", "tlsrpt")])
    return compose.envelope_fields(message) + b"MIME-Version: 1.0\r\n" + whole.octets
