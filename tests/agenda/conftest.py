"""The agenda door alone: uvicorn in a thread, a real store, and people whose passwords are known."""

import asyncio
import socket
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from agenda import application
from mailserver.foundation.settings import Settings
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal, Role, State
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Store
from tests.conftest import StoreMaker

PASSWORD = "Academie#2026"
NAMESPACES = {
    "D": "DAV:",
    "C": "urn:ietf:params:xml:ns:caldav",
    "CR": "urn:ietf:params:xml:ns:carddav",
    "CS": "http://calendarserver.org/ns/",
}
EVENT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//essai//FR
BEGIN:VEVENT
UID:{uid}
DTSTAMP:20260901T080000Z
DTSTART:{start}
DTEND:{end}
SUMMARY:{summary}
{more}END:VEVENT
END:VCALENDAR
"""
CONTACT = """BEGIN:VCARD
VERSION:3.0
UID:{uid}
FN:{name}
N:{name};;;;
EMAIL:{uid}@exemple.fr
END:VCARD
"""


def event(
    uid: str, summary: str = "Cours", start: str = "20260907T080000Z", end: str = "20260907T090000Z", more: str = ""
) -> str:
    """An iCalendar object; `more` is further lines of the event."""
    text = EVENT.format(uid=uid, summary=summary, start=start, end=end, more=more)
    return text.replace("\n", "\r\n")


def contact(uid: str, name: str = "Émilie Dupont") -> str:
    return CONTACT.format(uid=uid, name=name).replace("\n", "\r\n")


class Logins:
    """The service's login with known people: states and reasons as the real one, no hashing."""

    def __init__(self) -> None:
        self.people: dict[str, Principal] = {}
        self.peers: list[tuple[str, str]] = []

    def add(self, principal: Principal) -> None:
        for name in (principal.login, principal.address, *principal.aliases):
            self.people[name.casefold()] = principal

    async def login(self, login: str, secret: Secret, peer: str, service: str) -> Principal:
        self.peers.append((peer, service))
        principal = self.people.get(login.casefold())
        if principal is None or secret.reveal() != PASSWORD:
            raise Refused(Reason.AUTHENTICATION)
        if principal.state is State.SUSPENDED:
            raise Refused(Reason.SUSPENDED, "Compte suspendu: contactez nous / Account suspended: call us")
        return principal


@dataclass(slots=True)
class Door:
    """A running server and how to reach it."""

    port: int
    store: Store
    logins: Logins
    loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, login: str = "edupont", password: str = PASSWORD) -> "Client":
        return Client(self.url, login, password)


class Client(httpx.Client):
    """httpx with DAV's methods and XML answers."""

    def __init__(self, url: str, login: str, password: str) -> None:
        super().__init__(base_url=url, auth=(login.encode(), password.encode()), timeout=60)

    def dav(self, method: str, path: str, body: str = "", **headers: str) -> httpx.Response:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request(method, path, content=body.encode(), headers=fields)

    def put_event(self, path: str, text: str, **headers: str) -> httpx.Response:
        return self.dav("PUT", path, text, Content_Type="text/calendar; charset=utf-8", **headers)

    def propfind(self, path: str, *names: str, depth: int = 0) -> dict[str, dict[str, ET.Element]]:
        """Found properties by href, then by prefixed name."""
        wanted = "".join(f"<{name}/>" for name in names)
        spaces = " ".join(f'xmlns:{short}="{long}"' for short, long in NAMESPACES.items())
        body = f"<D:propfind {spaces}><D:prop>{wanted}</D:prop></D:propfind>"
        response = self.dav("PROPFIND", path, body, Depth=str(depth))
        assert response.status_code == 207, response.text
        return properties(response)

    def sync(self, path: str, token: str = "") -> "tuple[str, dict[str, int]]":
        """The new token, and the status by href."""
        response = self.sync_response(path, token)
        assert response.status_code == 207, response.text
        root = ET.fromstring(response.content)
        found = {}
        for one in root.iterfind("D:response", NAMESPACES):
            status = one.findtext("D:status", "HTTP/1.1 200 OK", NAMESPACES)
            found[one.findtext("D:href", "", NAMESPACES)] = int(status.split()[1])
        return root.findtext("D:sync-token", "", NAMESPACES), found

    def sync_response(self, path: str, token: str = "") -> httpx.Response:
        body = (
            '<D:sync-collection xmlns:D="DAV:"><D:sync-token>' + token + "</D:sync-token>"
            "<D:sync-level>1</D:sync-level><D:prop><D:getetag/></D:prop></D:sync-collection>"
        )
        return self.dav("REPORT", path, body)


def properties(response: httpx.Response) -> dict[str, dict[str, ET.Element]]:
    """Properties of a multistatus that were found, by href and prefixed name."""
    short = {long: prefix for prefix, long in NAMESPACES.items()}
    found: dict[str, dict[str, ET.Element]] = {}
    for one in ET.fromstring(response.content).iterfind("D:response", NAMESPACES):
        mine = found.setdefault(one.findtext("D:href", "", NAMESPACES), {})
        for state in one.iterfind("D:propstat", NAMESPACES):
            if " 200 " not in state.findtext("D:status", "", NAMESPACES):
                continue
            for element in state.iterfind("D:prop/*", NAMESPACES):
                space, _, name = element.tag[1:].partition("}")
                mine[f"{short.get(space, space)}:{name}"] = element
    return found


def person(account_id: int, login: str, address: str, **more: Any) -> Principal:
    given, _, surname = address.split("@")[0].partition(".")
    made = Principal(
        account_id,
        login,
        address,
        (f"{login}@ac-exemple.fr",),
        given.capitalize(),
        surname.capitalize(),
        Role.TEACHER,
        State.ACTIVE,
    )
    return replace(made, **more)


class _Server(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        """The test process keeps its own."""


def serve(store: Store, tmp_path: Path) -> Iterator[Door]:
    """One worker's agenda door over a store."""
    logins = Logins()
    for login, address in (("edupont", "emilie.dupont@ac-exemple.fr"), ("mmartin", "marc.martin@ac-exemple.fr")):
        known = store.read_now(accounts.by_login, login)
        account_id = known.id if known is not None else store.write_now(accounts.create, login, State.ACTIVE)
        logins.add(person(account_id, login, address))
    settings = Settings(domain="ac-exemple.fr", directory=tmp_path)
    app = application.create(settings=settings, store=store, login=logins)  # type: ignore[arg-type]
    # Named as TCP, or asyncio (unlike uvloop) leaves Nagle's algorithm on and every answer takes 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(100)
        port = listening.getsockname()[1]
        server = _Server(
            uvicorn.Config(app, log_config=None, lifespan="off", ws="none", access_log=False, proxy_headers=False)
        )
        ready = threading.Event()
        loops: list[asyncio.AbstractEventLoop] = []

        async def run() -> None:
            loops.append(asyncio.get_running_loop())
            task = asyncio.ensure_future(server.serve([listening]))
            while not server.started:
                await asyncio.sleep(0.005)
            ready.set()
            await task

        thread = threading.Thread(target=asyncio.run, args=(run(),))
        thread.start()
        assert ready.wait(60)
        try:
            yield Door(port, store, logins, loops[0])
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def door(store: Store, tmp_path: Path) -> Iterator[Door]:
    """The door, on each engine in turn."""
    yield from serve(store, tmp_path)


@pytest.fixture
def two_doors(make_store: StoreMaker, tmp_path: Path) -> Iterator[tuple[Door, Door]]:
    """Two workers over one database."""
    first = serve(make_store(), tmp_path)
    second = serve(make_store(), tmp_path)
    doors = next(first), next(second)
    yield doors
    for running in (first, second):
        next(running, None)


@pytest.fixture
def client(door: Door) -> Iterator[Client]:
    with door.client() as made:
        yield made
