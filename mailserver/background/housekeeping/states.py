"""What is planned for accounts comes true: suspensions begin and end, accounts close, closed ones are erased."""

import structlog

from directory.people import lifecycle
from mailserver.foundation.settings import Accounts as Terms
from mailserver.model.errors import Refused
from mailserver.model.identity import Directory, State
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.upkeep import caretaking
from mailserver.texts.causes import Cause

log = structlog.get_logger("housekeeping")

ORIGIN = Origin("caretaker", "service")
BATCH = 200
"""Accounts of one kind that a round moves."""
ERASED_AT_ONCE = 20
ERASURE_UNITS = 100
"""Units of an erasure in one round: then the others have their turn."""
REFUSED_SECONDS = 3600
"""Until an erasure is gone on with that the directory has refused to end."""


async def suspend(store: Store) -> int:
    """Begin the suspensions whose day has come; how many."""
    due = await store.read(caretaking.suspensions, BATCH)
    for account_id in due:
        if await store.write(_suspend, account_id):
            log.info("planned suspension begins", account=account_id)
    return len(due)


async def resume(store: Store) -> int:
    """End the suspensions that end by themselves; how many."""
    due = await store.read(caretaking.resumptions, BATCH)
    for account_id in due:
        if await store.write(_resume, account_id):
            log.info("suspension ends", account=account_id)
    return len(due)


async def close(store: Store, terms: Terms) -> int:
    """Close the accounts whose day has come; how many."""
    due = await store.read(caretaking.closings, BATCH)
    for account_id in due:
        if await store.write(_close, account_id, terms):
            log.info("planned closing", account=account_id)
    return len(due)


async def erase(store: Store, directory: Directory) -> int:
    """Erase accounts whose grace is over, and go on with what was interrupted; how many were looked at."""
    due = await store.read(caretaking.erasures, ERASED_AT_ONCE)
    for account_id in due:
        try:
            if not await lifecycle.erase(store, directory, ORIGIN, account_id, planned=True, units=ERASURE_UNITS):
                break
            log.info("account erased", account=account_id)
        except Refused as refusal:
            # Restored or put off a moment ago, or an entry that its directory does not let go. Of those there may be
            # many: they keep no others waiting.
            await store.write(accounts.put_off_erasure, account_id, REFUSED_SECONDS)
            log.warning("account not erased", account=account_id, why=refusal.text)
    return len(due)


def _suspend(tx: Tx, account_id: int) -> bool:
    standing = accounts.require(tx, account_id)
    if not 0 < standing.suspend_from <= tx.now:
        return False
    over = 0 < standing.suspend_until <= tx.now
    if over or standing.state in (State.SUSPENDED, State.CLOSED):
        # The service was down all the while, or somebody was faster: there is nothing left to begin.
        accounts.forget_planned_suspension(tx, account_id)
        return False
    accounts.suspend(tx, account_id, standing.reason, standing.may_receive, until=standing.suspend_until)
    audit.record(tx, ORIGIN, Action.SUSPENDED, account_id, standing.reason)
    return True


def _resume(tx: Tx, account_id: int) -> bool:
    standing = accounts.require(tx, account_id)
    if standing.state is not State.SUSPENDED or not 0 < standing.suspend_until <= tx.now:
        return False
    state = accounts.resume(tx, account_id)
    audit.record(tx, ORIGIN, Action.RESUMED, account_id, Cause("state", state=(state.value,)))
    return True


def _close(tx: Tx, account_id: int, terms: Terms) -> bool:
    standing = accounts.require(tx, account_id)
    if standing.state is State.CLOSED or not 0 < standing.close_at <= tx.now:
        return False
    planned = accounts.planned_farewell(standing)
    farewell = planned if planned.erase_at else lifecycle.farewell(terms, tx.now, reply=planned.auto_reply)
    lifecycle.close(tx, ORIGIN, account_id, standing.close_reason, farewell)
    return True
