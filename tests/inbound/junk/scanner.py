"""rspamd and clamd of Debian's packages on ports of their own, and servers that only pretend to be one."""

import asyncio
import contextlib
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from tests.ports import free_port
from tests.waiting import until

REJECTED = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
MARKED = "Y" + REJECTED[1:]
"""Texts that any rspamd calls junk: to be refused, to be marked."""
_SETTINGS = """
options {{
  pidfile = "{folder}/pid";
  filters = "";
  enable_test_patterns = true;
  url_tld = "{folder}/suffixes";
  tempdir = "{folder}";
  dns {{ nameserver = ["127.0.0.1:9"]; timeout = 0.1s; retransmits = 1; }}
  lang_detection {{ languages_enable = ["fr"]; }}
}}
logging {{ type = "file"; filename = "{folder}/log"; level = "warning"; }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; }}
actions {{ reject = 15; "add header" = 6; }}
"""


_CLAMD = """
DatabaseDirectory {folder}/signatures
TCPSocket {port}
TCPAddr 127.0.0.1
Foreground true
LogFile {folder}/log
SelfCheck 0
MaxThreads 2
"""
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
"""What every scanner calls a virus, and harms nobody."""


class _Program:
    """A scanner that runs until it is stopped."""

    def __init__(self, name: str, *words: str | Path) -> None:
        program = shutil.which(name, path="/usr/bin:/usr/sbin")
        assert program
        self._process = subprocess.Popen([program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait_for(self, port: int) -> None:
        def answers() -> bool:
            assert self._process.poll() is None, "it did not start"
            with socket.socket() as sock:
                return sock.connect_ex(("127.0.0.1", port)) == 0

        until(answers)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(60)


class Clamd(_Program):
    """A running clamd with one signature of ours, so that nothing is fetched."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        (folder / "signatures").mkdir()
        (folder / "signatures" / "ours.ndb").write_text(f"Ours.Eicar:0:*:{EICAR.hex()}\n")
        (folder / "clamd.conf").write_text(_CLAMD.format(folder=folder, port=self.port))
        super().__init__("clamd", "-c", folder / "clamd.conf")
        self.wait_for(self.port)


class Rspamd(_Program):
    """A running rspamd that knows nothing but its test patterns."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        (folder / "suffixes").write_text("fr\nexample\n")  # the whole list takes it half a minute
        (folder / "rspamd.conf").write_text(_SETTINGS.format(folder=folder, port=self.port))
        super().__init__("rspamd", "-c", folder / "rspamd.conf", "-f", "--insecure")
        self.wait_for(self.port)


Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def pretending(answer: Answer) -> AsyncIterator[int]:
    """The port of a server that answers so."""

    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await answer(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await asyncio.sleep(0)
