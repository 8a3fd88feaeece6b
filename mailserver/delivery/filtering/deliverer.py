"""What mail that filters make asks of delivery."""

from collections.abc import Sequence
from typing import Protocol

from mailserver.delivery.envelope import Envelope, Part, Recipient
from mailserver.delivery.filtering.occasion import Passage
from mailserver.model.rules import Sender
from mailserver.store.mail import blobs
from mailserver.store.queue.spool import Options, Target
from mailserver.texts.languages import LanguageCode


class Deliverer(Protocol):
    """What delivery does for mail of any kind."""

    def is_local(self, address: str) -> bool:
        """True when the address is in one of our domains."""

    async def resolve(self, address: str, size: int = 0, sender: Sender | None = None) -> Recipient:
        """Who gets mail for this address. Raises Refused, Denied, Temporary."""

    async def report_recipient(self, reverse_path: str) -> Recipient:
        """Who gets a report about what was sent from this address. Raises Refused, Temporary."""

    async def check_outside(self, sender: Sender | None) -> None:
        """May this sender write to somebody elsewhere? Raises Denied, Temporary."""

    async def language(self, recipient: Recipient) -> LanguageCode | None:
        """The language of whoever gets mail for a recipient."""

    async def prepare(self, octets: bytes) -> blobs.Prepared:
        """Scan and compress a message. Raises Temporary."""

    async def parts(
        self,
        envelope: Envelope,
        octets: bytes,
        options: Options,
        targets: Sequence[Target] = (),
        *,
        passage: Passage | None = None,
        judge: bool = False,
    ) -> list[Part]:
        """The copies a message becomes."""

    async def check_leaving(self, envelope: Envelope, octets: bytes, answered: bytes = b"") -> Sequence[str]:
        """Before a filter's mail leaves the academy: its files that nobody could read, by their names. `answered`: the
        message of whoever gets it, who has those words. Raises Unasked: it gives something away and its author was not
        asked; Temporary."""

    async def virus_in(self, octets: bytes) -> str | None:
        """The name of a virus in a message; empty: none was found, or nobody looks. Raises Temporary."""
