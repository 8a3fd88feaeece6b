"""TLS sessions with other servers as values, for the reports that their domains get (TLS-RPT, RFC 8460)."""

import json
from dataclasses import astuple, dataclass

STS, TLSA, NO_POLICY = "sts", "tlsa", "no-policy-found"
"""Section 4.2."""
NO_STARTTLS = "starttls-not-supported"
OTHER_NAME, EXPIRED, NOT_TRUSTED = "certificate-host-mismatch", "certificate-expired", "certificate-not-trusted"
FAILED = "validation-failure"
TLSA_INVALID, DNSSEC_INVALID = "tlsa-invalid", "dnssec-invalid"
NOT_FETCHED, POLICY_INVALID = "sts-policy-fetch-error", "sts-policy-invalid"
"""Section 4.3."""


@dataclass(frozen=True, slots=True)
class Published:
    """What a domain asks of TLS with its servers."""

    kind: str = NO_POLICY
    text: tuple[str, ...] = ()
    """The policy line by line, or its records of DANE."""
    exchangers: tuple[str, ...] = ()
    """Names of servers in an MTA-STS policy."""


@dataclass(frozen=True, slots=True)
class Session:
    """How one ended; nothing of the mail that went over it."""

    domain: str
    published: Published
    result: str = ""
    """Empty: as the domain asks; it is not told then with which server."""
    server: str = ""
    address: str = ""
    source: str = ""
    """The address of ours, where it is known."""


WELL = ']],"",'
"""What `written` has of a session that ended well, and of no other: no text in JSON has two quotes that touch."""


def written(one: Session) -> str:
    """As the store keeps it: ASCII."""
    return json.dumps(astuple(one), separators=(",", ":"))


def read(text: str) -> Session:
    """What `written` has written."""
    domain, (kind, lines, exchangers), *rest = json.loads(text)
    return Session(domain, Published(kind, tuple(lines), tuple(exchangers)), *rest)
