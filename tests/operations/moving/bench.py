"""How long the service stands still while an instance moves to PostgreSQL, or back.

python -m tests.operations.moving.bench [--accounts 5000] [--messages 200] [--changed 20000] [--folder DIR]
    [--offline] [--back]

A million messages, of which every fifth is different, are brought while the service would go on; then some change, and
the move ends. `--offline`: everything at once, while it stands still. `--back`: what is measured is the way back, after
one there.
"""

import argparse
import os
import resource
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from unittest import mock

import psycopg

from mailserver.operations.moving import service
from mailserver.operations.moving.service import Move
from mailserver.store.upkeep import opening
from mailserver.store.upkeep.opening import Place
from tests.postgres import Postgres

APPEARANCES = 5
"""In so many mailboxes each message is."""
SETTINGS = 'domain = "ac-exemple.fr"\n'


def make(folder: Path) -> Place:
    """An instance without anything in it."""
    directory = folder / "instance"
    (directory / "data" / "blobs").mkdir(parents=True)
    (directory / "mailserver.toml").write_text(SETTINGS)
    place = Place(f"sqlite:///{directory / 'data' / 'mail.db'}", directory / "data", directory)
    opening.make(place)
    return place


def columns(database: sqlite3.Connection, table: str, **chosen: str) -> str:
    """INSERT … SELECT: what is not chosen is empty."""
    names, values = [], []
    for _, name, kind, not_null, default, key in database.execute(f"PRAGMA table_info({table})"):
        if name not in chosen and (not (not_null or key) or default is not None):
            continue
        names.append(f'"{name}"')
        values.append(chosen.get(name, "x''" if kind == "BLOB" else "0" if "INT" in kind else "''"))
    return f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)}"


NUMBERS = " FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?) SELECT n FROM c)"


def fill(place: Place, accounts: int, messages: int) -> None:
    """Each account has so many messages."""
    contents = accounts * messages // APPEARANCES
    with closing(sqlite3.connect(place.data / "mail.db")) as database:
        database.execute("PRAGMA synchronous=OFF")

        def put(table: str, count: int, **chosen: str) -> None:
            database.execute(columns(database, table, **chosen) + NUMBERS, (count,))

        put("account", accounts, id="n", login="'personne' || n", state="'active'", population="'pupil'")
        put("mailbox", accounts, id="n", account_id="n", name="'INBOX'", uidvalidity="1", uidnext=str(messages + 1))
        put(
            "content",
            contents,
            id="n",
            hash="randomblob(32)",
            size="4000",
            envelope="randomblob(300)",
            bodystructure="randomblob(150)",
            subject="'Sujet du message ' || n",
            sender="'Une personne ' || n",
            preview="'Bonjour, voici ce que nous avons dit hier ' || hex(randomblob(40))",
            message_id="hex(randomblob(16))",
            thread="n",
        )
        put("blob", contents, content_id="n", header="randomblob(900)", octets="randomblob(2500)")
        put("search_text", contents, content_id="n", header="randomblob(100)", body="randomblob(700)")
        put(
            "message",
            accounts * messages,
            mailbox_id=f"(n - 1) / {messages} + 1",
            uid=f"(n - 1) % {messages} + 1",
            content_id=f"n % {contents} + 1",
            modseq="n",
            size="4000",
        )
        database.commit()


def change(place: Place, count: int) -> None:
    """What people do meanwhile."""
    with closing(sqlite3.connect(place.data / "mail.db")) as database:
        began = time.process_time()
        database.execute("UPDATE message SET flags = 1 WHERE mailbox_id <= ?", (count // 200,))
        database.commit()
        print(f"changing {count} rows: {time.process_time() - began:.2f} s of CPU")


def change_there(url: str, count: int) -> None:
    """The same in PostgreSQL."""
    with psycopg.connect(url) as connection:
        began = time.monotonic()
        connection.execute("UPDATE message SET flags = 1 WHERE mailbox_id <= %s", (count // 200,))
        connection.commit()
        print(f"changing {count} rows: {time.monotonic() - began:.2f} s")


def used() -> float:
    mine = resource.getrusage(resource.RUSAGE_SELF)
    return mine.ru_utime + mine.ru_stime


def of_server(postgres: Postgres) -> float:
    """CPU seconds of the server's processes that are there, and of those that have gone."""
    ticks = 0
    for folder in Path("/proc").iterdir():
        try:
            words = (folder / "stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            continue
        if folder.name == str(postgres.pid):
            ticks += sum(map(int, words[11:15]))
        elif words[1] == str(postgres.pid):
            ticks += sum(map(int, words[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def run(move: Move, postgres: Postgres, served: bool) -> None:
    wall, cpu, server = time.monotonic(), used(), of_server(postgres)
    with mock.patch.object(service, "_servers", return_value=["here"] if served else []):
        report = service.run(move, lambda *_: None)
    name = "served" if served else "closed"
    print(
        f"{name}: {time.monotonic() - wall:.1f} s, {used() - cpu:.1f} s of CPU here,"
        f" {of_server(postgres) - server:.1f} s in PostgreSQL; put {report.put}, taken {report.taken};"
        f" { ({key: round(value, 2) for key, value in report.seconds.items()}) }"
    )
    assert report.ended != served


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--accounts", type=int, default=5000)
    reader.add_argument("--messages", type=int, default=200)
    reader.add_argument("--changed", type=int, default=20_000)
    reader.add_argument("--folder", type=Path)
    reader.add_argument("--offline", action="store_true")
    reader.add_argument("--back", action="store_true")
    chosen = reader.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        place = make(folder)
        fill(place, chosen.accounts, chosen.messages)
        print(f"database: {(place.data / 'mail.db').stat().st_size / 2**20:.0f} MiB")
        postgres = Postgres(folder / "postgres")
        (folder / "postgres").mkdir()
        postgres.start()
        try:
            url = postgres.create("template0")

            def move() -> Move:
                return Move(place, Place(url, place.data, place.settings), False, SETTINGS)

            if not chosen.offline and not chosen.back:
                run(move(), postgres, served=True)
                change(place, chosen.changed)
            run(move(), postgres, served=False)
            if chosen.back:
                _back(place, url, postgres, 0 if chosen.offline else chosen.changed)
            with psycopg.connect(url) as connection:
                rows = connection.execute("SELECT count(*) FROM message WHERE flags = 1").fetchone()
                print(f"changed rows there: {rows}")
        finally:
            postgres.stop()


def _back(place: Place, url: str, postgres: Postgres, changed: int) -> None:
    there = Place(url, place.data, place.settings)
    home = Place(f"sqlite:///{place.data / 'home.db'}", place.data, place.settings)

    def move() -> Move:
        return Move(there, home, False, SETTINGS)

    if changed:
        run(move(), postgres, served=True)
        change_there(url, changed)
    run(move(), postgres, served=False)


if __name__ == "__main__":
    main()
