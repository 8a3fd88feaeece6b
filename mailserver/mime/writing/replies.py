"""What the header of an answer owes to the message it answers."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from mailserver.mime.body.structure import Part
from mailserver.mime.header import addresses, envelope, headers
from mailserver.mime.writing.fields import Correspondent

MAX_REFERENCES = 50
"""Message ids carried on: the first and the last ones (RFC 5537 section 3.4.4 trims so)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Recipients, subject and threading of a reply."""

    to: tuple[Correspondent, ...]
    cc: tuple[Correspondent, ...]
    subject: str
    in_reply_to: str
    references: tuple[str, ...]


def reply(octets: bytes, message: Part, owns: Callable[[str], bool], *, everybody: bool = False) -> Answer:
    """Answer a message (RFC 5322 section 3.6.4). `owns` tells the answerer's own addresses.

    To whoever wrote, or asked for answers elsewhere; answering one's own message goes where that went.
    `everybody` adds the other recipients as copies, oneself apart.
    """
    authors = correspondents(octets, message, "Reply-To") or correspondents(octets, message, "From")
    others = correspondents(octets, message, "To")
    copies = correspondents(octets, message, "Cc")
    if authors and all(owns(author.address) for author in authors) and others:
        to, rest = others, copies
    else:
        to, rest = authors, others + copies
    seen = {mailbox.address.casefold() for mailbox in to}
    cc: list[Correspondent] = []
    for mailbox in rest if everybody else ():
        key = mailbox.address.casefold()
        if key not in seen and not owns(mailbox.address):
            seen.add(key)
            cc.append(mailbox)
    in_reply_to, references = thread(octets, message)
    return Answer(tuple(to), tuple(cc), reply_subject(message.header(octets, "Subject")), in_reply_to, references)


def correspondents(octets: bytes, message: Part, name: str) -> list[Correspondent]:
    """The people in a field of a message, each once."""
    found: dict[str, Correspondent] = {}
    for mailbox in addresses.of(octets, message.start, message.body, name.lower()):
        found.setdefault(mailbox.address.casefold(), Correspondent(mailbox.display, mailbox.address))
    return list(found.values())


def thread(octets: bytes, message: Part) -> tuple[str, tuple[str, ...]]:
    """In-Reply-To and References of an answer (RFC 5322 section 3.6.4)."""
    own = envelope.message_id(_raw(octets, message, "message-id"))
    before = envelope.references(_raw(octets, message, "references")).split()
    if not before:
        parents = envelope.references(_raw(octets, message, "in-reply-to")).split()
        before = parents if len(parents) == 1 else []
    chain = [message_id for message_id in before if message_id != own]
    if own:
        chain.append(own)
    if len(chain) > MAX_REFERENCES:
        chain = chain[:1] + chain[1 - MAX_REFERENCES :]
    return own, tuple(chain)


def threading_of(octets: bytes, message: Part) -> tuple[str, tuple[str, ...]]:
    """In-Reply-To and References as a message has them: a draft, whichever program wrote it."""
    answered = envelope.references(_raw(octets, message, "in-reply-to")).split()
    chain = envelope.references(_raw(octets, message, "references")).split()
    return " ".join(answered[:MAX_REFERENCES]), tuple(chain[:1] + chain[1:][1 - MAX_REFERENCES :])


def _raw(octets: bytes, message: Part, name: str) -> bytes | None:
    found = next(headers.named(octets, message.start, message.body, name), None)
    return octets[found.value : found.end] if found is not None else None


# How programs write them: `Re:`, `RE :`, `Re[2]:`, `RÉ:`; `Fwd:`, `FW:`, `TR :` (French Outlook).
_REPLIED = re.compile(r"\s*+(?:r[eé]f?|aw|sv)(?:\[\d{1,4}\]|\^\d{1,4})?\s*+:\s*+", re.IGNORECASE)
_FORWARDED = re.compile(r"\s*+(?:fwd?|tr|wg)\s*+:\s*+", re.IGNORECASE)


def reply_subject(subject: str) -> str:
    """`Re: ` once."""
    return f"Re: {_without(_REPLIED, subject)}".rstrip()


def forward_subject(subject: str) -> str:
    """`Fwd: ` once."""
    return f"Fwd: {_without(_FORWARDED, subject)}".rstrip()


def _without(prefix: re.Pattern[str], subject: str) -> str:
    at = 0
    while found := prefix.match(subject, at):
        at = found.end()
    return subject[at:].strip()


def quote(text: str) -> str:
    """A text as the quoted part of an answer: `> ` before each line, `>` before lines quoted already."""
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    return "".join(f">{line}\n" if line.startswith(">") or not line else f"> {line}\n" for line in lines)
