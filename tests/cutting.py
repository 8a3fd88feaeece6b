"""Between a store and PostgreSQL: a connection that breaks when a commit is done and before its answer has come."""

import contextlib
import socket
import threading
from urllib.parse import urlsplit, urlunsplit

_INSERTED = b"INSERT"
_COMMITTED = b"COMMIT\0"
_COMPLETE, _READY = b"C", b"Z"
"""CommandComplete of PostgreSQL's protocol, behind which the tag of the command follows; and ReadyForQuery, which comes
once what was no transaction of its own is committed."""
_TOGETHER = b"pg_notify("
"""In the statement that delivers many messages, and commits by itself."""
_HEAD = 5
"""A type and four octets of length, which count themselves."""


class Cutter:
    """Passes on what is said, until told to break off after the next commit that has inserted something."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "", parts.port or 0)
        self._listening = socket.create_server(("127.0.0.1", 0))
        place = f"{parts.username}@127.0.0.1:{self._listening.getsockname()[1]}"
        self.url = urlunsplit((parts.scheme, place, parts.path, "sslmode=disable&gssencmode=disable", ""))
        self.cut = threading.Event()
        """A commit was done, and its answer did not come."""
        self._armed = threading.Event()
        self._down = threading.Event()
        self.refused = 0
        """Connections that came while the database was away."""
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def arm(self) -> None:
        """Break off once."""
        self.cut.clear()
        self._armed.set()

    def go_down(self) -> None:
        """The database is away: connections break, and new ones are not served until `come_back`."""
        self._down.set()
        self._break_all()

    def come_back(self) -> None:
        self._down.clear()

    def _break_all(self) -> None:
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._break_all()
        for thread in self._threads:
            thread.join(10)
        for one in self._sockets:
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                if self._down.is_set():
                    client.close()
                    self.refused += 1
                    continue
                server = socket.create_connection(self._target)
                for one in (client, server):  # each question is small, and its answer is waited for
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets += (client, server)
                asked = threading.Event()
                for work in (self._ask, self._answer):
                    thread = threading.Thread(target=work, args=(client, server, asked), daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _ask(self, client: socket.socket, server: socket.socket, asked: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if _TOGETHER in data:
                    asked.set()
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _answer(self, client: socket.socket, server: socket.socket, asked: threading.Event) -> None:
        inserted = False
        with contextlib.suppress(OSError), server.makefile("rb") as answers:
            while head := answers.read(_HEAD):
                body = answers.read(int.from_bytes(head[1:], "big") - 4)
                is_ready = head[:1] == _READY and asked.is_set()
                if is_ready or (head[:1] == _COMPLETE and body == _COMMITTED):
                    inserted = inserted or is_ready
                    asked.clear()
                    if inserted and self._armed.is_set():
                        self._armed.clear()
                        self.cut.set()
                        break
                    inserted = False
                inserted = inserted or (head[:1] == _COMPLETE and body.startswith(_INSERTED))
                client.sendall(head + body)
        for one in (client, server):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
