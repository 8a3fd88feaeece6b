"""A body that is written anew, as pieces of the body as it came and new ones between them (RFC 5703): however large a
message, what was decided about it is small."""

from collections.abc import Callable

from mailserver.filters.sieve.interface import Piece

Rope = tuple[Piece, ...]


def length(rope: Rope) -> int:
    """Octets of it."""
    return sum(map(len, rope))


def cut(rope: Rope, start: int, stop: int) -> Rope:
    """The octets from one place to another."""
    found: list[Piece] = []
    at = 0
    for piece in rope:
        low, high = max(0, start - at), min(len(piece), stop - at)
        if low < high:
            found.append(piece[low:high])
        at += len(piece)
    return tuple(found)


def splice(rope: Rope, news: list[tuple[int, int, bytes]]) -> Rope:
    """With other octets in some places, each given by where it starts and ends; of what is within another nothing."""
    found: list[Piece] = []
    at = 0
    for start, end, octets in sorted(news, key=lambda one: (one[0], -one[1])):
        if start >= at:
            found += [*cut(rope, at, start), octets]
            at = end
    return (*found, *cut(rope, at, length(rope)))


def octets(rope: Rope, most: int, came: Callable[[int], bytes]) -> bytes:
    """The first octets. `came`: the first ones of the body as it came."""
    return b"".join(
        [came(piece.stop)[piece.start :] if isinstance(piece, range) else piece for piece in cut(rope, 0, most)]
    )
