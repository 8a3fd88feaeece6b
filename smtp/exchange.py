"""Mail for people of this house, from other servers (port smtp) and from local programs (port lmtp)."""

from dataclasses import replace

import structlog

from mailserver.authentication.check import Arrival, Authenticator, Verified
from mailserver.authentication.results_field import without
from mailserver.delivery import Delivery, Envelope, Recipient, is_role, mark_subject
from mailserver.foundation.settings import Settings
from mailserver.mime.writing.trace_fields import return_path
from mailserver.model.clock import Clock
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.messages.provenance import Door
from mailserver.model.rules import Unauthenticated
from mailserver.reports.tally import Tally
from mailserver.store.queue.spool import new_name
from smtp import policy
from smtp.own_domain import OwnDomain
from smtp.roles import received_field
from smtp.session import Client, Transaction
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
        is_lmtp: bool = False,
    ) -> None:
        self.door = "lmtp" if is_lmtp else "smtp"
        self.is_lmtp = is_lmtp
        self._settings = settings
        self._delivery = delivery
        self._authenticator = authenticator
        self._own_domain = OwnDomain(settings)
        self._clock = clock
        self._tally = tally

    async def check_sender(self, client: Client, mail: Mail) -> None:
        """Anybody may write to us. Who claims to be one of us is told at RCPT: `postmaster@` and `abuse@` stay open."""

    async def resolve(self, client: Client, transaction: Transaction, rcpt: Rcpt) -> Recipient | None:
        """One of ours. Raises Refused(RELAY_DENIED | NO_SUCH_RECIPIENT | SUSPENDED | OVER_QUOTA), Denied, Temporary."""
        if not self._delivery.is_local(rcpt.forward_path):
            raise Refused(Reason.RELAY_DENIED, "Relaying refused")
        mail = transaction.mail
        assert mail is not None
        if not is_role(rcpt.forward_path):
            self._own_domain.check_path(client.address, mail.reverse_path)
        sender = self._delivery.outsider(mail.reverse_path)
        return await self._delivery.resolve(rcpt.forward_path, mail.size, sender)

    async def take(self, client: Client, transaction: Transaction, content: Content) -> str:
        """Deliver; returns once it is on disk. Raises Refused(LOOP | TOO_BIG), Denied, Unauthenticated, Temporary."""
        mail = transaction.mail
        assert mail is not None
        header = policy.check(content, self._settings.limits)
        only_roles = all(is_role(recipient.rcpt.forward_path) for recipient in transaction.recipients)
        if not only_roles:
            await self._own_domain.check_authors(client.address, header)
        verified = await self._authenticate(client, mail.reverse_path, header, content)
        if only_roles:
            verified = replace(verified, results=replace(verified.results, quarantined=False))
        else:
            await self._own_domain.check_verified(client.address, mail.reverse_path, header, verified)
            if verified.refuses:
                self._count(verified, "reject")
                raise Unauthenticated(", ".join(verified.authors))
            if verified.defers:
                authors = ", ".join(verified.authors) or "its author"
                raise Temporary(f"Nobody knows now whether this message is from {authors}; try again later")
        self._count(verified, "quarantine" if verified.results.quarantined else "none")
        name = new_name(self._clock)
        now = self._clock.now()
        field = received_field(
            client, self, transaction, host=self._settings.name, name=name, now=now, peer_name=verified.peer_name
        )
        trace = (return_path(mail.reverse_path), verified.field, field)
        # A message stays as it came, but for results that claim to be ours (RFC 8601 section 5), and a mark by setting.
        kept = without(header, verified.forged) if verified.forged else header
        if not only_roles:  # who looks after abuse gets it as it came
            kept = await mark_subject(kept, self._settings, verified.results)
        whole = content.octets(*trace) if kept is header else content.octets(*trace, kept, start=len(header))
        recipients = tuple(
            recipient.recipient for recipient in transaction.recipients if recipient.recipient is not None
        )
        sender = self._delivery.outsider(mail.reverse_path)
        door = Door.LMTP if self.is_lmtp else Door.SMTP
        envelope = Envelope(
            mail.reverse_path,
            recipients,
            sender,
            name,
            door,
            client.address,
            verified.results,
            verified.peer_name,
        )
        delivered = await self._delivery.deliver(envelope, whole, tells_each=self.is_lmtp)
        transaction.refused = delivered.refused
        log.info(
            "delivered",
            id=name,
            door=self.door,
            peer=client.address,
            sender=mail.reverse_path,
            accounts=delivered.accounts,
            size=content.size,
        )
        return name

    def _count(self, verified: Verified, disposition: str) -> None:
        """For the report to the author's domain, with what was done where that asks for something else."""
        seen = verified.observed
        if seen is None or self._tally is None:
            return
        reason = "" if seen.disposition == disposition else seen.reason or "local_policy"
        self._tally.note(replace(seen, disposition=disposition, reason=reason))

    async def _authenticate(self, client: Client, reverse_path: str, header: bytes, content: Content) -> Verified:
        """What can be found out about who sent it."""
        arrival = Arrival(
            client.address,
            client.name,
            reverse_path,
            header,
            lambda: content.pieces(len(header) + len(b"\r\n")),
            content.size,
        )
        return await self._authenticator.check(arrival)
