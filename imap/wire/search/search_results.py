"""What searches find, as octets: SEARCH, SORT, ESEARCH and THREAD lines (RFC 3501 section 7.2.5, RFC 4731, RFC 5256).

Numbers may be in any order where results are sorted: a set then keeps it, and has ranges only where they ascend
(RFC 5267 section 3.2).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imap.wire import names, strings
from imap.wire.search.search_program import Partial, Returns, SearchReturn
from imap.wire.sets import compact


def search(numbers: Sequence[int], modseq: int | None = None) -> bytes:
    """SEARCH (RFC 3501 section 7.2.5), with the highest mod-sequence when asked (RFC 7162 section 3.1.5).

    Without numbers there is no MODSEQ either: there is no message it could be the highest of.
    """
    return _plain("SEARCH", numbers, modseq)


def sort(numbers: Sequence[int], modseq: int | None = None) -> bytes:
    """SORT (RFC 5256 BASE.7.2.SORT; RFC 7162 section 3.1.6)."""
    return _plain("SORT", numbers, modseq)


_PORTION = 10_000


def _plain(name: str, numbers: Sequence[int], modseq: int | None) -> bytes:
    # In portions: while C works on all of them, no other thread runs.
    portions = range(0, len(numbers), _PORTION)
    found = " ".join([name, *(" ".join(map(str, numbers[start : start + _PORTION])) for start in portions)])
    if modseq is None or not numbers:
        return b"* %s\r\n" % found.encode("ascii")
    return b"* %s (MODSEQ %d)\r\n" % (found.encode("ascii"), modseq)


@dataclass(frozen=True, slots=True)
class Origin:
    """What an ESEARCH line belongs to: the command's tag; for several mailboxes which one (RFC 7377 section 2.1)."""

    tag: str
    by_uid: bool
    mailbox: str = ""
    uidvalidity: int = 0
    utf8: bool = False

    def start(self) -> bytes:
        """The line up to its data."""
        correlators = b"TAG %s" % strings.quoted(self.tag.encode("ascii"))
        if self.mailbox:
            name = names.encode(self.mailbox, self.utf8)
            correlators += b" MAILBOX %s UIDVALIDITY %d" % (name, self.uidvalidity)
        return b"* ESEARCH (%s)%s" % (correlators, b" UID" if self.by_uid else b"")


def extended(
    origin: Origin,
    numbers: Sequence[int],
    returns: Returns,
    partial: Partial | None = None,
    modseq: int | None = None,
) -> bytes:
    """ESEARCH (RFC 4731 section 3.1); `numbers` in their order. MIN, MAX, ALL are left out when nothing matched.

    Any order is legal; MODSEQ comes last, as in the examples of RFC 4731 and RFC 7162 that clients were written to.
    """
    said = [origin.start()]
    if numbers and SearchReturn.MIN in returns:
        said.append(b"MIN %d" % numbers[0])
    if numbers and SearchReturn.MAX in returns:
        said.append(b"MAX %d" % numbers[-1])
    if SearchReturn.COUNT in returns:
        said.append(b"COUNT %d" % len(numbers))
    if numbers and SearchReturn.ALL in returns:
        said.append(b"ALL %s" % compact(numbers))
    if partial is not None:
        said.append(b"PARTIAL (%d:%d %s)" % (*partial, compact(part(numbers, partial)) or b"NIL"))
    if numbers and modseq is not None:
        said.append(b"MODSEQ %d" % modseq)
    return b" ".join(said) + b"\r\n"


def part(numbers: Sequence[int], partial: Partial) -> Sequence[int]:
    """The results that PARTIAL asks for (RFC 9394 section 3.1)."""
    first, last = partial
    if first > 0:
        low, high = sorted(partial)
        return numbers[low - 1 : high]
    low, high = sorted((-first, -last))
    return numbers[max(0, len(numbers) - high) : max(0, len(numbers) - low + 1)]


Runs = Sequence[tuple[int, Sequence[int]]]
"""Context positions, each with the results that are there; position 0: wherever the mailbox's order puts them."""


def removed(origin: Origin, runs: Runs) -> bytes:
    """REMOVEFROM (RFC 5267 section 4.3.4); nothing for no runs."""
    return _update(origin, b"REMOVEFROM", runs)


def added(origin: Origin, runs: Runs) -> bytes:
    """ADDTO (RFC 5267 section 4.3.3); nothing for no runs."""
    return _update(origin, b"ADDTO", runs)


def _update(origin: Origin, name: bytes, runs: Runs) -> bytes:
    if not runs:
        return b""
    pairs = b" ".join([b"%d %s" % (position, compact(numbers)) for position, numbers in runs])
    return b"%s %s (%s)\r\n" % (origin.start(), name, pairs)


def thread(roots: Sequence[int], children: Mapping[int, Sequence[int]], numbers: Sequence[int]) -> bytes:
    """THREAD (RFC 5256 BASE.7.2.THREAD). Nodes from the count of `numbers` on are dummies: parents that are not there.

    Iterative: threads may be as deep as a mailbox is long.
    """
    count = len(numbers)
    said: list[bytes] = []
    for root in roots:
        if root not in children:
            said.append(b"(%d)" % numbers[root])
            continue
        waiting = [root]
        while waiting:
            node = waiting.pop()
            if node == _CLOSE:
                said.append(b")")
                continue
            said.append(b"(")
            while node < count and len(below := children.get(node, ())) == 1:
                said.append(b"%d " % numbers[node])
                node = below[0]
            below = children.get(node, ())
            if node < count:
                said.append(b"%d " % numbers[node] if below else b"%d)" % numbers[node])
            if below:
                waiting.append(_CLOSE)
                waiting.extend(reversed(below))
    return b"* THREAD%s\r\n" % (b" " + b"".join(said) if said else b"")


_CLOSE = -1
"""Instead of a node: everything below one was said."""
