"""The states of an account: suspended and resumed, its closing planned, closed, restored, erased.

What is planned opens and closes nothing yet: it moves no `login_version`, so nobody is thrown out before the day.
"""

from dataclasses import dataclass
from typing import Any

from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import State
from mailserver.store.account.accounts.reasons import kept_reason
from mailserver.store.account.accounts.rows import Standing, move, note, require
from mailserver.store.engine.statements import Tx

_NO_SUSPENSION = {"suspend_from": 0, "suspend_until": 0, "state_reason": "", "may_receive": 0}
_NOTHING_ASIDE = {"suspended_before": "", "suspended_reason": ""}
_NO_PLAN = {"close_at": 0, "close_notice": 0, "close_reason": ""}
_NO_FAREWELL = {"reply_until": 0, "auto_reply": "", "erase_at": 0}


@dataclass(frozen=True, slots=True)
class Farewell:
    """What becomes of a closed account. Times are seconds since the epoch."""

    reply_until: int
    """Its mail is taken and answered until then; 0: never."""
    erase_at: int
    """It is erased then; 0: only by command."""
    auto_reply: str = ""
    """Empty: the standard text."""

    @property
    def columns(self) -> dict[str, Any]:
        return {"reply_until": self.reply_until, "auto_reply": self.auto_reply, "erase_at": self.erase_at}


NO_FAREWELL = Farewell(0, 0)


def suspend(tx: Tx, account_id: int, reason: str, may_receive: bool, *, start: int = 0, until: int = 0) -> Standing:
    """Nobody enters; mail is refused unless `may_receive`. With a `start` to come it is planned; 0: now.

    Ends by itself at `until`; 0: when somebody resumes it. On a suspended account the new terms replace the old.
    Raises Refused(CONFLICT) on a closed account, and for a start to come on a suspended one; INVALID for an end
    that is past.
    """
    standing = require(tx, account_id)
    if standing.state is State.CLOSED:
        raise Refused(Reason.CONFLICT, f"{standing.login}: the account is closed")
    if until and until <= max(start, tx.now):
        raise Refused(Reason.INVALID, f"{standing.login}: the suspension would end before it begins")
    terms = {"state_reason": kept_reason(reason), "may_receive": int(may_receive), "suspend_until": until}
    if start > tx.now:
        if standing.state is State.SUSPENDED:
            raise Refused(Reason.CONFLICT, f"{standing.login}: the account is suspended already")
        note(tx, account_id, {**terms, "suspend_from": start})
    elif standing.state is State.SUSPENDED:
        move(tx, account_id, terms)
    else:
        move(tx, account_id, {**terms, **_entering(tx, State.SUSPENDED, standing.state), "suspend_from": 0})
    return require(tx, account_id)


def resume(tx: Tx, account_id: int) -> State:
    """Back to the state before the suspension, or before the closing; a planned suspension is called off.

    Raises Refused(CONFLICT) when there is nothing to come back from.
    """
    standing = require(tx, account_id)
    if standing.state is State.CLOSED:
        return restore(tx, account_id)
    if standing.state is State.SUSPENDED:
        before = standing.state_before or State.ACTIVE
        move(tx, account_id, {**_entering(tx, before), **_NO_SUSPENSION})
        return before
    if not standing.suspend_from:
        raise Refused(Reason.CONFLICT, f"{standing.login}: the account is {standing.state.value}")
    note(tx, account_id, _NO_SUSPENSION)
    return standing.state


def forget_planned_suspension(tx: Tx, account_id: int) -> None:
    """A suspension that was to begin does not; a present one, or one set aside by a closing, keeps its terms."""
    standing = require(tx, account_id)
    begun = standing.state in (State.SUSPENDED, State.CLOSED)
    note(tx, account_id, {"suspend_from": 0} if begun else _NO_SUSPENSION)


def plan_closing(tx: Tx, account_id: int, close_at: int, reason: str, farewell: Farewell | None = None) -> bool:
    """Close the account by itself at a time; False when just that was planned already.

    `farewell` None: the dates that the settings give on that day. A new date begins the notices anew.
    Raises Refused(CONFLICT) on a closed account.
    """
    standing = require(tx, account_id)
    if standing.state is State.CLOSED:
        raise Refused(Reason.CONFLICT, f"{standing.login}: the account is closed")
    wanted = farewell or NO_FAREWELL
    values = {"close_at": close_at, "close_reason": kept_reason(reason), **wanted.columns}
    planned = {
        "close_at": standing.close_at,
        "close_reason": kept_reason(standing.close_reason),
        **planned_farewell(standing).columns,
    }
    if values == planned:
        return False
    if close_at != standing.close_at:
        values["close_notice"] = 0
    note(tx, account_id, values)
    return True


def cancel_closing(tx: Tx, account_id: int) -> bool:
    """The account stays; False when no closing was planned."""
    standing = require(tx, account_id)
    if standing.state is State.CLOSED or not standing.close_at:
        return False
    note(tx, account_id, {**_NO_PLAN, **_NO_FAREWELL})
    return True


def planned_farewell(standing: Standing) -> Farewell:
    """What was said about the time after the closing; all zero: nothing, so the settings decide."""
    return Farewell(standing.reply_until, standing.erase_at, standing.auto_reply)


def close(tx: Tx, account_id: int, reason: str, farewell: Farewell = NO_FAREWELL) -> None:
    """Nobody enters; identifier and addresses stay claimed. On a closed account only the dates are set anew."""
    standing = require(tx, account_id)
    if standing.state is State.CLOSED:
        if farewell != NO_FAREWELL and not standing.erased:
            note(tx, account_id, farewell.columns)
        return
    secrets = {"code": None, "code_expires": 0, "recovery_code": None, "recovery_expires": 0}
    move(
        tx,
        account_id,
        {
            **_set_aside(standing),
            **_NO_PLAN,
            **secrets,
            **_entering(tx, State.CLOSED, standing.state),
            "state_reason": kept_reason(reason),
            "welcome_due": 0,
            "answered_uid": 0,
            **farewell.columns,
        },
    )


def restore(tx: Tx, account_id: int) -> State:
    """A closed account as it was before: one that was suspended is, on the same terms, unless their end is past.

    Raises Refused(CONFLICT) if it is not closed or was erased.
    """
    standing = require(tx, account_id)
    if standing.state is not State.CLOSED:
        raise Refused(Reason.CONFLICT, f"{standing.login}: the account is {standing.state.value}")
    if standing.erased:
        raise Refused(Reason.CONFLICT, f"{standing.login}: the account is erased")
    before = standing.state_before or State.ACTIVE
    below = standing.suspended_before or State.ACTIVE
    if before is State.SUSPENDED and not 0 < standing.suspend_until <= tx.now:
        terms = {**_entering(tx, before, below), "state_reason": kept_reason(standing.suspended_reason)}
    else:
        before = below if before is State.SUSPENDED else before
        terms = {**_NO_SUSPENSION, **_entering(tx, before)}
    move(tx, account_id, {**terms, **_NOTHING_ASIDE, **_NO_FAREWELL})
    return before


def begin_erasure(tx: Tx, account_id: int, *, planned: bool = False) -> bool:
    """From now on nothing brings the account back; False when that was so already.

    `planned`: since its day has come. Raises Refused(CONFLICT) unless the account is closed, and that day has come.
    """
    standing = require(tx, account_id)
    if standing.state is not State.CLOSED:
        raise Refused(Reason.CONFLICT, f"{standing.login}: the account is {standing.state.value}, not closed")
    if planned and not 0 < standing.erase_at <= tx.now:
        raise Refused(Reason.CONFLICT, f"{standing.login}: the account is not to be erased any more")
    if standing.erased:
        return False
    move(tx, account_id, {"erased": tx.now, "erase_at": tx.now, "reply_until": 0})
    return True


def put_off_erasure(tx: Tx, account_id: int, seconds: int) -> None:
    """What could not end is gone on with so much later; nothing where none is under way."""
    if require(tx, account_id).is_being_erased:
        note(tx, account_id, {"erase_at": tx.now + seconds})


def end_erasure(tx: Tx, account_id: int) -> None:
    """Nothing personal is left in the row: what remains keeps its names from being issued again."""
    nothing: dict[str, Any] = {
        **dict.fromkeys(("numen", "ine", "birth_date", "code", "recovery_code")),
        **dict.fromkeys(("recovery_address", "source", "source_key", "state_reason", "auto_reply"), ""),
        **dict.fromkeys(("suspended_before", "suspended_reason"), ""),
        **dict.fromkeys(("code_expires", "recovery_expires", "password_set", "last_login", "activated"), 0),
        **dict.fromkeys(("answered_uid", "erase_at", "renewal_notice", "renew_by"), 0),
        "provisioned": 1,  # no mailbox is made for it, and no import takes it for one that nobody ever used
    }
    move(tx, account_id, nothing)


def _set_aside(standing: Standing) -> dict[str, Any]:
    """What a closing does to a suspension: a present one waits for the account to be restored, a planned one is off."""
    if standing.state is not State.SUSPENDED:
        return {**_NO_SUSPENSION, **_NOTHING_ASIDE}
    below = standing.state_before or State.ACTIVE
    aside = kept_reason(standing.reason)
    return {"suspend_from": 0, "suspended_before": below.value, "suspended_reason": aside}


def _entering(tx: Tx, state: State, before: State | None = None) -> dict[str, Any]:
    return {"state": state.value, "state_since": tx.now, "state_before": before.value if before else ""}
