"""An authority that never comes to an end keeps no thread: its answers are bounded in time as in octets."""

import contextlib
import datetime
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from mailserver.certificates import bounded_http
from mailserver.certificates.bounded_http import BoundedAdapter
from mailserver.certificates.faults import Fault, NotObtained
from mailserver.certificates.obtaining import Obtaining
from mailserver.certificates.proofs import ACCOUNT_KEY, new_key
from mailserver.foundation.settings import load
from mailserver.foundation.tls import make_certificate
from mailserver.store.engine.transactions import Store
from tests.certificate_files import write_pair
from tests.clocks import MovingClock
from tests.waiting import until

PAUSE = 0.01
HELLO = b"\x16\x03\x03\x40\x00"
"""Begins a record of 16 KiB."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
DRIPS = {
    "handshake": (False, HELLO),
    "status": (True, b"HTTP/1.1 200"),
    "header": (True, HEAD + b"X-Long: "),
    "body": (True, HEAD + b"Content-Length: 100000\r\n\r\n"),
    "body-without-length": (True, HEAD + b"\r\n{}"),
    "chunk": (True, HEAD + b"Transfer-Encoding: chunked\r\n\r\n10000\r\n"),
}


class Authority:
    """Takes connections over TLS, each in a thread, and does the same with all."""

    def __init__(self, folder: Path, answer: Callable[[socket.socket], None], *, over_tls: bool = True) -> None:
        self.trusted, certificate, key = (folder / f"{name}.pem" for name in ("authority", "cert", "key"))
        make_certificate(certificate, key, ["localhost"], datetime.datetime.now(datetime.UTC))
        self._trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._trust.load_cert_chain(certificate, key)
        self._over_tls, self._answer = over_tls, answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self._socket.getsockname()[1]}/dir"
        self.connections = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                opened, _ = self._socket.accept()
                self.connections += 1
                threading.Thread(target=self._meet, args=(opened,), daemon=True).start()

    def _meet(self, opened: socket.socket) -> None:
        with contextlib.suppress(OSError), opened:
            if self._over_tls:
                opened = self._trust.wrap_socket(opened, server_side=True)
            with opened:
                opened.recv(65536)
                self._answer(opened)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def dripping(begins: bytes) -> Callable[[socket.socket], None]:
    """One octet, and then another one, as long as anybody listens."""

    def answer(opened: socket.socket) -> None:
        opened.sendall(begins)
        while True:
            opened.sendall(b"a")
            time.sleep(PAUSE)

    return answer


@contextlib.contextmanager
def authority(folder: Path, answer: Callable[[socket.socket], None], *, over_tls: bool = True) -> Iterator[Authority]:
    made = Authority(folder, answer, over_tls=over_tls)
    try:
        yield made
    finally:
        made.close()


def asking(adapter: BoundedAdapter) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    for prefix in ("https://", "http://"):
        session.mount(prefix, adapter)
    return session


@pytest.mark.parametrize("where", DRIPS)
def test_a_question_ends_though_its_answer_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(bounded_http, "ANSWER_SECONDS", 0.3)
    over_tls, begins = DRIPS[where]
    with (
        authority(tmp_path, dripping(begins), over_tls=over_tls) as one,
        pytest.raises(requests.exceptions.ReadTimeout, match="more than"),
    ):
        asking(BoundedAdapter()).get(one.url, verify=str(one.trusted))


def test_a_step_ends_though_each_question_is_answered(tmp_path: Path) -> None:
    """An order may name a hundred thousand things to look at."""
    with authority(tmp_path, lambda opened: opened.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")) as one:
        adapter = BoundedAdapter()
        session = asking(adapter)
        assert session.get(one.url, verify=str(one.trusted)).json() == {}
        adapter.until = time.monotonic()
        with pytest.raises(requests.exceptions.ReadTimeout):
            session.get(one.url, verify=str(one.trusted))
        assert one.connections == 1


def test_what_is_too_long_or_not_the_authority_s_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "MAX_OCTETS", 1000)
    with authority(tmp_path, lambda opened: opened.sendall(HEAD + b"\r\n" + bytes(1001))) as one:
        session = asking(BoundedAdapter())
        with pytest.raises(requests.exceptions.ContentDecodingError):
            session.get(one.url, verify=str(one.trusted))
        with pytest.raises(requests.exceptions.ConnectionError, match="verify failed"):
            session.get(one.url)
        with pytest.raises(requests.exceptions.InvalidSchema):
            session.get(one.url.replace("https", "http"))
    with pytest.raises(requests.exceptions.ConnectionError, match="refused"):
        session.get(one.url)


def test_a_redirect_is_followed_and_a_proxy_is_asked(tmp_path: Path) -> None:
    """An academy may reach the world through a proxy alone."""
    moved: list[bytes] = [b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"]
    asked: list[bytes] = []

    def answer(opened: socket.socket) -> None:
        opened.sendall(moved.pop() if moved else HEAD + b"Content-Length: 2\r\n\r\n{}")

    def through(opened: socket.socket) -> None:
        asked.append(opened.recv(4096))
        opened.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with socket.create_connection(("127.0.0.1", int(one.url.split(":")[2].split("/")[0]))) as there:
            pump = threading.Thread(target=copy, args=(there, opened), daemon=True)
            pump.start()
            copy(opened, there)
            pump.join()

    with authority(tmp_path, answer) as one, socket.create_server(("127.0.0.1", 0)) as proxy:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    opened, _ = proxy.accept()
                    with opened:
                        through(opened)

        threading.Thread(target=serve, daemon=True).start()
        session = asking(BoundedAdapter())
        session.proxies = {"https": f"http://ecole:secret@127.0.0.1:{proxy.getsockname()[1]}"}
        answered = session.get(one.url, verify=str(one.trusted))
        assert (answered.json(), answered.url.endswith("/other")) == ({}, True)
        proxy.shutdown(socket.SHUT_RDWR)
    assert len(asked) == 2
    assert asked[0].startswith(b"CONNECT localhost:")
    assert b"Proxy-Authorization: Basic ZWNvbGU6c2VjcmV0" in asked[0]


def copy(source: socket.socket, target: socket.socket) -> None:
    """All that comes, until it ends."""
    with contextlib.suppress(OSError):
        while octets := source.recv(65536):
            target.sendall(octets)
        target.shutdown(socket.SHUT_WR)


async def test_no_thread_stays_with_an_authority_that_drips(
    tmp_path: Path, sqlite_store: Store, clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_http, "ANSWER_SECONDS", 0.3)
    with authority(tmp_path, dripping(HEAD + b"X-Long: ")) as one:
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets" / "hmac").write_bytes(b"x" * 32)
        (tmp_path / "secrets" / ACCOUNT_KEY).write_bytes(new_key())
        write_pair(tmp_path / "tls", "mail.ac-exemple.fr")
        (tmp_path / "mailserver.toml").write_text(
            f'domain = "ac-exemple.fr"\nhostname = "mail.ac-exemple.fr"\n[acme]\nagree_to_terms = true\n'
            f'directory = "{one.url}"\nca_file = "{one.trusted}"\n'
        )
        worker = Obtaining(settings=load(tmp_path), store=sqlite_store, clock=clock)
        with pytest.raises(NotObtained) as problem:
            await worker.obtain()
        assert problem.value.fault is Fault.UNREACHABLE
        until(lambda: not any(thread.name.startswith("acme") for thread in threading.enumerate()))
