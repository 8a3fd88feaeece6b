"""The outside world: a real receiving server on aiosmtpd, and a name server on dnspython."""

import asyncio
import re
import socket
import ssl
import threading
from typing import Any

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.ports import free_port


class Inbox:
    """aiosmtpd's hooks: what to answer by command and address, and everything that was taken."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []
        self.tls: list[bool] = []
        self.said: list[str] = []
        self.answers: dict[str, str] = {}
        """`MAIL`, `DATA`, `EHLO` or an address -> the answer."""
        self.extensions: tuple[str, ...] = ()
        self.hold = threading.Event()
        """Cleared: what `holds` names waits for it."""
        self.hold.set()
        self.hold_seconds = 20.0
        """The most that it is waited for."""
        self.holds = "DATA"
        self.slow = 0.0
        """Seconds before each answer to RCPT."""
        self.held = 0
        """Messages that came whole and wait."""
        self.quits = 0
        """Connections whose client has said QUIT."""
        self.logins: list[tuple[str, str, str]] = []
        """Mechanism, login and password of each try."""
        self.password = ""
        """Of everybody; empty: nobody need log in."""
        self.peers: list[str] = []
        """The address that each message came from."""
        self.breaks: dict[str, int] = {}
        """`MAIL`, `DATA` or `QUIT` -> the connection breaks there once so many messages were taken."""

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.said.append(f"EHLO {hostname}")
        session.host_name = hostname
        return [*responses[:-1], *(f"250-{extension}" for extension in self.extensions), responses[-1]]

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.said.append(f"MAIL {address or '<>'} {' '.join(options)}".strip())
        await self._break(server, "MAIL")
        if self.password and not session.authenticated:
            return "530 5.7.0 Authentication required"
        if "MAIL" in self.answers:
            return self.answers["MAIL"]
        envelope.mail_from = address or "<>"
        return "250 2.1.0 Ok"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.said.append(f"RCPT {address} {' '.join(options)}".strip())
        await asyncio.sleep(self.slow)
        if self.holds == "RCPT":
            await asyncio.to_thread(self.hold.wait, self.hold_seconds)
        if not envelope.mail_from:
            return "503 5.5.1 MAIL first"
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.holds == "DATA":
            self.held += not self.hold.is_set()
            await asyncio.to_thread(self.hold.wait, self.hold_seconds)
        if "DATA" in self.answers:
            return self.answers["DATA"]
        self.tls.append(session.ssl is not None)
        self.peers.append(session.peer[0] if session.peer else "")
        self.taken.append(envelope)  # last: it is what tests wait for
        await self._break(server, "DATA")
        return "250 2.0.0 taken"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.quits += 1
        await self._break(server, "QUIT")
        return "221 2.0.0 Bye"

    async def _break(self, server: SMTP, command: str) -> None:
        if len(self.taken) < self.breaks.get(command, len(self.taken) + 1):
            return
        assert isinstance(server.transport, asyncio.Transport)
        server.transport.abort()
        await asyncio.Event().wait()  # aiosmtpd cancels who serves a connection that is gone

    def log_in(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: LoginPassword
    ) -> AuthResult:
        """aiosmtpd's authenticator."""
        self.logins.append((mechanism, given.login.decode(), given.password.decode()))
        return AuthResult(success=given.password.decode() == self.password, handled=False)

    @property
    def octets(self) -> list[bytes]:
        """The messages."""
        return [bytes(envelope.original_content or b"") for envelope in self.taken]


class Lenient(SMTP):
    """aiosmtpd takes neither the null reverse-path nor DSN parameters; other servers do."""

    _PATH = re.compile(r"(?:FROM|TO):<([^>]*)>\s*(.*)", re.IGNORECASE)

    async def smtp_MAIL(self, arg: str | None) -> None:
        found = self._PATH.match(arg or "")
        assert found
        assert self.envelope is not None
        await self.push(await self._call_handler_hook("MAIL", found[1], found[2].split()))

    async def smtp_RCPT(self, arg: str | None) -> None:
        found = self._PATH.match(arg or "")
        assert found
        await self.push(await self._call_handler_hook("RCPT", found[1], found[2].split()))


class _Controller(Controller):
    """aiosmtpd stops its loop before the connections under way are closed, which leaks them; this one ends them."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._met: list[SMTP] = []

    def factory(self) -> SMTP:
        self._met.append(Lenient(self.handler, **self.SMTP_kwargs))
        return self._met[-1]

    def stop(self, no_assert: bool = False) -> None:
        asyncio.run_coroutine_threadsafe(self._end_connections(), self.loop).result(10)
        super().stop(no_assert)

    async def _end_connections(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        for sock in self.server.sockets:
            self.loop.remove_reader(sock.fileno())
        await _turns()  # what was accepted becomes a connection, which it cannot once the server is closed
        for one in self._met:
            if one.transport is not None:
                assert isinstance(one.transport, asyncio.WriteTransport)
                one.transport.abort()  # a goodbye in TLS would wait for a client that may be busy
        await _turns()  # TLS ends, then TCP below it


async def _turns() -> None:
    """Let the loop do what is due, and what comes of that."""
    for _ in range(5):
        await asyncio.sleep(0)


class Elsewhere:
    """A server somewhere else."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1", port: int = 0) -> None:
        self.inbox = Inbox()
        self.address = address
        self.port = port or free_port(address)
        self._tls = tls
        self._controller: _Controller | None = None

    def start(self, **options: Any) -> "Elsewhere":
        self._controller = _Controller(
            self.inbox,
            hostname=self.address,
            port=self.port,
            tls_context=self._tls,
            enable_SMTPUTF8=options.pop("enable_SMTPUTF8", True),
            **options,
        )
        self._controller.start()
        return self

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    @property
    def target(self) -> str:
        """`host:port`, as a setting has it."""
        return f"{self.address}:{self.port}"


class Names:
    """A name server that knows what it is told: `names["a.fr", "MX"] = ["10 mx.a.fr."]`."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], list[str]] = {}
        self.broken: set[str] = set()
        self.signed: set[str] = set()
        """Names whose answers DNSSEC has validated."""
        self.asked: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def resolver(self) -> dns.asyncresolver.Resolver:
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = self._socket.getsockname()[1]
        resolver.lifetime = 3
        return resolver

    def stop(self) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            data, peer = self._socket.recvfrom(2000)
            if not data:
                return
            self._socket.sendto(self._answer(dns.message.from_wire(data)), peer)

    def _answer(self, query: dns.message.Message) -> bytes:
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append(f"{name} {kind}")
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if name in self.signed and query.flags & dns.flags.AD:
            answer.flags |= dns.flags.AD
        if name in self.broken:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif (name, kind) in self.known:
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *self.known[name, kind]))
        elif (alias := self.known.get((name, "CNAME"))) is not None:
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", "CNAME", *alias))
            there = alias[0].rstrip(".")
            if (there, kind) in self.known:
                answer.answer.append(dns.rrset.from_text(alias[0], 60, "IN", kind, *self.known[there, kind]))
        elif not any(known == name for known, _ in self.known):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer.to_wire()
