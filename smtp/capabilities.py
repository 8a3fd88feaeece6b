"""What EHLO promises, and who keeps the promise. A test checks that each row has a dialogue."""

from dataclasses import dataclass
from datetime import UTC, datetime

from mailserver.store.queue.outbox import FURTHEST


@dataclass(frozen=True, slots=True)
class Capability:
    """An extension we announce."""

    keyword: str
    rfc: str
    module: str
    before_tls: bool = True
    under_tls: bool = True
    submission_only: bool = False


CAPABILITIES = (
    Capability("PIPELINING", "RFC 2920", "smtp.connection"),
    Capability("SIZE", "RFC 1870", "smtp.conversation"),
    Capability("8BITMIME", "RFC 6152", "smtp.wire.framing"),
    Capability("SMTPUTF8", "RFC 6531", "smtp.wire.grammar"),
    Capability("ENHANCEDSTATUSCODES", "RFC 2034", "smtp.wire.replies"),
    Capability("CHUNKING", "RFC 3030", "smtp.wire.framing"),
    Capability("DSN", "RFC 3461", "smtp.relay.dsn", submission_only=True),
    Capability(
        "FUTURERELEASE",
        "RFC 4865",
        "mailserver.outbound.submission.future_release",
        before_tls=False,
        submission_only=True,
    ),
    Capability("REQUIRETLS", "RFC 8689", "smtp.relay.tls.required", before_tls=False),
    Capability("STARTTLS", "RFC 3207", "smtp.connection", under_tls=False),
    Capability("AUTH", "RFC 4954", "smtp.authentication", before_tls=False, submission_only=True),
)

ARGUMENTS = {"AUTH": " PLAIN LOGIN"}


def announced(*, tls: bool, submission: bool, size_limit: int, now: float) -> list[str]:
    """The lines of an answer to EHLO or LHLO after the first."""
    chosen = [
        capability
        for capability in CAPABILITIES
        if (capability.under_tls if tls else capability.before_tls) and (submission or not capability.submission_only)
    ]
    arguments = {**ARGUMENTS, "SIZE": f" {size_limit}", "FUTURERELEASE": f" {FURTHEST} {_date_time(now + FURTHEST)}"}
    return [one.keyword + arguments.get(one.keyword, "") for one in chosen]


def _date_time(moment: float) -> str:
    """As RFC 3339 has it, in UTC."""
    return f"{datetime.fromtimestamp(int(moment), UTC):%Y-%m-%dT%H:%M:%SZ}"
