"""PostgreSQL's own tools take an instance back to a chosen time: pg_basebackup, archived WAL, recovery_target_time."""

import contextlib
import json
import os
import shutil
import smtplib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from mailserver.background import blob_gc
from mailserver.background.blob_gc import BlobCollector
from mailserver.background.housekeeping import mail as housekept_mail
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import load
from mailserver.model.clock import SystemClock
from mailserver.store.engine.transactions import Store
from mailserver.store.octets.files import files_of, folder_of
from tests.documents.guide import ENGLISH, blocks
from tests.harness import DEMO_PASSWORD, Instance
from tests.operations.health.test_damage import fetched, fill, mail
from tests.operations.moving.test_move import browser
from tests.postgres import Postgres
from tests.waiting import until

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
SETTINGS = """
[outbound]
smarthost = "127.0.0.1:1"
"""
"""What leaves waits."""
SECTION = (ENGLISH / "backup.md").read_text().partition("(PITR)\n")[2]
KEEPING, WEEKLY, _WATCHING, GOING_BACK = (block.text for block in blocks(SECTION)[:4])
"""As operators write them into files."""


class Archived(Postgres):
    """A cluster that keeps its WAL in another folder, as the guide says."""

    def __init__(self, folder: Path, kept: Path) -> None:
        folder.mkdir()
        super().__init__(folder)
        self.archive, self.bases = kept / "wal", kept / "base"
        self.data = folder / "cluster"

    def keep_wal(self) -> None:
        for folder in (self.archive, self.bases):
            folder.mkdir(mode=0o777, parents=True)
            folder.chmod(0o777)
        self._set(KEEPING)
        self.stop()
        self.run()

    def weekly(self, day: str) -> None:
        """What the guide has `cron` do, on another day than today."""
        where = {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "postgres"}
        environment = {**where, "PATH": f"{self._bin}:{os.defpath}"}
        words = ["sh", "-c", self._here(WEEKLY.replace("$(date +%F)", day))]
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, cwd="/", env=environment, **self._identity()
        )
        assert (done.returncode, "rror" in done.stderr) == (0, False), done.stderr

    def begins(self, day: str) -> str:
        """The first file of WAL that a base backup needs."""
        label = (self.bases / day / "backup_label").read_text()
        return label.partition("(file ")[2].partition(")")[0]

    def recover(self, day: str, folder: Path, moment: str) -> "Archived":
        """Another cluster, from a copy of that base backup, as it was at that moment; at the same port."""
        self.stop()
        folder.mkdir()
        subprocess.run(["cp", "-a", self.bases / day, folder / "cluster"], check=True)
        back = Archived.__new__(Archived)
        Postgres.__init__(back, folder)
        back.archive, back.bases, back.data, back.port = self.archive, self.bases, folder / "cluster", self.port
        back._set(GOING_BACK.replace("2026-11-30 09:12:00+01", moment))
        (back.data / "recovery.signal").touch()
        if os.geteuid() == 0:
            shutil.chown(back.data / "recovery.signal", "postgres", "postgres")
        back.run()
        until(lambda: not back.ask("SELECT pg_is_in_recovery()"))
        return back

    def _set(self, lines: str) -> None:
        with open(self.data / "postgresql.conf", "a", encoding="ascii") as settings:
            settings.write(self._here(lines))

    def _here(self, lines: str) -> str:
        return lines.replace("/srv/wal", str(self.archive)).replace("/srv/base", str(self.bases))

    def ask(self, question: str, database: str = "postgres") -> object:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            row = connection.execute(question.encode()).fetchone()
        assert row is not None
        return row[0]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Archived]:
    found = Archived(tmp_path / "postgresql", tmp_path / "kept")
    found.start()
    found.keep_wal()
    yield found
    found.stop()


async def collect(instance: Instance) -> None:
    """What housekeeping does a month later: what was removed is let go of, and files that no row names go aside."""
    settings = load(instance.directory)
    folder = folder_of(settings)
    store = Store(settings.database_url, settings.data, SystemClock(), Changes(), readers=1, writers=1, blobs=folder)
    try:
        collector = BlobCollector(store=store, clock=store.clock, folder=folder)
        await collector.collect()  # which writes down what was removed
        await housekept_mail.let_go(store, int(store.clock.now()) + 10)
        await collector.collect()
    finally:
        store.close()


async def test_taken_back_to_a_chosen_time(server: Archived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was there then is there, octet for octet; numbers go on above those that were given since; nothing leaves,
    nobody is logged in, and a file that the collector took aside meanwhile is on its shelf again."""
    instance = Instance(tmp_path / "academie")
    instance.init("--demo", "--database", server.create())
    instance.configure(SETTINGS)
    instance.start("--workers", "1")
    sent = fill(instance)
    days = ["2001-01-01", "2001-01-08", "2001-01-15"]
    for day in days:
        server.weekly(day)
        server.ask("SELECT pg_switch_wal()")
    assert sorted(path.name for path in server.bases.iterdir()) == days[1:]
    kept = sorted(path.name for path in server.archive.iterdir() if len(path.name) == len(f"{24 * 'F'}.gz"))
    assert kept[0] == f"{server.begins(days[1])}.gz", "WAL from before the oldest is gone, and no other"

    later = [mail(number, size) for number, size in ((8, 700), (9, 300_000))]
    with instance.imap("edupont") as client:
        for octets in later:
            client.append("Preuves", None, None, octets)
        client.select("Preuves")
        client.store("1", "+FLAGS", "(\\Flagged)")
        validity = client.response("UIDVALIDITY")[1][-1]
    with smtplib.SMTP("127.0.0.1", instance.ports["submission"]) as client:
        client.starttls()
        client.login("edupont", DEMO_PASSWORD)
        client.sendmail("edupont@ac-exemple.fr", ["quelqu-un@ailleurs.fr"], b"Subject: dehors\r\n\r\nBonjour\r\n")
    with contextlib.closing(browser(instance)) as cookies:
        assert cookies.get("/s/").status_code == 200
        moment = str(server.ask("SELECT clock_timestamp()"))

        with instance.imap("edupont") as client:
            client.select("Preuves")
            client.store("1:*", "+FLAGS.SILENT", "(\\Deleted)")
            client.expunge()
            answer = client.append("Preuves", None, None, mail(10, 700))[1][0].decode()
            last_uid = int(answer.split("]")[0].split()[-1])
        monkeypatch.setattr(blob_gc, "GRACE", -10)
        await collect(instance)
        files = files_of(instance.directory / "data" / "blobs")
        aside = [path.name for path in (instance.directory / "data" / "blobs" / "quarantine").glob("??/*")]
        assert len(aside) == 4, "the large ones"
        refused = instance.command("storage", "rewound", "DIR", check=False)
        assert (refused.returncode, "is being served" in refused.stderr) == (2, True)
        last = server.ask("SELECT pg_walfile_name(pg_current_wal_lsn())")
        server.ask("SELECT pg_switch_wal()")
        until(lambda: str(server.ask("SELECT last_archived_wal FROM pg_stat_archiver")) >= str(last))
        instance.stop()

        back = server.recover(days[1], tmp_path / "back", moment)
        try:
            done = json.loads(instance.command("storage", "rewound", "DIR", "--json").stdout)
            assert (done["lacking"], done["held"]) == (0, 1)
            instance.start("--workers", "1")
            assert cookies.get("/s/", follow_redirects=False).status_code in (302, 303), "a session of then is over"
            with instance.imap("edupont") as client:
                client.select("Preuves")
                assert client.response("UIDVALIDITY")[1][-1] == validity
                assert list(fetched(client)[2].values()) == [*sent, *later]
                assert "Flagged" in str(client.fetch("1", "(FLAGS)")[1][0])
                answer = client.append("Preuves", None, None, mail(11, 700))[1][0].decode()
                assert int(answer.split("]")[0].split()[-1]) > last_uid
            (waiting,) = json.loads(instance.command("queue", "show", "DIR", "--json").stdout)
            assert "held" in json.dumps(waiting)
            with smtplib.SMTP("127.0.0.1", instance.ports["lmtp"]) as client:
                client.docmd("LHLO", "localhost")
            instance.stop()
            checked = json.loads(instance.command("check", "--deep", "--no-dns", "--json", "DIR", check=False).stdout)
            assert [one for one in checked if one["grade"] == "problem"] == []

            files.put_aside(f"{aside[0][:2]}/{aside[0]}", 1.0)
            files.remove_aside(f"{aside[0][:2]}/{aside[0]}")
            lost = instance.command("storage", "rewound", "DIR", check=False)
            assert (lost.returncode, aside[0] in lost.stderr) == (1, True)
        finally:
            back.stop()
