"""What other servers have taken and no store could be told before the relay stopped, since the database was away.

It lies in a file of this host (DIR/data/relay: numbers of rows and recipients, no address) until a relay of the host
finds the database there again, before it begins anything else. Where a relay of another host was faster, once the lease
had run out, that one has sent it again: it could not know.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import structlog

from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.queue import spool, traces
from mailserver.store.queue.spool import LeftBehind
from mailserver.store.queue.traces import Step, Trace
from mailserver.texts.causes import Cause

log = structlog.get_logger("relay")

MOST_OCTETS = 1024 * 1024
"""Of one file: a relay has a few hundred attempts under way."""
_ENDING = ".json"


def keep(folder: Path, name: str, rows: Sequence[LeftBehind]) -> Path | None:
    """Write them to a file, on disk when it returns; None: that cannot be."""
    facts = [[row.id, row.lease, *row.recipients] for row in rows]
    fresh, path = folder / f".{name}", folder / f"{name}{_ENDING}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:
            json.dump(facts, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _sync(folder)
    except OSError as error:
        log.error("what has left cannot be put down, and may leave again", messages=len(rows), why=str(error))
        return None
    return path


async def take_up(folder: Path, store: Store) -> None:
    """Put down what lies there. Raises Temporary."""
    for path in _files(folder):
        rows = _read(path)
        for row in rows:
            if await store.write(_put_down, row):
                log.warning("put down what had left before the relay stopped", row=row.id)
        path.unlink(missing_ok=True)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{_ENDING}"))


def _read(path: Path) -> list[LeftBehind]:
    try:
        with path.open("rb") as file:
            facts = json.loads(file.read(MOST_OCTETS))
        return [LeftBehind(int(row), int(lease), tuple(map(int, taken))) for row, lease, *taken in facts]
    except FileNotFoundError:  # another relay of this host was faster
        return []
    except (OSError, ValueError, TypeError, RecursionError) as error:
        log.error("what had left cannot be read, and may leave again", file=path.name, why=type(error).__name__)
        return []


def _put_down(tx: Tx, row: LeftBehind) -> bool:
    found = spool.settle_left_behind(tx, row)
    if found is None:
        return False
    detail = Cause("left-before-stop")
    traces.record(tx, Trace(Step.SENT, found.name, found.reverse_path, found.addresses, 0, found.account_id, detail))
    return True


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
