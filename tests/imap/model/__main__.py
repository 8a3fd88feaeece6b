"""`python -m tests.imap.model --seconds 180 --seed 7 [--sessions 24] [--postgresql] [--lockstep]`."""

import argparse
import asyncio
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.imap.model.drive import run
from tests.imap.model.served import temporary
from tests.postgres import Postgres
from tests.schema import create_schema


@contextmanager
def _database(wanted: bool) -> Iterator[str]:
    if not wanted:
        yield ""
        return
    with tempfile.TemporaryDirectory(prefix="mailserver-postgres-") as folder:
        server = Postgres(Path(folder))
        server.start()
        try:
            url = server.create()
            create_schema(url, Path())
            yield url
        finally:
            server.stop()


def main() -> None:
    """Run against an instance of its own; print the seed first, and what was done at the end."""
    parser = argparse.ArgumentParser(prog="python -m tests.imap.model")
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 31))
    parser.add_argument("--sessions", type=int, default=24)
    parser.add_argument("--postgresql", action="store_true", help="in a private PostgreSQL instead of SQLite")
    parser.add_argument("--lockstep", action="store_true", help="one action at a time")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="mailserver-model-") as folder,
        _database(options.postgresql) as url,
        temporary(Path(folder), url) as person,
    ):
        done = asyncio.run(
            run(
                person,
                options.seed,
                options.seconds,
                sessions=options.sessions,
                lockstep=options.lockstep,
            )
        )
    print(done)


if __name__ == "__main__":
    main()
