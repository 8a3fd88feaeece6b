"""Asks senders whom nobody knows to come again (RFC 6647): what sends junk from borrowed machines mostly does not.

Asked is only of a message that no domain answers for (no SPF pass, no valid signature) from somebody whom none of its
recipients knows, and not before `postmaster@` and `abuse@`, nor of relays and known networks. That is known once the
message is here, so it is the message that is answered with 451, not a recipient. While no name server is there nothing
would be known of anybody: then nobody is asked.

Who has come again has shown that a server stands there: from then on its network (a /24 of IPv4, a /64 of IPv6) may
send for that domain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_network

import structlog

from mailserver.foundation.metrics import catalogue
from mailserver.foundation.network import peers
from mailserver.foundation.settings import Settings
from mailserver.model.clock import DAY, HOUR, Clock
from mailserver.model.errors import Greylisted
from mailserver.model.folding import fold_login
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import junk
from mailserver.store.mail.junk import ACADEMY
from mailserver.store.queue import greylist

log = structlog.get_logger("screening")

LOOKS = 60.0
"""Seconds between two looks whether there is room."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody whose message no domain answers for."""

    peer: str
    reverse_path: str
    recipients: Sequence[str]
    """Addresses of ours."""
    accounts: Sequence[int]
    """Whom the message would come to."""


class Greylist:
    """One per worker. The settings are asked each time."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._is_full = False
        self._next_look = 0.0

    async def check(self, stranger: Stranger) -> None:
        """May a message come in now? Raises Greylisted, Temporary."""
        chosen = self._settings.greylisting
        network = self._network(stranger.peer) if chosen.enabled else ""
        if not network:
            return
        key = greylist.key_of(network, _domain(stranger.reverse_path), _domain(stranger.recipients[0]))
        if await self._store.read(greylist.has_passed, key, chosen.retention_days * DAY):
            return
        if await self._is_known(stranger) or not await self._has_room():
            return
        wait = await self._store.write(
            greylist.ask, key, chosen.delay_seconds, chosen.window_hours * HOUR, chosen.retention_days * DAY
        )
        if wait:
            catalogue.GREYLISTED.add()
            log.info("greylisted", peer=stranger.peer, sender=stranger.reverse_path, seconds=wait)
            raise Greylisted(f"This sender is not known here yet, send the message again in {wait} seconds")

    def _network(self, peer: str) -> str:
        """The network that a peer sends from; empty: it is not asked."""
        address = peers.parse(peer)
        exempt = (*self._settings.smtp.relays, *self._settings.limits.known_networks)
        if address is None or peers.is_within(peer, exempt):
            return ""
        return str(ip_network((address, 64 if isinstance(address, IPv6Address) else 24), strict=False))

    async def _is_known(self, stranger: Stranger) -> bool:
        """Whether one of those who would get it knows the sender by something they did themselves."""
        sender, accounts = stranger.reverse_path, list(dict.fromkeys(stranger.accounts))
        return bool(sender and await self._store.read_slow(ACADEMY, junk.who_know, accounts, sender))

    async def _has_room(self) -> bool:
        if self._clock.monotonic() >= self._next_look:
            self._next_look = self._clock.monotonic() + LOOKS
            self._is_full = await self._store.read(greylist.is_full)
            if self._is_full:
                log.warning("too many senders are waited for: nobody else is asked to come again")
        return not self._is_full


def _domain(address: str) -> str:
    return fold_login(address).rpartition("@")[2]
