"""Contacts that may be the same person, and one card made of several. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from mailserver.addressbook import card as reading
from mailserver.addressbook import rewriting
from mailserver.addressbook.books import Entry
from mailserver.addressbook.card import MAX_CATEGORIES, MAX_MANY, MAX_NOTE, Card
from mailserver.addressbook.contentlines import Line
from mailserver.model.folding import search_key

T = TypeVar("T")
MAX_SETS = 200
MAX_TOGETHER = 20
"""Cards of one merge."""

_OURS = frozenset(
    {
        *("VERSION", "PRODID", "UID", "REV", "FN", "N", "NICKNAME", "ORG", "TITLE", "ROLE", "NOTE", "BDAY"),
        *("EMAIL", "TEL", "URL", "ADR", "CATEGORIES", "PHOTO", "KIND", "MEMBER"),
        *(reading.GROUP_KIND, reading.GROUP_MEMBER),
    }
)
"""Properties that `Card` speaks of."""


def keys(card: Card) -> Iterable[str]:
    """What a contact is known by: addresses, and a name of two words at least."""
    yield from (f"@{email.text.casefold()}" for email in card.emails)
    words = sorted(search_key(card.name).replace("-", " ").split())
    if len(words) > 1:
        yield " ".join(words)


def sets(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Contacts that share an address or a name, two at least each, in alphabetical order; at most MAX_SETS."""
    cards = [entry for entry in entries if not entry.card.is_group]
    leader = list(range(len(cards)))

    def first(place: int) -> int:
        while leader[place] != place:
            leader[place] = leader[leader[place]]
            place = leader[place]
        return place

    known: dict[str, int] = {}
    for place, entry in enumerate(cards):
        for key in keys(entry.card):
            one, other = first(known.setdefault(key, place)), first(place)
            leader[max(one, other)] = min(one, other)
    found: dict[int, list[Entry]] = {}
    for place, entry in enumerate(cards):
        found.setdefault(first(place), []).append(entry)
    return [group for group in found.values() if len(group) > 1][:MAX_SETS]


def merged(cards: Sequence[Sequence[Line]], now: float) -> list[Line]:
    """The first card with what the others know beyond it; nothing that any of them says is lost but second names."""
    said = [reading.read(lines) for lines in cards]
    whole = said[0]
    for other in said[1:]:
        whole = _completed(whole, other)
    lines = rewriting.rewrite(cards[0], whole, now)
    photo = next((line for each in cards for line in each if line.name == "PHOTO"), None)
    if photo is not None and not any(line.name == "PHOTO" for line in lines):
        lines.append(photo)
    here = {(line.name, line.value) for line in lines}
    for each in cards[1:]:
        groups = {line.group for line in each if line.name in _OURS}
        for line in each:
            # A label of a line that was written anew would stand alone.
            if line.name in _OURS or (line.group and line.group in groups) or (line.name, line.value) in here:
                continue
            here.add((line.name, line.value))
            lines.append(replace(line, group=""))
    return lines


def _completed(one: Card, other: Card) -> Card:
    has_name = one.family or one.given
    named = one if has_name else other
    note = one.note
    if other.note and other.note not in one.note:
        note = "\n".join(filter(None, (one.note, other.note)))[:MAX_NOTE]
    return replace(
        one,
        full_name=one.full_name or other.full_name,
        **{part: getattr(named, part) for part in ("family", "given", "additional", "prefix", "suffix")},
        **{
            part: getattr(one, part) or getattr(other, part)
            for part in ("nickname", "organisation", "unit", "title", "role", "birthday")
        },
        emails=_union(one.emails, other.emails, lambda value: value.text.casefold()),
        phones=_union(one.phones, other.phones, lambda value: "".join(filter(str.isalnum, value.text))),
        sites=_union(one.sites, other.sites, lambda value: value.text.casefold()),
        places=_union(one.places, other.places, lambda place: search_key(" ".join(place.lines))),
        categories=tuple(dict.fromkeys((*one.categories, *other.categories)))[:MAX_CATEGORIES],
        note=note,
    )


def _union(some: Sequence[T], more: Sequence[T], key: Callable[[T], str]) -> tuple[T, ...]:
    return tuple({key(value): value for value in reversed((*some, *more))}.values())[::-1][:MAX_MANY]
