"""What an account did lately that reaches others and stays as it is when the account is secured, as the record has it:
bulletins, lists (made and deleted ones, queries, archives, whom it took out), rules, brakes, quiet hours, models of
letters. Whom it put into lists is taken out again (`recent_members`) and not told here.
"""

from sqlalchemy import select

from mailserver.store.engine.statements import Tx
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Event, Wanted
from mailserver.store.schema.account.accounts import account
from mailserver.store.upkeep import recent_members

MOST = 200
"""Rows, the newest."""
_ACTIONS = (
    *(Action.BULLETIN_CHANGED, Action.LIST_CHANGED, Action.RULE_CHANGED, Action.BRAKED, Action.RELEASED),
    *(Action.QUIET_HOURS_SET, Action.MODEL_CHANGED),
)
_ELSEWHERE = frozenset((recent_members.ADDED, "list-members"))
"""Said by name, or ended."""


def found(tx: Tx, account_id: int, since: int) -> list[Event]:
    """What it did since then, newest first."""
    login = tx.execute(select(account.c.login).where(account.c.id == account_id)).scalar_one_or_none()
    if not login:
        return []
    rows: list[Event] = []
    for action in _ACTIONS:
        mine = audit.find(tx, Wanted(action=action, actor=str(login), since=since), MOST)
        rows += [one for one in mine if one.detail.name not in _ELSEWHERE]
    return sorted(rows, key=lambda one: -one.id)[:MOST]
