"""A folder as an mbox file (RFC 4155), in the variant `mboxrd`, which can be undone exactly.

Flags travel as `Status`, `X-Status` and `X-Keywords`, which Thunderbird, mutt, Dovecot and others understand. Line
ends are LF, as everywhere in mbox; nothing else of a message is changed. Thunderbird's own files say the same in
`X-Mozilla-Status`, also of messages that were deleted and are in the file until it is compacted.
"""

import calendar
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from mailserver.model.account.preferences import KEYWORD
from mailserver.store.mail.flags import ANSWERED, DELETED, DRAFT, FIRST_KEYWORD_BIT, FLAGGED, SEEN, names

_FROM = re.compile(rb"^(>*From )", re.MULTILINE)
_UNWANTED = re.compile(
    rb"^(?:status|x-status|x-keywords|x-mozilla-(?:status2?|keys))[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*",
    re.IGNORECASE | re.MULTILINE,
)
_STATUS = re.compile(
    rb"^(status|x-status|x-keywords|x-mozilla-(?:keys|status))[ \t]*:([^\n]*)\n", re.IGNORECASE | re.MULTILINE
)
MAX_LINE = 64 * 1024
"""Octets that are read at once: a longer line comes in pieces."""
MAX_KEYWORDS = 20
MAX_STATUS = 4000
"""Octets that are read of a field with flags or keywords."""
_MOZILLA = ((1, "\\Seen"), (2, "\\Answered"), (4, "\\Flagged"), (0x1000, "$Forwarded"))
_MOZILLA_GONE = 8
_X_STATUS = ((ANSWERED, "A"), (FLAGGED, "F"), (DRAFT, "T"), (DELETED, "D"))


def entry(octets: bytes, received: int, mask: int, keywords: Sequence[str]) -> bytes:
    """One message of an mbox file. `received`: seconds since the epoch."""
    lines = octets.replace(b"\r\n", b"\n")
    if not lines.endswith(b"\n"):
        lines += b"\n"
    header, blank, body = lines.partition(b"\n\n")
    header = _UNWANTED.sub(b"", header + b"\n")  # what a sender wrote there is not what the reader did
    rest = _FROM.sub(rb">\1", header + (blank[1:] + body if blank else b""))
    first = f"From MAILER-DAEMON {time.asctime(time.gmtime(received))}\n".encode("ascii")
    return first + _flags(mask, keywords) + rest + b"\n"


def _flags(mask: int, keywords: Sequence[str]) -> bytes:
    status = "RO" if mask & SEEN else "O"
    more = "".join(letter for bit, letter in _X_STATUS if mask & bit)
    own = names(mask >> FIRST_KEYWORD_BIT << FIRST_KEYWORD_BIT, keywords)
    fields = [f"Status: {status}\n"]
    fields += [f"X-Status: {more}\n"] if more else []
    fields += [f"X-Keywords: {' '.join(own)}\n"] if own else []
    return "".join(fields).encode("utf-8", "replace")


# ---------------------------------------------------------------------- reading one


class Lines(Protocol):
    """A file that is read line by line."""

    def readline(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Found:
    """A message of an mbox file."""

    octets: bytes
    """With CRLF line ends; empty when it is larger than it may be."""
    size: int
    received: int
    """Seconds since the epoch; 0: the file does not say."""
    flags: tuple[str, ...]
    """System flags and keywords."""
    gone: bool = False
    """Its program has deleted it already."""


def entries(file: Lines, limit: int) -> Iterator[Found]:
    """The messages of an mbox file, read line by line. A message above `limit` octets is not kept.

    Lines that `entry` quoted are as they were; what is before the first `From ` is no message.
    """
    first, text, size, before = b"", bytearray(), 0, b"\n"
    while line := file.readline(MAX_LINE):
        if line.startswith(b"From ") and before in (b"\n", b"\r\n"):
            if first:
                yield _found(first, text, size, limit)
            first, text, size = line, bytearray(), 0
        elif first:
            size += len(line)
            if size <= limit:
                text += line[1:] if line.startswith(b">") and _FROM.match(line) else line
            else:
                text.clear()
        before = line
    if first:
        yield _found(first, text, size, limit)


def _found(first: bytes, read: bytearray, size: int, limit: int) -> Found:
    if size > limit:
        return Found(b"", size, 0, ())
    text = bytes(read).replace(b"\r\n", b"\n")
    text = text.removesuffix(b"\n") if text.endswith(b"\n\n") else text  # the blank line before the next one
    header, blank, body = text.partition(b"\n\n")
    header += b"\n"
    flags, gone = _read_flags(header)
    header = _UNWANTED.sub(b"", header)
    octets = (header + (blank[1:] + body if blank else b"")).replace(b"\n", b"\r\n")
    return Found(octets, size, _moment(first), flags, gone)


def _moment(first: bytes) -> int:
    """The moment on a `From ` line: the end of it, as `asctime` writes it."""
    words = first.decode("ascii", "replace").split()
    for count in (5, 6):  # some programs put a zone behind it, which we do not believe
        try:
            return calendar.timegm(time.strptime(" ".join(words[-count:][:5]), "%a %b %d %H:%M:%S %Y"))
        except (ValueError, OverflowError):
            continue
    return 0


def _read_flags(header: bytes) -> tuple[tuple[str, ...], bool]:
    """What `Status`, `X-Status`, `X-Keywords` and Thunderbird's `X-Mozilla-Keys` and `X-Mozilla-Status` say; whether it
    is deleted."""
    kept: dict[str, str] = {}
    for found in _STATUS.finditer(header):
        name, value = found[1].decode("ascii").lower(), found[2][:MAX_STATUS].decode("utf-8", "replace").strip()
        if not (name in kept and "mozilla" in name):  # Thunderbird's own stand before what a sender wrote
            kept[name] = value
    mozilla = kept.get("x-mozilla-status", "")
    bits = int(mozilla, 16) if re.fullmatch("[0-9A-Fa-f]{1,8}", mozilla) else 0
    flags = ["\\Seen"] if "R" in kept.get("status", "") else []
    letters = {"A": "\\Answered", "F": "\\Flagged", "T": "\\Draft"}
    flags += [flag for letter, flag in letters.items() if letter in kept.get("x-status", "")]
    flags += [flag for bit, flag in _MOZILLA if bits & bit]
    words = f"{kept.get('x-keywords', '')} {kept.get('x-mozilla-keys', '')}".split()
    own = [word for word in words[:MAX_KEYWORDS] if KEYWORD.fullmatch(word)]
    return (*dict.fromkeys(flags), *own), bool(bits & _MOZILLA_GONE)
