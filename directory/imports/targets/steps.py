"""What every target does with decided steps in the store: numbers, claims, the record of the run, the audit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from directory.imports import facts
from directory.imports.deciding import Step
from directory.imports.target import Outcome
from directory.issuing import enrolment
from mailserver.store.account import accounts
from mailserver.store.engine.statements import Tx
from mailserver.store.people import bulk_people, claims
from mailserver.store.people.bulk_people import ACCOUNT_FIELDS, ENTRY_FIELDS, Known
from mailserver.store.people.imports import Change
from mailserver.store.record.audit import Action
from mailserver.texts.causes import NOTHING, Cause

_ACCOUNT = frozenset(ACCOUNT_FIELDS)
_ENTRY = frozenset(ENTRY_FIELDS)


def numbered(tx: Tx, steps: Sequence[Step]) -> list[Step]:
    """The same steps; new people have their account's number."""
    new = [step for step in steps if step.outcome is Outcome.CREATED and step.before is None]
    numbers = iter(bulk_people.reserve(tx, len(new)) if new else ())
    return [
        replace(step, after=step.after._replace(account_id=next(numbers)))
        if step.outcome is Outcome.CREATED and step.before is None and step.after is not None
        else step
        for step in steps
    ]


def names_of(known: Known) -> list[str]:
    """Everything that leads to a person."""
    return list(dict.fromkeys((known.login, known.address, *known.aliases.split())))


def claim(tx: Tx, wanted: Mapping[str, int]) -> None:
    """Names of people who are known: taken, or led to them again."""
    held = claims.taken(tx, wanted)
    claims.take_many(tx, [(name, owner) for name, owner in wanted.items() if name not in held])
    claims.set_live(tx, [name for name in wanted if name in held], live=True)


def counts(done: Sequence[Step]) -> dict[str, int]:
    """How many records did what."""
    found: dict[str, int] = {"activated": sum(step.activates for step in done)}
    for step in done:
        found[step.outcome.value] = found.get(step.outcome.value, 0) + 1
    return found


def account_values(step: Step) -> dict[str, Any]:
    """Columns of the account that a step sets."""
    after = step.after
    if after is None:
        return {}
    values = {name: getattr(after, name) for name in _ACCOUNT.intersection(step.changed)}
    if "close_at" in values:
        values["close_notice"] = 0
    return values


def entry_values(step: Step) -> dict[str, Any]:
    """Columns of the entry that a step sets; of names that are searched together both, where one of them changes."""
    after, names = step.after, set(step.changed)
    if after is None:
        return {}
    if not names.isdisjoint(("given_name", "surname")):
        names |= {"given_name", "surname"}
    if not names.isdisjoint(("display_name", "common_names")):
        names |= {"display_name", "common_names"}
    return {name: getattr(after, name) for name in names & _ENTRY}


def record(step: Step) -> Change:
    """The step as it is kept, to be taken back."""
    after = step.after
    if after is None:
        raise RuntimeError("a step that changes nothing is not recorded")
    line, outcome = step.candidate.record.line, step.outcome.value
    if step.outcome is Outcome.CREATED:
        return Change(0, line, outcome, after.account_id, "", facts.seal(after))
    before = step.before or after
    return Change(0, line, outcome, after.account_id, facts.dump(before, step.changed), facts.dump(after, step.changed))


def audit_rows(step: Step) -> list[tuple[Action, int, Cause]]:
    """What the audit says of it."""
    after = step.after
    if after is None:
        return []
    account_id = after.account_id
    if step.outcome is Outcome.CREATED:
        return [(Action.CREATED, account_id, Cause("population", population=(after.role,)))]
    if step.outcome is Outcome.LEAVING:
        planned = Cause("planned", end=after.close_at, reason=accounts.read_reason(after.close_reason))
        return [(Action.CLOSING_PLANNED, account_id, planned)]
    rows: list[tuple[Action, int, Cause]] = []
    if "close_at" in step.changed:
        rows.append((Action.CLOSING_CANCELLED, account_id, Cause("named-again")))
    told = tuple(sorted(set(step.changed) - {"close_at", "close_reason"}))
    if told:
        before = step.before or after
        said = [Cause("fields", fields=told), *enrolment.said_of_change(before._asdict(), after._asdict())]
        rows += [(Action.CHANGED, account_id, one) for one in said]
    if step.activates:
        rows.append((Action.ACTIVATED, account_id, NOTHING))
    return rows
