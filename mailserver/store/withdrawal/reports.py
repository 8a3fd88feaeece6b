"""What people report as phishing: a row a person and message, in campaigns, with what IT decided and who was told.

A report tells how the message came in, from the columns of the appearance that its reporter has; what somebody put into
a mailbox is no report. A campaign has one origin (`mailserver.model.messages.likeness`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, delete, func, or_, select, update

from mailserver.model.clock import DAY
from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.likeness import Facts, Likeness, Proof
from mailserver.model.messages.provenance import Provenance
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.mail.messages import mailbox, message
from mailserver.store.schema.mail.withdrawal import phishing_report, withdrawal
from mailserver.store.withdrawal import finding
from mailserver.texts.causes import Cause

MAX_A_DAY = 100
"""Reports of one person."""
KEPT_DAYS = 365
SWEPT = 500
REPORTERS = 200
"""Reports of a campaign that are shown one by one."""
VARIANTS = 20
"""Different messages of a campaign that are shown."""
MATCHED = 5000
"""Reports that one act is compared with."""


class State(StrEnum):
    """What IT says of a report."""

    NEW = "new"
    WITHDRAWN = "withdrawn"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class Report:
    """One person's report of one message."""

    id: int
    at: int
    account_id: int
    content_id: int
    campaign: bytes
    likeness: Likeness
    """With what our own doors found out of the appearance that was reported."""
    state: State
    decided: int


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the different messages of a campaign."""

    newest: Report
    count: int
    """Reports of it."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """Reports of what looks like one act of somebody."""

    key: bytes
    count: int
    people: int
    first: int
    last: int
    new: int
    """Reports that nobody has decided about."""
    newest: Report


_TODAY = Statement(
    select(func.count()).where(
        phishing_report.c.account_id == bindparam("account"), phishing_report.c.at > bindparam("since")
    )
)
_COLUMNS = (
    *(phishing_report.c.id, phishing_report.c.at, phishing_report.c.account_id, phishing_report.c.content_id),
    *(phishing_report.c.campaign, phishing_report.c.door, phishing_report.c.door_account),
    phishing_report.c.authentication,
    *(phishing_report.c.body_hash, phishing_report.c.body_size, phishing_report.c.message_id),
    *(phishing_report.c.sender, phishing_report.c.subject, phishing_report.c.state, phishing_report.c.decided),
)
_ALL = select(*_COLUMNS)
_IS_NEW = phishing_report.c.state == State.NEW.value
_IS_WITHDRAWN = phishing_report.c.state == State.WITHDRAWN.value


def file(tx: Tx, account_id: int, content_id: int, likeness: Likeness) -> bool:
    """Somebody reports a message that they have; False: they did so already.

    It waits for IT, though the same was taken back before: this one is still there. Raises Refused(NOT_FOUND | CANNOT |
    LIMIT).
    """
    if not finding.holds(tx, account_id, content_id):
        raise Refused(Reason.NOT_FOUND, "No such message")
    came = likeness.came
    if likeness.sent_by.proof is Proof.NOTHING:
        raise Refused(Reason.CANNOT, "No door of ours brought this message in")
    row = tx.one(_TODAY, account=account_id, since=tx.now - DAY)
    if row is not None and row[0] >= MAX_A_DAY:
        raise Refused(Reason.LIMIT, "You have reported as many messages as you may today")
    facts = likeness.facts
    values = {
        "at": tx.now,
        "account_id": account_id,
        "content_id": content_id,
        "campaign": likeness.group,
        "door": int(came.door),
        "door_account": came.account_id,
        "authentication": came.results.packed,
        "body_hash": likeness.body_hash,
        "body_size": facts.body_size,
        "message_id": facts.message_id,
        "sender": facts.sender,
        "subject": facts.subject,
        "state": State.NEW.value,
    }
    return tx.insert_ignore(phishing_report, values) > 0


def take_back(tx: Tx, account_id: int, content_id: int) -> bool:
    """Somebody reported a message by mistake; False when it was decided about already, or never reported."""
    mine = and_(phishing_report.c.account_id == account_id, phishing_report.c.content_id == content_id)
    return tx.execute(delete(phishing_report).where(mine, _IS_NEW)).rowcount > 0


# ---------------------------------------------------------------------- for IT


_COUNTS = (
    func.count().label("reports"),
    func.count(phishing_report.c.account_id.distinct()).label("people"),
    func.min(phishing_report.c.at).label("first"),
    func.max(phishing_report.c.at).label("last"),
    func.sum(case((_IS_NEW, 1), else_=0)).label("undecided"),
)


def campaigns(tx: Tx, *, decided: bool, before: int = 0, limit: int = 50) -> list[Campaign]:
    """Campaigns by their newest report, the newest first: those with something to decide, or the others.

    `before`: only those whose newest report is older than this one, by its id.
    """
    new, newest = func.sum(case((_IS_NEW, 1), else_=0)), func.max(phishing_report.c.id)
    wanted = (
        select(phishing_report.c.campaign, newest.label("newest"), *_COUNTS)
        .group_by(phishing_report.c.campaign)
        .having(new == 0 if decided else new > 0)
        .order_by(newest.desc())
        .limit(limit)
    )
    found = tx.execute(wanted.having(newest < before) if before else wanted).all()
    heads = _by_id(tx, [row.newest for row in found])
    return [_campaign(row.campaign, row, heads[row.newest]) for row in found]


def key(text: str) -> bytes:
    """A campaign as an address spells it. Raises Refused(NOT_FOUND)."""
    try:
        return bytes.fromhex(text[:64])
    except ValueError:
        raise Refused(Reason.NOT_FOUND, "No such reports") from None


def campaign(tx: Tx, named: bytes) -> tuple[Campaign, list[Report]]:
    """One of them, and its newest reports. Raises Refused(NOT_FOUND)."""
    here = phishing_report.c.campaign == named
    newest = _ALL.where(here).order_by(phishing_report.c.id.desc()).limit(REPORTERS)
    found = [_report(tuple(row)) for row in tx.execute(newest)]
    if not found:
        raise Refused(Reason.NOT_FOUND, "No such reports")
    return _campaign(named, tx.execute(select(*_COUNTS).where(here)).one(), found[0]), found


def _campaign(named: bytes, counts: Any, newest: Report) -> Campaign:
    return Campaign(bytes(named), counts.reports, counts.people, counts.first, counts.last, counts.undecided, newest)


def waiting(tx: Tx) -> int:
    """Reports that nobody has decided about."""
    return int(tx.execute(select(func.count()).select_from(phishing_report).where(_IS_NEW)).scalar_one())


def dismiss(tx: Tx, origin: Origin, named: bytes) -> int:
    """Nothing is wrong with a campaign; how many reports that decides."""
    count = _decide(tx, phishing_report.c.campaign == named, State.DISMISSED)
    if count:
        sender = campaign(tx, named)[0].newest.likeness.facts.sender
        detail = Cause("phishing-reports", address=sender, count=count, verdict=("dismissed",))
        audit.record(tx, origin, Action.REPORTS_DECIDED, 0, detail)
    return count


def get(tx: Tx, named: bytes, number: int) -> Report:
    """One report of a campaign. Raises Refused(NOT_FOUND)."""
    row = tx.execute(_ALL.where(phishing_report.c.id == number, phishing_report.c.campaign == named)).one_or_none()
    if row is None:
        raise Refused(Reason.NOT_FOUND, "No such reports")
    return _report(tuple(row))


def variants(tx: Tx, named: bytes) -> list[Variant]:
    """The different messages of a campaign, the newest first."""
    newest = _ALL.where(phishing_report.c.campaign == named).order_by(phishing_report.c.id.desc()).limit(MATCHED)
    found: list[Variant] = []
    for row in tx.execute(newest):
        one = _report(tuple(row))
        for place, other in enumerate(found):
            if replace(other.newest.likeness, alike=False).means(one.likeness):
                found[place] = replace(other, count=other.count + 1)
                break
        else:
            if len(found) < VARIANTS:
                found.append(Variant(one, 1))
    return found


def withdrawn(tx: Tx, number: int, likeness: Likeness) -> int:
    """Reports of what an act takes back were right; how many that decides. Others of the campaign wait."""
    facts = likeness.facts
    near = or_(
        phishing_report.c.campaign == likeness.group,
        phishing_report.c.body_hash == likeness.body_hash,
        and_(phishing_report.c.message_id == facts.message_id, phishing_report.c.message_id != ""),
    )
    waiting = [_report(tuple(row)) for row in tx.execute(_ALL.where(near, _IS_NEW).limit(MATCHED))]
    meant = [one.id for one in waiting if likeness.means(one.likeness)]
    values = {"state": State.WITHDRAWN.value, "decided": tx.now, "withdrawal_id": number}
    for start in range(0, len(meant), SWEPT):
        some = phishing_report.c.id.in_(meant[start : start + SWEPT])
        tx.execute(update(phishing_report).where(some, _IS_NEW).values(values))
    return len(meant)


def reopen(tx: Tx, number: int) -> int:
    """What an act left with its reporter is still to be decided; how many reports."""
    here = (
        select(message.c.uid)
        .join_from(message, mailbox, mailbox.c.id == message.c.mailbox_id)
        .where(
            message.c.content_id == phishing_report.c.content_id, mailbox.c.account_id == phishing_report.c.account_id
        )
        .correlate(phishing_report)
        .exists()
    )
    mine = and_(phishing_report.c.withdrawal_id == number, phishing_report.c.told == 0, _IS_WITHDRAWN, here)
    values = {"state": State.NEW.value, "decided": 0, "withdrawal_id": 0}
    return tx.execute(update(phishing_report).where(mine).values(values)).rowcount


def mistaken(tx: Tx, number: int) -> None:
    """An act is undone: whoever reported what it took was wrong after all. Nobody is told twice."""
    here = and_(phishing_report.c.withdrawal_id == number, _IS_WITHDRAWN)
    tx.execute(update(phishing_report).where(here).values(state=State.DISMISSED.value, decided=tx.now))


def _decide(tx: Tx, which: ColumnElement[bool], state: State) -> int:
    clause = update(phishing_report).where(which, _IS_NEW).values(state=state.value, decided=tx.now)
    return tx.execute(clause).rowcount


# ---------------------------------------------------------------------- who is told


def untold(tx: Tx, limit: int = 50) -> list[Report]:
    """Reports that were decided about, whose reporters do not know; of what is taken back once it is gone."""
    gone = select(withdrawal.c.id).where(withdrawal.c.swept > 0)
    over = or_(phishing_report.c.state == State.DISMISSED.value, phishing_report.c.withdrawal_id.in_(gone))
    wanted = _ALL.where(phishing_report.c.told == 0, ~_IS_NEW, over).order_by(phishing_report.c.id).limit(limit)
    return [_report(tuple(row)) for row in tx.execute(wanted)]


def tell(tx: Tx, one: Report) -> bool:
    """The reporter knows now of this and what else they reported of the campaign; False when they did already, or it
    was decided otherwise meanwhile."""
    here = and_(
        phishing_report.c.account_id == one.account_id,
        phishing_report.c.campaign == one.campaign,
        phishing_report.c.state == one.state.value,
        phishing_report.c.told == 0,
    )
    return tx.execute(update(phishing_report).where(here).values(told=1)).rowcount > 0


def forget(tx: Tx) -> int:
    """Forget old reports; how many."""
    old = select(phishing_report.c.id).where(phishing_report.c.at <= tx.now - KEPT_DAYS * DAY)
    some = old.order_by(phishing_report.c.at).limit(SWEPT)
    return tx.execute(delete(phishing_report).where(phishing_report.c.id.in_(some))).rowcount


def _by_id(tx: Tx, numbers: Sequence[int]) -> dict[int, Report]:
    found = [_report(tuple(row)) for row in tx.execute(_ALL.where(phishing_report.c.id.in_(numbers)))]
    return {one.id: one for one in found}


def _report(row: Row) -> Report:
    number, at, account_id, content_id, group, door, door_account, results, digest, size, *said, state, decided = row
    came = Provenance.stored(door, door_account, 0, results)
    message_id, sender, subject = said
    likeness = Likeness(Facts(message_id, sender, subject, size), bytes(digest), True, came)
    return Report(number, at, account_id, content_id, bytes(group), likeness, State(state), decided)
