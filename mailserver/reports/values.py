"""What single values of a report may be, whichever form it has."""

import re
from functools import lru_cache
from ipaddress import ip_address

from mailserver.model.address import check_domain
from mailserver.model.errors import BadSyntax
from mailserver.reports.faults import BadReport, malformed

MAX_TEXT = 250
"""Characters of a text that are kept."""
MAX_COUNT = 10**9
"""Messages of one row."""
MAX_TOTAL = 10**12
"""Of one report."""
MAX_SPAN = 60 * 86400
"""Seconds that one report is about; most say a day."""
EARLIEST = 946_684_800
"""The year 2000."""
LATEST = 32_503_680_000
"""The year 3000."""

_NUMBER = re.compile(r"[0-9]{1,15}")


def text(value: object) -> str:
    """In one line, without what cannot be shown."""
    line = " ".join(str(value or "")[: 4 * MAX_TEXT].split())
    return "".join(character for character in line if character.isprintable())[:MAX_TEXT]


def number(value: object, name: str, most: int = MAX_COUNT) -> int:
    """Raises BadReport."""
    digits = str(value).strip() if not isinstance(value, bool) else ""
    if not (digits.isascii() and _NUMBER.fullmatch(digits)) or int(digits) > most:
        raise malformed(name)
    return int(digits)


def address(value: str, name: str) -> str:
    """An IP address, as we write it. Raises BadReport."""
    try:
        found = ip_address(value.strip())
    except ValueError:
        raise malformed(name) from None
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found).partition("%")[0]


def domain(value: object) -> str:
    """In small letters and A-labels; empty where it is none."""
    return _domain(text(value))


@lru_cache(10_000)  # a report says the same few domains a thousand times
def _domain(line: str) -> str:
    try:
        return check_domain(line.rstrip("."))
    except BadSyntax:
        return ""


def check_dates(begin: int, end: int) -> None:
    """Raises BadReport."""
    if begin < EARLIEST or end < begin or end - begin > MAX_SPAN:
        raise BadReport("report-dates")
