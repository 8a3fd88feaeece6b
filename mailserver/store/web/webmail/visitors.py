"""Whose session a request of the web belongs to, with what every page asks of them, and what a page that stays open is
told again."""

from sqlalchemy import bindparam, func, select

from mailserver.model.account.preferences import Preferences
from mailserver.store.account import filters, sessions
from mailserver.store.account.sessions import Session
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail.access import Reach, Viewer
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.schema.mail.writing import outbox
from mailserver.store.web import searches
from mailserver.store.web.searches import Search
from mailserver.store.web.webmail import folders

_PLANNED = Statement(
    select(func.count()).select_from(outbox).where(outbox.c.account_id == bindparam("account"), outbox.c.planned == 1)
)


def find(tx: Tx, token_hash: bytes) -> tuple[Session, Preferences, tuple[Search, ...], int, bytes] | None:
    """The open session of a token, what its owner chose and saved, how many of their letters are planned, and the hash
    of the script that their mail runs through; empty: there is none."""
    found = sessions.find(tx, token_hash)
    if found is None:
        return None
    account_id = found[0].account_id
    script = filters.active_hash(tx, account_id) or b""
    return *found, tuple(searches.saved(tx, account_id)), _planned(tx, account_id), script


def counted(tx: Tx, viewer: Viewer) -> tuple[list[Mailbox], list[Reach], int]:
    """Somebody's own mailboxes, those of others that they may look up, and how many of their letters are planned."""
    return *folders.own_and_shared(tx, viewer), _planned(tx, viewer.account_id)


def _planned(tx: Tx, account_id: int) -> int:
    return int(tx.all(_PLANNED, account=account_id)[0][0])
