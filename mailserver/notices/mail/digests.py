"""The digest of a list: what it sent on in a day as one message (RFC 2046 section 5.1.5), and what is in it."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.mime.header import dates
from mailserver.mime.writing.compose import (
    NewMessage,
    Piece,
    crlf,
    envelope_fields,
    message_part,
    multipart,
    text_part,
)
from mailserver.mime.writing.fields import Correspondent
from mailserver.notices.house import HALVES, NO_SUBJECT, House
from mailserver.texts.text import Text

MAX_LINE = 150
"""Characters of a subject, and of an author, in the list."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A message in it."""

    subject: str
    author: str
    octets: bytes


@dataclass(frozen=True, slots=True)
class Opening:
    """The list's archive was opened to more people."""

    at: int
    widely: bool
    """To everybody with an account here; else to its members."""
    older: int
    """Messages of before that were opened with it."""


@dataclass(frozen=True, slots=True)
class Digest:
    """One, or a part of one that is too large."""

    address: str
    name: str
    made: int
    number: int
    count: int
    entries: Sequence[Entry]
    message_id: str
    opening: Opening | None = None
    """What members are told besides."""


def subject(house: House, what: Digest) -> str:
    """What it is about."""
    said = house.say(Text("Condensé de {name}, {day}", name=_line(what.name), day=house.day(what.made)))
    return f"{said} ({what.number}/{what.count})" if what.count > 1 else said


def write(house: House, what: Digest) -> bytes:
    """Its octets, always the same for the same messages."""
    said = Text("Les messages de la liste {name} :", name=_line(what.name))
    lines = "\n".join(_entry(house, place, one) for place, one in enumerate(what.entries, 1))
    ways = Text(
        "Vous recevez un message par jour. Pour recevoir chaque message, ou quitter la liste : "
        "« Listes que je reçois » sur le site, ou le lien de désabonnement de ce message."
    )
    told = f"{house.say(opened(house, what.opening), HALVES)}\n\n" if what.opening is not None else ""
    text = f"{house.say(said)}\n\n{lines}\n\n{told}{house.say(ways, HALVES)}\n"
    inner = multipart("digest", [_message(one.octets) for one in what.entries], what.message_id)
    content = multipart("mixed", [text_part(text), inner], f"{what.message_id} mixed")
    fields = envelope_fields(
        NewMessage(
            author=Correspondent(_line(what.name) if "@" not in what.name else "", what.address),
            date=what.made,
            message_id=what.message_id,
            to=(Correspondent("", what.address),),
            subject=subject(house, what),
            zone=dates.offset(what.made, house.zone),
        )
    )
    return fields + b"MIME-Version: 1.0\r\n" + content.octets


def opened(house: House, what: Opening) -> Text:
    """That more people read the archive."""
    words = {
        (True, True): Text(
            "Depuis le {day}, toute l'académie lit les archives de la liste, messages d'avant compris ({n})."
        ),
        (True, False): Text("Depuis le {day}, toute l'académie lit ce que la liste ajoute à ses archives."),
        (False, True): Text(
            "Depuis le {day}, ses membres lisent les archives de la liste, messages d'avant compris ({n})."
        ),
        (False, False): Text("Depuis le {day}, ses membres lisent ce que la liste ajoute à ses archives."),
    }
    return Text(words[what.widely, what.older > 0].message, day=house.day(what.at), n=what.older)


def _entry(house: House, place: int, one: Entry) -> str:
    return f"{place}. {_line(one.subject) or house.say(NO_SUBJECT)} – {_line(one.author) or '?'}"


def _message(octets: bytes) -> Piece:
    """One of them: by itself a part of a digest is a message. One that may not travel so is a file."""
    piece = message_part(octets)
    if b"message/rfc822" not in piece.header:
        return piece
    eight = b"" if piece.body.isascii() else b"Content-Transfer-Encoding: 8bit\r\n"
    return Piece(b"Content-Type: message/rfc822\r\n" + eight, crlf(piece.body))


def _line(text: str) -> str:
    return " ".join(text.split())[:MAX_LINE]
