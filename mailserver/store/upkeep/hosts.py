"""The hosts that serve one instance, as each says of itself every few seconds. Times are the database's clock."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, inspect, select, text, update

from mailserver.store.engine.statements import Tx
from mailserver.store.schema.service.keeping import host

GONE_SECONDS = 30
"""Without a word: six beats."""
FORGOTTEN_SECONDS = 30 * 86400
KEPT = 200
"""Rows; hosts that were made anew each time leave theirs behind."""


@dataclass(frozen=True, slots=True)
class Host:
    """What one says of itself."""

    id: str
    name: str
    version: str
    schema: str
    connections: int
    """To the database, at most."""
    settings: Mapping[str, str]
    """Keyed hashes of what must agree, by section."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the others know of it."""

    host: Host
    silent: int
    """Seconds since its last word."""
    skew: int
    """Milliseconds that its clock is before the database's."""

    @property
    def is_gone(self) -> bool:
        return self.silent > GONE_SECONDS


def beat(tx: Tx, said: Host) -> str:
    """Say that it serves; by which name this host said so last, or one that has the same identifier."""
    last = tx.execute(select(host.c.name).where(host.c.id == said.id)).scalar() or ""
    now = tx.now
    values: dict[str, Any] = {
        "name": said.name,
        "version": said.version,
        "schema": said.schema,
        "beat": now,
        "skew": round(1000 * tx.clock.skew),
        "connections": said.connections,
        "settings": json.dumps(said.settings, sort_keys=True),
    }
    if tx.execute(update(host).where(host.c.id == said.id).values(**values)).rowcount:
        return last
    tx.insert_ignore(host, {"id": said.id, "started": now, **values})
    tx.execute(delete(host).where(host.c.beat < now - FORGOTTEN_SECONDS))
    return last


def leave(tx: Tx, identifier: str) -> None:
    """Say that it ends, as it was told to: nobody misses it."""
    tx.execute(delete(host).where(host.c.id == identifier))


def all_of(tx: Tx) -> Sequence[Seen]:
    """Those that serve, or did and did not take their leave; by name."""
    now = tx.now
    rows = tx.execute(select(host).order_by(host.c.beat.desc()).limit(KEPT)).all()
    found = [
        Seen(
            Host(row.id, row.name, row.version, row.schema, row.connections, json.loads(row.settings)),
            max(0, now - row.beat),
            row.skew,
        )
        for row in rows
    ]
    return sorted(found, key=lambda each: (each.host.name, each.host.id))


def keep_out(connection: Connection) -> None:
    """Until this transaction ends no host of a PostgreSQL database says that it serves: who begins to waits, and looks
    at the schema afterwards."""
    if connection.dialect.name != "sqlite" and inspect(connection).has_table(host.name):
        connection.execute(text(f"LOCK TABLE {host.name} IN SHARE MODE"))


def others(connection: Connection, but: str) -> list[str]:
    """Names of the hosts that serve now, without this one; of a file only one host can."""
    if connection.dialect.name == "sqlite" or not inspect(connection).has_table(host.name):
        return []
    now = func.extract("epoch", func.clock_timestamp())
    clause = select(host.c.name).where(host.c.id != but, host.c.beat > now - GONE_SECONDS)
    return list(connection.execute(clause.order_by(host.c.name).limit(KEPT)).scalars())


def most_connections(tx: Tx) -> int:
    """What a PostgreSQL server takes from programs like ours; 0 where nobody counts."""
    if tx.dialect == "sqlite":
        return 0
    found = tx.execute(
        text(
            "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
            " - coalesce(current_setting('reserved_connections', true)::int, 0)"
        )
    )
    return int(found.scalar_one())
