"""Quiet hours that the academy decided for all of its people. A change is audited and told to all workers."""

from sqlalchemy import delete, select, update

from mailserver.model.account.quiet_hours import Hours
from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.people.school_hours import NEWS, NOBODY, details
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.people.entries import academy_quiet_hours
from mailserver.texts.causes import Cause

ROW = 1

_COLUMNS = academy_quiet_hours.c
_DECIDED = Statement(select(_COLUMNS.begins, _COLUMNS.ends, _COLUMNS.weekends, _COLUMNS.holidays))


def decided(tx: Tx) -> Hours | None:
    """What it decided; None: nothing, so that the settings hold."""
    row = tx.one(_DECIDED)
    return Hours(row[0], row[1], bool(row[2]), bool(row[3])) if row is not None else None


def decide(tx: Tx, origin: Origin, hours: Hours | None) -> bool:
    """What holds from now on for whoever chose nothing and whose school did not; None: what the settings say.

    False: so it was. Raises Refused(INVALID): hours that nobody may choose.
    """
    if hours is not None and not hours.valid:
        raise Refused(Reason.INVALID, "quiet hours begin from 18 to 22 and end from 5 to 10")
    if decided(tx) == hours:
        return False
    if hours is None:
        tx.execute(delete(academy_quiet_hours))
    else:
        values = {"begins": hours.begins, "ends": hours.ends, "weekends": int(hours.weekends)}
        values["holidays"] = int(hours.holidays)
        if not tx.insert_ignore(academy_quiet_hours, {"id": ROW, **values}):  # who decided meanwhile was first
            tx.execute(update(academy_quiet_hours).values(values))
    tx.changed(NOBODY, NEWS)
    said = Cause("academy-quiet-hours", **details(hours)) if hours is not None else Cause("academy-quiet-hours-none")
    audit.record(tx, origin, Action.QUIET_HOURS_SET, 0, said)
    return True
