"""What a connection is and has said so far: the peer, its login, the transaction it has open."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from aiosmtpd.smtp import Envelope, Session

from mailserver.delivery import Recipient
from mailserver.foundation.tracing import NOTHING
from mailserver.inbound.screening.blocklists import NOWHERE
from mailserver.model.identity import Principal
from smtp.wire.framing import Content
from smtp.wire.grammar import Mail, Rcpt


@dataclass(frozen=True, slots=True)
class Accepted:
    """A recipient that was answered with 250. `recipient` is None when it is elsewhere (submission)."""

    rcpt: Rcpt
    recipient: Recipient | None


class Client(Session):
    """The peer of one connection; made anew after STARTTLS, so that nothing said before counts."""

    def __init__(self, loop: asyncio.AbstractEventLoop, address: str) -> None:
        super().__init__(loop)
        self.address = address
        """IP address."""
        self.name = ""
        """What it called itself in EHLO; empty: nothing yet."""
        self.tls = ""
        """Protocol and cipher; empty: plain text."""
        self.principal: Principal | None = None
        self.listing = NOWHERE
        """On which blocklists it is."""


class Transaction(Envelope):
    """From MAIL to the end of the message."""

    def __init__(self) -> None:
        super().__init__()
        self.mail: Mail | None = None
        self.name = ""
        """Identifier of the message, from MAIL on."""
        self.span = NOTHING
        self.began = 0.0
        """By the loop's clock."""
        self.recipients: list[Accepted] = []
        self.chunks: Content | None = None
        """What BDAT has brought; None before the first chunk."""
        self.ends = 0.0
        """When its last chunk has to be there, by the loop's clock; 0: none was taken."""
        self.refused: Mapping[str, str] = {}
        """Recipients of the message that do not take it after all, and why: LMTP tells of each."""
        self.spoiled = False
        """A chunk was refused: only RSET helps (RFC 3030 section 2)."""
