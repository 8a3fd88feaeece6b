"""How long an academy's AAF export takes, into the embedded directory and into OpenLDAP; not a test.

    python -m tests.directory.bench_aaf --people 330000            embedded
    python -m tests.directory.bench_aaf --people 50000 --openldap  a real slapd with our schema, indexes and argon2

For each: a full export into nothing, the same again (nothing changes), a delta of 2,000 changes; wall clock,
processor time and the most memory of `mailserver import`. One person in eleven is staff; a school has some 200.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailserver.tls import write_secret
from tests.directory.aaf_generator import Academy
from tests.directory.slapd import ADMIN, BASE, PASSWORD, Slapd
from tests.harness import ROOT, environment

INDEXES = """
index acadAccountId,acadAddress,cn,sn,givenName eq
index acadUAI,acadClass,acadGroup,acadFunction,employeeType eq
"""
_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--delta", type=int, default=2000)
    parser.add_argument("--openldap", action="store_true", help="Into a real slapd instead of the embedded directory.")
    parser.add_argument("--pool", type=int, default=4, help="Connections to the LDAP server.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-aaf-") as folder:
        root = Path(folder)
        make_exports(root, given.people, given.delta)
        directory = root / "instance"
        mailserver("init", directory, "--domain", "ac-exemple.fr")
        if given.openldap:
            with openldap(root) as server:
                configure(directory, server, given.pool)
                measure(root, directory, server)
        else:
            measure(root, directory, None)


def make_exports(root: Path, people: int, delta: int) -> None:
    """In a process of its own, whose memory is not ours."""
    staff = people // 11
    academy = Academy(staff, people - staff, max(4, people // 206))
    pid = os.fork()
    if pid == 0:
        academy.write_full(root / "full", parents=True)
        academy.write_delta(root / "delta", delta)
        os._exit(0)
    os.waitpid(pid, 0)
    size = sum(path.stat().st_size for path in (root / "full").iterdir())
    print(f"{people} people, {academy.schools} schools, {size / 1e6:.0f} MB of XML", flush=True)


def measure(root: Path, directory: Path, server: Slapd | None) -> None:
    for label, folder in (("full", "full"), ("full again", "full"), ("delta", "delta"), ("delta again", "delta")):
        began, ticks = time.monotonic(), server_ticks(server)
        process = subprocess.Popen(
            [sys.executable, "-m", "mailserver", "import", str(directory), str(root / folder), "--json"],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        told = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        facts = json.loads(told)
        counts = {name: facts[name] for name in ("created", "changed", "leaving", "unchanged", "refused")}
        line = {
            "what": label,
            "directory": "openldap" if server is not None else "embedded",
            "seconds": round(time.monotonic() - began, 1),
            "cpu": round(usage.ru_utime + usage.ru_stime, 1),
            "server_cpu": round((server_ticks(server) - ticks) / _TICKS, 1),
            "max_rss_mb": usage.ru_maxrss // 1024,
            "exit": process.returncode,
            **counts,
        }
        print(json.dumps(line), flush=True)


@contextmanager
def openldap(root: Path) -> Iterator[Slapd]:
    server = Slapd(root / "slapd")
    server.prepare()
    path = server.folder / "slapd.conf"
    text = path.read_text().replace("maxsize 67108864", f"maxsize {16 << 30}")
    path.write_text(text + INDEXES)
    server.empty()
    try:
        yield server
    finally:
        server.stop()


def configure(directory: Path, server: Slapd, pool: int) -> None:
    write_secret(directory / "secrets" / "ldap", PASSWORD.encode())
    section = (
        f'\n[ldap]\nurl = "{server.url}"\nbase = "{BASE}"\nbind_dn = "{ADMIN}"\npassword_file = "ldap"\n'
        f"read_only = false\npool = {pool}\n"
    )
    path = directory / "mailserver.toml"
    path.write_text(path.read_text() + section)


def server_ticks(server: Slapd | None) -> int:
    """Processor time that slapd has used."""
    if server is None or server.pid == 0:
        return 0
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def mailserver(*arguments: object) -> None:
    command = [sys.executable, "-m", "mailserver", *(str(one) for one in arguments)]
    subprocess.run(command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    main()
