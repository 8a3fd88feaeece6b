"""Whom a message is to, in one line: the reader first, then a name or two, and how many more there are."""

from collections.abc import Sequence
from dataclasses import dataclass

from webui.page.context import Visit
from webui.reader.message_parts import Letterhead, Person

NAMED = 2
"""Beside "me", one name; of strangers alone, two."""


@dataclass(frozen=True, slots=True)
class Addressees:
    """Those who are named, and how many are not."""

    me: bool
    named: Sequence[str]
    more: int


def in_short(visit: Visit, head: Letterhead) -> Addressees:
    """Whom the header names, the reader as such."""
    people = (*head.to, *head.cc, *head.bcc)
    others = [one for one in people if not visit.principal.owns(one.address)]
    me = len(others) < len(people)
    named = [_name(one) for one in others[: NAMED - me]]
    return Addressees(me, named, len(others) - len(named) + head.more)


def _name(person: Person) -> str:
    return person.name or person.address
