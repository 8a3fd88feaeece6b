"""One line for each person: cards of several books that have an address in common stand together."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

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
    lines: list[list[Entry]] = []
    by_address: dict[str, list[int]] = {}
    for entry in sorted(entries, key=lambda one: (one.book in foreign, one.key)):
        addresses = () if entry.card.is_group else {email.text.casefold() for email in entry.card.emails}
        near = (place for address in addresses for place in by_address.get(address, ()))
        found = next((place for place in near if all(one.book != entry.book for one in lines[place])), None)
        if found is None:
            found = len(lines)
            lines.append([])
        lines[found].append(entry)
        for address in addresses:
            places = by_address.setdefault(address, [])
            if found not in places:
                places.append(found)
    merged = [Merged(head, tuple(others)) for head, *others in lines]
    return sorted(merged, key=lambda one: one.key)


def beside(entries: Iterable[Entry], entry: Entry) -> Sequence[Entry]:
    """The cards of other books that have an address of this one."""
    mine = {email.text.casefold() for email in entry.card.emails}
    return [
        one
        for one in entries
        if one.book != entry.book and not one.card.is_group and any(e.text.casefold() in mine for e in one.card.emails)
    ]
