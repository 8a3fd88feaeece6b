"""Who decided quiet hours: the academy, and which of its schools."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.model.account.quiet_hours import Hours
from mailserver.store.engine.statements import Tx
from mailserver.store.people import academy_hours, school_hours, schools


@dataclass(frozen=True, slots=True)
class SchoolDecision:
    """What a school decided."""

    uai: str
    name: str
    """Its UAI where it has none."""
    hours: Hours


@dataclass(frozen=True, slots=True)
class Decisions:
    """All there are."""

    academy: Hours | None
    """None: what the settings say holds."""
    schools: Sequence[SchoolDecision]
    """By UAI."""


def decisions(tx: Tx) -> Decisions:
    """On one snapshot."""
    found = school_hours.listing(tx)
    names = {one.uai: one.name for one in schools.listing(tx)} if found else {}
    decided = [SchoolDecision(uai, names.get(uai) or uai, hours) for uai, hours in found.items()]
    return Decisions(academy_hours.decided(tx), decided)
