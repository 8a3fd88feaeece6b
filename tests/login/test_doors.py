"""Second factor and app passwords through every door of a running server with two workers, with real clients."""

import contextlib
import email
import email.policy
import imaplib
import json
import re
import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import ldap3
import pytest
from ldap3.core.exceptions import LDAPExceptionError
from passlib.totp import TOTP  # type: ignore[import-untyped]

from tests.harness import Instance
from tests.login.test_served import PASSWORD, person
from tests.waiting import FELT, until
from tests.webui.house import Visitor

FACTOR, DEVICES = "/compte/double-authentification", "/compte/appareils"
DOORS = ("imap", "submission", "dav", "ldap")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at a browser of their own."""

    instance: Instance
    login: str
    browser: Visitor

    def make(self, name: str, *scopes: str, code: str = "") -> str:
        """An app password, made on its page; `code`: of the second factor."""
        self.browser.get(DEVICES)
        fields = {"faire": "creer", "nom": name, "usage": list(scopes or ("mail", "send", "agenda"))}
        page = self.browser.post(DEVICES, {**fields, "actuel": PASSWORD, "code": code}).text
        found = re.search(r'class="secret">\s*<code>([^<]+)', page)
        assert found, page
        return found[1]

    def said(self, door: str, password: str) -> str:
        """What a door answers to this password; empty when it opens."""
        attempt = {"imap": _imap, "submission": _submission, "dav": _dav, "ldap": _ldap}[door]
        return attempt(self.instance, self.login, password)

    def opened(self, password: str) -> set[str]:
        return {door for door in DOORS if not self.said(door, password)}

    def id_of(self, name: str) -> int:
        listed = json.loads(self.instance.command("account", "devices", "DIR", self.login, "--json").stdout)
        return next(int(one["id"]) for one in listed if one["name"] == name)


def _imap(instance: Instance, login: str, password: str) -> str:
    try:
        instance.imap(login, password).logout()
    except imaplib.IMAP4.error as error:
        return str(error)
    return ""


def _trust(instance: Instance) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(instance.directory / "tls" / "cert.pem"))


def _submission(instance: Instance, login: str, password: str) -> str:
    with smtplib.SMTP("localhost", instance.ports["submission"], timeout=30) as client:
        client.starttls(context=_trust(instance))
        try:
            client.login(login, password)
        except smtplib.SMTPAuthenticationError as error:
            return f"{error.smtp_code} {error.smtp_error!r}"
    return ""


def _dav(instance: Instance, login: str, password: str) -> str:
    url = f"http://127.0.0.1:{instance.ports['http']}/dav/{login}/"
    answer = httpx.request("PROPFIND", url, auth=(login, password), headers={"Depth": "0"}, timeout=30)
    return "" if answer.status_code == 207 else f"{answer.status_code} {answer.text}"


def _ldap(instance: Instance, login: str, password: str) -> str:
    server = ldap3.Server("127.0.0.1", instance.ports["ldap"], get_info=ldap3.NONE)
    connection = ldap3.Connection(server, f"uid={login},ou=people,dc=ac-exemple,dc=fr", password)
    try:
        return "" if connection.bind() else f"{connection.result['result']} {connection.result['message']}"
    finally:
        connection.unbind()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    instance = Instance(tmp_path_factory.mktemp("doors") / "instance")
    instance.init()
    instance.start("--workers", "2")
    yield instance
    instance.stop()


@pytest.fixture
def somebody(served: Instance, request: pytest.FixtureRequest) -> Iterator[Person]:
    """A person of the test's own, logged in to the web."""
    login = person(served, "Test", re.sub(r"[^a-z]", "", request.node.name.removeprefix("test_"))[:20])
    browser = _browser(served)
    browser.log_in(login, PASSWORD)
    yield Person(served, login, browser)
    browser.http.close()


def _browser(instance: Instance) -> Visitor:
    return Visitor(f"http://127.0.0.1:{instance.ports['http']}", instance.directory / "tls" / "cert.pem")


@contextlib.contextmanager
def reader(someone: Person, password: str, *, idle: bool = False) -> Iterator[imaplib.IMAP4]:
    """A mail program that is logged in, in IDLE or silent."""
    client = someone.instance.imap(someone.login, password)
    try:
        client.select("INBOX")
        if idle:
            client.send(b"i IDLE\r\n")
            assert client.readline().startswith(b"+")
        yield client
    finally:
        client.shutdown()


def set_up(someone: Person) -> tuple[TOTP, str]:
    """Switch the second factor on, at the web's pages; a recovery code, too."""
    browser = someone.browser
    browser.get(FACTOR)
    browser.post(FACTOR, {"faire": "commencer", "actuel": PASSWORD})
    found = re.search(r'class="secret">\s*<code>([^<]+)', browser.text)
    assert found, browser.text
    generator = TOTP(found[1])
    code = generator.generate().token
    browser.post(FACTOR, {"faire": "confirmer", "etape": browser.field("etape"), "code": code})
    assert "Ces codes ne seront plus montrés" in browser.text
    spare = re.search(r"<li>\s*<code>([A-Z2-7-]+)", browser.text)
    assert spare, browser.text
    return generator, spare[1]


def test_every_door_asks_for_an_app_password_once_the_factor_is_on(somebody: Person) -> None:
    assert somebody.opened(PASSWORD) == set(DOORS)
    _, spare = set_up(somebody)
    said: dict[str, str] = {}

    def all_refuse() -> bool:
        said.update({door: somebody.said(door, PASSWORD) for door in DOORS})
        return all(said.values())

    until(all_refuse, FELT)
    for door, text in said.items():
        assert "mot de passe d'application" in text, (door, text)
        assert "app password" in text, (door, text)
        wrong = somebody.said(door, "Faux#2026")
        assert wrong, door
        assert "app password" not in wrong, (door, wrong)
    assert "[ALERT]" in said["imap"]
    assert said["submission"].startswith("534 ")
    assert said["dav"].startswith("401 ")
    assert said["ldap"].startswith("49 ")
    assert somebody.opened(somebody.make("Tout", code=spare)) == set(DOORS)


def test_scopes_are_kept_at_every_door(somebody: Person) -> None:
    wanted = {"mail": {"imap", "ldap"}, "send": {"submission"}, "agenda": {"dav", "ldap"}}
    for scope, doors in wanted.items():
        password = somebody.make(scope, scope)
        assert somebody.opened(password) == doors
        stranger = _browser(somebody.instance)
        with contextlib.closing(stranger.http):
            assert stranger.log_in(somebody.login, password).status_code in (401, 429)


def test_a_revoked_device_is_shown_out_and_the_others_stay(somebody: Person) -> None:
    """Sessions that wait (IDLE), that are silent, that are in the middle: within five seconds, only its own."""
    instance = somebody.instance
    lost, kept = somebody.make("lost"), somebody.make("kept")
    with (
        reader(somebody, lost, idle=True) as idle,
        reader(somebody, lost) as silent,
        reader(somebody, kept) as other,
        reader(somebody, kept, idle=True) as other_idle,
        smtplib.SMTP("localhost", instance.ports["submission"], timeout=30) as sender,
    ):
        directory = _bound(instance, somebody.login, lost)
        sender.starttls(context=_trust(instance))
        sender.login(somebody.login, lost)
        assert _sends(sender, f"{somebody.login}@ac-exemple.fr")
        assert _searches(directory)
        assert somebody.said("dav", lost) == ""

        instance.command("account", "devices", "DIR", somebody.login, "--revoke", somebody.id_of("lost"))
        for client in (idle, silent):
            client.sock.settimeout(FELT)
            assert b"BYE" in client.readline()
        until(lambda: not _sends(sender, f"{somebody.login}@ac-exemple.fr"), FELT)
        until(lambda: somebody.said("dav", lost) != "", FELT)
        until(lambda: not _searches(directory), FELT)
        directory.unbind()
        assert other.noop()[0] == "OK"
        other_idle.sock.settimeout(1)
        with pytest.raises(TimeoutError):
            other_idle.readline()
    until(lambda: somebody.opened(lost) == set(), FELT)
    assert somebody.opened(kept) == set(DOORS)


def _bound(instance: Instance, login: str, password: str) -> ldap3.Connection:
    server = ldap3.Server("127.0.0.1", instance.ports["ldap"], get_info=ldap3.NONE)
    connection = ldap3.Connection(server, f"uid={login},ou=people,dc=ac-exemple,dc=fr", password)
    assert connection.bind()
    return connection


def _sends(client: smtplib.SMTP, address: str) -> bool:
    try:
        return client.mail(address)[0] == 250 and client.rset()[0] == 250
    except smtplib.SMTPServerDisconnected:
        return False


def _searches(connection: ldap3.Connection) -> bool:
    try:
        return bool(connection.search("dc=ac-exemple,dc=fr", "(uid=admin)", size_limit=1))
    except LDAPExceptionError:
        return False


def test_logging_out_everywhere_reaches_every_door(somebody: Person) -> None:
    password = somebody.make("phone")
    with reader(somebody, password, idle=True) as client:
        somebody.browser.get("/compte/sessions")
        somebody.browser.post("/compte/sessions", {"toutes": "1"})
        client.sock.settimeout(FELT)
        assert b"BYE" in client.readline()
    assert somebody.opened(password) == set(DOORS), "the passwords stay"


def newest_text(somebody: Person) -> str:
    """The last message of the INBOX, as a reader shows it."""
    client = somebody.instance.imap(somebody.login, PASSWORD)
    try:
        count = int(client.select("INBOX", readonly=True)[1][0] or b"0")
        octets = client.fetch(str(count), "(BODY.PEEK[])")[1][0][1]  # type: ignore[index]
    finally:
        client.logout()
    return str(email.message_from_bytes(octets, policy=email.policy.default).get_content())  # type: ignore[arg-type]


def test_it_removes_a_lost_factor_and_the_audit_says_who(somebody: Person) -> None:
    run = somebody.instance.command
    facts = json.loads(run("account", "factors", "DIR", somebody.login, "--json").stdout)
    assert facts == {"on": False, "since": "", "required": False, "recovery_codes": 0}
    set_up(somebody)
    assert json.loads(run("account", "factors", "DIR", somebody.login, "--json").stdout)["recovery_codes"] == 10
    until(lambda: somebody.opened(PASSWORD) == set(), FELT)
    assert "none" in run("account", "factors", "DIR", somebody.login, "--remove").stdout
    assert somebody.opened(PASSWORD) == set(DOORS)
    assert "par l'assistance informatique" in newest_text(somebody)
    assert "factor-removed" in run("account", "log", "DIR", somebody.login).stdout
    assert run("account", "devices", "DIR", somebody.login, "--revoke", 999, check=False).returncode == 1


def test_no_secret_is_in_the_log_or_the_database(somebody: Person) -> None:
    generator, spare = set_up(somebody)
    codes = re.findall(r"<li>\s*<code>([A-Z2-7-]+)", somebody.browser.text)
    password = somebody.make("secret", code=spare)
    somebody.opened(password)
    octets = b"".join(path.read_bytes() for path in (somebody.instance.directory / "data").glob("mail.db*"))
    kept = octets + somebody.instance.log.read_bytes()
    for secret in (generator.base32_key, *codes, password):
        for form in (secret, secret.replace("-", "")):
            assert form.encode() not in kept
            assert form.lower().encode() not in kept
