"""A running instance of two workers: every door feels every state within seconds, and says whom to call.

On SQLite, on PostgreSQL, and over an LDAP server of the academy's own (then there is no LDAP door of ours).
"""

import asyncio
import imaplib
import smtplib
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import ldap3
import pytest
from ldap3.core.exceptions import LDAPException

from mailserver.cli.shared import open_store
from mailserver.foundation.settings import load
from mailserver.foundation.tls import write_secret
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Tx
from tests.directory import slapd
from tests.directory.slapd import Slapd
from tests.harness import DEMO_PASSWORD, Instance
from tests.postgres import Postgres
from tests.waiting import FELT

pytestmark = pytest.mark.needs("slapd")

HELP = "le 03 80 00 00 00"
LOGIN, ADDRESS = "edupont", "emilie.dupont@ac-exemple.fr"
LDAP_DN = "uid=edupont,ou=people,dc=ac-exemple,dc=fr"


def on_sqlite(instance: Instance, _: pytest.FixtureRequest) -> None:
    """As `init` makes it."""
    instance.init("--demo")


def on_postgresql(instance: Instance, request: pytest.FixtureRequest) -> None:
    server: Postgres = request.getfixturevalue("postgres")
    instance.init()
    instance.configure(f'[database]\nurl = "{server.create(server.template)}"\n')
    people_of(instance)


def over_openldap(instance: Instance, request: pytest.FixtureRequest) -> None:
    server = Slapd(instance.directory.parent / "slapd")
    server.prepare()
    server.start()
    request.addfinalizer(server.stop)
    server.empty()
    instance.init()
    write_secret(instance.directory / "secrets" / "ldap", slapd.PASSWORD.encode())
    section = f'url = "{server.url}"\nbase = "{slapd.BASE}"\nbind_dn = "{slapd.ADMIN}"\npassword_file = "ldap"\n'
    instance.configure(f"[ldap]\n{section}read_only = false\n")
    people_of(instance)


def people_of(instance: Instance) -> None:
    for given_name, surname, login in (("Émilie", "Dupont", LOGIN), ("Marc", "Martin", "mmartin")):
        named = ("--given-name", given_name, "--surname", surname, "--role", "teacher")
        instance.command("account", "create", "DIR", *named)
        instance.command("account", "passwd", "DIR", login, stdin=f"{DEMO_PASSWORD}\n")


GROUND = {"sqlite": on_sqlite, "postgresql": on_postgresql, "openldap": over_openldap}


@pytest.fixture(scope="module", params=GROUND)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    instance = Instance(tmp_path_factory.mktemp("doors") / "var")
    GROUND[request.param](instance, request)
    text = (instance.directory / "mailserver.toml").read_text()
    text = text.replace("[web]\n", f'[web]\nhelp_contact = "{HELP}"\n', 1)
    (instance.directory / "mailserver.toml").write_text(text)
    instance.start("--workers", "2")
    yield instance
    instance.stop()


@dataclass(frozen=True, slots=True)
class Felt:
    """What a door said when it felt the change, and how long after the command."""

    door: str
    said: str
    at: float


Felting = Callable[[], str]
"""Waits until the door shows that it knows; what it said."""


def trust(instance: Instance) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(instance.directory / "tls" / "cert.pem"))


def until(look: Callable[[], str]) -> str:
    """Look again until there is something."""
    end = time.monotonic() + FELT
    while time.monotonic() < end:
        if said := look():
            return said
        time.sleep(0.05)
    raise AssertionError("not felt")


# ---------------------------------------------------------------------- doors, each opened before the change


def imap_idle(instance: Instance) -> Felting:
    client = instance.imap(LOGIN)
    client.select("INBOX")
    client.send(b"i IDLE\r\n")
    client.readline()
    return lambda: _bye(client)


def imap_silent(instance: Instance) -> Felting:
    client = instance.imap(LOGIN)
    return lambda: _bye(client)


def _bye(client: Any) -> str:
    try:
        while line := client.readline():
            if line.startswith(b"* BYE"):
                return str(line.decode())
    finally:
        client.shutdown()
    raise AssertionError("closed without a word")


def imap_busy(instance: Instance) -> Felting:
    """In the middle of commands: one FETCH after the other."""
    client = instance.imap(LOGIN)
    client.select("INBOX")

    def look() -> str:
        client.send(b"f UID FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE)\r\n")  # no mistake in an empty mailbox either
        while line := client.readline():
            if line.startswith(b"* BYE"):
                client.shutdown()
                return str(line.decode())
            if line.startswith(b"f "):
                return ""
        raise AssertionError("closed without a word")

    return lambda: until(look)


def submission(instance: Instance) -> Felting:
    client = smtplib.SMTP("127.0.0.1", instance.ports["submission"], timeout=60)
    client.starttls(context=trust(instance))
    client.login(LOGIN, DEMO_PASSWORD)

    def look() -> str:
        code, text = client.mail(ADDRESS)
        client.rset()
        if code == 250:
            return ""
        client.close()
        return f"{code} {text.decode()}"

    return lambda: until(look)


def web(instance: Instance) -> Felting:
    client = httpx.Client(base_url=f"http://127.0.0.1:{instance.ports['http']}", follow_redirects=True, timeout=60)
    page = client.get("/login").text
    mark = page.partition('name="m_" value="')[2].partition('"')[0]
    client.post("/connexion", data={"m_": mark, "identifiant": LOGIN, "mot_de_passe": DEMO_PASSWORD})
    assert client.get("/s/").status_code == 200

    def look() -> str:
        answer = client.get("/s/")
        if answer.status_code == 200 and "Boîte de réception" in answer.text:
            return ""
        client.close()
        return answer.text

    return lambda: until(look)


def agenda(instance: Instance) -> Felting:
    client = httpx.Client(timeout=60)

    def look() -> str:
        address = f"http://127.0.0.1:{instance.ports['http']}/dav/{LOGIN}/"
        answer = client.request("PROPFIND", address, auth=(LOGIN, DEMO_PASSWORD), headers={"Depth": "0"})
        if answer.status_code == 207:
            return ""
        client.close()
        return f"{answer.status_code} {answer.text}"

    assert look() == ""
    return lambda: until(look)


def directory(instance: Instance) -> Felting:
    server = ldap3.Server("127.0.0.1", port=instance.ports["ldap"], get_info=ldap3.NONE)
    connection = ldap3.Connection(server, LDAP_DN, DEMO_PASSWORD, receive_timeout=60)
    assert connection.bind()

    def look() -> str:
        try:
            connection.search("dc=ac-exemple,dc=fr", "(uid=mmartin)", attributes=["cn"])
        except LDAPException as error:
            return f"{type(error).__name__} {connection.result}"
        return "" if connection.result["result"] == 0 else str(connection.result)

    return lambda: until(look)


DOORS = {
    "IMAP IDLE": imap_idle,
    "IMAP silent": imap_silent,
    "IMAP busy": imap_busy,
    "submission": submission,
    "web": web,
    "agenda": agenda,
    "LDAP": directory,
}


def doors_of(instance: Instance) -> dict[str, Callable[[Instance], Felting]]:
    """An academy's own LDAP server stands for our door."""
    theirs = load(instance.directory).ldap is not None
    return {name: door for name, door in DOORS.items() if not (theirs and name == "LDAP")}


def felt_everywhere(instance: Instance, change: Callable[[], Any]) -> dict[str, Felt]:
    """Open every door, change, and see when each of them knows."""
    opened = {name: door(instance) for name, door in doors_of(instance).items()}
    began = threading.Event()
    begun = 0.0

    def wait(name: str, felting: Felting) -> Felt:
        began.wait()
        said = felting()
        return Felt(name, said, time.monotonic() - begun)

    with ThreadPoolExecutor(len(opened)) as threads:
        waiting = [threads.submit(wait, name, felting) for name, felting in opened.items()]
        change()
        begun = time.monotonic()
        began.set()
        found = {one.door: one for one in (task.result(60) for task in waiting)}
    for one in found.values():
        print(f"{one.door}: {one.at:.2f} s: {one.said[:160]!r}")
    return found


def rcpt(instance: Instance, address: str) -> tuple[int, bytes]:
    """What port 25 answers to a recipient."""
    with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=60) as client:
        client.ehlo()
        client.mail("amie@ailleurs.fr")
        return client.rcpt(address)


def login_refusal(instance: Instance) -> str:
    """What somebody is told who may not log in; nothing: they may."""
    try:
        client = instance.imap(LOGIN)
    except imaplib.IMAP4.error as error:
        return str(error)
    client.logout()
    return ""


def felt_by_workers(holds: Callable[[], bool]) -> None:
    """Of so many connections in a row both workers take some."""
    until(lambda: "felt" if all(holds() for _ in range(10)) else "")


def check(found: dict[str, Felt], *words: str) -> None:
    assert set(DOORS) - set(found) <= {"LDAP"}
    late = {name: one.at for name, one in found.items() if one.at >= FELT}
    assert not late
    for name in ("IMAP IDLE", "IMAP silent", "IMAP busy", "submission", "agenda"):
        for word in words:
            assert word in found[name].said, (name, found[name].said)
    assert HELP in found["web"].said


def test_suspended_resumed_closed_restored(served: Instance) -> None:
    found = felt_everywhere(served, lambda: served.command("account", "suspend", "DIR", LOGIN, "--until", "2099-12-31"))
    check(found, "Compte suspendu depuis le", "jusqu'au 01/01/2100", f"contactez {HELP}", f"call {HELP}")
    assert found["submission"].said.startswith("550 5.2.1")
    assert "Votre compte est suspendu" in found["web"].said
    assert found["agenda"].said.startswith("403")
    assert rcpt(served, ADDRESS)[0:1] == (550,)
    assert rcpt(served, ADDRESS)[1].startswith(b"5.2.1")
    felt_by_workers(lambda: "Compte suspendu" in login_refusal(served))
    with pytest.raises(Exception, match="Identifiant ou mot de passe"):
        served.imap(LOGIN, "wrong")
    served.command("account", "suspend", "DIR", LOGIN, "--may-receive")
    felt_by_workers(lambda: rcpt(served, ADDRESS)[0] == 250)

    served.command("account", "resume", "DIR", LOGIN)
    found = felt_everywhere(served, lambda: served.command("account", "close", "DIR", LOGIN))
    check(found, "Ce compte n'est plus ouvert", f"call {HELP}")
    assert "Votre compte est fermé" in found["web"].said
    assert rcpt(served, ADDRESS)[0] == 250, "taken and answered"
    served.command("account", "close", "DIR", LOGIN, "--no-reply")
    unknown = rcpt(served, "personne@ac-exemple.fr")
    assert unknown[1].startswith(b"5.1.1")
    felt_by_workers(lambda: rcpt(served, ADDRESS) == unknown)

    served.command("account", "restore", "DIR", LOGIN)
    served.imap(LOGIN).logout()


def test_a_new_password_ends_what_was_open(served: Instance) -> None:
    found = felt_everywhere(
        served, lambda: served.command("account", "passwd", "DIR", LOGIN, stdin=f"{DEMO_PASSWORD}x\n")
    )
    late = {name: one.at for name, one in found.items() if one.at >= FELT}
    assert not late
    assert "connectez-vous de nouveau" in found["IMAP IDLE"].said
    assert found["submission"].said.startswith("535 5.7.8")
    served.command("account", "passwd", "DIR", LOGIN, stdin=f"{DEMO_PASSWORD}\n")
    served.imap(LOGIN).logout()


def test_what_is_planned_is_felt_too(served: Instance) -> None:
    """By the housekeeper of whichever worker has the lease: begun and ended in a round that follows its time, and not
    in a slow one, for which no client waits."""
    settings = load(served.directory)

    def plan(tx: Tx, now: int) -> None:
        standing = accounts.by_login(tx, "mmartin")
        assert standing is not None
        accounts.suspend(tx, standing.id, "", False, start=now + 2, until=now + 3600)

    def end(tx: Tx, now: int) -> None:
        standing = accounts.by_login(tx, "mmartin")
        assert standing is not None
        accounts.suspend(tx, standing.id, "", False, until=now + 2)

    async def write(unit: Callable[[Tx, int], None]) -> None:
        async with open_store(settings) as store:
            await store.write(unit, int(time.time()))

    client = served.imap("mmartin")
    client.send(b"i IDLE\r\n")
    client.readline()
    asyncio.run(write(plan))
    assert "Compte suspendu" in _bye(client)
    asyncio.run(write(end))

    def look() -> str:
        try:
            served.imap("mmartin").logout()
        except Exception:
            return ""
        return "open"

    until(look)
