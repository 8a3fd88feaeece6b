"""A new version is installed over the files of one that serves, which goes on as it was until it is relieved."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import httpx
import pytest

from mailserver.store.engine import migrate
from tests.harness import Instance, environment, workers_of
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


class Installed(Instance):
    """Its program is a copy, which a test may replace."""

    def __init__(self, directory: Path, program: Path) -> None:
        super().__init__(directory)
        self.program = program
        program.mkdir()
        for name in PACKAGES:
            shutil.copytree(ROOT / name, program / name, ignore=shutil.ignore_patterns("node_modules"))

    def _launch(
        self, words: Sequence[str], given: IO[str], out: IO[bytes], log: IO[bytes]
    ) -> "subprocess.Popen[bytes]":
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
