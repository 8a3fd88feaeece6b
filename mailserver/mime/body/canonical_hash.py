"""Hashes of a message's body in its canonical forms (RFC 6376 section 3.4), piece by piece: a body of any size costs
time and no memory, and other threads run between the pieces. Pure.
"""

import base64
import hashlib
from collections.abc import Iterable

PIECE = 64 * 1024


class BodyHash:
    """The hash of one form. `limits`: after so many canonical octets (`l=`) hashes are wanted as well."""

    def __init__(self, *, relaxed: bool = True, limits: Iterable[int] = ()) -> None:
        self._digest = hashlib.sha256()
        self._relaxed = relaxed
        self._limits = sorted(set(limits), reverse=True)
        self._at: dict[int, bytes] = {}
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
            lines = _without_blanks(lines)
        kept = lines.rstrip(b"\r\n")
        if kept:
            self._add(b"\r\n" * self._empty_lines)
            self._add(kept)
            self._empty_lines = 0
        self._empty_lines += (len(lines) - len(kept)) // 2

    def _add(self, octets: bytes) -> None:
        start, self.size = self.size, self.size + len(octets)
        at = 0
        while self._limits and self._limits[-1] <= self.size:
            limit = self._limits.pop()
            self._digest.update(octets[at : limit - start])
            at = limit - start
            self._at[limit] = self._digest.digest()
        self._digest.update(octets[at:])

    def up_to(self, limit: int | None) -> bytes:
        """After `digest`: the hash of so many octets, one of `limits`, or of all."""
        return self._at.get(-1 if limit is None else limit) or self._digest.digest()

    def digest(self) -> bytes:
        """The hash of all; nothing is added after it."""
        if self._rest:
            self._lines(b"".join(self._rest) + b"\r\n")
        # An empty body is one line in the simple form, and nothing in the relaxed one (sections 3.4.3, 3.4.4).
        if self.size or not self._relaxed:
            self._add(b"\r\n")
        return self._digest.digest()


def _without_blanks(lines: bytes) -> bytes:
    """Runs of blanks as one, none before a line's end. Each round halves a run, at the speed of a search: an expression
    makes an object of every run, half a second for a megabyte of them."""
    lines = lines.replace(b"\t", b" ")
    while b"  " in lines:
        lines = lines.replace(b"  ", b" ")
    return lines.replace(b" \r\n", b"\r\n")


def base64_hash(octets: bytes, start: int) -> bytes:
    """Base64 SHA-256 of the relaxed body that begins at `start`."""
    body = BodyHash()
    for at in range(start, len(octets), PIECE):
        body.update(octets[at : at + PIECE])
    return base64.b64encode(body.digest())
