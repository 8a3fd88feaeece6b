"""A web server of the outside world: real TLS, on this machine, remembering what was asked of it."""

import datetime
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mailserver.foundation.network.safe_fetch import SECONDS, SafeFetch, is_public
from mailserver.foundation.tls import make_certificate
from tests.smtp.elsewhere import Names

Answer = Callable[[ssl.SSLSocket], None]


@dataclass
class Website:
    """Answers by path; each request is kept whole."""

    folder: Path
    names: list[str]
    answers: dict[str, bytes | Answer] = field(default_factory=dict)
    asked: list[bytes] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        certificate, key = self.folder / "site.pem", self.folder / "site.key"
        make_certificate(certificate, key, self.names, datetime.datetime.now(datetime.UTC))
        self.trust = ssl.create_default_context(cafile=str(certificate))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def stop(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        try:
            with self._context.wrap_socket(connection, server_side=True) as secure:
                request = b""
                while not _whole(request):  # what stays unread would break the connection before our answer is read
                    request += secure.recv(65536)
                self.asked.append(request)
                answer = self.answers.get(
                    request.split(b" ")[1].decode(), b"HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n"
                )
                if isinstance(answer, bytes):
                    secure.sendall(answer)
                else:
                    answer(secure)
        except OSError:
            return


def _whole(request: bytes) -> bool:
    head, found, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\ncontent-length: *(\d+)", head)
    return bool(found) and len(body) >= int(length[1] if length else 0)


def world(names: Names, site: Website, seconds: float = SECONDS) -> SafeFetch:
    """The public internet, of which one machine happens to be this one."""
    return SafeFetch(
        resolver=names.resolver(),
        trust=site.trust,
        may_dial=lambda address: address == "127.0.0.1" or is_public(address),
        ports=frozenset({443, site.port}),
        seconds=seconds,
    )


def page(octets: bytes, media_type: str = "image/png", status: str = "200 OK", more: str = "") -> bytes:
    """A whole answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {len(octets)}\r\n{more}\r\n"
    return head.encode() + octets


def slowly(secure: ssl.SSLSocket) -> None:
    """Never an end, an octet at a time."""
    secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n")
    for _ in range(200):
        secure.sendall(b"x")
        time.sleep(0.1)
