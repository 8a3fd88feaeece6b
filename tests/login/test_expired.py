"""An expired password at every door of a running server: each says so in its own protocol, the web leads on."""

import base64
import imaplib
import json
import smtplib
import sqlite3
import ssl
import time
from collections.abc import Iterator

import httpx
import ldap3
import pytest

from tests.harness import Instance

GIVEN = "comme on veut"
CHOSEN = "kT9#vbRe!mq"
OLD = 400 * 86400


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    instance = Instance(tmp_path_factory.mktemp("expired") / "instance")
    instance.init()
    instance.start("--workers", "2")
    yield instance
    instance.stop()


@pytest.fixture(scope="module")
def person(served: Instance) -> str:
    """Somebody whose password was set more than a year ago."""
    named = ("--given-name", "Anne", "--surname", "Roy", "--role", "teacher")
    login = str(json.loads(served.command("account", "create", "DIR", *named, "--json").stdout)["login"])
    served.command("account", "passwd", "DIR", login, stdin=f"{GIVEN}\n")
    age(served, login)
    return login


def age(served: Instance, login: str) -> None:
    """Let time pass for one account."""
    with sqlite3.connect(served.directory / "data" / "mail.db", timeout=30) as database:
        set_at = int(time.time()) - OLD
        database.execute("UPDATE account SET password_set = ?, renewal_notice = 3 WHERE login = ?", (set_at, login))
    database.close()


def test_imap(served: Instance, person: str) -> None:
    with pytest.raises(imaplib.IMAP4.error) as refused:
        served.imap(person, GIVEN)
    assert "[EXPIRED]" in str(refused.value)
    with pytest.raises(imaplib.IMAP4.error) as refused:
        served.imap(person, "wrong")
    assert "[AUTHENTICATIONFAILED]" in str(refused.value)


def test_submission(served: Instance, person: str) -> None:
    trust = ssl.create_default_context(cafile=str(served.directory / "tls" / "cert.pem"))
    with (
        smtplib.SMTP_SSL("localhost", served.ports["submissions"], timeout=30, context=trust) as client,
        pytest.raises(smtplib.SMTPAuthenticationError) as refused,
    ):
        client.login(person, GIVEN)
    assert refused.value.smtp_code == 534
    assert "5.7." in str(refused.value.smtp_error)
    assert "expired" in str(refused.value.smtp_error)


def test_agenda(served: Instance, person: str) -> None:
    pair = base64.b64encode(f"{person}:{GIVEN}".encode()).decode()
    answer = httpx.request(
        "PROPFIND",
        f"http://127.0.0.1:{served.ports['http']}/dav/{person}/",
        headers={"Authorization": f"Basic {pair}", "Depth": "0"},
    )
    assert answer.status_code == 403
    assert "renouveler" in answer.text


def test_directory(served: Instance, person: str) -> None:
    server = ldap3.Server("127.0.0.1", served.ports["ldap"], get_info=ldap3.NONE)
    client = ldap3.Connection(server, f"uid={person},ou=people,dc=ac-exemple,dc=fr", GIVEN)
    assert not client.bind()
    assert client.result["result"] == 49
    assert "expired" in client.result["message"]
    client.unbind()


def test_web_leads_to_a_new_password_which_opens_everything(served: Instance, person: str) -> None:
    with httpx.Client(
        base_url=f"http://127.0.0.1:{served.ports['http']}", follow_redirects=True, headers={"accept-language": "fr"}
    ) as browser:

        def post(path: str, page: httpx.Response, **fields: str) -> httpx.Response:
            mark = page.text.split('name="m_" value="', 1)[1].split('"', 1)[0]
            return browser.post(path, data={"m_": mark, **fields})

        page = browser.get("/roundcube")
        page = post("/connexion", page, identifiant=person, mot_de_passe=GIVEN, interface="simple")
        assert page.url.path == "/compte/mot-de-passe"
        page = post("/compte/mot-de-passe", page, actuel=GIVEN, nouveau=CHOSEN, encore=CHOSEN)
        assert page.url.path == "/s/"
    served.imap(person, CHOSEN).logout()
    age(served, person)
    served.command("account", "passwd", "DIR", person, stdin=f"{GIVEN}\n")
    served.imap(person, GIVEN).logout()
