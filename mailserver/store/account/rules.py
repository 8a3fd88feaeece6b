"""What is forbidden between populations, and whose brake is on. Every change is audited and told to all workers."""

from collections.abc import Iterable

from sqlalchemy import BigInteger, bindparam, delete, func, insert, select

from mailserver.model.identity import Population
from mailserver.model.rules import Brake, Rules
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.account.rules import population_brake, population_rule
from mailserver.texts.causes import Cause

NEWS = -3
"""The "mailbox" whose news say that a rule has moved (`changes.subscribe("mailbox", NEWS, …)`)."""
NOBODY = -1
"""The account of those news."""
DENY = "deny"
MAX_REASON = 300

_LOCK_KEY = 0x72756C65
_LOCK = Statement(select(func.pg_advisory_xact_lock(bindparam("key", type_=BigInteger))))
_DENIED = Statement(
    select(population_rule.c.sender, population_rule.c.recipient).where(population_rule.c.verdict == DENY)
)
_BRAKES = Statement(
    select(
        population_brake.c.population,
        population_brake.c.since,
        population_brake.c.until,
        population_brake.c.actor,
        population_brake.c.reason,
    ).order_by(population_brake.c.population)
)


def load(tx: Tx) -> Rules:
    """Everything that is forbidden now. A brake whose time is over is left out."""
    denied = frozenset((Population(sender), Population(other)) for sender, other in tx.all(_DENIED))
    return Rules(denied, {brake.population: brake for brake in brakes(tx)})


def table(tx: Tx) -> Rules:
    """The table of populations alone."""
    return Rules(frozenset((Population(sender), Population(other)) for sender, other in tx.all(_DENIED)))


def brakes(tx: Tx) -> list[Brake]:
    """The brakes that are on."""
    found = [Brake(Population(row[0]), *row[1:]) for row in tx.all(_BRAKES)]
    return [brake for brake in found if brake.holds(tx.now)]


def forbid(tx: Tx, origin: Origin, sender: Population, recipient: Population, *, denied: bool) -> None:
    """Forbid or allow a population to write to another."""
    _lock(tx)
    tx.execute(
        delete(population_rule).where(
            population_rule.c.sender == sender.value, population_rule.c.recipient == recipient.value
        )
    )
    if denied:
        tx.execute(insert(population_rule).values(sender=sender.value, recipient=recipient.value, verdict=DENY))
    verdict = "deny" if denied else "allow"
    audit.record(
        tx,
        origin,
        Action.RULE_CHANGED,
        0,
        Cause("rule", sender=(sender.value,), recipient=(recipient.value,), verdict=(verdict,)),
    )
    tx.changed(NOBODY, NEWS)


def set_table(tx: Tx, origin: Origin, name: str, denied: Iterable[tuple[Population, Population]]) -> None:
    """Replace the whole table; `name` is what the audit calls it."""
    _lock(tx)
    tx.execute(delete(population_rule))
    rows = [{"sender": sender.value, "recipient": other.value, "verdict": DENY} for sender, other in sorted(denied)]
    if rows:
        tx.execute(insert(population_rule), rows)
    audit.record(tx, origin, Action.RULE_CHANGED, 0, Cause("rule-preset", name=name))
    tx.changed(NOBODY, NEWS)


def brake(tx: Tx, origin: Origin, population: Population, until: int, reason: str) -> None:
    """Stop a population's sending; a brake that is on already gets the new end and reason."""
    _forget(tx, population)
    tx.execute(
        insert(population_brake).values(
            population=population.value,
            since=tx.now,
            until=until,
            actor=origin.actor,
            reason=reason[:MAX_REASON],
        )
    )
    name = "rule-braked" if until else "rule-braked-open"
    audit.record(tx, origin, Action.BRAKED, 0, Cause(name, sender=(population.value,), end=until, reason=reason))
    tx.changed(NOBODY, NEWS)


def release(tx: Tx, origin: Origin, population: Population) -> bool:
    """Let a population send again; False when its brake was not on. What waits in the queue: `spool.release`."""
    was_on = any(braked.population is population for braked in brakes(tx))
    _forget(tx, population)
    if was_on:
        audit.record(tx, origin, Action.RELEASED, 0, Cause("population", population=(population.value,)))
    tx.changed(NOBODY, NEWS)
    return was_on


def _lock(tx: Tx) -> None:
    """Whoever changes the table does so after another: of two presets at once the rows of both would be left."""
    if tx.dialect == "postgresql":
        tx.one(_LOCK, key=_LOCK_KEY)


def _forget(tx: Tx, population: Population) -> None:
    tx.execute(delete(population_brake).where(population_brake.c.population == population.value))
