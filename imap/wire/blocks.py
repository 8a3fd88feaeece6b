"""FETCH lines in two halves: what never changes of a message, made once, and its number, flags and mod-sequence.

A message's octets, dates, sizes and rendered columns are the same for ever, so a `Block` of them may be kept and
put between fresh numbers and flags again (RFC 3501 section 7.4.2). Joining the pieces of 400 messages is one call in C.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import cast

from imap.wire.fetch import Attribute, Section
from imap.wire.fetchlines import FORMS, NAMES, conversion
from imap.wire.flags import FlagNames

DYNAMIC = frozenset({Attribute.FLAGS, Attribute.MODSEQ})
"""What a message's line says that changes."""


@dataclass(frozen=True, slots=True)
class Block:
    """The lasting pieces of the lines of some messages."""

    uids: "array[int]"
    changing: tuple[Attribute, ...]
    """The attributes of DYNAMIC that were asked for, in the order of the answer."""
    pieces: tuple[tuple[Sequence[bytes], ...], ...]
    """What stands before, between and behind the values of `changing`: columns side by side, an item a message. Octets
    of sections are columns of their own, and never copied but into the answer."""

    @property
    def octets(self) -> int:
        """About how much memory it takes."""
        return sum(sum(map(len, column)) + 41 * len(column) for group in self.pieces for column in group)


def make(
    attributes: Sequence[Attribute],
    uids: "array[int]",
    columns: Sequence[Sequence[int | bytes | str]],
    sections: Sequence[Section] = (),
    contents: Sequence[Sequence[bytes]] = (),
) -> Block:
    """The block of these messages.

    `columns`: the values of each attribute that is not of DYNAMIC, in the order asked, as `fetchlines.lines` takes
    them. `contents` runs beside `uids`: the octets of each section, already cut to its partial range.
    """
    given = iter(columns)
    pieces: list[tuple[Sequence[bytes], ...]] = []
    form, values = b"", list[Sequence[int | bytes | str]]()
    space = b""
    for attribute in attributes:
        if attribute in DYNAMIC:
            before, after = FORMS[attribute].split(b"%b" if attribute is Attribute.FLAGS else b"%d")
            pieces.append((_filled(form + space + before, values, len(uids)),))
            form, values = after, []
        else:
            form += space + FORMS[attribute]
            values.append(_converted(attribute, next(given)))
        space = b" "
    found = list(zip(*contents, strict=True)) or [()] * len(sections)
    last: list[Sequence[bytes]] = []
    for section, octets in zip(sections, found, strict=True):
        form += space + section.label.replace(b"%", b"%%") + b" {%d}\r\n"
        last += [_filled(form, [*values, tuple(map(len, octets))], len(uids)), octets]
        form, values, space = b"", [], b" "
    pieces.append((*last, _filled(form + b")\r\n", values, len(uids))))
    return Block(uids, tuple(one for one in attributes if one in DYNAMIC), tuple(pieces))


def _converted(attribute: Attribute, values: Sequence[int | bytes | str]) -> Sequence[int | bytes | str]:
    convert = conversion(attribute)
    return values if convert is None else tuple(map(convert, values))


def _filled(form: bytes, values: Sequence[Sequence[int | bytes | str]], count: int) -> list[bytes]:
    """`form` with each message's values."""
    if not values:
        return [form % ()] * count
    if len(values) == 1 and count and isinstance(values[0][0], int):
        return _spread(form, cast("Sequence[int]", values[0]))
    return [form % row for row in zip(*values, strict=True)]


def lines(
    block: Block,
    numbers: Sequence[int],
    flags: Sequence[int],
    modseqs: Sequence[int],
    names: FlagNames,
    *,
    uid_only: bool = False,
) -> bytes:
    """The lines of a block's messages; UIDFETCH and UIDs instead of numbers with `uid_only` (RFC 9586)."""
    form = b"* %%d %b (" % NAMES[uid_only]
    named = block.uids if uid_only else numbers
    heads = _heads(form, named) if isinstance(named, range) else _spread(form, named)
    columns: list[Sequence[bytes]] = [heads, *block.pieces[0]]
    for attribute, group in zip(block.changing, block.pieces[1:], strict=True):
        columns += [names.spell_all(flags) if attribute is Attribute.FLAGS else _spread(b"%d", modseqs), *group]
    return b"".join(chain.from_iterable(zip(*columns, strict=True)))


@lru_cache(maxsize=64)
def _heads(form: bytes, numbers: range) -> list[bytes]:
    """`_spread` for the lots that every mailbox begins with."""
    return _spread(form, numbers)


def _spread(form: bytes, numbers: Sequence[int]) -> list[bytes]:
    """`form` for each number, all of them in two calls."""
    return ((form + b"\0") * len(numbers) % tuple(numbers)).split(b"\0")[:-1]
