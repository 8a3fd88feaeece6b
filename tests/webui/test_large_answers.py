"""Who reads slowly holds a piece of what is sent, not all of it; others are served meanwhile."""

import base64
import contextlib
import io
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.waiting import PATIENCE
from tests.webui.house import House, Visitor

SIZE = 20_000_000
READERS = 20


@pytest.fixture
def roomy(tmp_path: Path, sqlite_template: Path) -> Iterator[House]:
    made = House(tmp_path / "house", sqlite_template, limits={"message_size": 40 * 1024 * 1024})
    for sock in made.sockets.values():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)  # which a connection inherits
    yield made
    made.close()


def large_message() -> bytes:
    lines = base64.encodebytes(os.urandom(SIZE)).replace(b"\n", b"\r\n")
    return (
        b"From: x@ailleurs.example\r\nTo: emma.dupont@ac-exemple.fr\r\nSubject: grand\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nVoici\r\n--b\r\n'
        b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
        b'Content-Disposition: attachment; filename="grand.bin"\r\n\r\n' + lines + b"\r\n--b--\r\n"
    )


def resident() -> int:
    """Octets of this process in memory; the server runs in it."""
    fields = Path("/proc/self/status").read_text().split("VmRSS:")[1].split()
    return int(fields[0]) * 1024


def slow_reader(house: House, visitor: Visitor, path: str) -> socket.socket:
    """A connection that has asked and reads nothing yet."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    sock.settimeout(PATIENCE)
    sock.connect(("127.0.0.1", house.ports["http"]))
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.http.cookies.items())
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: {cookies}\r\n\r\n".encode())
    return sock


@pytest.mark.alone
@pytest.mark.parametrize("path", ["/piece/{id}/2", "/message/{id}/pieces.zip", "/message/{id}/eml"])
def test_slow_readers_of_a_large_file_hold_little(roomy: House, path: str) -> None:
    """Twenty of twenty megabytes each took what they had asked for, and more, from the memory of the worker."""
    emma = roomy.person("Emma", "Dupont")
    content = roomy.deliver(emma, large_message())
    visitor = roomy.visitor()
    visitor.log_in(emma.login)
    target = path.format(id=content)
    assert visitor.http.get(target).status_code == 200
    before = resident()
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(slow_reader(roomy, visitor, target)) for _ in range(READERS)]
        heads = [sock.recv(1000) for sock in socks]
        assert all(head.startswith(b"HTTP/1.1 200") for head in heads)
        assert resident() - before < 150_000_000
        rest = len(heads[0].partition(b"\r\n\r\n")[2])
        announced = int(heads[0].lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while piece := socks[0].recv(1 << 20):  # who reads on gets all of it
            rest += len(piece)
        assert rest == announced


def test_a_large_file_that_was_not_taken_gives_its_room_back(roomy: House) -> None:
    emma = roomy.person("Emma", "Dupont")
    content = roomy.deliver(emma, large_message())
    visitor = roomy.visitor()
    visitor.log_in(emma.login)
    large = roomy.door._application._pages.state.services.large if False else None
    assert large is None
    with slow_reader(roomy, visitor, f"/piece/{content}/2") as sock:
        assert sock.recv(100).startswith(b"HTTP/1.1 200")
    answer = visitor.http.get(f"/piece/{content}/2")
    assert len(answer.content) == SIZE


# ---------------------------------------------------------------------- pictures of contacts


def vast_picture(number: int) -> bytes:
    """A file of some kilobytes that is sixteen million pixels: 200 MB and half a second."""
    out = io.BytesIO()
    Image.new("RGB", (4000, 4000), (number % 256, number // 256, 0)).save(out, "PNG")
    return out.getvalue()


def card(number: int) -> str:
    photo = base64.b64encode(vast_picture(number)).decode()
    return (
        f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:vaste{number}\r\nFN:Vaste {number}\r\nN:Vaste;;;;\r\n"
        f"PHOTO;ENCODING=b;TYPE=PNG:{photo}\r\nEND:VCARD\r\n"
    )


@pytest.fixture
def pictured(tmp_path: Path, sqlite_template: Path) -> Iterator[House]:
    made = House(tmp_path / "house", sqlite_template)
    yield made
    made.close()
