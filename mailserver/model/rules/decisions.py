"""The table of populations and the emergency brake."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from mailserver.model.identity import Population, Principal
from mailserver.model.rules.sentences import Braked, Denied, may_not_send, may_not_write


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends, as far as it is proven."""

    population: Population
    account_id: int = 0
    """0: nobody of ours, or nobody who has proven it."""
    addresses: frozenset[str] = frozenset()
    """Proven addresses, folded."""
    claimed: str = ""
    """The reverse-path that somebody outside named, folded; empty: a report."""

    @classmethod
    def person(cls, principal: Principal) -> "Sender":
        """Somebody who has logged in."""
        addresses = frozenset(address.casefold() for address in (principal.address, *principal.aliases))
        return cls(principal.role.population, principal.account_id, addresses)

    @classmethod
    def outside(cls, reverse_path: str) -> "Sender":
        """Whoever came without a login, whatever they call themselves."""
        return cls(Population.OUTSIDE, claimed=reverse_path.casefold())

    @property
    def is_report(self) -> bool:
        """A message that answers another (RFC 5321 section 4.5.5)."""
        return self.population is Population.OUTSIDE and not self.claimed


@dataclass(frozen=True, slots=True)
class Brake:
    """A population sends nothing for the time being."""

    population: Population
    since: int
    until: int
    """0: until it is released."""
    actor: str
    reason: str

    def holds(self, now: float) -> bool:
        """True while it is on."""
        return not self.until or now < self.until


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that is forbidden."""

    denied: frozenset[tuple[Population, Population]] = frozenset()
    """(sender, recipient)."""
    brakes: Mapping[Population, Brake] = field(default_factory=lambda: MappingProxyType({}))

    def braked(self, population: Population, now: float) -> bool:
        """True while the population's brake is on."""
        brake = self.brakes.get(population)
        return brake is not None and brake.holds(now)

    def allows(self, sender: Population, recipient: Population) -> bool:
        """What the table says, the brake apart."""
        return (sender, recipient) not in self.denied


def check_brake(rules: Rules, sender: Sender, now: float) -> None:
    """May this sender send at all? Raises Denied; Braked for mail from outside, which then waits where it is."""
    if not rules.braked(sender.population, now):
        return
    refusal = may_not_send(sender.population)
    if sender.population is Population.OUTSIDE:
        raise Braked(refusal.text)
    raise refusal


def check(rules: Rules, sender: Sender, recipient: Population, account_id: int, now: float) -> None:
    """May this sender write to somebody of this population? `account_id` 0: somebody outside.

    Raises Denied, Braked.
    """
    check_brake(rules, sender, now)
    if rules.allows(sender.population, recipient) or (account_id and account_id == sender.account_id):
        return
    if sender.is_report and rules.allows(recipient, Population.OUTSIDE):
        return
    raise may_not_write(sender.population, recipient)


__all__ = ["Brake", "Braked", "Denied", "Rules", "Sender", "check", "check_brake"]
