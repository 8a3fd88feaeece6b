"""Mail that people have sent on to another address: asked of whoever reads it, agreed to, ended by whomever it may.

The script of the account's rules sends it on (`mailserver.filters.rules.forward`); here stands who may have that said.
An address is asked by a link that is random, kept as a keyed hash, used once, and forgotten after a week.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

import structlog

from mailserver.delivery.deliver import Delivery
from mailserver.filters.documents import NAME, Documents
from mailserver.filters.rules import Document
from mailserver.filters.rules.forward import Forward
from mailserver.filters.scripts import Scripts
from mailserver.filters.sieve import checked_address
from mailserver.foundation.settings import Settings
from mailserver.model.clock import DAY, Clock
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.identity import Directory, Principal, State
from mailserver.model.rules import Sender
from mailserver.notices import house
from mailserver.notices.accounts.passwords import Owner
from mailserver.notices.mail import forwards as notices
from mailserver.store.account import accounts, filters, forward_targets, forwards, recoveries
from mailserver.store.account.forward_targets import ANYWHERE, SentOn
from mailserver.store.account.forwards import Forwarding
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail.access import boxes
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.texts.causes import Cause
from mailserver.texts.text import Text

log = structlog.get_logger("filters")

DAYS = 7
"""That a link can be used."""
MAX_KEY = 100
TOKEN_OCTETS = 12
FAILING_DAYS = 5
FAILING_MESSAGES = 5
"""An address that has taken nothing for so many days, and so many messages, is sent nothing any more."""
ENDED_AT_ONCE = 20
SERVICE = Origin("service", "internal")

Post = Callable[[str, bytes], Awaitable[None]]
"""Sends a message of the service's own."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a link leads to."""

    owner: Principal
    forwarding: Forwarding


class Forwards:
    """Those of all accounts. One per worker. Each method raises Temporary."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        directory: Directory,
        delivery: Delivery,
        clock: Clock,
        post: Post,
    ) -> None:
        self._settings = settings
        self._store = store
        self._directory = directory
        self._delivery = delivery
        self._clock = clock
        self._post = post
        self._documents = Documents(settings=settings, store=store)
        self._scripts = Scripts(settings=settings, store=store)
        self._house = house.house_of(settings)

    async def current(self, account_id: int) -> tuple[Forwarding | None, Forwarding | None]:
        """The address that mail is sent on to, and the one that is asked."""
        return await self._store.read(forwards.of_account, account_id)

    async def ask(self, principal: Principal, text: str, origin: Origin) -> str:
        """Ask whoever reads an address; the address. The caller has asked for the password.

        Raises Refused(INVALID): it is none; LOOP: it is the person's own; FORBIDDEN: the academy does not allow it, or
        it has declined; NO_SUCH_RECIPIENT; LIMIT; Denied by the rules between populations.
        """
        address = checked_address(text.strip())
        if address is None:
            raise Refused(Reason.INVALID, "This is not an address")
        await self._check(principal, address)
        key = self._clock.token(20).hex()
        expires = int(self._clock.now()) + DAYS * DAY
        token = self._token(key)
        await self._store.write(_ask, principal.account_id, address, token, expires, origin)
        link = f"{self._house.url}/transfert/{key}"
        octets = notices.asked(
            await self._house_of(address), _owner(principal), address, link, DAYS, token=self._random(), now=self._now()
        )
        try:
            await self._post(address, octets)
        except Refused:
            await self._store.write(partial(forwards.cancel, agreed=False), principal.account_id)
            raise
        log.info("address asked for mail to be sent on", account=principal.account_id)
        return address

    async def find(self, key: str) -> Asked:
        """What a link leads to. Raises Refused(NOT_FOUND)."""
        found = await self._store.read(forwards.by_token, self._token(key))
        owner = await self._directory.by_account(found.account_id) if found is not None else None
        if found is None or owner is None or owner.state is not State.ACTIVE:
            raise Refused(Reason.NOT_FOUND, "This link opens nothing any more")
        return Asked(owner, found)

    async def agree(self, key: str, peer: str) -> Asked:
        """Send on from now on. Raises Refused(NOT_FOUND) and what `ask` does."""
        asked = await self.find(key)
        address = asked.forwarding.address
        await self._check(asked.owner, address)
        origin = Origin(address, "link", peer)

        def agreed(tx: Tx) -> None:
            forwards.agree(tx, self._token(key))
            _record(tx, origin, asked.owner.account_id, Cause("forward-on", address=address))

        def sent_on(document: Document) -> Document:
            return replace(document, forward=Forward(address))

        await self._documents.revise(asked.owner.account_id, sent_on, origin, agreed)
        return asked

    async def decline(self, key: str, peer: str) -> Asked:
        """Ask this address no more, for a while. Raises Refused(NOT_FOUND)."""
        asked = await self.find(key)
        await self._store.write(_decline, self._token(key), Origin(asked.forwarding.address, "link", peer))
        return asked

    async def cancel(self, account_id: int, origin: Origin) -> str:
        """Send on no more, and ask nobody; the address that got it, empty when none did."""
        while (forward := (await self._documents.read(account_id)).document.forward) is None:
            if not await self._store.write(_cancel, account_id, "", origin):
                return ""
            # Whoever was asked agreed between the two: their mail is to end, too.
        address = forward.address
        also = partial(_cancel, account_id=account_id, address=address, origin=origin)
        await self._documents.revise(account_id, _without, origin, also)
        return address

    async def switch_off(self, number: int, origin: Origin) -> None:
        """What the console stops: a forward; or a script that sends mail on, whole. Its owner is told.

        Just that: where its owner has it sent elsewhere meanwhile, or says something else in the script, nothing is
        changed. Raises Refused(NOT_FOUND): it is not there any more; Refused(CONFLICT): the rules change all the time.
        """
        found = await self._store.read(forward_targets.get, number)
        if found is None:
            raise _gone()
        forward = (await self._documents.read(found.account_id)).document.forward
        if found.script == NAME and forward is not None and forward.address == found.address:
            also = partial(_cancel, account_id=found.account_id, address=found.address, origin=origin)
            await self._documents.revise(found.account_id, partial(_without_that, address=found.address), origin, also)
        else:
            await self._store.write(_stop_script, found, origin)
        await self._tell(found.account_id, found.address, notices.BY_ACADEMY)

    async def end_failing(self) -> int:
        """End those whose addresses have taken nothing for long, and tell their owners; how many."""
        since = int(self._clock.now()) - FAILING_DAYS * DAY
        found = await self._store.read(forwards.failing, since, FAILING_MESSAGES, ENDED_AT_ONCE)
        return sum([await self._end(one) for one in found])

    async def _end(self, one: Forwarding) -> bool:
        """Whether it still took nothing, so that it ends; whom its owner asks meanwhile is asked on."""
        ended = partial(_end_failing, one=one)
        try:
            if (await self._documents.read(one.account_id)).document.forward is None:
                await self._store.write(ended)
            else:
                await self._documents.revise(one.account_id, _without, SERVICE, ended)
        except Refused as refusal:
            if refusal.reason is not Reason.NOT_FOUND:
                raise
            return False
        await self._tell(one.account_id, one.address, notices.BY_TARGET)
        return True

    async def _check(self, principal: Principal, address: str) -> None:
        """Whether mail of somebody may be sent on there. Raises as `ask`."""
        allowed, is_local = self._settings.filters.redirect, self._delivery.is_local(address)
        if allowed == "never" or (allowed == "academy" and not is_local):
            raise Refused(Reason.FORBIDDEN, "The academy does not allow it")
        if address.casefold() in {one.casefold() for one in (principal.address, *principal.aliases)}:
            raise Refused(Reason.LOOP, "This is your own address")
        if not is_local:
            await self._delivery.check_outside(Sender.person(principal))
            return
        found = await self._delivery.resolve(address, sender=Sender.person(principal))
        if found.head is not None or found.held or found.remote or len(found.accounts) != 1:
            raise Refused(Reason.CANNOT, "A list takes no mail that is sent on")
        if principal.account_id in found.accounts:
            raise Refused(Reason.LOOP, "This is your own address")

    async def _tell(self, account_id: int, address: str, why: Text) -> None:
        """The owner, at both addresses, or whoever manages a functional box; one that cannot be told undoes nothing."""
        shown = notices.ADDRESSES if address == ANYWHERE else address
        principal = await self._directory.by_account(account_id)
        if principal is None:
            box, managers = await self._store.read(boxes.told, account_id)
            for to in filter(None, (box, *managers)):
                octets = notices.box_ended(self._house, box, to, shown, why, token=self._random(), now=self._now())
                await self._try(account_id, to, octets)
            return
        private = await self._store.read(recoveries.address, account_id)
        speaking = await house.house_for(self._store, self._house, account_id)
        for to in filter(None, (principal.address, private)):
            octets = notices.ended(speaking, _owner(principal), to, shown, why, token=self._random(), now=self._now())
            await self._try(account_id, to, octets)

    async def _try(self, account_id: int, to: str, octets: bytes) -> None:
        try:
            await self._post(to, octets)
        except (Refused, Temporary) as error:
            log.warning("owner not told", account=account_id, why=type(error).__name__)

    async def _house_of(self, address: str) -> house.House:
        """The service as it speaks to whoever reads an address: in both languages to people elsewhere."""
        reader = await self._directory.find(address) if self._delivery.is_local(address) else None
        return self._house if reader is None else await house.house_for(self._store, self._house, reader.account_id)

    def _token(self, key: str) -> bytes:
        """What the store keeps of a link."""
        words = f"forwarding\0{key[:MAX_KEY]}".encode("utf-8", "replace")
        return hmac.digest(self._settings.secret("hmac"), words, hashlib.sha256)

    def _random(self) -> bytes:
        return self._clock.token(TOKEN_OCTETS)

    def _now(self) -> float:
        return self._clock.now()


def _owner(principal: Principal) -> Owner:
    return Owner(principal.name, principal.login, principal.address)


def _without(document: Document) -> Document:
    return replace(document, forward=None)


def _without_that(document: Document, address: str) -> Document:
    """Raises Refused(NOT_FOUND): mail is sent on elsewhere by now, or nowhere."""
    if document.forward is None or document.forward.address != address:
        raise _gone()
    return _without(document)


def _gone() -> Refused:
    return Refused(Reason.NOT_FOUND, "Nothing is sent on there any more")


def _stop_script(tx: Tx, found: SentOn, origin: Origin) -> None:
    """Have mail run through no script, if this is still how it is sent on. Raises Refused(NOT_FOUND)."""
    filters.lock(tx, found.account_id)
    if forward_targets.get(tx, found.id) != found:
        raise _gone()
    filters.activate(tx, found.account_id, "", origin)


def _ask(tx: Tx, account_id: int, address: str, token: bytes, expires: int, origin: Origin) -> None:
    accounts.still_in(tx, origin)
    forwards.ask(tx, account_id, address, token, expires)
    _record(tx, origin, account_id, Cause("forward-asked", address=address))


def _decline(tx: Tx, token: bytes, origin: Origin) -> None:
    declined = forwards.decline(tx, token)
    _record(tx, origin, declined.account_id, Cause("forward-declined", address=declined.address))


def _cancel(tx: Tx, account_id: int, address: str, origin: Origin) -> bool:
    """Whether there was one that had agreed."""
    forwards.cancel(tx, account_id, agreed=False)
    had_agreed = forwards.cancel(tx, account_id, agreed=True)
    if address:
        _record(tx, origin, account_id, Cause("forward-off", address=address))
    return had_agreed


def _end_failing(tx: Tx, one: Forwarding) -> None:
    forwards.end(tx, one)
    _record(tx, SERVICE, one.account_id, Cause("forward-off", address=one.address))


def _record(tx: Tx, origin: Origin, account_id: int, detail: Cause) -> None:
    audit.record(tx, origin, Action.FILTERS_CHANGED, account_id, detail)
