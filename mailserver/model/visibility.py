"""Who sees whom in the directory: in LDAP, in the address book, wherever people are looked up. Pure.

An administrator sees everybody. Nobody else sees hidden people and closed accounts. A pupil is seen by the
teachers, staff and secretariat of the pupil's own schools only. Everybody sees themselves.
`store.people.search.conditions.visible` is the same rule as a condition for the database; a test holds the two
together.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from mailserver.model.identity import Affiliation, Population, Principal, Role

ELDERS = frozenset({Population.TEACHER, Population.STAFF})
"""Populations that see the pupils of their schools."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks. Without role and account: the service itself, which sees what everybody may see, pupils too."""

    account_id: int = 0
    role: Role | None = None
    schools: frozenset[str] = frozenset()
    """UAI codes, in upper case."""
    everything: bool = False
    """The directory's administrator."""

    @property
    def sees_all(self) -> bool:
        return self.everything or self.role is Role.ADMIN

    @property
    def service(self) -> bool:
        return self.role is None and not self.everything

    @property
    def guards(self) -> frozenset[str]:
        """Schools whose pupils this viewer sees."""
        return self.schools if self.role is not None and self.role.population in ELDERS else frozenset()


SERVICE = Viewer()
ADMINISTRATOR = Viewer(everything=True)
NOBODY = Viewer(role=Role.PUPIL)
"""Somebody of whom nothing is known: sees no pupil, nobody hidden."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What decides whether somebody is seen."""

    account_id: int
    role: Role
    schools: frozenset[str]
    hidden: bool = False
    closed: bool = False


def schools_of(uai: str, affiliations: Iterable[Affiliation] = ()) -> frozenset[str]:
    """Every school of a person: the main one and those of the affiliations."""
    return frozenset(code.upper() for code in (uai, *(affiliation.uai for affiliation in affiliations)) if code)


def viewer(principal: Principal | None, affiliations: Iterable[Affiliation] = ()) -> Viewer:
    """A person as a viewer; None: the service itself."""
    if principal is None:
        return SERVICE
    return Viewer(principal.account_id, principal.role, schools_of(principal.uai, affiliations))


def sees(who: Viewer, person: Seen) -> bool:
    """Whether a viewer may know of a person."""
    if who.sees_all or (who.account_id and who.account_id == person.account_id):
        return True
    if person.hidden or person.closed:
        return False
    return person.role is not Role.PUPIL or who.service or bool(who.guards & person.schools)
