"""Octets to commands of ManageSieve (RFC 5804 section 4): atoms, strings, numbers, literals, and every bound.

`feed` takes what arrived, `next` gives one command at a time. A literal's octets are never looked at for syntax, and
those of a command that is refused are read away: else they would be obeyed as commands. Lines end with CR LF only.
"""

import re
from dataclasses import dataclass

_MARKER = re.compile(rb"\{([0-9]{1,10})\+?\}\Z")
_TOKEN = re.compile(rb'(?:"((?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\["\\])*+)"|([0-9]{1,10}))(?= |\Z)')
_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9]{0,31}(?= |\Z)")
_ESCAPED = re.compile(rb'\\(["\\])')

LINE = 16 * 1024
"""Octets of a line without its literals: a response of SASL has 12,288."""
ARGUMENTS = 8
SKIP = 16 * 1024 * 1024
"""Octets of a literal that are read away before the connection is given up."""

Argument = bytes | int


@dataclass(frozen=True, slots=True)
class Command:
    """A complete line: its name in upper case (empty: there was none), its arguments."""

    name: str
    arguments: tuple[Argument, ...] = ()


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that must not be obeyed."""

    text: str
    name: str = ""
    too_big: bool = False
    """A literal is larger than it may be."""
    fatal: bool = False
    """Nothing can be read after it."""


class Framer:
    """One connection's input."""

    __slots__ = ("_arguments", "_buffer", "_dead", "_fault", "_missing", "_name", "_seen", "literal")

    def __init__(self, literal: int) -> None:
        self.literal = literal
        """Octets that the literals of one command may have; may be set between commands."""
        self._buffer = bytearray()
        self._dead = False
        self._begin()

    def _begin(self) -> None:
        self._name: str | None = None
        self._arguments: list[Argument] = []
        self._missing = -1
        """Octets of a literal that are awaited; -1: a line is."""
        self._fault: Broken | None = None
        self._seen = 0
        """Octets of literals that this command had."""

    def __len__(self) -> int:
        return len(self._buffer)

    def feed(self, octets: bytes) -> None:
        """What arrived; nothing is kept once nothing can be read."""
        if not self._dead:
            self._buffer += octets

    def drop(self) -> None:
        """Forget everything that was not obeyed."""
        self._buffer.clear()
        self._begin()

    def next(self) -> Command | Broken | None:
        """The next command; None: more has to arrive. After a fatal one nothing follows."""
        while not self._dead:
            if self._missing >= 0 and not self._take_literal():
                return None
            end = self._buffer.find(b"\r\n", 0, LINE + 2)
            if end < 0:
                return self._give_up("The line is too long") if len(self._buffer) > LINE else None
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 2]
            found = self._line(line)
            if found is not None:
                return found
        return None

    def _take_literal(self) -> bool:
        """Move a literal out of the buffer, or away; False when it is not whole."""
        if self._fault is not None:
            gone = min(self._missing, len(self._buffer))
            del self._buffer[:gone]
            self._missing -= gone
            if self._missing:
                return False
        elif len(self._buffer) < self._missing:
            return False
        else:
            self._arguments.append(bytes(self._buffer[: self._missing]))
            del self._buffer[: self._missing]
        self._missing = -1
        return True

    def _line(self, line: bytes) -> Command | Broken | None:
        """One line; None when a literal follows it."""
        marker = _MARKER.search(line)
        self._parse(line if marker is None else line[: marker.start()], followed=marker is not None)
        if marker is not None:
            size = int(marker[1])
            self._seen += size
            if self._seen > self.literal and self._fault is None:
                self._fault = Broken("This is larger than it may be", self._name or "", too_big=True)
            if self._seen > SKIP:
                return self._give_up("This is much larger than it may be")
            self._missing = size
            return None
        found = self._fault or Command(self._name or "", tuple(self._arguments))
        self._begin()
        return found

    def _parse(self, line: bytes, *, followed: bool) -> None:
        """The text of a line before its literal, or before its end: what is asked, then arguments after one space."""
        if self._fault is not None:
            return
        is_first = self._name is None
        if followed and not (is_first and not line):
            if not line.endswith(b" "):
                self._refuse()
                return
            line = line[:-1]
        if is_first:
            name = _NAME.match(line)
            self._name = name[0].decode("ascii").upper() if name else ""
            line = line[name.end() :] if name else b" " + line if line else b""
        position = 0
        while position < len(line):
            token = _TOKEN.match(line, position + 1) if line[position] == 32 else None
            if token is None or len(self._arguments) >= ARGUMENTS:
                self._refuse()
                return
            position = token.end()
            quoted = token[1]
            self._arguments.append(_ESCAPED.sub(rb"\1", quoted) if quoted is not None else int(token[2]))

    def _refuse(self) -> None:
        self._fault = Broken("Syntax error", self._name or "")

    def _give_up(self, text: str) -> Broken:
        self._dead = True
        self._buffer.clear()
        return Broken(text, self._name or "", fatal=True)
