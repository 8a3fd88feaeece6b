"""Accounts of the store joined with the entries of an LDAP server: people as an import of either looks at them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from directory.entries import tree
from directory.entries.tree import Person
from directory.imports.target import Answers
from directory.ldap.bulk import Bulk
from directory.ldap.lookups import KnownPerson
from directory.schema import names
from mailserver.model.errors import Refused
from mailserver.model.folding import search_key
from mailserver.model.identity import Role
from mailserver.store.engine.statements import Tx
from mailserver.store.people import bulk_people
from mailserver.store.people.bulk_people import Description, Known, Like

K = TypeVar("K")


@dataclass(slots=True)
class Joined:
    """What the server said of people in one batch. A login that it has no entry for is known as that too."""

    bulk: Bulk
    entries: dict[str, KnownPerson | None] = field(default_factory=dict)
    _named: set[str] = field(default_factory=set)
    _logins: set[str] = field(default_factory=set)
    """Of whoever was found by name."""

    def ask(self, logins: Collection[str]) -> None:
        """Read the entries of these identifiers, where that was not done yet."""
        wanted = [login for login in logins if login not in self.entries]
        if wanted:
            found = self.bulk.by_logins(wanted)
            self.entries.update({login: found.get(names.fold(login)) for login in wanted})

    def answers(self, stored: Answers) -> Answers:
        """Everybody with their entry."""
        self.ask({known.login for known in stored.everybody()})

        def joined(people: Mapping[K, Known]) -> dict[K, Known]:
            return {key: self.join(known) for key, known in people.items()}

        return Answers(
            joined(stored.by_id),
            joined(stored.by_source_key),
            joined(stored.by_ine),
            joined(stored.by_numen),
            joined(stored.by_login),
            stored.by_like,
            stored.by_description,
        )

    def named(self, tx: Tx, spelt: Collection[str]) -> list[Known]:
        """People of these names, oldest account first. The server is asked once for each name."""
        new = [name for name in spelt if name not in self._named]
        if new:
            self._named.update(new)
            for one in self.bulk.named(new):
                login = names.fold(one.person.login)
                self.entries[login] = one
                self._logins.add(login)
        stored = bulk_people.by_logins(tx, self._logins) if self._logins else {}
        return sorted(map(self.join, stored.values()), key=lambda known: known.account_id)

    def join(self, known: Known) -> Known:
        """One of whom the server was asked."""
        entry = self.entries.get(known.login)
        return known if entry is None else with_entry(known, entry.person)


def with_entry(known: Known, person: Person) -> Known:
    """An account with what the entry says."""
    try:
        extra = tree.dump_extra(person.extra)
    except Refused:
        extra = ""  # somebody gave the entry more than we would
    return known._replace(
        has_entry=True,
        given_name=person.given_name,
        surname=person.surname,
        role=person.role.value,
        uai=person.uai,
        discipline=person.discipline,
        title=person.title,
        hidden=int(person.hidden),
        extra=extra,
        address=person.address,
        aliases=" ".join(person.aliases),
        display_name=person.display_name,
        common_names="\n".join(person.common_names),
        affiliations=person.affiliations,
    )


def person_of(known: Known, before: Person | None, school: str) -> Person:
    """The entry that somebody is to have; what an import does not set is as it was."""
    kept = before or Person(known.login, "", "", known.address)
    return Person(
        login=kept.login,
        given_name=known.given_name,
        surname=known.surname,
        address=known.address,
        aliases=tuple(known.aliases.split()),
        role=Role(known.role),
        account_id=known.account_id,
        uai=known.uai,
        discipline=known.discipline,
        school=school,
        state=kept.state,
        title=known.title,
        hidden=bool(known.hidden),
        affiliations=known.affiliations,
        expires=kept.expires,
        extra=kept.extra,
        display_name=known.display_name,
        common_names=_values(known.common_names, kept.common_names),
    )


def _values(text: str, kept: tuple[str, ...]) -> tuple[str, ...]:
    """Common names out of one text; as the entry has them where nothing changed, line breaks and all."""
    if text == "\n".join(kept):
        return kept
    return tuple(text.split("\n")) if text else ()


def by_like(people: Iterable[Known]) -> dict[Like, list[int]]:
    """Those whom only their place among their like tells apart, as `bulk_people.bare` finds them."""
    found: dict[Like, list[int]] = {}
    for known in people:
        if known.numen is None and known.ine is None and not known.login_given and not known.source_key:
            like = (*_name_keys(known), known.birth_date, known.role, known.uai)
            found.setdefault(like, []).append(known.account_id)
    return found


def by_description(people: Iterable[Known]) -> dict[Description, list[int]]:
    """Those whom no export keeps by a number, as `bulk_people.unnumbered` finds them."""
    found: dict[Description, list[int]] = {}
    for known in people:
        if known.birth_date is not None and not known.source_key:
            found.setdefault((*_name_keys(known), known.birth_date, known.uai), []).append(known.account_id)
    return found


def _name_keys(known: Known) -> tuple[str, str]:
    return search_key(known.given_name), search_key(f"{known.given_name} {known.surname}")
