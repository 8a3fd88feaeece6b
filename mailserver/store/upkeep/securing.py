"""An account that somebody else has got into: everything they could go on with is switched off in one unit.

What is switched off is kept, so that a false alarm can be undone: the active filter, where mail is sent on to, app
passwords and printed codes (as the hashes they are), a second factor of the last two days (sealed), the rows of the
queue, the private address that codes are sent to, what was shared in the last two days, the codes that were made for
others in that time. Sessions stay closed, planned
letters stay drafts. Rows that are being sent at this moment are held when they come back (`store.account.secured`).
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select

from mailserver.model.clock import DAY
from mailserver.model.errors import Reason, Refused
from mailserver.store.account import (
    accounts,
    confirmed_answers,
    devices,
    factors,
    filters,
    forward_targets,
    recoveries,
    secured,
    sessions,
)
from mailserver.store.account.filters import Bounds
from mailserver.store.engine.statements import Tx
from mailserver.store.queue import mailings, outbox, spool, waiting
from mailserver.store.queue.spool import HELD
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.record.notices import moved
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.account.factors import app_password, one_time_password, recovery_code
from mailserver.store.schema.account.filters import forwarding
from mailserver.store.schema.outgoing.spool import queued, queued_domain
from mailserver.store.upkeep import recent_codes, recent_sharing
from mailserver.store.upkeep.recent_sharing import Given
from mailserver.texts.causes import Cause

RECENT = 2 * DAY
"""A second factor that is younger may be the thief's."""
UNBOUNDED = 1 << 30

SentOnTo = Callable[[bytes, str], bytes | None]
"""The script of rules that sends mail on to an address, or (empty) to none; None: it stays as it is."""


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
    factor: bool
    """A second factor of the last two days was taken out."""
    codes: int
    """Printed codes that open nothing any more."""
    shared: tuple[Given, ...]
    """Mailboxes, agendas and address books that were shared in the last two days, and are no more."""
    handed_out: int = 0
    """One-time codes that it made for others in the last two days, which open nothing any more."""
    opened: tuple[str, ...] = ()
    """Identifiers of accounts that were opened since it made a code for them: their codes may have been the thief's."""


def secure(tx: Tx, origin: Origin, account_id: int, sent_on_to: SentOnTo) -> Secured:
    """Switch it all off; once more adds what has come since. What was found first is what an undoing brings back."""
    tx.execute(select(account.c.id).where(account.c.id == account_id).with_for_update())
    before = secured.kept(tx, account_id) or {}
    open_sessions = sessions.close_all(tx, account_id)
    _call_back(tx, account_id)
    gone = _take_devices(tx, account_id)
    active = next((script.name for script in filters.listing(tx, account_id) if script.active), "")
    if active:
        filters.activate(tx, account_id, "", origin)
    _rewrite(tx, account_id, "", sent_on_to, origin)
    confirmed_answers.forget(tx, account_id)
    forwards = _take_forwards(tx, account_id)
    rows = _hold_queue(tx, account_id)
    mailings.stop_all(tx, origin, account_id)
    factor, codes = _take_factor(tx, account_id), _take_codes(tx, account_id)
    shared, sharing = recent_sharing.end(tx, account_id, tx.now - RECENT, origin)
    handed_out = recent_codes.end(tx, account_id, tx.now - RECENT, origin)
    opened = recent_codes.opened(tx, account_id, tx.now - RECENT)
    known = before.get("sharing", {})
    kept = {
        "devices": before.get("devices", []) + gone,
        "filter": before.get("filter") or active,
        "forwards": before.get("forwards") or forwards,
        "queued": before.get("queued", []) + rows,
        "factor": before.get("factor") or factor,
        "codes": before.get("codes") or codes,
        "handed_out": before.get("handed_out", []) + handed_out,
        "sharing": {key: known.get(key, []) + rows for key, rows in sharing.items()},
        **_take_recovery(tx, account_id, before),
    }
    secured.keep(tx, account_id, origin.actor, kept)
    accounts.end_logins(tx, account_id)
    detail = Cause("secured", sessions=open_sessions, devices=len(gone), count=len(rows))
    audit.record(tx, origin, Action.SECURED, account_id, detail)
    forward = next((str(one["address"]) for one in forwards), "")
    names = tuple(str(one["name"]) for one in gone)
    found = (open_sessions, names, active, forward, len(rows), bool(factor), len(codes), tuple(shared))
    return Secured(*found, len(handed_out), tuple(opened))


def undo(tx: Tx, origin: Origin, account_id: int, sent_on_to: SentOnTo) -> Secured:
    """Switch on again what `secure` switched off. Raises Refused(NOT_FOUND): it was not, or that was undone already."""
    tx.execute(select(account.c.id).where(account.c.id == account_id).with_for_update())
    kept = secured.kept(tx, account_id)
    if kept is None:
        raise Refused(Reason.NOT_FOUND, "this account was not secured")
    secured.forget(tx, account_id)
    room = devices.MAX_DEVICES - devices.count(tx, account_id)
    back = kept["devices"][: max(0, room)]
    for one in back:
        values = {**one, "hash": bytes.fromhex(one["hash"]), "account_id": account_id}
        tx.execute(insert(app_password).values(values))
    forward = ""
    for one in kept["forwards"]:
        if tx.insert_ignore(forwarding, {**one, "account_id": account_id, "token": None}):
            forward = str(one["address"])
            _rewrite(tx, account_id, forward, sent_on_to, origin)
    name = _switch_on(tx, account_id, kept["filter"], origin)
    if kept.get("recovery") and not recoveries.address(tx, account_id):
        recoveries.set_address(tx, account_id, kept["recovery"], own=kept.get("recovery_own", True))
    factor = _give_factor(tx, account_id, kept)
    shared = recent_sharing.give_back(tx, account_id, kept.get("sharing", {}), origin)
    handed_out = recent_codes.give_back(tx, kept.get("handed_out", ()), origin)
    rows = _still_held(tx, kept["queued"])
    if rows:
        spool.retry(tx, rows)
    moved(tx, account_id)
    audit.record(tx, origin, Action.SECURED, account_id, Cause("secured-undone"))
    names = tuple(str(one["name"]) for one in back)
    return Secured(0, names, name, forward, len(rows), factor, 0, tuple(shared), handed_out)


def _switch_on(tx: Tx, account_id: int, name: str, origin: Origin) -> str:
    """Have mail run through a script again, if it is still there and no other is on by now; its name."""
    scripts = filters.listing(tx, account_id)
    if not name or any(script.active for script in scripts) or name not in {script.name for script in scripts}:
        return ""
    filters.activate(tx, account_id, name, origin)
    return name


def _rewrite(tx: Tx, account_id: int, address: str, sent_on_to: SentOnTo, origin: Origin) -> None:
    """The forward stands in the rules as well, which their owner will switch on again."""
    for script in filters.listing(tx, account_id):
        source = sent_on_to(filters.octets(tx, account_id, script.name), address)
        if source is None:
            continue
        known = forward_targets.of_account(tx, account_id)
        targets = {one.address for one in known if one.script == script.name and one.address.encode() in source}
        room = Bounds(len(known) + UNBOUNDED, UNBOUNDED, UNBOUNDED)
        filters.put(tx, account_id, script.name, source, room, origin, targets | ({address} if address else set()))


def _take_recovery(tx: Tx, account_id: int, before: Mapping[str, Any]) -> dict[str, Any]:
    """The private address: a code that is sent to one of the thief's would open the account again."""
    own = bool(tx.execute(select(account.c.recovery_own).where(account.c.id == account_id)).scalar())
    found = recoveries.set_address(tx, account_id, "") if recoveries.address(tx, account_id) else ""
    recoveries.cancel(tx, account_id)
    if before.get("recovery"):
        return {"recovery": before["recovery"], "recovery_own": before.get("recovery_own", True)}
    return {"recovery": found, "recovery_own": own}


def _take_factor(tx: Tx, account_id: int) -> dict[str, object]:
    """The second factor, where it may be the thief's: it came within the last two days, or is being set up."""
    mine = one_time_password.c.account_id == account_id
    row = tx.execute(select(one_time_password).where(mine)).first()
    if row is None or 0 < row.confirmed <= tx.now - RECENT:
        return {}
    tx.execute(delete(one_time_password).where(mine))
    if not row.confirmed:
        return {}
    return {"sealed": row.sealed, "confirmed": row.confirmed, "last_counter": row.last_counter}


def _take_codes(tx: Tx, account_id: int) -> list[str]:
    """All printed codes that are good: nobody knows when they were made."""
    mine = recovery_code.c.account_id == account_id
    found = tx.execute(select(recovery_code.c.hash).where(mine, recovery_code.c.used == 0)).scalars()
    codes = [bytes(one).hex() for one in found]
    tx.execute(delete(recovery_code).where(mine))
    return codes


def _give_factor(tx: Tx, account_id: int, kept: Mapping[str, Any]) -> bool:
    """The second factor and the printed codes again, unless there is another by now."""
    factor, given = kept.get("factor"), False
    if factor:
        given = tx.insert_ignore(one_time_password, {"account_id": account_id, **factor}) == 1
    if factors.is_on(tx, account_id) and not factors.codes_left(tx, account_id) and kept.get("codes"):
        factors.set_codes(tx, account_id, [bytes.fromhex(one) for one in kept["codes"]])
    return given


def _take_devices(tx: Tx, account_id: int) -> list[dict[str, object]]:
    columns = [app_password.c[name] for name in ("name", "scopes", "created", "last_used", "last_peer")]
    rows = tx.execute(select(*columns, app_password.c.hash).where(app_password.c.account_id == account_id))
    found = [{**row, "hash": bytes(row["hash"]).hex()} for row in rows.mappings()]
    devices.revoke_all(tx, account_id)
    return found


def _take_forwards(tx: Tx, account_id: int) -> list[dict[str, object]]:
    """The address that agreed, for an undoing; the one that is asked is asked no more."""
    mine = forwarding.c.account_id == account_id
    columns = [forwarding.c[name] for name in ("agreed", "address", "since", "refusals", "refused")]
    rows = tx.execute(select(*columns).where(mine, forwarding.c.agreed == 1)).mappings()
    found = [{**row, "expires": 0} for row in rows]
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
    held: list[int] = []
    for start in range(0, len(rows), 500):
        some = rows[start : start + 500]
        waiting.hold(tx, some)
        # Not one that a relay took meanwhile: what is on record as held is not held again when it comes back.
        held += waiting.held_of(tx, some)
    return held


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
