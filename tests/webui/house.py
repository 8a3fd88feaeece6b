"""A running web interface over a real store, in this process: what the tests of the web visit."""

import asyncio
import datetime
import functools
import re
import shutil
import socket
import ssl
import threading
from collections.abc import Coroutine
from html import unescape
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from sqlalchemy import select

from agenda import application
from directory.people.embedded import EmbeddedDirectory
from mailserver.delivery import Delivery, Envelope
from mailserver.foundation.changes import Changes
from mailserver.foundation.network.safe_fetch import SafeFetch
from mailserver.foundation.served_certificates import Certificate
from mailserver.foundation.settings import FILE_NAME, Settings
from mailserver.foundation.tls import make_certificate
from mailserver.login import Login
from mailserver.model.account.preferences import NEVER
from mailserver.model.credentials.sasl import Secret
from mailserver.model.identity import NewPerson, Principal, Role
from mailserver.model.messages.authentication import NOT_CHECKED, AuthenticationResults
from mailserver.outbound.submission.submit import Submission
from mailserver.outbound.submission.waiting.scheduled import ScheduledMail
from mailserver.policy.viewers import Sharing
from mailserver.store.account import stored_preferences
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import mailboxes, messages
from mailserver.store.queue import spool
from mailserver.store.schema.outgoing.spool import queued, queued_domain, queued_recipient
from tests.clocks import MovingClock
from tests.schema import create_schema
from tests.webui import compiled_templates
from webui.app import server
from webui.page import rendering
from webui.page.context import SESSION

T = TypeVar("T")
PASSWORD = "Academie#2026"
DOMAIN = "ac-exemple.fr"


class House:
    """Services and web doors on a loop of their own, in a thread."""

    def __init__(
        self, folder: Path, template: Path, outside: SafeFetch | None = None, **sections: dict[str, object]
    ) -> None:
        """`sections` are further settings; `outside` is the world that messages name."""
        (folder / "data" / "blobs").mkdir(parents=True)
        (folder / "secrets").mkdir()
        (folder / "secrets" / "hmac").write_text("00112233445566778899aabbccddeeff" * 2)
        make_certificate(
            folder / "tls" / "cert.pem", folder / "tls" / "key.pem", [DOMAIN], datetime.datetime.now(datetime.UTC)
        )
        # What a process of its own reads: a job's.
        (folder / FILE_NAME).write_text(f'domain = "{DOMAIN}"\n')
        shutil.copy(template, folder / "data" / "mail.db")
        self.settings = Settings.model_validate(
            {
                "domain": DOMAIN,
                "directory": folder,
                "web": {"academy": "Académie d’Exemple", "help_contact": "assistance@ac-exemple.fr, 03 00 00 00 00"},
                "limits": {"message_size": 6 * 1024 * 1024},
                **sections,
            }
        )
        self.clock = MovingClock()
        self._visitors: list[Visitor] = []
        self.changes = Changes()
        self.store = Store(
            self.settings.database_url, self.settings.data, self.clock, self.changes, readers=2, writers=1
        )
        self.directory = EmbeddedDirectory(settings=self.settings, store=self.store, clock=self.clock)
        common: dict[str, Any] = {
            "settings": self.settings,
            "store": self.store,
            "directory": self.directory,
            "clock": self.clock,
        }
        self.login = Login(changes=self.changes, **common)
        self.delivery = Delivery(changes=self.changes, **common)
        self.submission = Submission(delivery=self.delivery, **common)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.changes.attach(self.loop, lambda: 0)
        self.sockets = {name: _listening() for name in ("http", "https")}
        self.ports = {name: sock.getsockname()[1] for name, sock in self.sockets.items()}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rendering, "environment", compiled_templates.environment)
            self.door = self.run(
                server.start(
                    login=self.login,
                    delivery=self.delivery,
                    submission=self.submission,
                    certificate=Certificate(self.settings.certificate, self.settings.private_key),
                    sockets={name: [sock] for name, sock in self.sockets.items()},
                    outside=outside,
                    dav=application.create(settings=self.settings, store=self.store, login=self.login),
                    **common,
                )
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['http']}"

    @property
    def tls_url(self) -> str:
        return f"https://localhost:{self.ports['https']}"

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the house's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def visitor(self, *, secure: bool = False) -> "Visitor":
        """Another browser at the door; closed with the house."""
        made = Visitor(self.tls_url if secure else self.url, self.settings.certificate)
        self._visitors.append(made)
        return made

    def session(self, login: str, interface: str) -> dict[str, str]:
        """The cookies that the portal gives to whoever logs in to an interface."""
        visitor = self._at_portal
        visitor.http.cookies.clear()
        visitor.log_in(login, interface=interface)
        assert SESSION in visitor.http.cookies, visitor.text
        return dict(visitor.http.cookies)

    @functools.cached_property
    def _at_portal(self) -> "Visitor":
        """Whom it sends no further."""
        made = self.visitor()
        made.http.follow_redirects = False
        return made

    def outbox(self) -> ScheduledMail:
        """What another worker runs."""
        return ScheduledMail(
            settings=self.settings,
            store=self.store,
            directory=self.directory,
            delivery=self.delivery,
            submission=self.submission,
            sharing=Sharing(
                directory=self.directory, store=self.store, changes=self.changes, clock=self.clock, domain=DOMAIN
            ),
            clock=self.clock,
        )

    def close(self) -> None:
        for visitor in self._visitors:
            visitor.http.close()
        self.run(self.door.stop(1))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()
        self.store.close()

    # ------------------------------------------------------------------ people and mail

    def person(
        self, given_name: str, surname: str, role: Role = Role.TEACHER, password: str = PASSWORD, **more: Any
    ) -> Principal:
        """Somebody with a password; with an empty one they still have to activate."""
        made = self.run(self.directory.add(NewPerson(given_name, surname, role, **more)))
        if password:
            self.run(self.directory.set_password(made.account_id, Secret(password)))
            self.run(self.login.login(made.login, Secret(password), "127.0.0.1", "test"))
        # Letters leave at once, and what comes is told at any hour: tests of either choose otherwise.
        chosen = {"undo_send": 0, "quiet_from": NEVER, "quiet_weekends": False}
        self.store.write_now(stored_preferences.revise_preferences, made.account_id, chosen)
        found = self.run(self.directory.by_account(made.account_id))
        assert found is not None
        return found

    def deliver(self, person: Principal, octets: bytes, results: AuthenticationResults = NOT_CHECKED) -> int:
        """A message arrives; its content id."""
        recipient = self.run(self.delivery.resolve(person.address))
        envelope = Envelope("x@exemple.org", (recipient,), results=results)
        return self.run(self.delivery.deliver(envelope, octets)).content_id

    def box(self, person: Principal, name: str) -> mailboxes.Mailbox:
        return self.store.read_now(mailboxes.get, person.account_id, name)

    def subjects(self, person: Principal, name: str) -> list[str]:
        """Subjects in a mailbox, oldest first."""
        box = self.box(person, name)
        rows = self.store.read_now(messages.fetch, person.account_id, box.id, ("uid", "subject"))
        return [row[1] for row in rows]

    def outgoing(self) -> list[tuple[str, bytes]]:
        """Messages that wait to leave for other domains, oldest first: to whom, and their octets."""
        return self.store.read_now(_outgoing, self.settings.data / "blobs")

    def octets(self, person: Principal, name: str, place: int = -1) -> bytes:
        """The octets of a message in a mailbox."""
        box = self.box(person, name)
        rows = self.store.read_now(messages.fetch, person.account_id, box.id, ("uid",))
        uid = rows[place][0]
        return self.store.read_now(messages.octets, person.account_id, box.id, uid, self.settings.data / "blobs")


class Visitor:
    """A browser without scripts: cookies, forms, redirects."""

    def __init__(self, base: str, certificate: Path) -> None:
        trust = ssl.create_default_context(cafile=str(certificate))
        self.http = httpx.Client(
            base_url=base, follow_redirects=True, verify=trust, headers={"accept-language": "fr"}, timeout=60
        )
        self.page: httpx.Response | None = None

    def get(self, path: str, **more: Any) -> httpx.Response:
        self.page = self.http.get(path, **more)
        return self.page

    @property
    def text(self) -> str:
        assert self.page is not None
        return self.page.text

    def post(self, path: str, data: dict[str, Any], page: str | None = None, **more: Any) -> httpx.Response:
        """Post with the anti-forgery mark of the page that is open."""
        mark = re.search(r'name="m_"\s+value="([^"]+)"', page or self.text)
        assert mark, self.text
        self.page = self.http.post(path, data={"m_": mark.group(1), **data}, **more)
        return self.page

    def log_in(self, login: str, password: str = PASSWORD, interface: str = "simple") -> httpx.Response:
        self.get("/login")
        return self.post("/connexion", {"identifiant": login, "mot_de_passe": password, "interface": interface})

    def field(self, name: str) -> str:
        """The value of a form field on the open page."""
        found = re.search(rf'name="{name}"[^>]*\svalue="([^"]*)"', self.text) or re.search(
            rf'name="{name}"\s+value="([^"]*)"', self.text
        )
        return unescape(found.group(1)) if found else ""

    def rel(self, name: str) -> str:
        """The address of the link of this relation, empty when there is none."""
        found = re.search(rf'href="([^"]+)"\s+rel="{name}"', self.text)
        return unescape(found.group(1)) if found else ""

    def links(self, pattern: str) -> list[str]:
        """Addresses of links that match."""
        return [unescape(link) for link in re.findall(r'href="([^"]+)"', self.text) if re.search(pattern, link)]


def _outgoing(tx: Tx, folder: Path) -> list[tuple[str, bytes]]:
    rows = tx.execute(
        select(queued_recipient.c.address, queued.c.content_id)
        .join(queued_domain, queued_domain.c.id == queued_recipient.c.domain_id)
        .join(queued, queued.c.id == queued_domain.c.queued_id)
        .order_by(queued_recipient.c.id)
    ).all()
    return [(row.address, spool.octets(tx, row.content_id, folder)) for row in rows]


def _listening() -> socket.socket:
    sock = socket.socket(proto=socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    sock.listen(100)
    sock.setblocking(False)
    return sock


def mail(
    subject: str = "Bonjour",
    sender: str = "Awa Diallo <awa.diallo@exemple.org>",
    body: str = "Bonjour,\n\nÀ demain.\n",
    to: str = "Emma Dupont <emma.dupont@ac-exemple.fr>",
    more: str = "",
    date: str = "Tue, 24 Nov 2026 10:20:00 +0100",
) -> bytes:
    """A plain message."""
    text = (
        f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: {date}\r\n"
        f"Message-ID: <{abs(hash((subject, body)))}@exemple.org>\r\nMIME-Version: 1.0\r\n{more}"
        'Content-Type: text/plain; charset="utf-8"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n'
    )
    return text.encode() + body.replace("\n", "\r\n").encode()


def pressed_by_enter(html: str, field: str) -> str:
    """What the Enter key does in a field of this name: the first button of its form (HTML, implicit submission)."""
    form = next(one for one in re.findall(r"<form\b.*?</form>", html, re.DOTALL) if f'name="{field}"' in one)
    button = re.search(r"<button\b(?![^>]*type=.button)[^>]*>", form)
    assert button
    value = re.search(r'value="([^"]*)"', button[0])
    return value[1] if value else ""


def template(folder: Path) -> Path:
    """An empty database with the schema of the day."""
    create_schema(f"sqlite:///{folder / 'mail.db'}", folder)
    return folder / "mail.db"


def shown(house: House, visitor: Visitor, person: Principal, octets: bytes, query: str = "") -> str:
    """The reader's page of a message that has just come."""
    content = house.deliver(person, octets)
    return visitor.get(f"/s/message/{content}{query}").text


def on_the_loop(monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> list[bool]:
    """Fills with whether each call of a function came on an event loop."""
    calls: list[bool] = []
    function = getattr(module, name)

    @functools.wraps(function)
    def watched(*args: Any, **kwargs: Any) -> Any:
        calls.append(asyncio._get_running_loop() is not None)
        return function(*args, **kwargs)

    monkeypatch.setattr(module, name, watched)
    return calls


def opened(text: str) -> str:
    """The id of the message that is open."""
    found = re.search(r'name="m"\s+value="(\d+)"', text)
    assert found
    return found.group(1)
