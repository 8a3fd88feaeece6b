"""One line for each person: cards of several books that have an address in common stand together."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from mailserver.addressbook.books import Entry


@dataclass(frozen=True, slots=True)
class Merged:
    """Somebody, or a group: the card that stands for them, and their cards in other books."""

    entry: Entry
    others: tuple[Entry, ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        return (self.entry, *self.others)

    @property
    def key(self) -> tuple[str, str, str]:
        """Where it stands in an alphabetical list."""
        return self.entry.key

    @property
    def other_names(self) -> tuple[str, ...]:
        """What the other cards call them, where it differs."""
        names = dict.fromkeys(other.name for other in self.others if other.name and other.name != self.entry.name)
        return tuple(names)


def merge(entries: Iterable[Entry], foreign: Collection[str] = ()) -> list[Merged]:
    """In alphabetical order; a card of one's own stands before one of a `foreign` book.

    Cards of one book stay apart: these are duplicates, which their owner may want to see.
    """
    lines: list[_Line] = []
    known: dict[str, _Address] = {}
    for entry in sorted(entries, key=lambda one: (one.book in foreign, one.key)):
        addresses = () if entry.card.is_group else dict.fromkeys(email.text.casefold() for email in entry.card.emails)
        found = next((line for one in addresses if one in known and (line := known[one].without(entry.book))), None)
        if found is None:
            found = _Line()
            lines.append(found)
        found.entries.append(entry)
        found.books.add(entry.book)
        for address in addresses:
            if address not in found.addresses:
                found.addresses.add(address)
                known.setdefault(address, _Address()).lines.append(found)
    merged = [Merged(head, tuple(others)) for head, *others in (line.entries for line in lines)]
    return sorted(merged, key=lambda one: one.key)


@dataclass(slots=True)
class _Line:
    entries: list[Entry] = field(default_factory=list)
    books: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Address:
    """The lines with an address."""

    lines: list[_Line] = field(default_factory=list)
    passed: dict[str, int] = field(default_factory=dict)
    """How many of the first ones have a card of a book. It only grows: each is looked at once, though ten thousand
    cards of a book may have the same address."""

    def without(self, book: str) -> _Line | None:
        """The first one that has no card of a book."""
        place = self.passed.get(book, 0)
        while place < len(self.lines) and book in self.lines[place].books:
            place += 1
        self.passed[book] = place
        return self.lines[place] if place < len(self.lines) else None


def beside(entries: Iterable[Entry], entry: Entry) -> Sequence[Entry]:
    """The cards of other books that have an address of this one."""
    mine = {email.text.casefold() for email in entry.card.emails}
    return [
        one
        for one in entries
        if one.book != entry.book and not one.card.is_group and any(e.text.casefold() in mine for e in one.card.emails)
    ]
