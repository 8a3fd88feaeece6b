"""What a person chose on the settings pages, as it is stored (the values: `mailserver.model.account.preferences`)."""

from collections.abc import Callable, Mapping

from sqlalchemy import bindparam, delete, insert, select

from mailserver.model.account import preferences as chosen
from mailserver.model.account.preferences import Preferences
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.account.sessions import preference

_PREFERENCES = Statement(select(preference.c.chosen).where(preference.c.account_id == bindparam("account_id")))


def preferences(tx: Tx, account_id: int) -> Preferences:
    """What the person chose, or the defaults."""
    row = tx.one(_PREFERENCES, account_id=account_id)
    return Preferences() if row is None else chosen.read(row[0])


def save_preferences(tx: Tx, account_id: int, wanted: Preferences) -> None:
    """Replace the person's preferences."""
    tx.execute(delete(preference).where(preference.c.account_id == account_id))
    tx.execute(insert(preference), {"account_id": account_id, "chosen": chosen.write(wanted)})


def revise_preferences(tx: Tx, account_id: int, changes: Mapping[str, object]) -> Preferences:
    """Change some fields and leave the others as they are by now; what is chosen then. Values that are none change
    nothing. Raises KeyError: no such field."""
    return change_preferences(tx, account_id, lambda _: changes)


def change_preferences(tx: Tx, account_id: int, change: Callable[[Preferences], Mapping[str, object]]) -> Preferences:
    """The same by changes that follow from what is chosen by now; `change` may refuse."""
    tx.execute(select(account.c.id).where(account.c.id == account_id).with_for_update())
    kept = preferences(tx, account_id)
    wanted = chosen.revise(kept, change(kept))
    save_preferences(tx, account_id, wanted)
    return wanted
