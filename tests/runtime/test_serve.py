"""Starting and stopping as an operator does: clear faults, clean ends, several workers."""

import contextlib
import imaplib
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from mailserver.foundation.network.ports import gather, ports
from mailserver.foundation.settings import Listen, load
from mailserver.operations.health.doctor import examine
from mailserver.operations.health.findings import Grade
from mailserver.runtime.app import DOOR_GRACE
from mailserver.runtime.processes import STOP_SECONDS
from tests.harness import Instance, environment, run_command, workers_of
from tests.hatchery import ROOT
from tests.ports import free_port
from tests.waiting import PATIENCE, until


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stops_cleanly_within_five_seconds(fresh: Callable[..., Instance], number: signal.Signals) -> None:
    """With connections in the middle of everything: IDLE, DATA, a request that trickles in, silence."""
    instance = fresh("--demo")
    instance.start()
    idle = instance.imap("edupont")
    with contextlib.ExitStack() as stack:
        stack.callback(idle.shutdown)
        idle.select("INBOX")
        idle.send(b"i IDLE\r\n")
        assert idle.readline().startswith(b"+")
        for door, words in (
            ("imap", b""),
            ("imaps", b""),
            ("smtp", b"EHLO x\r\nMAIL FROM:<a@b.fr>\r\nRCPT TO:<edupont@ac-exemple.fr>\r\nDATA\r\nSubject: half"),
            ("http", b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nlogin="),
            ("http", b"GET / HT"),
            ("ldap", b"\x30\x84\x00"),
        ):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", instance.ports[door])))
            sock.sendall(words)
        time.sleep(0.5)
        assert instance.stop(number) == 0
    assert DOOR_GRACE < STOP_SECONDS < 5, "how long a worker waits for its clients, and its supervisor for a worker"
    assert "Traceback" not in instance.log_text()


@pytest.mark.parametrize("after", [0.3, 1.2, 2.0])
def test_told_to_stop_while_it_starts(fresh: Callable[..., Instance], after: float) -> None:
    instance = fresh()
    with open(instance.log, "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mailserver", "serve", str(instance.directory)],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
    time.sleep(after)
    process.terminate()
    code = process.wait(PATIENCE)
    # Before Python has got as far as our first line the signal simply ends the process.
    assert code in (0, -signal.SIGTERM)
    assert "Traceback" not in instance.log_text()


def test_a_second_instance_on_the_same_ports_is_refused(fresh: Callable[..., Instance]) -> None:
    one, two = fresh(), fresh()
    one.start()
    path = two.directory / "mailserver.toml"
    path.write_text(path.read_text().replace(f"imap = {two.ports['imap']}", f"imap = {one.ports['imap']}"))
    for directory in (two.directory, one.directory):
        result = run_command("serve", directory, check=False)
        assert result.returncode == 2
        assert len(result.stderr.strip().splitlines()) == 1
        assert "Traceback" not in result.stderr


def test_port_in_use_is_one_line(fresh: Callable[..., Instance]) -> None:
    instance = fresh()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", instance.ports["smtp"]))
        taken.listen()
        result = run_command("serve", instance.directory, check=False)
    assert result.returncode == 2
    assert f"port {instance.ports['smtp']} (smtp) is in use" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "clue"),
    [
        ("[web]\nacademie = 1\n", "web"),
        ("domain = \n", "mailserver.toml"),
        ("[limits]\nmessage_size = -1\n", "limits.message_size"),
    ],
)
def test_broken_settings_are_one_line(fresh: Callable[..., Instance], text: str, clue: str) -> None:
    instance = fresh()
    path = instance.directory / "mailserver.toml"
    path.write_text(re.sub(r"\[web\][^\[]*", "", path.read_text()) + text)
    result = run_command("serve", instance.directory, check=False)
    assert result.returncode == 2
    assert clue in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def break_certificate(instance: Instance) -> None:
    (instance.directory / "tls" / "cert.pem").write_text("not a certificate")


def lose_key(instance: Instance) -> None:
    (instance.directory / "tls" / "key.pem").unlink()


def lose_secret(instance: Instance) -> None:
    (instance.directory / "secrets" / "hmac").unlink()


def break_database(instance: Instance) -> None:
    (instance.directory / "data" / "mail.db").write_bytes(b"no database at all" * 1000)


def block_database(instance: Instance) -> None:
    (instance.directory / "data" / "mail.db").unlink()
    (instance.directory / "data" / "mail.db").mkdir()


def stop_postgresql(instance: Instance) -> None:
    url = f"postgresql://nobody:Secret-mot@127.0.0.1:{instance.ports['smtp']}/mail"
    instance.configure(f'[database]\nurl = "{url}"\n')


@pytest.mark.parametrize(
    ("harm", "clue"),
    [
        (break_certificate, "cert.pem"),
        (lose_key, "key.pem"),
        (lose_secret, "hmac"),
        (break_database, "mail.db"),
        (block_database, "mail.db"),
        (stop_postgresql, "postgresql"),
    ],
)
def test_what_stops_every_worker_is_one_line(
    fresh: Callable[..., Instance], harm: Callable[[Instance], None], clue: str
) -> None:
    instance = fresh()
    harm(instance)
    result = run_command("serve", instance.directory, check=False)
    assert result.returncode == 2
    assert clue in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert "Secret-mot" not in result.stderr
    assert any(finding.grade is Grade.PROBLEM for finding in examine(load(instance.directory), dns_too=False))


def test_missing_instance_is_one_line() -> None:
    result = run_command("serve", "/nonexistent", check=False)
    assert result.returncode == 2
    assert len(result.stderr.strip().splitlines()) == 1


def test_init_does_not_touch_an_instance_that_is_there(fresh: Callable[..., Instance]) -> None:
    instance = fresh()
    before = (instance.directory / "secrets" / "hmac").read_bytes()
    result = run_command("init", instance.directory, check=False)
    assert result.returncode == 2
    assert (instance.directory / "secrets" / "hmac").read_bytes() == before


def test_the_directory_secret_is_the_whole_file(fresh: Callable[..., Instance]) -> None:
    """`ldapsearch -y DIR/secrets/ldap-admin` sends every octet of the file."""
    secret = (fresh().directory / "secrets" / "ldap-admin").read_bytes()
    assert secret
    assert secret == secret.strip()


def test_check_says_what_to_fix(fresh: Callable[..., Instance]) -> None:
    instance = fresh()
    assert run_command("check", instance.directory, "--no-dns").returncode == 0
    (instance.directory / "secrets" / "hmac").chmod(0o644)
    result = run_command("check", instance.directory, "--no-dns", check=False)
    assert result.returncode == 1
    assert "chmod 600" in result.stdout


def test_a_dead_worker_is_replaced(fresh: Callable[..., Instance]) -> None:
    instance = fresh()
    instance.start("--workers", "2")
    children = workers_of(instance)
    os.kill(children[0], signal.SIGKILL)

    def replaced() -> bool:
        now = workers_of(instance)
        return len(now) == 2 and children[0] not in now

    until(replaced)


def test_figures_are_those_of_all_workers(fresh: Callable[..., Instance]) -> None:
    """Whichever answers says the same; a killed one is counted, its place taken, and what it counted stays."""
    instance = fresh()
    instance.start("--workers", "2")
    for _ in range(12):  # the kernel spreads them over both workers
        with socket.create_connection(("127.0.0.1", instance.ports["smtp"]), timeout=PATIENCE) as client:
            assert client.recv(4)
    for _ in range(4):
        assert figure(instance, 'mailserver_connections_total{door="smtp"}') == 12
    until(lambda: figure(instance, 'mailserver_connections_open{door="smtp"}') == 0)
    first = workers_of(instance)[0]
    os.kill(first, signal.SIGKILL)
    until(lambda: figure(instance, 'mailserver_process_restarts_total{process="mail-worker"}') == 1)
    until(lambda: len(workers_of(instance)) == 2)
    until(lambda: figure(instance, 'mailserver_connections_total{door="smtp"}') == 12)
    processes = re.findall(r'mailserver_process_open_fds\{place="(\d)",process="([^"]*)"\}', figures(instance))
    assert sorted(processes) == [
        ("0", "mail-worker"),
        ("1", "mail-worker"),
        ("2", "mail-indexer"),
        ("3", "mail-relay"),
        ("4", "mail-relay"),
        ("5", processes[-1][1]),
    ]


def figures(instance: Instance) -> str:
    """What a connection of its own is told: of whichever worker takes it; nothing while that one dies."""
    url = f"http://127.0.0.1:{instance.ports['http']}/metrics"
    try:
        return httpx.get(url, headers={"Connection": "close"}, timeout=PATIENCE).text
    except httpx.TransportError:
        return ""


def figure(instance: Instance, name: str) -> float:
    found = re.search(rf"(?m)^{re.escape(name)} (\S+)$", figures(instance))
    return float(found[1]) if found is not None else -1.0


def worker_of(instance: Instance, client_port: int) -> int:
    """The process that holds the server side of this loopback connection."""
    inode = None
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        local, remote = (int(end.split(":")[1], 16) for end in fields[1:3])
        if (local, remote) == (instance.ports["imap"], client_port):
            inode = fields[9]
    for child in workers_of(instance):
        for name in os.listdir(f"/proc/{child}/fd"):
            try:
                if os.readlink(f"/proc/{child}/fd/{name}") == f"socket:[{inode}]":
                    return child
            except OSError:
                continue
    raise AssertionError("no worker holds the connection")


@pytest.mark.alone
def test_change_in_one_worker_wakes_idle_in_another_within_100_ms(demo: Instance) -> None:
    """Median of twenty, and what a busy machine needs more, which the answers to the writer show.

    The connections are seen to be in two different processes.
    """
    with two_workers(demo) as (idle, flagger):
        idle.select("INBOX")
        flagger.select("INBOX")
        delays, answers = news_delays(idle, flagger)
    assert statistics.median(delays) < 0.1 + 5 * statistics.median(answers), (delays, answers)


def news_delays(idle: imaplib.IMAP4, flagger: imaplib.IMAP4) -> tuple[list[float], list[float]]:
    """Seconds from a STORE of one client to its FETCH in the other's IDLE, and to its own answer."""
    sock = idle.socket()
    idle.send(b"i IDLE\r\n")
    assert idle.readline().startswith(b"+")
    delays, answers = [], []
    for n in range(20):
        arrived: list[float] = []
        thread = threading.Thread(target=wait_for_fetch, args=(idle, arrived))
        thread.start()
        start = time.perf_counter()
        flagger.store("1", "+FLAGS" if n % 2 == 0 else "-FLAGS", "$Essai")
        answers.append(time.perf_counter() - start)
        thread.join(PATIENCE)
        assert arrived, "no news"
        delays.append(arrived[0] - start)
    sock.sendall(b"DONE\r\n")
    return delays, answers


def wait_for_fetch(client: imaplib.IMAP4, arrived: list[float]) -> None:
    """Note the time of the next unsolicited FETCH."""
    while b"FETCH" not in client.readline():
        pass
    arrived.append(time.perf_counter())


@contextlib.contextmanager
def two_workers(instance: Instance) -> Iterator[tuple[imaplib.IMAP4, imaplib.IMAP4]]:
    """Two logged-in clients whose connections are in different workers."""
    with contextlib.ExitStack() as stack:
        first = instance.imap("mmartin")
        stack.callback(first.shutdown)
        home = worker_of(instance, first.socket().getsockname()[1])
        for _ in range(50):
            second = instance.imap("mmartin")
            stack.callback(second.shutdown)
            if worker_of(instance, second.socket().getsockname()[1]) != home:
                yield first, second
                return
        raise AssertionError("the kernel never chose the other worker")


def test_what_doors_write_leaves_at_once() -> None:
    """asyncio sets TCP_NODELAY on the connections of a socket that names its protocol, and on no others."""
    listen = Listen.model_validate({name: free_port() for name in ports(Listen())})
    for port in gather(listen, 2):
        for sock in port.sockets:
            with sock:
                assert sock.proto == socket.IPPROTO_TCP
