"""Whose session a request of the web belongs to, with what every page asks of them."""

from mailserver.model.preferences import Preferences
from mailserver.store.account import sessions
from mailserver.store.account.sessions import Session
from mailserver.store.engine.statements import Tx
from mailserver.store.web import searches
from mailserver.store.web.searches import Search


def find(tx: Tx, token_hash: bytes) -> tuple[Session, Preferences, tuple[Search, ...]] | None:
    """The open session of a token, and what its owner chose and saved."""
    found = sessions.find(tx, token_hash)
    return None if found is None else (*found, tuple(searches.saved(tx, found[0].account_id)))
