"""The other servers: one process for all domains, each of which behaves as its address says."""

import asyncio
import multiprocessing
import socket
from collections import Counter
from multiprocessing.connection import Connection
from typing import cast

import uvloop

from tests.bench.outgoing.destinations import Kind, kind_of

MAX_CONNECTIONS = 4000
MAX_LINE = 2048
MAX_MESSAGE = 1 << 20
SLOW_SECONDS = 1.0
"""What a slow server takes for a message."""
_GREETING = b"250-sink\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250 8BITMIME\r\n"


class _Counts:
    """What came, over all connections."""

    def __init__(self) -> None:
        self.taken: Counter[bytes] = Counter()
        """By recipient."""
        self.refused: set[bytes] = set()
        self.open = 0
        self.most = 0
        self.connections = 0


class _Session(asyncio.Protocol):
    """One connection."""

    def __init__(self, counts: _Counts) -> None:
        self._counts = counts
        self._buffer = b""
        self._recipients: list[bytes] = []
        self._in_data = False
        self._pauses = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._kind = kind_of(transport.get_extra_info("sockname")[0])
        counts = self._counts
        counts.connections += 1
        counts.open += 1
        counts.most = max(counts.most, counts.open)
        if counts.open > MAX_CONNECTIONS:
            self._transport.abort()
            return
        self._transport.write(b"220 sink ESMTP\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        self._counts.open -= 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > MAX_MESSAGE:
            self._transport.abort()
            return
        self._go_on()

    def _go_on(self) -> None:
        replies = []
        while not self._pauses:
            if self._in_data:
                end = self._buffer.find(b"\r\n.\r\n")
                if end < 0:
                    break
                self._buffer = self._buffer[end + 5 :]
                self._in_data = False
                if self._kind is Kind.SLOW:
                    self._pauses = True
                    asyncio.get_running_loop().call_later(SLOW_SECONDS, self._take_slowly)
                    break
                replies.append(self._take())
                continue
            line, found, rest = self._buffer.partition(b"\r\n")
            if not found:
                if len(self._buffer) > MAX_LINE:
                    self._transport.abort()
                break
            self._buffer = rest
            replies.append(self._obey(line))
        if replies:
            self._transport.write(b"".join(replies))

    def _obey(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"EHLO":
            return _GREETING
        if verb == b"RCPT":
            return self._judge(line[line.find(b"<") + 1 : line.find(b">")])
        if verb == b"DATA":
            if not self._recipients:
                return b"554 5.5.1 No valid recipients\r\n"
            self._in_data = True
            return b"354 Go on\r\n"
        if verb in (b"MAIL", b"RSET"):
            self._recipients = []
        if verb == b"QUIT":
            self._transport.write(b"221 2.0.0 Bye\r\n")
            self._transport.close()
            return b""
        return b"250 2.0.0 Ok\r\n"

    def _judge(self, recipient: bytes) -> bytes:
        if self._kind is Kind.BUSY:
            return b"450 4.2.1 Come later\r\n"
        if self._kind is Kind.REFUSING:
            self._counts.refused.add(recipient)
            return b"550 5.1.1 No such user\r\n"
        self._recipients.append(recipient)
        return b"250 2.1.5 Ok\r\n"

    def _take(self) -> bytes:
        self._counts.taken.update(self._recipients)
        self._recipients = []
        return b"250 2.0.0 Taken\r\n"

    def _take_slowly(self) -> None:
        self._pauses = False
        self._transport.write(self._take())
        self._go_on()


class Sink:
    """The process. Counts begin anew with `forget`."""

    def __init__(self) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        self.port: int = self._pipe.recv()
        self.silent_port: int = self._pipe.recv()
        """What is sent to it is lost: its backlog is full."""

    def figures(self) -> tuple[int, int, int, int, int]:
        """Recipients taken, refused, and taken more than once; connections in all and most at once."""
        self._pipe.send("figures")
        found: tuple[int, int, int, int, int] = self._pipe.recv()
        return found

    def forget(self) -> None:
        self._pipe.send("forget")
        self._pipe.recv()

    def stop(self) -> None:
        self._pipe.close()
        self._process.terminate()
        self._process.join()


def _serve(pipe: Connection) -> None:
    uvloop.run(_listen(pipe))


async def _listen(pipe: Connection) -> None:
    loop = asyncio.get_running_loop()
    counts = _Counts()
    server = await loop.create_server(lambda: _Session(counts), "0.0.0.0", 0, backlog=1000)
    pipe.send(server.sockets[0].getsockname()[1])
    silent, filling = _full_backlog()
    pipe.send(silent.getsockname()[1])

    def answer() -> None:
        if pipe.recv() == "forget":
            counts.taken.clear()
            counts.refused.clear()
            counts.most = counts.connections = 0
            pipe.send(None)
            return
        twice = sum(count - 1 for count in counts.taken.values() if count > 1)
        pipe.send((len(counts.taken), len(counts.refused), twice, counts.connections, counts.most))

    loop.add_reader(pipe.fileno(), answer)
    try:
        await asyncio.Event().wait()
    finally:
        for sock in (silent, *filling):
            sock.close()


def _full_backlog() -> tuple[socket.socket, list[socket.socket]]:
    """A listener that nobody accepts from, and the connections that fill it: further ones get no answer at all."""
    silent = socket.socket()
    silent.bind(("0.0.0.0", 0))
    silent.listen(0)
    filling = []
    for _ in range(8):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(("127.0.0.1", silent.getsockname()[1]))
        filling.append(sock)
    return silent, filling
