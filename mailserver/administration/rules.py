"""Changes of the rules between populations that are more than one row."""

from collections.abc import Collection
from itertools import product

from mailserver.model.identity import Population
from mailserver.store.account import rules
from mailserver.store.engine.statements import Tx
from mailserver.store.queue import spool
from mailserver.store.record.audit import Origin

Pair = tuple[Population, Population]


def set_table(tx: Tx, origin: Origin, denied: Collection[Pair]) -> None:
    """Forbid these pairs and no others; what moved is put on record pair by pair."""
    before = rules.table(tx).denied
    for pair in product(Population, Population):
        if (pair in denied) != (pair in before):
            rules.forbid(tx, origin, *pair, denied=pair in denied)


def release(tx: Tx, origin: Origin, population: Population) -> tuple[bool, int]:
    """Let a population send again: whether its brake was on, and how many messages that it held leave now."""
    was_on = rules.release(tx, origin, population)
    return was_on, spool.release(tx, population)
