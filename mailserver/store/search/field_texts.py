"""The folded values of one header field of many contents, end to end in memory: a search reads them at its speed.

Built where a search would otherwise read many headers (what nobody indexed yet, words that are everywhere), and kept
for the next one. Contents never change, so a column is only ever added to.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_END, _VALUE = b"\n", b"\0"
_OCTETS = 16
"""Of the room that one content takes beside its text."""


@dataclass(frozen=True, slots=True)
class FieldTexts:
    """Values by content: each behind an octet 0, those of one content together; folded text has no such octets."""

    docs: "array[int]" = field(default_factory=lambda: array("q"))
    starts: "array[int]" = field(default_factory=lambda: array("Q"))
    packed: bytes = b""

    @property
    def octets(self) -> int:
        """The room it takes."""
        return len(self.packed) + _OCTETS * len(self.docs)

    def find(self, text: bytes) -> Iterator[int]:
        """The contents that have a value with this text; any value, when it is empty."""
        packed, starts, docs = self.packed, self.starts, self.docs
        wanted = text or _VALUE
        at = packed.find(wanted)
        while at >= 0:
            place = bisect_right(starts, at) - 1
            yield docs[place]
            if place + 1 == len(starts):
                return
            at = packed.find(wanted, starts[place + 1])

    def more(self, values: Iterable[tuple[int, Iterable[bytes]]]) -> "FieldTexts":
        """With further contents and their folded values."""
        docs, starts, pieces = self.docs[:], self.starts[:], [self.packed]
        size = len(self.packed)
        for content_id, texts in values:
            entry = b"".join([_VALUE + text for text in texts]) + _END
            docs.append(content_id)
            starts.append(size)
            pieces.append(entry)
            size += len(entry)
        return FieldTexts(docs, starts, b"".join(pieces))
