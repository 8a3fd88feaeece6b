"""Postfix and Dovecot, with rspamd and Pigeonhole where mail is checked: private instances of Debian's, as root."""

import os
import pwd
import shutil
import socket
import subprocess
from pathlib import Path

from tests.bench.incoming import their_settings
from tests.bench.incoming.people import DOMAIN, LOGINS, PASSWORD, address, script
from tests.ports import free_port
from tests.waiting import until

PROGRAMS = {
    "postfix": "/usr/sbin/postfix",
    "dovecot-imapd": "/usr/lib/dovecot/imap",
    "dovecot-lmtpd": "/usr/lib/dovecot/lmtp",
    "dovecot-sieve": "/usr/bin/sievec",
    "rspamd": "/usr/bin/rspamd",
}
UID = 5000
"""Nobody's, whose all mail is."""
START_SECONDS = 240
"""rspamd compiles its expressions first."""
STOP_SECONDS = 30


def missing() -> str:
    """What to do before this can run; empty: nothing."""
    if os.geteuid() != 0:
        return "Postfix and Dovecot take mail for several users: run this as root."
    absent = [name for name, program in PROGRAMS.items() if not Path(program).exists()]
    if absent:
        return f"Missing: apt-get install --no-install-recommends {' '.join(absent)}"
    return ""


class Theirs:
    """One set of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.smtp, self.imap = free_port(), free_port()
        self._milter, self._controller = free_port(), free_port()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._checked = False

    @property
    def roots(self) -> list[int]:
        return [one.pid for one in self._processes] + [pid for pid in (self._master(),) if pid]

    def make(self, names: str = "") -> None:
        """Folders and settings. `names`: the name server where mail is checked; empty: nothing is."""
        self._checked = bool(names)
        self.folder.mkdir()
        for name in ("queue", "state", "state-dovecot", "postfix", "run", "mail", "rspamd"):
            (self.folder / name).mkdir()
        os.chown(self.folder / "state", pwd.getpwnam("postfix").pw_uid, -1)
        os.chown(self.folder / "mail", UID, UID)
        self._make_postfix()
        self._make_dovecot()
        if names:
            self._make_rspamd(names)
            for login in LOGINS:
                self._sort(login)

    def start(self) -> None:
        """Start all of it."""
        if self._checked:
            config = [f"--var={name}={path}" for name, path in self._rspamd_folders().items()]
            self._run_behind("rspamd", "-f", "-c", "/etc/rspamd/rspamd.conf", "-u", "_rspamd", "-g", "_rspamd", *config)
            self._wait_for(self._milter)
        self._run_behind("dovecot", "-F", "-c", self.folder / "dovecot.conf")
        self._postfix("start")
        for port in (self.smtp, self.imap):
            self._wait_for(port)

    def stop(self) -> None:
        if self._master():
            self._postfix("stop")
        for one in reversed(self._processes):
            one.terminate()
            try:
                one.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()

    def _make_postfix(self) -> None:
        config = self.folder / "postfix"
        main = their_settings.MAIN_CF + (their_settings.MILTER if self._checked else "")
        (config / "main.cf").write_text(main.format(folder=self.folder, domain=DOMAIN, milter=self._milter))
        (config / "master.cf").write_text(their_settings.MASTER_CF.format(smtp=self.smtp))
        (config / "people").write_text("".join(f"{address(login)} x\n" for login in LOGINS))
        for name in ("postfix-files", "dynamicmaps.cf"):
            if Path("/etc/postfix", name).exists():
                shutil.copy(Path("/etc/postfix", name), config)

    def _make_dovecot(self) -> None:
        plugins = their_settings.SIEVE if self._checked else ""
        text = their_settings.DOVECOT.format(
            folder=self.folder, uid=UID, imap=self.imap, plugins=plugins, cores=os.cpu_count()
        )
        text += their_settings.SIEVE_SCRIPT if self._checked else ""
        (self.folder / "dovecot.conf").write_text(text)
        people = self.folder / "people"
        people.write_text(
            "".join(f"{address(login)}:{{PLAIN}}{PASSWORD}:{UID}:{UID}::{self._home(login)}\n" for login in LOGINS)
        )
        shutil.chown(people, group="dovecot")
        people.chmod(0o640)

    def _make_rspamd(self, names: str) -> None:
        for path in self._rspamd_folders().values():
            path.mkdir(exist_ok=True)
            shutil.chown(path, "_rspamd", "_rspamd")
        local = self.folder / "rspamd" / "settings" / "local.d"
        local.mkdir()
        known = {
            "folder": self.folder / "rspamd" / "db",
            "names": names,
            "milter": self._milter,
            "controller": self._controller,
            "cores": os.cpu_count(),
        }
        for name, text in their_settings.RSPAMD.items():
            (local / name).write_text(text.format(**known))

    def _rspamd_folders(self) -> dict[str, Path]:
        folder = self.folder / "rspamd"
        names = {"DBDIR": "db", "RUNDIR": "run", "LOGDIR": "log", "LOCAL_CONFDIR": "settings"}
        return {variable: folder / name for variable, name in names.items()}

    def _sort(self, login: str) -> None:
        """Give somebody the rules."""
        home = self._home(login)
        (home / "sieve").mkdir(parents=True)
        (home / "sieve" / "regles.sieve").write_bytes(script(login))
        (home / ".dovecot.sieve").symlink_to("sieve/regles.sieve")
        for path in (home, home / "sieve", home / "sieve" / "regles.sieve"):
            os.chown(path, UID, UID)
        os.chown(home / ".dovecot.sieve", UID, UID, follow_symlinks=False)

    def _home(self, login: str) -> Path:
        return self.folder / "mail" / login

    def _run_behind(self, name: str, *words: str | Path) -> None:
        program = shutil.which(name, path="/usr/bin:/usr/sbin")
        assert program
        with open(self.folder / f"{name}.out", "wb") as out:
            self._processes.append(
                subprocess.Popen([program, *words], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
            )

    def _postfix(self, verb: str) -> None:
        with open(self.folder / "postfix.out", "ab") as out:
            words = ["/usr/sbin/postfix", "-c", str(self.folder / "postfix"), verb]
            subprocess.run(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=60, check=verb == "start")

    def _master(self) -> int:
        """Postfix's first process, which leaves its parent."""
        try:
            return int((self.folder / "queue" / "pid" / "master.pid").read_text())
        except (OSError, ValueError):
            return 0

    def _wait_for(self, port: int) -> None:
        def answers() -> bool:
            ended = [one.args for one in self._processes if one.poll() is not None]
            assert not ended, f"ended: {ended}, see {self.folder}"
            with socket.socket() as sock:
                return sock.connect_ex(("127.0.0.1", port)) == 0

        until(answers, START_SECONDS)
