"""This service, from a checkout of it."""

import base64
import csv
import os
import socket
import subprocess
import sys
from pathlib import Path

from mailserver.foundation.settings import FILE_NAME
from tests.bench.incoming.people import DOMAIN, LOGINS, PASSWORD, script
from tests.ports import free_port
from tests.waiting import until

HERE = Path(__file__).parents[3]
START_SECONDS = 120
STOP_SECONDS = 30
_DOORS = ("smtp", "submission", "submissions", "lmtp", "imap", "imaps", "sieve", "ldap", "ldaps", "http", "https")
_CHECKED = """
[smtp]
relays = []
[dns]
nameservers = ["{names}"]
"""
"""From this machine comes what others hand over; everything else is as `init` leaves it."""
_UNCHECKED = {
    "class Authentication": '\n[authentication]\ndmarc = "off"\n',
    "class Junk": "\n[junk]\nfilter = false\n",
    "class Impersonation": "\n[impersonation]\njudge = false\n",
}
"""By what a checkout must have to know the setting."""


class Ours:
    """One instance, in a folder that does not exist yet."""

    def __init__(self, folder: Path, checkout: Path = HERE, database: str = "") -> None:
        """`database`: the URL of a PostgreSQL database; empty: SQLite in the folder."""
        self.folder = folder
        self._database = ("--database", database) if database else ()
        self._checkout = checkout
        foundation = checkout / "mailserver" / "foundation"
        # Once one module, in checkouts of before.
        files = [*foundation.glob("settings.py"), *foundation.glob("settings/*.py")]
        self._known = "".join(file.read_text() for file in files)
        self._ports = {name: free_port() for name in _DOORS if f"    {name}: int" in self._known}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def smtp(self) -> int:
        return self._ports["smtp"]

    @property
    def imap(self) -> int:
        return self._ports["imap"]

    @property
    def roots(self) -> list[int]:
        return [self._process.pid] if self._process else []

    def make(self, names: str = "") -> None:
        """The instance with its people. `names`: the name server where mail is checked; empty: nothing is."""
        self._run("init", self.folder, "--domain", DOMAIN, *self._database)
        path = self.folder / FILE_NAME
        listen = "[listen]\n" + "".join(f"{name} = {port}\n" for name, port in self._ports.items())
        text = path.read_text().replace("[listen]\n", listen, 1)
        if names:
            text += _CHECKED.format(names=names)
        else:
            text += "".join(lines for need, lines in _UNCHECKED.items() if need in self._known)
        path.write_text(text)
        people = self.folder.with_suffix(".csv")
        with open(people, "w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("given_name", "surname", "birth_date", "role", "login", "password"))
            rows.writerows(("Anne", login, "1980-01-01", "teacher", login, PASSWORD) for login in LOGINS)
        self._run("import", self.folder, people, "--accept-passwords")

    def teach(self, spam: Path, ham: Path) -> None:
        """Train the junk filter with the messages in two folders."""
        self._run("junk", "train", self.folder, "--spam", spam, "--ham", ham)

    def start(self) -> None:
        """Serve; returns once every door is open."""
        said, log = self.folder.with_suffix(".out"), self.folder.with_suffix(".log")
        with open(said, "wb") as out, open(log, "wb") as errors:
            words = self._words("serve", self.folder)
            self._process = subprocess.Popen(
                words, cwd=self._checkout, env=self._environment(), stdout=out, stderr=errors
            )

        def serves() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, log.read_text()[-2000:]
            return "Ctrl-C" in said.read_text()

        until(serves, START_SECONDS)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def sort(self) -> None:
        """Give everybody their rules, through ManageSieve."""
        for login in LOGINS:
            with socket.create_connection(("127.0.0.1", self._ports["sieve"]), START_SECONDS) as sock:
                lines = sock.makefile("rb")
                while not lines.readline().startswith(b"OK"):
                    pass
                proof = base64.b64encode(f"\0{login}\0{PASSWORD}".encode()).decode()
                source = script(login)
                put = b'PUTSCRIPT "regles" {%d+}\r\n%b\r\n' % (len(source), source)
                for command in (f'AUTHENTICATE "PLAIN" "{proof}"\r\n'.encode(), put, b'SETACTIVE "regles"\r\n'):
                    sock.sendall(command)
                    answer = lines.readline()
                    assert answer.startswith(b"OK"), answer

    def _run(self, *words: object) -> None:
        done = subprocess.run(
            self._words(*words),
            cwd=self._checkout,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"mailserver {words[0]} failed:\n{done.stdout[-1000:]}\n{done.stderr[-2000:]}")

    def _words(self, *words: object) -> list[str]:
        return [sys.executable, "-m", "mailserver", *map(str, words)]

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join((str(self._checkout), str(self._checkout / "calendar")))
        return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
