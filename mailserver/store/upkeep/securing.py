"""An account that somebody else has got into: everything they could go on with is switched off in one unit.

What is switched off is kept, so that a false alarm can be undone: the active filter, where mail is sent on to, app
passwords (as the hashes they are), the rows of the queue, the private address that codes are sent to. Sessions stay
closed, planned letters stay drafts.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select

from mailserver.model.errors import Reason, Refused
from mailserver.store.account import accounts, devices, filters, recoveries, sessions
from mailserver.store.engine.statements import Tx
from mailserver.store.queue import outbox, spool, waiting
from mailserver.store.queue.spool import HELD
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.record.notices import moved
from mailserver.store.schema.accounts import account, secured_account
from mailserver.store.schema.factors import app_password
from mailserver.store.schema.filters import forwarding
from mailserver.store.schema.spool import queued, queued_domain
from mailserver.texts.causes import Cause


@dataclass(frozen=True, slots=True)
class Secured:
    """What was switched off."""

    sessions: int
    devices: tuple[str, ...]
    filter: str
    """The name of the script that was active; empty: none was."""
    forward: str
    """The address that mail was sent on to; empty: none."""
    queued: int
    """Rows of the queue, each for one domain, that are held now."""


def secure(tx: Tx, origin: Origin, account_id: int) -> Secured:
    """Switch it all off; once more adds what has come since."""
    tx.execute(select(account.c.id).where(account.c.id == account_id).with_for_update())
    kept = _kept(tx, account_id) or {"devices": [], "filter": "", "forwards": [], "queued": []}
    open_sessions = sessions.close_all(tx, account_id)
    _call_back(tx, account_id)
    gone = _take_devices(tx, account_id)
    active = next((script.name for script in filters.listing(tx, account_id) if script.active), "")
    if active:
        filters.activate(tx, account_id, "", origin)
    forwards = _take_forwards(tx, account_id)
    rows = _hold_queue(tx, account_id)
    # A code sent to an address of the thief's would open the account again.
    recovery = recoveries.set_address(tx, account_id, "") if recoveries.address(tx, account_id) else ""
    recoveries.cancel(tx, account_id)
    kept = {
        "devices": kept["devices"] + gone,
        "filter": active or kept["filter"],
        "forwards": forwards or kept["forwards"],
        "queued": kept["queued"] + rows,
        "recovery": recovery or kept.get("recovery", ""),
    }
    tx.execute(delete(secured_account).where(secured_account.c.account_id == account_id))
    values = {"account_id": account_id, "since": tx.now, "actor": origin.actor, "kept": json.dumps(kept)}
    tx.execute(insert(secured_account).values(values))
    accounts.end_logins(tx, account_id)
    detail = Cause("secured", sessions=open_sessions, devices=len(gone), count=len(rows))
    audit.record(tx, origin, Action.SECURED, account_id, detail)
    forward = next((str(one["address"]) for one in forwards if one["agreed"]), "")
    return Secured(open_sessions, tuple(str(one["name"]) for one in gone), active, forward, len(rows))


def undo(tx: Tx, origin: Origin, account_id: int) -> Secured:
    """Switch on again what `secure` switched off. Raises Refused(NOT_FOUND): it was not, or that was undone already."""
    tx.execute(select(account.c.id).where(account.c.id == account_id).with_for_update())
    kept = _kept(tx, account_id)
    if kept is None:
        raise Refused(Reason.NOT_FOUND, "this account was not secured")
    tx.execute(delete(secured_account).where(secured_account.c.account_id == account_id))
    room = devices.MAX_DEVICES - devices.count(tx, account_id)
    back = kept["devices"][: max(0, room)]
    for one in back:
        values = {**one, "hash": bytes.fromhex(one["hash"]), "account_id": account_id}
        tx.execute(insert(app_password).values(values))
    name = kept["filter"]
    if name and not any(script.active for script in filters.listing(tx, account_id)):
        names = [script.name for script in filters.listing(tx, account_id)]
        name = name if name in names else ""
        if name:
            filters.activate(tx, account_id, name, origin)
    forward = ""
    for one in kept["forwards"]:
        if tx.insert_ignore(forwarding, {**one, "account_id": account_id, "token": None}):
            forward = str(one["address"])
    if kept.get("recovery") and not recoveries.address(tx, account_id):
        recoveries.set_address(tx, account_id, kept["recovery"])
    rows = _still_held(tx, kept["queued"])
    if rows:
        spool.retry(tx, rows)
    moved(tx, account_id)
    audit.record(tx, origin, Action.SECURED, account_id, Cause("secured-undone"))
    return Secured(0, tuple(str(one["name"]) for one in back), name, forward, len(rows))


def since(tx: Tx, account_id: int) -> int:
    """When an account was secured; 0: it is not."""
    return int(
        tx.execute(select(secured_account.c.since).where(secured_account.c.account_id == account_id)).scalar() or 0
    )


def _kept(tx: Tx, account_id: int) -> dict[str, Any] | None:
    row = tx.execute(select(secured_account.c.kept).where(secured_account.c.account_id == account_id)).first()
    return json.loads(row.kept) if row is not None else None


def _take_devices(tx: Tx, account_id: int) -> list[dict[str, object]]:
    columns = (app_password.c.name, app_password.c.scopes, app_password.c.created, app_password.c.hash)
    found = [
        {"name": name, "scopes": scopes, "created": created, "hash": bytes(hashed).hex()}
        for name, scopes, created, hashed in map(
            tuple, tx.execute(select(*columns).where(app_password.c.account_id == account_id))
        )
    ]
    devices.revoke_all(tx, account_id)
    return found


def _take_forwards(tx: Tx, account_id: int) -> list[dict[str, object]]:
    """The address that agreed, for an undoing; the one that is asked is asked no more."""
    mine = forwarding.c.account_id == account_id
    columns = (
        forwarding.c.agreed,
        forwarding.c.address,
        forwarding.c.since,
        forwarding.c.refusals,
        forwarding.c.refused,
    )
    found = [
        {"agreed": agreed, "address": address, "since": begun, "expires": 0, "refusals": refusals, "refused": refused}
        for agreed, address, begun, refusals, refused in map(
            tuple, tx.execute(select(*columns).where(mine, forwarding.c.agreed == 1))
        )
    ]
    tx.execute(delete(forwarding).where(mine))
    return found


def _hold_queue(tx: Tx, account_id: int) -> list[int]:
    """Rows that nobody is sending at this moment and no operator holds already; the others are on their way."""
    mine = select(queued.c.id).where(queued.c.account_id == account_id)
    free = (queued_domain.c.lease == 0) | (queued_domain.c.due <= tx.now)
    chosen = select(queued_domain.c.id).where(
        queued_domain.c.queued_id.in_(mine), free, queued_domain.c.error_code != HELD.name
    )
    rows = list(tx.execute(chosen.order_by(queued_domain.c.id)).scalars())
    for start in range(0, len(rows), 500):
        waiting.hold(tx, rows[start : start + 500])
    return rows


def _call_back(tx: Tx, account_id: int) -> None:
    """Letters that wait for their time are drafts again, but those that some recipients have."""
    for letter in outbox.listing(tx, account_id):
        with suppress(Refused):
            outbox.call_back(tx, account_id, letter.id)


def _still_held(tx: Tx, rows: Sequence[int]) -> list[int]:
    found: list[int] = []
    for start in range(0, len(rows), 500):
        some = queued_domain.c.id.in_(rows[start : start + 500])
        found += tx.execute(select(queued_domain.c.id).where(some, queued_domain.c.error_code == HELD.name)).scalars()
    return found
