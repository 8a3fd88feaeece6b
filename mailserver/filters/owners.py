"""Whose script it is: a person, or a functional box."""

from dataclasses import dataclass

from mailserver.model.identity import Directory, Population, Principal
from mailserver.model.rules import Sender
from mailserver.store.engine.transactions import Store
from mailserver.store.mail.access import boxes


@dataclass(frozen=True, slots=True)
class Owner:
    """Whoever a script acts for."""

    account_id: int
    address: str
    name: str
    addresses: frozenset[str]
    """Every address, in lower case."""
    population: Population
    person: Principal | None = None
    """None: a functional box."""

    @property
    def sender(self) -> Sender:
        """As the rules between populations see them."""
        if self.person is not None:
            return Sender.person(self.person)
        return Sender(self.population, self.account_id, self.addresses)

    def owns(self, address: str) -> bool:
        """Whether a script may write in the name of this address."""
        return address.casefold() in self.addresses


async def owner(directory: Directory, store: Store, account_id: int, address: str = "") -> Owner | None:
    """The owner of an account; None: the directory does not know it any more. `address`: one that led to it, for which
    the directory was asked a moment ago, and remembers whose it is. Raises Temporary."""
    person = await directory.find(address) if address and "+" not in address else None
    if person is None or person.account_id != account_id:
        person = await directory.by_account(account_id)
    if person is not None:
        addresses = frozenset(one.casefold() for one in (person.address, *person.aliases))
        return Owner(account_id, person.address, person.name, addresses, person.role.population, person)
    address = await store.read_apart(boxes.address_of, account_id)
    if not address:
        return None
    return Owner(account_id, address, "", frozenset((address.casefold(),)), Population.STAFF)
