"""A disk that keeps whoever syncs waiting: nothing is acknowledged before it is on it, and who reads notices nothing.

strace holds the worker back at the very calls that wait for the disk, and lets go of it when it ends.
"""

import contextlib
import os
import smtplib
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.harness import Instance, workers_of
from tests.waiting import until

pytestmark = pytest.mark.needs("strace", "root")
HELD_BACK = 600_000_000
"""Microseconds: longer than any test."""
SUBJECT = "Lentement"


@contextlib.contextmanager
def slow_disk(instance: Instance, folder: Path) -> Iterator[Callable[[], bool]]:
    """What it gives says whether somebody waits for the disk."""
    (worker,) = workers_of(instance)
    what = ["-e", "trace=fsync,fdatasync", "-e", f"inject=fsync,fdatasync:delay_enter={HELD_BACK}"]
    process = subprocess.Popen(["strace", "-f", "-q", *what, "-p", str(worker), "-o", str(folder / "strace")])
    tasks = Path(f"/proc/{worker}/task")
    seen: dict[str, int] = {}

    def waits() -> bool:
        """A thread that stands where it stood."""
        for task in tasks.iterdir():
            with contextlib.suppress(FileNotFoundError):
                stands = (task / "stat").read_text().rpartition(")")[2].split()[0] == "t"
                seen[task.name] = seen.get(task.name, 0) + 1 if stands else 0
        return max(seen.values()) > 20

    try:
        until(lambda: all("TracerPid:\t0" not in (task / "status").read_text() for task in tasks.iterdir()))
        yield waits
    finally:
        process.terminate()
        process.wait()


def test_nothing_is_acknowledged_and_everybody_reads(fresh: Callable[..., Instance], tmp_path: Path) -> None:
    instance = fresh("--demo")
    instance.start("--workers", "1")
    said: list[int] = []

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=120) as client:
            client.ehlo("mx.exemple.org")
            client.mail("x@exemple.org")
            client.rcpt("edupont@ac-exemple.fr")
            said.append(client.data(f"Subject: {SUBJECT}\r\n\r\nx\r\n".encode())[0])

    web = f"http://127.0.0.1:{instance.ports['http']}"
    sender = threading.Thread(target=send)
    with instance.imap("edupont") as reader:
        reader.select("INBOX")
        with slow_disk(instance, tmp_path) as somebody_waits:
            sender.start()
            until(somebody_waits)
            assert reader.fetch("1:*", "(FLAGS ENVELOPE)")[0] == "OK"
            assert reader.fetch("1", "(BODY.PEEK[])")[0] == "OK"
            assert reader.search(None, "SUBJECT", SUBJECT)[1] == [b""]
            assert httpx.get(f"{web}/sante/vif", timeout=60).status_code == 200
            assert httpx.get(f"{web}/", timeout=60, follow_redirects=True).status_code == 200
            with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=60) as another:
                assert another.ehlo("mx.exemple.org")[0] == 250
            assert (said, sender.is_alive()) == ([], True)
        sender.join()
        assert said == [250]
        until(lambda: reader.noop() and reader.search(None, "SUBJECT", SUBJECT)[1] != [b""])
    assert os.path.getsize(tmp_path / "strace") > 0
