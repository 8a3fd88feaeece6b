"""What the three doors have in common, as a port: a role decides, the conversation speaks."""

from typing import Protocol

from mailserver.delivery import Recipient
from mailserver.mime.writing.trace_fields import Hop, received
from mailserver.model.errors import Refused
from smtp.session import Client, Transaction
from smtp.wire.framing import Content
from smtp.wire.grammar import Mail, Rcpt


class Role(Protocol):
    """Exchange, LMTP or submission."""

    door: str
    """Name of the port, in logs."""
    is_lmtp: bool
    """LHLO instead of EHLO, a reply for each recipient (RFC 2033)."""
    is_submission: bool
    """AUTH is offered under TLS and required (RFC 6409)."""

    def name_message(self) -> str:
        """The identifier of the message that begins: in its trace fields, the answer, the queue and every log line."""

    def now(self) -> float:
        """By the clock of the service."""

    def admit(self, client: Client) -> None:
        """May this peer converse now? Raises RateExceeded."""

    def refuse_recipient(self, client: Client, refusal: Refused) -> float:
        """A recipient was refused: for how many seconds the answer waits. Raises RateExceeded: there were too many."""

    async def check_sender(self, client: Client, mail: Mail) -> None:
        """Raises Refused, Temporary."""

    async def resolve(self, client: Client, transaction: Transaction, rcpt: Rcpt) -> Recipient | None:
        """Who that is; None: somebody elsewhere. Raises Refused, Temporary."""

    async def take(self, client: Client, transaction: Transaction, content: Content) -> bytes:
        """Commit the message; the answer. Raises Refused, Temporary."""


def protocol_name(client: Client, role: Role, *, utf8: bool) -> str:
    """The `with` of a Received field (RFC 3848, RFC 6531 section 4.3)."""
    base = "LMTP" if role.is_lmtp else ("SMTP" if utf8 or not client.extended_smtp else "ESMTP")
    return f"{'UTF8' if utf8 else ''}{base}{'S' if client.tls else ''}{'A' if client.principal else ''}"


def received_field(
    client: Client, role: Role, transaction: Transaction, *, host: str, name: str, now: float, peer_name: str = ""
) -> bytes:
    """The trace field of this hop; one for all recipients of the transaction."""
    mail = transaction.mail
    assert mail is not None
    only = transaction.recipients[0].rcpt.forward_path if len(transaction.recipients) == 1 else ""
    return received(
        Hop(
            helo=client.name,
            peer=client.address,
            by=host,
            protocol=protocol_name(client, role, utf8=mail.utf8),
            id=name,
            date=now,
            recipient=only,
            tls=client.tls,
            name=peer_name,
        )
    )
