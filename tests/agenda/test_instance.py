"""The agenda door within a running instance: the real login, the web server around it, two workers, TLS."""

import ssl
import time

import httpx

from mailserver.demo.people import NUMEN
from tests.agenda.conftest import Client, event
from tests.harness import DEMO_PASSWORD, Instance

AGENDA = "/dav/mmartin/agenda"


def client(demo: Instance, login: str, password: str = DEMO_PASSWORD) -> Client:
    return Client(f"http://127.0.0.1:{demo.ports['http']}", login, password)


def test_demo_academy_has_agendas(demo: Instance) -> None:
    with client(demo, "emilie.dupont@ac-exemple.fr") as own:
        found = own.propfind("/dav/edupont/", "D:displayname", depth=1)
        names = {props["D:displayname"].text for props in found.values()}
        assert names >= {"Agenda", "Tâches", "Contacts", "Vacances scolaires", "Émilie Dupont"}
        assert "SUMMARY:Anglais 4e B" in own.get("/dav/edupont/agenda/").text
        assert "FN:Marc Martin" in own.get("/dav/edupont/contacts/").text
        assert own.dav("PROPFIND", "/dav/emilie.dupont@ac-exemple.fr/").status_code == 308
        assert own.dav("PROPFIND", "/dav/mmartin/").status_code == 403


def test_discovery_through_the_web_server(demo: Instance) -> None:
    with client(demo, "edupont") as own:
        for name in ("caldav", "carddav"):
            response = own.dav("PROPFIND", f"/.well-known/{name}")
            assert (response.status_code, response.headers["location"]) == (301, "/dav/")
        assert own.get("/dav/").status_code == 200


def test_tls_door(demo: Instance) -> None:
    url = f"https://127.0.0.1:{demo.ports['https']}/dav/"
    trust = ssl.create_default_context(cafile=str(demo.directory / "tls" / "cert.pem"))
    response = httpx.request("PROPFIND", url, auth=("skaci", DEMO_PASSWORD), verify=trust)
    assert response.status_code == 207


def test_states_at_the_door(demo: Instance) -> None:
    """Wrong passwords are challenged; a suspended person is told so, one who has not activated does not enter."""
    with client(demo, "edupont", "wrong") as stranger:
        assert stranger.dav("PROPFIND", "/dav/").status_code == 401
    with client(demo, "gparti") as suspended:
        response = suspended.dav("PROPFIND", "/dav/")
        assert response.status_code == 403
        assert "suspendu" in response.text
    with client(demo, "jnouveau", NUMEN) as waiting:
        assert waiting.dav("PROPFIND", "/dav/").status_code in (401, 403)


def test_written_in_one_worker_read_in_another(demo: Instance) -> None:
    """Every connection may reach another worker; each sees what was acknowledged."""
    with client(demo, "mmartin") as own:
        token = own.sync(f"{AGENDA}/")[0]
    name = f"{time.time_ns()}"
    try:
        for number in range(6):
            with client(demo, "mmartin") as own:
                response = own.put_event(f"{AGENDA}/{name}.ics", event(name, f"n° {number}"))
                assert response.status_code == (201 if number == 0 else 204)
            with client(demo, "mmartin") as own:
                assert f"n° {number}" in own.get(f"{AGENDA}/{name}.ics").text
                assert own.sync(f"{AGENDA}/", token)[1] == {f"{AGENDA}/{name}.ics": 200}
    finally:
        with client(demo, "mmartin") as own:
            assert own.dav("DELETE", f"{AGENDA}/{name}.ics").status_code == 204


def test_nothing_personal_is_logged(demo: Instance) -> None:
    """Neither passwords nor texts nor names of items are in the log of the server."""
    with client(demo, "mmartin") as own:
        secret = f"secret{time.time_ns()}"
        own.put_event(f"{AGENDA}/{secret}.ics", event(secret, secret, more="DTSTART broken\n"))
        own.put_event(f"{AGENDA}/{secret}.ics", event(secret, secret))
        own.dav("DELETE", f"{AGENDA}/{secret}.ics")
    text = demo.log_text()
    assert secret not in text
    assert DEMO_PASSWORD not in text
