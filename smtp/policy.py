"""The named checks a whole message passes before it is delivered, in order. Pure."""

from collections.abc import Callable

from mailserver.errors import Reason, Refused
from mailserver.mime.tracing import count_received
from mailserver.settings import Limits
from smtp.framing import Content

Check = Callable[[bytes, int, Limits], None]


def header_size(head: bytes, limits: Limits) -> int:
    """Where the header ends in `head`, the message's beginning.

    Raises Refused(TOO_BIG) for one that would be costly to every reader.
    """
    end = head.find(b"\r\n\r\n", 0, limits.header_size)
    if end >= 0:
        return end + 2
    if len(head) > limits.header_size:
        raise Refused(Reason.TOO_BIG, "Header too big")
    return len(head)


def check_loop(head: bytes, header: int, limits: Limits) -> None:
    """A message that has passed too many servers runs in a circle (RFC 5321 section 6.3)."""
    if count_received(head, header) > limits.hops:
        raise Refused(Reason.LOOP, "Too many Received fields: the message runs in a circle")


CHECKS: tuple[Check, ...] = (check_loop,)


def check(content: Content, limits: Limits) -> None:
    """Run every check. Raises Refused."""
    head = content.head(limits.header_size + 1)
    header = header_size(head, limits)
    for one in CHECKS:
        one(head, header, limits)
