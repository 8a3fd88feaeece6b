"""The time by which hosts take turns: the database's clock, whatever those of the hosts say."""

import time

from sqlalchemy import func, select

from mailserver.store.engine.statements import Statement, Tx

_NOW = Statement(select(func.extract("epoch", func.clock_timestamp())))


def server_time(tx: Tx) -> float:
    """Seconds since the epoch; SQLite has no clock but the host's.

    Where a test has put its clock forward the database's is forward by as much.
    """
    return tx.clock.now() - skew(tx)


def skew(tx: Tx) -> float:
    """How far this host's clock is before the database's, in seconds."""
    if tx.dialect == "sqlite":
        return 0.0
    row = tx.one(_NOW)
    assert row is not None
    return time.time() - float(row[0])
