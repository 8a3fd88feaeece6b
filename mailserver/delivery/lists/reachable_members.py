"""Whom of a list, members or owners, a sender reaches: rules between populations bind them as direct recipients."""

from collections.abc import Collection, Iterable, Mapping

import structlog

from mailserver.delivery.offloading import at_leisure
from mailserver.model.clock import Clock
from mailserver.model.identity import Population
from mailserver.model.rules import Rules, Sender, sentences
from mailserver.store.account import populations
from mailserver.store.engine.transactions import Store

log = structlog.get_logger("deliver")

BELIEVED_SECONDS = 2.0
"""As long as the members themselves are."""
MAX_KNOWN = 64
"""Lists whose members' populations are remembered."""
INSIDE = (Population.PUPIL, Population.TEACHER, Population.STAFF)


class Reachable:
    """One per worker."""

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, tuple[float, frozenset[int], dict[int, Population]]] = {}

    async def of(self, address: str, accounts: Collection[int], rules: Rules, sender: Sender | None) -> dict[int, None]:
        """Those of a list's members here that the sender may write to; a functional box counts as staff.

        Raises Denied when the rules keep the sender from all of them, Temporary.
        """
        if sender is None or not shielded(rules, sender.population):
            return await at_leisure(len(accounts), _in_order, accounts)
        everybody = await at_leisure(len(accounts), frozenset[int], accounts)
        known = await self._populations(address, everybody)
        kept, left_out = await at_leisure(len(accounts), _parted, accounts, known, rules, sender)
        if left_out:
            log.info("list members left out by a rule", list=address, count=len(accounts) - len(kept))
        if left_out and not kept:
            raise sentences.may_not_write(sender.population, _named(left_out, rules, sender))
        return kept

    async def _populations(self, address: str, accounts: frozenset[int]) -> dict[int, Population]:
        now = self._clock.monotonic()
        known = self._known.get(address)
        if known is not None and known[0] >= now and known[1] == accounts:
            return known[2]
        found = await self._store.read(populations.of_accounts, accounts)
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[address] = now + BELIEVED_SECONDS, accounts, found
        return found


def _in_order(accounts: Iterable[int]) -> dict[int, None]:
    return dict.fromkeys(accounts)


def _parted(
    accounts: Iterable[int], known: Mapping[int, Population], rules: Rules, sender: Sender
) -> tuple[dict[int, None], set[Population | None]]:
    """Those whom the sender may write to, and the populations of the others."""
    kept: dict[int, None] = {}
    left_out: set[Population | None] = set()
    for account in accounts:
        population = known.get(account)
        if account == sender.account_id or (population and _allows(rules, sender, population)):
            kept[account] = None
        else:
            left_out.add(population)
    return kept, left_out


def _allows(rules: Rules, sender: Sender, population: Population) -> bool:
    """Reports answer what was sent, as in `mailserver.model.rules.check`."""
    answers = sender.is_report and rules.allows(population, Population.OUTSIDE)
    return answers or rules.allows(sender.population, population)


def shielded(rules: Rules, sender: Population) -> tuple[Population, ...]:
    """The populations here that a rule keeps a sender from."""
    return tuple(one for one in INSIDE if not rules.allows(sender, one))


def _named(left_out: Iterable[Population | None], rules: Rules, sender: Sender) -> Population:
    """One of the populations that are kept from the sender, for the sentence."""
    names = sorted(one for one in left_out if one is not None)
    return names[0] if names else shielded(rules, sender.population)[0]


__all__ = ["Reachable", "shielded"]
