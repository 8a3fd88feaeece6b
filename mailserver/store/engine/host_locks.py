"""Locks between hosts that share a database: held by a connection, so they end with whoever has them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DBAPIError

from mailserver.store.engine import engines

IMPORT = 0x6D61696D
"""Only one import is under way. (The number beside it is that of migrations.)"""
TRIAL = 0x6D61696E
"""Only one trial of a backup is under way in a database."""


@contextlib.contextmanager
def held(url: str, key: int) -> Iterator[bool]:
    """Whether this process alone has the lock now. Always where one host has the database: files lock there.

    Raises Temporary.
    """
    backend = engines.connect(url, Path(), 1)
    if not backend.is_shared:
        yield True
        return
    try:
        with contextlib.ExitStack() as stack:
            try:
                connection = stack.enter_context(backend.engine.connect())
                is_ours = bool(connection.execute(select(func.pg_try_advisory_lock(key))).scalar_one())
            except Exception as error:
                raise engines.translate(error) from error
            if is_ours:
                stack.callback(_release, connection, key)
            yield is_ours
    finally:
        backend.engine.dispose()


def _release(connection: Connection, key: int) -> None:
    """At once: the server sees the end of a connection some time after it was closed."""
    with contextlib.suppress(DBAPIError):  # with a connection that is lost goes its lock
        connection.execute(select(func.pg_advisory_unlock(key)))
