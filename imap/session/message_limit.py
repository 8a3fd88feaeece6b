"""How many messages one command works on (RFC 9738 section 3.1): the last ones, and where the client may go on."""

from collections.abc import Iterator, Sequence

from imap.session.view import View
from imap.wire import codes
from imap.wire.codes import Code
from imap.wire.responses import Reply, no

Slices = Sequence[tuple[int, int]]


def last(view: View, slices: Slices, most: int) -> tuple[list[tuple[int, int]], Code | None]:
    """Of the messages at these ascending index ranges the last ones, and MESSAGELIMIT when that are not all."""
    surplus = count(slices) - most
    if surplus <= 0:
        return list(slices), None
    kept: list[tuple[int, int]] = []
    for start, stop in slices:
        passed = min(surplus, stop - start)
        surplus -= passed
        if start + passed < stop:
            kept.append((start + passed, stop))
    return kept, codes.message_limit(most, view.uids[kept[0][0]])


def count(slices: Slices) -> int:
    """How many messages stand at these index ranges."""
    return sum(stop - start for start, stop in slices)


def ending(reply: Reply, limit: Code | None) -> Iterator[bytes | Reply]:
    """How a command ends that was limited; a code of its own has precedence, and MESSAGELIMIT stands before it."""
    if limit is None:
        yield reply
    elif reply.code is None:
        yield Reply(reply.condition, f"{reply.text}, for the last messages only", limit)
    else:
        yield no("For the last messages only", limit).encode()
        yield reply
