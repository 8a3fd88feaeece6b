"""What a header may be, at every door that takes a message: the one bound, and where a header ends.

Every reader of a message pays for its header: its fields are parsed for lists, searches and pages. So one that is
beyond the bound is refused whole, never read in part; nothing of it is kept.
"""

import re

from mailserver.model.errors import Reason, Refused

_BLANK_LINE = re.compile(rb"\n\r?\n")


def end(octets: bytes, limit: int) -> int:
    """Where the header's fields end, their last line end included: at the first blank line, or with the octets.

    -1 when it is further away than `limit` octets. A message that begins with a blank line has no field.
    """
    if octets.startswith((b"\n", b"\r\n")):
        return 0
    blank = _BLANK_LINE.search(octets, 0, limit + 2)
    if blank is not None:
        return blank.start() + 1 if blank.start() < limit else -1
    return len(octets) if len(octets) <= limit else -1


def check(octets: bytes, max_octets: int, max_fields: int) -> int:
    """Judge the header of a message, or of its beginning when that is longer than `max_octets`; where its fields end.

    Lines that are neither a field nor the continuation of one count as fields. Raises Refused(TOO_BIG).
    """
    found = end(octets, max_octets)
    if found < 0:
        raise Refused(Reason.TOO_BIG, "Header too big")
    if found > max_fields and count(octets, found) > max_fields:
        raise Refused(Reason.TOO_BIG, "Header too big: too many fields")
    return found


def check_start(octets: bytes) -> None:
    """Where fields are put on top, a first line that continues one would become part of ours: an author that nobody
    looked at, a hop that was none. Raises Refused(INVALID) for a message that begins so (RFC 5322 section 2.2.3)."""
    if octets.startswith((b" ", b"\t")):
        raise Refused(Reason.INVALID, "The message begins with a blank: its first line continues no field")


def count(octets: bytes, stop: int) -> int:
    """Lines before `stop` that are no continuations (RFC 5322 section 2.2.3)."""
    lines = octets.count(b"\n", 0, stop) + (stop > 0 and octets[stop - 1] != 10)
    return lines - octets.count(b"\n ", 0, stop) - octets.count(b"\n\t", 0, stop)
