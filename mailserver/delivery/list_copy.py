"""The copy of a message that a list sends to its members: the octets that came, with the list's fields on top.

A list is a transaction of its own (RFC 5321 section 3.9.2): one stored copy for all its members, whose Return-Path is
the list's address for reports and whose trace fields are the same for everybody. What stands below them is what
arrived, octet by octet, so that signatures hold, except one that covers the absence of Reply-To where a list says where
answers go (RFC 6376 section 5.4.2). Whoever the message was also addressed to in person keeps the copy
without these fields: a list in Bcc shows nobody else that it is there.
"""

import re
from dataclasses import dataclass

from mailserver.mime.writing.fields import structured
from mailserver.mime.writing.trace_fields import return_path
from mailserver.model.address import quote_phrase
from mailserver.model.folding import strip_marks
from mailserver.model.identity import Answers, Archive

MAX_HEADER = 256 * 1024
"""Octets of a header in which a list looks for itself."""

_OWN = re.compile(rb"^(?:list-id|x-loop)[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*", re.IGNORECASE | re.MULTILINE)

_AUTO_REPLIED = re.compile(rb"^auto-submitted[ \t]*:[ \t\r\n]*auto-replied\b", re.IGNORECASE | re.MULTILINE)
_NO_ARCHIVE = re.compile(
    rb"^(?:x-no-archive[ \t]*:[ \t]*yes|(?:x-)?archive[ \t]*:[ \t]*no)\b", re.IGNORECASE | re.MULTILINE
)
_REPORT = re.compile(
    rb"^content-type[ \t]*:[ \t\r\n]*multipart/report\b[^\n]*(?:\n[ \t][^\n]*)*?"
    rb"\breport-type[ \t]*=[ \t\"]*(?:delivery-status|disposition-notification)\b",
    re.IGNORECASE | re.MULTILINE,
)
_REPLY_TO = re.compile(rb"^reply-to[ \t]*:", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Head:
    """What a list says of itself in its copies."""

    address: str
    name: str
    announces: bool = False
    """Only its owners write to it."""
    answers: Answers = Answers.AUTHOR
    may_leave: bool = False
    """Members outside leave by themselves; others ask an owner."""
    as_list: bool = False
    """What leaves the house is always written in the list's name."""
    max_size: int = 0
    """Octets of a message; 0: no bound of its own."""
    archive: Archive = Archive.NONE
    digest: bool = False
    """Members who have not chosen get a message a day."""
    archive_page: str = ""
    """The address of its archive, for its members here."""
    archived_at: str = ""
    """Where its members here find this message again."""

    @property
    def reply_to(self) -> str:
        """The address that answers go to; empty: the author's."""
        return {Answers.AUTHOR: "", Answers.LIST: self.address, Answers.OWNERS: self.owner}[self.answers]

    @property
    def bounces(self) -> str:
        """Where reports about its members go: to its owners, never to the author."""
        return _with_suffix(self.address, "-bounces")

    @property
    def owner(self) -> str:
        """The address of its owners, whoever they are."""
        return _with_suffix(self.address, "-owner")

    @property
    def id(self) -> str:
        """RFC 2919: the address with a dot for the at sign."""
        return self.address.replace("@", ".")


def copy(head: Head, octets: bytes) -> bytes:
    """The list's copy of a stored message. Where its author wants answers goes before where the list does."""
    said = _REPLY_TO.search(_header(octets)) if head.reply_to else None
    answers = structured("Reply-To", [f"<{head.reply_to}>"]) if head.reply_to and said is None else b""
    below = memoryview(octets)[after_return_path(octets) :]
    return b"".join((top(head), fields(head), answers, below))


def top(head: Head) -> bytes:
    """The return path."""
    return return_path(head.bounces)


def unsubscribe(head: Head, *pages: str) -> bytes:
    """List-Unsubscribe: by a page of the member's own, where there is one, or by asking an owner."""
    ways = [f"<{page}>" for page in pages] + [f"<mailto:{head.owner}?subject=unsubscribe>"]
    return structured("List-Unsubscribe", [f"{way}," for way in ways[:-1]] + ways[-1:])


def fields(head: Head, *, leaves: bool = False) -> bytes:
    """RFC 2919 List-Id and the fields of RFC 2369, all of which lead to an owner.

    There is no way out of a list whose members follow from the directory. `leaves`: a copy for members outside, who are
    given a way out of their own, and one to the archive, when it leaves.
    """
    label = strip_marks(head.name).replace("<", "").replace(">", "")
    label = quote_phrase(label.encode("ascii", "replace").decode("ascii").replace("=?", "= ?"))
    return b"".join(
        (
            structured("List-Id", [*label.split(" "), f"<{head.id}>"]),
            structured("List-Post", ["NO" if head.announces else f"<mailto:{head.address}>"]),
            structured("List-Owner", [f"<mailto:{head.owner}>"]),
            structured("List-Help", [f"<mailto:{head.owner}?subject=help>"]),
            structured("List-Subscribe", [f"<mailto:{head.owner}?subject=subscribe>"]) if head.may_leave else b"",
            unsubscribe(head) if head.may_leave and not leaves else b"",
            archive(head.archive_page) if not leaves else b"",
            structured("Archived-At", [f"<{head.archived_at}>"]) if head.archived_at and not leaves else b"",
            b"Precedence: list\r\n",
        )
    )


def archive(page: str) -> bytes:
    """RFC 2369 section 3.6 List-Archive; nothing without a page."""
    return structured("List-Archive", [f"<{page}>"]) if page else b""


def wants_no_archive(octets: bytes) -> bool:
    """Whether its author asks that nobody keep it: X-No-Archive, as Mailman and Usenet have it, or Archive: no."""
    return _NO_ARCHIVE.search(_header(octets)) is not None


def is_automatic_answer(octets: bytes) -> bool:
    """True of what a program answered: no list sends it on (RFC 3834 section 2), whoever asked for it."""
    header = _header(octets)
    return _AUTO_REPLIED.search(header) is not None or _REPORT.search(header) is not None


def after_return_path(octets: bytes) -> int:
    """RFC 5321 section 4.4: only the last delivery writes Return-Path. Ours stands first and in one line."""
    return octets.find(b"\n") + 1 if octets[:12].lower() == b"return-path:" else 0


def has_passed(address: str, octets: bytes) -> bool:
    """True when the message has been through this list before: it runs in a circle."""
    header = _header(octets)
    lowered = address.encode("utf-8", "replace").lower()
    marks = (b"<" + lowered.replace(b"@", b".") + b">", lowered)
    for found in _OWN.finditer(header):
        text = found.group().lower()
        if marks[0] in text if text.startswith(b"list-id") else marks[1] in re.split(rb"[\s<>,:]+", text):
            return True
    return False


def _header(octets: bytes) -> bytes:
    end = octets.find(b"\r\n\r\n", 0, MAX_HEADER)
    return octets[: end + 2 if end >= 0 else MAX_HEADER]


def _with_suffix(address: str, suffix: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local}{suffix}@{domain}"
