"""The named checks a whole message passes before it is delivered, in order. Pure."""

from collections.abc import Callable

from mailserver.errors import Reason, Refused
from mailserver.mime.trace import count_received
from mailserver.settings import Limits

Check = Callable[[bytes, int, Limits], None]


def header_size(octets: bytes, limits: Limits) -> int:
    """Where the header ends. Raises Refused(TOO_BIG) for one that would be costly to every reader."""
    end = octets.find(b"\r\n\r\n", 0, limits.header_size)
    if end >= 0:
        return end + 2
    if len(octets) > limits.header_size:
        raise Refused(Reason.TOO_BIG, "Header too big")
    return len(octets)


def check_loop(octets: bytes, header: int, limits: Limits) -> None:
    """A message that has passed too many servers runs in a circle (RFC 5321 section 6.3)."""
    if count_received(octets, header) > limits.hops:
        raise Refused(Reason.LOOP, "Too many Received fields: the message runs in a circle")


CHECKS: tuple[Check, ...] = (check_loop,)


def check(octets: bytes, limits: Limits) -> None:
    """Run every check. Raises Refused."""
    header = header_size(octets, limits)
    for one in CHECKS:
        one(octets, header, limits)
