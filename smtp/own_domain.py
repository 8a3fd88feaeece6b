"""Who may say from outside that a message is from a domain of ours, where nobody has logged in.

People of the house log in at submission; what comes by the exchange or LMTP with our domain as its sender or author is
a forgery, unless a relay of the academy passes it on, or our own DNS stands behind it and that is believed (`[smtp]` in
the settings).
"""

import asyncio

from mailserver.foundation.network import peers
from mailserver.foundation.settings import Settings
from mailserver.inbound.authentication.check import Verified
from mailserver.mime.header import originators
from mailserver.model.errors import Temporary
from mailserver.model.folding import fold_login
from mailserver.model.messages.authentication import Alignment, Outcome
from mailserver.model.rules import Denied
from mailserver.texts.text import Text


class OwnDomain:
    """The rule of one instance."""

    def __init__(self, settings: Settings) -> None:
        self._domains = frozenset(domain.casefold() for domain in settings.domains)
        self._settings = settings.smtp

    @property
    def believes(self) -> bool:
        """What DNS of ours stands behind is taken: so nothing is refused before that was looked up."""
        return self._settings.own_domain_from_outside == "authenticated"

    def check_path(self, peer: str, reverse_path: str) -> None:
        """May this peer send with this envelope sender? The null one is nobody's. Raises Denied."""
        if _domain(reverse_path) in self._domains and self._binds(peer) and not self.believes:
            raise _denied(reverse_path)

    async def check_authors(self, peer: str, header: bytes) -> None:
        """May this peer send a message with this header? Raises Denied."""
        if self._binds(peer) and not self.believes and (claimed := await self._claimed(header)):
            raise _denied(claimed)

    async def check_verified(self, peer: str, reverse_path: str, header: bytes, verified: Verified) -> None:
        """The same of both, by what was found out. Raises Denied, Temporary."""
        if not (self.believes and self._binds(peer)):
            return
        domain = _domain(reverse_path)
        if domain in self._domains and domain != verified.sender:
            raise _unproven(reverse_path, verified)
        claimed = await self._claimed(header)
        known = verified.results.authenticated and claimed and _domain(claimed) in verified.authors
        if claimed and not known:
            raise _unproven(claimed, verified)

    async def _claimed(self, header: bytes) -> str:
        """An address of ours that somebody may take for the author's; empty: there is none."""
        if originators.is_quick(header):
            return originators.claimed(header, self._domains)
        return await asyncio.to_thread(originators.claimed, header, self._domains)

    def _binds(self, peer: str) -> bool:
        """False for a relay of the academy, and for a peer on this machine that has no address (a Unix socket)."""
        refuses = self._settings.own_domain_from_outside != "accept"
        return refuses and bool(peer) and not peers.is_within(peer, self._settings.relays)


def _domain(address: str) -> str:
    return fold_login(address).rpartition("@")[2]


def _unproven(address: str, verified: Verified) -> Denied | Temporary:
    """For good only where that was found out: our own mail from elsewhere outlives an hour without name servers."""
    results = verified.results
    if Outcome.TEMPERROR in (results.spf, results.dkim) or results.dmarc is Alignment.TEMPERROR:
        return Temporary("Nobody knows now whether this message is from our domain; try again later")
    return _denied(address)


def _denied(address: str) -> Denied:
    return Denied(Text("une adresse de notre domaine n’écrit pas depuis un autre serveur.")).about(address)
