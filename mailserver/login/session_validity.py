"""Who entered may stay until their account says otherwise: what becomes of open sessions, and the words for it.

Every door asks when the account has moved (`Changes` tells it), and ends what was opened before: a suspension, a
closing, a withdrawn password and a new one are felt within seconds wherever somebody is logged in.
"""

from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal, State
from mailserver.notices import sentences
from mailserver.notices.house import House
from mailserver.store.account.accounts import Standing


def refusal(house: House, state: State, standing: Standing | None) -> Refused:
    """Why an account in this state may not enter, and whom to call. Only for who has shown a right secret."""
    match state:
        case State.SUSPENDED:
            since, until = (standing.since, standing.suspend_until) if standing is not None else (0, 0)
            return Refused(Reason.SUSPENDED, sentences.suspended(house, since, until))
        case State.CLOSED:
            return Refused(Reason.CLOSED, sentences.closed(house))
        case _:
            return Refused(Reason.NOT_ACTIVATED, sentences.NOT_ACTIVATED)


def departure(house: House, principal: Principal, standing: Standing | None) -> Refused | None:
    """Why somebody who is in has to leave; None: they stay."""
    if standing is None:
        return Refused(Reason.CLOSED, sentences.closed(house))
    if standing.state is not State.ACTIVE:
        return refusal(house, standing.state, standing)
    if standing.login_version != principal.login_version:
        return Refused(Reason.AUTHENTICATION, sentences.CHANGED)
    return None
