"""Mail from people of this house (RFC 6409), after AUTH: to anybody, from their own addresses only."""

import time

from mailserver.delivery import Delivery, Recipient
from mailserver.foundation.metrics import catalogue
from mailserver.foundation.settings import Settings
from mailserver.login import Login
from mailserver.model.clock import Clock
from mailserver.model.errors import BadSyntax, Refused
from mailserver.outbound.submission.departure import Outcome
from mailserver.outbound.submission.submit import Submission
from mailserver.store.queue.outbox import FURTHEST
from mailserver.store.queue.spool import Notify, Target, new_name
from smtp import policy
from smtp.relay.dsn import Reporter
from smtp.roles import received_field
from smtp.session import Client, Transaction
from smtp.wire import replies
from smtp.wire.framing import Content
from smtp.wire.grammar import Mail, Rcpt


class Submissions:
    """The ports submission (STARTTLS) and submissions (TLS from the first octet)."""

    is_lmtp = False
    is_submission = True
    door = "submission"

    def __init__(
        self,
        *,
        settings: Settings,
        delivery: Delivery,
        submission: Submission,
        login: Login,
        reporter: Reporter,
        clock: Clock,
    ) -> None:
        self._login = login
        self._reporter = reporter
        self._settings = settings
        self._delivery = delivery
        self._submission = submission
        self._clock = clock

    def name_message(self) -> str:
        """One of its own, whatever becomes of it."""
        return new_name(self._clock)

    def now(self) -> float:
        """By the clock of the service."""
        return self._clock.now()

    def admit(self, client: Client) -> None:
        """Anybody may log in; what is wrong there counts in `mailserver.login`."""

    def refuse_recipient(self, client: Client, refusal: Refused) -> float:
        """People of the house are told at once."""
        return 0.0

    async def check_sender(self, client: Client, mail: Mail) -> None:
        """Raises Refused(SENDER_NOT_OWNED), BadSyntax, and as `Login.stays`: no login outlives a suspension."""
        assert client.principal is not None
        if mail.is_for_later and mail.due(self.now()) > self.now() + FURTHEST:
            raise BadSyntax("That is further ahead than a message is held; see FUTURERELEASE in the answer to EHLO")
        await self._login.stays(client.principal)
        await self._submission.completion.check_sender(client.principal, mail.reverse_path)

    async def resolve(self, client: Client, transaction: Transaction, rcpt: Rcpt) -> Recipient | None:
        """Whom that comes to is looked up now, so that a mistyped name is told at once. Raises Refused, Temporary."""
        assert client.principal is not None
        assert transaction.mail is not None
        return await self._submission.routing.recipient(client.principal, rcpt.forward_path, transaction.mail.size)

    async def take(self, client: Client, transaction: Transaction, content: Content) -> bytes:
        """Submit. Raises Refused, Temporary."""
        mail = transaction.mail
        assert mail is not None
        assert client.principal is not None
        policy.check(content, self._settings.limits)
        await self._login.stays(client.principal)
        name = transaction.name
        now = self._clock.now()
        field = received_field(client, self, transaction, host=self._settings.name, name=name, now=now)
        began = time.perf_counter()
        outcome = await self._submission.submit(
            client.principal,
            mail.reverse_path,
            [_target(recipient.rcpt) for recipient in transaction.recipients],
            content.octets(),
            name=name,
            trace=field,
            ret=mail.ret,
            envid=mail.envid,
            utf8=mail.utf8,
            require_tls=mail.require_tls,
            due=mail.due(now),
            keeps=True,
        )
        catalogue.DELIVERY_SECONDS.observe(time.perf_counter() - began, self.door)
        # Of a mailing and of what waits, who asked for a report gets it once it is sent.
        if not (outcome.waits or outcome.due or outcome.mailing):
            await self._reporter.confirm(transaction, content, now)
        return _answer(outcome)


def _answer(outcome: Outcome) -> bytes:
    """What became of it, and of how many of its files nobody could say what they give away."""
    name, unread = outcome.name, len(outcome.unread)
    if outcome.asks:
        return replies.unconfirmed(name)  # the mail about it names them
    if outcome.waits:
        return (replies.awaits_approval if outcome.mailing else replies.held)(name, unread)
    if outcome.due:
        return replies.held_until(name, outcome.due, unread)
    return replies.accepted(name, queued=True, unread=unread)


def _target(rcpt: Rcpt) -> Target:
    notify = Notify(0)
    for word in rcpt.notify:
        notify |= Notify[word]
    return Target(rcpt.forward_path, notify, rcpt.orcpt)
