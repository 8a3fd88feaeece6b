"""A list's copy for members outside: written in the list's name where the author's domain would have it refused.

A list changes where a message comes from, so the author's SPF never holds in its copies, and a signature of theirs may
not. Where the author is not somebody of ours who proved it, and their domain publishes a policy (DMARC, RFC 7489), or
nobody knows, From becomes the list's address with the author's name, as Mailman does it; X-Original-From keeps what
was there. What is ours keeps its From. Either is signed with our key when it leaves (`list_distribution`).
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from mailserver.delivery import list_copy
from mailserver.delivery.list_copy import Head
from mailserver.mime.header import headers
from mailserver.mime.header.addresses import Mailbox, parse, people
from mailserver.mime.writing import fields
from mailserver.mime.writing.fields import Correspondent
from mailserver.model.messages.authentication import Alignment, AuthenticationResults

MAX_NAME = 100
"""Characters of an author's name in From."""
MAX_ANSWERED = 10
"""Authors that an answer goes to."""
_OPEN = (Alignment.NONE, Alignment.SIGNED)
"""The author's domain publishes no policy: nobody is asked to refuse its mail."""
_FIELD = rb"^(%s)([ \t]*:[^\n]*(?:\n[ \t][^\n]*)*\n?)"
_AUTHORS = re.compile(_FIELD % rb"from|sender", re.IGNORECASE | re.MULTILINE)
_FROM = re.compile(_FIELD % rb"from", re.IGNORECASE | re.MULTILINE)
_REPLY_TO = re.compile(rb"^reply-to[ \t]*:", re.IGNORECASE | re.MULTILINE)
_OTHERS_WAY = re.compile(
    _FIELD % rb"list-(?:unsubscribe(?:-post)?|subscribe|help|archive)", re.IGNORECASE | re.MULTILINE
)
"""Of a list that it went through before, or of a newsletter: RFC 2369 section 4 has one of each, the last list's."""


@dataclass(frozen=True, slots=True)
class Authorship:
    """What is known of who wrote a message."""

    proven: bool
    """Somebody of ours wrote it, and logged in."""
    results: AuthenticationResults
    domains: Collection[str]
    """Ours, folded."""


def copy(head: Head, octets: bytes, authorship: Authorship) -> bytes:
    """The list's copy of a stored message for members outside."""
    octets = memoryview(octets)[list_copy.after_return_path(octets) :].tobytes()
    # However long, and without a body: a From that is overlooked would leave under our signature.
    end = octets.find(b"\r\n\r\n")
    end = end + 2 if end >= 0 else len(octets)
    header, body = octets[:end], memoryview(octets)[end:]
    header = _OTHERS_WAY.sub(rb"X-Original-\1\2", header)
    authors = _authors(header)
    answers = b""
    if _as_list(head, authors, authorship):
        header, answers = _renamed(head, header, authors)
    elif head.reply_to and _REPLY_TO.search(header) is None:
        answers = fields.structured("Reply-To", [f"<{head.reply_to}>"])
    loop = fields.structured("X-Loop", [head.address])
    return b"".join((list_copy.top(head), list_copy.fields(head, leaves=True), loop, answers, header, body))


def _as_list(head: Head, authors: list[Mailbox], authorship: Authorship) -> bool:
    """Whether it is written in the list's name."""
    ours = [_domain(author) in authorship.domains for author in authors]
    if authors and all(ours):
        return not authorship.proven
    if head.as_list or not authors or any(ours):
        return True
    return authorship.results.dmarc not in _OPEN


def _renamed(head: Head, header: bytes, authors: list[Mailbox]) -> tuple[bytes, bytes]:
    """The header with the list as its author, and the field that says where answers go, where it has none."""
    label = head.name if head.name and "@" not in head.name else head.address.partition("@")[0]
    name = _name(authors[0]) if authors else ""
    author = fields.addresses("From", [Correspondent(f"{name} via {label}" if name else label, head.address)])
    answers = b""
    if _REPLY_TO.search(header) is None:
        if head.reply_to:
            answers = fields.structured("Reply-To", [f"<{head.reply_to}>"])
        elif authors:
            theirs = [Correspondent(one.display[:MAX_NAME], one.address) for one in authors[:MAX_ANSWERED]]
            answers = fields.addresses("Reply-To", theirs)
    return author + _AUTHORS.sub(rb"X-Original-\1\2", header), answers


def _authors(header: bytes) -> list[Mailbox]:
    """Of every From there is: readers of mail differ in which they show."""
    found: list[Mailbox] = []
    for one in _FROM.finditer(header):
        value = headers.as_text(one[2].partition(b":")[2])[: headers.MAX_VALUE]
        found += people(parse(value))
    return found


def _name(author: Mailbox) -> str:
    """What stands for the author; an address never does, so that no program takes it for one."""
    name = " ".join(author.display.replace('"', "").split())[:MAX_NAME]
    return name if name and "@" not in name else (author.local or "")[:MAX_NAME]


def _domain(author: Mailbox) -> str:
    return (author.domain or "").casefold().rstrip(".")
