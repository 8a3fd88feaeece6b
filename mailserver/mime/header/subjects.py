"""The base subject of a message (RFC 5256 section 2.1): what is left without `Re:`, `Fwd:`, `[list]` and `(fwd)`.

It takes time in proportion to the subject's length, but for brackets within brackets; subjects are bounded where
they are read (`scanning.MAX_SUBJECT`). Tokens of other languages (`TR:`) stay, as section 7 demands.
"""

import re

_BLOB = r"\[[^\[\]]*+\]\s*+"
_LEADER = re.compile(rf"\s++|(?:{_BLOB})*+(?:re|fwd?)\s*+(?:{_BLOB})?:", re.IGNORECASE)
_FIRST_BLOB = re.compile(_BLOB)
_FORWARDED = re.compile(r"\[fwd:(.*)\]\Z", re.IGNORECASE | re.DOTALL)
_PLAIN = ("re:", "fw:", "fwd:")
"""What nearly all subjects of replies and forwards begin with."""


def base_subject(subject: str) -> str:
    """A decoded subject without what replies and forwards add (steps 1 to 6)."""
    return _reduce(subject)[0]


def is_reply_or_forward(subject: str) -> bool:
    """Whether the extraction removed a mark of a reply or of a forward (RFC 5256 BASE.6.4.THREAD)."""
    return subject[:4].lower().startswith(_PLAIN) or _reduce(subject)[1]


def _reduce(subject: str) -> tuple[str, bool]:
    base = " ".join(subject.split())
    marked = False
    while True:
        base, trailed = _strip_trailers(base)
        base, led = _strip_leaders(base)
        marked = marked or trailed or led
        forwarded = _FORWARDED.match(base)
        if not forwarded:
            return base, marked
        base, marked = forwarded.group(1).strip(), True


def _strip_trailers(base: str) -> tuple[str, bool]:
    """Step 2: blanks and `(fwd)` at the end. From the right, so that it is linear."""
    marked = False
    while True:
        stripped = base.rstrip()
        if stripped[-5:].lower() != "(fwd)":
            return stripped, marked
        base, marked = stripped[:-5], True


def _strip_leaders(base: str) -> tuple[str, bool]:
    """Steps 3 to 5: `Re:`, `Fwd:` and the `[blobs]` before them, then blobs unless nothing would remain."""
    at = 0
    marked = False
    while True:
        leader = _LEADER.match(base, at)
        if leader:
            at = leader.end()
            marked = marked or leader.group().endswith(":")
            continue
        blob = _FIRST_BLOB.match(base, at)
        if blob and blob.end() < len(base):
            at = blob.end()
            continue
        return base[at:], marked
