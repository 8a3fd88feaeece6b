"""Decided steps in the words of the report: what becomes of whom, and what was there before."""

from collections.abc import Iterator, Sequence, Set
from datetime import datetime, tzinfo

from directory.imports.deciding import Step
from directory.imports.target import Detail, Outcome, Result
from directory.issuing import identifiers
from mailserver.model.errors import Refused
from mailserver.model.identity import Affiliation, Tie
from mailserver.store.people.bulk_people import Known

_PLAIN = (
    *("given_name", "surname", "address", "role", "uai", "discipline", "title", "hidden"),
    *("display_name", "common_names"),
)
"""Fields whose values are told. Of the others (keyed hashes, private addresses) only the name is."""


def result(step: Step, zone: tzinfo) -> Result:
    """The step in the words of the report, with days in a zone."""
    known = step.after or step.before
    record = step.candidate.record
    name = f"{record.given_name or ''} {record.surname or ''}"
    if known is not None and known.has_entry:
        name = f"{known.given_name} {known.surname}"
    return Result(
        record.line,
        step.outcome,
        known.account_id if known is not None else 0,
        known.login if known is not None else "",
        known.address if known is not None else "",
        name.strip(),
        step.reason,
        step.changed,
        _elder(known) if known is not None and step.outcome is Outcome.CREATED and not known.login_given else "",
        step.activates,
        record.file,
        details(step, zone) if step.changed else (),
    )


def details(step: Step, zone: tzinfo) -> tuple[Detail, ...]:
    """What is otherwise, as it was and as it is: the difference that somebody checks before it is applied."""
    before, after = step.before, step.after
    if before is None or after is None:
        return ()
    changed = set(step.changed)
    found = [Detail(name, str(getattr(before, name)), str(getattr(after, name))) for name in _PLAIN if name in changed]
    if "affiliations" in changed:
        found += _ties(before, after)
    if "close_at" in changed:
        found.append(Detail("close_at", _day(before.close_at, zone), _day(after.close_at, zone)))
    return tuple(found)


def _ties(before: Known, after: Known) -> Iterator[Detail]:
    """By kind, what is no more and what is new: as cells of `people.csv` spell it."""
    for kind in Tie:
        was = {
            (affiliation.uai, affiliation.code): affiliation
            for affiliation in before.affiliations
            if affiliation.kind is kind
        }
        now = {
            (affiliation.uai, affiliation.code): affiliation
            for affiliation in after.affiliations
            if affiliation.kind is kind
        }
        if was == now:
            continue
        gone = [tie for place, tie in was.items() if now.get(place) != tie]
        new = [tie for place, tie in now.items() if was.get(place) != tie]
        both = was.keys() & now.keys()
        own = before.uai if before.uai == after.uai else ""
        yield Detail(kind.value, _cell(gone, own, both), _cell(new, own, both))


def _cell(held: Sequence[Affiliation], own: str, both: Set[tuple[str, str]]) -> str:
    """Schools are told where they are not the person's own before and after, labels where it is they that change."""
    cells = []
    for tie in held:
        place = f"{tie.uai}:" if tie.uai not in ("", own) and tie.kind is not Tie.SCHOOL else ""
        label = f"={tie.label}" if tie.label and (tie.uai, tie.code) in both else ""
        cells.append(f"{place}{tie.code}{label}")
    return "|".join(cells)


def _day(seconds: int, zone: tzinfo) -> str:
    return datetime.fromtimestamp(seconds, zone).date().isoformat() if seconds else ""


def _elder(known: Known) -> str:
    """Whose identifier this would be without its number; empty when it has none."""
    try:
        base = identifiers.identifier(known.given_name, known.surname)
    except Refused:  # somebody who has an identifier from before, and now a name that gives none
        return ""
    return base if known.login != base else ""
