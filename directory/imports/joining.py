"""Accounts of the store joined with the entries of an LDAP server: people as an import of either looks at them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from directory import names, tree
from directory.imports.target import Answers
from directory.ldap.bulk import Bulk
from directory.ldap.lookups import KnownPerson
from directory.tree import Person
from mailserver.errors import Refused
from mailserver.folding import search_key
from mailserver.identity import Role
from mailserver.store import roll
from mailserver.store.roll import Known, Like
from mailserver.store.statements import Tx

K = TypeVar("K")


@dataclass(slots=True)
class Joined:
    """What the server said of people in one batch. A login that it has no entry for is known as that too."""

    bulk: Bulk
    entries: dict[str, KnownPerson | None] = field(default_factory=dict)

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
        )

    def alike(self, tx: Tx, spelt: Collection[str]) -> tuple[dict[Like, list[int]], dict[int, Known]]:
        """People of these names whom only their place among their like tells apart, oldest first, as `roll.bare`."""
        found = self.bulk.named(spelt)
        self.entries.update({names.fold(one.person.login): one for one in found})
        stored = roll.by_logins(tx, {names.fold(one.person.login) for one in found})
        people = [
            self.join(known)
            for known in stored.values()
            if known.numen is None and known.ine is None and not known.login_given and not known.source_key
        ]
        alike: dict[Like, list[int]] = {}
        for known in sorted(people, key=lambda known: known.account_id):
            alike.setdefault(like_of(known), []).append(known.account_id)
        return alike, {known.account_id: known for known in people}

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
    )


def like_of(known: Known) -> Like:
    """What tells people apart of whom nothing else does, as `deciding.like` makes it of a record."""
    given = search_key(known.given_name)
    whole = search_key(f"{known.given_name} {known.surname}")
    return given, whole, known.birth_date, known.role, known.uai
