"""One-time codes that an account has lately made for others: a secretariat prints them on letters, IT gives them out.
Where somebody else got into the account they end, for whoever has such a code opens another account; they hold again
where that was a false alarm.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from mailserver.model.identity import State
from mailserver.store.account import accounts
from mailserver.store.engine.statements import Tx
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin, Wanted
from mailserver.store.schema.account.accounts import account
from mailserver.texts.causes import Cause

MOST = 20_000
"""Rows of the record that are looked at, of each kind."""
IN_LIST = 1000

Code = dict[str, Any]
"""What is kept of a code, for an undoing: `account_id`, `code` (the hash, in hexadecimal), `expires`."""


def end(tx: Tx, account_id: int, since: int, origin: Origin) -> list[Code]:
    """No code opens anything that the account has made since then, and that nobody has used; which those were."""
    made = _made(tx, account_id, since)
    ended = []
    for start in range(0, len(made), IN_LIST):
        some = account.c.id.in_(sorted(made)[start : start + IN_LIST])
        good = (some, account.c.code.is_not(None), account.c.code_expires > tx.now)
        rows = select(account.c.id, account.c.code, account.c.code_expires).where(*good).order_by(account.c.id)
        ended += [
            {"account_id": row.id, "code": bytes(row.code).hex(), "expires": row.code_expires}
            for row in tx.execute(rows.with_for_update())
        ]
    for one in ended:
        accounts.set_code(tx, one["account_id"], None, 0)
    _record(tx, ended, origin, Cause("code-ended"))
    return ended


def give_back(tx: Tx, kept: Sequence[Mapping[str, Any]], origin: Origin) -> int:
    """They hold again, but where there is another by now, or the account was opened or closed; how many."""
    back = []
    for one in kept:
        standing = accounts.get(tx, one["account_id"])
        waits = standing is not None and standing.code is None and not standing.password_set
        if waits and standing is not None and standing.state is not State.CLOSED and one["expires"] > tx.now:
            accounts.set_code(tx, one["account_id"], bytes.fromhex(one["code"]), one["expires"])
            back.append(one)
    _record(tx, back, origin, Cause("code-again"))
    return len(back)


def opened(tx: Tx, account_id: int, since: int) -> list[str]:
    """The identifiers of accounts that were opened after the account had made a code for them; by whom nobody knows."""
    made = _made(tx, account_id, since)
    events = audit.find(tx, Wanted(action=Action.ACTIVATED, since=since), MOST) if made else []
    ids = sorted({one.account_id for one in events if one.id > made.get(one.account_id, one.id)})
    found: list[str] = []
    for start in range(0, len(ids), IN_LIST):
        some = account.c.id.in_(ids[start : start + IN_LIST])
        found += tx.execute(select(account.c.login).where(some)).scalars()
    return sorted(found)


def _made(tx: Tx, account_id: int, since: int) -> dict[int, int]:
    """The accounts for which it made a code, each with the first row that says so."""
    login = tx.execute(select(account.c.login).where(account.c.id == account_id)).scalar_one_or_none()
    first: dict[int, int] = {}
    for action in (Action.LETTER_PRINTED, Action.CODE_ISSUED) if login else ():
        for event in audit.find(tx, Wanted(action=action, actor=str(login), since=since), MOST):
            if event.account_id not in (0, account_id):
                first[event.account_id] = min(event.id, first.get(event.account_id, event.id))
    return first


def _record(tx: Tx, codes: Sequence[Mapping[str, Any]], origin: Origin, detail: Cause) -> None:
    audit.record_many(tx, origin, [(Action.CHANGED, one["account_id"], detail) for one in codes])
