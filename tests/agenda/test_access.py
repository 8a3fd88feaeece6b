"""Who comes in, and where they may go."""

import asyncio
import base64
from collections.abc import MutableMapping
from dataclasses import replace
from typing import Any

import httpx
import pytest

from agenda import application
from mailserver.foundation.settings import Settings
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.identity import State
from mailserver.store.engine.transactions import Store
from tests.agenda.conftest import PASSWORD, Client, Door, Logins, event, person

pytestmark = pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"edupont").decode(),
        "Basic " + base64.b64encode(b":x").decode(),
        "Basic " + base64.b64encode(b"edupont:wrong").decode(),
        "Basic " + base64.b64encode(b"nobody:Academie#2026").decode(),
        "Basic " + base64.b64encode(b"edupont:" + b"x" * 9000).decode(),
        "Bearer abc",
    ],
)
def test_failed_login_is_challenged(door: Door, header: str) -> None:
    """The same answer whatever was wrong (enumeration)."""
    response = httpx.request("PROPFIND", f"{door.url}/dav/", headers={"Authorization": header})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Basic realm="ac-exemple.fr", charset="UTF-8"'
    assert response.text == "Identifiant ou mot de passe incorrect.\nWrong identifier or password."


def test_every_method_needs_a_login(door: Door) -> None:
    for method in ("OPTIONS", "GET", "PUT", "PROPFIND", "REPORT", "DELETE", "MKCALENDAR", "MOVE"):
        assert httpx.request(method, f"{door.url}/dav/edupont/agenda/").status_code == 401


def test_suspended_account_is_told_so(door: Door) -> None:
    door.logins.add(replace(door.logins.people["edupont"], state=State.SUSPENDED))
    with door.client() as client:
        response = client.get("/dav/")
    assert response.status_code == 403
    assert response.text == "Compte suspendu: contactez nous\nAccount suspended: call us"


def test_login_hears_peer_and_service(client: Client, door: Door) -> None:
    client.get("/dav/")
    assert door.logins.peers[-1] == ("127.0.0.1", "dav")


def test_nobody_sees_or_touches_another_tree(client: Client, door: Door) -> None:
    with door.client("mmartin") as owner:
        assert owner.put_event("/dav/mmartin/agenda/a.ics", event("a")).status_code == 201
    for path in ("/dav/mmartin/", "/dav/mmartin/agenda/", "/dav/mmartin/agenda/a.ics", "/dav/nobody/agenda/"):
        for method in ("GET", "PROPFIND", "DELETE", "PROPPATCH", "MKCALENDAR"):
            assert client.dav(method, path).status_code == 403, (method, path)
    assert client.put_event("/dav/mmartin/agenda/b.ics", event("b")).status_code == 403
    assert client.sync_response("/dav/mmartin/agenda/").status_code == 403
    client.put_event("/dav/edupont/agenda/b.ics", event("b"))
    for destination in ("/dav/mmartin/agenda/b.ics", "/dav/edupont/../mmartin/agenda/b.ics"):
        moved = client.dav("MOVE", "/dav/edupont/agenda/b.ics", Destination=destination)
        assert moved.status_code == 403
    multiget = (
        '<C:calendar-multiget xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><C:calendar-data/>'
        "</D:prop><D:href>/dav/mmartin/agenda/a.ics</D:href></C:calendar-multiget>"
    )
    answer = client.dav("REPORT", "/dav/edupont/agenda/", multiget)
    assert "BEGIN:VEVENT" not in answer.text


@pytest.mark.parametrize("field", ["X-Script-Name", "X-Forwarded-Host", "X-Remote-User", "X-Forwarded-For"])
def test_fields_of_a_proxy_are_not_believed(client: Client, field: str) -> None:
    response = client.dav("PROPFIND", "/dav/", **{field: "/evil"})
    assert response.status_code == 207
    assert "evil" not in response.text


class Answer:
    """What an ASGI application sent."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = b""

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        else:
            self.body += message.get("body", b"")


def ask(login: Any, store: Store, *, peer: str, scheme: str) -> Answer:
    """One PROPFIND of a peer that cannot be had on this machine."""
    app = application.create(settings=Settings(domain="ac-exemple.fr"), store=store, login=login)
    answer = Answer()
    credentials = base64.b64encode(f"edupont:{PASSWORD}".encode())
    scope = {
        "type": "http",
        "method": "PROPFIND",
        "path": "/dav/",
        "http_version": "1.1",
        "scheme": scheme,
        "client": (peer, 1234),
        "headers": [(b"authorization", b"Basic " + credentials)],
    }

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    asyncio.run(app(scope, receive, answer.send))
    return answer


def test_password_in_the_clear_is_refused_and_not_asked_for(store: Store) -> None:
    logins = Logins()
    logins.add(person(1, "edupont", "emilie.dupont@ac-exemple.fr"))
    answer = ask(logins, store, peer="192.0.2.7", scheme="http")
    assert answer.status == 403
    assert b"https" in answer.body
    assert b"www-authenticate" not in answer.headers
    assert not logins.peers
    assert ask(logins, store, peer="::1", scheme="http").status == 207


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (Refused(Reason.THROTTLED), 429),
        (Refused(Reason.NOT_ACTIVATED), 403),
        (Refused(Reason.PASSWORD_EXPIRED), 403),
        (Refused(Reason.CLOSED), 403),
        (Temporary("The directory is out of reach"), 503),
    ],
)
def test_reasons_and_their_answers(store: Store, raised: Exception, status: int) -> None:
    class Refusing:
        async def login(self, *_: object) -> None:
            raise raised

    answer = ask(Refusing(), store, peer="192.0.2.7", scheme="https")
    assert answer.status == status
    assert (b"retry-after" in answer.headers) == (status in (429, 503))
