"""A server of the S3 protocol on this machine: `rclone serve s3`, which tests stop, freeze and start again."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from mailserver.foundation.settings import Octets
from tests.ports import free_port
from tests.waiting import until

KEY = ("TESTKEY", "test-secret-of-no-use")
BUCKET = "messagerie"


class ObjectStorage:
    """One bucket, kept in a folder."""

    def __init__(self, folder: Path, *more: str, key: tuple[str, str] = KEY) -> None:
        """`more`: addresses at which it listens besides the loopback's."""
        self.key = key
        self.root = folder / BUCKET
        self.root.mkdir(parents=True, exist_ok=True)
        self.address = "127.0.0.1"
        self.port = free_port()
        self._addresses = (self.address, *more)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://{self.address}:{self.port}"

    def octets(self, prefix: str = "academie", **more: int) -> Octets:
        return Octets.model_validate({"url": f"s3://{BUCKET}/{prefix}", "endpoint": self.endpoint, **more})

    def settings(self, prefix: str = "academie") -> str:
        """As the settings file says it."""
        return f'\n[octets]\nurl = "s3://{BUCKET}/{prefix}"\nendpoint = "{self.endpoint}"\n'

    def start(self) -> None:
        rclone = str(Path(sys.executable).with_name("rclone"))
        command = [rclone, "serve", "s3", "--auth-key", ",".join(self.key)]
        command += [f"--addr={address}:{self.port}" for address in self._addresses]
        environment = {**os.environ, "RCLONE_CONFIG": "/dev/null"}
        self._process = subprocess.Popen(
            [*command, "--vfs-cache-mode", "off", str(self.root.parent)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(self._answers)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.address, self.port)) == 0

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """It takes connections and says nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        threads = Path(f"/proc/{self._process.pid}/task")
        # The signal is sent; that the last of its threads stands still comes later.
        until(lambda: all(_stands(each / "stat") for each in threads.iterdir()))

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


def _stands(stat: Path) -> bool:
    return stat.read_text().rpartition(")")[2].split()[0] == "T"
