"""Messages out of a real backup, beside what an account has, while it is served."""

import fcntl
import imaplib
import json
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

import pytest

from mailserver.operations.backup import opened
from tests.harness import START_SECONDS, Instance, environment
from tests.operations.health.test_damage import fetched, fill, mail
from tests.operations.partial_restore.conftest import Academy
from tests.waiting import until

pytestmark = [pytest.mark.needs("restic"), pytest.mark.usefixtures("quick_restic")]
TREE = re.compile(r"Restauré le \d\d-\d\d-\d{4}")


def notices(client: imaplib.IMAP4) -> list[bytes]:
    client.select("INBOX", readonly=True)
    return list(client.search(None, "FROM", "postmaster", "SUBJECT", '"Restaur"')[1][0].split())


def restored(client: imaplib.IMAP4, folder: str) -> list[str]:
    """A folder in the trees of every day."""
    rows = client.list('""', f'"Restauré le %/{folder}"')[1]
    return re.findall(r'"(Restauré le [^"]+)"', b"\n".join(row for row in rows if isinstance(row, bytes)).decode())


def test_what_is_missing_comes_back_beside_what_is_there(academy: Academy, tmp_path: Path) -> None:
    instance = academy.instance
    academy.instance = back = Instance(tmp_path / "back")
    back.copy_of(instance)
    instance.start("--workers", "1")
    sent = fill(instance)
    with instance.imap("edupont") as client:
        client.select("Preuves")
        client.store("2,3", "+FLAGS", "(\\Flagged $Label1)")
        client.create("Preuves/Sous")
        client.append("Preuves/Sous", None, None, mail(50, 700))
    academy.instance = instance
    made = academy.back_up()
    with instance.imap("edupont") as client:
        client.enable("UTF8=ACCEPT")
        client.select("Preuves")
        client.store("2,3", "+FLAGS.SILENT", "(\\Deleted)")
        client.expunge()
        client.delete("Preuves/Sous")

        done = academy.restore("--account", "edupont@ac-exemple.fr", "--folder", "Preuves")
        assert done["backup"] == made["id"]
        tree = done["mail"]["tree"]
        assert TREE.fullmatch(tree)
        assert done["mail"]["folders"] == {"Preuves": 2, "Preuves/Sous": 1}
        assert done["mail"]["there"] == len(sent) - 2
        client.select(f'"{tree}/Preuves"')
        assert list(fetched(client)[2].values()) == sent[1:3]
        flags = client.fetch("1:*", "(FLAGS)")[1]
        assert all(b"\\Flagged" in one and b"$Label1" in one and b"\\Deleted" not in one for one in flags)  # type: ignore[operator]
        assert client.select(f'"{tree}/Preuves/Sous"')[1] == [b"1"]
        assert client.select("Preuves")[1] == [str(len(sent) - 2).encode()], "nothing is there twice"
        assert len(notices(client)) == 1
    log = json.loads(instance.command("account", "log", "DIR", "edupont", "--json").stdout)
    assert [event["code"] for event in log if event["action"] == "restored"] == ["restored", "restore-begun"]
    listed = instance.command("restore", academy.target, "--list", "--key-file", academy.key, "--json")
    assert [(one["id"], one["time"]) for one in json.loads(listed.stdout)] == [(made["id"], made["time"])]
    instance.stop()

    # Where neither their contents nor their files are: the instance as it was before they came.
    academy.instance = back
    killed_in_between(academy)
    done = academy.restore("--account", "edupont", "--at", made["time"])["mail"]
    assert sum(done["folders"].values()) <= len(sent) + 1
    assert not (back.directory / "data" / "restore-work").exists()
    back.start("--workers", "1")
    with back.imap("edupont") as client:
        client.enable("UTF8=ACCEPT")
        found: list[bytes] = []
        trees = restored(client, "Preuves")  # two if the day ended meanwhile
        for name in trees:
            client.select(f'"{name}"')
            found += fetched(client)[2].values()
        assert sorted(found) == sorted(sent)
        assert len(notices(client)) <= len(trees), "a restore that goes on tells nobody again"
        assert notices(client)
    back.stop()


def killed_in_between(academy: Academy) -> None:
    """A restore that is pulled the plug once the first of its messages are there."""
    directory = academy.instance.directory
    words = ["restore", str(academy.target), str(directory), "--key-file", str(academy.key), "--account", "edupont"]
    process = subprocess.Popen([sys.executable, "-m", "mailserver", *words], env=environment())

    def has_begun() -> bool:
        with closing(connect(directory / "data" / "mail.db")) as database:
            return bool(database.execute("SELECT 1 FROM mailbox WHERE name LIKE 'Restaur% le %'").fetchone())

    until(has_begun, START_SECONDS)
    process.kill()
    process.wait()
    until(lambda: is_free(directory / "data" / opened.LOCK))


def is_free(path: Path) -> bool:
    """Whether no program that the killed one ran is still at work."""
    with open(path, "rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True
