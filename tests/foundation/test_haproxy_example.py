"""deploy/haproxy.cfg: what the web does behind it while hosts, or what they all share, are away."""

import contextlib
import http.client
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailserver.health import service_state
from tests.foundation.test_listeners import Doors
from tests.hatchery import ROOT
from tests.ports import free_port
from tests.waiting import until

pytestmark = pytest.mark.needs("haproxy")
EXAMPLE = ROOT / "deploy" / "haproxy.cfg"


def program() -> str:
    """Debian has it where not everybody looks."""
    found = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
    assert found
    return found


def test_haproxy_takes_it() -> None:
    subprocess.run([program(), "-c", "-f", EXAMPLE], check=True, capture_output=True)


def web_alone(port: int, hosts: tuple[int, int], stats: Path) -> str:
    """The example with its web door alone, on this machine; a host is down after one look."""
    text = EXAMPLE.read_text(encoding="utf-8")
    head, web = text[text.index("global") : text.index("listen smtp")], text[text.index("frontend https") :]
    web = web.replace("bind :443", f"bind 127.0.0.1:{port}")
    for number, host in enumerate(hosts, 1):
        web = web.replace(f"192.0.2.1{number}:443", f"127.0.0.1:{host}")
    head = head.replace("log /dev/log local0", f"stats socket {stats}").replace("maxconn 60000", "maxconn 200")
    head = head.replace("log global", "no log").replace("option tcplog", "")
    return re.sub(r"inter 2s fall 3 rise 2", "inter 100ms fall 1 rise 1", head) + web


def is_down(stats: Path, backend: str) -> bool:
    """What HAProxy says of all servers of one together."""
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect(str(stats))
        asked.sendall(b"show stat\n")
        told = asked.makefile().read()
    (line,) = [line for line in told.splitlines() if line.startswith(f"{backend},BACKEND,")]
    return line.split(",")[17] == "DOWN"


@pytest.fixture
def doors(tmp_path: Path, sqlite_template: Path) -> Iterator[Doors]:
    made = Doors(tmp_path / "house", sqlite_template, proxy={"networks": ["127.0.0.1/32"]}, limits={})
    yield made
    made.close()


@pytest.fixture
def ask(doors: Doors, tmp_path: Path) -> Iterator[Callable[[str], tuple[int, str]]]:
    """A page of the instance through HAProxy; of its two hosts one is dead."""
    port, stats, configuration = free_port(), tmp_path / "stats", tmp_path / "haproxy.cfg"
    configuration.write_text(web_alone(port, (doors.ports["https"], free_port()), stats))
    context = ssl._create_unverified_context()

    def asked(path: str) -> tuple[int, str]:
        web = http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=context)
        with contextlib.closing(web):
            web.request("GET", path)
            answer = web.getresponse()
            return answer.status, answer.read().decode()

    with subprocess.Popen([program(), "-db", "-f", configuration]) as haproxy:
        try:
            until(stats.exists)
            yield asked
        finally:
            haproxy.terminate()


def test_where_no_host_is_ready_people_are_told_so(
    doors: Doors, ask: Callable[[str], tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database or directory that is away is away for all of them: a page says so, and no connection is ended."""
    stats = tmp_path / "stats"
    assert ask("/sante/pret") == (200, '{"ready":true,"failing":[]}')
    monkeypatch.setattr(service_state, "REMEMBERED", 0.0)
    monkeypatch.setitem(doors.settings.storage.__dict__, "free_octets", 1 << 60)
    until(lambda: is_down(stats, "https-ready"))
    status, told = ask("/sante/pret")
    assert (status, "room" in told) == (503, True)
    assert ask("/etat")[0] == 503
    monkeypatch.undo()
    monkeypatch.setattr(service_state, "REMEMBERED", 0.0)
    until(lambda: not is_down(stats, "https-ready"))
    assert ask("/sante/pret")[0] == 200
