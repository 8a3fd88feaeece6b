"""Hashes of a message's body in its canonical forms (RFC 6376 section 3.4), piece by piece: a body of any size costs
time and no memory, and other threads run between the pieces. Pure.
"""

import base64
import hashlib
import re

PIECE = 64 * 1024

_TRAILING = re.compile(rb"(?<![ \t])[ \t]++\r\n")
"""Begins where blanks begin: tried from each of them, a line of blanks takes the square of its length."""
_SPACE = re.compile(rb"[ \t]+")


class BodyHash:
    """One hash. `limit`: the canonical octets that count (`l=`); None: all of them."""

    def __init__(self, algorithm: str = "sha256", *, relaxed: bool = True, limit: int | None = None) -> None:
        self._digest = hashlib.new(algorithm)
        self._relaxed = relaxed
        self._limit = limit
        self._empty_lines = 0
        self._rest: list[bytes] = []
        """What has no line end yet."""
        self.size = 0
        """Canonical octets so far."""

    def update(self, piece: bytes) -> None:
        """Take a further piece, however it was cut."""
        cut = piece.rfind(b"\r\n") + 2
        if cut < 2:
            if not (piece.startswith(b"\n") and self._rest and self._rest[-1].endswith(b"\r")):
                self._rest += [piece] if piece else []
                return
            cut = 1
        lines = b"".join((*self._rest, piece[:cut])) if self._rest or cut < len(piece) else piece
        self._rest = [piece[cut:]] if cut < len(piece) else []
        self._lines(lines)

    def _lines(self, lines: bytes) -> None:
        # Encoded attachments have no white space at all, and looking for it costs nothing.
        if self._relaxed and (b" " in lines or b"\t" in lines):
            lines = _SPACE.sub(b" ", _TRAILING.sub(b"\r\n", lines))
        kept = lines.rstrip(b"\r\n")
        if kept:
            self._add(b"\r\n" * self._empty_lines)
            self._add(kept)
            self._empty_lines = 0
        self._empty_lines += (len(lines) - len(kept)) // 2

    def _add(self, octets: bytes) -> None:
        start, self.size = self.size, self.size + len(octets)
        if self._limit is None or self.size <= self._limit:
            self._digest.update(octets)
        elif start < self._limit:
            self._digest.update(octets[: self._limit - start])

    def digest(self) -> bytes:
        """The hash; nothing is added after it."""
        if self._rest:
            self._lines(b"".join(self._rest) + b"\r\n")
        # An empty body is one line in the simple form, and nothing in the relaxed one (sections 3.4.3, 3.4.4).
        if self.size or not self._relaxed:
            self._add(b"\r\n")
        return self._digest.digest()


def base64_hash(octets: bytes, start: int) -> bytes:
    """Base64 SHA-256 of the relaxed body that begins at `start`."""
    body = BodyHash()
    for at in range(start, len(octets), PIECE):
        body.update(octets[at : at + PIECE])
    return base64.b64encode(body.digest())
