"""The units of `deploy/` under a real systemd: sockets are handed over, the watchdog bites, a reload and a restart cost
nobody a connection, and the journal has our fields."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailserver.foundation.network.ports import ports
from mailserver.foundation.settings import Listen
from tests.systemd_root import CannotBoot, SystemdRoot
from tests.waiting import until

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800), pytest.mark.needs("systemctl", "unshare", "nsenter")]
DEPLOY = Path(__file__).parent.parent / "deploy"
DATA = "/var/lib/mailserver"
UNIT = "mailserver.service"
BACKUP, TRIAL = "mailserver-backup", "mailserver-restore-test"
"""Each a service and its timer."""
ELSEWHERE, TARGET = "s3:https://objets.ac-exemple.fr/sauvegarde", "/srv/sauvegarde"
WRITTEN = "ReadWritePaths=/var/lib/mailserver"
KEY = "/etc/mailserver-backup/key"
USUAL = {
    "smtp": 25,
    "submission": 587,
    "submissions": 465,
    "imap": 143,
    "imaps": 993,
    "sieve": 4190,
    "ldap": 389,
    "ldaps": 636,
    "https": 443,
}
QUICK = "[Service]\nWatchdogSec=8\nTimeoutAbortSec=2\n"
"""A watchdog that a test can wait for."""
SOON = "[Timer]\nOnCalendar=\nOnActiveSec=1\nRandomizedDelaySec=0\nAccuracySec=1us\n"
"""A time that a test can wait for."""
ATTEMPTS = 1000
CROWD = """
import socket, sys, time
failed = greeted = 0
for _ in range(int(sys.argv[1])):
    try:
        with socket.create_connection(("127.0.0.1", 25), 120) as client:
            client.settimeout(120)
            greeted += client.recv(100).startswith(b"220 ")
            client.sendall(b"QUIT\\r\\n")
            client.recv(100)
    except OSError as error:
        failed += 1
        print(error, file=sys.stderr)
    time.sleep(0.005)
print(greeted, failed)
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SystemdRoot]:
    """With an instance that serves at the usual ports, and its service and sockets started."""
    if os.geteuid() != 0:
        pytest.skip("only root makes namespaces for systemd")
    names = [path for path in DEPLOY.iterdir() if path.suffix in (".service", ".socket", ".timer")]
    # What its head asks of the operator: the target, and a folder as target is named.
    units = {
        path.name: path.read_text().replace(ELSEWHERE, TARGET).replace(WRITTEN, f"{WRITTEN} {TARGET}")
        if path.stem in (BACKUP, TRIAL)
        else path.read_text()
        for path in names
    }
    try:
        made = SystemdRoot(tmp_path_factory.mktemp("systemd") / "root", units)
    except CannotBoot as error:
        pytest.skip(f"systemd does not begin here: {error}")
    try:
        made.as_service("/opt/mailserver/bin/mailserver", "init", DATA, "--domain", "ac-essai.fr")
        configure(made)
        made.run("systemctl", "start", "mailserver.socket")
        made.run("systemctl", "start", UNIT)
        yield made
    finally:
        made.close()


def configure(root: SystemdRoot) -> None:
    """The usual ports, and the journal."""
    text = root.run("cat", f"{DATA}/mailserver.toml").stdout
    listen = "".join(f"{name} = {number}\n" for name, number in USUAL.items())
    text = text.replace("[listen]\n", f"[listen]\n{listen}", 1) + '\n[log]\nto = "journald"\n'
    root.run("tee", f"{DATA}/mailserver.toml", stdin=text)


def main_pid(root: SystemdRoot) -> int:
    return int(root.show(UNIT, "MainPID"))


def status_of(root: SystemdRoot) -> dict[str, str]:
    """What the kernel says of the main process."""
    text = root.run("cat", f"/proc/{main_pid(root)}/status").stdout
    return dict(re.findall(r"(\w+):\s+(.*)", text))


def journal(root: SystemdRoot, *words: str) -> list[dict[str, str]]:
    said = root.run("journalctl", "--no-pager", "--output", "json", *words).stdout
    return [json.loads(line) for line in said.splitlines()]


def crowd(root: SystemdRoot, attempts: int) -> "subprocess.Popen[str]":
    command = root.on_its_network(sys.executable, "-c", CROWD, attempts)
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def counted(clients: "subprocess.Popen[str]") -> list[int]:
    """How many were greeted, and how many were not."""
    said, _ = clients.communicate()
    return [int(word) for word in said.split()]


def test_it_is_ready_on_sockets_of_systemd_and_shut_in(root: SystemdRoot) -> None:
    assert root.show(UNIT, "ActiveState") == "active"
    assert root.show(UNIT, "StatusText") != ""
    found = status_of(root)
    assert (found["NoNewPrivs"], found["Seccomp"], int(found["CapEff"], 16)) == ("1", "2", 0)
    assert found["Uid"].split()[0] == root.run("id", "-u", "mailserver").stdout.strip()
    listening = root.run("ss", "-Hltn").stdout
    wanted = {number for name, number in {**ports(Listen()), **USUAL}.items() if number}
    assert wanted <= {int(number) for number in re.findall(r":(\d+) ", listening)}
    assert counted(crowd(root, 20)) == [20, 0]


@pytest.mark.needs("openssl")
@pytest.mark.parametrize(
    "door", ["smtp", "submission", "submissions", "imap", "imaps", "sieve", "ldap", "ldaps", "https"]
)
def test_every_door_comes_to_tls(root: SystemdRoot, door: str) -> None:
    """What the unit shuts a process in from may be what a library needs for it."""
    kind = {"submission": "smtp", "smtp": "smtp", "imap": "imap", "sieve": "sieve", "ldap": "ldap"}.get(door)
    starts = ["-starttls", kind] if kind else []
    command = root.on_its_network("openssl", "s_client", "-connect", f"127.0.0.1:{USUAL[door]}", *starts)
    done = subprocess.run(command, input="", capture_output=True, text=True, check=False, timeout=60)
    assert "BEGIN CERTIFICATE" in done.stdout, done.stderr


def test_the_journal_has_our_fields(root: SystemdRoot) -> None:
    assert counted(crowd(root, 1)) == [1, 0]
    send = (
        "import smtplib; c = smtplib.SMTP('127.0.0.1', 25);"
        "c.sendmail('a@ailleurs.fr', ['postmaster@ac-essai.fr'], b'Subject: x\\r\\n\\r\\nx\\r\\n')"
    )
    subprocess.run(root.on_its_network(sys.executable, "-c", send), check=True)
    until(lambda: journal(root, "--identifier=mailserver") != [])
    until(lambda: [one for one in journal(root, "--identifier=mailserver") if one.get("MAILSERVER_MESSAGE")] != [])
    entry = next(one for one in journal(root, "--identifier=mailserver") if one.get("MAILSERVER_MESSAGE"))
    assert entry["_SYSTEMD_UNIT"] == UNIT
    assert entry["MAILSERVER_PART"]
    number = entry["MAILSERVER_MESSAGE"]
    way = journal(root, f"MAILSERVER_MESSAGE={number}")
    assert way
    assert {one["MAILSERVER_MESSAGE"] for one in way} == {number}


def test_a_reload_reads_the_settings_and_nothing_ends(root: SystemdRoot) -> None:
    before = main_pid(root)
    text = root.run("cat", f"{DATA}/mailserver.toml").stdout
    root.run("tee", f"{DATA}/mailserver.toml", stdin=text.replace("[log]\n", '[log]\nlevel = "debug"\n'))
    root.run("systemctl", "reload", UNIT)
    assert (main_pid(root), root.show(UNIT, "ActiveState")) == (before, "active")
    until(lambda: any("settings reloaded" in one["MESSAGE"] for one in journal(root, "--identifier=mailserver")))
    root.run("tee", f"{DATA}/mailserver.toml", stdin=text)
    root.run("systemctl", "reload", UNIT)


@pytest.mark.needs("restic")
def test_a_backup_is_made_in_its_unit(root: SystemdRoot) -> None:
    """Beside the service, with the folder of its target as all that it may write to elsewhere."""
    for folder in (TARGET, str(Path(KEY).parent)):
        root.run("install", "-d", "-o", "mailserver", "-g", "mailserver", "-m", "700", folder)
    root.as_service("tee", KEY, stdin="une-cle-de-test-assez-longue")
    root.run("systemctl", "start", f"{BACKUP}.service", check=False)
    assert root.show(f"{BACKUP}.service", "Result") == "exit-code", "there is no repository yet"
    command = ["/opt/mailserver/bin/mailserver", "backup", DATA, TARGET, "--key-file", KEY, "--json"]
    first = json.loads(root.as_service(*command, "--init").stdout)["id"]
    root.run("systemctl", "start", f"{BACKUP}.service")
    assert root.show(f"{BACKUP}.service", "Result") == "success"
    made = {one["id"] for one in json.loads(root.as_service(*command, "--list").stdout)}
    assert made - {first} != set()
    assert backups(root) == ["ok", "warning"]


def backups(root: SystemdRoot) -> list[str]:
    """What check says of the last backup, and of the last trial."""
    said = root.as_service("/opt/mailserver/bin/mailserver", "check", DATA, "--no-dns", "--json", check=False).stdout
    return [one["grade"] for one in json.loads(said) if one["subject"] == "backups"]


@pytest.mark.needs("restic")
@pytest.mark.parametrize("name", [BACKUP, TRIAL])
def test_timers_begin_their_services(root: SystemdRoot, name: str) -> None:
    """At their own time, which is to come; and, at one that is now, with success."""
    service, timer = f"{name}.service", f"{name}.timer"
    root.run("systemctl", "enable", "--now", timer)
    assert root.show(timer, "ActiveState") == "active"
    assert root.show(timer, "NextElapseUSecRealtime") != ""
    before = root.show(service, "ExecMainStartTimestampMonotonic")
    root.run("systemctl", "stop", timer)
    root.run("mkdir", "-p", f"/run/systemd/system/{timer}.d")
    root.run("tee", f"/run/systemd/system/{timer}.d/soon.conf", stdin=SOON)
    root.run("systemctl", "daemon-reload")
    root.run("systemctl", "start", timer)
    until(lambda: root.show(service, "ExecMainStartTimestampMonotonic") != before)
    until(lambda: root.show(service, "ActiveState") == "inactive", 240)
    assert (root.show(service, "Result"), root.show(service, "ExecMainStatus")) == ("success", "0")
    assert backups(root) == ["ok", "warning" if name == BACKUP else "ok"]


def test_units_are_exposed_little_where_they_run(root: SystemdRoot) -> None:
    """As the running manager sees them, drop-ins and all."""
    for name in (UNIT, f"{BACKUP}.service", f"{TRIAL}.service"):
        said = root.run("systemd-analyze", "security", "--no-pager", name, check=False).stdout
        found = re.search(rf"Overall exposure level for {name}: ([\d.]+)", said)
        assert found is not None, said
        assert float(found[1]) < 2.0


@pytest.mark.parametrize("how", ["systemctl", "mailserver"])
def test_a_restart_refuses_nobody(root: SystemdRoot, how: str) -> None:
    """systemd holds the sockets while nobody serves; or the one that serves hands them on, and is the unit's next."""
    before = main_pid(root)
    clients = crowd(root, ATTEMPTS)
    if how == "systemctl":
        root.run("systemctl", "restart", UNIT)
    else:
        root.as_service("/opt/mailserver/bin/mailserver", "restart", DATA)
    assert counted(clients) == [ATTEMPTS, 0]
    assert main_pid(root) != before
    assert root.show(UNIT, "ActiveState") == "active"
    assert root.show(UNIT, "NRestarts") == "0"


def test_the_watchdog_bites(root: SystemdRoot) -> None:
    """A main process that says nothing is ended, and the service is there again."""
    root.run("mkdir", "-p", f"/run/systemd/system/{UNIT}.d")
    root.run("tee", f"/run/systemd/system/{UNIT}.d/quick.conf", stdin=QUICK)
    root.run("systemctl", "daemon-reload")
    root.run("systemctl", "restart", UNIT)
    before = main_pid(root)
    root.run("kill", "-STOP", str(before))
    until(lambda: root.show(UNIT, "NRestarts") == "1", 120)
    until(lambda: root.show(UNIT, "ActiveState") == "active", 240)
    assert main_pid(root) not in (0, before)
    assert any("Watchdog timeout" in one["MESSAGE"] for one in journal(root, f"--unit={UNIT}"))
    assert counted(crowd(root, 20)) == [20, 0]
