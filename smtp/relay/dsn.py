"""Reports to whoever sent a message (RFC 3464): written, then delivered here or queued for elsewhere."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar
from zoneinfo import ZoneInfo

import structlog

from mailserver.delivery import Delivery, Envelope, Recipient
from mailserver.foundation.settings import Settings
from mailserver.mime.writing import dsn
from mailserver.mime.writing.compose import message_id
from mailserver.mime.writing.dsn import Action, Fate, Report
from mailserver.mime.writing.trace_fields import return_path
from mailserver.model.clock import Clock
from mailserver.model.errors import Refused, Temporary
from mailserver.model.messages.provenance import Door
from smtp.session import Transaction
from smtp.wire.framing import Content

log = structlog.get_logger("smtp")

SHOWN_FATES = 1000
"""Recipients of one report; where there are more, there are more reports."""

T = TypeVar("T")


def parts_of(told: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many of them as one report names, and the next: nobody of whom it is to be told is left out."""
    for begin in range(0, len(told), SHOWN_FATES):
        yield told[begin : begin + SHOWN_FATES]


@dataclass(frozen=True, slots=True)
class Written:
    """A report that is not sent yet."""

    recipient: Recipient
    octets: bytes


class Reporter:
    """Writes and sends reports. They have the null reverse-path, so nothing ever reports on them."""

    def __init__(self, *, settings: Settings, delivery: Delivery, clock: Clock) -> None:
        self._settings = settings
        self._delivery = delivery
        self._clock = clock

    async def report(
        self,
        reverse_path: str,
        fates: Sequence[Fate],
        original: bytes,
        *,
        envid: str = "",
        arrival: float = 0,
        require_tls: bool = False,
    ) -> None:
        """Send one report about these recipients. Raises Temporary."""
        written = await self.write(reverse_path, fates, original, envid=envid, arrival=arrival)
        if written is not None:
            envelope = Envelope("", (written.recipient,), door=Door.SERVICE, require_tls=require_tls)
            await self._delivery.deliver(envelope, written.octets)

    async def write(
        self,
        reverse_path: str,
        fates: Sequence[Fate],
        original: bytes,
        *,
        envid: str = "",
        arrival: float = 0,
        whole: bool = False,
    ) -> Written | None:
        """A report in the language of whom it goes to, and who that is; None when nobody is there to get it, which is
        logged. Raises Temporary.
        """
        if not reverse_path:
            return None
        try:
            recipient = await self._delivery.report_recipient(reverse_path)
        except Refused as refusal:
            log.warning("report has nobody to go to", sender=reverse_path, why=refusal.reason.value)
            return None
        report = Report(
            domain=self._settings.domain,
            host=self._settings.name,
            recipient=reverse_path,
            date=self._clock.now(),
            message_id=message_id(self._clock.token(12), self._settings.domain),
            fates=tuple(fates),
            arrival=arrival,
            envid=envid,
            whole=whole,
            language=await self._delivery.language(recipient),
            zone=ZoneInfo(self._settings.web.timezone),
        )
        log.info("report", sender=reverse_path, recipients=len(fates), action=fates[0].action.value)
        return Written(recipient, return_path("") + dsn.build(report, _returnable(original)))

    async def confirm(self, transaction: Transaction, content: Content, now: float) -> None:
        """NOTIFY=SUCCESS: who delivers, says so (RFC 3461 section 5.2.3). Never fails: the message is delivered."""
        mail = transaction.mail
        wanted = [
            recipient.rcpt
            for recipient in transaction.recipients
            if recipient.recipient and "SUCCESS" in recipient.rcpt.notify
        ]
        if not wanted or mail is None or not mail.reverse_path:
            return
        fates = [
            Fate(rcpt.forward_path, Action.DELIVERED, "2.1.5", orcpt=rcpt.orcpt, last_attempt=now) for rcpt in wanted
        ]
        try:
            head = content.head(dsn.MAX_RETURNED)
            for some in parts_of(fates):
                await self.report(
                    mail.reverse_path, some, head, envid=mail.envid, arrival=now, require_tls=mail.require_tls
                )
        except Temporary as error:
            log.warning("report not sent", sender=mail.reverse_path, why=str(error))


def _returnable(original: bytes) -> bytes:
    """No more of a message than a report can hold: reading a large one for its header would take long."""
    if len(original) <= dsn.MAX_RETURNED:
        return original
    end = original.find(b"\r\n\r\n", 0, dsn.MAX_RETURNED)
    return original[: end + 4 if end >= 0 else dsn.MAX_RETURNED]
