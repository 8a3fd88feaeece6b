"""Who may say from outside that a message is from a domain of ours, before anybody can prove it.

People of the house log in at submission; what comes by the exchange or LMTP with our domain as its sender or author is
a forgery, unless a relay of the academy passes it on (`[smtp]` in the settings).
"""

import asyncio

from mailserver.foundation import peers
from mailserver.foundation.settings import Settings
from mailserver.mime.header import originators
from mailserver.model.folding import fold_login
from mailserver.model.rules import Denied
from mailserver.texts.text import Text

QUICK_HEADER = 32 * 1024
"""Octets of a header that the event loop may look through itself."""


class OwnDomain:
    """The rule of one instance."""

    def __init__(self, settings: Settings) -> None:
        self._domains = frozenset(domain.casefold() for domain in settings.domains)
        self._settings = settings.smtp

    def check_path(self, peer: str, reverse_path: str) -> None:
        """May this peer send with this envelope sender? The null one is nobody's. Raises Denied."""
        domain = fold_login(reverse_path).rpartition("@")[2]
        if domain in self._domains and self._binds(peer):
            raise _denied(reverse_path)

    async def check_authors(self, peer: str, header: bytes) -> None:
        """May this peer send a message with this header? Raises Denied."""
        if not self._binds(peer):
            return
        if len(header) <= QUICK_HEADER:
            claimed = originators.claimed(header, self._domains)
        else:
            claimed = await asyncio.to_thread(originators.claimed, header, self._domains)
        if claimed:
            raise _denied(claimed)

    def _binds(self, peer: str) -> bool:
        """False for a relay of the academy, and for a peer on this machine that has no address (a Unix socket)."""
        refuses = self._settings.own_domain_from_outside == "refuse"
        return refuses and bool(peer) and not peers.is_within(peer, self._settings.relays)


def _denied(address: str) -> Denied:
    return Denied(Text("une adresse de notre domaine n’écrit pas depuis un autre serveur.")).about(address)
