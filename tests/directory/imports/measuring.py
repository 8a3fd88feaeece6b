"""What the benches of imports have in common: instances, a slapd, commands that are timed and bounded, one table."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from mailserver.foundation.tls import write_secret
from tests.directory.slapd import ADMIN, BASE, PASSWORD, Slapd
from tests.harness import environment, run_command
from tests.hatchery import ROOT

LIMIT = 900
"""Seconds that one command may take."""
INDEXES = """
index acadAccountId,acadAddress,cn,sn,givenName eq
index acadUAI,acadClass,acadGroup,acadFunction,employeeType eq
"""
_TICKS = os.sysconf("SC_CLK_TCK")
_COUNTS = re.compile(r"(\d+) (created|changed|leaving|unchanged|refused)\b")


@dataclass(frozen=True, slots=True)
class Figures:
    """What a command took."""

    said: str
    """Its last line."""
    seconds: float
    cpu: float
    mib: int
    """The most memory it had."""
    server_cpu: float = 0.0
    """Of the slapd it worked with."""
    server_mib: int = 0
    ended: bool = True
    """False: it was killed at the limit."""

    @property
    def counts(self) -> str:
        """What it did, without what it did not."""
        return ", ".join(f"{count} {word}" for count, word in _COUNTS.findall(self.said) if count != "0")


def measure(words: Sequence[object], limit: float = LIMIT, server: Slapd | None = None) -> Figures:
    """Run `mailserver WORDS`. Peak memory is that of this one process; so the caller's own must be small."""
    began, ticks = time.monotonic(), _server_ticks(server)
    process = subprocess.Popen(
        [sys.executable, "-m", "mailserver", *map(str, words)], cwd=ROOT, env=environment(), stdout=subprocess.PIPE
    )
    ender = threading.Timer(limit, process.kill)
    ender.start()
    try:
        assert process.stdout is not None
        with process.stdout:
            told = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        ender.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    ended = process.returncode != -signal.SIGKILL
    if ended and process.returncode:
        raise SystemExit(f"{' '.join(map(str, words))} ended with {process.returncode}: {told[-2000:]}")
    return Figures(
        told.strip().rsplit("\n", 1)[-1],
        time.monotonic() - began,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss // 1024,
        (_server_ticks(server) - ticks) / _TICKS,
        _server_peak(server),
        ended,
    )


def instance(folder: Path, server: Slapd | None = None, pool: int = 4) -> Path:
    """A new instance, over the embedded directory or over a slapd."""
    run_command("init", folder, "--domain", "ac-exemple.fr")
    if server is not None:
        write_secret(folder / "secrets" / "ldap", PASSWORD.encode())
        section = (
            f'\n[ldap]\nurl = "{server.url}"\nbase = "{BASE}"\nbind_dn = "{ADMIN}"\npassword_file = "ldap"\n'
            f"read_only = false\npool = {pool}\n"
        )
        path = folder / "mailserver.toml"
        path.write_text(path.read_text() + section)
    return folder


@contextlib.contextmanager
def openldap(folder: Path) -> Iterator[Slapd]:
    """A slapd with our schema, indexes and argon2 that syncs what it writes, as one in service does."""
    server = Slapd(folder)
    server.prepare()
    path = server.folder / "slapd.conf"
    text = path.read_text().replace("maxsize 67108864", f"maxsize {16 << 30}").replace("dbnosync\n", "")
    path.write_text(text + INDEXES)
    try:
        server.empty()
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def swept() -> Iterator[None]:
    """SIGTERM ends a bench as Ctrl-C does: whatever it has started and written goes."""

    def end(signum: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + signum)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def heading() -> str:
    """The machine at this moment."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


def markdown(rows: Iterable[tuple[str, str, int, Figures]]) -> str:
    """One table: what, directory, people there are, and the figures."""
    head = ("import", "directory", "people", "time", "CPU", "peak memory", "slapd: CPU", "slapd: memory", "did")
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    for what, directory, people, one in rows:
        seconds = f"{one.seconds:.1f} s" if one.ended else f"killed after {one.seconds:.0f} s"
        of_server = (f"{one.server_cpu:.1f} s", f"{one.server_mib} MiB") if one.server_mib else ("", "")
        cells = (what, directory, f"{people:,}", seconds, f"{one.cpu:.1f} s", f"{one.mib} MiB", *of_server, one.counts)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _server_ticks(server: Slapd | None) -> int:
    if server is None or server.pid == 0:
        return 0
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _server_peak(server: Slapd | None) -> int:
    """Octets of the database that it has mapped are among it."""
    if server is None or server.pid == 0:
        return 0
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text())
    return int(found[1]) // 1024 if found else 0
