"""A mark in the subject of what imitates somebody, for readers whose mail program shows nothing else of ours.

It changes what arrived: a signature that covers the subject, as nearly all do, holds no more for whoever gets the
message next. So it is off unless set, written once the signatures have been verified, and only where the sender is an
imitation whoever gets the message. Pure.
"""

from mailserver.mime.header import headers
from mailserver.mime.header.headers import Field
from mailserver.model.messages.impersonation import Signs

MARKED = Signs.DOMAIN | Signs.ALPHABETS | Signs.SERVICE | Signs.ADDRESS_IN_NAME | Signs.ANSWERS_ALIKE
"""The grave signs that do not depend on who gets the message: it is stored once."""
MAX_SUBJECTS = 5
"""Subject fields of one header that are marked: a message may have one, and readers show which they like of several.
Of more, which only somebody who wants to deceive writes, programs show the first or the last."""


def marked(header: bytes, mark: str) -> bytes:
    """A header, which is its fields with their line ends, whose subject begins with the mark; as it was where it does
    already. Of more than MAX_SUBJECTS the first ones and the last."""
    subjects = list(headers.named(header, 0, len(header), "subject"))
    if len(subjects) > MAX_SUBJECTS:
        subjects = [*subjects[: MAX_SUBJECTS - 1], subjects[-1]]
    if not subjects:
        return header + b"Subject:" + _words(mark, b"") + b"\r\n"
    pieces: list[bytes] = []
    last = 0
    for field in subjects:
        if not _begins(header, field, mark):
            value = header[field.value : field.end].lstrip(b" \t")
            pieces += (header[last : field.value], _words(mark, value), _joint(value))
            last = field.end - len(value)
    return b"".join((*pieces, header[last:]))


def _begins(header: bytes, field: Field, mark: str) -> bool:
    return headers.decode(header[field.value : field.end]).strip().startswith(mark)


def _words(mark: str, value: bytes) -> bytes:
    """The mark as it stands in a field; a blank at its end where the next encoded word would swallow the one between
    them (RFC 2047 section 6.2)."""
    if mark.isascii():
        return b" " + mark.encode("ascii")
    text = f"{mark} " if value.startswith(b"=?") else mark
    return b"".join(b" " + word.encode("ascii") for word in headers.encode_words(text))


def _joint(value: bytes) -> bytes:
    """What stands between the mark and the subject: a fold, so that no line grows; nothing before an empty one."""
    return b"\r\n " if value.strip() and not value.startswith((b"\r", b"\n")) else b""
