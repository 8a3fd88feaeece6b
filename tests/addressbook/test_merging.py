"""Cards of several books that stand for one person, as a list shows them."""

import time
from collections.abc import Iterable, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.addressbook.books import Entry
from mailserver.addressbook.card import Card, Value
from mailserver.addressbook.merging import merge

CARDS = st.lists(st.tuples(st.sampled_from("bcd"), st.lists(st.sampled_from("xyz"), max_size=2)), max_size=9)


def entry(book: str, number: int, addresses: Iterable[str]) -> Entry:
    card = Card(full_name=f"{number}", emails=tuple(map(Value, addresses)))
    return Entry(book, f"{number}.vcf", "e", card, card.name, card.order, card.words)


def plainly(entries: Sequence[Entry]) -> list[list[Entry]]:
    """By looking at every line again for each card."""
    lines: list[list[Entry]] = []
    by_address: dict[str, list[list[Entry]]] = {}
    for one in sorted(entries, key=lambda entry: entry.key):
        addresses = [email.text for email in one.card.emails]
        near = [line for address in addresses for line in by_address.get(address, ())]
        found = next((line for line in near if all(other.book != one.book for other in line)), None)
        if found is None:
            found = []
            lines.append(found)
        found.append(one)
        for address in addresses:
            if not any(line is found for line in by_address.setdefault(address, [])):
                by_address[address].append(found)
    return sorted(lines, key=lambda line: line[0].key)


@settings(deadline=None)
@given(CARDS)
def test_lines_are_those_that_looking_at_all_gives(cards: list[tuple[str, list[str]]]) -> None:
    entries = [entry(book, number, addresses) for number, (book, addresses) in enumerate(cards)]
    assert [list(line.entries) for line in merge(entries)] == plainly(entries)


def test_thousands_of_cards_of_the_same_addresses() -> None:
    """Ten thousand of one address took half a minute of the event loop, and a page of contacts asked for it."""
    entries = [entry("b", number, (f"{one}@a.fr" for one in range(20))) for number in range(5_000)]
    begun = time.process_time()
    assert len(merge(entries)) == 5_000
    assert time.process_time() - begun < 4
