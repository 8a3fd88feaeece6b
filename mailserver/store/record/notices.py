"""Telling every worker that what is known of somebody has moved."""

from mailserver.store.engine.statements import Tx

DIRECTORY = 0
"""The account id whose subscribers hear of every change of a person, list or school."""


def moved(tx: Tx, account_id: int) -> None:
    """Who this account is, or whether they may enter, is no longer what caches hold."""
    tx.changed(account_id, 0)
    tx.changed(DIRECTORY, 0)
