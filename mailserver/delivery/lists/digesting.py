"""Which members of a list get a message by the digest of the day, and when that is made."""

import datetime
from zoneinfo import ZoneInfo

from mailserver.delivery.envelope import Envelope
from mailserver.delivery.list_copy import Head
from mailserver.delivery.lists.archiving import name_of
from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.store.engine.transactions import Store
from mailserver.store.mail.posts import digest_posts
from mailserver.store.mail.posts.digest_posts import Waiting

MAX_OCTETS = 5 * 1024 * 1024
"""Of the messages in one digest; what is more comes in another. One that is larger comes by itself, at once."""


class Digesting:
    """One per worker."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock

    async def apart(
        self, head: Head, envelope: Envelope, octets: bytes, members: tuple[int, ...], remote: tuple[str, ...]
    ) -> Waiting | None:
        """Who of them waits for the digest; None: nobody. Raises Temporary.

        What has to go over TLS alone goes by itself (RFC 8689 section 6): one digest could not keep that of each, nor
        could the filters that send a digest on. What goes to everybody's Spam does not wait: in a digest the list would
        vouch for it. Nor does what is too large for one.
        """
        if envelope.require_tls or envelope.is_put_aside or len(octets) > MAX_OCTETS:
            return None
        here, elsewhere = await self._store.read(digest_posts.choices, head.address)
        accounts = tuple(account for account in members if here.get(account, head.digest))
        outside = tuple(address for address in remote if elsewhere.get(address, head.digest))
        if (not accounts and not outside) or await self._store.read(digest_posts.is_full, head.address):
            return None
        account_id = envelope.sender.account_id if envelope.sender is not None else 0
        name = name_of(head, envelope, octets)
        return Waiting(head.address, name, account_id, self._due(), accounts, outside)

    def _due(self) -> int:
        """The next time that digests are made."""
        zone = ZoneInfo(self._settings.web.timezone)
        now = datetime.datetime.fromtimestamp(self._clock.now(), zone)
        hour = datetime.time(self._settings.lists.digest_hour)
        today = datetime.datetime.combine(now.date(), hour, zone)
        following = datetime.datetime.combine(now.date() + datetime.timedelta(days=1), hour, zone)
        return int((today if now < today else following).timestamp())
