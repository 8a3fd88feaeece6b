"""A new version is installed over the files of one that serves, which goes on as it was until it is relieved."""

import os
import shutil
import signal
import smtplib
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import httpx
import pytest

from mailserver.store.engine import migrate
from tests.harness import DEMO_PASSWORD, Instance, environment, workers_of
from tests.hatchery import ROOT
from tests.waiting import until

PACKAGES = ("mailserver", "smtp", "imap", "webui", "directory", "calendar")
TO_COME = '''"""Of a version to come."""

revision = "9001"
down_revision = "{down}"
branch_labels = None
depends_on = None
KIND = "expand"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
'''

WATCH = """
import sys
from pathlib import Path


class Watch:
    def find_spec(self, name, path=None, target=None):
        if Path("/proc/self/comm").read_text().startswith("mail-"):
            with open({file!r}, "a") as file:
                file.write(name + chr(10))


sys.meta_path.insert(0, Watch())
"""
"""Python runs it at the start (the module sitecustomize)."""
UNMOVED = {"tzdata", *sys.stdlib_module_names}
"""Data that is looked up by name, and what no upgrade of ours replaces."""


class Installed(Instance):
    """Its program is a copy, which a test may replace."""

    def __init__(self, directory: Path, program: Path) -> None:
        super().__init__(directory)
        self.program = program
        self.imported = directory.with_suffix(".imported")
        """What its workers, relays and indexer import, a name a line."""
        program.mkdir()
        for name in PACKAGES:
            shutil.copytree(ROOT / name, program / name, ignore=shutil.ignore_patterns("node_modules"))

    def _launch(
        self, words: Sequence[str], given: IO[str], out: IO[bytes], log: IO[bytes]
    ) -> "subprocess.Popen[bytes]":
        (self.program / "sitecustomize.py").write_text(WATCH.format(file=str(self.imported)))
        paths = os.pathsep.join((str(self.program), str(self.program / "calendar")))
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "mailserver", *words],
            env=environment() | {"PYTHONPATH": paths},
            stdin=given,
            stdout=out,
            stderr=log,
        )


@pytest.fixture
def served(fresh: Callable[..., Instance], tmp_path: Path) -> Iterator[Installed]:
    instance = Installed(tmp_path / "served", tmp_path / "program")
    instance.copy_of(fresh("--demo"))
    instance.start("--workers", "1")
    yield instance
    instance.stop()


def test_a_worker_that_is_replaced_serves_the_version_that_began(served: Installed) -> None:
    """It took the database for one that was taken back, and stopped the service; its pages were of both versions."""
    down = max(migrate.newest())
    versions = served.program / "mailserver" / "store" / "migrations" / "versions"
    (versions / "r9001_to_come.py").write_text(TO_COME.format(down=down))
    web = served.program / "webui"
    templates = [path for path in (web / "templates").rglob("*") if path.is_file()]
    for path in templates:
        path.write_text("{{ what_the_next_version_has }}")
    shutil.rmtree(web / "static")
    (served.program / "directory" / "issuing" / "letter.typ").write_text("#none")
    (before,) = workers_of(served)
    os.kill(before, signal.SIGKILL)
    until(lambda: workers_of(served) not in ([], [before]))
    base = f"http://127.0.0.1:{served.ports['http']}"

    def page() -> httpx.Response | None:
        try:
            return httpx.get(f"{base}/login", timeout=60)
        except httpx.TransportError:
            return None

    until(lambda: page() is not None)
    shown = page()
    assert shown is not None
    assert shown.status_code == 200
    style = shown.text.partition('<link rel="stylesheet" href="')[2].partition('"')[0]
    assert httpx.get(f"{base}{style}", timeout=60).status_code == 200
    with served.imap("edupont") as client:
        assert client.select("INBOX")[0] == "OK"
    assert "the service stops" not in served.log_text()


def test_nothing_is_imported_by_those_who_serve(served: Installed) -> None:
    """Of a library that was upgraded meanwhile they would have parts of two versions."""
    with smtplib.SMTP("127.0.0.1", served.ports["smtp"], timeout=60) as client:
        client.sendmail("x@ailleurs.fr", ["edupont@ac-exemple.fr"], b"Subject: x\r\n\r\nx\r\n")
    with served.imap("edupont") as mailbox:
        mailbox.select("INBOX")
        mailbox.fetch("1:*", "(FLAGS ENVELOPE BODYSTRUCTURE BODY.PEEK[])")
        mailbox.search(None, "TEXT", "bonjour")
    base = f"http://127.0.0.1:{served.ports['http']}"
    with httpx.Client(base_url=base, timeout=60, follow_redirects=True) as browser:
        mark = browser.get("/login").text.partition('name="m_" value="')[2].partition('"')[0]
        given = {"m_": mark, "identifiant": "edupont", "mot_de_passe": DEMO_PASSWORD}
        for answer in (browser.post("/connexion", data=given), browser.get("/agenda"), browser.get("/contacts")):
            assert answer.status_code == 200
    assert httpx.request("PROPFIND", f"{base}/dav/", auth=("edupont", DEMO_PASSWORD), timeout=60).status_code == 207
    imported = served.imported.read_text().split() if served.imported.exists() else []
    assert {name for name in imported if name.partition(".")[0] not in UNMOVED} == set()
