"""Whose session a request of the web belongs to, with what every page asks of them."""

from mailserver.preferences import Preferences
from mailserver.store import searches, sessions
from mailserver.store.searches import Search
from mailserver.store.sessions import Session
from mailserver.store.statements import Tx


def find(tx: Tx, token_hash: bytes) -> tuple[Session, Preferences, tuple[Search, ...]] | None:
    """The open session of a token, and what its owner chose and saved."""
    found = sessions.find(tx, token_hash)
    return None if found is None else (*found, tuple(searches.saved(tx, found[0].account_id)))
