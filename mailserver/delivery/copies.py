"""The copies that a message becomes before anybody's filters: what its direct recipients get, and each list's own."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from mailserver.delivery.envelope import Envelope, Part
from mailserver.mime import scan
from mailserver.store.mail.blobs import Prepared
from mailserver.store.queue.spool import Target


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy on its way to the filters of those who get it."""

    part: Part
    octets: bytes
    envelope: Envelope
    led: Mapping[int, str]
    """Which address led to an account."""

    def of_some(self, accounts: Sequence[int], addresses: Sequence[str], targets: Sequence[Target]) -> "Copy":
        """The same for some of its recipients. `addresses`: what led to each account; empty: a list did."""
        led = dict(zip(accounts, addresses, strict=True)) if addresses else {}
        return replace(self, part=replace(self.part, accounts=tuple(accounts), targets=tuple(targets)), led=led)


def stored(octets: bytes) -> Prepared:
    """What a part carries whose content is stored already: nothing of it is written again."""
    return Prepared(hashlib.blake2b(octets, digest_size=32).digest(), len(octets), scan(octets), b"", None, None)


def fresh(accounts: Sequence[int], known: Collection[int]) -> tuple[int, ...]:
    """Those that no copy before goes to."""
    return tuple(each for each in accounts if each not in known) if known else tuple(accounts)
