"""A file of contacts before it goes into a book: what it holds, what is there already, what cannot be taken. Pure."""

import base64
import binascii
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import uuid4

from mailserver.addressbook import alike, contentlines, rewriting, tables
from mailserver.addressbook import card as reading
from mailserver.addressbook.books import Entry, Stored, href_of, measured
from mailserver.addressbook.card import Card
from mailserver.addressbook.contentlines import Line
from mailserver.model.errors import Refused
from mailserver.store.agenda.agenda_items import NewItem

MAX_OCTETS = 5 * 1024 * 1024
"""Of a file."""
MAX_CARDS = 5000
MAX_PACKED = 3_000_000
"""Characters of what a preview carries from one form to the next."""
MAX_UNPACKED = 8 * 1024 * 1024
"""Octets: a file, and what its cards become (decompression bomb)."""
MAX_UID = 200
MAX_NAMESAKES = 20
"""Cards with something in common that one is compared with."""
_FIRST = 65536


class Standing(StrEnum):
    """What becomes of a card of the file."""

    NEW = "new"
    KNOWN = "known"
    """A contact with the same address or UID is there, or one of that name of whom no other address is known."""
    REPEATED = "repeated"
    """The file has it twice."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A card of the file."""

    number: int
    """Its place in the file, or the line of a table."""
    lines: tuple[Line, ...]
    card: Card
    standing: Standing
    fault: str = ""
    shown: str = ""
    twin: Entry | None = None
    """The contact that is there."""
    same_as: str = ""
    """UID of who it is, where that is somebody else's card: the contact that is there, or an earlier one of the
    file."""


def read(octets: bytes) -> list[Candidate]:
    """The cards of a file, vCard or CSV, none judged yet. Raises ValueError: it is neither."""
    text = tables.decode(octets[:MAX_OCTETS])
    if "BEGIN:VCARD" in text[:_FIRST].upper():
        return [
            Candidate(number, tuple(lines), reading.read(lines), Standing.NEW)
            for number, lines in enumerate(_some(contentlines.cards(text)), 1)
        ]
    found = []
    for row in tables.read(text):
        if row.card is None:
            found.append(Candidate(row.number, (), Card(), Standing.REFUSED, row.fault, row.shown))
        else:
            lines = rewriting.rewrite((), row.card, 0)
            found.append(Candidate(row.number, tuple(lines), row.card, Standing.NEW))
    return found


def judge(candidates: Iterable[Candidate], entries: Sequence[Entry]) -> list[Candidate]:
    """The same, compared with a book and with one another."""
    known: dict[str, list[Entry]] = {}
    for entry in entries:
        for key in _keys(entry.card):
            if len(namesakes := known.setdefault(key, [])) < MAX_NAMESAKES:
                namesakes.append(entry)
    met: dict[str, list[tuple[Card, str]]] = {}
    judged = []
    for candidate in candidates:
        if candidate.standing is Standing.REFUSED:
            judged.append(candidate)
            continue
        keys = sorted(_keys(candidate.card))  # by their first character: UID, address, name
        twin = next((one for key in keys for one in known.get(key, ()) if _may_be(key, one.card, candidate.card)), None)
        repeated = any(_may_be(key, card, candidate.card) for key in keys for card, _ in met.get(key, ()))
        # Whoever has the name alone in common may be somebody else: no group writes to them instead.
        surely = [key for key in keys if key.startswith(("@", "#"))]
        standing, fault, same_as = Standing.NEW, "", ""
        if not candidate.card.name:
            standing, fault = Standing.REFUSED, "empty"
        elif twin is not None:
            standing = Standing.KNOWN
            same_as = next((known[key][0].card.uid for key in surely if key in known), "")
        elif repeated:
            standing = Standing.REPEATED
            same_as = next((met[key][0][1] for key in surely if key in met), "")
        for key in keys:
            if len(before := met.setdefault(key, [])) < MAX_NAMESAKES:
                before.append((candidate.card, same_as or candidate.card.uid))
        judged.append(
            Candidate(
                candidate.number,
                candidate.lines,
                candidate.card,
                standing,
                fault,
                candidate.card.name or candidate.shown,
                twin,
                same_as,
            )
        )
    return judged


def left_out(judged: Iterable[Candidate], wanted: Iterable[Candidate]) -> dict[str, str]:
    """Whose card stands for those that are not taken, by UID: a group of the file has them as members all the same."""
    numbers = {one.number for one in wanted}
    return {one.card.uid: one.same_as for one in judged if one.card.uid and one.same_as and one.number not in numbers}


def item_of(one: Candidate, taken: set[str], became: dict[str, str]) -> NewItem:
    """A new card as the store takes it; its UID unless that is taken. `became`: which UID stands for one of the file,
    for the members of its groups, which come after them. Raises Refused(INVALID)."""
    uid = one.card.uid if 0 < len(one.card.uid) <= MAX_UID and one.card.uid not in taken else str(uuid4())
    lines = rewriting.with_members(one.lines, became) if one.card.is_group else one.lines
    item = measured(href_of(str(uuid4())), rewriting.modern(lines, uid))
    taken.add(uid)
    if one.card.uid and uid != one.card.uid:
        became[one.card.uid] = uid
    return item


def completed(stored: Stored, one: Candidate, now: float) -> NewItem | None:
    """The contact that is there with what the file knows beyond it; None when that cannot be kept."""
    try:
        return measured(stored.href, alike.merged((stored.lines, one.lines), now))
    except Refused:
        return None


def pack(candidates: Iterable[Candidate]) -> str:
    """The cards as one text that a form can carry; without pictures where it would be too long. Raises ValueError."""
    kept = [candidate for candidate in candidates if candidate.lines]
    for pictures in (True, False):
        text = "".join(
            contentlines.write(line for line in candidate.lines if pictures or line.name != "PHOTO")
            for candidate in kept
        )
        packed = base64.urlsafe_b64encode(zlib.compress(text.encode("utf-8", "replace"))).decode("ascii")
        if len(packed) <= MAX_PACKED:
            return packed
    raise ValueError("too much")


def unpack(packed: str) -> list[Candidate]:
    """What `pack` made, or somebody else: bounded all the same. Raises ValueError."""
    try:
        octets = zlib.decompressobj().decompress(
            base64.b64decode(packed[:MAX_PACKED], altchars=b"-_", validate=True), MAX_UNPACKED
        )
    except (zlib.error, binascii.Error):
        raise ValueError("not a packed file") from None
    cards = _some(contentlines.cards(octets.decode("utf-8", "replace")))
    return [Candidate(n, tuple(lines), reading.read(lines), Standing.NEW) for n, lines in enumerate(cards, 1)]


def _keys(card: Card) -> Iterable[str]:
    if card.uid:
        yield f"#{card.uid}"
    if not card.is_group:
        yield from alike.keys(card)


def _may_be(key: str, one: Card, other: Card) -> bool:
    """Whether two cards that have this key in common are of the same person: namesakes have addresses of their own."""
    if key.startswith(("@", "#")):
        return True
    addresses = [{email.text.casefold() for email in card.emails} for card in (one, other)]
    return not all(addresses) or not addresses[0].isdisjoint(addresses[1])


def _some(cards: Iterable[list[Line]]) -> Iterable[list[Line]]:
    for number, lines in enumerate(cards):
        if number >= MAX_CARDS:
            return
        yield lines
