"""What a closed account answers to those who still write to it, and to which messages it answers nothing.

Nobody is told where the person has gone unless whoever closed the account wrote so.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mailserver.mime.body.structure import Part
from mailserver.mime.header import dates, headers
from mailserver.mime.header.addresses import parse, people
from mailserver.mime.writing import compose, replies
from mailserver.mime.writing.fields import Correspondent
from mailserver.notices.house import HALVES, House
from mailserver.texts.text import Text

MAX_FIELDS = 1000
"""Fields of a header that are looked at."""
MAX_PATH = 320
"""Characters of a sender (RFC 5321 section 4.5.3.1)."""

_MACHINES = re.compile(
    r"(?:mailer-daemon|postmaster|no-?reply|ne-?pas-?repondre|listserv|majordomo|bounces?|abuse|root)(?:[+=-].*)?"
    r"|owner-.*|.*-(?:request|owner|bounces?)|.*-relay",
    re.IGNORECASE,
)
"""Senders that no person reads (RFC 3834 section 2, RFC 5230 section 4.6)."""
_BULK = re.compile(r"\s*+(?:bulk|list|junk)\b", re.IGNORECASE)

_SUBJECT = Text("Réponse automatique")


@dataclass(frozen=True, slots=True)
class Gone:
    """The closed account that answers."""

    name: str
    address: str
    addresses: frozenset[str]
    """Every address of the person, folded: only what was sent to one of them is answered."""
    text: str = ""
    """Instead of the standard text."""


def sender_to_answer(octets: bytes, message: Part, gone: Gone) -> str:
    """The address to answer to, or nothing when the message is not to be answered (RFC 3834 section 2).

    `octets` is at least the header as it was delivered, the `Return-Path` field on top.
    """
    path, wanted = "", False
    for count, field in enumerate(headers.fields(octets, message.start, message.body)):
        if count >= MAX_FIELDS:
            break
        value = headers.as_text(octets[field.value : field.end]).strip()
        if _is_of_machine(field.name, value):
            return ""
        match field.name:
            case "return-path" if not path:
                path = value.strip("<> \t")
            case "to" | "cc" | "bcc" | "resent-to" | "resent-cc":
                wanted = wanted or _names(octets[field.value : field.end], gone.addresses)
            case _:
                pass
    if not wanted or not is_person(path) or path.casefold() in gone.addresses:
        return ""
    return path


def is_person(path: str) -> bool:
    """Whether a sender is one that a person may read: no report, no list, no machine."""
    local = path.rpartition("@")[0]
    return bool(local) and len(path) <= MAX_PATH and not _MACHINES.fullmatch(local)


def is_automatic(octets: bytes, message: Part) -> bool:
    """Whether its header says that no person wrote it to one, or that it is not to be answered."""
    for count, field in enumerate(headers.fields(octets, message.start, message.body)):
        if count >= MAX_FIELDS:
            break
        if _is_of_machine(field.name, headers.as_text(octets[field.value : field.end]).strip()):
            return True
    return False


def _is_of_machine(name: str, value: str) -> bool:
    match name:
        case "auto-submitted":
            return value.partition(";")[0].strip().lower() != "no"
        case "precedence":
            return bool(_BULK.match(value))
        case "x-auto-response-suppress":
            return not value.lower().startswith("none")
        case "x-loop" | "feedback-id":
            return True
        case _:
            return name.startswith("list-")


def _names(value: bytes, addresses: Iterable[str]) -> bool:
    return any(person.address.casefold() in addresses for person in people(parse(headers.as_text(value))))


def build(house: House, gone: Gone, to: str, octets: bytes, message: Part, *, token: bytes, now: float) -> bytes:
    """The answer's octets (RFC 3834 section 3)."""
    in_reply_to, references = replies.thread(octets, message)
    subject = message.header(octets, "Subject")[:200]
    text = gone.text.rstrip() + "\n" if gone.text.strip() else _standard(house, gone)
    return compose.build(
        compose.NewMessage(
            author=Correspondent(gone.name, gone.address),
            date=now,
            message_id=compose.message_id(token, house.domain),
            to=(Correspondent("", to),),
            subject=f"{house.say(_SUBJECT)} : {subject}".rstrip(" :"),
            text=text,
            in_reply_to=in_reply_to,
            references=references,
            more=(("Auto-Submitted", "auto-replied"), ("Precedence", "bulk")),
            zone=dates.offset(now, house.zone),
        )
    )


def _standard(house: House, gone: Gone) -> str:
    text = Text(
        "Bonjour,\n\n{name} n'utilise plus cette adresse ({address}).\n"
        "Votre message ne sera ni lu ni transmis.\n\n{academy}\n",
        name=gone.name,
        address=gone.address,
        academy=house.academy,
    )
    return house.say(text, HALVES)
