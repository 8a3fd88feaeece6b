"""Octets to complete commands: lines, literals, and every limit (RFC 3501 sections 2.2, 4.3; RFC 7888).

`feed` takes what arrived, `next` gives one event at a time, so the caller works on one command while the
following ones wait here unread. A command's literals are cut out of its text: the text keeps only where each
stood (`{5}` and a CR LF, which occur nowhere else in it), so that no grammar can take their octets for syntax.

A refused command is still read to its end, with the octets of its non-synchronising literals (RFC 7888
section 4), because they would be run as commands otherwise; none of it is kept, and after `Limits.skip`
octets the connection is given up. Lines end with CR LF only. A bare LF refuses the whole line up to its
CR LF: were it taken for an end of line, whoever gets an LF into a client's search or folder name would have
the rest run as a command. It is answered at once, so that a person at a keyboard learns it.
"""

import re
from dataclasses import dataclass, replace
from io import BytesIO

_CR, _LF = 13, b"\n"
_MARKER = re.compile(rb"~?\{([0-9]+)(\+?)\}\Z")
_MARKER_LENGTH = 64
"""Octets of a dropped line that are kept to see a literal at its end."""
_LONGEST_SIZE = 19
"""Digits of a literal's size: 64 bits, and no attack on the conversion of numbers."""
_TAG = re.compile(rb"([!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]{1,200}) ")
_APPEND = re.compile(rb"[!-~]+ (?:APPEND|(?:UID )?REPLACE) ", re.IGNORECASE)
_ANNOTATE = re.compile(rb"[!-~]+ SETMETADATA ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Limits:
    """Octets and counts one command may have."""

    line: int
    """One line, without its CR LF and the literals between lines."""
    literal: int
    """One literal of any other command."""
    append: int
    """One literal of APPEND or REPLACE."""
    literals: int
    """Literals of one command."""
    command: int
    """Everything in one command."""
    skip: int
    """What is read and thrown away of a refused command before the connection is given up."""
    text: int = 96 * 1024
    """All lines of one command: what the grammar reads at once. An APPEND of a thousand messages needs half of it."""
    annotation: int = 0
    """What is told of a literal of SETMETADATA that is too large: what a value may have (RFC 5464 section 4.3)."""


BEFORE_LOGIN = Limits(line=32 * 1024, literal=4 * 1024, append=4 * 1024, literals=4, command=32 * 1024, skip=64 * 1024)
"""A stranger needs a login, a SASL response (12 KiB in base64) and an ID whose 30 pairs are as long as RFC 2971
section 3.3 permits (31 KiB), and may occupy no more memory."""


def after_login(message: int, annotation: int = 0) -> Limits:
    """The limits of a person known to us, whose messages have up to `message` octets, values of annotations so many."""
    return Limits(
        line=64 * 1024,
        literal=64 * 1024,
        append=message,
        literals=1000,
        command=message + 16 * 1024 * 1024,
        skip=2 * message + 1024 * 1024,
        annotation=annotation,
    )


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A complete command. `literals` are in the order of their places in `text`."""

    text: bytes
    literals: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class LiteralWanted:
    """The client waits for `+` before it sends `size` octets."""

    size: int
    begun: "CommandLine | None" = None
    """What came before it of an APPEND or REPLACE, with nothing in its place: it may be refused by that already."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A command broke a limit or the framing. `responses.rejection` says so.

    After a fatal one nothing follows: say BYE and close.
    """

    tag: str | None
    text: str
    too_big: bool = False
    messages: int = 0
    """How many messages an APPEND may have, when it has more (RFC 9738 section 3.1)."""
    annotation: int = 0
    """How many octets an annotation may have, when it has more (RFC 5464 section 4.3)."""
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line that is no command: the end of IDLE, a response of AUTHENTICATE."""

    octets: bytes


Event = CommandLine | LiteralWanted | Rejected


class Framer:
    """One connection's input. `limits` may be replaced between commands (at login)."""

    __slots__ = (
        "_body",
        "_buffer",
        "_dead",
        "_dropped",
        "_lines",
        "_literals",
        "_missing",
        "_position",
        "_refusal",
        "_scanned",
        "_size",
        "_skip",
        "_spent",
        "_text",
        "_told",
        "limits",
    )

    def __init__(self, limits: Limits = BEFORE_LOGIN) -> None:
        self.limits = limits
        self._dead = False
        self._clear()

    def _clear(self) -> None:
        self._buffer = bytearray()
        self._position = 0
        """Where the current line starts in the buffer."""
        self._scanned = 0
        """Where to look on for its end."""
        self._start_command()

    def _start_command(self) -> None:
        self._text: list[bytes] = []
        self._literals: list[bytes] = []
        self._dropped = 0
        """Octets of the current line that were thrown away already."""
        self._size = 0
        """Octets of the command, lines and literals."""
        self._lines = 0
        """Octets of its lines."""
        self._missing: int | None = None
        """Octets that the current literal still lacks; None outside of a literal."""
        self._body: BytesIO | None = None
        """The part of it that arrived, once it is clear that it comes in pieces."""
        self._refusal: Rejected | None = None
        """Why the current command is thrown away."""
        self._told = False
        """The refusal was given to the caller already."""
        self._skip = 0
        """Octets of a refused literal still to throw away."""
        self._spent = 0
        """Octets of the refused command thrown away, complete lines and literals."""

    @property
    def buffered(self) -> int:
        """Octets that wait unread: the caller stops reading the connection when there are many."""
        return len(self._buffer) - self._position

    def feed(self, octets: bytes) -> None:
        """Take what arrived."""
        if self._dead:
            return
        if self._body is not None and self._missing:
            taken = min(len(octets), self._missing)
            self._body.write(octets if taken == len(octets) else memoryview(octets)[:taken])
            self._missing -= taken
            octets = octets[taken:]
        elif self._skip and self._position == len(self._buffer):
            taken = min(len(octets), self._skip)
            self._skip -= taken
            octets = octets[taken:]
        if octets:
            self._buffer += octets

    def decline(self) -> bool:
        """Give up the command whose literal was not asked for yet; False: octets have come unasked. They are to be
        taken as the literal, because they would be run as commands otherwise."""
        if self.buffered or self._body is not None:
            return False
        self._start_command()
        return True

    def drop(self) -> bytes:
        """Throw away everything unread, where the meaning of octets changes; returns it. Plain text pipelined behind
        STARTTLS must not be run under TLS as if the client had said it there (RFC 3501 section 6.2.1)."""
        dropped = bytes(self._buffer[self._position :])
        self._clear()
        return dropped

    def next(self) -> Event | None:
        """The next event; None when more octets are needed, and for ever after a fatal one."""
        while not self._dead and self._literal_is_in():
            broken = self._scan()
            if broken is not None:
                return broken
            line = self._take_line()
            if line is None:
                break
            event = self._refused_line(self._refusal, line) if self._refusal else self._command_line(line)
            if event is not None:
                return event
        return None

    def line(self) -> RawLine | Rejected | None:
        """The next line as it is, without literals. Only between commands, when one of them awaits a line."""
        if self._dead:
            return None
        event = self._scan()
        if event is not None:
            return event
        line = self._take_line()
        if line is None:
            return None
        refusal, told = self._refusal, self._told
        self._start_command()
        if refusal is None:
            return RawLine(line)
        return self.line() if told else refusal

    # Lines

    def _scan(self) -> Rejected | None:
        """Look for the end of the line, until `_scanned` stands behind it or there is no more input."""
        buffer, limits = self._buffer, self.limits
        while True:
            end = buffer.find(_LF, self._scanned)
            stop = end if end >= 0 else len(buffer)
            ends_in_cr = stop > self._position and buffer[stop - 1] == _CR
            length = stop - self._position + self._dropped - ends_in_cr
            if length > limits.line:
                self._refuse("Line too long")
            if self._refusal and self._spent + length > limits.skip:
                return self._give_up(self._refusal)
            if end < 0:
                self._scanned = stop
                if self._refusal:
                    self._drop_start()
                return None
            self._scanned = end + 1
            if ends_in_cr:
                return None
            if not self._refusal:
                self._refuse("Lines end with CR LF")
                self._told = True
                return self._refusal

    def _drop_start(self) -> None:
        """Of a line that is thrown away keep only what may be the start of a literal."""
        surplus = len(self._buffer) - self._position - _MARKER_LENGTH
        if surplus > 0:
            self._dropped += surplus
            self._position += surplus
            self._compact()

    def _take_line(self) -> bytes | None:
        """The line that `_scan` found the end of, without it; of a dropped line only the last octets."""
        end = self._scanned - 2
        if end < self._position or self._buffer[end : self._scanned] != b"\r\n":
            return None
        line = bytes(self._buffer[self._position : end])
        self._position = self._scanned
        self._compact()
        return line

    def _compact(self) -> None:
        """Free what was read, at once when it is everything and else in large pieces."""
        if self._position == len(self._buffer):
            self._buffer.clear()
        elif self._position > 65_536:
            del self._buffer[: self._position]
        else:
            return
        self._scanned -= self._position
        self._position = 0

    # Literals

    def _literal_is_in(self) -> bool:
        """Take what there is of the current literal, kept or skipped; True when none is awaited any more."""
        if self._skip:
            taken = min(self._skip, self.buffered)
            self._skip -= taken
            self._advance(taken)
            return not self._skip
        if self._missing is None:
            return True
        if self._body is None:
            if self.buffered >= self._missing:
                self._literals.append(self._copy(self._missing))
                self._missing = None
                return True
            self._body = BytesIO()
        if self.buffered:
            piece = self._copy(min(self._missing, self.buffered))
            self._body.write(piece)
            self._missing -= len(piece)
        if self._missing:
            return False
        self._literals.append(self._body.getvalue())
        self._body = self._missing = None
        return True

    def _copy(self, size: int) -> bytes:
        with memoryview(self._buffer) as view:
            octets = bytes(view[self._position : self._position + size])
        self._advance(size)
        return octets

    def _advance(self, size: int) -> None:
        self._position += size
        self._scanned = self._position
        self._compact()

    # Commands

    def _command_line(self, line: bytes) -> Event | None:
        """A line of a command in good order: its end, or a literal at its end."""
        self._size += len(line)
        self._lines += len(line)
        marker = _MARKER.search(line) if line.endswith(b"}") else None
        if marker is None:
            if self._size > self.limits.command or self._lines > self.limits.text:
                return self._finish_refused(Rejected(self._tag_of(line), "Command too large", too_big=True))
            if not self._literals:
                self._size = self._lines = 0
                return CommandLine(line)
            command = CommandLine(b"".join((*self._text, line)), tuple(self._literals))
            self._start_command()
            return command
        appends = _APPEND.match(self._text[0] if self._text else line) is not None
        refusal = self._literal_refused(marker, line, appends)
        if refusal is not None:
            self._throw_away(refusal)
            return self._refused_literal(refusal, marker)
        size = int(marker[1])
        self._text += (line, b"\r\n")
        self._size += size
        self._missing = size
        if marker[2]:
            return None
        begun = CommandLine(b"".join(self._text), (*self._literals, b"")) if appends else None
        return LiteralWanted(size, begun)

    def _literal_refused(self, marker: re.Match[bytes], line: bytes, appends: bool) -> Rejected | None:
        """Which limit the announced literal breaks, if any."""
        limits = self.limits
        tag = self._tag_of(line)
        most = limits.append if appends else limits.literal
        if len(marker[1]) > _LONGEST_SIZE or int(marker[1]) > most:
            annotates = _ANNOTATE.match(self._text[0] if self._text else line) is not None
            return Rejected(
                tag, f"Literal too large; at most {most} octets", too_big=True, annotation=limits.annotation * annotates
            )
        if len(self._literals) >= limits.literals:
            return Rejected(tag, "Too many literals", messages=limits.literals * appends)
        if self._size + int(marker[1]) > limits.command or self._lines > limits.text:
            return Rejected(tag, "Command too large", too_big=True)
        return None

    def _refused_line(self, refusal: Rejected, line: bytes) -> Rejected | None:
        """A line of a command that is thrown away."""
        self._spent += len(line) + self._dropped
        self._dropped = 0
        marker = _MARKER.search(line)
        if marker is None:
            return self._finish_refused(refusal)
        return self._refused_literal(refusal, marker)

    def _refused_literal(self, refusal: Rejected, marker: re.Match[bytes]) -> Rejected | None:
        """A literal that is not wanted: unless the client waits for leave to send it, it must be skipped."""
        if not marker[2]:
            return self._finish_refused(refusal)
        if len(marker[1]) > _LONGEST_SIZE or self._spent + int(marker[1]) > self.limits.skip:
            return self._give_up(refusal)
        self._skip = int(marker[1])
        self._spent += self._skip
        return None

    def _finish_refused(self, refusal: Rejected) -> Rejected | None:
        """The end of a refused command: give the refusal, unless it was given already."""
        told = self._told
        self._start_command()
        return None if told else refusal

    def _refuse(self, text: str) -> None:
        """Throw away the rest of the current command, unless it already is; its line starts at `_position`."""
        if self._refusal is None:
            start = self._buffer[self._position : self._position + min(256, self.limits.line)]
            self._throw_away(Rejected(self._tag_of(bytes(start)), text))

    def _throw_away(self, refusal: Rejected) -> None:
        self._refusal = refusal
        self._text.clear()
        self._literals.clear()

    def _give_up(self, refusal: Rejected) -> Rejected:
        self._clear()
        self._dead = True
        return replace(refusal, fatal=True)

    def _tag_of(self, line: bytes) -> str | None:
        """The tag of the command `line` belongs to."""
        found = _TAG.match(self._text[0] if self._text else line)
        return found[1].decode("ascii") if found else None
