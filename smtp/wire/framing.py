"""What one peer sends, cut into command lines, DATA content and BDAT chunks. No I/O.

Only CRLF ends a line and only CRLF.CRLF ends DATA (RFC 5321 section 2.3.8 and 4.1.1.4). A command line
with another line end is a fault of that line. Content is moved out of the buffer in pieces that end
with a line, so that a large message costs time in proportion to its size and no single step is long.
"""

from collections.abc import Iterator
from enum import Enum

from mailserver.model.errors import BadSyntax

COMMAND_LINE = 2048
"""Octets of a command line: RFC 5321 section 4.5.3.1.4 asks for 512, SIZE, SMTPUTF8 and DSN for about 700 more."""
AUTH_LINE = 12_288 + 64
"""An AUTH command or its continuation (RFC 4954 section 4)."""
TEXT_LINE = 65_536
"""RFC 5321 section 4.5.3.1.6 says 1,000; HTML mail of real programs goes far beyond."""
PIECE = 65_536
"""Content is moved out of the buffer when this much has come without the end in sight."""

SMALL_PIECE = 4096
"""Smaller ones are put together: an object for each two octets takes twenty times what it holds (memory)."""

END = b"\r\n.\r\n"


class Fault(Enum):
    """What is wrong with a message's octets; found while they arrive, answered when they have ended."""

    BARE_LINE_END = "Lines must end with CRLF"
    """Refused, not repaired: the next server might take a bare LF for a line end (SMTP smuggling)."""
    NUL = "The message contains NUL octets"
    LINE_TOO_LONG = "Line too long"
    TOO_BIG = "Message too big"
    NO_ROOM = "Too much mail at once"


class Content:
    """The octets of one message as they arrive. After the first fault nothing more is kept."""

    __slots__ = (
        "_breaks",
        "_carriages",
        "_column",
        "_ends_with_cr",
        "_feeds",
        "_limit",
        "_pieces",
        "_small",
        "fault",
        "size",
    )

    def __init__(self, limit: int) -> None:
        self.size = 0
        self.fault: Fault | None = None
        self._limit = limit
        self._pieces: list[bytes] = []
        self._small = bytearray()
        """What follows these, of small pieces."""
        self._breaks = self._carriages = self._feeds = 0
        self._ends_with_cr = False
        self._column = 0

    def add(self, piece: bytes) -> None:
        """Take a further piece, however it was cut."""
        if self.fault is not None or not piece:
            return
        self.size += len(piece)
        if self.size > self._limit:
            self.spoil(Fault.TOO_BIG)
            return
        # Every CR and every LF belongs to a CRLF exactly when the three counts agree.
        self._breaks += piece.count(b"\r\n")
        if self._ends_with_cr and piece.startswith(b"\n"):
            self._breaks += 1
        self._ends_with_cr = piece.endswith(b"\r")
        self._carriages += piece.count(b"\r")
        self._feeds += piece.count(b"\n")
        if b"\0" in piece:
            self.spoil(Fault.NUL)
        elif self._too_long(piece):
            self.spoil(Fault.LINE_TOO_LONG)
        else:
            self._keep(piece)

    def _keep(self, piece: bytes) -> None:
        if self._pieces and len(piece) < SMALL_PIECE:
            self._small += piece
            if len(self._small) >= PIECE:
                self._settle()
        else:
            self._settle()
            self._pieces.append(piece)

    def _settle(self) -> None:
        if self._small:
            self._pieces.append(bytes(self._small))
            self._small.clear()

    @property
    def held(self) -> int:
        """Octets that it keeps in memory."""
        return self.size if self.fault is None else 0

    def spoil(self, fault: Fault) -> None:
        """Record a fault and let go of what was kept."""
        if self.fault is None:
            self.fault = fault
        self._pieces.clear()
        self._small.clear()

    def finish(self) -> Fault | None:
        """The message has ended: what is wrong with it, or None."""
        self._settle()
        if self._carriages != self._breaks or self._feeds != self._breaks:
            self.spoil(Fault.BARE_LINE_END)
        return self.fault

    def head(self, limit: int) -> bytes:
        """The first octets, `limit` at least if there are so many. As of all that is read: once it has ended."""
        size = count = 0
        while size < limit and count < len(self._pieces):
            size += len(self._pieces[count])
            count += 1
        return self._pieces[0] if count == 1 else b"".join(self._pieces[:count])

    def octets(self, *prefix: bytes, start: int = 0) -> bytes:
        """The message from `start` on with something on top; in one copy, because a large one takes its time."""
        if not prefix and not start and len(self._pieces) == 1:
            return self._pieces[0]
        return b"".join((*prefix, *self.pieces(start)))

    def pieces(self, start: int = 0) -> Iterator[bytes]:
        """What has come, from an octet on, as it was cut; only the first piece is copied."""
        for piece in self._pieces:
            if start >= len(piece):
                start -= len(piece)
            else:
                yield piece[start:] if start else piece
                start = 0

    def _too_long(self, piece: bytes) -> bool:
        """Look for a line over the limit by leaping from line end to line end."""
        last = piece.rfind(b"\n")
        if self._column + len(piece) <= TEXT_LINE:
            self._column = len(piece) - last - 1 if last >= 0 else self._column + len(piece)
            return False
        start = -self._column
        while start + TEXT_LINE < len(piece):
            end = piece.rfind(b"\n", max(start, 0), max(start + TEXT_LINE, 0))
            if end < 0:
                return True
            start = end + 1
        self._column = len(piece) - last - 1 if last >= 0 else self._column + len(piece)
        return False


class Framer:
    """The octets of one connection that nobody has taken yet."""

    __slots__ = ("_at_line_start", "_buffer", "_overlong", "_scanned")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self._at_line_start = True
        self._overlong = False

    def __len__(self) -> int:
        return len(self._buffer)

    def feed(self, octets: bytes) -> None:
        self._buffer += octets

    def drop(self) -> None:
        """Forget what has come (RFC 3207 section 4.2: nothing from before TLS may act after it)."""
        self._discard()
        self._overlong = False

    def _discard(self) -> None:
        self._buffer.clear()
        self._scanned = 0

    # ------------------------------------------------------------------ command lines

    def line(self, limit: int = COMMAND_LINE) -> bytes | None:
        """The next line without its CRLF, or None. Raises BadSyntax for a line that must not be obeyed.

        A line over the limit is thrown away as it comes and reported once, when it ends.
        """
        buffer = self._buffer
        end = buffer.find(b"\n", self._scanned)
        if end < 0:
            self._scanned = len(buffer)
            if len(buffer) > limit:
                self._overlong = True
                self._discard()
            return None
        line = bytes(buffer[: end + 1])
        del buffer[: end + 1]
        self._scanned = 0
        if self._overlong or len(line) > limit:
            self._overlong = False
            raise BadSyntax("Line too long")
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            raise BadSyntax("Lines must end with CRLF")
        if b"\0" in line:
            raise BadSyntax("NUL octet in command")
        return line[:-2]

    # ------------------------------------------------------------------ DATA

    def begin_data(self) -> None:
        """The peer has been told 354: what follows is content up to CRLF.CRLF."""
        self._at_line_start = True
        self._scanned = 0

    def data(self, content: Content) -> bool:
        """Move content into `content`, transparency dots removed; True when its end has been seen."""
        buffer = self._buffer
        if self._at_line_start and buffer.startswith(END[2:]):
            del buffer[:3]
            self._scanned = 0
            return True
        end = buffer.find(END, max(0, self._scanned - len(END) + 1))
        if end >= 0:
            content.add(self._unstuff(bytes(buffer[: end + 2])))
            del buffer[: end + len(END)]
            self._scanned = 0
            return True
        self._scanned = len(buffer)
        if len(buffer) > PIECE:
            self._move_piece(content)
        return False

    def _move_piece(self, content: Content) -> None:
        """Move out whole lines; of a line that has no end yet, everything but a CR that may begin it."""
        buffer = self._buffer
        cut = buffer.rfind(b"\r\n") + 2
        if cut >= 2:
            content.add(self._unstuff(bytes(buffer[:cut])))
            self._at_line_start = True
        else:
            cut = len(buffer) - buffer.endswith(b"\r")
            content.spoil(Fault.LINE_TOO_LONG)
            self._at_line_start = False
        del buffer[:cut]
        self._scanned = len(buffer)

    def _unstuff(self, piece: bytes) -> bytes:
        """Remove the dot that begins a line (RFC 5321 section 4.5.2)."""
        if self._at_line_start and piece.startswith(b"."):
            piece = piece[1:]
        return piece.replace(b"\r\n.", b"\r\n") if b"\r\n." in piece else piece

    # ------------------------------------------------------------------ BDAT

    def chunk(self, content: Content | None, remaining: int) -> int:
        """Move up to `remaining` octets into `content` (None: away); how many are still to come."""
        buffer = self._buffer
        piece = bytes(buffer[:remaining])
        del buffer[: len(piece)]
        self._scanned = 0
        if content is not None:
            content.add(piece)
        return remaining - len(piece)
