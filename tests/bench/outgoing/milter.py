"""OpenDKIM, which signs what Postfix takes in: a private instance with a key of the same size as ours."""

import contextlib
import socket
import subprocess
import tempfile
from pathlib import Path

from mailserver.outbound.submission.signatures.dkim import new_key
from tests.bench.incoming import processes
from tests.bench.incoming.people import DOMAIN
from tests.ports import free_port
from tests.waiting import until

PROGRAM = Path("/usr/sbin/opendkim")
START_SECONDS = 30
_SETTINGS = """
Syslog no
Mode s
Canonicalization relaxed/relaxed
SignatureAlgorithm rsa-sha256
Domain {domain}
Selector bench
KeyFile {folder}/dkim.pem
Socket inet:{port}@127.0.0.1
InternalHosts 127.0.0.0/8
Background no
"""


class Milter:
    """One process."""

    def __init__(self) -> None:
        # It reads neither settings nor keys below a folder that others may write to.
        self._made = tempfile.TemporaryDirectory(prefix="opendkim-", dir="/run")
        self._folder = Path(self._made.name)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def roots(self) -> list[int]:
        return [self._process.pid] if self._process else []

    @property
    def cpu(self) -> float:
        """Seconds of processor so far."""
        return processes.cpu(self.roots).total()

    def start(self) -> None:
        """Serve; returns once it does."""
        key, settings = self._folder / "dkim.pem", self._folder / "opendkim.conf"
        key.write_bytes(new_key())
        key.chmod(0o600)
        settings.write_text(_SETTINGS.format(domain=DOMAIN, folder=self._folder, port=self.port))
        words = [str(PROGRAM), "-f", "-x", str(settings)]
        with open(self._folder / "opendkim.out", "wb") as out:
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        until(self._listens, START_SECONDS)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None
        self._made.cleanup()

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "opendkim.out").read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False
