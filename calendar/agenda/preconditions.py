"""Entity tags that a request is conditional on (RFC 9110 section 13): lists of them, and on every method.

Radicale compares one tag as a whole with If-Match of PUT and DELETE. Here the lists are read, and what is handed on to
it is the one tag that was found, so that it judges anew what it sees under its lock.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

MATCH, NONE_MATCH = "HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"
MODIFIED, UNMODIFIED = "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE"
SAFE: Final = ("GET", "HEAD")
_TAG = re.compile(r'(W/)?("[!#-~\x80-\xff]*")')


def judge(environ: dict[str, Any], asked: tuple[str, str], current: str | None) -> HTTPStatus | None:
    """412 or 304, or None where the request may go on; then `environ` says what Radicale is to compare.

    `asked` is If-Match and If-None-Match as the client wrote them; `current` the tag of what is there.
    """
    wanted, unwanted = asked
    if wanted:
        if current is None or not _names(wanted, current, weak=False):
            return HTTPStatus.PRECONDITION_FAILED
        environ[MATCH] = current
    if unwanted:
        if current is not None and _names(unwanted, current, weak=True):
            return HTTPStatus.NOT_MODIFIED if environ["REQUEST_METHOD"] in SAFE else HTTPStatus.PRECONDITION_FAILED
        environ[NONE_MATCH] = "*" if current is None else ""
    return None


def judge_dates(environ: dict[str, Any], asked: tuple[str, str], changed: str) -> HTTPStatus | None:
    """The same by the date of the last change, where no tags are named (RFC 9110 section 13.2.2)."""
    when, since, until = (_moment(text) for text in (changed, environ.get(MODIFIED, ""), environ.get(UNMODIFIED, "")))
    if when is None:
        return None
    if until is not None and not asked[0] and when > until:
        return HTTPStatus.PRECONDITION_FAILED
    if since is not None and not asked[1] and environ["REQUEST_METHOD"] in SAFE and when <= since:
        return HTTPStatus.NOT_MODIFIED
    return None


def _moment(text: str) -> datetime | None:
    """A date of a header; one that is none is as if it were not there."""
    try:
        made = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return made.replace(tzinfo=UTC) if made.tzinfo is None else made


def _names(tags: str, current: str, *, weak: bool) -> bool:
    """Whether a list of tags, or `*`, names this one; a weak tag does so only for If-None-Match."""
    if tags.strip() == "*":
        return True
    return any(tag == current and (weak or not prefix) for prefix, tag in _TAG.findall(tags))
