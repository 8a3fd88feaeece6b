"""One message over one connection to another server.

aiosmtplib's DATA rewrites the whole message with regular expressions in one call; here it leaves in pieces.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from typing import cast

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponse

from mailserver.store.queue.spool import Addressee, Leased, Notify
from mailserver.texts.causes import Cause, plain
from smtp.relay.tls.handshake import described
from smtp.relay.verdicts import Result, Verdict, same_for_all

MESSAGE_SECONDS = 600.0
"""RFC 5321 section 4.5.3.2.6: ten minutes for the answer after the message."""
SLOWEST = 16 * 1024
"""Octets per second below which a transfer is given up."""
PIECE = 256 * 1024
IN_FLIGHT = 1024 * 1024
"""Octets handed to the transport before it is waited for."""
RECIPIENTS = 100
"""Of one transaction: every server must take that many (RFC 5321 section 4.5.3.1.8)."""

_ENHANCED = re.compile(r"([245])\.\d{1,3}\.\d{1,3}(?=\s|\Z)")


class LeaseOver(Exception):
    """Another worker may be at this message by now: its end was not sent."""


class Transfer:
    """One message over one connection."""

    def __init__(
        self, client: aiosmtplib.SMTP, remote: str, row: Leased, octets: bytes, is_ours: Callable[[], bool]
    ) -> None:
        self._client = client
        self._is_ours = is_ours
        self._remote = remote
        self._row = row
        self._octets = octets
        self._eight_bit = not octets.isascii()
        self._knows_dsn = client.supports_extension("dsn")
        self._content_sent = False
        self.verdicts: list[Verdict] = []

    @property
    def is_final(self) -> bool:
        """False: the server put everything off, another one may do better."""
        return self._content_sent or any(verdict.result is not Result.DEFERRED for verdict in self.verdicts)

    async def run(self) -> None:
        """Come to a verdict on every recipient."""
        missing = self._what_it_lacks()
        if missing is not None:
            self.verdicts = same_for_all(self._row, Result.FAILED, *missing, self._remote)
            return
        recipients = self._row.recipients
        problem = Cause("connection-lost")
        try:
            for start in range(0, len(recipients), RECIPIENTS):
                await self._transaction(recipients[start : start + RECIPIENTS])
        except (SMTPException, OSError) as error:
            problem = described(error)
        except LeaseOver:
            if not self.verdicts:
                raise  # else who has the message already is recorded, if nobody was faster
        decided = {verdict.addressee.id for verdict in self.verdicts}
        for recipient in recipients:
            if recipient.id not in decided:
                self._decide(recipient, Result.DEFERRED, "4.4.2", problem)

    def _what_it_lacks(self) -> tuple[str, Cause] | None:
        """An extension this message cannot do without: nothing of it may be rewritten (signatures)."""
        supports = self._client.supports_extension
        if self._row.utf8 and not supports("smtputf8"):
            return "5.6.7", Cause("no-smtputf8")
        if self._eight_bit and not supports("8bitmime"):
            return "5.6.3", Cause("no-8bitmime")
        limit = self._client.esmtp_extensions.get("size", "")
        if limit.isdigit() and 0 < int(limit) < len(self._octets):
            return "5.3.4", Cause("too-large-there", limit=limit)
        return None

    async def _transaction(self, group: Sequence[Addressee]) -> None:
        answer = await self._command(b"MAIL FROM:<" + self._row.reverse_path.encode() + b">", *self._mail_options())
        if answer.code != 250:
            self._judge(group, answer)
            return
        accepted: list[Addressee] = []
        for one in group:
            answer = await self._command(b"RCPT TO:<" + one.address.encode() + b">", *self._rcpt_options(one))
            if answer.code in (250, 251):
                accepted.append(one)
            else:
                self._judge([one], answer)
        if not accepted:
            await self._command(b"RSET")
            return
        self._check_lease()
        answer = await self._command(b"DATA")
        if answer.code == 354:
            self._content_sent = True
            answer = await self._content()
        self._judge(accepted, answer)

    async def _command(self, *words: bytes) -> SMTPResponse:
        return await self._client.execute_command(*words)

    def _mail_options(self) -> list[bytes]:
        supports = self._client.supports_extension
        options = []
        if supports("size"):
            options.append(f"SIZE={len(self._octets)}")
        if self._eight_bit:
            options.append("BODY=8BITMIME")
        if self._row.utf8:
            options.append("SMTPUTF8")
        if self._knows_dsn:
            options += [f"RET={self._row.ret}"] if self._row.ret else []
            options += [f"ENVID={self._row.envid}"] if self._row.envid else []
        return [option.encode() for option in options]

    def _rcpt_options(self, addressee: Addressee) -> list[bytes]:
        if not self._knows_dsn:
            return []
        options = []
        if addressee.notify:
            options.append("NOTIFY=" + ",".join(str(one.name) for one in Notify if one in addressee.notify))
        if addressee.orcpt:
            options.append(f"ORCPT={addressee.orcpt}")
        return [option.encode() for option in options]

    async def _content(self) -> SMTPResponse:
        """Send the message and read the answer, which may come before the end."""
        protocol = self._client.protocol
        transport = cast(asyncio.Transport, self._client.transport)
        if protocol is None:
            raise aiosmtplib.SMTPServerDisconnected(Cause("connection-lost"))
        patience = MESSAGE_SECONDS + len(self._octets) / SLOWEST
        answer = asyncio.ensure_future(protocol.read_response(timeout=patience))
        try:
            await asyncio.sleep(0)
            for piece in stuffed(self._octets):
                # A transport tells of room only to its protocol, which is aiosmtplib's.
                while transport.get_write_buffer_size() > IN_FLIGHT and not answer.done():  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                if answer.done():
                    break
                self._check_lease()
                protocol.write(piece)
                await asyncio.sleep(0)
            return await answer
        finally:
            answer.cancel()

    def _check_lease(self) -> None:
        """Raises LeaseOver."""
        if not self._is_ours():
            raise LeaseOver

    def _judge(self, group: Sequence[Addressee], answer: SMTPResponse) -> None:
        """RFC 5321 section 4.2.1: the first digit decides."""
        text = " ".join(answer.message.split())
        if 200 <= answer.code < 300:
            result, fallback = Result.DELIVERED, "2.0.0"
        elif 500 <= answer.code < 600:
            result, fallback = Result.FAILED, "5.0.0"
        else:
            result, fallback = Result.DEFERRED, "4.0.0"
        found = _ENHANCED.match(text)
        status = found[0] if found and found[1] == fallback[0] else fallback
        for one in group:
            self._decide(one, result, status, plain(f"{answer.code} {text}"))

    def _decide(self, addressee: Addressee, result: Result, status: str, text: Cause) -> None:
        self.verdicts.append(Verdict(addressee, result, status, text, self._remote, self._knows_dsn))


def stuffed(octets: bytes) -> Iterator[bytes]:
    """The message as DATA wants it (RFC 5321 section 4.5.2): dots doubled, the end marked; in pieces of whole lines."""
    start, size = 0, len(octets)
    while start < size:
        end = octets.rfind(b"\r\n", start, start + PIECE) + 2
        if end < 2:
            end = octets.find(b"\r\n", start) + 2
        piece = octets[start:end] if end >= 2 else octets[start:] + b"\r\n"
        start = end if end >= 2 else size
        if piece.startswith(b"."):
            piece = b"." + piece
        yield piece.replace(b"\r\n.", b"\r\n..")
    yield b".\r\n"
