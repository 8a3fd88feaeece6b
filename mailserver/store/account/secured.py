"""Accounts that somebody else had got into: since when, and what was switched off of each, for an undoing."""

import json
from typing import Any

from sqlalchemy import delete, insert, select, update

from mailserver.model.clock import DAY
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.account.accounts import secured_account

KEPT_DAYS = 90
"""How long it can be undone."""
IN_FLIGHT = 60
"""Seconds after which nothing comes any more of what was being submitted when the account was secured."""

_ALL = Statement(select(secured_account.c.account_id, secured_account.c.since))


def since(tx: Tx, account_id: int) -> int:
    """When an account was secured; 0: it is not."""
    found = tx.execute(select(secured_account.c.since).where(secured_account.c.account_id == account_id)).scalar()
    return int(found or 0)


def kept(tx: Tx, account_id: int) -> dict[str, Any] | None:
    """What was switched off; None: the account is not secured."""
    row = tx.execute(select(secured_account.c.kept).where(secured_account.c.account_id == account_id)).first()
    return json.loads(row.kept) if row is not None else None


def keep(tx: Tx, account_id: int, actor: str, what: dict[str, Any]) -> None:
    """The account is secured from now on."""
    values = {"since": tx.now, "actor": actor, "kept": json.dumps(what)}
    mine = secured_account.c.account_id == account_id
    if not tx.execute(update(secured_account).where(mine).values(values)).rowcount:
        tx.execute(insert(secured_account).values(account_id=account_id, **values))


def forget(tx: Tx, account_id: int) -> None:
    """The account is not secured any more."""
    tx.execute(delete(secured_account).where(secured_account.c.account_id == account_id))


def sweep(tx: Tx, limit: int) -> int:
    """Forget what was switched off too long ago for a false alarm; how many accounts."""
    old = select(secured_account.c.account_id).where(secured_account.c.since < tx.now - KEPT_DAYS * DAY).limit(limit)
    return tx.execute(delete(secured_account).where(secured_account.c.account_id.in_(old))).rowcount


def moments(tx: Tx) -> dict[int, int]:
    """Every secured account, and when it was."""
    return {int(account_id): int(moment) for account_id, moment in tx.all(_ALL)}


def hold_back(tx: Tx, moment: int, account_id: int, row_id: int, created: int) -> bool:
    """Whether a row of the queue is to be held that was on its way when its account was secured (`moment`); one that
    was held before comes here since an operator lets it go."""
    if created > moment + IN_FLIGHT:
        return False
    mine = secured_account.c.account_id == account_id
    found = tx.execute(select(secured_account.c.kept).where(mine).with_for_update()).first()
    what = json.loads(found.kept) if found is not None else None
    if what is None or row_id in what["queued"]:
        return False
    what["queued"].append(row_id)
    tx.execute(update(secured_account).where(mine).values(kept=json.dumps(what)))
    return True
