"""deploy/haproxy.cfg: what people and servers meet behind it while hosts, or what they all share, are away."""

import contextlib
import http.client
import re
import shutil
import smtplib
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailserver.operations.health import service_state
from tests.foundation.test_listeners import Doors
from tests.hatchery import ROOT
from tests.ports import free_port
from tests.waiting import until

pytestmark = pytest.mark.needs("haproxy")
EXAMPLE = ROOT / "deploy" / "haproxy.cfg"
USUAL = {"smtp": 25, "https": 443}


def program() -> str:
    """Debian has it where not everybody looks."""
    found = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
    assert found
    return found


def test_haproxy_takes_it() -> None:
    subprocess.run([program(), "-c", "-f", EXAMPLE], check=True, capture_output=True)


def here(ports: dict[str, int], hosts: tuple[dict[str, int], dict[str, int]], stats: Path) -> str:
    """The example on this machine, with the doors of `ports`; a host that is slow is not down."""
    text = EXAMPLE.read_text(encoding="utf-8")
    text = text.replace("log /dev/log local0", f"stats socket {stats}").replace("maxconn 60000", "maxconn 200")
    text = text.replace("log global", "no log").replace("option tcplog", "")
    text = text.replace("inter 5s fall 3 rise 2", "inter 200ms fall 1000 rise 1")
    head, *sections = re.split(r"^(?=listen |# What)", text, flags=re.MULTILINE)
    kept = [one for one in sections if one.startswith("#") or re.findall(r"^listen (\w+)", one)[0] in ports]
    for door, port in ports.items():
        kept = [one.replace(f"bind :{USUAL[door]}\n", f"bind 127.0.0.1:{port}\n") for one in kept]
        for number, host in enumerate(hosts, 1):
            kept = [one.replace(f"192.0.2.1{number}:{USUAL[door]} ", f"127.0.0.1:{host[door]} ") for one in kept]
            kept = [one.replace(f"192.0.2.1{number}:{USUAL[door]}\n", f"127.0.0.1:{host[door]}\n") for one in kept]
    return head + "".join(kept)


def state(stats: Path, server: str) -> str:
    """What HAProxy says of a server."""
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect(str(stats))
        asked.sendall(b"show stat\n")
        told = asked.makefile().read()
    (line,) = [line for line in told.splitlines() if line.startswith(f"{server},")]
    return line.split(",")[17].split()[0]


@pytest.fixture
def hosts(tmp_path: Path, sqlite_template: Path) -> Iterator[tuple[Doors, Doors]]:
    proxy = {"networks": ["127.0.0.1/32"]}
    made = [
        Doors(
            tmp_path / f"mail{number}", sqlite_template, proxy=proxy, limits={}, hostname=f"mail{number}.ac-exemple.fr"
        )
        for number in (1, 2)
    ]
    yield made[0], made[1]
    for one in made:
        one.close()


class Academy:
    """Both behind HAProxy, as whoever comes from outside meets them."""

    def __init__(self, ports: dict[str, int], stats: Path) -> None:
        self._ports = ports
        self._stats = stats

    def page(self, path: str) -> tuple[int, str]:
        context = ssl._create_unverified_context()
        web = http.client.HTTPSConnection("127.0.0.1", self._ports["https"], timeout=30, context=context)
        with contextlib.closing(web):
            web.request("GET", path)
            answer = web.getresponse()
            return answer.status, answer.read().decode()

    def session(self) -> tuple[smtplib.SMTP, str]:
        """Of mail that comes in, and the host that greeted."""
        client = smtplib.SMTP(timeout=30)
        _, said = client.connect("127.0.0.1", self._ports["smtp"])
        return client, said.split()[0].decode()

    def greeted(self) -> set[str]:
        """By whom, of several who come one after the other."""
        found = set()
        for _ in range(6):
            client, name = self.session()
            found.add(name)
            client.close()
        return found

    def becomes(self, host: int, wanted: str) -> None:
        """HAProxy sees at every door what it sees of the host."""
        for door in ("ready", *self._ports):
            until(lambda door=door: state(self._stats, f"{door},mail{host}") == wanted)  # type: ignore[misc]


@pytest.fixture
def behind(hosts: tuple[Doors, Doors], tmp_path: Path) -> Iterator[Academy]:
    ports, stats, configuration = {door: free_port() for door in USUAL}, tmp_path / "stats", tmp_path / "haproxy.cfg"
    configuration.write_text(here(ports, (hosts[0].ports, hosts[1].ports), stats))
    with subprocess.Popen([program(), "-db", "-f", configuration]) as haproxy:
        try:
            until(stats.exists)
            yield Academy(ports, stats)
        finally:
            haproxy.terminate()


def break_down(host: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its disk is full."""
    monkeypatch.setitem(host.settings.storage.__dict__, "free_octets", 1 << 60)


def test_who_cannot_serve_keeps_whom_it_has_and_gets_nobody_else(
    hosts: tuple[Doors, Doors], behind: Academy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no host can, since what they share is away, one that turns says so: no connection is just ended."""
    monkeypatch.setattr(service_state, "REMEMBERED", 0.0)
    assert behind.greeted() == {"mail1.ac-exemple.fr", "mail2.ac-exemple.fr"}
    assert behind.page("/sante/pret")[0] == 200
    before = [behind.session() for _ in range(2)]
    assert {name for _, name in before} == {"mail1.ac-exemple.fr", "mail2.ac-exemple.fr"}
    break_down(hosts[0], monkeypatch)
    behind.becomes(1, "NOLB")
    assert behind.greeted() == {"mail2.ac-exemple.fr"}
    assert behind.page("/sante/pret")[0] == 200
    break_down(hosts[1], monkeypatch)
    behind.becomes(2, "NOLB")
    status, told = behind.page("/sante/pret")
    assert (status, "room" in told) == (503, True)
    assert behind.page("/etat")[0] == 503
    assert behind.greeted()
    for client, _ in before:
        assert client.ehlo("mx.ailleurs.fr")[0] == 250, "what was open goes on"
        client.close()
    monkeypatch.undo()
    monkeypatch.setattr(service_state, "REMEMBERED", 0.0)
    for host in (1, 2):
        behind.becomes(host, "UP")
    assert behind.page("/sante/pret")[0] == 200
