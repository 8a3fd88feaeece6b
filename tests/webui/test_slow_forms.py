"""A form that takes its time: what its sender may do is asked again once it is there."""

import re
import socket
import time
from urllib.parse import urlencode

from mailserver.model.identity import Principal, Role
from mailserver.store.account import accounts, rules
from tests.webui.house import House, Visitor
from tests.webui.secondstep import Phone
from tests.webui.test_admin import entered
from webui.admin.access import IDLE_SECONDS
from webui.page.dispatch import SLOW_SECONDS

HEAD = (
    "POST {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookies}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    "Content-Length: {size}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
)


class Slow:
    """A form of which the head is sent, and read: the server waits for the rest."""

    def __init__(self, house: House, visitor: Visitor, path: str, data: dict[str, str]) -> None:
        mark = re.search(r'name="m_"\s+value="([^"]+)"', visitor.text)
        assert mark, visitor.text
        self._body = urlencode({"m_": mark[1], **data}).encode()
        address = ("127.0.0.1", house.ports["http"])
        cookies = "; ".join(f"{one.name}={one.value}" for one in visitor.http.cookies.jar)
        head = HEAD.format(path=path, host=f"127.0.0.1:{address[1]}", cookies=cookies, size=len(self._body))
        self._socket = socket.create_connection(address, timeout=60)
        self._socket.sendall(head.encode())
        assert self._socket.recv(100).startswith(b"HTTP/1.1 100"), "the form was not asked for"
        self._asked = time.monotonic()

    def end(self) -> bytes:
        """Send the rest late enough to be a slow form; the status line of the answer."""
        time.sleep(max(0.0, self._asked + SLOW_SECONDS + 0.05 - time.monotonic()))
        with self._socket:
            self._socket.sendall(self._body)
            with self._socket.makefile("rb") as answer:
                return answer.readline()


def pulled(house: House) -> list[str]:
    return [one.population.value for one in house.store.read_now(rules.brakes)]


def test_the_console_closes_while_a_form_comes_in(house: House, administrator: Principal, phone: Phone) -> None:
    """The proof of being there ends meanwhile: the brake is not pulled. One that comes in time pulls it."""
    console = entered(house, administrator, phone)
    page = console.get("/admin/regles")
    assert page.status_code == 200, page.text
    form = {"faire": "serrer", "population": "pupil", "heures": "4", "motif": "essai", "confirme": "frein"}
    late = Slow(house, console, "/admin/regles", form)
    house.clock.ahead += IDLE_SECONDS + 1
    assert late.end().startswith(b"HTTP/1.1 401")
    assert pulled(house) == []
    console = entered(house, administrator, phone)
    console.get("/admin/regles")
    in_time = Slow(house, console, "/admin/regles", form)
    assert in_time.end().startswith((b"HTTP/1.1 303", b"HTTP/1.1 302"))
    assert pulled(house) == ["pupil"]


def test_a_session_ends_while_a_form_comes_in(house: House) -> None:
    """Suspended meanwhile: nothing is sent."""
    marc, zoe = house.person("Marc", "Lent"), house.person("Zoé", "Lente", Role.STAFF)
    visitor = house.visitor()
    visitor.log_in(marc.login)
    visitor.get("/s/ecrire")
    form = {"cle": visitor.field("cle"), "a": zoe.login, "objet": "tard", "texte": "x", "faire": "envoyer"}
    late = Slow(house, visitor, "/s/ecrire", form)
    house.store.write_now(accounts.suspend, marc.account_id, "test", False)
    assert not late.end().startswith(b"HTTP/1.1 302")
    assert house.subjects(zoe, "INBOX") == []
