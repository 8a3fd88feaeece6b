"""A distribution list or functional box out of a backup: how it differs from today's, and made as it was when somebody
says so; or a new list beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from directory.lists import rosters
from directory.lists.rosters import ListChange, ListSettings, NewList
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Answers, Archive, ListKind, Writers
from mailserver.operations.partial_restore.whose import Owner, Run
from mailserver.store.account import accounts
from mailserver.store.engine.statements import Tx
from mailserver.store.people import people
from mailserver.store.people.mailing_lists import lists
from mailserver.store.record.audit import Origin
from mailserver.store.upkeep import returned_mail
from mailserver.texts.causes import Cause
from mailserver.texts.text import Text


@dataclass(frozen=True, slots=True)
class Roster:
    """Everything that somebody decided about a list."""

    kind: ListKind
    name: str
    query: str
    writers: str
    moderated: bool
    hidden_members: bool
    uai: str
    answers: str
    ends: int
    may_leave: bool
    as_list: bool
    max_size: int
    max_hourly: int
    archive: Archive
    digest: bool
    owners: tuple[str, ...]
    named: tuple[str, ...]
    members: tuple[str, ...]
    holders: Mapping[str, str]


_SETTINGS = tuple(one.name for one in fields(Roster) if one.name not in ("kind", "members", "holders"))


@dataclass(slots=True)
class ListReport:
    """How the list of the backup differs from today's, or what was made of it."""

    address: str
    exists: bool
    """There is one of this address today."""
    settings: dict[str, tuple[object, object]] = field(default_factory=dict)
    """What differs: now, then."""
    added: list[str] = field(default_factory=list)
    """Members then, not now."""
    removed: list[str] = field(default_factory=list)
    """Members now, not then."""
    nobody: list[str] = field(default_factory=list)
    """Of the backup, addresses that lead to nobody today: they are left out."""
    applied: bool = False

    @property
    def differs(self) -> bool:
        """Whether there is anything to do."""
        return not self.exists or bool(self.settings or self.added or self.removed)


def read(tx: Tx, address: str) -> Roster | None:
    """A list as it stands in a database."""
    entry = lists.get(tx, address)
    if entry is None:
        return None
    return Roster(
        entry.kind,
        entry.name,
        entry.query,
        entry.writers.value,
        entry.moderated,
        entry.hidden_members,
        entry.uai,
        entry.answers.value,
        entry.ends,
        entry.may_leave,
        entry.as_list,
        entry.max_size,
        entry.max_hourly,
        entry.archive,
        entry.digest,
        lists.owners(tx, entry),
        lists.named_writers(tx, entry.address),
        lists.members(tx, entry.address),
        dict(lists.holders(tx, entry.address)),
    )


def restore_list(
    run: Run, list_settings: ListSettings, address: str, *, beside: str = "", apply: bool = False
) -> ListReport:
    """Compare, and with `apply` make it as it was; `beside`: under another address. Raises Refused, Temporary."""
    then = run.backup.store.read_now(read, address)
    if then is None:
        raise Refused(Reason.NOT_FOUND, Cause("restore-no-list", address=address))
    target = list_settings.fold(beside or address)
    if not apply:
        return run.store.read_now(_compare, list_settings, then, target)
    run.record_begun(0, Cause("restored-list", address=address))
    report = run.store.write_now(_apply, list_settings, then, target, run.origin)
    run.record_ended(0, len(report.added) + len(report.removed) + len(report.settings), target)
    _tell_owners(run, then, report)
    return report


def _compare(tx: Tx, list_settings: ListSettings, then: Roster, address: str) -> ListReport:
    now = read(tx, address)
    report = ListReport(address, now is not None)
    known = _known(tx, list_settings, then)
    report.nobody = sorted({*then.members, *then.owners, *then.named} - known)
    kept = [member for member in then.members if member in known]
    if now is None:
        report.added = kept
        return report
    if now.kind is not then.kind:
        raise Refused(Reason.CONFLICT, Cause("restore-other-kind", address=address))
    report.added = sorted(set(kept) - set(now.members))
    report.removed = sorted(set(now.members) - set(kept))
    for name in _SETTINGS:
        was, is_now = getattr(then, name), getattr(now, name)
        if name in ("owners", "named"):
            was = tuple(one for one in was if one in known)
        if was != is_now:
            report.settings[name] = (is_now, was)
    held = {member: words for member, words in then.holders.items() if member in known}
    if held != now.holders:
        report.settings["holders"] = (dict(now.holders), held)
    return report


def _known(tx: Tx, list_settings: ListSettings, then: Roster) -> set[str]:
    """Its people and lists that lead somewhere today; members of a functional box are people of this house."""
    named = tuple(dict.fromkeys((*then.members, *then.owners, *then.named)))
    found = set(named) - set(rosters.unknown(tx, list_settings, named))
    if then.kind is ListKind.FUNCTION:
        found -= set(then.members) - people.logins(tx, then.members).keys()
    return found


def _apply(tx: Tx, list_settings: ListSettings, then: Roster, address: str, origin: Origin) -> ListReport:
    """Raises Refused(CONFLICT | LIMIT | INVALID)."""
    report = _compare(tx, list_settings, then, address)
    gone = set(report.nobody)
    owners = tuple(one for one in then.owners if one not in gone)
    named = tuple(one for one in then.named if one not in gone)
    if not report.exists:
        rosters.make(tx, list_settings, _new(then, address, owners, tuple(report.added), named), origin)
        if limits := _limits(then):
            rosters.change(tx, list_settings, address, ListChange(**limits), origin)
    elif report.differs:
        _change(tx, list_settings, then, address, ListChange(owners=owners, named=named), origin)
        if report.added or report.removed:
            rosters.edit_checked(tx, list_settings, address, report.added, report.removed, origin)
    if then.kind is ListKind.FUNCTION:
        held = {member: words.split() for member, words in then.holders.items() if member not in gone}
        if held:
            rosters.hold(tx, list_settings, address, held, (), origin)
    report.applied = True
    return report


def _new(
    then: Roster, address: str, owners: tuple[str, ...], members: tuple[str, ...], named: tuple[str, ...]
) -> NewList:
    return NewList(
        address=address,
        name=then.name,
        owners=owners,
        members=members,
        query=then.query,
        writers=Writers(then.writers),
        named=named,
        moderated=then.moderated,
        hidden_members=then.hidden_members,
        uai=then.uai,
        kind=then.kind,
        answers=Answers(then.answers),
        ends=then.ends,
    )


def _change(
    tx: Tx, list_settings: ListSettings, then: Roster, address: str, people_of: ListChange, origin: Origin
) -> None:
    rosters.change(
        tx,
        list_settings,
        address,
        ListChange(
            name=then.name,
            query=then.query if then.kind is ListKind.LIVING else None,
            writers=Writers(then.writers),
            moderated=then.moderated,
            hidden_members=then.hidden_members,
            owners=people_of.owners,
            named=people_of.named,
            uai=then.uai,
            answers=Answers(then.answers),
            ends=then.ends,
            **_limits(then),
        ),
        origin,
    )


def _limits(then: Roster) -> dict[str, Any]:
    """A functional box has none, and nobody leaves a living list."""
    if then.kind is ListKind.FUNCTION:
        return {}
    limits = {
        "as_list": then.as_list,
        "max_size": then.max_size,
        "max_hourly": then.max_hourly,
        "archive": then.archive,
        "digest": then.digest,
    }
    return {**limits, "may_leave": then.may_leave} if then.kind is ListKind.MANUAL else limits


def _tell_owners(run: Run, then: Roster, report: ListReport) -> None:
    """Those of this house, in their mailboxes."""
    what = Text("la liste {address}, telle qu'elle était", address=report.address)
    logins = run.store.read_now(people.logins, list(then.owners))
    for login in dict.fromkeys(logins.values()):
        standing = run.store.read_now(accounts.by_login, login)
        if standing is not None and not standing.erased:
            notice = run.notice(Owner(standing.id, login), f"list\0{report.address}", what, beside=False)
            run.store.write_now(returned_mail.tell, standing.id, notice)
