"""A folder as an mbox file (RFC 4155), in the variant `mboxrd`, which can be undone exactly.

Flags travel as `Status`, `X-Status` and `X-Keywords`, which Thunderbird, mutt, Dovecot and others understand. Line
ends are LF, as everywhere in mbox; nothing else of a message is changed.
"""

import re
import time
from collections.abc import Sequence

from mailserver.store.flags import ANSWERED, DELETED, DRAFT, FIRST_KEYWORD_BIT, FLAGGED, SEEN, names

_FROM = re.compile(rb"^(>*From )", re.MULTILINE)
_UNWANTED = re.compile(
    rb"^(?:status|x-status|x-keywords)[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE
)
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
