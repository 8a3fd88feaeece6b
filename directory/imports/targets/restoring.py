"""Taking a run back, change by change, newest first: what nobody touched since is as it was before.

An arrival that nobody ever used goes from the directory; its account is closed and keeps its names for the same
person, should the export name them again: then they get their own identifier and address back. One who has
come in, or has mail, is closed as anybody else would be. Whoever was changed since is left and reported.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from directory.imports import facts
from directory.imports.target import Left, Outcome
from directory.imports.targets import places
from directory.issuing import enrolment
from mailserver.model.identity import Affiliation, State, Tie
from mailserver.store.account import accounts
from mailserver.store.account.accounts import Farewell
from mailserver.store.engine.statements import Tx
from mailserver.store.people import bulk_people, claims, imports, removals, schools, vocabulary_entries
from mailserver.store.people.bulk_people import ACCOUNT_FIELDS, ENTRY_FIELDS, Known
from mailserver.store.people.imports import Change, Fate
from mailserver.store.people.schools import Facts
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.texts.causes import Cause


@dataclass(frozen=True, slots=True)
class Ending:
    """How long those who are closed answer their mail, and when they are erased. Seconds."""

    reply: int
    grace: int


@dataclass(slots=True)
class Undoing:
    """One unit's work."""

    tx: Tx
    run_id: int
    now: dict[int, Known]
    """People as they are, and as they become."""
    fates: dict[int, Fate] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)
    of_account: dict[int, dict[str, Any]] = field(default_factory=dict)
    of_entry: dict[int, dict[str, Any]] = field(default_factory=dict)
    held: dict[int, tuple[Affiliation, ...]] = field(default_factory=dict)
    withdrawn: list[int] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
    names_gone: list[str] = field(default_factory=list)
    readdressed: list[tuple[list[str], str]] = field(default_factory=list)
    """Addresses of somebody that lead nowhere any more, and the one that does."""
    events: list[tuple[Action, int, Cause]] = field(default_factory=list)

    def leave(self, change: Change, who: str, reason: Cause) -> None:
        self.fates[change.seq] = Fate.LEFT
        self.left.append(Left(who, reason))

    # ------------------------------------------------------------------ people

    def person(self, change: Change) -> None:
        known = self.now.get(change.account_id)
        if known is None or not known.has_entry:
            self.leave(change, known.login if known else f"account {change.account_id}", Cause("gone"))
        elif change.outcome == Outcome.CREATED.value:
            self._arrival(change, known)
        else:
            self._change(change, known)

    def _arrival(self, change: Change, known: Known) -> None:
        if facts.seal(known) != change.after:
            self.leave(change, known.login, Cause("changed-since"))
            return
        if known.state not in (State.PENDING.value, State.ACTIVE.value):
            self.leave(
                change,
                known.login,
                Cause("suspended-since" if known.state == State.SUSPENDED.value else "closed-since"),
            )
            return
        if known.activated or known.provisioned:
            self.closed.append(known.account_id)
        else:
            self.withdrawn.append(known.account_id)
            self.names_gone += [known.login, known.address, *known.aliases.split()]
            self.now[known.account_id] = known._replace(has_entry=False)
        self.fates[change.seq] = Fate.TAKEN_BACK
        self.events.append((Action.IMPORT_UNDONE, known.account_id, Cause("import-closed", run=self.run_id)))

    def _change(self, change: Change, known: Known) -> None:
        before, after = facts.load(change.before), facts.load(change.after)
        if known.is_closed:
            self.leave(change, known.login, Cause("closed-since"))
            return
        other = sorted(name for name, value in after.items() if getattr(known, name) != value)
        if other or not after:
            why = Cause("fields-changed-since", fields=tuple(other)) if other else Cause("activated-since")
            self.leave(change, known.login, why)
            return
        self._back(known, before)
        self.fates[change.seq] = Fate.TAKEN_BACK
        self.events.append(
            (
                Action.IMPORT_UNDONE,
                known.account_id,
                Cause("import-undone", run=self.run_id, counts=tuple(sorted(before))),
            )
        )
        was = known._asdict()
        said = enrolment.said_of_change(was, {**was, **before})
        self.events += [(Action.IMPORT_UNDONE, known.account_id, one) for one in said]

    def _back(self, known: Known, before: dict[str, Any]) -> None:
        account_id = known.account_id
        was = self.now[account_id] = known._replace(**before)
        if "affiliations" in before:
            self.held[account_id] = was.affiliations
        if "address" in before:
            gone = sorted({known.address, *known.aliases.split()} - {was.address, *was.aliases.split()})
            self.names_gone += gone
            self.readdressed.append((gone, was.address))
        names = set(before)
        if not names.isdisjoint(("given_name", "surname")):
            names |= {"given_name", "surname"}
        if not names.isdisjoint(("display_name", "common_names")):
            names |= {"display_name", "common_names"}
        of_account = {name: getattr(was, name) for name in names.intersection(ACCOUNT_FIELDS)}
        if "close_at" in of_account:
            of_account["close_notice"] = 0
        if of_account:
            self.of_account.setdefault(account_id, {}).update(of_account)
        of_entry = {name: getattr(was, name) for name in names.intersection(ENTRY_FIELDS)}
        if of_entry:
            self.of_entry.setdefault(account_id, {}).update(of_entry)

    def write_entries(self) -> None:
        """What was decided about entries."""
        gone = set(self.withdrawn)
        entries = {account_id: values for account_id, values in self.of_entry.items() if account_id not in gone}
        held = {account_id: ties for account_id, ties in self.held.items() if account_id not in gone}
        if entries:
            bulk_people.set_entries(self.tx, entries)
        if held:
            bulk_people.set_ties(self.tx, held)
        if self.withdrawn:
            bulk_people.remove_entries(self.tx, self.withdrawn)

    def write_accounts(self, ending: Ending) -> None:
        """What was decided about accounts and names."""
        tx, reason = self.tx, Cause("import-taken-back", run=self.run_id)
        if self.of_account:
            bulk_people.set_accounts(tx, self.of_account)
        if self.withdrawn:
            bulk_people.withdraw(tx, self.withdrawn, reason, tx.now + ending.grace)
        for account_id in self.closed:
            accounts.close(tx, account_id, reason, Farewell(tx.now + ending.reply, tx.now + ending.grace))
        if self.names_gone:
            claims.set_live(tx, self.names_gone, live=False)
        for gone, address in self.readdressed:
            removals.readdress(tx, gone, address)

    # ------------------------------------------------------------------ places

    def school(self, change: Change) -> None:
        after = Facts(**json.loads(change.after))
        known = schools.get(self.tx, after.uai)
        if known is None or known.facts != after:
            self.leave(change, after.uai, Cause("changed-since"))
        elif change.before:
            schools.upsert(self.tx, [Facts(**json.loads(change.before))])
            self.fates[change.seq] = Fate.TAKEN_BACK
        elif bulk_people.remove_school(self.tx, after.uai):
            self.fates[change.seq] = Fate.TAKEN_BACK
        else:
            self.leave(change, after.uai, Cause("has-people"))

    def term(self, change: Change) -> None:
        after = json.loads(change.after)
        kind, uai, code = Tie(after["kind"]), after["uai"], after["code"]
        known = vocabulary_entries.get(self.tx, kind, uai, code)
        told = f"{kind.value} {uai}:{code}" if uai else f"{kind.value} {code}"
        if known is None or known.label != after["label"]:
            self.leave(change, told, Cause("changed-since"))
        elif change.before:
            vocabulary_entries.rename(self.tx, kind, uai, code, json.loads(change.before)["label"])
            self.fates[change.seq] = Fate.TAKEN_BACK
        elif bulk_people.remove_term(self.tx, kind, uai, code):
            self.fates[change.seq] = Fate.TAKEN_BACK
        else:
            self.leave(change, told, Cause("has-people"))


def take_back(tx: Tx, run_id: int, limit: int, origin: Origin, ending: Ending) -> tuple[int, list[Left]]:
    """Take back the run's last changes that stand; how many were looked at, and those that were left."""
    claims.lock(tx)
    standing = imports.standing(tx, run_id, limit)
    if not standing:
        return 0, []
    work = Undoing(tx, run_id, _people(tx, standing))
    for change in standing:
        if change.account_id:
            work.person(change)
    work.write_entries()
    work.write_accounts(ending)
    for change in standing:
        if change.outcome == places.SCHOOL:
            work.school(change)
        elif change.outcome == places.TERM:
            work.term(change)
    imports.decide(tx, run_id, work.fates)
    audit.record_many(tx, origin, work.events)
    return len(standing), work.left


def _people(tx: Tx, standing: Sequence[Change]) -> dict[int, Known]:
    ids = {change.account_id for change in standing if change.account_id}
    found = bulk_people.by_ids(tx, ids) if ids else {}
    held = bulk_people.ties(tx, ids) if ids else {}
    return {account_id: known._replace(affiliations=held.get(account_id, ())) for account_id, known in found.items()}
