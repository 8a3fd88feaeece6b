"""Forms that never end share a bound in memory: strangers' all together, and each account's."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import PATIENCE, until
from tests.webui.house import House, Visitor

FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


@pytest.fixture
def own_house(tmp_path: Path, sqlite_template: Path) -> Iterator[House]:
    made = House(tmp_path / "house", sqlite_template)
    yield made
    made.close()


def unfinished(house: House, target: str, octets: int, fields: bytes = b"") -> socket.socket:
    """A form that has all but its last octet."""
    sock = socket.create_connection(("127.0.0.1", house.ports["http"]), timeout=PATIENCE)
    head = f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {octets}\r\n".encode()
    sock.sendall(head + FORM + fields + b"\r\n")
    body = b"&".join(b"%d=" % number + b"a" * 500_000 for number in range(1 + octets // 500_000))[: octets - 1]
    with contextlib.suppress(ConnectionError):
        sock.sendall(body)
    return sock


def answered(sock: socket.socket) -> bool:
    """True when something has come back by now, be it the end."""
    sock.setblocking(False)
    try:
        sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except ConnectionError:
        pass
    finally:
        sock.settimeout(PATIENCE)
    return True


def finished(sock: socket.socket) -> bytes:
    """The status of the answer to a form that is whole now."""
    sock.sendall(b"a")
    return status(sock)


def status(sock: socket.socket) -> bytes:
    with contextlib.suppress(ConnectionError):
        return sock.recv(65536)[9:12]
    return b"cut"


@pytest.mark.parametrize(
    "target", ["/connexion", "/initialiser", "/activation", "/moderation/x", "/session/renouveler"]
)
def test_a_guest_has_little_to_say(own_house: House, target: str) -> None:
    """A form of four megabytes is refused by its announced length, and by what comes where none was announced."""
    with unfinished(own_house, target, 4_000_000) as sock:
        assert status(sock) in (b"413", b"cut")
    with socket.create_connection(("127.0.0.1", own_house.ports["http"]), timeout=PATIENCE) as sock:
        sock.sendall(f"POST {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n".encode() + FORM + b"\r\n")
        sock.sendall(b"20000\r\n" + b"a" * 0x20000 + b"\r\n")
        assert status(sock) == b"413"


def held(house: House) -> int:
    """Connections that the door holds."""

    async def count() -> int:
        return sum(len(one.server_state.connections) for one, _ in house.door._servers)

    return house.run(count())


def test_unfinished_forms_of_ended_sessions_share_a_bound(own_house: House) -> None:
    """The text of a letter whose session is over is kept for its writer: 200 such forms do not take 700 MB."""
    own_house.person("Marie", "Martin")
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(unfinished(own_house, "/s/ecrire", 4_000_000)) for _ in range(40)]
        until(lambda: sum(answered(sock) for sock in socks) >= 31)
        refused = [sock for sock in socks if answered(sock)]
        assert {status(sock) for sock in refused} <= {b"503", b"cut"}
        visitor = own_house.visitor()  # whoever logs in is not kept from it
        visitor.log_in("mmartin")
        assert visitor.get("/s/").status_code == 200
    until(lambda: held(own_house) <= 1)
    with unfinished(own_house, "/s/ecrire", 4_000_000) as sock:  # what has gone has given its room back
        assert finished(sock) == b"401"


def test_unfinished_forms_of_an_account_share_a_bound(own_house: House) -> None:
    """Somebody else's letter arrives while one account holds all it may."""
    own_house.person("Marie", "Martin")
    own_house.person("Emma", "Dupont")
    visitor, other = own_house.visitor(), own_house.visitor()
    visitor.log_in("mmartin")
    other.log_in("edupont")
    with contextlib.ExitStack() as stack:
        session = cookies(visitor)
        socks = [stack.enter_context(unfinished(own_house, "/s/ecrire", 4_000_000, session)) for _ in range(20)]
        until(lambda: sum(answered(sock) for sock in socks) >= 11)
        with unfinished(own_house, "/s/ecrire", 4_000_000, cookies(other)) as sock:
            assert finished(sock) == b"403"  # read whole: it has no mark of ours


def cookies(visitor: Visitor) -> bytes:
    return b"Cookie: " + "; ".join(f"{name}={value}" for name, value in visitor.http.cookies.items()).encode() + b"\r\n"
