"""Quiet hours that schools decided for their people. Every change is audited and told to all workers."""

from sqlalchemy import bindparam, delete, insert, select

from mailserver.model.account.quiet_hours import Hours
from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.people import schools
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.people.entries import school_quiet_hours
from mailserver.texts.causes import Cause

NEWS = -7
"""The "mailbox" whose news say that a school or the academy decided (`changes.subscribe("mailbox", NEWS, …)`)."""
NOBODY = -1
"""The account of those news."""

_COLUMNS = school_quiet_hours.c
_ALL = Statement(
    select(_COLUMNS.uai, _COLUMNS.begins, _COLUMNS.ends, _COLUMNS.weekends, _COLUMNS.holidays).order_by(_COLUMNS.uai)
)
_ONE = Statement(
    select(_COLUMNS.begins, _COLUMNS.ends, _COLUMNS.weekends, _COLUMNS.holidays).where(_COLUMNS.uai == bindparam("uai"))
)


def listing(tx: Tx) -> dict[str, Hours]:
    """Of the schools that decided, by UAI."""
    return {uai: Hours(begins, ends, bool(days), bool(off)) for uai, begins, ends, days, off in tx.all(_ALL)}


def of(tx: Tx, uai: str) -> Hours | None:
    """What a school decided; None: nothing, the academy's hold."""
    row = tx.one(_ONE, uai=uai.upper())
    return Hours(row[0], row[1], bool(row[2]), bool(row[3])) if row is not None else None


def decide(tx: Tx, origin: Origin, uai: str, hours: Hours | None) -> bool:
    """What holds from now on for whoever of a school chose nothing; None: what the academy says. False: so it was.

    Raises Refused(NOT_FOUND | INVALID): no such school, or hours that nobody may choose.
    """
    school = schools.get(tx, uai)
    if school is None:
        raise Refused(Reason.NOT_FOUND, f"{uai}: no such school")
    if hours is not None and not hours.valid:
        raise Refused(Reason.INVALID, "quiet hours begin from 18 to 22 and end from 5 to 10")
    before = of(tx, school.uai)
    if before == hours:
        return False
    let_go(tx, school.uai)
    if hours is not None:
        keep(tx, school.uai, hours)
    audit.record(tx, origin, Action.QUIET_HOURS_SET, 0, _said(school.uai, hours))
    return True


def let_go(tx: Tx, uai: str) -> Hours | None:
    """Nothing refers to a school any more by what it decided, so that its row may go or change; what that was."""
    hours = of(tx, uai)
    if hours is not None:
        tx.execute(delete(school_quiet_hours).where(_COLUMNS.uai == uai.upper()))
        tx.changed(NOBODY, NEWS)
    return hours


def keep(tx: Tx, uai: str, hours: Hours) -> None:
    """A school has these, and had none."""
    values = {"begins": hours.begins, "ends": hours.ends, "weekends": int(hours.weekends)}
    tx.execute(insert(school_quiet_hours).values(uai=uai, holidays=int(hours.holidays), **values))
    tx.changed(NOBODY, NEWS)


def _said(uai: str, hours: Hours | None) -> Cause:
    if hours is None:
        return Cause("quiet-hours-none", uai=uai)
    return Cause("quiet-hours", uai=uai, **details(hours))


def details(hours: Hours) -> dict[str, str]:
    """Hours as the record has them."""
    return {
        "begins": f"{hours.begins}" if hours.begins >= 0 else "-",
        "ends": f"{hours.ends}",
        "weekends": "+" if hours.weekends else "-",
        "holidays": "+" if hours.holidays else "-",
    }
