"""Pebble, the ACME server that Let's Encrypt tests clients with, on loopback, with its own small name server."""

import datetime
import json
import os
import ssl
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from mailserver.foundation.tls import make_certificate
from tests.ports import free_port
from tests.waiting import until

EAB_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
"""Of the account that the name `kid-1` stands for, where a binding is asked for."""
DAYS = 90
LIFE = DAYS * 86400


class Pebble:
    """A certificate authority that looks for challenges at one HTTP port of this machine, whatever the host."""

    def __init__(self, folder: Path, http: int, *, binding: bool = False, refuses: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.authority = folder / "authority.pem"
        make_certificate(folder / "cert.pem", folder / "key.pem", ["localhost"], datetime.datetime.now(datetime.UTC))
        self._port, self._management, self._names, self._commands = (free_port() for _ in range(4))
        self._config = folder / "pebble.json"
        self._log = folder / "pebble.log"
        self._config.write_text(
            json.dumps(
                {
                    "pebble": {
                        "listenAddress": f"127.0.0.1:{self._port}",
                        "managementListenAddress": f"127.0.0.1:{self._management}",
                        "certificate": str(folder / "cert.pem"),
                        "privateKey": str(folder / "key.pem"),
                        "httpPort": http,
                        "tlsPort": free_port(),
                        "retryAfter": {"authz": 1, "order": 1},
                        "domainBlocklist": [refuses] if refuses else [],
                        "externalAccountBindingRequired": binding,
                        "externalAccountMACKeys": {"kid-1": EAB_KEY} if binding else {},
                        "certificateValidityPeriod": LIFE,
                    }
                }
            )
        )
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        return f"https://localhost:{self._port}/dir"

    @property
    def commands(self) -> str:
        """Where the name server is told what to answer."""
        return f"http://127.0.0.1:{self._commands}"

    def settings(self, *names: str, more: str = "") -> str:
        """The section of the settings of an instance that asks here."""
        return (
            f'[acme]\nagree_to_terms = true\ndirectory = "{self.url}"\nstaging = "{self.url}"\n'
            f'ca_file = "{self.authority}"\nnames = {json.dumps(names)}\n{more}\n'
        )

    def start(self) -> None:
        environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}
        names = f"127.0.0.1:{self._names}"
        told = ["-dns01", names, "-management", f"127.0.0.1:{self._commands}", "-defaultIPv4", "127.0.0.1"]
        off = ["-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "", "-defaultIPv6", ""]
        with open(self._log, "ab") as log:
            self._processes = [
                subprocess.Popen(command, stdout=log, stderr=log, env=environment)
                for command in (
                    ["pebble-challtestsrv", *told, *off],
                    ["pebble", "-config", str(self._config), "-dnsserver", names],
                )
            ]
        until(lambda: _answers(f"https://localhost:{self._port}/dir", self.authority) and _answers(self.commands))

    def told(self, command: str, **facts: object) -> None:
        """Tell the name server what to answer."""
        octets = json.dumps(facts).encode()
        urllib.request.urlopen(f"{self.commands}/{command}", octets, timeout=30).close()

    def root(self) -> bytes:
        """The root that its certificates end at."""
        context = ssl.create_default_context(cafile=str(self.authority))
        with urllib.request.urlopen(f"https://localhost:{self._management}/roots/0", context=context) as answer:
            return bytes(answer.read())

    def signal(self, number: int) -> None:
        """To the authority itself."""
        self._processes[1].send_signal(number)

    def stop(self) -> None:
        """Nobody listens any more."""
        for process in self._processes:
            process.kill()
            process.wait()
        self._processes = []

    def log(self) -> str:
        return self._log.read_text(errors="replace")


def _answers(url: str, authority: Path | None = None) -> bool:
    context = ssl.create_default_context(cafile=str(authority)) if authority else None
    try:
        urllib.request.urlopen(url, context=context, timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
