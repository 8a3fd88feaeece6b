"""Flags on the wire and as the store's bit mask (RFC 3501 section 2.3.2).

The five system flags have fixed bits; a mailbox's keywords follow from bit 5 in the order the mailbox
numbered them. One `FlagNames` per selected mailbox turns masks into octets and remembers each mask it met:
a mailbox of 100,000 messages knows a handful.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SEEN = 1
ANSWERED = 2
FLAGGED = 4
DELETED = 8
DRAFT = 16
FIRST_KEYWORD = 5
"""The bit of a mailbox's first keyword."""
RECENT = 1 << 63
"""No bit of the store (those end at 62): a session adds it to the masks of messages that are recent to it."""
_CACHE_LIMIT = 64 * 1024
"""Octets of spelt masks that a mailbox remembers: all masks of its keywords would be more than there is memory."""
_ENTRY = 150
"""What a remembered mask takes besides."""

SYSTEM_NAMES = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")
"""In the order of RFC 3501 section 7.2.6."""

SYSTEM_BITS = {
    "\\SEEN": SEEN,
    "\\ANSWERED": ANSWERED,
    "\\FLAGGED": FLAGGED,
    "\\DELETED": DELETED,
    "\\DRAFT": DRAFT,
}
"""System flags by their name in capitals."""

_SYSTEM_BY_BIT = ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft")


@dataclass(frozen=True, slots=True)
class Flags:
    """Flags that a client named: system flags as a mask, keywords as they were written, each once."""

    system: int = 0
    keywords: tuple[str, ...] = ()


NO_FLAGS = Flags()


class FlagNames:
    """The names of a mailbox's bits: masks to octets.

    A mailbox that gains a keyword gets a new `FlagNames`; the old one knows the old bits only.
    """

    __slots__ = ("_cache", "_cached", "keywords")

    def __init__(self, keywords: Iterable[str] = ()) -> None:
        self.keywords = tuple(keywords)
        self._cache: dict[int, bytes] = {}
        self._cached = 0

    def spell(self, mask: int) -> bytes:
        """The names of a mask, separated by spaces, without parentheses."""
        found = self._cache.get(mask)
        if found is None:
            found = self._names_of(mask)
            if self._cached > _CACHE_LIMIT:
                self._cache.clear()
                self._cached = 0
            self._cached += len(found) + _ENTRY
            self._cache[mask] = found
        return found

    def spell_all(self, masks: Sequence[int]) -> list[bytes]:
        """`spell` for many: a mailbox knows few combinations."""
        spelt = {mask: self.spell(mask) for mask in set(masks)}
        if len(spelt) == 1:
            return [*spelt.values()] * len(masks)
        return list(map(spelt.__getitem__, masks))

    def _names_of(self, mask: int) -> bytes:
        names = [name for bit, name in enumerate(_SYSTEM_BY_BIT) if mask >> bit & 1]
        names += [name for bit, name in enumerate(self.keywords, FIRST_KEYWORD) if mask >> bit & 1]
        if mask & RECENT:
            names.append("\\Recent")
        return " ".join(names).encode("ascii")

    def every(self, star: bool = False) -> bytes:
        """All names, for FLAGS; with `star` for PERMANENTFLAGS of a mailbox that takes new keywords."""
        return " ".join((*SYSTEM_NAMES, *self.keywords, *(("\\*",) if star else ()))).encode("ascii")

    def among(self, mask: int, star: bool = False) -> bytes:
        """The names that a mask has, for PERMANENTFLAGS of whoever may change some only (RFC 4314 section 4)."""
        known = (1 << (FIRST_KEYWORD + len(self.keywords))) - 1
        said = self.spell(mask & known)
        return said + b" \\*" if star and mask < 0 else said
