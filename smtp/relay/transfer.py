"""One message over one connection to another server.

aiosmtplib's DATA rewrites the whole message with regular expressions in one call; here it leaves in pieces.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence

import structlog
from aiosmtplib import SMTPException, SMTPResponse, SMTPResponseException

from mailserver.foundation.network.smarthosts import REFUSALS
from mailserver.store.queue.spool import Addressee, Leased, Notify
from mailserver.texts.causes import Cause, plain
from smtp.relay.failures import described
from smtp.relay.pipeline import Pipeline
from smtp.relay.pool import Connection
from smtp.relay.seven_bit import Message
from smtp.relay.verdicts import Result, Verdict, same_for_all

log = structlog.get_logger("relay")

MESSAGE_SECONDS = 600.0
"""RFC 5321 section 4.5.3.2.6: ten minutes for the answer after the message."""
BLOCK_SECONDS = 180.0
"""Section 4.5.3.2.5: three minutes for a part of the message to go."""
SLOW_ANSWERS, RECIPIENT_SECONDS = 3, 12.0
"""For all answers before the content together: so many as slow as one may be, and seconds more for each recipient. Who
delays every answer as long as may be holds a place for hours otherwise."""
SLOWEST = 16 * 1024
"""Octets per second below which a transfer is given up."""
PIECE = 256 * 1024
WITH_END = 32 * 1024
"""Octets of a last piece with which the end goes: a connection takes as many without waiting for who reads them."""
CHUNK = 512 * 1024
"""Octets of one BDAT."""
RECIPIENTS = 100
"""Of one transaction: every server must take that many (RFC 5321 section 4.5.3.1.8)."""

END, LAST = b".\r\n", b" LAST\r\n"
CLOSING = 421
TAKEN = (250, 251)
_NO_RELAYING = re.compile(
    r"\brelay(?:ing)?(?: access)? (?:is )?(?:denied|not permitted|not allowed|prohibited)", re.IGNORECASE
)
"""Postfix, Exim and Exchange say so of each recipient to whoever has not logged in, and need not say 530."""
_LIMIT = re.compile(r"[0-9]{1,18}")
_ENHANCED = re.compile(r"([245])\.\d{1,3}\.\d{1,3}(?=\s|\Z)")


MaySend = Callable[[bool], bool]
"""Whether nobody else can be at a message now, so that more of it may go. True: what may be the end goes, and from then
on the other server may have it."""


class LeaseOver(Exception):
    """Another worker may be at this message by now: its end was not sent."""


class Transfer:
    """One message over one connection."""

    def __init__(
        self,
        connection: Connection,
        remote: str,
        row: Leased,
        message: Message,
        may_send: MaySend,
        seconds: float,
        *,
        chunking: bool = True,
    ) -> None:
        """`seconds`: the most that one answer is waited for. `chunking`: BDAT to whoever offers it."""
        client = connection.client
        self._connection = connection
        self._offers = dict(client.esmtp_extensions)
        self._pipeline = Pipeline(client)
        self._seconds = seconds
        self._may_send = may_send
        self._remote = remote
        self._is_relay = connection.way[0].relay is not None
        self._row = row
        self._message = message
        self._octets = message.octets
        self._eight_bit = not message.octets.isascii()
        addresses = (
            row.reverse_path,
            row.envid,
            *(word for one in row.recipients for word in (one.address, one.orcpt)),
        )
        self._plain_envelope = "".join(addresses).isascii()
        self._utf8 = row.utf8 and (self._eight_bit or not self._plain_envelope)
        self._knows_dsn = "dsn" in self._offers
        self._in_chunks = "chunking" in self._offers and chunking
        self._deadline = 0.0
        """By the loop's clock: for the answers of this transaction before its content."""
        self.seconds = 0.0
        """That it took."""
        self._content_sent = False
        self._cut_short = False
        """It was stopped between two groups of recipients, or within one: who has no verdict then was not tried."""
        self._broke = self._broke_early = False
        self.verdicts: list[Verdict] = []

    @property
    def is_final(self) -> bool:
        """False: the server put everything off, another one may do better."""
        return (
            self._content_sent
            or any(verdict.result is not Result.DEFERRED for verdict in self.verdicts)
            or self._cut_short
        )

    @property
    def is_stale(self) -> bool:
        """The connection had been kept and broke before anything was decided: the server may just have done with it."""
        return self._broke_early and self._connection.is_reused

    @property
    def may_go_on(self) -> bool:
        """The connection is good for another message: nothing broke, and there is no answer to what nobody asked."""
        return not self._broke and not self._pipeline.is_broken and not self._pipeline.has_reply

    async def run(self) -> None:
        """Come to a verdict on every recipient, or on those whose turn had come when it was stopped, or its task
        cancelled. Raises LeaseOver."""
        missing = await self._what_it_lacks()
        if missing is not None:
            self._judge_all(Result.FAILED, *missing)
            return
        recipients = self._row.recipients
        problem = Cause("connection-lost")
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            with self._pipeline:
                for start in range(0, len(recipients), RECIPIENTS):
                    await self._transaction(recipients[start : start + RECIPIENTS])
        except (SMTPException, OSError) as error:
            self._broke = True
            self._broke_early = not self.is_final and not self.verdicts
            problem = described(error)
        except LeaseOver:
            if not self.verdicts:
                raise  # else who has the message already is recorded, if nobody was faster
            self._broke = self._cut_short = True
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self.verdicts or task is None:
                raise
            task.uncancel()  # the relay stops, and waits a moment for what is recorded
            self._broke = self._cut_short = True
        self.seconds = loop.time() - began
        if self._cut_short:
            log.info("stopped before all recipients were tried", host=self._remote, tried=len(self.verdicts))
            return
        decided = {verdict.addressee.id for verdict in self.verdicts}
        for recipient in recipients:
            if recipient.id not in decided:
                self._decide(recipient, Result.DEFERRED, "4.4.2", problem)

    def _judge_all(self, result: Result, status: str, text: Cause) -> None:
        self.verdicts = same_for_all(self._row, result, status, text, self._remote)

    async def _what_it_lacks(self) -> tuple[str, Cause] | None:
        """An extension this message cannot do without, not even in seven bits."""
        if self._utf8 and "smtputf8" not in self._offers:
            missing = "5.6.7", Cause("no-smtputf8")
            if not self._plain_envelope or not await self._becomes_seven_bit():
                return missing
        elif self._eight_bit and "8bitmime" not in self._offers and not await self._becomes_seven_bit():
            return "5.6.3", Cause("no-8bitmime")
        limit = self._offers.get("size", "")
        if _LIMIT.fullmatch(limit) and 0 < int(limit) < len(self._octets):
            return "5.3.4", Cause("too-large-there", limit=limit)
        return None

    async def _becomes_seven_bit(self) -> bool:
        octets = await self._message.seven_bit.octets()
        if octets is None or not octets.isascii():
            return False
        log.info("sent in seven bits", host=self._remote)
        self._octets, self._eight_bit = octets, False
        self._utf8 = not self._plain_envelope
        return True

    async def _transaction(self, group: Sequence[Addressee]) -> None:
        """One MAIL. Where commands may be sent together, RSET to DATA are (RFC 2920 section 3.1); with BDAT, to RCPT:
        nobody is sent content for recipients whom it takes for nobody."""
        self._deadline = asyncio.get_running_loop().time() + _for_answers(len(group), self._seconds)
        mail = b"MAIL FROM:<" + self._row.reverse_path.encode() + b">" + self._mail_options()
        recipients = [b"RCPT TO:<" + one.address.encode() + b">" + self._rcpt_options(one) for one in group]
        asking = self._all_at_once if "pipelining" in self._offers else self._one_by_one
        reset = [b"RSET"] if self._connection.in_transaction else []
        self._connection.in_transaction = True
        accepted = await asking(group, [*reset, mail], recipients)
        if accepted is None:
            return
        self._connection.in_transaction = False
        if accepted:
            content = self._chunks if self._in_chunks else self._content
            self._judge(accepted, await content(), has_message=True)
        else:
            await self._no_content()

    async def _one_by_one(
        self, group: Sequence[Addressee], before: Sequence[bytes], recipients: Sequence[bytes]
    ) -> list[Addressee] | None:
        """Whom the server takes the message for, and wants it now; None: it does not want it."""
        for command in before:
            answer = await self._ask(command)
        if answer.code != 250:
            self._judge(group, answer)
            return None
        accepted = []
        for addressee, command in zip(group, recipients, strict=True):
            if self._is_taken(addressee, await self._ask(command)):
                accepted.append(addressee)
        if not accepted:
            return None
        self._check_lease()
        if self._in_chunks:
            return accepted
        answer = await self._ask(b"DATA")
        if answer.code == 354:
            return accepted
        self._judge(accepted, answer)
        return None

    async def _all_at_once(
        self, group: Sequence[Addressee], before: Sequence[bytes], recipients: Sequence[bytes]
    ) -> list[Addressee] | None:
        """The same. The server may want content for nobody: then the list is empty."""
        self._check_lease()
        self._pipeline.send(*before, *recipients, *([] if self._in_chunks else [b"DATA"]))
        for _ in before:
            answer = await self._answer()
        refused = answer.code != 250
        if refused:
            self._judge(group, answer)
        answers = [await self._answer() for _ in group]
        if self._in_chunks:
            taken = zip(group, answers, strict=True)
            return None if refused else [one for one, answer in taken if self._is_taken(one, answer)] or None
        last = await self._answer()
        if refused:
            # Nobody was to be taken. If somebody was, an end of the message would send them an empty one.
            is_odd = last.code == 354 and any(answer.code in TAKEN for answer in answers)
            self._broke = self._broke or is_odd
            return [] if last.code == 354 and not is_odd else None
        accepted = [one for one, answer in zip(group, answers, strict=True) if self._is_taken(one, answer)]
        if last.code == 354:
            return accepted
        self._judge(accepted, last)
        return None

    def _is_taken(self, addressee: Addressee, answer: SMTPResponse) -> bool:
        if answer.code in TAKEN:
            return True
        self._judge([addressee], answer)
        return False

    async def _ask(self, command: bytes) -> SMTPResponse:
        self._pipeline.send(command)
        return await self._answer()

    async def _answer(self) -> SMTPResponse:
        """Raises SMTPResponseException: the server closes a connection that had been kept."""
        left = self._deadline - asyncio.get_running_loop().time()
        answer = await self._pipeline.reply(max(0.0, min(self._seconds, left)))
        if answer.code == CLOSING:
            self._broke = True
            if self._connection.is_reused and not self._content_sent:
                raise SMTPResponseException(answer.code, answer.message)
        return answer

    def _mail_options(self) -> bytes:
        options = []
        if "size" in self._offers:
            options.append(f"SIZE={len(self._octets)}")
        if self._eight_bit:
            options.append("BODY=8BITMIME")
        if self._utf8:
            options.append("SMTPUTF8")
        if self._row.require_tls:
            options.append("REQUIRETLS")
        if self._knows_dsn:
            options += [f"RET={self._row.ret}"] if self._row.ret else []
            options += [f"ENVID={self._row.envid}"] if self._row.envid else []
        return "".join(f" {option}" for option in options).encode()

    def _rcpt_options(self, addressee: Addressee) -> bytes:
        if not self._knows_dsn:
            return b""
        options = []
        if addressee.notify:
            options.append("NOTIFY=" + ",".join(str(one.name) for one in Notify if one in addressee.notify))
        if addressee.orcpt:
            options.append(f"ORCPT={addressee.orcpt}")
        return "".join(f" {option}" for option in options).encode()

    async def _content(self) -> SMTPResponse:
        """Send the message and read the answer, which may come before the end."""
        self._content_sent = True
        end = self._end_of_patience()
        for piece in stuffed(self._octets):
            await self._room(end)
            if self._pipeline.has_reply:
                return await self._early_reply()
            self._check_lease(ends=piece.endswith(END))
            self._pipeline.write(piece)
        return await self._pipeline.reply(self._patience)

    async def _early_reply(self) -> SMTPResponse:
        """A refusal before the end; what follows would be taken for commands. Consent to a part is none: it raises."""
        self._broke = True
        answer = await self._pipeline.reply(self._patience)
        if answer.code < 400:
            raise SMTPResponseException(answer.code, answer.message)
        return answer

    async def _chunks(self) -> SMTPResponse:
        """The message by BDAT (RFC 3030 section 2); the answer to its last chunk, or the first that is no consent."""
        self._content_sent = True
        together = "pipelining" in self._offers
        unanswered = 0
        end = self._end_of_patience()
        for command, piece in chunks(self._octets):
            while unanswered and (self._pipeline.has_reply or not together):
                answer = await self._pipeline.reply(self._patience)
                unanswered -= 1
                if not 200 <= answer.code < 300:
                    self._broke = True  # what was sent since would have to be thrown away
                    return answer
            await self._room(end)
            self._check_lease(ends=command.endswith(LAST))
            self._pipeline.write(command)
            self._pipeline.write(piece)
            unanswered += 1
        while unanswered:
            answer = await self._pipeline.reply(self._patience)
            unanswered -= 1
            if not 200 <= answer.code < 300:
                self._broke = self._broke or unanswered > 0
                return answer
        return answer

    @property
    def _patience(self) -> float:
        return MESSAGE_SECONDS + len(self._octets) / SLOWEST

    def _end_of_patience(self) -> float:
        return asyncio.get_running_loop().time() + self._patience

    async def _room(self, end: float) -> None:
        """For more of the message: who reads it, but as slowly as can be, is not waited for without end either."""
        await self._pipeline.drain(min(BLOCK_SECONDS, end - asyncio.get_running_loop().time()))

    async def _no_content(self) -> SMTPResponse:
        """Wanted though nobody is to get it (RFC 2920 section 3.1)."""
        self._pipeline.write(END)
        return await self._answer()

    def _check_lease(self, *, ends: bool = False) -> None:
        """Before more is sent, perhaps (`ends`) the end of the message. Raises LeaseOver."""
        if not self._may_send(ends):
            raise LeaseOver

    def _judge(self, group: Sequence[Addressee], answer: SMTPResponse, *, has_message: bool = False) -> None:
        """RFC 5321 section 4.2.1: the first digit decides; but only who has the message can have taken it.

        Raises SMTPResponseException: a consent where none was due, so that answers no longer go with what was asked.
        """
        if not has_message and answer.code < 400:
            raise SMTPResponseException(answer.code, answer.message)
        text = " ".join(answer.message.split())
        if has_message and 200 <= answer.code < 300:
            result, fallback = Result.DELIVERED, "2.0.0"
        elif self._is_relay and (answer.code in REFUSALS or (not has_message and _NO_RELAYING.search(text))):
            # Our login is wrong or missing: the operator's to mend, and no fault of the message.
            log.error("relay wants another login", host=self._remote, said=answer.message)
            result, fallback = Result.DEFERRED, "4.7.0"
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


def _for_answers(recipients: int, seconds: float) -> float:
    """`seconds`: for which one is waited."""
    return SLOW_ANSWERS * seconds + RECIPIENT_SECONDS * recipients


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
        piece = piece.replace(b"\r\n.", b"\r\n..")
        if start == size and len(piece) <= WITH_END:
            yield piece + END
            return
        yield piece
    yield END


def chunks(octets: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Commands of BDAT with what follows each: not in lines, but the message ends with one, as by DATA."""
    if not octets.endswith(b"\r\n"):
        octets += b"\r\n"
    for start in range(0, len(octets), CHUNK):
        piece = octets[start : start + CHUNK]
        yield b"BDAT %d%b" % (len(piece), LAST if start + CHUNK >= len(octets) else b"\r\n"), piece
