"""Every outgoing message, from SMTP submission, the web and agendas alike: may it go, and its one durable departure.

`submit` checks the sender, completes the message, signs it, and commits as one unit: the appearances of local
recipients, the copy in Sent, and the queue's rows for everybody else. After that nothing is lost; the relay does
the rest.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from mailserver.changes import Changes
from mailserver.clock import Clock
from mailserver.completion import Written, completed_header, missing_fields, read
from mailserver.deliver import Delivery, Recipient, deliver_unit
from mailserver.dkim import Signer
from mailserver.errors import Reason, Refused
from mailserver.identity import Directory, Principal, State
from mailserver.mime import compose, dates, fields
from mailserver.mime.tracing import return_path
from mailserver.settings import Settings, SettingsError
from mailserver.store import blobs, mailboxes, messages, spool
from mailserver.store.flags import SEEN
from mailserver.store.spool import Options, Target
from mailserver.store.transactions import Store, Tx

log = structlog.get_logger("submit")

SENT = "\\Sent"


@dataclass(frozen=True, slots=True)
class _Route:
    """Where a message goes."""

    local: tuple[Recipient, ...]
    remote: tuple[Target, ...]

    @property
    def accounts(self) -> list[int]:
        return list(dict.fromkeys(account for one in self.local for account in one.accounts))

    @property
    def targets(self) -> list[Target]:
        """Remote recipients, those that lists brought included, none twice."""
        members = (Target(address) for one in self.local for address in one.remote)
        return list({target.address: target for target in (*members, *self.remote)}.values())


class Submission:
    """Submits. One per worker."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        directory: Directory,
        delivery: Delivery,
        clock: Clock,
        changes: Changes,
    ) -> None:
        self._settings = settings
        self._store = store
        self._directory = directory
        self._delivery = delivery
        self._clock = clock
        self._folder = settings.data / "blobs"
        self._domains = frozenset(domain.lower() for domain in settings.domains)
        self._signer = _signer(settings)

    def check_sender(self, principal: Principal, reverse_path: str) -> None:
        """May this person use this envelope sender? The null one is for receipts. Raises Refused(SENDER_NOT_OWNED)."""
        if reverse_path and not principal.owns(reverse_path):
            raise Refused(Reason.SENDER_NOT_OWNED, f"{reverse_path} is not one of your addresses")

    async def submit(
        self,
        principal: Principal | None,
        reverse_path: str,
        recipients: Sequence[str | Target],
        octets: bytes,
        *,
        name: str = "",
        trace: bytes = b"",
        ret: str = "",
        envid: str = "",
        utf8: bool = False,
        save_to_sent: bool = False,
    ) -> str:
        """Send a message; its identifier once everything is committed and synced.

        `principal` None: the service itself. `recipients` are addresses, or Targets that also say which reports are
        wanted (RFC 3461). `trace` is the Received field of the door, which then also made `name`.
        Raises Refused(SENDER_NOT_OWNED | FORBIDDEN | SUSPENDED | TOO_BIG | TOO_MANY_RECIPIENTS | INVALID, and for a
        recipient here NO_SUCH_RECIPIENT | OVER_QUOTA …, the text beginning with the address), Temporary.
        """
        written = read(octets)
        if principal is not None:
            principal = await self._current(principal)
            self.check_sender(principal, reverse_path)
            _check_authors(principal, written)
        self._check_limits(recipients, octets)
        route = await self._route(recipients)
        now = self._clock.now()
        name = name or spool.new_name(self._clock)
        added = missing_fields(
            written,
            author=self._author(principal),
            message_id=compose.message_id(self._clock.token(12), self._settings.domain),
            now=now,
        )
        header = completed_header(octets, written, added)
        signature = await self._sign(header, octets, written, int(now)) if route.targets else b""
        await asyncio.sleep(0)  # a copy of a large message is as much as the loop should wait for at once
        rest = (b"" if written.has_blank_line else b"\r\n", memoryview(octets)[written.header_end :])
        whole = b"".join((return_path(reverse_path), trace or self._own_trace(name, now), signature, header, *rest))
        options = Options(
            name=name,
            account_id=principal.account_id if principal else 0,
            ret=ret,
            envid=envid,
            utf8=_needs_utf8(reverse_path, route.targets, header if utf8 else b""),
        )
        kept = b""
        if save_to_sent and principal is not None:
            await asyncio.sleep(0)
            kept = b"".join((added, octets[: written.header_end], *rest))
        await self._commit(whole, kept, route, reverse_path, options)
        log.info(
            "submitted",
            id=name,
            account=options.account_id,
            local=len(route.accounts),
            remote=len(route.targets),
            size=len(octets),
        )
        return name

    async def _current(self, principal: Principal) -> Principal:
        """The person as the directory knows them now: a login of an hour ago does not outlive a suspension."""
        current = await self._directory.by_account(principal.account_id)
        if current is None or current.state is not State.ACTIVE:
            raise Refused(Reason.SUSPENDED, "Your account may not send")
        return current

    def _check_limits(self, recipients: Sequence[str | Target], octets: bytes) -> None:
        if not recipients:
            raise Refused(Reason.INVALID, "No recipient")
        if len(recipients) > self._settings.limits.recipients:
            raise Refused(Reason.TOO_MANY_RECIPIENTS, "Too many recipients")
        if len(octets) > self._settings.limits.message_size:
            raise Refused(Reason.TOO_BIG, "Message too big")

    async def _route(self, recipients: Sequence[str | Target]) -> _Route:
        """Part the recipients in ours and others'. Raises Refused with the address in front, Temporary."""
        local: list[Recipient] = []
        remote: list[Target] = []
        for recipient in recipients:
            target = Target(recipient) if isinstance(recipient, str) else recipient
            if not self._delivery.is_local(target.address):
                remote.append(target)
                continue
            try:
                local.append(await self._delivery.resolve(target.address))
            except Refused as refusal:
                raise Refused(refusal.reason, f"{target.address}: {refusal.text}") from None
        return _Route(tuple(local), tuple(remote))

    def _author(self, principal: Principal | None) -> bytes:
        """From for a message that has none."""
        if principal is None:
            person = fields.Correspondent("", f"postmaster@{self._settings.domain}")
        else:
            person = fields.Correspondent(principal.name, principal.address)
        return fields.addresses("From", [person])

    def _own_trace(self, name: str, now: float) -> bytes:
        """The trace of a message that came by no SMTP; it does not tell where the person's browser is."""
        return f"Received: by {self._settings.name} with HTTP id {name};\r\n\t{dates.write(now)}\r\n".encode()

    async def _sign(self, header: bytes, octets: bytes, written: Written, now: int) -> bytes:
        if self._signer is None:
            return b""
        domain = written.authors[0].rpartition("@")[2].lower() if written.authors else ""
        if domain not in self._domains:
            domain = self._settings.domain
        return await asyncio.to_thread(self._signer.sign, header, octets, written.body, domain, now)

    async def _commit(self, whole: bytes, kept: bytes, route: _Route, reverse_path: str, options: Options) -> None:
        prepared = await self._delivery.prepare(whole)
        sent = await self._delivery.prepare(kept) if kept else None
        async with self._delivery.discarding(prepared, sent):
            unused = await self._store.write(
                submit_unit,
                prepared,
                sent,
                route.accounts,
                reverse_path,
                route.targets,
                options,
                self._settings.outbound.lifetime,
            )
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._folder, file)


def submit_unit(
    tx: Tx,
    prepared: blobs.Prepared,
    sent: blobs.Prepared | None,
    accounts: Sequence[int],
    reverse_path: str,
    targets: Sequence[Target],
    options: Options,
    lifetime: int,
) -> list[str]:
    """Local appearances, queue rows and the copy in Sent. Returns files that turned out not to be needed."""
    content_id, used, _ = deliver_unit(tx, prepared, accounts, {}, reverse_path, (), lifetime)
    unused = [prepared.file] if prepared.file is not None and not used else []
    if targets:
        spool.enqueue(tx, content_id, reverse_path, targets, lifetime=lifetime, options=options)
    if sent is not None:
        sent_id, used = messages.store_content(tx, sent)
        messages.place(tx, options.account_id, _sent_box(tx, options.account_id), sent_id, sent.size, SEEN)
        if sent.file is not None and not used:
            unused.append(sent.file)
    return unused


def _sent_box(tx: Tx, account_id: int) -> int:
    """Where copies of sent messages go; made again if it was deleted."""
    box = mailboxes.by_use(tx, account_id, SENT)
    if box is None:
        mailboxes.provision(tx, account_id)
        box = mailboxes.by_use(tx, account_id, SENT) or mailboxes.get(tx, account_id, "Sent")
    return box.id


def _check_authors(principal: Principal, written: Written) -> None:
    """What readers will see as the author must be this person (RFC 6409 section 6.1). Raises Refused(FORBIDDEN)."""
    if written.from_fields > 1:
        raise Refused(Reason.FORBIDDEN, "More than one From field")
    for address in (*written.authors, *written.senders):
        if not principal.owns(address):
            raise Refused(Reason.FORBIDDEN, f"{address or 'The author'} in the header is not one of your addresses")


def _needs_utf8(reverse_path: str, targets: Sequence[Target], header: bytes) -> bool:
    """Whether only a server with SMTPUTF8 can take it (RFC 6531 section 3.4).

    `header` only when the submitter said SMTPUTF8: the 8-bit headers of old programs travel as they always did.
    """
    addresses = (reverse_path, *(target.address for target in targets))
    return not header.isascii() or not all(address.isascii() for address in addresses)


def _signer(settings: Settings) -> Signer | None:
    """The instance's DKIM key; without one messages go unsigned, and `mailserver check` says so."""
    try:
        return Signer(settings.dkim_selector, settings.secret(f"dkim-{settings.dkim_selector}.pem"))
    except (SettingsError, ValueError) as error:
        log.warning("messages go unsigned", why=str(error))
        return None
