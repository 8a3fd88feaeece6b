"""Mail for people of this house, from other servers (port smtp) and from local programs (port lmtp)."""

import time
from collections.abc import Sequence
from dataclasses import replace

import structlog

from mailserver.delivery import Delivered, Delivery, Envelope, Recipient, is_role, key_of, mark_subject
from mailserver.foundation.in_step import in_step
from mailserver.foundation.metrics import catalogue
from mailserver.foundation.settings import Settings
from mailserver.foundation.tracing import TRACES
from mailserver.inbound.authentication.check import Arrival, Authenticator, Verified
from mailserver.inbound.authentication.results_field import without
from mailserver.inbound.screening.blocklists import NOWHERE, Listing
from mailserver.inbound.screening.greylisting import Stranger
from mailserver.inbound.screening.peer_screening import PeerScreening
from mailserver.mime.writing.trace_fields import return_path
from mailserver.model.clock import Clock
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.messages.provenance import Door
from mailserver.model.reports import Kind
from mailserver.model.rules import Unauthenticated
from mailserver.reports.tally import Tally
from mailserver.store.queue.spool import new_name
from smtp import policy
from smtp.own_domain import OwnDomain
from smtp.roles import received_field
from smtp.session import Client, Transaction
from smtp.wire import replies
from smtp.wire.framing import Content
from smtp.wire.grammar import Mail, Rcpt

log = structlog.get_logger("smtp")


class Exchange:
    """Takes mail for our domains from anybody, and relays for nobody.

    It never reports success, whatever NOTIFY says: the reverse-path of who proves nothing may be anybody's, and DSN is
    not announced here, so that a server which was asked for a report writes it itself (RFC 3461 section 5.2.2).
    """

    is_submission = False

    def __init__(
        self,
        *,
        settings: Settings,
        delivery: Delivery,
        authenticator: Authenticator,
        clock: Clock,
        tally: Tally | None = None,
        screening: PeerScreening | None = None,
        is_lmtp: bool = False,
    ) -> None:
        """`screening`: None where peers are programs of this house."""
        self.door = "lmtp" if is_lmtp else "smtp"
        self.is_lmtp = is_lmtp
        self._settings = settings
        self._delivery = delivery
        self._authenticator = authenticator
        self._own_domain = OwnDomain(settings)
        self._clock = clock
        self._tally = tally
        self._screening = screening

    def name_message(self) -> str:
        """One of its own, whatever becomes of it."""
        return new_name(self._clock)

    def now(self) -> float:
        """By the clock of the service."""
        return self._clock.now()

    def admit(self, client: Client) -> None:
        """Raises RateExceeded."""
        if self._screening is not None:
            self._screening.rates.connect(client.address)

    def refuse_recipient(self, client: Client, refusal: Refused) -> float:
        """For how many seconds whoever guesses addresses waits for the answer. Raises RateExceeded."""
        if self._screening is None or refusal.reason is not Reason.NO_SUCH_RECIPIENT:
            return 0.0
        return self._screening.rates.guess(client.address)

    async def check_sender(self, client: Client, mail: Mail) -> None:
        """Anybody may write to us, but not too much at once. Raises RateExceeded.

        Who claims to be one of us is told at RCPT: `postmaster@` and `abuse@` stay open.
        """
        if self._screening is not None:
            self._screening.rates.begin_message(client.address)
            client.listing = await self._screening.blocklists.look_up(client.address)

    async def resolve(self, client: Client, transaction: Transaction, rcpt: Rcpt) -> Recipient | None:
        """One of ours. Raises Refused(RELAY_DENIED | NO_SUCH_RECIPIENT | SUSPENDED | OVER_QUOTA), Denied, Temporary,
        RateExceeded."""
        if not self._delivery.is_local(rcpt.forward_path):
            raise Refused(Reason.RELAY_DENIED, "Relaying refused")
        mail = transaction.mail
        assert mail is not None
        if not is_role(rcpt.forward_path):
            self._own_domain.check_path(client.address, mail.reverse_path)
            self._check_listing(client)
        sender = self._delivery.outsider(mail.reverse_path)
        recipient = await self._delivery.resolve(rcpt.forward_path, mail.size, sender)
        if self._screening is not None:
            self._screening.rates.add_recipient(client.address)
        return recipient

    async def take(self, client: Client, transaction: Transaction, content: Content) -> bytes:
        """Deliver; returns once it is on disk.

        Raises Refused(LOOP | TOO_BIG), Denied, Unauthenticated, Temporary. What is refused for its author is taken all
        the same for `postmaster@` and `abuse@` (RFC 5321 section 4.5.1).
        """
        mail = transaction.mail
        assert mail is not None
        await in_step()
        header = policy.check(content, self._settings.limits)
        await in_step()
        verified, refusal = await self._verified(client, transaction, header, content)
        given = [one.recipient for one in transaction.recipients if one.recipient is not None]
        recipients = tuple(one for one in given if refusal is None or is_role(one.address))
        whole = await self._written(client, transaction, header, content, verified, recipients)
        delivered = await self._deliver(self._envelope(client, mail, transaction.name, verified, recipients), whole)
        if refusal is None:  # not before: what is deferred comes again
            self._count(verified, "quarantine" if verified.results.quarantined else "none")
        self._trust(client, recipients, verified, delivered)
        log.info(
            "delivered",
            door=self.door,
            peer=client.address,
            sender=mail.reverse_path,
            accounts=delivered.accounts,
            size=content.size,
        )
        transaction.refused = delivered.refused
        if refusal is not None:
            log.info("delivered to postmaster and abuse alone", why=refusal.text)
            if not self.is_lmtp:  # one answer for all: its sender must not believe that the others have it
                raise refusal
            transaction.refused = {one.address: refusal.text for one in given if one not in recipients}
        return replies.accepted(transaction.name, queued=False)

    async def _written(
        self,
        client: Client,
        transaction: Transaction,
        header: bytes,
        content: Content,
        verified: Verified,
        recipients: Sequence[Recipient],
    ) -> bytes:
        """The message as it is kept, with what is written on top of it. It stays as it came, but for results that claim
        to be ours (RFC 8601 section 5), and a mark by setting."""
        mail = transaction.mail
        assert mail is not None
        name, now = transaction.name, self._clock.now()
        field = received_field(
            client, self, transaction, host=self._settings.name, name=name, now=now, peer_name=verified.peer_name
        )
        trace = (return_path(mail.reverse_path), verified.field, field)
        kept = without(header, verified.forged) if verified.forged else header
        if not all(is_role(one.address) for one in recipients):  # who looks after abuse gets it as it came
            kept = await mark_subject(kept, self._settings, verified.results)
        return content.octets(*trace) if kept is header else content.octets(*trace, kept, start=len(header))

    def _envelope(
        self, client: Client, mail: Mail, name: str, verified: Verified, recipients: tuple[Recipient, ...]
    ) -> Envelope:
        return Envelope(
            mail.reverse_path,
            recipients,
            self._delivery.outsider(mail.reverse_path),
            name,
            Door.LMTP if self.is_lmtp else Door.SMTP,
            client.address,
            verified.results,
            verified.peer_name,
            found=verified.said,
            listing=self._junk_listing(client),
            require_tls=mail.require_tls,
        )

    async def _deliver(self, envelope: Envelope, octets: bytes) -> Delivered:
        """Raises Refused(LOOP), Denied, Temporary."""
        began = time.perf_counter()
        with TRACES.span("delivery", door=self.door):
            delivered = await self._delivery.deliver(envelope, octets, tells_each=self.is_lmtp)
        catalogue.DELIVERY_SECONDS.observe(time.perf_counter() - began, self.door)
        catalogue.DELIVERED.add(self.door, amount=float(delivered.accounts))
        return delivered

    def _trust(self, client: Client, recipients: Sequence[Recipient], verified: Verified, delivered: Delivered) -> None:
        """A peer whose mail is taken, and is no junk, is held up less."""
        if self._screening is None or delivered.junk:
            return
        served = [key_of(one) for one in recipients if one.address not in delivered.refused]
        self._screening.rates.serve(client.address, [one for one in served if one is not None])
        if verified.results.vouched:
            self._screening.rates.take(client.address)

    def _count(self, verified: Verified, disposition: str) -> None:
        """For the report to the author's domain, with what was done where that asks for something else."""
        seen = verified.observed
        if seen is None or self._tally is None:
            return
        reason = "" if seen.disposition == disposition else seen.reason or "local_policy"
        self._tally.note(replace(seen, disposition=disposition, reason=reason))

    async def _verified(
        self, client: Client, transaction: Transaction, header: bytes, content: Content
    ) -> tuple[Verified, Refused | None]:
        """What is found out about its author; and why nobody gets it but `postmaster@` and `abuse@`, where these are
        among the recipients. Raises Denied, Unauthenticated, Temporary."""
        mail = transaction.mail
        assert mail is not None
        are_roles = [is_role(recipient.rcpt.forward_path) for recipient in transaction.recipients]
        verified = None
        try:
            if not all(are_roles):
                await self._own_domain.check_authors(client.address, header)
            verified = await self._authenticate(client, transaction, header, content)
            if not all(are_roles):
                await self._check_author(client, transaction, header, verified)
                return verified, None
        except Refused as refusal:
            if not any(are_roles):
                raise
            verified = verified or await self._authenticate(client, transaction, header, content)
            return _unjudged(verified), refusal
        return _unjudged(verified), None

    async def _check_author(self, client: Client, transaction: Transaction, header: bytes, verified: Verified) -> None:
        """Raises Denied, Unauthenticated, Greylisted, Temporary."""
        mail = transaction.mail
        assert mail is not None
        await self._own_domain.check_verified(client.address, mail.reverse_path, header, verified)
        if verified.refuses:
            self._count(verified, "reject")
            raise Unauthenticated(", ".join(verified.authors))
        if verified.defers:
            authors = ", ".join(verified.authors) or "its author"
            raise Temporary(f"Nobody knows now whether this message is from {authors}; try again later")
        if self._screening is not None and not (verified.results.vouched or verified.blind):
            recipients = [one.recipient for one in transaction.recipients if one.recipient]
            accounts = [account for one in recipients for account in one.accounts]
            addresses = [one.address for one in recipients]
            await self._screening.greylist.check(Stranger(client.address, mail.reverse_path, addresses, accounts))

    def _check_listing(self, client: Client) -> None:
        """Raises Refused(FORBIDDEN): too many blocklists have the peer, or one that counts for enough."""
        most = self._settings.blocklists.reject
        if most and client.listing.points >= most:
            names, house = ", ".join(client.listing.lists), self._settings.domain
            text = (
                f"Your address {client.address} is listed by {names}; postmaster@{house} can be written to all the same"
            )
            raise Refused(Reason.FORBIDDEN, text)

    def _junk_listing(self, client: Client) -> Listing:
        """The blocklists for which a message of this peer goes to Spam."""
        least = self._settings.blocklists.junk
        return client.listing if least and client.listing.points >= least else NOWHERE

    async def _authenticate(
        self, client: Client, transaction: Transaction, header: bytes, content: Content
    ) -> Verified:
        """What can be found out about who sent it."""
        assert transaction.mail is not None
        reverse_path = transaction.mail.reverse_path
        sender = self._delivery.outsider(reverse_path)
        is_tls_report = all(
            Kind.TLS in self._delivery.takes_reports(one.rcpt.forward_path, sender) for one in transaction.recipients
        )
        arrival = Arrival(
            client.address,
            client.name,
            reverse_path,
            header,
            lambda: content.pieces(len(header) + len(b"\r\n")),
            content.size,
            (b"email", b"tlsrpt") if is_tls_report else (b"email",),
        )
        return await self._authenticator.check(arrival)


def _unjudged(verified: Verified) -> Verified:
    """Nothing that goes to `postmaster@` and `abuse@` alone is put aside."""
    return replace(verified, results=replace(verified.results, quarantined=False))
