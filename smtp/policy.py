"""The named checks a whole message passes before it is delivered, in order. Pure."""

from collections.abc import Callable

from mailserver.foundation.settings import Limits
from mailserver.mime.header import header_limit
from mailserver.mime.writing.trace_fields import count_received
from mailserver.model.errors import Reason, Refused
from smtp.wire.framing import Content

Check = Callable[[bytes, int, Limits], None]


def check_loop(head: bytes, header: int, limits: Limits) -> None:
    """A message that has passed too many servers runs in a circle (RFC 5321 section 6.3)."""
    if count_received(head, header) > limits.hops:
        raise Refused(Reason.LOOP, "Too many Received fields: the message runs in a circle")


def check_start(head: bytes, header: int, limits: Limits) -> None:
    """Our trace fields go on top: no line of the peer's may become part of them."""
    header_limit.check_start(head)


CHECKS: tuple[Check, ...] = (check_start, check_loop)


def check(content: Content, limits: Limits) -> bytes:
    """Run every check; the header's fields, for whoever asks more of them. Raises Refused."""
    head = content.head(limits.header_size + 4)
    header = header_limit.check(head, limits.header_size, limits.header_fields)
    for one in CHECKS:
        one(head, header, limits)
    return head[:header]
