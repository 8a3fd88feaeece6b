"""Flags as a bit mask: five system flags, then a mailbox's keywords in the order they were first used."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

SEEN, ANSWERED, FLAGGED, DELETED, DRAFT = 1, 2, 4, 8, 16
SYSTEM = ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft")
SYSTEM_BITS = {name.casefold(): 1 << bit for bit, name in enumerate(SYSTEM)}
FIRST_KEYWORD_BIT = len(SYSTEM)
MAX_KEYWORDS = 62 - FIRST_KEYWORD_BIT
"""Keywords of one mailbox: the mask is a signed 64-bit integer on both engines."""
MAX_KEYWORD_LENGTH = 100
_STRETCH = 512


def names(mask: int, keywords: Sequence[str]) -> tuple[str, ...]:
    """Flag names of a mask; `keywords[i]` belongs to bit FIRST_KEYWORD_BIT + i."""
    found = [name for bit, name in enumerate(SYSTEM) if mask >> bit & 1]
    rest = mask >> FIRST_KEYWORD_BIT
    found.extend(name for bit, name in enumerate(keywords) if rest >> bit & 1)
    return tuple(found)


def known_mask(wanted: Iterable[str], keywords: Sequence[str]) -> tuple[int, list[str]]:
    """The mask of the flags that exist already, and the keywords this mailbox has never seen."""
    bits = {name.casefold(): 1 << (FIRST_KEYWORD_BIT + bit) for bit, name in enumerate(keywords)}
    mask = 0
    missing: dict[str, str] = {}
    for name in wanted:
        folded = name.casefold()
        bit = SYSTEM_BITS.get(folded) or bits.get(folded)
        if bit is not None:
            mask |= bit
        else:
            missing.setdefault(folded, name)
    return mask, list(missing.values())


def stretches(values: "array[int]") -> Iterator[tuple[int, int, int | None]]:
    """An array in ranges, each with the value that all of it has, if there is one.

    Of a mailbox thousands of neighbours have the same flags, which is seen at the speed of memcmp.
    """
    for start in range(0, len(values), _STRETCH):
        part = values[start : start + _STRETCH]
        same = part == array(values.typecode, part[:1]) * len(part)
        yield start, start + len(part), part[0] if same else None


def census(masks: "array[int]") -> Counter[int]:
    """How often each mask occurs."""
    found: Counter[int] = Counter()
    for start, stop, same in stretches(masks):
        if same is None:
            found.update(masks[start:stop])
        else:
            found[same] += stop - start
    return found
