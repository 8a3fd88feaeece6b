"""The commands: each checks the order of things, asks the role, and answers.

aiosmtpd calls a command `smtp_VERB`; here each of them is replaced. Replies come from `replies`, decisions
from the role. Refusals that a role raises are answered by the loop in `connection`.
"""

import ssl

import structlog

from mailserver.foundation.metrics import catalogue
from mailserver.foundation.network.peers import Entry
from mailserver.foundation.structured_logs import logs
from mailserver.foundation.tracing import TRACES
from mailserver.login import Login
from mailserver.model.credentials.sasl import decode_response
from mailserver.model.errors import BadSyntax, RateExceeded, Reason, Refused, Temporary
from mailserver.model.identity import Principal
from smtp import authentication, capabilities
from smtp.connection import Connection, Gone
from smtp.door import MOST_WAITING, Door
from smtp.roles import Role
from smtp.session import Accepted
from smtp.wire import framing, grammar, replies
from smtp.wire.framing import Content

log = structlog.get_logger("smtp")

MAX_LOGINS = 3
"""Failed logins of one connection; the throttle of `mailserver.login` counts over all of them."""

Argument = str | None
"""As aiosmtpd declares it; the loop always passes a text."""


class Conversation(Connection):
    """One client at one of the doors."""

    def __init__(
        self,
        *,
        door: Door,
        entry: Entry,
        role: Role,
        host: str,
        tls_context: ssl.SSLContext,
        size_limit: int,
        recipient_limit: int,
        login: Login,
    ) -> None:
        super().__init__(door=door, entry=entry, role=role, host=host, tls_context=tls_context, size_limit=size_limit)
        self._starttls_context = tls_context
        self._recipient_limit = recipient_limit
        self._login = login
        self._failed_logins = 0

    # ------------------------------------------------------------------ greeting

    async def smtp_HELO(self, hostname: str) -> None:
        """RFC 5321 section 4.1.1.1."""
        if self._role.is_lmtp:
            self._fault(replies.UNKNOWN_COMMAND)
        elif self._greet(hostname, extended=False):
            self._say(f"250 {self.hostname}\r\n".encode())

    async def smtp_EHLO(self, hostname: str) -> None:
        """RFC 5321 section 4.1.1.1."""
        if self._role.is_lmtp:
            self._fault(replies.UNKNOWN_COMMAND)
        elif self._greet(hostname, extended=True):
            self._announce()

    async def smtp_LHLO(self, hostname: str) -> None:
        """RFC 2033 section 4.1."""
        if not self._role.is_lmtp:
            self._fault(replies.UNKNOWN_COMMAND)
        elif self._greet(hostname, extended=True):
            self._announce()

    def _greet(self, name: str, *, extended: bool) -> bool:
        try:
            self._client.name = grammar.host_name(name)
        except BadSyntax:
            # Programs of people's own machines call themselves anything; an exchange should know better.
            if not (self._role.is_submission and name):
                self._fault(replies.EHLO_NEEDS_NAME)
                return False
            self._client.name = "unknown"
        self._client.extended_smtp = extended
        self.envelope = self._create_envelope()
        return True

    def _announce(self) -> None:
        lines = capabilities.announced(
            tls=bool(self._client.tls),
            submission=self._role.is_submission,
            size_limit=self._size_limit,
            now=self._role.now(),
        )
        self._say(replies.multiline(250, [self.hostname, *lines]))

    # ------------------------------------------------------------------ envelope

    async def smtp_MAIL(self, arg: Argument) -> None:
        """RFC 5321 section 4.1.1.2; size is refused before DATA where it is told (RFC 1870 section 6.1)."""
        if (refusal := self._not_yet()) is not None or self._transaction.mail is not None:
            self._fault(refusal or replies.NESTED_MAIL)
            return
        try:
            mail = grammar.mail(arg or "")
        except grammar.BadAddress:
            self._fault(replies.BAD_SENDER)
            return
        except grammar.Utf8NotAnnounced:
            self._fault(replies.UTF8_NOT_ANNOUNCED)
            return
        except grammar.UnknownParameter:
            self._fault(replies.UNKNOWN_PARAMETER)
            return
        if mail.is_for_later and not self._role.is_submission:
            self._fault(replies.UNKNOWN_PARAMETER)
            return
        if mail.require_tls and not self._client.tls:
            self._fault(replies.REQUIRETLS_NEEDS_TLS)
            return
        if mail.size > self._size_limit:
            self._say(replies.MESSAGE_TOO_BIG)
            return
        transaction = self._transaction
        transaction.name, transaction.began = self._role.name_message(), self.loop.time()
        transaction.span = TRACES.begin("smtp.transaction", door=self._role.door, message=transaction.name)
        logs.bind(message=transaction.name)
        await self._role.check_sender(self._client, mail)
        transaction.mail = mail
        self._say(replies.SENDER_OK)

    async def smtp_RCPT(self, arg: Argument) -> None:
        """RFC 5321 section 4.1.1.3."""
        transaction = self._transaction
        if transaction.mail is None or transaction.chunks is not None:
            self._fault(self._not_yet() or (replies.MAIL_FIRST if transaction.mail is None else replies.CHUNKS_BEGUN))
            return
        try:
            rcpt = grammar.rcpt(arg or "", utf8=transaction.mail.utf8)
        except grammar.BadAddress:
            self._fault(replies.BAD_ADDRESS)
            return
        except grammar.Utf8NotAnnounced:
            self._fault(replies.UTF8_NOT_ANNOUNCED)
            return
        except grammar.UnknownParameter:
            self._fault(replies.UNKNOWN_PARAMETER)
            return
        if len(transaction.recipients) >= self._recipient_limit:
            self._say(replies.TOO_MANY_RECIPIENTS)
            return
        try:
            recipient = await self._role.resolve(self._client, transaction, rcpt)
        except Refused as refusal:
            await self._refuse_recipient(refusal)
            return
        transaction.recipients.append(Accepted(rcpt, recipient))
        self._count_accepted(transaction.recipients[-1])
        self._say(replies.RECIPIENT_OK)

    async def _refuse_recipient(self, refusal: Refused) -> None:
        """Say so, later and later to whoever guesses addresses. Raises Gone."""
        try:
            seconds = self._role.refuse_recipient(self._client, refusal)
        except RateExceeded as error:
            self._say(replies.goodbye(error))
            self._ending = True
            return
        if seconds and self._door.waiting >= MOST_WAITING:
            self._give_up()
            return
        if seconds:
            await self._hold_up(seconds)
        self._say(replies.refusal(refusal))
        self._count_refusal()

    def _not_yet(self) -> bytes | None:
        """Why a transaction cannot begin."""
        if not self._client.name:
            return replies.LHLO_FIRST if self._role.is_lmtp else replies.HELLO_FIRST
        if self._role.is_submission and self._client.principal is None:
            return replies.AUTH_REQUIRED if self._client.tls else replies.TLS_REQUIRED
        return None

    def _no_message_yet(self) -> bytes | None:
        """Why a message cannot begin."""
        if self._transaction.recipients:
            return None
        return self._not_yet() or (replies.MAIL_FIRST if self._transaction.mail is None else replies.RECIPIENT_FIRST)

    # ------------------------------------------------------------------ message

    async def smtp_DATA(self, arg: Argument) -> None:
        """RFC 5321 section 4.1.1.4."""
        refusal = self._no_message_yet()
        if refusal is None and self._transaction.chunks is not None:
            refusal = replies.CHUNKS_BEGUN
        if refusal is not None or arg:
            self._fault(refusal or replies.NO_PARAMETERS)
            return
        self._say(replies.START_DATA)
        await self._complete(await self._read_content())

    async def smtp_BDAT(self, arg: Argument) -> None:
        """RFC 3030 section 2. A chunk that cannot be used is read all the same: its octets are no commands."""
        try:
            chunk = grammar.bdat(arg or "")
        except BadSyntax:
            self._say(replies.CHUNK_UNREADABLE)
            raise Gone from None
        transaction = self._transaction
        ends = transaction.ends or self._end_of_message()
        refusal = self._no_message_yet() or (replies.CHUNK_REFUSED if transaction.spoiled else None)
        if refusal is not None:
            await self._read_chunk(None, chunk.size, ends)
            self._conclude(refusal) if chunk.last else self._say(refusal)
            return
        transaction.ends = ends  # of all chunks together: many small ones hold memory as long as a slow one
        content = transaction.chunks = transaction.chunks or Content(self._size_limit)
        await self._read_chunk(content, chunk.size, ends)
        if chunk.last:
            await self._complete(content)
        elif content.fault is not None:
            transaction.spoiled = True
            self._say(replies.FAULTS[content.fault])
        else:
            self._say(replies.reply(250, "2.0.0", f"{chunk.size} octets received"))

    async def _complete(self, content: Content) -> None:
        """The message is whole: have it committed, answer, and begin anew."""
        fault = content.finish()
        try:
            if fault is not None:
                self._conclude(replies.FAULTS[fault])
            else:
                with self._transaction.span.within():
                    answer = await self._role.take(self._client, self._transaction, content)
                self._idle_commands = 0
                self._conclude(answer)
        except Refused as refusal:
            self._conclude(replies.message_refusal(refusal))
        except Temporary as error:
            self._conclude(replies.deferral(error))
        except Exception:
            log.exception("message not taken", peer=self._client.address, door=self._role.door)
            self._conclude(replies.LOCAL_FAULT)
        finally:
            self.envelope = self._create_envelope()

    def _conclude(self, reply: bytes) -> None:
        """LMTP repeats the answer for every recipient that was accepted (RFC 2033 section 4.2)."""
        code = reply[:3].decode()
        catalogue.MESSAGES.add(self._role.door, code)
        self._transaction.span.end(code=code)
        catalogue.TRANSACTION_SECONDS.observe(self.loop.time() - self._transaction.began, self._role.door)
        if reply >= b"4":
            said = reply.decode(errors="replace").strip()
            log.info("not taken", door=self._role.door, peer=self._client.address, said=said)
        if not self._role.is_lmtp or not self._transaction.recipients:
            self._say(reply)
            return
        refused = self._transaction.refused
        for accepted in self._transaction.recipients:
            why = refused.get(accepted.recipient.address) if accepted.recipient is not None else None
            self._say(reply if why is None else replies.message_refusal(Refused(Reason.REJECTED, why)))

    # ------------------------------------------------------------------ TLS and authentication

    async def smtp_STARTTLS(self, arg: str) -> None:
        """RFC 3207."""
        if arg:
            self._fault(replies.NO_PARAMETERS)
        elif self._client.tls:
            self._fault(replies.ALREADY_TLS)
        else:
            await self._start_tls(self._starttls_context)

    async def smtp_AUTH(self, arg: str) -> None:
        """RFC 4954. Offered at submission and only under TLS: a password never travels in the clear."""
        refusal = self._no_login_now()
        if refusal is not None:
            self._fault(refusal)
            return
        mechanism, _, initial = (arg or "").partition(" ")
        if not mechanism:
            self._fault(replies.NEEDS_PARAMETER)
            return
        if mechanism.upper() not in authentication.MECHANISMS:
            self._fault(replies.UNKNOWN_MECHANISM)
            return
        try:
            claimed = await authentication.credentials(mechanism.upper(), initial or None, self._ask)
            principal = await self._login.login(claimed.login, claimed.secret, self._client.address, self._role.door)
        except authentication.Cancelled:
            self._fault(replies.AUTH_CANCELLED)
        except BadSyntax as error:
            self._fault(replies.reply(501, "5.5.2", str(error)))
        except Refused as refused:
            self._say(replies.authentication_refusal(refused))
            self._failed_logins += 1
            if self._failed_logins >= MAX_LOGINS:
                self._give_up()
        except Temporary as error:
            self._say(replies.login_deferral(error))
        else:
            if claimed.authorization and not principal.is_called(claimed.authorization):
                self._fault(replies.NOT_SOMEBODY_ELSE)
            else:
                self._identify(principal)

    def _identify(self, principal: Principal) -> None:
        """The connection is an account's from now on, if that has not too many."""
        if self._entry.identify(principal.account_id):
            self._client.principal = principal
            self._say(replies.AUTHENTICATED)
        else:
            self._say(replies.TOO_MANY_OF_ACCOUNT)
            self._ending = True

    def _no_login_now(self) -> bytes | None:
        if not self._role.is_submission:
            return replies.NOT_IMPLEMENTED
        if not self._client.name or not self._client.extended_smtp:
            return replies.HELLO_FIRST
        if not self._client.tls:
            return replies.TLS_BEFORE_AUTH
        if self._client.principal is not None:
            return replies.ALREADY_AUTHENTICATED
        return replies.NO_AUTH_IN_TRANSACTION if self._transaction.mail is not None else None

    async def _ask(self, challenge: bytes) -> bytes:
        """Send a challenge, read the response. Raises BadSyntax, Cancelled, Gone."""
        self._say(replies.challenge(challenge))
        line = await self._read_line(framing.AUTH_LINE)
        if line == b"*":
            raise authentication.Cancelled
        return decode_response(line)

    # ------------------------------------------------------------------ the rest

    async def smtp_RSET(self, arg: str) -> None:
        """RFC 5321 section 4.1.1.5."""
        if arg:
            self._fault(replies.NO_PARAMETERS)
            return
        self.envelope = self._create_envelope()
        self._say(replies.OK)

    async def smtp_NOOP(self, arg: str) -> None:
        """RFC 5321 section 4.1.1.9."""
        self._say(replies.OK)

    async def smtp_VRFY(self, arg: str) -> None:
        """RFC 5321 section 3.5.3: we do not tell who is here (enumeration)."""
        if arg:
            self._say(replies.CANNOT_VERIFY)
        else:
            self._fault(replies.NEEDS_PARAMETER)

    async def smtp_EXPN(self, arg: str) -> None:
        """RFC 5321 section 3.5.2: not offered."""
        self._fault(replies.NOT_IMPLEMENTED)

    async def smtp_HELP(self, arg: str) -> None:
        """RFC 5321 section 4.1.1.8."""
        self._say(replies.LMTP_HELP if self._role.is_lmtp else replies.HELP)

    async def smtp_QUIT(self, arg: str) -> None:
        """RFC 5321 section 4.1.1.10."""
        if arg:
            self._fault(replies.NO_PARAMETERS)
            return
        self._say(replies.BYE)
        raise Gone
