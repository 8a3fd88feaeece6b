"""Many questions and changes at a time, for imports: shares of a batch go to all connections at once.

Unlike the port it is called from a thread, not from the loop, and it blocks.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import ldap3

from directory.entries.tree import Attributes
from directory.ldap import lookups, writing
from directory.ldap.lookups import KnownPerson
from directory.ldap.pool import Pool
from directory.schema import names
from mailserver.model.errors import Refused

T = TypeVar("T")
R = TypeVar("R")

ASKED = 50
"""People of one search: a filter of hundreds of terms is slow to read for some servers."""
SHARE = 20
"""Changes that one connection makes before it looks for more."""


@dataclass(frozen=True, slots=True)
class Add:
    """An entry is to be there."""

    dn: str
    classes: tuple[str, ...]
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Put:
    """An entry is to be there and to say this; one that is there already is changed, whoever made it."""

    dn: str
    classes: tuple[str, ...]
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Replace:
    """Attributes of a person's entry are to have these values."""

    dn: str
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Remove:
    """An entry is to be gone."""

    dn: str


Change = Add | Put | Replace | Remove


class Bulk:
    """Over the connections of a pool. Every method raises Temporary when the server is out of reach."""

    def __init__(self, pool: Pool, base: str) -> None:
        self._pool = pool
        self._base = base

    def by_logins(self, logins: Collection[str]) -> dict[str, KnownPerson]:
        """Entries by folded identifier."""
        found: dict[str, KnownPerson] = {}
        for people in self._ask(list(logins), self._of_logins):
            found.update({names.fold(person.person.login): person for person in people})
        return found

    def named(self, whole_names: Collection[str]) -> list[KnownPerson]:
        """Entries of people of these names (`cn`), whatever case."""
        return [person for people in self._ask(list(whole_names), self._of_names) for person in people]

    def holders(self, wanted: Collection[str]) -> list[KnownPerson]:
        """Everybody who has one of these identifiers or addresses."""
        return [person for people in self._ask(list(wanted), self._holding) for person in people]

    def write(self, changes: Sequence[Change]) -> list[str]:
        """Carry out changes, several at once; for each why it was refused, or an empty text."""
        shares = [changes[start : start + SHARE] for start in range(0, len(changes), SHARE)]
        return [reason for reasons in self._all(shares, _carry_out) for reason in reasons]

    # ------------------------------------------------------------------ shares

    def _ask(
        self, keys: Sequence[T], ask: Callable[[ldap3.Connection, Sequence[T]], list[KnownPerson]]
    ) -> Iterator[list[KnownPerson]]:
        shares = [keys[start : start + ASKED] for start in range(0, len(keys), ASKED)]
        return self._all(shares, ask)

    def _all(
        self, shares: Sequence[Sequence[T]], work: Callable[[ldap3.Connection, Sequence[T]], list[R]]
    ) -> Iterator[list[R]]:
        """The results in order. A failure of one share is told when the others have ended."""
        futures: list[Future[list[R]]] = [self._pool.submit(partial(_swapped, work, share)) for share in shares]
        try:
            for future in futures:
                yield future.result()
        finally:
            for future in futures:
                future.cancel()

    # ------------------------------------------------------------------ over one connection

    def _of_logins(self, connection: ldap3.Connection, logins: Sequence[str]) -> list[KnownPerson]:
        return lookups.people_where(connection, self._base, (lookups.equals("uid", login) for login in logins))

    def _of_names(self, connection: ldap3.Connection, whole_names: Sequence[str]) -> list[KnownPerson]:
        return lookups.people_where(connection, self._base, (lookups.equals("cn", name) for name in whole_names))

    def _holding(self, connection: ldap3.Connection, wanted: Sequence[str]) -> list[KnownPerson]:
        # An address is always among the values of `mail`; asking for it as acadAddress too would double the question.
        parts = (lookups.equals("mail" if "@" in name else "uid", name) for name in wanted)
        return lookups.people_where(connection, self._base, parts)


def _swapped(work: Callable[[ldap3.Connection, T], R], share: T, connection: ldap3.Connection) -> R:
    return work(connection, share)


def _carry_out(connection: ldap3.Connection, changes: Sequence[Change]) -> list[str]:
    return [_outcome(connection, change) for change in changes]


def _outcome(connection: ldap3.Connection, change: Change) -> str:
    try:
        match change:
            case Add():
                writing.ensure_entry(connection, change.dn, change.classes, change.attributes)
            case Put():
                writing.put_entry(connection, change.dn, change.classes, change.attributes)
            case Replace():
                writing.replace_person(connection, change.dn, change.attributes)
            case Remove():
                writing.remove(connection, change.dn)
    except Refused as refusal:
        return refusal.text or refusal.reason.value
    return ""
