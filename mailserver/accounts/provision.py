"""What every account starts with: mailboxes, a calendar, a task list, an address book."""

from collections.abc import Sequence

from mailserver.store.account import accounts
from mailserver.store.agenda import agendas
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import mailboxes


def provision(tx: Tx, account_id: int) -> None:
    """Make what is missing, once. At the first login, delivery or agenda request, whichever comes first.

    The account's row says whether it is done; whoever turns it does the work, and a unit that comes at
    the same time waits for it (PostgreSQL) or runs after it (SQLite).
    """
    if accounts.start_provisioning(tx, account_id):
        mailboxes.provision(tx, account_id)
        agendas.provision(tx, account_id)


def provision_new(tx: Tx, account_ids: Sequence[int]) -> None:
    """The same for many accounts at once, for mail to very many people."""
    started = accounts.start_provisioning_of(tx, account_ids)
    if started:
        mailboxes.provision_new(tx, started)
        agendas.provision_new(tx, started)
