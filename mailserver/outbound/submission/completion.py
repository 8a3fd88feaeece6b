"""A message as it is stored and leaves: what is missing added, what must not leave taken out, and in nobody's name but
the submitter's own, or that of a functional box they may send for."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from mailserver.foundation.settings import Settings
from mailserver.mime.header import dates, originators
from mailserver.mime.writing import compose, fields
from mailserver.mime.writing.trace_fields import return_path
from mailserver.model.clock import Clock
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.model.folding import fold_login
from mailserver.model.identity import Principal
from mailserver.outbound.submission.departure import Copy
from mailserver.outbound.submission.header_completion import Written, completed_header, missing_fields, read
from mailserver.outbound.submission.routing import Route
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail.access import boxes
from mailserver.store.queue.spool import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What `Submission.submit` is asked to do."""

    reverse_path: str
    recipients: Sequence[str | Target]
    octets: bytes
    name: str
    trace: bytes
    ret: str
    envid: str
    utf8: bool
    require_tls: bool
    save_to_sent: bool
    resent: bool
    confirmed: bool
    asks: bool
    copy: Copy | None
    within: Callable[[Tx], None] | None
    due: int
    keeps: bool


@dataclass(frozen=True, slots=True)
class Completed:
    """It as it leaves."""

    whole: bytes
    kept: bytes
    """The copy for Sent; empty for none."""
    named: tuple[int, ...]
    """The functional boxes in whose name it goes, the author's first."""
    utf8: bool
    """Only a server with SMTPUTF8 can take it."""
    urgent: bool


class Completion:
    """One per worker."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._domains = frozenset(domain.lower() for domain in settings.domains)

    async def check_sender(self, principal: Principal, reverse_path: str) -> None:
        """May this person use this envelope sender: their own, or that of a functional box in whose name they may send?

        The null one is for receipts. Raises Refused(SENDER_NOT_OWNED), Temporary.
        """
        await self._boxes(principal, [reverse_path] if reverse_path else (), Reason.SENDER_NOT_OWNED)

    async def _boxes(self, principal: Principal, addresses: Iterable[str], reason: Reason) -> dict[int, None]:
        """The functional boxes among addresses that are not this person's. Raises Refused(reason), Temporary."""
        others = [address for address in addresses if not principal.owns(address)]
        if not others:
            return {}
        sendable = await self._store.read(boxes.sendable, principal.account_id)
        found: dict[int, None] = {}
        for address in others:
            local, _, domain = fold_login(address).rpartition("@")
            box_id = sendable.get(f"{local}@{self._settings.domain}") if domain in self._domains else None
            if box_id is None:
                where = " in the header" if reason is Reason.FORBIDDEN else ""
                raise Refused(reason, f"{address or 'The author'}{where} is not one of your addresses")
            found[box_id] = None
        return found

    async def complete(self, principal: Principal | None, asked: Asked, route: Route, now: float) -> Completed:
        """It with what is missing added, in nobody's name but one's own. Raises as `_in_whose_name`."""
        written, octets = read(asked.octets), asked.octets
        added = self._missing(written, principal, now)
        header = completed_header(octets, written, added)
        top = (return_path(asked.reverse_path), asked.trace or self._own_trace(asked.name, now))
        on_top = b"".join((*top, header))
        named = await self._in_whose_name(principal, asked.reverse_path, on_top, resent=asked.resent)
        whole = await _whole(top, header, octets, written)
        keeps = asked.save_to_sent and principal is not None
        kept = await _copy_of(octets, written, added, asked.copy) if keeps else b""
        utf8 = _needs_utf8(asked.reverse_path, route, header if asked.utf8 else b"")
        return Completed(whole, kept, tuple(named), utf8=utf8, urgent=written.urgent and not asked.resent)

    async def of_service(self, octets: bytes, name: str) -> bytes:
        """What the service itself says, under the null sender."""
        written = read(octets)
        top = (return_path(""), self._own_trace(name, self._clock.now()))
        return await _whole(top, completed_header(octets, written, b""), octets, written)

    async def _in_whose_name(
        self, principal: Principal | None, reverse_path: str, header: bytes, *, resent: bool
    ) -> dict[int, None]:
        """The functional boxes in whose name it goes, the author's first (RFC 6409 section 6.1).

        What the envelope and readers see as the sender must be this person, or a box that they may send for; the
        author of what is `resent` may be anybody. `header` is what leaves, with every field that we add.
        Raises Refused(SENDER_NOT_OWNED | FORBIDDEN), Temporary.
        """
        if principal is None:
            return {}
        senders = [reverse_path] if reverse_path else []
        envelope = await self._boxes(principal, senders, Reason.SENDER_NOT_OWNED)
        if resent:
            return envelope
        try:
            who = originators.read(header)
        except BadSyntax as error:
            raise Refused(Reason.FORBIDDEN, str(error)) from None
        authors = await self._boxes(principal, who.all, Reason.FORBIDDEN)
        return authors | envelope

    def _author(self, principal: Principal | None) -> bytes:
        """From for a message that has none."""
        if principal is None:
            person = fields.Correspondent("", f"postmaster@{self._settings.domain}")
        else:
            person = fields.Correspondent(principal.name, principal.address)
        return fields.addresses("From", [person])

    def _missing(self, written: Written, principal: Principal | None, now: float) -> bytes:
        message_id = compose.message_id(self._clock.token(12), self._settings.domain)
        zone = ZoneInfo(self._settings.web.timezone)
        return missing_fields(written, author=self._author(principal), message_id=message_id, now=now, zone=zone)

    def _own_trace(self, name: str, now: float) -> bytes:
        """The trace of a message that came by no SMTP; it does not tell where the person's browser is."""
        return f"Received: by {self._settings.name} with HTTP id {name};\r\n\t{dates.write(now)}\r\n".encode()


async def _whole(top: tuple[bytes, bytes], header: bytes, octets: bytes, written: Written) -> bytes:
    """What is stored and leaves: return path and trace, the header, the body."""
    await asyncio.sleep(0)  # a copy of a large message is as much as the loop should wait for at once
    return b"".join((*top, header, *_rest(octets, written)))


def _rest(octets: bytes, written: Written) -> tuple[bytes, memoryview]:
    """What follows the header's fields: the blank line, made where there is none, and the body."""
    return b"" if written.has_blank_line else b"\r\n", memoryview(octets)[written.header_end :]


async def _copy_of(octets: bytes, written: Written, added: bytes, copy: Copy | None) -> bytes:
    """The sender's own: with the fields that do not leave."""
    await asyncio.sleep(0)
    own = (copy.octets,) if copy and copy.octets else (octets[: written.header_end], *_rest(octets, written))
    return b"".join((added, *own))


def _needs_utf8(reverse_path: str, route: Route, header: bytes) -> bool:
    """Whether only a server with SMTPUTF8 can take it (RFC 6531 section 3.4).

    `header` only when the submitter said SMTPUTF8: the 8-bit headers of old programs travel as they always did.
    """
    members = (address for one in route.local for address in one.remote)
    addresses = (reverse_path, *(target.address for target in route.remote), *members)
    return not header.isascii() or not all(address.isascii() for address in addresses)
