"""The lines of a vCard (RFC 6350 section 3.3; RFC 2426; what vCard 2.1 left behind): read, written, folded. Pure.

Not vobject, which writes a whole card anew: a line that nobody changes must come out as it came in.
"""

import quopri
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

MAX_LINES = 2000
"""Of one card."""
MAX_PARAMS = 100
"""Of one line; a line with more is none."""
MAX_HEAD, HEAD_PIECES = 4000, 50
"""Characters, and pieces of a folded line, within which its parameters say how it is encoded."""
WIDTH = 75
"""Octets of a line before it is folded (RFC 6350 section 3.2)."""

_BREAK = re.compile(r"\r\n|\r|\n")
_HEAD = re.compile(r"(?:([A-Za-z0-9_-]{1,60})\.)?([A-Za-z0-9_-]{1,60})(?=[;:])")
_PARAM = re.compile(r';\s*([A-Za-z0-9_-]{1,60})(?:=((?:"[^"]*+"|[^";:,]++|,)*+))?')
_VALUES = re.compile(r'"([^"]*)"|([^",]+)')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_QUOTABLE = re.compile(r"[:;,]")


@dataclass(frozen=True, slots=True)
class Line:
    """One property: `item1.EMAIL;TYPE=WORK:jean@exemple.fr`."""

    group: str
    name: str
    """In upper case."""
    params: tuple[tuple[str, tuple[str, ...]], ...]
    """Names in upper case."""
    value: str
    """As it stands in the line, escaped."""

    def param(self, name: str) -> tuple[str, ...]:
        """Every value of a parameter, in lower case."""
        return tuple(value.casefold() for key, values in self.params if key == name for value in values)

    @property
    def text(self) -> str:
        """The value as text."""
        return unescape(self.value)

    def written(self) -> str:
        """The line, not folded."""
        head = f"{self.group}.{self.name}" if self.group else self.name
        params = "".join(f";{key}={','.join(map(_quoted, values))}" for key, values in self.params)
        return f"{head}{params}:{self.value}"


def cards(text: str) -> Iterator[list[Line]]:
    """The cards of a file, each with the lines between BEGIN and END; what is no line is left out."""
    current: list[Line] | None = None
    depth = 0
    for raw in _unfolded(text):
        mark = raw.strip().upper()
        if mark == "BEGIN:VCARD":
            depth += 1
            if depth == 1:
                current = []
        elif mark == "END:VCARD":
            depth = max(depth - 1, 0)
            if not depth and current is not None:
                yield current
                current = None
        elif depth == 1 and current is not None and len(current) < MAX_LINES:
            line = parse(raw)
            if line is not None:
                current.append(line)


def parse(raw: str) -> Line | None:
    """A line that is not folded; None when it is none."""
    head = _HEAD.match(raw)
    if head is None:
        return None
    at = head.end()
    params: list[tuple[str, tuple[str, ...]]] = []
    while (found := _PARAM.match(raw, at)) is not None:
        if len(params) == MAX_PARAMS:
            return None
        name, values = found[1].upper(), found[2]
        if values is None:  # vCard 2.1: ;HOME;VOICE
            params.append(("ENCODING" if name == "QUOTED-PRINTABLE" else "TYPE", (name,)))
        else:
            params.append((name, tuple(value[0] or value[1] for value in _VALUES.findall(values))))
        at = found.end()
    if raw[at : at + 1] != ":":
        return None
    line = Line((head[1] or ""), head[2].upper(), tuple(params), _CONTROLS.sub("", raw[at + 1 :]))
    return _decoded(line) if "quoted-printable" in line.param("ENCODING") else line


def write(lines: Iterable[Line]) -> str:
    """A card of these lines."""
    return "\r\n".join(("BEGIN:VCARD", *(fold(line.written()) for line in lines), "END:VCARD", ""))


def fold(line: str) -> str:
    """A line in pieces of at most WIDTH octets, no character cut in two."""
    if len(line) <= WIDTH and line.isascii():
        return line
    if line.isascii():  # a picture has a million characters
        first, rest = line[:WIDTH], line[WIDTH:]
        return "\r\n ".join((first, *(rest[at : at + WIDTH - 1] for at in range(0, len(rest), WIDTH - 1))))
    pieces, piece, room = [], "", WIDTH
    for character in line:
        size = len(character.encode("utf-8", "replace"))
        if size > room:
            pieces.append(piece)
            piece, room = "", WIDTH - 1
        piece += character
        room -= size
    return "\r\n ".join((*pieces, piece))


def escape(text: str) -> str:
    """Text as a value, or as one part of a structured one."""
    clean = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return clean.replace("\\", "\\\\").replace("\n", "\\n").replace(",", "\\,").replace(";", "\\;")


def unescape(value: str) -> str:
    """What `escape` wrote."""
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], value)


def parts(value: str, separator: str) -> list[str]:
    """The parts of a structured value (`;`) or of a list (`,`), as text."""
    found, start, at = [], 0, 0
    while at < len(value):
        if value[at] == "\\":
            at += 1
        elif value[at] == separator:
            found.append(value[start:at])
            start = at + 1
        at += 1
    return [unescape(part).strip() for part in (*found, value[start:])]


def joined(texts: Sequence[str], separator: str) -> str:
    """The inverse of `parts`."""
    return separator.join(map(escape, texts))


def _unfolded(text: str) -> Iterator[str]:
    """Lines, folded ones put together; those of quoted-printable end in `=` where they go on.

    A line is joined once, at its end: it may come in a million pieces.
    """
    held: list[str] = []
    encoded = False
    for piece in _BREAK.split(text.removeprefix("\ufeff")):
        if piece[:1] in (" ", "\t"):
            held += filter(None, [piece[1:]])
        elif held and held[-1].endswith("=") and (encoded := encoded or _is_quoted_printable(held)):
            held[-1:] = filter(None, [held[-1][:-1], piece])
        else:
            if held:
                yield "".join(held)
            held, encoded = [piece] if piece else [], False
    if held:
        yield "".join(held)


def _is_quoted_printable(pieces: Sequence[str]) -> bool:
    """Whether the parameters of a line say so; they stand in its first pieces, before the first colon."""
    head = "".join(pieces[:HEAD_PIECES])[:MAX_HEAD]
    return "QUOTED-PRINTABLE" in head.partition(":")[0].upper()


def _decoded(line: Line) -> Line:
    """A line of vCard 2.1 as later versions write it."""
    charset = next(iter(line.param("CHARSET")), "utf-8")
    octets = quopri.decodestring(line.value.encode("utf-8", "replace"))
    try:
        text = octets.decode(charset if charset in ("utf-8", "iso-8859-1", "windows-1252", "us-ascii") else "utf-8")
    except UnicodeDecodeError:
        text = octets.decode("windows-1252", "replace")
    params = tuple((key, values) for key, values in line.params if key not in ("ENCODING", "CHARSET"))
    clean = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return Line(line.group, line.name, params, clean.replace("\n", "\\n"))


def _quoted(value: str) -> str:
    clean = value.replace('"', "'").replace("\n", " ")
    return f'"{clean}"' if _QUOTABLE.search(clean) else clean
