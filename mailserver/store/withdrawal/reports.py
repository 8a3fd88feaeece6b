"""What people report as phishing: a row a person and message, in campaigns, with what IT decided and who was told."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, delete, func, select, update

from mailserver.model.clock import DAY
from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.likeness import Facts, Likeness
from mailserver.model.messages.provenance import Provenance
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.mail import mailbox, message
from mailserver.store.schema.withdrawal import phishing_report
from mailserver.store.withdrawal import rows
from mailserver.texts.causes import Cause

MAX_A_DAY = 100
"""Reports of one person."""
KEPT_DAYS = 365
SWEPT = 500
REPORTERS = 200
"""Reports of a campaign that are shown one by one."""


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
    provenance: Provenance
    """Of the appearance that was reported: what our own doors found out."""
    likeness: Likeness
    state: State
    decided: int


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


_APPEARANCE = Statement(
    select(message.c.door, message.c.door_account, message.c.through_list, message.c.authentication)
    .join(mailbox, mailbox.c.id == message.c.mailbox_id)
    .where(message.c.content_id == bindparam("content"), mailbox.c.account_id == bindparam("account"))
    .order_by(message.c.mailbox_id, message.c.uid)
    .limit(1)
)
_TODAY = Statement(
    select(func.count()).where(
        phishing_report.c.account_id == bindparam("account"), phishing_report.c.at > bindparam("since")
    )
)
_COLUMNS = (
    *(phishing_report.c.id, phishing_report.c.at, phishing_report.c.account_id, phishing_report.c.content_id),
    *(phishing_report.c.campaign, phishing_report.c.authentication, phishing_report.c.door),
    *(phishing_report.c.body_hash, phishing_report.c.body_size, phishing_report.c.message_id),
    *(phishing_report.c.sender, phishing_report.c.subject, phishing_report.c.state, phishing_report.c.decided),
)
_ALL = select(*_COLUMNS)
_IS_NEW = phishing_report.c.state == State.NEW.value


def file(tx: Tx, account_id: int, content_id: int, likeness: Likeness) -> bool:
    """Somebody reports a message that they have; False: they did so already.

    What has been taken back by now is decided at once. Raises Refused(NOT_FOUND | LIMIT).
    """
    came = tx.one(_APPEARANCE, content=content_id, account=account_id)
    if came is None:
        raise Refused(Reason.NOT_FOUND, "No such message")
    row = tx.one(_TODAY, account=account_id, since=tx.now - DAY)
    if row is not None and row[0] >= MAX_A_DAY:
        raise Refused(Reason.LIMIT, "You have reported as many messages as you may today")
    facts = likeness.facts
    is_known = _is_withdrawn(tx, likeness)
    values = {
        "at": tx.now,
        "account_id": account_id,
        "content_id": content_id,
        "campaign": campaign_of(likeness),
        "door": came[0],
        "authentication": came[3],
        "body_hash": likeness.body_hash,
        "body_size": facts.body_size,
        "message_id": facts.message_id,
        "sender": facts.sender,
        "subject": facts.subject,
        "state": (State.WITHDRAWN if is_known else State.NEW).value,
        "decided": tx.now if is_known else 0,
    }
    return tx.insert_ignore(phishing_report, values) > 0


def take_back(tx: Tx, account_id: int, content_id: int) -> bool:
    """Somebody reported a message by mistake; False when it was decided about already, or never reported."""
    mine = and_(phishing_report.c.account_id == account_id, phishing_report.c.content_id == content_id)
    return tx.execute(delete(phishing_report).where(mine, _IS_NEW)).rowcount > 0


def campaign_of(likeness: Likeness) -> bytes:
    """What reports are grouped by: author and subject, else what the message says."""
    return likeness.facts.campaign or likeness.body_hash[:16]


def _is_withdrawn(tx: Tx, likeness: Likeness) -> bool:
    return any(act.likeness.matches(likeness.facts, lambda: likeness.body_hash) for act in rows.refusing(tx))


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


def withdrawn(tx: Tx, likeness: Likeness) -> int:
    """What is taken back was rightly reported; how many reports that decides."""
    return _decide(tx, phishing_report.c.campaign == campaign_of(likeness), State.WITHDRAWN)


def mistaken(tx: Tx, likeness: Likeness) -> None:
    """It was brought back: its reporters were wrong after all. Nobody is told twice."""
    here = and_(phishing_report.c.campaign == campaign_of(likeness), phishing_report.c.state == State.WITHDRAWN.value)
    tx.execute(update(phishing_report).where(here).values(state=State.DISMISSED.value, decided=tx.now))


def _decide(tx: Tx, which: ColumnElement[bool], state: State) -> int:
    clause = update(phishing_report).where(which, _IS_NEW).values(state=state.value, decided=tx.now)
    return tx.execute(clause).rowcount


# ---------------------------------------------------------------------- who is told


def untold(tx: Tx, limit: int = 50) -> list[Report]:
    """Reports that were decided about, whose reporters do not know."""
    wanted = _ALL.where(phishing_report.c.told == 0, ~_IS_NEW).order_by(phishing_report.c.id).limit(limit)
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
    (
        number,
        at,
        account_id,
        content_id,
        key,
        results,
        door,
        digest,
        size,
        message_id,
        sender,
        subject,
        state,
        decided,
    ) = row
    provenance = Provenance.stored(door, 0, 0, results)
    likeness = Likeness(Facts(message_id, sender, subject, size), bytes(digest), alike=True)
    return Report(number, at, account_id, content_id, bytes(key), provenance, likeness, State(state), decided)
